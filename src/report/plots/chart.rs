//! A chart, described without any way of drawing it.
//!
//! Time runs to the right, in seconds since the run began; all charts of a run share it. The description is what the
//! SVG renderer draws and what the page's script draws again when a reader zooms.

/// A chart over the time of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    /// Its name: the stem of its file, and its anchor in the page.
    pub(crate) id: &'static str,
    /// What a reader calls it.
    pub(crate) title: &'static str,
    /// What is drawn, and how it was counted.
    pub(crate) caption: String,
    /// The height of the plotting area, in pixels.
    pub(crate) height: u32,
    /// What stands upright.
    pub(crate) axis: Axis,
    /// What is drawn, the lowest first.
    pub(crate) layers: Vec<Layer>,
    /// What the colours and shapes mean.
    pub(crate) legend: Vec<Key>,
    /// The same in figures.
    pub(crate) table: Table,
}

/// The upright axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// The value at the bottom.
    pub(crate) from: f64,
    /// The value at the top.
    pub(crate) to: f64,
    /// Whether equal factors are equally far apart; both ends are positive then.
    pub(crate) is_log: bool,
    /// Whether the ticks are names of lanes, which stand between two lines.
    pub(crate) is_lanes: bool,
    /// The labelled values.
    pub(crate) ticks: Vec<Tick>,
}

impl Axis {
    /// Where a value stands: 0 at the bottom, 1 at the top, and never beyond them.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (from, to, value) = if self.is_log {
            (self.from.ln(), self.to.ln(), value.max(self.from).ln())
        } else {
            (self.from, self.to, value)
        };
        ((value - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// Lanes with these names, the first on top.
    pub(crate) fn lanes(names: &[String]) -> Self {
        Self {
            from: names.len().max(1) as f64,
            to: 0.0,
            is_log: false,
            is_lanes: true,
            ticks: names
                .iter()
                .enumerate()
                .map(|(lane, name)| Tick {
                    at: lane as f64 + 0.5,
                    label: name.clone(),
                })
                .collect(),
        }
    }
}

/// A labelled value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// The value.
    pub(crate) at: f64,
    /// Its label.
    pub(crate) label: String,
}

/// Things that look the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// The names of its style, parted by spaces.
    pub(crate) class: String,
    /// What is drawn.
    pub(crate) marks: Marks,
}

/// What a layer draws.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Marks {
    /// A shape at each point.
    Points(Glyph, Vec<(f64, f64)>),
    /// Lines through points, each as long as there is something to connect.
    Lines(Vec<Vec<(f64, f64)>>),
    /// Areas between two times and two values.
    Boxes(Vec<Area>),
    /// The same, each with a title of its own.
    Titled(Vec<(Area, String)>),
}

/// An area between two times and two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    /// Where it begins, in seconds.
    pub(crate) from: f64,
    /// Where it ends, in seconds.
    pub(crate) to: f64,
    /// One of its values.
    pub(crate) low: f64,
    /// The other one.
    pub(crate) high: f64,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// A disc.
    Disc,
    /// A triangle.
    Triangle,
    /// A square.
    Square,
    /// A square on its corner.
    Diamond,
    /// Two strokes like an x.
    Cross,
    /// Two strokes like a plus.
    Plus,
    /// A circle around another point.
    Ring,
}

impl Glyph {
    /// The shape for the `n`-th kind of thing; from the seventh kind on they repeat.
    pub(crate) const fn nth(n: usize) -> Self {
        match n % 6 {
            0 => Self::Disc,
            1 => Self::Triangle,
            2 => Self::Square,
            3 => Self::Diamond,
            4 => Self::Cross,
            _ => Self::Plus,
        }
    }

    /// Its outline as the rest of an SVG path that has moved to its centre.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Disc => "m-2.3 0a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0-4.6 0",
            Self::Triangle => "m0-3l2.8 5h-5.6z",
            Self::Square => "m-2.1-2.1h4.2v4.2h-4.2z",
            Self::Diamond => "m0-3.1l3.1 3.1-3.1 3.1-3.1-3.1z",
            Self::Cross => "m-2.4-2.4l4.8 4.8m0-4.8l-4.8 4.8",
            Self::Plus => "m0-3v6m-3-3h6",
            Self::Ring => "m-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0",
        }
    }

    /// The name of its style.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Cross | Self::Plus | Self::Ring => "glyph open",
            _ => "glyph",
        }
    }
}

/// An entry of a legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The style of what it explains.
    pub(crate) class: String,
    /// How it is shown.
    pub(crate) swatch: Swatch,
    /// What it means.
    pub(crate) label: String,
}

/// How an entry of a legend is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swatch {
    /// A point.
    Point(Glyph),
    /// A piece of line.
    Line,
    /// A filled box.
    Box,
}

/// Figures in rows and columns; the first column names the row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// The columns' names.
    pub(crate) head: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_place() {
        let log = Axis {
            from: 0.001,
            to: 1.0,
            is_log: true,
            is_lanes: false,
            ticks: Vec::new(),
        };
        assert!((log.place(0.1) - 2.0 / 3.0).abs() < 1e-9);
        assert!(log.place(0.0).abs() < 1e-9);
        assert!((log.place(50.0) - 1.0).abs() < 1e-9);
        let lanes = Axis::lanes(&["a".to_owned(), "b".to_owned()]);
        assert!(
            lanes.place(0.5) > lanes.place(1.5),
            "the first lane is on top"
        );
    }
}
