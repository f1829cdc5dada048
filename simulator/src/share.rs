//! A share of all packets.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A share from 0 % to 100 %, in steps of a millionth, so that it is the same on every machine.
///
/// In a plan: `"0.1%"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(1_000_000);

    /// So many of a million; more than a million is all.
    pub const fn from_ppm(ppm: u32) -> Self {
        if ppm > Self::ALL.0 {
            Self::ALL
        } else {
            Self(ppm)
        }
    }

    /// So many of a hundred; more than a hundred is all.
    pub const fn from_percent(percent: u32) -> Self {
        Self::from_ppm(percent.saturating_mul(10_000))
    }

    /// Whether it is nothing.
    pub const fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// So many of a million.
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

/// A text that is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no share of packets: write a number from 0 to 100 with a percent sign, as \"0.1%\""
)]
pub struct NotAShare(String);

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        parse_ppm(text)
            .filter(|ppm| *ppm <= Self::ALL.0)
            .map(Self)
            .ok_or_else(|| NotAShare(text.to_owned()))
    }
}

/// Digits of percent, exactly: no detour over floating point.
fn parse_ppm(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 4 {
        return None;
    }
    let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(10_000)?
        .checked_add(fraction)
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

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A share from 0% to 100%, as \"0.1%\".",
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_and_written_exactly() {
        for (text, ppm) in [
            ("0%", 0),
            ("0.1%", 1_000),
            ("2.5%", 25_000),
            ("0.0001%", 1),
            ("100%", 1_000_000),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.ppm(), ppm);
            assert_eq!(share.to_string(), text);
        }
        assert_eq!(" 7.50 % ".parse(), Ok(Share::from_ppm(75_000)));
    }

    #[test]
    fn anything_else_is_refused_with_the_right_form() {
        for text in [
            "",
            "%",
            "5",
            "-1%",
            "101%",
            "100.0001%",
            "1e2%",
            ".5%",
            "5.%",
            "0.00001%",
            "NaN%",
            "99999999999%",
            "1.+5%",
        ] {
            let error = text.parse::<Share>().unwrap_err();
            assert!(error.to_string().contains("0.1%"), "{text}");
        }
    }

    #[test]
    fn is_text_in_plans() {
        let share: Share = serde_json::from_str("\"0.25%\"").unwrap();
        assert_eq!(share, Share::from_ppm(2_500));
        assert_eq!(serde_json::to_string(&share).unwrap(), "\"0.25%\"");
        assert!(serde_json::from_str::<Share>("0.5").is_err());
    }
}
