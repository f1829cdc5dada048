//! Acknowledged writes of registers.
//!
//! A write is lost if it was acknowledged and the register went back to something older. That is certain if
//!
//! - two compare-and-sets both replaced the same write's value: the second one overwrote what it had not seen
//!   (`lost-update`);
//! - a compare-and-set that was sent after the acknowledgement found a version that came before the write for sure
//!   (`lost-write`);
//! - the reads that have the last word were sent after the acknowledgement, and all of them found versions that came
//!   before the write for sure (`lost-write`).
//!
//! A read in the middle of a run that finds something older is not enough: it may have read from a stale node. Values
//! that were written twice are not judged.
//!
//! Figures: `acknowledged`, `lost`, `undecided` (acknowledged, and nobody with the last word looked later).

use schism_history::{History, OpId, Time, Value};

use super::Part;
use crate::final_read::last_words;
use crate::models::RegisterAction;
use crate::object::{Call, Registers, found, written};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::versions::Versions;

#[derive(Default)]
struct Counts {
    acknowledged: u64,
    lost: u64,
    undecided: u64,
}

/// Judges all registers of a history; `None` when it has none. O(n log n).
pub(super) fn judge(history: &History, findings: &mut Findings) -> Option<Part> {
    let registers = Registers::of(history);
    if registers.call_count() == 0 {
        return None;
    }
    let mut counts = Counts::default();
    for object in &registers.objects {
        let calls = registers.calls(object);
        let mut judge = Judge {
            history,
            key: history.key(object.key),
            calls,
            versions: &Versions::of(history, calls, object.values),
            findings,
            counts: &mut counts,
        };
        judge.compare_and_sets(object.values);
        judge.last_words();
    }
    Some(Part {
        name: "registers",
        decided: counts.acknowledged - counts.undecided,
        undecided: counts.undecided,
        figures: Value::map([
            ("acknowledged", counts.acknowledged),
            ("lost", counts.lost),
            ("undecided", counts.undecided),
        ]),
    })
}

struct Judge<'a> {
    history: &'a History,
    key: &'a Value,
    calls: &'a [Call<RegisterAction>],
    versions: &'a Versions<'a>,
    findings: &'a mut Findings,
    counts: &'a mut Counts,
}

