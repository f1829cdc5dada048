//! Isolation levels of transactions on registers, exactly: from who read what from whom, and nothing else.
//!
//! A level is a set of rules about an order that must exist. From what is known (who read from whom, and where a level
//! asks for it the sessions and real time) the rules force more of that order, again and again, until nothing follows or
//! a cycle does ([`saturate`]). A cycle refutes the level. Where no cycle follows, an order is looked for that explains
//! every read ([`schedule`]); what two transactions leave open is decided one way or the other and taken back when it
//! leads to a cycle ([`search`]). So the answer is exact, and only a spent budget leaves it open.
//!
//! Sources: Biswas and Enea, "On the Complexity of Checking Transactional Consistency", 2019 (the axioms; that the weak
//! levels are polynomial); Cerone, Bernardi and Gotsman, "A Framework for Transactional Consistency Models with Atomic
//! Visibility", 2015 (snapshot isolation and its kin); Tan et al., "Cobra", 2020, and Zhang et al., "Viper", 2023
//! (two moments for each transaction); Møldrup and Pavlogiannis, "AWDIT", 2025 (the fewest orders that weak levels
//! force).

pub(crate) mod certificate;
pub(crate) mod chains;
pub(crate) mod committed;
pub(crate) mod cuts;
pub(crate) mod levels;
pub(crate) mod saturate;
pub(crate) mod schedule;
pub(crate) mod search;
pub(crate) mod weak;

#[cfg(test)]
mod tests;

/// Which orders a level respects besides who read from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// None.
    None,
    /// Each session's own.
    Session,
    /// Each session's own, and real time: what returned before another one was invoked comes first.
    RealTime,
}

/// What a level asks of the order, where it takes a search to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// A transaction takes its snapshot and commits at two moments, and others may commit between.
    pub(crate) split: bool,
    /// All agree on one order: who reads what a later write replaces comes before that write. Otherwise this holds only
    /// for a transaction that writes the key too.
    pub(crate) total: bool,
    /// Of two writers of a key, one takes its snapshot after the other one has committed.
    pub(crate) exclusive: bool,
    /// What else the order respects.
    pub(crate) respects: Order,
}

impl Rules {
    /// Serializable.
    pub(crate) const fn serializable(respects: Order) -> Self {
        Self {
            split: false,
            total: true,
            exclusive: true,
            respects,
        }
    }

    /// Snapshot isolation.
    pub(crate) const fn snapshot(respects: Order) -> Self {
        Self {
            split: true,
            total: true,
            exclusive: true,
            respects,
        }
    }

    /// Consistent prefix: snapshots of one order, and writers of one key may overlap.
    pub(crate) const fn prefix() -> Self {
        Self {
            split: true,
            total: true,
            exclusive: false,
            respects: Order::None,
        }
    }

    /// Parallel snapshot isolation: snapshots of no one order, but no writers of one key overlap.
    pub(crate) const fn parallel() -> Self {
        Self {
            split: false,
            total: false,
            exclusive: true,
            respects: Order::None,
        }
    }
}

/// What was found out about a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is kept, and here is the order that shows it.
    Holds(certificate::Certificate),
    /// It is violated already by these transactions, rising. Often few of them, not always the fewest.
    Refuted(Vec<u32>),
    /// The budget was spent; says what on, as the end of a sentence.
    Unknown(String),
}
