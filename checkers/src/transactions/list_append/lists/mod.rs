//! The lists of a history as version orders, and what is wrong with them before any cycle is looked for.
//!
//! A list shows all that was appended to it, in order. So the longest read of a key is the order of its versions, and
//! every other read is a version: how many elements it saw.

mod anomaly;
mod branches;
mod orders;
mod reads;
mod views;
mod writers;

use schism_history::Outcome;

use crate::transactions::columns::{NONE, Transactions};
use crate::transactions::versions::Versions;

pub(crate) use anomaly::Direct;

/// Two transactions appended the same element: nobody knows whose it is.
const AMBIGUOUS: u32 = NONE - 1;

/// The lists of a history.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Their version orders.
    pub(crate) versions: Versions,
    /// Whether each transaction is taken to have happened: it is known to have, or somebody saw what it appended.
    pub(crate) is_committed: Vec<bool>,
    /// What is wrong.
    pub(crate) direct: Vec<Direct>,
    /// For each value of each key (see `value_base`), its slot; [`NONE`] where its place is not known.
    pub(crate) slot: Vec<u32>,
    /// Where the values of each key begin.
    pub(crate) value_base: Vec<u32>,
    /// Whether all that is known about the order of versions is in `versions`: if not, no level is surely kept.
    pub(crate) is_complete: bool,
    /// Reads of lists whose result is known.
    pub(crate) reads: u64,
    /// Appends of transactions that did not fail.
    pub(crate) appends: u64,
}

/// Finds the lists. O(steps + elements of branches) time.
///
/// Transactions are looked at in the order in which they were sent: what is known of the lists in use at one time is
/// little, so it is near.
pub(crate) fn lists(transactions: &Transactions<'_>) -> Lists {
    let mut finder = Finder::new(transactions);
    finder.writers();
    let views = finder.views();
    finder.commit();
    finder.orders();
    finder.unordered();
    finder.reads(&views);
    finder.branches(&views);
    let Finder {
        mut lists,
        value_base,
        slot,
        ..
    } = finder;
    lists.value_base = value_base;
    lists.slot = slot;
    lists
}

struct Finder<'a, 'h> {
    transactions: &'a Transactions<'h>,
    lists: Lists,
    value_base: Vec<u32>,
    /// For each value: who appended it, [`NONE`], or [`AMBIGUOUS`]. One who did not fail goes before one who did.
    writer: Vec<u32>,
    /// For each value: the next one that its writer appended to the same key; 0 for the last one.
    overwritten_by: Vec<u32>,
    /// For each value: the one that its writer appended to the same key before; 0 for the first one.
    follows: Vec<u32>,
    /// For each value: its slot.
    slot: Vec<u32>,
    /// For each branch, how many of its elements somebody saw that were not all their own at the end.
    seen: Vec<u32>,
    /// For each key, the branch of which most was seen; [`NONE`] if nobody saw an element.
    main: Vec<u32>,
    /// For each key, how many elements of the longest branch are beyond doubt.
    trusted: Vec<u32>,
}

impl<'a, 'h> Finder<'a, 'h> {
    fn new(transactions: &'a Transactions<'h>) -> Self {
        let mut value_base = Vec::with_capacity(transactions.values.len() + 1);
        let mut count = 0;
        for values in &transactions.values {
            value_base.push(count);
            count += values.len() as u32;
        }
        value_base.push(count);
        let count = count as usize;
        let keys = transactions.keys.len();
        Self {
            transactions,
            lists: Lists {
                is_complete: transactions.unreadable.is_none(),
                ..Lists::default()
            },
            writer: vec![NONE; count],
            overwritten_by: vec![0; count],
            follows: vec![0; count],
            slot: vec![NONE; count],
            seen: vec![0; transactions.branches.len()],
            main: vec![NONE; keys],
            trusted: vec![0; keys],
            value_base,
        }
    }

    fn place(&self, key: u32, value: u32) -> usize {
        (self.value_base[key as usize] + value) as usize
    }

    fn failed(&self, transaction: u32) -> bool {
        self.transactions.outcome[transaction as usize] == Outcome::Fail
    }

    /// The elements of a branch that somebody saw who had not appended them.
    fn elements(&self, branch: u32) -> &'a [u32] {
        let seen = self.seen[branch as usize] as usize;
        &self.transactions.branches[branch as usize].elements[..seen]
    }
}
