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
