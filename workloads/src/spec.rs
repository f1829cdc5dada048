//! Workloads as a plan names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::append::{self, Append};
use crate::register::{self, Register};
use crate::set::{self, Set};
use crate::{Capability, Workload};

/// The workload of a plan: its name, and its options below it, as in `register = { keys = 5 }`.
///
/// Every option has a default and bounds, so whatever can be read can be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spec {
    /// Transactions of reads and appends to lists.
    Append(append::Options),
    /// Reads, writes and compare-and-sets on single keys.
    Register(register::Options),
    /// Unique elements added to sets, read at the end.
    Set(set::Options),
}

impl Spec {
    /// Its name in plans.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Append(_) => append::NAME,
            Self::Register(_) => register::NAME,
            Self::Set(_) => set::NAME,
        }
    }

    /// What a database must offer for it.
    pub fn needs(&self) -> Vec<Capability> {
        match self {
            Self::Append(_) => vec![Capability::AppendTransactions],
            Self::Register(options) => options.needs(),
            Self::Set(_) => vec![Capability::Sets],
        }
    }

    /// What it needs and is not among `offered`: why it cannot run there.
    pub fn missing(&self, offered: &[Capability]) -> Vec<Capability> {
        let mut needs = self.needs();
        needs.retain(|need| !offered.contains(need));
        needs
    }

    /// The workload, for a database that offers these capabilities. What it may use but does not need, it leaves out
    /// where it is not offered.
    pub fn build(&self, offered: &[Capability]) -> Box<dyn Workload> {
        match self {
            Self::Append(options) => Box::new(Append::new(options)),
            Self::Register(options) => Box::new(Register::new(options, offered)),
            Self::Set(options) => Box::new(Set::new(options)),
        }
    }
}

/// A workload that a plan can ask for by name.
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// What it does, in half a sentence.
    pub summary: &'static str,
    /// What a database must offer for it, with default options.
    pub needs: &'static [Capability],
    /// It with default options.
    pub spec: fn() -> Spec,
}

/// Every workload, by name.
pub const WORKLOADS: &[Listed] = &[
    Listed {
        name: append::NAME,
        summary: "transactions of 1 to 4 reads and appends to lists",
        needs: &[Capability::AppendTransactions],
        spec: || Spec::Append(append::Options::default()),
    },
    Listed {
        name: register::NAME,
        summary: "reads, writes and compare-and-sets on single keys",
        needs: &[Capability::Registers],
        spec: || Spec::Register(register::Options::default()),
    },
    Listed {
        name: set::NAME,
        summary: "unique elements added to sets, read at the end",
        needs: &[Capability::Sets],
        spec: || Spec::Set(set::Options::default()),
    },
];

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::Turn;

    const ALL: &[Capability] = Capability::ALL;

    fn read(toml: &str) -> Result<Spec, toml::de::Error> {
        #[derive(Deserialize)]
        struct Plan {
            workload: Spec,
        }
        toml::from_str::<Plan>(&format!("[workload]\n{toml}\n")).map(|plan| plan.workload)
    }

    #[test]
    fn the_list_is_in_order_and_true() {
        assert!(WORKLOADS.is_sorted_by_key(|listed| listed.name));
        for listed in WORKLOADS {
            let spec = (listed.spec)();
            assert_eq!(spec.name(), listed.name);
            assert_eq!(spec.needs(), listed.needs);
            assert_eq!(spec.missing(&[]), listed.needs);
            assert!(spec.missing(ALL).is_empty());
            let workload = spec.build(ALL);
            assert_eq!(workload.name(), listed.name);
            assert!(workload.checkers().contains(&"stats"));
            // The shortest way to name it, and the longest.
            assert_eq!(read(&format!("{} = {{}}", listed.name)).unwrap(), spec);
            let whole = toml::to_string(&spec).unwrap();
            assert_eq!(toml::from_str::<Spec>(&whole).unwrap(), spec);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draws = |listed: &Listed, seed| {
            let mut workload = (listed.spec)().build(ALL);
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let turn = Turn {
                worker: 0,
                workers: 1,
                operations: 0,
            };
            (0..2000)
                .map(|_| workload.draw(&turn, &mut rng))
                .collect::<Vec<_>>()
        };
        for listed in WORKLOADS {
            assert_eq!(draws(listed, 7), draws(listed, 7));
            assert_ne!(draws(listed, 7), draws(listed, 8));
        }
    }

    #[test]
    fn mistakes_are_told_with_what_would_be_right() {
        for (toml, expected) in [
            (
                "registr = {}",
                "expected one of `append`, `register`, `set`",
            ),
            (
                "register = { key = 5 }",
                "unknown field `key`, expected one of `keys`",
            ),
            ("register = { keys = 0 }", "a whole number from 1 to 10000"),
            ("register = { keys = -1 }", "a whole number from 1 to 10000"),
            (
                "register = { keys = \"5\" }",
                "a whole number from 1 to 10000",
            ),
            (
                "register = { values = \"uniq\" }",
                "\"unique\" or a whole number from 2",
            ),
            (
                "register = { values = 1 }",
                "\"unique\" or a whole number from 2",
            ),
            (
                "append = { distribution = \"gauss\" }",
                "expected one of `uniform`, `exponential`, `zipf`",
            ),
            ("append = { micro_ops = 65 }", "a whole number from 1 to 64"),
            ("register = {}\nset = {}", "exactly 1 element"),
            ("", "exactly 1 element"),
        ] {
            let error = read(toml).unwrap_err().to_string();
            assert!(error.contains(expected), "{toml}: {error}");
        }
        let spec = read("register = { values = 5, cas = 0 }").unwrap();
        assert_eq!(spec.needs(), [Capability::Registers]);
    }

    #[test]
    fn the_schema_names_every_workload_and_its_options() {
        let schema = schemars::schema_for!(Spec).to_value().to_string();
        for name in [
            "register",
            "append",
            "set",
            "ops_per_key",
            "writes_per_key",
            "elements_per_set",
        ] {
            assert!(schema.contains(&format!("\"{name}\"")), "{name}: {schema}");
        }
    }
}
