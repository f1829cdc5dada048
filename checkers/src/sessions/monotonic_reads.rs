//! Monotonic reads: once a process has read a version, it does not read anything older.
//!
//! On a register, a read (or a successful compare-and-set) breaks the guarantee if it finds a version that came for sure
//! before one that the process had found already; on a list, if it lacks an element that the process had seen there.
//! Reading the same stale value again and again breaks nothing. Figures: see [`crate::sessions::session`].

use schism_history::{History, OpId};

use crate::list::{AccessKind, Element, Elements, List};
use crate::object::{RegisterObject, Registers, found};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::proof::witness::Witness;
use crate::sessions::session::{self, ByProcess, Floors, Guarantee, Says};
use crate::versions::Versions;
use crate::{Budget, Checker, Level, Verdict};

/// What a process reads never goes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicReads;

impl Checker for MonotonicReads {
    fn name(&self) -> &'static str {
        Self::SAYS.name
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        session::judge(self, history, budget)
    }
}

impl Guarantee for MonotonicReads {
    const SAYS: Says = Says {
        name: "monotonic-reads",
        level: Level::MonotonicReads,
        promise: "no process read anything older than what it had read before",
        chance: ("second read", "of a key by one process"),
    };

    fn register(
        &self,
        history: &History,
        object: &RegisterObject,
        versions: &Versions<'_>,
        registers: &Registers,
        floors: &mut Floors,
        findings: &mut Findings,
    ) {
        let calls = registers.calls_of_clients(object);
        for (call, client) in calls.filter(|(call, _)| call.is_certain()) {
            let Some(value) = call.action.found() else {
                continue;
            };
            let (floor, unclear) = floors.of(client);
            if versions.is_known(value) && !floor.is_empty() {
                findings.checked += 1;
                if let Some((newer, by)) = floor.above(versions, value) {
                    findings.report(history, "read-went-back", || {
                        let op = history.operation(call.id);
                        let (then, now) = (found(&history.operation(by))?, found(&op)?);
                        Some(Broken {
                            sentence: format!(
                                "process {} found {then} and later {now} {}, although {now} is older",
                                op.process,
                                of_key(op.key()),
                            ),
                            key: op.key(),
                            witness: versions.witness(value, newer, [by, call.id]),
                            because: vec![(call.id, ", after that: an older value".to_owned())],
                        })
                    });
                }
            } else if !floor.is_empty() || *unclear > 0 {
                findings.undecidable += 1;
            }
            if !floor.add(versions, value, call.id) {
                *unclear += 1;
            }
        }
    }

    fn list(&self, history: &History, list: &List<'_>, findings: &mut Findings) {
        let mut floors: ByProcess<Option<Seen<'_>>> = ByProcess::new();
        for access in &list.accesses {
            let AccessKind::Read {
                list: read,
                is_prefix,
            } = access.kind
            else {
                continue;
            };
            let floor = floors.of(history, access.id);
            if let Some(seen) = floor {
                findings.checked += 1;
                if let Some(lacks) = seen.lacking(read, is_prefix) {
                    findings.report(history, "read-went-back", || {
                        let by = list.appended_by(lacks)?;
                        Some(Broken {
                            sentence: format!(
                                "process {} found {lacks} in the list {}, and later it did not",
                                history.operation(access.id).process,
                                of_key(list.key),
                            ),
                            key: list.key,
                            witness: Witness::lists(
                                [by, seen.by, access.id],
                                vec![(list.key, lacks.value)],
                            ),
                            because: vec![(
                                access.id,
                                format!(", after that, and {lacks} is not there any more"),
                            )],
                        })
                    });
                }
            }
            if floor.is_none_or(|seen| seen.read.len() < read.len()) {
                *floor = Some(Seen {
                    by: access.id,
                    read,
                    is_prefix,
                });
            }
        }
    }
}

/// The longest list that a process has seen.
#[derive(Clone, Copy)]
struct Seen<'h> {
    by: OpId,
    read: Elements<'h>,
    is_prefix: bool,
}

impl<'h> Seen<'h> {
    /// An element that was seen and is not in a later read.
    fn lacking(&self, later: Elements<'_>, is_prefix: bool) -> Option<Element<'h>> {
        if self.is_prefix && is_prefix {
            return self.read.last().filter(|_| later.len() < self.read.len());
        }
        self.read.iter().find(|&element| !later.contains(element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;
    use crate::proof::findings::testing::{broken, check};
    use schism_history::Value;

    #[test]
    fn stale_reads_that_never_go_back_are_fine() {
        let verdict = check(
            &MonotonicReads,
            "
            0 |w x 1|
            0         |w x 2|
            0                 |w x 3|
            1                         |r x -> 1|
            1                                    |r x -> 1|
            1                                               |r x -> 3|
            2                         |r x -> nil|
            2                                      |r x -> 2|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(verdict.figures.get("checked"), Some(&Value::from(3)));
    }

    #[test]
    fn a_read_that_goes_back_breaks_it() {
        let verdict = check(
            &MonotonicReads,
            "
            0 |w x 1|
            0         |w x 2|
            1                 |r x -> 2|
            1                            |r x -> 1|
            ",
        );
        assert_eq!(broken(&verdict), [("read-went-back", vec![0, 1, 2, 3])]);
        // One session wrote both, in this order.
        assert_eq!(verdict.levels.refuted, [Level::Pram]);
        assert_eq!(
            verdict.summary,
            "process 1 found 2 and later 1 of key \"x\", although 1 is older"
        );
    }

    #[test]
    fn another_process_is_another_session() {
        let verdict = check(
            &MonotonicReads,
            "
            0 |w x 1|
            0         |w x 2|
            1                 |r x -> 2|
            2                            |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
    }

    #[test]
    fn a_write_that_was_seen_before_another_began_is_older() {
        // The write of 1 is unknown, and yet it was there before 2 was begun.
        let verdict = check(
            &MonotonicReads,
            "
            0 |w x 1 ?
            1   |r x -> 1|
            2              |w x 2|
            1                      |r x -> 2|
            1                                 |r x -> 1|
            ",
        );
        assert_eq!(broken(&verdict), [("read-went-back", vec![0, 1, 2, 3, 4])]);
    }

    #[test]
    fn a_list_does_not_shrink() {
        let verdict = check(
            &MonotonicReads,
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[r,x,nil]] -> [[r,x,[1]]]|
            1                                      |txn nil [[r,x,nil]] -> [[r,x,nil]]|
            ",
        );
        assert_eq!(broken(&verdict), [("read-went-back", vec![0, 1, 2])]);
        let verdict = check(
            &MonotonicReads,
            "
            0 |txn nil [[append,x,1]]|
            0                          |txn nil [[append,x,2]]|
            1 |txn nil [[r,x,nil]] -> [[r,x,nil]]|
            1                                      |txn nil [[r,x,nil]] -> [[r,x,[1,2]]]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid);
    }
}
