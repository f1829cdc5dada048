//! Quantities as people write them: `"60s"`, `"99.9%"`, `"3n"`, `"2GiB"`.
//!
//! Each is a type of its own that reads text, refuses a bare number with the remedy, writes itself so that it reads
//! back as the same value, and describes itself in the JSON Schema.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// A length of time, written with its unit: `500ms`, `60s`, `1m 30s`. Nanoseconds; zero is allowed here and refused
/// where it makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(duration) => Ok(Self(duration)),
            Err(_) if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') => {
                Err(format!(
                    "`{text}` has no unit: write \"{text}s\" for seconds, \"{text}ms\" for milliseconds"
                ))
            }
            Err(_) => Err(format!(
                "`{text}` is no length of time: write a number and a unit, as in \"500ms\", \"30s\", \"2m\""
            )),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A share of a whole, 0 to 1, written as a percentage: `99.9%`.
///
/// The decimal point is moved in the text, not in binary, so that `99.9%` is exactly the number that `0.999` is, and a
/// measured 999 of 1000 meets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// A share from 0 to 1; `None` for anything else.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// The share, from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().strip_suffix('%').map(str::trim_end);
        let Some(number) = number else {
            return Err(format!(
                "`{text}` is no percentage: write a number and a percent sign, as in \"99.9%\""
            ));
        };
        let is_decimal = !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit() || c == '.')
            && number.chars().any(|c| c.is_ascii_digit());
        let share = is_decimal
            .then(|| format!("{number}e-2").parse().ok())
            .flatten()
            .and_then(Self::new);
        share.ok_or_else(|| format!("`{text}` is no percentage from \"0%\" to \"100%\""))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortest = format!("{:e}", self.0);
        let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        // The point stands `exponent` places to the right of its place in `digits`, and two more for the percentage.
        let digits = format!("{whole}{fraction}");
        let point = 1 + exponent + 2;
        let text = match usize::try_from(point) {
            Ok(0) | Err(_) => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
            Ok(point) if point >= digits.len() => {
                format!("{digits}{}", "0".repeat(point - digits.len()))
            }
            Ok(point) => format!("{}.{}", &digits[..point], &digits[point..]),
        };
        let text = text.trim_start_matches('0');
        let text = if text.is_empty() { "0" } else { text };
        let zero = if text.starts_with('.') { "0" } else { "" };
        write!(f, "{zero}{text}%")
    }
}

/// A number of concurrent processes: so many in all (`10`), or so many for each node (`"2n"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// In all.
    InAll(u32),
    /// For each node.
    PerNode(u32),
}

impl Concurrency {
    /// How many processes that is on so many nodes.
    pub fn on(self, nodes: usize) -> u32 {
        match self {
            Self::InAll(n) => n,
            Self::PerNode(n) => n.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX)),
        }
    }
}

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.strip_suffix('n') {
            Some("") => Some(Self::PerNode(1)),
            Some(number) => number.parse().ok().map(Self::PerNode),
            None => text.parse().ok().map(Self::InAll),
        };
        parsed.ok_or_else(|| {
            format!(
                "`{text}` is no number of processes: write a number, as in 10, or a number for each node, as in \"2n\""
            )
        })
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InAll(n) => write!(f, "{n}"),
            Self::PerNode(n) => write!(f, "{n}n"),
        }
    }
}

/// An amount of memory in bytes, written with its unit: `512MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Larger units first, so that the first that divides an amount writes it shortest.
const BYTE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        BYTE_UNITS
            .iter()
            .find_map(|(unit, bytes)| {
                let number = text.strip_suffix(unit)?.trim_end();
                number.parse::<u64>().ok()?.checked_mul(*bytes).map(Self)
            })
            .ok_or_else(|| {
                format!(
                    "`{text}` is no amount of memory: write a whole number and a unit, as in \"512MiB\", \"2GiB\""
                )
            })
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) = BYTE_UNITS
            .iter()
            .find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes))
            .unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// Reads text through [`FromStr`], and a whole number through it too where `NUMBERS`, else refuses it with the remedy.
struct TextOf<T> {
    expecting: &'static str,
    numbers: bool,
    made: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = String>> Visitor<'_> for TextOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        if self.numbers {
            number.to_string().parse().map_err(E::custom)
        } else {
            Err(E::invalid_type(
                serde::de::Unexpected::Signed(number),
                &self,
            ))
        }
    }
}

