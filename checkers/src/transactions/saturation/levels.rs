//! All levels of a history at once: strongest first, so that one order that shows the strongest settles the others.

use super::certificate::Certificate;
use super::committed::{Committed, INITIAL};
use super::weak::{self, Weak};
use super::{Answer, Order, Rules, cuts, search};
use crate::{Budget, Level};

/// The levels that can be decided for transactions on registers, from strong to weak where one implies the other.
pub(crate) const JUDGED: [Level; 15] = [
    Level::StrictSerializable,
    Level::StrongSessionSerializable,
    Level::Serializable,
    Level::UpdateSerializable,
    Level::RepeatableRead,
    Level::StrongSnapshotIsolation,
    Level::StrongSessionSnapshotIsolation,
    Level::SnapshotIsolation,
    Level::ParallelSnapshotIsolation,
    Level::Prefix,
    Level::CausalConvergence,
    Level::Causal,
    Level::ReadAtomic,
    Level::MonotonicAtomicView,
    Level::ReadCommitted,
];

/// Levels that an order often shows that is found without a search, from strong to weak. Real time is the best guide.
const AT_ONCE: [Level; 2] = [
    Level::StrongSnapshotIsolation,
    Level::StrongSessionSnapshotIsolation,
];
/// Transactions that are few.
const FEW: usize = 32;
/// Transactions that only read and are judged each with all that write, at most; and in a large history.
const ODD: usize = 64;
const ODD_OF_MANY: usize = 2;
/// Transactions of a large history.
const MANY: usize = 2_000;

/// Decides one level; `None` when it is none of [`JUDGED`]. Complete within the budget, but for update serializability.
pub(crate) fn judge(committed: &Committed, level: Level, budget: &Budget) -> Option<Answer> {
    if let Some(rules) = rules(level) {
        return Some(cuts::decide(committed, rules, budget));
    }
    let weak = match level {
        Level::UpdateSerializable => return Some(updates(committed, budget)),
        Level::CausalConvergence => Weak::CausalConvergence,
        Level::Causal => Weak::Causal,
        Level::ReadAtomic => Weak::ReadAtomic,
        Level::MonotonicAtomicView => Weak::MonotonicAtomicView,
        Level::ReadCommitted => Weak::ReadCommitted,
        _ => return None,
    };
    Some(weak::decide(committed, weak, budget))
}

/// What a level asks of the order, if it may take a search to know.
fn rules(level: Level) -> Option<Rules> {
    match level {
        Level::StrictSerializable => Some(Rules::serializable(Order::RealTime)),
        Level::StrongSessionSerializable => Some(Rules::serializable(Order::Session)),
        // Without predicates they are one.
        Level::Serializable | Level::RepeatableRead => Some(Rules::serializable(Order::None)),
        Level::StrongSnapshotIsolation => Some(Rules::snapshot(Order::RealTime)),
        Level::StrongSessionSnapshotIsolation => Some(Rules::snapshot(Order::Session)),
        Level::SnapshotIsolation => Some(Rules::snapshot(Order::None)),
        Level::ParallelSnapshotIsolation => Some(Rules::parallel()),
        Level::Prefix => Some(Rules::prefix()),
        _ => None,
    }
}

/// Update serializability: the transactions that write are serializable, and with them each one that only reads, alone.
/// What the orders found for them do not settle stays unknown.
fn updates(committed: &Committed, budget: &Budget) -> Answer {
    let n = committed.len() as u32;
    let (writers, readers): (Vec<u32>, Vec<u32>) =
        (0..n).partition(|&t| !committed.is_read_only(t));
    let rules = Rules::serializable(Order::None);
    let named = |core: Vec<u32>, kept: &[u32]| {
        Answer::Refuted(core.into_iter().map(|t| kept[t as usize]).collect())
    };
    let order = match cuts::decide(&committed.only(&writers), rules, budget) {
        Answer::Holds(Certificate::Serial(order)) => order,
        Answer::Holds(_) => Vec::new(),
        Answer::Refuted(core) => return named(core, &writers),
        unknown @ Answer::Unknown(_) => return unknown,
    };
    let mut place = vec![0; n as usize];
    for (i, &t) in order.iter().enumerate() {
        place[writers[t as usize] as usize] = i as u32;
    }
    let mut versions: Vec<Vec<u32>> = vec![Vec::new(); committed.keys as usize];
    for (slot, &key) in committed.write_key.iter().enumerate() {
        versions[key as usize].push(place[committed.writer[slot] as usize]);
    }
    for versions in &mut versions {
        versions.sort_unstable();
    }
    let mut odd = 0;
    for t in readers {
        if fits(committed, t, &place, &versions) {
            continue;
        }
        odd += 1;
        let most = if committed.len() > MANY {
            ODD_OF_MANY
        } else {
            ODD
        };
        if odd > most || budget.is_stopped() {
            break;
        }
        let mut kept = writers.clone();
        kept.push(t);
        kept.sort_unstable();
        if let Answer::Refuted(core) = cuts::decide(&committed.only(&kept), rules, budget) {
            return named(core, &kept);
        }
    }
    if odd == 0 {
        Answer::Holds(Certificate::None)
    } else {
        Answer::Unknown(
            "some transactions that only read fit a serial order of the others, but not one and the same".to_owned(),
        )
    }
}

