//! The texts that a plan is made of: the file, and the arguments that override it.

use std::ops::Range;
use std::sync::Arc;

use super::error::{Mistake, PlanError, Source};
use super::set::Override;
use super::wording::Meaning;

/// Mistakes listed at most; a plan with more is rarely read further.
pub(super) const LISTED_MAX: usize = 20;

/// The plan's text and its overrides' texts, one after the other.
pub(super) struct Texts {
    all: String,
    parts: Vec<Part>,
}

struct Part {
    source: Arc<Source>,
    /// Where it stands in `all`.
    range: Range<usize>,
}

impl Texts {
    /// A plan and what overrides it.
    pub(super) fn new(name: &str, text: &str, overrides: &[Override]) -> Self {
        let mut texts = Self {
            all: String::new(),
            parts: Vec::new(),
        };
        texts.push(name, text);
        for argument in overrides {
            texts.push("command line", argument.shown());
        }
        texts
    }

    fn push(&mut self, name: &str, text: &str) {
        let start = self.all.len();
        self.all.push_str(text);
        self.parts.push(Part {
            source: Arc::new(Source {
                name: name.to_owned(),
                text: without_secrets(text),
            }),
            range: start..self.all.len(),
        });
        // A mistake at the very end of one part must not seem to be at the start of the next.
        self.all.push('\n');
    }

    /// All of them, one after the other.
    pub(super) fn all(&self) -> &str {
        &self.all
    }

    /// Where one of them stands in all of them; the plan itself is the first.
    pub(super) fn range(&self, part: usize) -> Range<usize> {
        self.parts[part].range.clone()
    }

    fn mistake(&self, finding: Finding) -> Mistake {
        let part = self
            .parts
            .iter()
            .find(|part| finding.span.start <= part.range.end)
            .or(self.parts.last())
            .expect("the plan's own text is always there");
        let clamp = |at: usize| at.clamp(part.range.start, part.range.end) - part.range.start;
        let text = &part.source.text;
        let start = text.floor_char_boundary(clamp(finding.span.start));
        let end = text.ceil_char_boundary(clamp(finding.span.end)).max(start);
        Mistake {
            source: Arc::clone(&part.source),
            span: start..end,
            message: finding.message,
            help: finding.help,
        }
    }

    /// The findings as an error.
    pub(super) fn error(&self, mut findings: Vec<Finding>) -> PlanError {
        findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        findings.dedup();
        let more = findings.len().saturating_sub(LISTED_MAX);
        findings.truncate(LISTED_MAX);
        PlanError::Wrong {
            mistakes: findings.into_iter().map(|f| self.mistake(f)).collect(),
            more,
        }
    }
}

/// Something wrong, at a place of all the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Finding {
    /// From an error of the parser, whose span begins at `base` of all the texts.
    pub(super) fn of(error: &toml::de::Error, base: usize) -> Self {
        let (mut message, mut help) = Meaning::of(error.message()).words();
        let span = error.span().unwrap_or(0..0);
        if span.is_empty() && error.message().starts_with("string values must be quoted") {
            // The parser takes nothing at all for a text without quotes.
            "a value is missing here".clone_into(&mut message);
            help = None;
        }
        Self {
            span: span.start + base..span.end + base,
            message,
            help,
        }
    }
}

/// The text with everything blanked that looks like a secret somebody wrote into it, so that no message shows it. Bytes
/// keep their places.
fn without_secrets(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut blank = |range: Range<usize>| {
        for byte in &mut bytes[range] {
            if *byte != b'\n' {
                *byte = b'*';
            }
        }
    };
    let lower = text.to_ascii_lowercase();
    for name in ["password", "passphrase", "passwd", "secret", "token"] {
        for (at, _) in lower.match_indices(name) {
            let after = at + name.len();
            let rest = &text[after..];
            let trimmed = rest.trim_start_matches(['"', '\'', ' ', '\t']);
            let Some(value) = trimmed.strip_prefix('=') else {
                continue;
            };
            let value = value.trim_start_matches([' ', '\t']);
            let start = text.len() - value.len();
            let end = match value.chars().next() {
                None | Some('{' | '\n') => continue,
                Some(quote @ ('"' | '\'')) => {
                    let fence: String = if value.starts_with(&quote.to_string().repeat(3)) {
                        quote.to_string().repeat(3)
                    } else {
                        quote.to_string()
                    };
                    let inside = &value[fence.len()..];
                    let length = inside
                        .find(&fence)
                        .or_else(|| inside.find('\n'))
                        .unwrap_or(inside.len());
                    blank(start + fence.len()..start + fence.len() + length);
                    continue;
                }
                Some(_) => value.find(['\n', ',', '}', '#']).unwrap_or(value.len()),
            };
            blank(start..start + end);
        }
    }
    for (at, _) in text.match_indices("-----BEGIN ") {
        let rest = &text[at..];
        let end = rest
            .find("-----END ")
            .or_else(|| rest.find(['"', '\'']))
            .unwrap_or(rest.len());
        blank(at..at + end);
    }
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_in_place() {
        for (text, blanked) in [
            (
                "password = \"hunter2\"\na = 1",
                "password = \"*******\"\na = 1",
            ),
            ("passphrase='x' # y", "passphrase='*' # y"),
            ("password = { env = \"P\" }", "password = { env = \"P\" }"),
            ("a = { token = abc, b = 1 }", "a = { token = ***, b = 1 }"),
            ("\"password\" = \"ä\"", "\"password\" = \"**\""),
            (
                "password = \"not closed\nb = 1",
                "password = \"**********\nb = 1",
            ),
            ("secret = \"\"\"a\nb\"\"\"", "secret = \"\"\"*\n*\"\"\""),
            ("password =", "password ="),
            ("password", "password"),
        ] {
            assert_eq!(without_secrets(text), blanked);
        }
        let key = "key = \"-----BEGIN OPENSSH PRIVATE KEY----- abc\"";
        assert!(!without_secrets(key).contains("abc"));
        assert_eq!(without_secrets(key).len(), key.len());
    }
}