macro_rules! as_text {
    ($type:ident, $name:literal, $expecting:literal, numbers: $numbers:literal, $schema:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOf {
                    expecting: $expecting,
                    numbers: $numbers,
                    made: std::marker::PhantomData,
                })
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

as_text!(Span, "Duration", "a length of time in quotes, as in \"500ms\", \"30s\", \"2m\"", numbers: false, {
    "type": "string",
    "description": "A length of time with its unit: 500ms, 30s, 1m 30s.",
    "pattern": r"^\s*([0-9.]+\s*[a-zA-Zµ]+\s*)+$"
});
as_text!(Share, "Percentage", "a percentage in quotes, as in \"99.9%\"", numbers: false, {
    "type": "string",
    "description": "A percentage from 0% to 100%.",
    "pattern": r"^\s*[0-9.]+\s*%\s*$"
});
as_text!(Concurrency, "Concurrency", "a number of processes, as in 10, or for each node, as in \"2n\"", numbers: true, {
    "description": "A number of processes: in all (10), or for each node (\"2n\").",
    "anyOf": [
        { "type": "integer", "minimum": 1 },
        { "type": "string", "pattern": "^[0-9]*n?$" }
    ]
});
as_text!(Bytes, "Bytes", "an amount of memory in quotes, as in \"512MiB\", \"2GiB\"", numbers: false, {
    "type": "string",
    "description": "An amount of memory with its unit: 512MiB, 2GiB, 100MB.",
    "pattern": "^[0-9]+ *(GiB|GB|MiB|MB|KiB|kB|B)$"
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_percentage_is_the_decimal_it_says() {
        assert_eq!("99.9%".parse::<Share>().map(Share::get), Ok(0.999));
        assert_eq!("100%".parse::<Share>().map(Share::get), Ok(1.0));
        assert_eq!("0%".parse::<Share>().map(Share::get), Ok(0.0));
        assert_eq!("0.1 %".parse::<Share>().map(Share::get), Ok(0.001));
        for bad in [
            "NaN%", "inf%", "-1%", "100.1%", "%", ".%", "1e1%", "5", "", "1.2.3%",
        ] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_percentage_is_written_without_noise() {
        for text in [
            "0%",
            "100%",
            "99.9%",
            "5%",
            "0.01%",
            "50%",
            "99.999%",
            "0.000001%",
            "12.5%",
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.to_string(), text);
        }
    }

    #[test]
    fn a_length_of_time_needs_its_unit() {
        assert_eq!("90s".parse(), Ok(Span(Duration::from_secs(90))));
        assert_eq!(Span(Duration::from_secs(90)).to_string(), "1m 30s");
        let no_unit = "60".parse::<Span>().unwrap_err();
        assert!(no_unit.contains("\"60s\""), "{no_unit}");
        assert!("a while".parse::<Span>().is_err());
        assert!("-5s".parse::<Span>().is_err());
    }

    #[test]
    fn concurrency_is_in_all_or_for_each_node() {
        assert_eq!("10".parse(), Ok(Concurrency::InAll(10)));
        assert_eq!("3n".parse(), Ok(Concurrency::PerNode(3)));
        assert_eq!("n".parse(), Ok(Concurrency::PerNode(1)));
        assert_eq!(Concurrency::PerNode(3).on(5), 15);
        assert_eq!(Concurrency::PerNode(u32::MAX).on(5), u32::MAX);
        for bad in ["n3", "-1", "1.5n", "", "99999999999"] {
            assert!(bad.parse::<Concurrency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn memory_is_written_in_the_largest_unit_that_fits() {
        assert_eq!("2GiB".parse(), Ok(Bytes(2 << 30)));
        assert_eq!(Bytes(2 << 30).to_string(), "2GiB");
        assert_eq!(Bytes(1_500_000).to_string(), "1500kB");
        assert_eq!(Bytes(0).to_string(), "0B");
        assert_eq!(Bytes(7).to_string(), "7B");
        for bad in ["2", "GiB", "1.5GiB", "99999999999999GiB", "-1B"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_written_reads_back(share in 0.0..=1.0_f64, bytes: u64, nanos: u64) {
            let share = Share::new(share).unwrap();
            prop_assert_eq!(share.to_string().parse(), Ok(share));
            prop_assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
            let span = Span(Duration::from_nanos(nanos));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = text.parse::<Share>();
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Span>();
            let _ = text.parse::<Concurrency>();
        }
    }
}
