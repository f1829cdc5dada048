//! Causal reverse: a later write is seen without an earlier one that had been acknowledged before it began.
//!
//! Clients `add` elements to a set (or `write` them, as Jepsen's test of this name does) and `read` the whole of it as a
//! list. Elements are added once and never removed: a history with `remove` is not judged, and neither are elements
//! that were added more than once. Each key is a set of its own.
//!
//! - `causal-reverse`: the add of a had been acknowledged before that of b was sent, and a read saw b without a. Strict
//!   serializability does not allow that; serializability does.
//!
//! Source: "the causal reverse" in Jepsen's analysis of `CockroachDB`, 2017, and Abadi and Faleiro's taxonomy of
//! "Correctness Anomalies Under Serializable Isolation", 2019. Of each read, the earliest acknowledgement it missed is
//! compared with the latest sending it saw. O(elements read + elements missed) time.
//!
//! Figures: `adds` (acknowledged), `reads` (judged), `repeated_elements` (not judged).

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Time, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::verdict::Levels;
use crate::{Budget, Checker, Level, Validity, Verdict};

const BY: &str = "looking for both elements in the read, and comparing the times of the two writes";

/// No write is seen without those that had been acknowledged before it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct CausalReverse;

#[derive(Clone, Copy)]
struct Add {
    id: OpId,
    invoked: Time,
    /// [`Time::NEVER`] when it was not acknowledged.
    end: Time,
    times: u32,
}

#[derive(Default)]
struct Counts {
    adds: u64,
    reads: u64,
    repeated: u64,
}

impl Checker for CausalReverse {
    fn name(&self) -> &'static str {
        "causal-reverse"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut claims = Claims::new(history);
        let mut counts = Counts::default();
        if !history.functions().contains(&F::Remove) {
            for (_, ids) in history.by_key() {
                if budget.is_stopped() {
                    break;
                }
                judge(history, &ids, &mut counts, &mut claims);
            }
        }
        let found = claims.count;
        let verdict = conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.reads == 0 || counts.adds < 2 {
                let text =
                    "there is nothing to judge: no read of a set to which two elements were added";
                (Validity::Unknown, text.to_owned())
            } else {
                let text = format!(
                    "none of {} saw an element without those acknowledged before it was added",
                    count(counts.reads, "read")
                );
                (Validity::Valid, text)
            }
        });
        let mut levels = Levels::default();
        if verdict.validity == Validity::Invalid {
            levels.refuted.push(Level::StrictSerializable);
        }
        verdict.levels(levels).figures(Value::map([
            ("adds", counts.adds),
            ("reads", counts.reads),
            ("repeated_elements", counts.repeated),
        ]))
    }
}

fn judge(history: &History, ids: &[OpId], counts: &mut Counts, claims: &mut Claims<'_>) {
    let mut adds: FxHashMap<&Value, Add> = FxHashMap::default();
    for &id in ids {
        let op = history.operation(id);
        if matches!(op.f(), F::Add | F::Write) && op.outcome != Outcome::Fail {
            adds.entry(op.input())
                .and_modify(|add| add.times += 1)
                .or_insert(Add {
                    id,
                    invoked: op.invoked,
                    end: op.end(),
                    times: 1,
                });
        }
    }
    counts.repeated += adds.values().filter(|add| add.times > 1).count() as u64;
    let is_judged = |add: &&Add| add.times == 1 && add.end != Time::NEVER;
    // By acknowledgement: the first one that a read misses is the earliest.
    let mut acknowledged: Vec<(Time, OpId, &Value)> = adds
        .iter()
        .filter(|(_, add)| is_judged(add))
        .map(|(&element, add)| (add.end, add.id, element))
        .collect();
    acknowledged.sort_unstable_by_key(|&(end, id, _)| (end, id));
    counts.adds += acknowledged.len() as u64;
    for &id in ids {
        let op = history.operation(id);
        let (F::Read, Outcome::Ok, Some(read)) = (op.f(), op.outcome, op.output().as_list()) else {
            continue;
        };
        counts.reads += 1;
        let newest = read
            .iter()
            .filter_map(|element| adds.get(element))
            .filter(|add| add.times == 1)
            .max_by_key(|add| (add.invoked, add.id));
        let Some(&newest) = newest else { continue };
        let before = acknowledged.partition_point(|&(end, ..)| end < newest.invoked);
        if before == 0 {
            continue;
        }
        let seen: rustc_hash::FxHashSet<&Value> = read.iter().collect();
        let missed = acknowledged[..before]
            .iter()
            .find(|(.., element)| !seen.contains(element));
        let Some(&(_, missed, element)) = missed else {
            continue;
        };
        let claim = || {
            let later = history.operation(newest.id).input();
            let sentence = format!(
                "a read{} saw {later}, but not {element}, which had been acknowledged before {later} was sent",
                of_key(op.key())
            );
            Claim::new(sentence, op.key(), vec![missed, newest.id, id])
        };
        claims.report("causal-reverse", BY, claim, recount);
    }
}

/// Reads the three operations again.
fn recount(history: &History, ids: &[OpId]) -> Result<(), String> {
    let [missed, seen, read] = [0, 1, 2].map(|i| history.operation(ids[i]));
    let list = read.output().as_list().unwrap_or_default();
    let in_order = missed.outcome == Outcome::Ok && missed.end() < seen.invoked;
    let of_one_key = missed.key() == read.key() && seen.key() == read.key();
    if in_order && of_one_key && list.contains(seen.input()) && !list.contains(missed.input()) {
        Ok(())
    } else {
        Err("the read holds both, or the writes overlap".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{figure, judge};
    use crate::proof::findings::testing::broken;

    #[test]
    fn an_effect_without_its_cause_is_found() {
        let verdict = judge(
            &CausalReverse,
            "
            0 |add s 1|
            1 |add s 2|
            0 |add s 3|
            2 |r s -> [1,3]|
            ",
        );
        assert_eq!(broken(&verdict), [("causal-reverse", vec![1, 2, 3])]);
        assert_eq!(verdict.levels.refuted, [Level::StrictSerializable]);
    }

    #[test]
    fn stale_reads_that_miss_the_newest_are_fine() {
        let verdict = judge(
            &CausalReverse,
            "
            0 |add s 1|
            1 |add s 2|
            0 |add t 3|
            2 |r s -> [1]|
            2 |r s -> []|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(
            (figure(&verdict, "adds"), figure(&verdict, "reads")),
            (3, 2)
        );
    }

    #[test]
    fn writes_that_overlap_have_no_order() {
        let verdict = judge(
            &CausalReverse,
            "
            0 |write s 1    |
            & 1 |write s 2  |
            2 |r s -> [2]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn what_is_unknown_or_added_twice_need_not_be_seen() {
        let verdict = judge(
            &CausalReverse,
            "
            0 |add s 1 ?
            1 |add s 2|
            1 |add s 2|
            2 |add s 3|
            2 |r s -> [3]|
            2 |add s 4|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn sets_from_which_elements_go_are_not_judged() {
        let verdict = judge(
            &CausalReverse,
            "
            0 |add s 1|
            1 |remove s 1|
            1 |add s 2|
            2 |r s -> [2]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
