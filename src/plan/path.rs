//! Where something stands in a plan: `faults[0].partition.groups[1][0]`.

use std::fmt;
use std::str::FromStr;

/// One step into a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Into a table, by key.
    Key(String),
    /// Into a list, by place, from 0.
    Index(usize),
}

/// The way from the root of a plan to one of its values. Empty for the plan itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// The plan itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path and one more key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.and(Segment::Key(key.into()))
    }

    /// This path and one more place in a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.and(Segment::Index(index))
    }

    /// Its steps, from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    fn and(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl From<Vec<Segment>> for KeyPath {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if i > 0 {
                        f.write_str(".")?;
                    }
                    if is_bare(key) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Why a text is no path, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoPath {
    /// What is wrong.
    pub message: &'static str,
    /// The byte of the text at which it is.
    pub at: usize,
}

impl FromStr for KeyPath {
    type Err = NoPath;

    fn from_str(text: &str) -> Result<Self, NoPath> {
        let mut segments = Vec::new();
        let mut rest = text;
        let at = |rest: &str| text.len() - rest.len();
        loop {
            let (key, after) = take_key(rest).map_err(|message| NoPath {
                message,
                at: at(rest),
            })?;
            segments.push(Segment::Key(key));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let index = inside
                    .split_once(']')
                    .and_then(|(digits, after)| Some((digits.parse().ok()?, after)));
                let Some((index, after)) = index else {
                    return Err(NoPath {
                        message: "`[` must be followed by a number and `]`, as in `faults[0]`",
                        at: at(rest),
                    });
                };
                segments.push(Segment::Index(index));
                rest = after;
            }
            if rest.is_empty() {
                return Ok(Self(segments));
            }
            rest = rest.strip_prefix('.').ok_or(NoPath {
                message: "a `.`, a `[` or the end of the key was expected here",
                at: at(rest),
            })?;
        }
    }
}

/// The key at the start of a path, and what comes after it.
fn take_key(text: &str) -> Result<(String, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut key = String::new();
        let mut chars = quoted.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => return Ok((key, &quoted[i + 1..])),
                '\\' => match chars.next() {
                    Some((_, c)) => key.push(c),
                    None => break,
                },
                c => key.push(c),
            }
        }
        return Err("the quotes are not closed");
    }
    let end = text.find(|c| !is_bare_char(c)).unwrap_or(text.len());
    if end == 0 {
        return Err("a key was expected here, as in `load.rate` or `faults[0].every`");
    }
    Ok((text[..end].to_owned(), &text[end..]))
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(is_bare_char)
}

fn is_bare_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_written_as_it_is_read() {
        for text in [
            "seed",
            "faults[0].partition.groups[1][0]",
            "gates.latency.read.p99",
            "a.\"b.c\"[3].d-e_f",
        ] {
            assert_eq!(text.parse::<KeyPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_broken_path_says_where() {
        for (text, at) in [
            ("", 0),
            ("a..b", 2),
            ("a.", 2),
            ("a[x]", 1),
            ("a[0", 1),
            ("a[0]b", 4),
            ("a b", 1),
            ("\"a", 0),
            ("[0]", 0),
            ("a[-1]", 1),
        ] {
            let error = text.parse::<KeyPath>().unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            if let Ok(path) = text.parse::<KeyPath>() {
                prop_assert_eq!(path.to_string().parse::<KeyPath>(), Ok(path));
            }
        }
    }
}
