//! What a plan or a request may tell checkers about the database: what it promises, and what it does not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Bank, Checker, KeyValue, Ledger, Level, LinearizableAs, ListAppend, ModelName, Queue,
    RwRegister,
};

/// What the operations that `linearizable` judges are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// The kind of object. When absent: found by the functions.
    pub model: ModelName,
}

macro_rules! options {
    ($($(#[$doc:meta])* $field:ident: $kind:ty = $name:literal, $make:expr;)+) => {
        /// What is told to checkers, by their names. One that is told nothing assumes what its documentation says.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Options {
            $(
                $(#[$doc])*
                #[serde(default, rename = $name, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$kind>,
            )+
        }

        impl Options {
            /// The checkers that can be told something, in alphabetical order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The checkers that are told something, in alphabetical order.
            pub fn told(&self) -> Vec<&'static str> {
                let told = [$(self.$field.is_some().then_some($name)),+];
                told.into_iter().flatten().collect()
            }

            /// The checker of this name, if it is told something.
            pub(crate) fn checker(&self, name: &str) -> Option<Box<dyn Checker>> {
                match name {
                    $($name => self.$field.map($make),)+
                    _ => None,
                }
            }
        }
    };
}

options! {
    /// Accounts and transfers.
    bank: Bank = "bank", |it| Box::new(it) as Box<dyn Checker>;
    /// Transactions on keys whose versions the database tells.
    key_value: KeyValue = "key-value", |it| Box::new(it) as Box<dyn Checker>;
    /// Accounts that are opened, and movements on them.
    ledger: Ledger = "ledger", |it| Box::new(it) as Box<dyn Checker>;
    /// Objects that behave as if operations took effect one at a time.
    linearizable: Objects = "linearizable", |it| Box::new(LinearizableAs::named(it.model)) as Box<dyn Checker>;
    /// Transactions on lists.
    list_append: ListAppend = "list-append", |it| Box::new(it) as Box<dyn Checker>;
    /// Queues.
    queue: Queue = "queue", |it| Box::new(it) as Box<dyn Checker>;
    /// Transactions on registers.
    rw_register: RwRegister = "rw-register", |it| Box::new(it) as Box<dyn Checker>;
}

impl Options {
    /// These, but that judges of levels are asked whether the history keeps this one.
    #[must_use]
    pub fn claiming(mut self, claim: Level) -> Self {
        self.key_value = Some(KeyValue { claim });
        self.list_append = Some(ListAppend { claim });
        self.rw_register = Some(RwRegister { claim });
        self
    }

    /// These, but that `linearizable` takes objects to be of this kind.
    #[must_use]
    pub fn about(mut self, model: ModelName) -> Self {
        self.linearizable = Some(Objects { model });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing;
    use crate::{CHECKERS, Validity, asked};

    #[test]
    fn names_are_those_of_checkers_in_order() {
        assert!(Options::NAMES.is_sorted());
        for name in Options::NAMES {
            assert!(CHECKERS.iter().any(|listed| listed.name == *name), "{name}");
        }
    }

    fn told(json: &str) -> Options {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_checker_that_is_told_keeps_its_name() {
        let all = r#"{"bank": {}, "key-value": {}, "ledger": {}, "linearizable": {"model": "queue"}, "list-append": {},
            "queue": {}, "rw-register": {}}"#;
        let options = told(all);
        assert_eq!(options.told(), Options::NAMES);
        for &name in Options::NAMES {
            assert_eq!(options.checker(name).unwrap().name(), name);
            assert!(Options::default().checker(name).is_none());
        }
        let again = serde_json::to_string(&options).unwrap();
        assert_eq!(told(&again), options);
    }

    #[test]
    fn what_there_is_not_is_refused_by_name() {
        for (json, expected) in [
            (
                r#"{"banc": {}}"#,
                "unknown field `banc`, expected one of `bank`",
            ),
            (
                r#"{"bank": {"negativ": true}}"#,
                "unknown field `negativ`, expected `total` or `negative`",
            ),
            (r#"{"linearizable": {}}"#, "missing field `model`"),
            (
                r#"{"linearizable": {"model": "cue"}}"#,
                "unknown variant `cue`, expected one of `append-log`",
            ),
            (
                r#"{"list-append": {"claim": "snapshot"}}"#,
                "unknown variant `snapshot`, expected one of `strict-",
            ),
        ] {
            let error = serde_json::from_str::<Options>(json)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    /// The same history is a violation or none, by what the database promises.
    #[test]
    fn the_verdict_follows_what_is_told() {
        let cases = [
            (
                "0 |read nil -> {a:-5,b:15}|\n0 |transfer nil {from:a,to:b,amount:5}|\n0 |read nil -> {a:-10,b:20}|",
                "bank",
                (r"{}", Validity::Invalid),
                (r#"{"bank": {"negative": true}}"#, Validity::Valid),
            ),
            (
                "0 |enqueue q 1|\n0 |enqueue q 2|\n1 |dequeue q nil -> 2|\n1 |dequeue q nil -> 1|",
                "queue",
                (r#"{"queue": {"fifo": true}}"#, Validity::Invalid),
                ("{}", Validity::Valid),
            ),
            (
                "0 |enqueue q 1|\n0 |enqueue q 2|\n1 |dequeue q nil -> 2|\n1 |dequeue q nil -> 1|",
                "linearizable",
                (r#"{"linearizable": {"model": "queue"}}"#, Validity::Invalid),
                (
                    r#"{"linearizable": {"model": "unordered-queue"}}"#,
                    Validity::Valid,
                ),
            ),
            (
                "0 |open nil {a:100}|\n1 |withdraw nil {from:a,amount:80}|\n2 |withdraw nil {from:a,amount:80}|\n3 |read nil -> {a:-60}|",
                "ledger",
                ("{}", Validity::Invalid),
                (r#"{"ledger": {"overdraft": true}}"#, Validity::Valid),
            ),
        ];
        for (lines, checker, wrong, right) in cases {
            for (options, validity) in [wrong, right] {
                let judge = asked(checker, &told(options)).unwrap();
                let verdict = testing::judge(&*judge, lines);
                assert_eq!(
                    verdict.validity, validity,
                    "{checker} {options}: {}",
                    verdict.summary
                );
            }
        }
    }
}
