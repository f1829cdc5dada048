//! Where the program speaks, and how much that place can show.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use crate::plan::Look;

/// Standard output and standard error, or what stands for them in a test.
pub struct Terminal<'w> {
    /// For what was asked for.
    pub out: &'w mut dyn Write,
    /// For everything else.
    pub err: &'w mut dyn Write,
    /// How much standard output can show.
    pub out_look: Look,
    /// How much standard error can show.
    pub err_look: Look,
}

/// How much a stream can show: colours only on a terminal that did not refuse them, lines beyond ASCII only on a
/// terminal that reads UTF-8. `environment` looks a variable up: [`std::env::var_os`].
pub fn look(stream: &impl IsTerminal, environment: impl Fn(&str) -> Option<OsString>) -> Look {
    if !stream.is_terminal() {
        return Look::PLAIN;
    }
    let is_set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    let is_dumb = environment("TERM").is_none_or(|term| term == "dumb");
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| environment(name).filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_string_lossy()
        .to_uppercase();
    Look {
        color: !is_set("NO_COLOR") && !is_dumb,
        unicode: !is_dumb && (locale.contains("UTF-8") || locale.contains("UTF8")),
        width: terminal_size::terminal_size().map_or(Look::PLAIN.width, |(width, _)| {
            usize::from(width.0).clamp(40, 120)
        }),
    }
}
