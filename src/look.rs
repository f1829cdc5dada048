//! How much the place can show that a text is for.

/// How much a text may use of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colours (ANSI escape codes).
    pub color: bool,
    /// Lines and arrows beyond ASCII.
    pub unicode: bool,
    /// Columns to wrap at.
    pub width: usize,
}

impl Look {
    /// ASCII without colours: for files, pipes and logs.
    pub const PLAIN: Self = Self {
        color: false,
        unicode: false,
        width: 100,
    };
}
