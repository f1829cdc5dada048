//! Predicates of transactions: which versions of keys match one.
//!
//! A transaction reads by predicate in a step `["p", predicate, [[key, value], …]]`: these keys matched, and held these
//! values; no others matched. With a fourth item, it was evaluated when the database was at that revision, in the same
//! numbers in which versions are told. See the checker `key-value`.
//!
//! A predicate is written so that a judge can tell whether a version matches, a version that the transaction did not
//! return too: as a map, of which every entry must hold.
//!
//! | entry | what matches |
//! |---|---|
//! | `relation: "users"` | keys that are lists with this first item: `["users", 3]` |
//! | `prefix: "users/"` | keys that are texts with this beginning |
//! | `from: 3`, `to: 9` | keys from the one to the other, the first included and the last not; integers or texts |
//! | `where: {email: "a@b"}` | values that are maps with these parts |
//! | `equals: 5` | this value |
//! | `min: 1`, `max: 9` | integers from the one to the other, both included |
//!
//! An empty map or nil matches every key that holds something. A key that holds nil is not there: it matches nothing.
//! Of a predicate that is written in any other way (`"even"`), only what it returned is known to match.

use schism_history::Value;

/// A predicate whose meaning is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Predicate<'h> {
    parts: &'h [(std::sync::Arc<str>, Value)],
}

impl<'h> Predicate<'h> {
    /// Reads a predicate; `None` if its meaning is not known. O(parts).
    pub(crate) fn read(predicate: &'h Value) -> Option<Self> {
        let parts: &[_] = match predicate {
            Value::Nil => &[],
            Value::Map(parts) => parts,
            _ => return None,
        };
        let is_known = |(name, wanted): &(std::sync::Arc<str>, Value)| match &**name {
            "prefix" => wanted.as_text().is_some(),
            "from" | "to" => wanted.as_text().is_some() || wanted.as_int().is_some(),
            "where" => matches!(wanted, Value::Map(_)),
            "min" | "max" => wanted.as_int().is_some(),
            "relation" | "equals" => true,
            _ => false,
        };
        parts.iter().all(is_known).then_some(Self { parts })
    }

    /// A part that every value that matches has, if the predicate asks for one: its name, and what it holds.
    pub(crate) fn part(self) -> Option<(&'h str, &'h Value)> {
        let (_, wanted) = self.parts.iter().find(|(name, _)| &**name == "where")?;
        match wanted {
            Value::Map(parts) => parts.first().map(|(name, part)| (&**name, part)),
            _ => None,
        }
    }

    /// Whether a key that holds this value matches. O(parts).
    pub(crate) fn matches(self, key: &Value, value: &Value) -> bool {
        !value.is_nil()
            && self.parts.iter().all(|(name, wanted)| match &**name {
                "relation" => key.as_list().and_then(<[Value]>::first) == Some(wanted),
                "prefix" => match (key.as_text(), wanted.as_text()) {
                    (Some(key), Some(prefix)) => key.starts_with(prefix),
                    _ => false,
                },
                "from" => is_ordered(wanted, key),
                "to" => is_ordered(key, wanted) && key != wanted,
                "where" => match wanted {
                    Value::Map(parts) => {
                        (parts.iter()).all(|(name, part)| value.get(name) == Some(part))
                    }
                    _ => false,
                },
                "equals" => value == wanted,
                "min" => value.as_int() >= wanted.as_int() && value.as_int().is_some(),
                "max" => value.as_int() <= wanted.as_int() && value.as_int().is_some(),
                _ => false,
            })
    }
}

/// Whether the one is not above the other: of two integers or two texts.
fn is_ordered(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => one <= other,
        (Value::Text(one), Value::Text(other)) => one <= other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(predicate: &Value, key: impl Into<Value>, value: impl Into<Value>) -> bool {
        let predicate = Predicate::read(predicate).expect("it is known");
        predicate.matches(&key.into(), &value.into())
    }

    fn one(name: &str, wanted: impl Into<Value>) -> Value {
        Value::map([(name, wanted.into())])
    }

    #[test]
    fn each_part_says_what_matches() {
        assert!(matches(&Value::Nil, 1, 5) && !matches(&Value::Nil, 1, Value::Nil));
        assert!(matches(&one("prefix", "us"), "users", 1));
        assert!(!matches(&one("prefix", "us"), "roles", 1) && !matches(&one("prefix", "us"), 1, 1));
        let row = Value::list([Value::from("users"), Value::from(3)]);
        assert!(matches(&one("relation", "users"), row.clone(), 1));
        assert!(!matches(&one("relation", "roles"), row, 1));
        let range = Value::map([("from", 3), ("to", 9)]);
        let inside: Vec<i64> = (0..12).filter(|&key| matches(&range, key, 1)).collect();
        assert_eq!(inside, [3, 4, 5, 6, 7, 8]);
        assert!(!matches(&range, "5", 1));
        let email = one("where", Value::map([("email", "a")]));
        let person = |email: &str| Value::map([("age", "7"), ("email", email)]);
        assert!(matches(&email, 1, person("a")) && !matches(&email, 1, person("b")));
        assert!(!matches(&email, 1, "a"));
        assert!(matches(&one("equals", 5), 1, 5) && !matches(&one("equals", 5), 1, 6));
        let some = Value::map([("min", 1), ("max", 2)]);
        let inside: Vec<i64> = (0..4).filter(|&value| matches(&some, 1, value)).collect();
        assert_eq!(inside, [1, 2]);
        assert!(!matches(&some, 1, "a"));
    }

    #[test]
    fn what_is_written_otherwise_has_no_meaning() {
        for odd in [
            Value::from("even"),
            one("even", true),
            one("where", 1),
            one("min", "a"),
        ] {
            assert!(Predicate::read(&odd).is_none(), "{odd}");
        }
    }
}
