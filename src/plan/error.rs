//! What is wrong with a plan, shown where it is wrong.
//!
//! A [`Mistake`] has a place (source, line, column, the offending text), says what is wrong and what would be right.
//! All mistakes of a plan that can be told apart are reported together.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
    ThemeCharacters, ThemeStyles,
};

/// How much a rendering may use of a terminal.
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

/// A text that mistakes can be in: the plan, or an argument of the command line. Secrets in it are blanked already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name as a reader knows it: the path of the file, or `command line`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The text it is in.
    pub source: Arc<Source>,
    /// The offending bytes of that text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Mistake {
    /// Its line and column, both from 1; columns count characters.
    pub fn position(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// `plan.toml:5:12: what is wrong`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}: {}", self.source.name, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// The file cannot be read at all.
    Unreadable {
        /// The path that was tried.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What to do about it.
        help: String,
    },
    /// It says something that cannot be done.
    Wrong {
        /// What, in the order of the text; at least one.
        mistakes: Vec<Mistake>,
        /// How many more there are, not listed.
        more: usize,
    },
}

impl PlanError {
    /// The mistakes; none when the file cannot be read.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Wrong { mistakes, .. } => mistakes,
        }
    }

    /// For a person: each mistake with its lines, the offending text underlined, and what would be right.
    pub fn render(&self, look: Look) -> String {
        match self {
            Self::Unreadable { path, reason, help } => {
                format!("error: {}: {reason}\n  help: {help}\n", path.display())
            }
            Self::Wrong { mistakes, more } => {
                let mut text = String::new();
                for mistake in mistakes {
                    text.push_str(&render_one(mistake, look));
                    text.push('\n');
                }
                let count = mistakes.len() + more;
                let mistakes = if count == 1 { "mistake" } else { "mistakes" };
                let shown = if *more > 0 {
                    format!("; the first {} are shown", count - more)
                } else {
                    String::new()
                };
                let _ = writeln!(
                    text,
                    "{count} {mistakes} in the plan{shown}. Nothing was done."
                );
                text
            }
        }
    }
}

/// One line for each mistake.
impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason, help } => {
                write!(f, "{}: {reason} ({help})", path.display())
            }
            Self::Wrong { mistakes, more } => {
                for (i, mistake) in mistakes.iter().enumerate() {
                    if i > 0 {
                        f.write_str("\n")?;
                    }
                    mistake.fmt(f)?;
                }
                if *more > 0 {
                    write!(f, "\nand {more} more")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for PlanError {}

fn render_one(mistake: &Mistake, look: Look) -> String {
    let theme = GraphicalTheme {
        characters: if look.unicode {
            ThemeCharacters::unicode()
        } else {
            ThemeCharacters::ascii()
        },
        styles: if look.color {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        },
    };
    let mut text = String::new();
    let shown = Shown {
        source: NamedSource::new(&mistake.source.name, mistake.source.text.clone()),
        mistake,
    };
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(look.width)
        .with_context_lines(1)
        .without_syntax_highlighting()
        .render_report(&mut text, &shown)
        .map_or_else(|_| mistake.to_string(), |()| text)
        .replace('…', if look.unicode { "…" } else { "..." })
}

/// A mistake in the shape that miette renders.
struct Shown<'m> {
    source: NamedSource<String>,
    mistake: &'m Mistake,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mistake.fmt(f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mistake.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.mistake.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.mistake.span.clone();
        let underlined = LabeledSpan::new_with_span(None, span);
        Some(Box::new(std::iter::once(underlined)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str, span: Range<usize>) -> Mistake {
        Mistake {
            source: Arc::new(Source {
                name: "plan.toml".into(),
                text: text.into(),
            }),
            span,
            message: "this is wrong".into(),
            help: Some("that is right".into()),
        }
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        assert_eq!(mistake("a = 1", 0..1).position(), (1, 1));
        assert_eq!(mistake("ä = 1\nb = 2", 11..12).position(), (2, 5));
        assert_eq!(mistake("ä = 1", 5..6).position(), (1, 5));
        assert_eq!(mistake("", 0..0).position(), (1, 1));
    }

    #[test]
    fn the_offending_text_is_underlined() {
        let error = PlanError::Wrong {
            mistakes: vec![mistake("seed = 7\nfoo = 5\ntime = 3", 15..16)],
            more: 0,
        };
        let text = error.render(Look::PLAIN);
        assert!(text.contains("[plan.toml:2:7]"), "{text}");
        assert!(text.contains("2 | foo = 5"), "{text}");
        assert!(text.contains("help: that is right"), "{text}");
        assert!(text.is_ascii(), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn the_end_of_an_empty_text_can_be_shown() {
        for text in ["", "\n", "a", "a\n", "a\r\n"] {
            let error = PlanError::Wrong {
                mistakes: vec![mistake(text, text.len()..text.len())],
                more: 3,
            };
            let shown = error.render(Look {
                color: true,
                unicode: true,
                width: 80,
            });
            assert!(shown.contains("this is wrong"), "{shown}");
            assert!(shown.contains("4 mistakes"), "{shown}");
        }
    }
}
