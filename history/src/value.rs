//! Keys, arguments and results.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A key, an argument or a result: plain data, cheap to clone, totally ordered and hashable.
///
/// In JSON a value is itself: `null`, `true`, `7`, `0.5`, `"a"`, `[1, 2]`, `{"k": 1}`.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing: an absent key, a read of nothing, no argument.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number that is no integer. Compared by its bits, so it is equal to itself even when not a number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A list, a transaction, a set.
    List(Arc<[Value]>),
    /// Named parts, in the order they were given. In another order they are the same map.
    Map(Arc<[(Arc<str>, Value)]>),
}

impl Value {
    /// A list of values.
    pub fn list<T: Into<Self>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// Named parts.
    pub fn map<K: AsRef<str>, V: Into<Self>>(parts: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(
            parts
                .into_iter()
                .map(|(name, value)| (Arc::from(name.as_ref()), value.into()))
                .collect(),
        )
    }

    /// Whether this is [`Value::Nil`].
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(n) = self {
            Some(*n)
        } else {
            None
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// The part with this name, if it is a map that has one. O(parts).
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(parts) = self else { return None };
        parts
            .iter()
            .find(|(part, _)| **part == *name)
            .map(|(_, value)| value)
    }

    /// The two items, if it is a list of two: a compare-and-set's `[expected, new]`.
    pub fn as_pair(&self) -> Option<(&Self, &Self)> {
        if let Some([a, b]) = self.as_list() {
            Some((a, b))
        } else {
            None
        }
    }

    /// What [`Value::Text`] adds to a hash.
    pub(crate) fn hash_text<H: Hasher>(text: &str, state: &mut H) {
        state.write_u8(TEXT);
        text.hash(state);
    }

    /// What [`Value::List`] adds to a hash.
    pub(crate) fn hash_list<H: Hasher>(items: &[Self], state: &mut H) {
        state.write_u8(LIST);
        items.hash(state);
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Nil => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Text(_) => TEXT,
            Self::List(_) => LIST,
            Self::Map(_) => 6,
        }
    }
}

/// The rank of texts.
const TEXT: u8 = 4;
/// The rank of lists.
const LIST: u8 = 5;

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a.len() == b.len() && equal_parts(a, b),
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Text(text) => return Self::hash_text(text, state),
            Self::List(items) => return Self::hash_list(items, state),
            _ => state.write_u8(self.rank()),
        }
        match self {
            Self::Nil | Self::Text(_) | Self::List(_) => {}
            Self::Bool(b) => b.hash(state),
            Self::Int(n) => n.hash(state),
            Self::Float(x) => x.to_bits().hash(state),
            // A sum, whatever the order of the parts.
            Self::Map(parts) => parts
                .iter()
                .map(|part| {
                    let mut hasher = FxHasher::default();
                    part.hash(&mut hasher);
                    stirred(hasher.finish())
                })
                .fold(0_u64, u64::wrapping_add)
                .hash(state),
        }
    }
}

/// A hash, with its bits stirred. `FxHasher` only multiplies and adds, so that the hashes of integers add up like the
/// integers do: without this, all balances of a bank whose total never changes would have one hash.
const fn stirred(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Nil, then booleans, integers, other numbers, text, lists, maps; each kind in its own order.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Map(a), Self::Map(b)) => by_name(a).cmp(&by_name(b)),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

fn equal_parts(a: &[(Arc<str>, Value)], b: &[(Arc<str>, Value)]) -> bool {
    // Mostly they are in the same order. Values are compared once only: they may be deep.
    if a.iter().zip(b).all(|(a, b)| a.0 == b.0) {
        return a.iter().zip(b).all(|(a, b)| a.1 == b.1);
    }
    by_name(a) == by_name(b)
}

/// The parts of a map in the order of their names.
fn by_name(parts: &[(Arc<str>, Value)]) -> Vec<&(Arc<str>, Value)> {
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    parts
}

