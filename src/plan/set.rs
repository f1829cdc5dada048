//! `--set a.b=c`: one value of a plan, from the command line.

use std::ops::Range;

use super::path::KeyPath;

/// A value from the command line that takes the place of the plan's.
///
/// The key is a path (`load.rate`, `faults[0].every`); the next free place of a list may be set too. The value is TOML,
/// or plain text where it is no TOML: `time=30s` and `time="30s"` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    shown: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `--set key=value`; the argument begins at this byte of what is shown.
    Set { argument_at: usize },
    /// An option of its own that stands for a key: `--seed 7`; the value begins at this byte.
    Named { key: &'static str, value_at: usize },
}

/// An override taken apart. The ranges are bytes of [`Override::shown`].
pub(super) struct Parts {
    pub(super) path: KeyPath,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Why an override cannot be taken apart.
pub(super) struct Wrong {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Override {
    /// From the argument of `--set`: `key=value`.
    pub fn set(argument: &str) -> Self {
        const OPTION: &str = "--set ";
        Self {
            shown: format!("{OPTION}{argument}"),
            kind: Kind::Set {
                argument_at: OPTION.len(),
            },
        }
    }

    /// From an option that stands for a key of the plan: `--seed 7`.
    pub fn named(option: &str, key: &'static str, value: &str) -> Self {
        Self {
            shown: format!("{option} {value}"),
            kind: Kind::Named {
                key,
                value_at: option.len() + 1,
            },
        }
    }

    /// As it stood on the command line.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn parts(&self) -> Result<Parts, Wrong> {
        match self.kind {
            Kind::Named { key, value_at } => Ok(Parts {
                path: KeyPath::root().key(key),
                key: 0..value_at - 1,
                value: value_at..self.shown.len(),
            }),
            Kind::Set { argument_at } => self.set_parts(argument_at),
        }
    }

    fn set_parts(&self, argument_at: usize) -> Result<Parts, Wrong> {
        let argument = &self.shown[argument_at..];
        let wrong = |span: Range<usize>, message: &str, help: &str| Wrong {
            span: span.start + argument_at..span.end + argument_at,
            message: message.to_owned(),
            help: (!help.is_empty()).then(|| help.to_owned()),
        };
        let Some(equals) = equals(argument) else {
            return Err(wrong(
                0..argument.len(),
                "this names no value",
                "write KEY=VALUE, as in --set time=30s",
            ));
        };
        let path = argument[..equals].trim_end();
        let path: KeyPath = path.parse().map_err(|error: super::path::NoPath| {
            let end = path.len().max(error.at);
            wrong(error.at..end, error.message, "")
        })?;
        let value = &argument[equals + 1..];
        let start = argument.len() - value.trim_start().len();
        let end = start + value.trim().len();
        if start >= end {
            return Err(wrong(
                equals..equals + 1,
                "the value is missing",
                "write \"\" for empty text",
            ));
        }
        Ok(Parts {
            path,
            key: argument_at..argument_at + equals,
            value: argument_at + start..argument_at + end,
        })
    }
}

/// The byte of the first `=` that is not inside a quoted key.
fn equals(argument: &str) -> Option<usize> {
    let mut is_quoted = false;
    argument.char_indices().find_map(|(i, c)| {
        if c == '"' {
            is_quoted = !is_quoted;
        }
        (c == '=' && !is_quoted).then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(argument: &str) -> Result<(String, String), String> {
        let set = Override::set(argument);
        set.parts()
            .map(|parts| (parts.path.to_string(), set.shown()[parts.value].to_owned()))
            .map_err(|wrong| wrong.message)
    }

    #[test]
    fn is_split_at_the_first_equals_sign() {
        let ok = |path: &str, value: &str| Ok((path.to_owned(), value.to_owned()));
        assert_eq!(parts("time=30s"), ok("time", "30s"));
        assert_eq!(parts("a.b = [1, 2] "), ok("a.b", "[1, 2]"));
        assert_eq!(
            parts("database.start=A=1 run"),
            ok("database.start", "A=1 run")
        );
        assert_eq!(parts("\"a=b\".c=1"), ok("\"a=b\".c", "1"));
    }

    #[test]
    fn says_what_is_missing() {
        for argument in ["time", "", "=5", "a.=5", "a=", "a= ", "a b=5"] {
            assert!(parts(argument).is_err(), "{argument}");
        }
    }

    #[test]
    fn an_option_of_its_own_stands_for_its_key() {
        let seed = Override::named("--seed", "seed", "7");
        assert_eq!(seed.shown(), "--seed 7");
        let parts = seed.parts().map_err(|wrong| wrong.message).unwrap();
        assert_eq!(parts.path.to_string(), "seed");
        assert_eq!(&seed.shown()[parts.value], "7");
    }
}
