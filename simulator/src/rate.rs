//! How fast a link carries packets.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The units, largest first, in bits a second.
const UNITS: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

/// Bits a second, at least one.
///
/// In a plan, in the units of `tc`: `"10mbit"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// So many bits a second; `None` for 0.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// Bits a second.
    pub const fn bits(self) -> u64 {
        self.0.get()
    }

    /// How many nanoseconds so many bytes take, rounded up.
    pub(crate) fn time_of(self, bytes: u64) -> u64 {
        let nanos = (u128::from(bytes) * 8_000_000_000).div_ceil(u128::from(self.bits()));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no rate: write a whole number and one of bit, kbit, mbit, gbit (a second), as \"10mbit\""
)]
pub struct NotARate(String);

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let parse = |text: &str| {
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let (number, unit) = text.split_at(digits);
            let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
            Self::from_bits(number.parse::<u64>().ok()?.checked_mul(*factor)?)
        };
        parse(text.trim()).ok_or_else(|| NotARate(text.to_owned()))
    }
}

/// `10mbit`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS
            .iter()
            .find(|(_, factor)| self.bits().is_multiple_of(*factor));
        let (unit, factor) = fitting.copied().unwrap_or(("bit", 1));
        write!(f, "{}{unit}", self.bits() / factor)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Bits a second, as \"10mbit\".",
            "pattern": r"^\s*[0-9]+\s*[kmg]?bit\s*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_and_written_in_the_units_of_tc() {
        for (text, bits) in [
            ("1bit", 1),
            ("1500bit", 1_500),
            ("64kbit", 64_000),
            ("10mbit", 10_000_000),
            ("2gbit", 2_000_000_000),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.bits(), bits);
            assert_eq!(rate.to_string(), text);
        }
        assert_eq!(" 7 mbit ".parse(), Ok(Rate::from_bits(7_000_000).unwrap()));
    }

    #[test]
    fn anything_else_is_refused_with_the_right_form() {
        for text in [
            "",
            "5",
            "mbit",
            "0mbit",
            "-1bit",
            "1.5mbit",
            "1MB",
            "99999999999999999999gbit",
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.to_string().contains("10mbit"), "{text}");
        }
    }

    #[test]
    fn a_packet_takes_its_size_over_the_rate() {
        let rate = Rate::from_bits(8_000_000).unwrap();
        assert_eq!(rate.time_of(1_000), 1_000_000);
        assert_eq!(Rate::from_bits(3).unwrap().time_of(1), 2_666_666_667);
    }
}