/// Whether what a transaction read was there at one moment of an order of those that write. `versions` are, for each
/// key, the places of its writers, rising. O(reads log writers).
fn fits(committed: &Committed, t: u32, place: &[u32], versions: &[Vec<u32>]) -> bool {
    let (mut from, mut to) = (0, u32::MAX);
    for r in committed.reads(t) {
        let versions = &versions[committed.read_key[r] as usize];
        // The moment lies behind the version that was read, and before the next one.
        let next = match committed.read_slot[r] {
            INITIAL => 0,
            slot => {
                let at = place[committed.writer[slot as usize] as usize];
                from = from.max(at + 1);
                versions.partition_point(|&other| other <= at)
            }
        };
        to = to.min(versions.get(next).copied().unwrap_or(u32::MAX));
    }
    from <= to
}

/// What is known about every level.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Levels that are refuted by a search of their own, with the transactions that do it; from weak to strong.
    pub(crate) refuted: Vec<(Level, Vec<u32>)>,
    /// Levels that are kept: those that were shown, not all that they imply.
    pub(crate) held: Vec<Level>,
    /// The order that shows the strongest one.
    pub(crate) certificate: Option<(Level, Certificate)>,
    /// Levels that stay open, and why.
    pub(crate) open: Vec<(Level, String)>,
}

impl Judged {
    /// Whether a level is refuted.
    pub(crate) fn refutes(&self, level: Level) -> bool {
        self.refuted.iter().any(|&(weak, _)| level.implies(weak))
    }

    /// Whether a level is kept.
    pub(crate) fn holds(&self, level: Level) -> bool {
        self.held.iter().any(|strong| strong.implies(level))
    }

    fn take(&mut self, level: Level, answer: Answer) {
        match answer {
            Answer::Holds(certificate) => {
                self.held.push(level);
                if self.certificate.is_none() && certificate != Certificate::None {
                    self.certificate = Some((level, certificate));
                }
            }
            Answer::Refuted(core) => self.refuted.push((level, core)),
            Answer::Unknown(why) => self.open.push((level, why)),
        }
    }
}

/// Whether the few transactions that refute another level refute this one, too. O(n) for each.
fn refuted_too(
    committed: &Committed,
    level: Level,
    judged: &Judged,
    strict: Option<&Answer>,
    budget: &Budget,
) -> Option<Answer> {
    let strict = match strict {
        Some(Answer::Refuted(core)) => Some(core),
        _ => None,
    };
    let few = (judged.refuted.iter().map(|(_, core)| core))
        .chain(strict)
        .filter(|core| (1..=FEW).contains(&core.len()));
    for core in few {
        if let Some(Answer::Refuted(inner)) = judge(&committed.only(core), level, budget) {
            let inner = inner.into_iter().map(|t| core[t as usize]).collect();
            return Some(Answer::Refuted(inner));
        }
    }
    None
}

/// Decides every level that nothing implies. `already` are levels that something else refuted.
pub(crate) fn judge_all(committed: &Committed, already: &[Level], budget: &Budget) -> Judged {
    let mut judged = Judged {
        refuted: already.iter().map(|&level| (level, Vec::new())).collect(),
        ..Judged::default()
    };
    // The strongest first: where it holds, nothing else is to be done.
    let part = budget.part(budget.steps / 4, budget.bytes);
    let first = Level::StrictSerializable;
    let mut strict = None;
    if !judged.refutes(first) {
        strict = judge(committed, first, &part);
        if let Some(answer @ Answer::Holds(_)) = strict {
            judged.take(first, answer);
            return judged;
        }
    }
    // What an order shows that is found without a search settles all that it implies.
    for level in AT_ONCE {
        if !judged.refutes(level)
            && !judged.holds(level)
            && let Some(rules) = rules(level)
            && let Some(holds @ Answer::Holds(_)) = search::at_once(committed, rules)
        {
            judged.take(level, holds);
        }
    }
    let part = budget.part(budget.steps / 16, budget.bytes);
    // Then from weak to strong, but what implies much before what it implies: who refutes a weak level refutes all.
    let weak_first = [
        Level::ReadCommitted,
        Level::MonotonicAtomicView,
        Level::ReadAtomic,
        Level::Causal,
        Level::CausalConvergence,
        Level::StrongSessionSerializable,
        Level::RepeatableRead,
        Level::StrongSessionSnapshotIsolation,
        Level::SnapshotIsolation,
        Level::Prefix,
        Level::ParallelSnapshotIsolation,
        Level::UpdateSerializable,
        Level::StrongSnapshotIsolation,
        Level::StrictSerializable,
    ];
    for level in weak_first {
        if judged.refutes(level) || judged.holds(level) {
            continue;
        }
        let known = strict
            .take_if(|_| level == first)
            .or_else(|| refuted_too(committed, level, &judged, strict.as_ref(), &part));
        if let Some(answer) = known.or_else(|| judge(committed, level, &part)) {
            if level == Level::RepeatableRead && matches!(answer, Answer::Holds(_)) {
                judged.take(Level::Serializable, answer);
            } else {
                judged.take(level, answer);
            }
        }
    }
    judged
}
