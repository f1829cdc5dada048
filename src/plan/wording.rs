//! Puts what serde and the TOML parser say into words for someone who knows neither Rust nor serde.
//!
//! The shapes of their messages are pinned by the broken plans of the tests; a message of an unknown shape is shown as
//! it is.

use super::nearest::{nearest, suggest};

/// A message of a library, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// There is no such key.
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that there are.
        known: Vec<String>,
    },
    /// There is no such name.
    UnknownName {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A key is missing.
    MissingKey {
        /// The key.
        key: String,
    },
    /// Exactly one key was expected, but there is none, or there are several.
    NotExactlyOne {
        /// There is none.
        none: bool,
    },
    /// Anything else, in words.
    Other {
        /// What is wrong.
        message: String,
        /// What would be right.
        help: Option<String>,
    },
}

impl Meaning {
    /// Of a message.
    pub(super) fn of(message: &str) -> Self {
        if let Some((key, known)) = unknown(message, "unknown field `") {
            return Self::UnknownKey { key, known };
        }
        if let Some((name, known)) = unknown(message, "unknown variant `") {
            return Self::UnknownName { name, known };
        }
        if let Some(key) = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
        {
            return Self::MissingKey {
                key: key.to_owned(),
            };
        }
        if let Some(rest) = message.strip_prefix("wanted exactly 1 element, ") {
            return Self::NotExactlyOne {
                none: rest.contains('0'),
            };
        }
        for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
            if let Some(rest) = message.strip_prefix(kind) {
                let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, ""));
                return Self::Other {
                    message: format!("expected {}, found {}", thing(expected), found_text(found)),
                    help: (expected == "a duration").then(|| {
                        "write a number and a unit, as in \"500ms\", \"30s\", \"2m\"".to_owned()
                    }),
                };
            }
        }
        // Types that read themselves say what is wrong and what would be right in one message.
        for remedy in [": write ", ": put "] {
            if let Some((message, help)) = message.split_once(remedy) {
                return Self::Other {
                    message: message.to_owned(),
                    help: Some(format!("{}{help}", &remedy[2..])),
                };
            }
        }
        let (message, help) = syntax(message);
        Self::Other { message, help }
    }

    /// What is wrong, and what would be right.
    pub(super) fn words(&self) -> (String, Option<String>) {
        match self {
            Self::UnknownKey { key, known } if known.is_empty() => (
                format!("there is no key `{key}` here"),
                Some("no keys are known here".to_owned()),
            ),
            Self::UnknownKey { key, known } => (
                format!("there is no key `{key}` here"),
                Some(suggest(
                    key,
                    "the keys here are",
                    known.iter().map(String::as_str),
                )),
            ),
            Self::UnknownName { name, known } => (
                format!("there is no `{name}` here"),
                Some(suggest(name, "there are", known.iter().map(String::as_str))),
            ),
            Self::MissingKey { key } => (
                format!("`{key}` is missing here"),
                Some(format!("add `{key} = …`")),
            ),
            Self::NotExactlyOne { none: true } => (
                "exactly one key is needed here, and there is none".to_owned(),
                None,
            ),
            Self::NotExactlyOne { none: false } => (
                "exactly one key is possible here, and there are more".to_owned(),
                Some("keep one of them".to_owned()),
            ),
            Self::Other { message, help } => (message.clone(), help.clone()),
        }
    }

    /// Whether the key is so near to a known one that it can only be a typing mistake.
    pub(super) fn has_near_key(&self) -> bool {
        match self {
            Self::UnknownKey { key, known } => {
                nearest(key, known.iter().map(String::as_str)).is_some()
            }
            _ => false,
        }
    }
}

/// The name and the known names of "unknown … `x`, expected `a` or `b`", "…, expected one of `a`, `b`" and "…, there
/// are no fields".
fn unknown(message: &str, prefix: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix(prefix)?;
    let (name, known) = rest
        .rsplit_once("`, expected ")
        .or_else(|| rest.rsplit_once("`, there are no "))?;
    let known = known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    Some((name.to_owned(), known))
}