/// As a reader would write it: `nil`, `7`, `"a"`, `[1 2]`, `{k: 1}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Map(parts) => {
                f.write_str("{")?;
                for (i, (name, value)) in parts.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{name}: {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Self {
        Self::Int(n.into())
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}

/// Saturates at `i64::MAX`.
impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::list(items)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::Float(x) => serializer.serialize_f64(*x),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Map(parts) => {
                let mut map = serializer.serialize_map(Some(parts.len()))?;
                for (name, value) in parts.iter() {
                    map.serialize_entry(&**name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a boolean, a number, text, a list or a map")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Nil)
            }

            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Nil)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
                Value::deserialize(deserializer)
            }

            fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
                Ok(Value::Bool(b))
            }

            fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
                Ok(Value::Int(n))
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Value, E> {
                i64::try_from(n).map(Value::Int).map_err(|_| {
                    E::custom(format_args!(
                        "{n} is larger than the largest integer, {}",
                        i64::MAX
                    ))
                })
            }

            fn visit_f64<E>(self, x: f64) -> Result<Value, E> {
                Ok(Value::Float(x))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::from(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut parts = Vec::with_capacity(map.size_hint().unwrap_or(0).min(1024));
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    parts.push((Arc::from(name), value));
                }
                Ok(Value::Map(parts.into()))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_fits_three_words() {
        assert!(size_of::<Value>() <= 24);
    }

    #[test]
    fn json_round_trips() {
        let value = Value::list([
            Value::Nil,
            Value::from(true),
            Value::from(-7),
            Value::from(0.5),
            Value::from("a\"\n\u{1F600}"),
            Value::map([("k", Value::list([1, 2]))]),
        ]);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }

    #[test]
    fn an_integer_that_does_not_fit_is_refused() {
        let error = serde_json::from_str::<Value>("9223372036854775808").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("larger than the largest integer"),
            "{error}"
        );
    }

    #[test]
    fn not_a_number_equals_itself() {
        assert_eq!(Value::from(f64::NAN), Value::from(f64::NAN));
        assert_ne!(Value::from(0.0), Value::from(-0.0));
        assert_ne!(Value::from(1.0), Value::from(1));
    }

    #[test]
    fn a_map_is_the_same_in_any_order() {
        let hash = |value: &Value| {
            let mut hasher = FxHasher::default();
            value.hash(&mut hasher);
            hasher.finish()
        };
        let one = Value::map([
            ("a", Value::from(1)),
            ("b", Value::map([("c", 2), ("d", 3)])),
        ]);
        let other = Value::map([
            ("b", Value::map([("d", 3), ("c", 2)])),
            ("a", Value::from(1)),
        ]);
        assert_eq!(one, other);
        assert_eq!(one.cmp(&other), std::cmp::Ordering::Equal);
        assert_eq!(hash(&one), hash(&other));
        let swapped = Value::map([("a", 2), ("b", 1)]);
        assert_ne!(Value::map([("a", 1), ("b", 2)]), swapped);
        assert_ne!(Value::map([("a", 1)]), Value::map([("a", 1), ("a", 1)]));
        let deep = |leaf: i64| {
            (0..100).fold(Value::from(leaf), |inner, _| {
                Value::map([("b", Value::Nil), ("a", inner)])
            })
        };
        assert_ne!(deep(1), deep(2));
        assert!(deep(1) < deep(2));
    }

    #[test]
    fn maps_whose_integers_add_up_to_the_same_have_hashes_of_their_own() {
        let hash = |value: &Value| {
            let mut hasher = FxHasher::default();
            value.hash(&mut hasher);
            hasher.finish()
        };
        let hashes: std::collections::BTreeSet<u64> = (0..1_000)
            .map(|moved| hash(&Value::map([("a", 1_000 - moved), ("b", moved)])))
            .collect();
        assert_eq!(hashes.len(), 1_000);
    }

    #[test]
    fn is_shown_as_a_reader_would_write_it() {
        let value = Value::list([
            Value::from("append"),
            Value::from("x"),
            Value::map([("a", Value::Nil)]),
        ]);
        assert_eq!(value.to_string(), r#"["append" "x" {a: nil}]"#);
    }
}
