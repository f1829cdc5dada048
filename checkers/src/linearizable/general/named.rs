//! The models that have a name.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use schism_history::{F, History, KeyId, OpId, Outcome, Value};
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};

use crate::models::text_of;

macro_rules! models {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A model that has a name: what kind of object the operations of a history are about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ModelName {
            $($(#[$doc])* $variant,)+
        }

        impl ModelName {
            /// Every one, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name used on the command line and in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

models! {
    /// A log: `append` an element, `read` all of them.
    AppendLog = "append-log",
    /// A register that is compared and set: `read`, `write`, `cas` with `[old, new]`.
    CasRegister = "cas-register",
    /// A counter: `add`, `increment`, `decrement`, `read`.
    Counter = "counter",
    /// A lock whose `acquire` returns a token larger than all before; `release`.
    FencedLock = "fenced-lock",
    /// A map: `put` with `[key, value]`, `get` and `remove` with a key.
    Map = "map",
    /// Registers that are read and written together: `txn` of `["r", key, value]` and `["w", key, value]`.
    MultiRegister = "multi-register",
    /// A lock: `acquire`, `release`.
    Mutex = "mutex",
    /// A queue that gives back the largest integer first: `enqueue`, `dequeue`.
    PriorityQueue = "priority-queue",
    /// A first-in-first-out queue: `enqueue`, `dequeue`, `drain`.
    Queue = "queue",
    /// A register: `read`, `write`.
    Register = "register",
    /// A set: `add`, `remove`, `contains`, `read`.
    Set = "set",
    /// A stack: `push`, `pop`.
    Stack = "stack",
    /// A text: `append` to it, `put` another in its place, `get` it.
    Text = "text",
    /// A source of identifiers: `generate`.
    UniqueIds = "unique-ids",
    /// A queue that promises no order: `enqueue`, `dequeue`, `drain`.
    UnorderedQueue = "unordered-queue",
}

impl ModelName {
    /// The model of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|model| model.name() == name)
    }

    /// Whether it is a register, for which there is a path of its own.
    pub(crate) const fn is_register(self) -> bool {
        matches!(self, Self::Register | Self::CasRegister)
    }

    /// Whether it is a collection from which one element is taken at a time.
    pub(crate) const fn is_collection(self) -> bool {
        matches!(
            self,
            Self::Queue | Self::UnorderedQueue | Self::Stack | Self::PriorityQueue
        )
    }
}

impl Serialize for ModelName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ModelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::by_name(&name).ok_or_else(|| D::Error::unknown_variant(&name, Self::NAMES))
    }
}

impl JsonSchema for ModelName {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Model")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::NAMES })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The objects of a history that tell by their functions what they are, but for registers and for those on which
/// transactions act: their key, their operations, and what they are. A queue is taken for one that keeps its order; the
/// others of its kind have to be named. O(operations).
pub(crate) fn objects_found(history: &History) -> Vec<(KeyId, Vec<OpId>, ModelName)> {
    let only_reads = read_only_model(history);
    history
        .by_key()
        .into_iter()
        .filter_map(|(key, ids)| {
            let model = found(history, &ids, only_reads)?;
            Some((key, ids, model))
        })
        .collect()
}

/// Whether [`objects_found`] would find any. O(functions), and O(operations) only if there are some.
pub(crate) fn finds_objects(history: &History) -> bool {
    let tells = |f: &F| {
        matches!(
            f,
            F::Add
                | F::Remove
                | F::Append
                | F::Enqueue
                | F::Dequeue
                | F::Drain
                | F::Push
                | F::Pop
                | F::Acquire
                | F::Release
                | F::Generate
        ) || matches!(
            f.name(),
            "contains" | "increment" | "decrement" | "put" | "get"
        )
    };
    history.functions().iter().any(tells)
}

/// What a key is of which only reads are known: whatever others of the history are that are read.
fn read_only_model(history: &History) -> Option<ModelName> {
    let has = |f: &F| history.functions().contains(f);
    let counts = history
        .functions()
        .iter()
        .any(|f| matches!(f.name(), "increment" | "decrement"));
    let reads_integers = || {
        history
            .operations()
            .any(|op| *op.f() == F::Read && matches!(op.output(), Value::Int(_)))
    };
    if counts || has(&F::Add) && reads_integers() {
        Some(ModelName::Counter)
    } else if has(&F::Add) {
        Some(ModelName::Set)
    } else if has(&F::Append) {
        Some(ModelName::AppendLog)
    } else {
        None
    }
}

/// Whether a key is a text: it is read by `get` without an argument, or replaced by `put` of a text, and all that it is
/// given and gives are texts.
fn is_text(history: &History, ids: &[OpId]) -> bool {
    let mut tells = false;
    let is_one = |id: &OpId| {
        let op = history.operation(*id);
        match op.f().name() {
            "append" => op.input().as_text().is_some(),
            "put" => {
                tells = true;
                op.input().as_text().is_some()
            }
            "get" => {
                tells = true;
                op.input().is_nil() && text_of(op.output()).is_some()
            }
            _ => false,
        }
    };
    ids.iter().all(is_one) && tells
}

fn found(history: &History, ids: &[OpId], only_reads: Option<ModelName>) -> Option<ModelName> {
    if is_text(history, ids) {
        return Some(ModelName::Text);
    }
    let mut model = None;
    let (mut reads, mut adds, mut removes) = (false, false, false);
    // What the reads of this key returned.
    let mut returned = None;
    for &id in ids {
        let op = history.operation(id);
        let this = match op.f() {
            F::Enqueue | F::Dequeue | F::Drain => ModelName::Queue,
            F::Push | F::Pop => ModelName::Stack,
            F::Generate => ModelName::UniqueIds,
            F::Acquire if op.outcome == Outcome::Ok && op.output().as_int().is_some() => {
                // Tokens make a fenced lock of what looked like a plain one.
                if model == Some(ModelName::Mutex) {
                    model = Some(ModelName::FencedLock);
                }
                ModelName::FencedLock
            }
            F::Acquire | F::Release => model.unwrap_or(ModelName::Mutex),
            F::Append => ModelName::AppendLog,
            F::Read => {
                reads = true;
                returned = returned.or(match op.output() {
                    Value::Int(_) => Some(ModelName::Counter),
                    Value::List(_) => Some(ModelName::Set),
                    _ => None,
                });
                continue;
            }
            F::Add => {
                adds = true;
                continue;
            }
            F::Remove => {
                removes = true;
                continue;
            }
            f => match f.name() {
                "contains" => ModelName::Set,
                "increment" | "decrement" => ModelName::Counter,
                "put" | "get" => ModelName::Map,
                _ => return None,
            },
        };
        if model.is_some_and(|model| model != this) {
            return None;
        }
        model = Some(this);
    }
    match model {
        None if adds => returned.or(only_reads).or(Some(ModelName::Set)),
        None if removes => Some(ModelName::Map),
        None => only_reads,
        Some(model) => {
            let fits = match model {
                ModelName::Set => true,
                ModelName::Counter => !removes,
                ModelName::Map => !reads && !adds,
                ModelName::AppendLog => !adds && !removes,
                _ => !reads && !adds && !removes,
            };
            fits.then_some(model)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    fn models(drawing: &str) -> Vec<ModelName> {
        let history = testing::history(drawing);
        objects_found(&history)
            .into_iter()
            .map(|(.., model)| model)
            .collect()
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(ModelName::ALL.is_sorted_by_key(|model| model.name()));
        for &model in ModelName::ALL {
            assert_eq!(ModelName::by_name(model.name()), Some(model));
        }
    }

    #[test]
    fn objects_are_told_apart_by_their_functions() {
        use ModelName::{AppendLog, Counter, FencedLock, Map, Mutex, Queue, Set, Text, UniqueIds};
        let cases: [(&str, &[ModelName]); 11] = [
            ("0 |enqueue q 1|\n1 |dequeue q ?", &[Queue]),
            ("0 |acquire l ?\n1 |release l ?", &[Mutex]),
            ("0 |acquire l ?\n1 |acquire l nil -> 7|", &[FencedLock]),
            ("0 |add s 1|\n1 |r s -> [1]|", &[Set]),
            (
                "0 |add s 1|\n1 |r s -> 1|\n2 |r t -> 0|",
                &[Counter, Counter],
            ),
            ("0 |put m [a,1]|\n1 |remove m a|", &[Map]),
            ("0 |append x 1|\n1 |r x -> [1]|", &[AppendLog]),
            ("0 |append x a|\n1 |get x nil -> a|", &[Text]),
            (
                "0 |put x a|\n1 |append x b|\n2 |get y nil -> nil|",
                &[Text, Text],
            ),
            ("0 |generate nil nil -> 5|", &[UniqueIds]),
            ("0 |w x 1|\n1 |r x -> 1|\n2 |txn nil [[r,x,1]]|", &[]),
        ];
        for (drawing, expected) in cases {
            assert_eq!(models(drawing), expected, "{drawing}");
            let history = testing::history(drawing);
            assert_eq!(finds_objects(&history), !expected.is_empty());
        }
    }
}
