//! How long something takes: a duration, or a range to draw it from.

use std::fmt;
use std::time::Duration;

use humantime_serde::re::humantime::{format_duration, parse_duration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

/// A duration, or a range to draw it from: `"8s"` or `["4s", "8s"]`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationRange {
    /// The shortest.
    pub min: Duration,
    /// The longest; not below `min`.
    pub max: Duration,
}

impl From<Duration> for DurationRange {
    fn from(duration: Duration) -> Self {
        Self {
            min: duration,
            max: duration,
        }
    }
}

/// `8s`, or `4s to 8s`.
impl fmt::Display for DurationRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", format_duration(self.min))
        } else {
            write!(
                f,
                "{} to {}",
                format_duration(self.min),
                format_duration(self.max)
            )
        }
    }
}

impl Serialize for DurationRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.min == self.max {
            return serializer.collect_str(&format_duration(self.min));
        }
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&HumanDuration(self.min))?;
        pair.serialize_element(&HumanDuration(self.max))?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for DurationRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrTwo;

        impl<'de> Visitor<'de> for OneOrTwo {
            type Value = DurationRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a duration like "8s" or a range like ["4s", "8s"]"#)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<DurationRange, E> {
                parse(text).map(DurationRange::from)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<DurationRange, A::Error> {
                let min = seq
                    .next_element::<HumanDuration>()?
                    .ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let max = seq
                    .next_element::<HumanDuration>()?
                    .ok_or_else(|| A::Error::invalid_length(1, &self))?;
                if seq.next_element::<serde::de::IgnoredAny>()?.is_some() {
                    return Err(A::Error::invalid_length(3, &self));
                }
                if min.0 > max.0 {
                    return Err(A::Error::custom(format_args!(
                        "the range begins with {} and ends with the shorter {}: write the shorter one first",
                        format_duration(min.0),
                        format_duration(max.0)
                    )));
                }
                Ok(DurationRange {
                    min: min.0,
                    max: max.0,
                })
            }
        }

        deserializer.deserialize_any(OneOrTwo)
    }
}

impl JsonSchema for DurationRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DurationRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration like \"8s\", or a range like [\"4s\", \"8s\"] to draw it from.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2 }
            ]
        })
    }
}

/// One duration as people write it: `"1m 30s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl Visitor<'_> for One {
            type Value = HumanDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a duration like "8s""#)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HumanDuration, E> {
                parse(text).map(HumanDuration)
            }
        }

        deserializer.deserialize_str(One)
    }
}

/// Reads a list of durations that may be left out; for `deserialize_with`, because what a list alone says of a mistake
/// is not what would be right.
pub(crate) fn durations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<HumanDuration>>, D::Error> {
    struct Many;

    impl<'de> Visitor<'de> for Many {
        type Value = Vec<HumanDuration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(r#"a list of durations like ["5s", "1m"]"#)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut durations = Vec::new();
            while let Some(duration) = seq.next_element()? {
                durations.push(duration);
            }
            Ok(durations)
        }
    }

    deserializer.deserialize_seq(Many).map(Some)
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A duration like \"8s\" or \"1m 30s\".", "type": "string" })
    }
}

fn parse<E: Error>(text: &str) -> Result<Duration, E> {
    parse_duration(text).map_err(|error| {
        E::custom(format_args!(
            "{text:?} is no duration ({error}): write a number and a unit, like \"8s\" or \"500ms\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<DurationRange, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn one_duration_and_a_range_round_trip() {
        for json in [r#""8s""#, r#"["4s","8s"]"#, r#""1m 30s""#, r#""500ms""#] {
            let range = read(json).unwrap();
            assert_eq!(serde_json::to_string(&range).unwrap(), json);
        }
        assert_eq!(
            read(r#"["4s","8s"]"#).unwrap(),
            DurationRange {
                min: Duration::from_secs(4),
                max: Duration::from_secs(8)
            }
        );
    }

    #[test]
    fn a_mistake_says_what_would_be_right() {
        for (json, part) in [
            (r#""8""#, "write a number and a unit"),
            ("8", r#"a duration like "8s" or a range"#),
            (r#"["4s"]"#, r#"a duration like "8s" or a range"#),
            (r#"["4s","5s","6s"]"#, r#"a duration like "8s" or a range"#),
            (r#"["8s","4s"]"#, "write the shorter one first"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
