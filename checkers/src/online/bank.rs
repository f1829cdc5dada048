//! Totals of banks, event by event: a read that shows a negative balance, or another total than more than half of all
//! reads so far, of which there are at least three. The checker `bank` knows more: it sees all reads, and what `open`
//! put in. It remembers, for each key, the totals that were read, up to 1,024 of them.

use rustc_hash::FxHashMap;
use schism_history::{F, Value};

use super::calls::{Call, Ended};
use super::recent::Recent;
use super::{Broken, Judge};

/// Different totals that are remembered of one bank.
const REMEMBERED: usize = 1_024;

/// All banks.
pub(super) struct Bank {
    keys: Recent<Reads>,
    told: crate::Bank,
}

impl Bank {
    /// Of a database that promises what its checker is told.
    pub(super) fn new(told: crate::Bank) -> Self {
        Self {
            keys: Recent::default(),
            told,
        }
    }
}

#[derive(Default)]
struct Reads {
    totals: FxHashMap<i128, u64>,
    count: u64,
    /// The total that was read most often so far.
    most: Option<(i128, u64)>,
    /// Accounts that the first read named.
    accounts: usize,
    /// Something moves money in or out.
    open_ended: bool,
}

impl Judge for Bank {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        if !matches!(call.f.name(), "read" | "transfer" | "open") {
            self.keys.of(&call.key)?.open_ended = true;
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        if call.f != F::Read || !ended.is_ok() {
            return None;
        }
        let Value::Map(accounts) = &ended.event.value else {
            return None;
        };
        let reads = self.keys.of(&call.key)?;
        if reads.open_ended {
            return None;
        }
        let mut total = 0_i128;
        for (_, balance) in accounts.iter() {
            let Value::Int(balance) = balance else {
                return None;
            };
            total += i128::from(*balance);
        }
        if reads.count == 0 {
            reads.accounts = accounts.len();
        }
        reads.count += 1;
        if accounts.len() != reads.accounts {
            return None;
        }
        let full = reads.totals.len() >= REMEMBERED;
        let seen = if full && !reads.totals.contains_key(&total) {
            1
        } else {
            let seen = reads.totals.entry(total).or_insert(0);
            *seen += 1;
            *seen
        };
        if reads.most.is_none_or(|(_, most)| seen > most) {
            reads.most = Some((total, seen));
        }
        let (usual, most) = reads.most?;
        let broken = |sentence| {
            Some(Broken {
                sentence,
                key: call.key.clone(),
            })
        };
        let negative = accounts
            .iter()
            .find(|(_, balance)| matches!(balance, Value::Int(balance) if *balance < 0));
        if let Some((account, balance)) = negative.filter(|_| !self.told.negative) {
            return broken(format!(
                "process {} read the balance {balance} of account {account}",
                call.process
            ));
        }
        // The checker measures all reads by the total that it is told.
        if self.told.total.is_some() {
            return None;
        }
        if total != usual && most >= 3 && most * 2 > reads.count {
            return broken(format!(
                "process {} read accounts that hold {total} together, and most reads show {usual}",
                call.process
            ));
        }
        None
    }

    fn remembered(&self) -> usize {
        self.keys.values().map(|it| 1 + it.totals.len()).sum()
    }
}