/// A Rust type or a visitor's expectation, as a reader of plans calls it.
fn thing(expected: &str) -> String {
    match expected {
        "" => "something else".to_owned(),
        "a string" | "string" | "str" => "text in quotes".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list [ … ]".to_owned(),
        "a map" => "a table { … }".to_owned(),
        "a duration" => "a length of time".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64"
        | "a nonzero usize" => "a whole number, 1 or more".to_owned(),
        "newtype variant" | "struct variant" | "tuple variant" => {
            "a table with the name and its options, as in { name = {} }".to_owned()
        }
        _ if expected.starts_with("struct ") => "a table { … }".to_owned(),
        _ if expected.starts_with("enum ") || expected.starts_with("string or table") => {
            "one of the known names".to_owned()
        }
        _ if expected.starts_with("a tuple of size ")
            || expected.starts_with("an array of length ") =>
        {
            "a list of that many items".to_owned()
        }
        _ => expected.to_owned(),
    }
}

/// What serde found instead, as a reader of plans calls it.
fn found_text(found: &str) -> String {
    let of = |kind: &str| found.strip_prefix(kind).map(str::trim);
    if let Some(text) = of("string ") {
        return format!("the text {text}");
    }
    for kind in ["integer ", "floating point ", "boolean "] {
        if let Some(number) = of(kind) {
            return number.to_owned();
        }
    }
    match found {
        "unit variant" => "a name alone".to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ => found.to_owned(),
    }
}

/// The parser's own messages that can be said better, with a remedy.
fn syntax(message: &str) -> (String, Option<String>) {
    let (message, help) = match message {
        m if m.starts_with("string values must be quoted") => (
            "this is no TOML value",
            "put text in quotes, lengths of time too: \"60s\"",
        ),
        "duplicate key" => (
            "this key stands twice",
            "keep one of the two; several faults are several [[faults]] tables",
        ),
        "wanted string or table" => ("expected a table { … }", ""),
        "integer number overflowed" | "floating-point number overflowed" => {
            ("this number is too large", "")
        }
        m if m.starts_with("key with no value") => ("this key has no value", "write `key = value`"),
        m if m.starts_with("unclosed table") => ("the `]` of this table is missing", ""),
        m if m.starts_with("unclosed array") => ("the `]` of this list is missing", ""),
        m if m.starts_with("unclosed inline table") => ("the `}` of this table is missing", ""),
        m if m.starts_with("invalid basic string") => (
            "the text is not closed, or holds a character that must be escaped",
            "end it with `\"` on the same line",
        ),
        m if m.starts_with("invalid unquoted key") || m.starts_with("invalid key-value pair") => (
            "this is no TOML",
            "a plan is TOML: lines of `key = value`, below `[table]` headers",
        ),
        m => (m, ""),
    };
    let help = (!help.is_empty()).then(|| help.to_owned());
    (message.to_owned(), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        #[expect(dead_code, reason = "only its name matters")]
        keys: Option<u16>,
        #[expect(dead_code, reason = "only its name matters")]
        shape: Option<Shape>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Shape {
        Halves,
        Bridge,
        Leader {
            #[expect(dead_code, reason = "only its name matters")]
            n: u8,
        },
    }

    fn words(toml: &str) -> (String, Option<String>) {
        let error = toml::from_str::<One>(toml).unwrap_err();
        Meaning::of(error.message()).words()
    }

    #[test]
    fn serde_is_understood() {
        let (message, help) = words("kyes = 5");
        assert_eq!(message, "there is no key `kyes` here");
        assert_eq!(help.as_deref(), Some("did you mean `keys`?"));
        let (message, help) = words("shape = \"halfs\"");
        assert_eq!(message, "there is no `halfs` here");
        assert_eq!(help.as_deref(), Some("did you mean `halves`?"));
        let (message, _) = words("keys = 70000");
        assert_eq!(
            message,
            "expected a whole number from 0 to 65535, found `70000`"
        );
        let (message, _) = words("keys = \"a, expected b\"");
        assert_eq!(
            message,
            "expected a whole number from 0 to 65535, found the text \"a, expected b\""
        );
        let (message, _) = words("shape = { leader = {} }");
        assert_eq!(message, "`n` is missing here");
        let (message, _) = words("shape = {}");
        assert!(message.contains("there is none"), "{message}");
    }

    #[test]
    fn the_parser_is_understood() {
        let (message, help) = words("keys = 60s");
        assert_eq!(message, "this is no TOML value");
        assert!(help.unwrap().contains("\"60s\""));
        let (message, _) = words("keys = 1\nkeys = 2");
        assert_eq!(message, "this key stands twice");
    }

    #[test]
    fn a_strange_message_is_kept() {
        let (message, help) = Meaning::of("the moon is full").words();
        assert_eq!((message.as_str(), help), ("the moon is full", None));
    }
}