impl Judge<'_> {
    fn compare_and_sets(&mut self, values: u32) {
        let is_cas = |call: &&Call<RegisterAction>| {
            call.is_certain() && matches!(call.action, RegisterAction::Cas(..))
        };
        // In order of acknowledgement.
        let mut acknowledged: Vec<&Call<RegisterAction>> = self
            .calls
            .iter()
            .filter(|call| call.is_certain() && call.action.left().is_some())
            .collect();
        acknowledged.sort_by_key(|call| call.end);
        let mut acknowledged = acknowledged.into_iter().peekable();
        let mut newest: Option<(Time, u32, OpId)> = None;
        let mut replaced_by: Vec<Option<OpId>> = vec![None; values as usize];
        for call in self.calls.iter().filter(is_cas) {
            while let Some(write) = acknowledged.next_if(|write| write.end < call.invoked) {
                let Some(value) = write.action.left().filter(|&v| self.versions.is_known(v)) else {
                    continue;
                };
                let time = self.versions.not_before(value);
                if newest.is_none_or(|(before, ..)| before < time) {
                    newest = Some((time, value, write.id));
                }
            }
            let Some(old) = call.action.found().filter(|&v| self.versions.is_known(v)) else {
                continue;
            };
            if let Some(first) = replaced_by[old as usize] {
                self.report_rivals(old, first, call.id);
                continue;
            }
            replaced_by[old as usize] = Some(call.id);
            if let Some((_, value, by)) = newest
                && self.versions.is_before(old, value)
            {
                self.report_lost(old, value, by, &[call.id]);
            }
        }
    }

    fn last_words(&mut self) {
        let is_read = |call: &&Call<RegisterAction>| matches!(call.action, RegisterAction::Read(_));
        let reads = self.calls.iter().filter(is_read);
        let ids = last_words(self.history, reads.clone().map(|call| call.id));
        let last: Vec<&Call<RegisterAction>> = reads
            .filter(|call| ids.binary_search(&call.id).is_ok())
            .collect();
        for call in self.calls.iter().filter(|call| call.is_certain()) {
            let Some(value) = call.action.left() else {
                continue;
            };
            self.counts.acknowledged += 1;
            let later: Vec<(u32, OpId)> = last
                .iter()
                .filter(|read| read.invoked > call.end)
                .filter_map(|read| Some((read.action.found()?, read.id)))
                .collect();
            let known = |&(found, _): &(u32, OpId)| self.versions.is_known(found);
            if later.is_empty() || !self.versions.is_known(value) || !later.iter().any(known) {
                self.counts.undecided += 1;
                continue;
            }
            if later
                .iter()
                .all(|&(found, _)| self.versions.is_before(found, value))
            {
                let reads: Vec<OpId> = later.iter().map(|&(_, id)| id).collect();
                self.report_lost(later[0].0, value, call.id, &reads);
            }
        }
    }

    fn report_rivals(&mut self, old: u32, first: OpId, second: OpId) {
        self.counts.lost += 1;
        let (history, key, versions) = (self.history, self.key, self.versions);
        self.findings.report(history, "lost-update", || {
            let [a, b] = [first, second].map(|id| history.operation(id));
            Some(Broken {
                sentence: format!(
                    "processes {} and {} both replaced the same {} {}: one of the two updates is lost",
                    a.process,
                    b.process,
                    found(&a)?,
                    of_key(key)
                ),
                key,
                witness: versions.witness(old, old, [first, second]),
                because: vec![(second, ", too".to_owned())],
            })
        });
    }

    /// `value`, written and acknowledged by `by`, is lost: the operations `after` found `old`.
    fn report_lost(&mut self, old: u32, value: u32, by: OpId, after: &[OpId]) {
        self.counts.lost += 1;
        let (history, key, versions) = (self.history, self.key, self.versions);
        self.findings.report(history, "lost-write", || {
            let (write, finder) = (history.operation(by), history.operation(after[0]));
            let (new, older) = (written(&write)?, found(&finder)?);
            let what = match (written(&finder), after.len()) {
                (Some(_), _) => format!("a later compare-and-set found the older {older}"),
                (None, 1) => format!("the last read found the older {older}"),
                (None, reads) => format!("all {reads} last reads found something older"),
            };
            Some(Broken {
                sentence: format!(
                    "the write of {new} {} is lost, although process {} was told that it happened: {what}",
                    of_key(key),
                    write.process
                ),
                key,
                witness: versions.witness(old, value, [by, after[0]]),
                because: vec![
                    (by, ": acknowledged".to_owned()),
                    (after[0], ", after that: an older value".to_owned()),
                ],
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::proof::findings::testing::{broken, check};
    use crate::{LostUpdates, Validity};

    #[test]
    fn a_register_that_goes_back_has_lost_a_write() {
        let verdict = check(
            &LostUpdates,
            "
            0 |w x 1|
            1         |w x 2|
            2                 |r x -> 2|
            3                            |r x -> 1|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-write", vec![0, 1, 3])]);
        assert_eq!(
            verdict.summary,
            "the write of 2 of key \"x\" is lost, although process 1 was told that it happened: the last read found \
             the older 1"
        );
    }

    #[test]
    fn a_stale_node_has_lost_nothing() {
        let verdict = check(
            &LostUpdates,
            "
            0@n1 |w x 1|
            1@n1         |w x 2|
            2@n2                 |r x -> 1|
            2@n1                            |r x -> 2|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn a_write_of_unknown_outcome_may_have_replaced_it() {
        let verdict = check(
            &LostUpdates,
            "
            0 |w x 1 ?
            1         |w x 2|
            2                 |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn a_concurrent_write_may_have_replaced_it() {
        let verdict = check(
            &LostUpdates,
            "
            0 |w x 1|
            1   |w x 2|
            2           |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn two_updates_of_one_version_are_one_too_many() {
        let verdict = check(
            &LostUpdates,
            "
            0 |w x 1|
            1         |cas x 1 2|
            2           |cas x 1 3|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-update", vec![0, 1, 2])]);
    }

    #[test]
    fn a_compare_and_set_of_an_older_version_loses_what_came_between() {
        let verdict = check(
            &LostUpdates,
            "
            0 |w x 1|
            1         |w x 2|
            2                 |cas x 1 3|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-write", vec![0, 1, 2])]);
    }

    #[test]
    fn what_nobody_looked_for_and_what_is_ambiguous_is_undecided() {
        let unread = check(&LostUpdates, "0 |w x 1|");
        assert_eq!(unread.validity, Validity::Unknown);
        let twice = check(
            &LostUpdates,
            "
            0 |w x 1|
            0         |w x 2|
            0                 |w x 1|
            0                         |r x -> 2|
            ",
        );
        assert_eq!(
            twice.summary,
            "none of 1 acknowledged update is lost; of 2 more it is not known"
        );
    }
}
