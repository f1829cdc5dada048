//! Shares, rates and signed times as plans write them.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use humantime_serde::re::humantime::{format_duration, parse_duration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

/// A share of all packets, in millionths: `"0.1%"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// All of them.
    pub const ALL: Self = Self(1_000_000);

    /// So many of a million.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// Whether it is nothing.
    pub const fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let number = text.trim().strip_suffix('%')?.trim_end();
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !digits(whole) || !digits(fraction) || fraction.len() > 4 {
                return None;
            }
            let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
            let ppm = whole.parse::<u32>().ok()?.checked_mul(10_000)?;
            let ppm = ppm.checked_add(fraction)?;
            (ppm <= Self::ALL.0).then_some(Self(ppm))
        };
        read().ok_or_else(|| {
            format!("{text:?} is no share: write a number from 0 to 100 with a percent sign, like \"0.1%\"")
        })
    }
}

/// `0.1%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, self.0 % 10_000);
        if fraction == 0 {
            write!(f, "{whole}%")
        } else {
            let digits = format!("{fraction:04}");
            write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
        }
    }
}

/// The units of a rate, largest first, in bits a second.
const RATES: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

/// Bits a second, at least one, in the units of `tc`: `"10mbit"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// Bits a second.
    pub const fn bits(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |text: &str| {
            let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
            let (_, factor) = RATES.iter().find(|(name, _)| *name == unit.trim_start())?;
            NonZeroU64::new(number.parse::<u64>().ok()?.checked_mul(*factor)?).map(Self)
        };
        read(text.trim()).ok_or_else(|| {
            format!("{text:?} is no rate: write a whole number and one of bit, kbit, mbit, gbit, like \"10mbit\"")
        })
    }
}

/// `10mbit`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = RATES
            .iter()
            .find(|(_, factor)| self.bits().is_multiple_of(*factor));
        let (unit, factor) = fitting.copied().unwrap_or(("bit", 1));
        write!(f, "{}{unit}", self.bits() / factor)
    }
}

/// A time with a sign: `"+5s"`, `"-250ms"`; at most 292 years either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedDuration {
    nanos: i64,
}

impl SignedDuration {
    /// In nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }
}

impl FromStr for SignedDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sign, rest) = match text.trim().split_at_checked(1) {
            Some(("-", rest)) => (-1, rest),
            Some(("+", rest)) => (1, rest),
            _ => (1, text),
        };
        parse_duration(rest)
            .ok()
            .and_then(|duration| i64::try_from(duration.as_nanos()).ok())
            .map(|nanos| Self {
                nanos: sign * nanos,
            })
            .ok_or_else(|| {
                format!("{text:?} is no time to move a clock by: write a sign, a number and a unit, like \"+5s\" or \"-250ms\"")
            })
    }
}

/// `+5s`.
impl fmt::Display for SignedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { '-' } else { '+' };
        let duration = Duration::from_nanos(self.nanos.unsigned_abs());
        write!(f, "{sign}{}", format_duration(duration))
    }
}

macro_rules! text {
    ($type:ident, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                concat!("Fault", stringify!($type)).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}

text!(Share, "A share from 0% to 100%, like \"0.1%\".");
text!(Rate, "Bits a second, like \"10mbit\".");
text!(
    SignedDuration,
    "A time with a sign, like \"+5s\" or \"-250ms\"."
);

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: FromStr<Err = String> + fmt::Display>(texts: &[&str]) {
        for text in texts {
            assert_eq!(
                text.parse::<T>()
                    .unwrap_or_else(|e| panic!("{e}"))
                    .to_string(),
                *text
            );
        }
    }

    #[test]
    fn what_plans_write_is_read_and_written_exactly() {
        round_trip::<Share>(&["0%", "0.1%", "2.5%", "0.0001%", "100%"]);
        round_trip::<Rate>(&["1bit", "1500bit", "64kbit", "10mbit", "2gbit"]);
        round_trip::<SignedDuration>(&["+5s", "-250ms", "+1h", "+0s"]);
        assert_eq!(
            "5s".parse::<SignedDuration>().unwrap().nanos(),
            5_000_000_000
        );
        assert_eq!("-1us".parse::<SignedDuration>().unwrap().nanos(), -1_000);
    }

    #[test]
    fn a_mistake_says_what_would_be_right() {
        for text in ["", "5", "101%", "-1%", "1e2%", "5.%", "0.00001%"] {
            assert!(
                text.parse::<Share>().unwrap_err().contains("0.1%"),
                "{text}"
            );
        }
        for text in ["", "5", "mbit", "0mbit", "1.5mbit", "1MB"] {
            assert!(
                text.parse::<Rate>().unwrap_err().contains("10mbit"),
                "{text}"
            );
        }
        for text in ["", "5", "+", "--5s", "+300years", "5 parsecs"] {
            assert!(
                text.parse::<SignedDuration>().unwrap_err().contains("+5s"),
                "{text}"
            );
        }
    }
}
