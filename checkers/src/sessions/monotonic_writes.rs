//! Monotonic writes: the writes of a process take effect in the order in which it made them.
//!
//! Reads alone do not show in which order writes took effect: who reads the newer value first and the older one later
//! may have read from a stale node. So only the order that the database itself tells counts: on a register its revisions
//! and compare-and-sets, on a list the longest read. The guarantee is broken if a write stands before an earlier,
//! acknowledged one of the same process, or if a list holds the later element without the earlier one.
//! Figures: see [`crate::sessions::session`].

use schism_history::{History, OpId};

use crate::list::{AccessKind, Element, List};
use crate::object::{RegisterObject, Registers, written};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::proof::witness::Witness;
use crate::sessions::session::{self, ByProcess, Floors, Guarantee, Says};
use crate::versions::Versions;
use crate::{Budget, Checker, Level, Verdict};

/// The writes of a process take effect in its own order.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicWrites;

impl Checker for MonotonicWrites {
    fn name(&self) -> &'static str {
        Self::SAYS.name
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        session::judge(self, history, budget)
    }
}

impl Guarantee for MonotonicWrites {
    const SAYS: Says = Says {
        name: "monotonic-writes",
        level: Level::MonotonicWrites,
        promise: "the writes of each process took effect in its own order",
        chance: ("second write", "of a key by one process"),
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
        for (call, client) in registers.calls_of_clients(object) {
            let Some(value) = call.action.left() else {
                continue;
            };
            let (floor, unclear) = floors.of(client);
            if floor.is_comparable(versions, value) {
                findings.checked += 1;
                if let Some((earlier, by)) = floor.above_by_order(versions, value) {
                    findings.report(history, "writes-reordered", || {
                        let op = history.operation(call.id);
                        let (first, second) = (written(&history.operation(by))?, written(&op)?);
                        Some(Broken {
                            sentence: format!(
                                "process {} wrote {first} and then {second} {}, but {second} took effect first",
                                op.process,
                                of_key(op.key()),
                            ),
                            key: op.key(),
                            witness: versions.witness(value, earlier, [by, call.id]),
                            because: order_told(&op, &history.operation(by)),
                        })
                    });
                }
            } else if !floor.is_empty() || *unclear > 0 {
                findings.undecidable += 1;
            }
            if call.is_certain() && !floor.add(versions, value, call.id) {
                *unclear += 1;
            }
        }
    }

    fn list(&self, history: &History, list: &List<'_>, findings: &mut Findings) {
        let mut floors: ByProcess<Own<'_>> = ByProcess::new();
        for access in &list.accesses {
            let AccessKind::Append { element, certain } = access.kind else {
                continue;
            };
            let position = list.position(element);
            let own = floors.of(history, access.id);
            if own.begun {
                match position {
                    None => findings.undecidable += 1,
                    Some(position) => {
                        findings.checked += 1;
                        if let Some((by, earlier)) = own.behind(position) {
                            findings.report(history, "writes-reordered", || {
                                let missing = list.position(earlier).is_none();
                                Some(Broken {
                                    sentence: format!(
                                        "process {} appended {earlier} and then {element} to the list {}, but {element} stands there {}",
                                        history.operation(access.id).process,
                                        of_key(list.key),
                                        if missing { "without it" } else { "before it" },
                                    ),
                                    key: list.key,
                                    witness: Witness::lists(
                                        [by, list.appended_by(element)?, list.longest_by?],
                                        vec![(list.key, earlier.value), (list.key, element.value)],
                                    ),
                                    because: vec![(by, ": acknowledged".to_owned())],
                                })
                            });
                        }
                    }
                }
            }
            if certain && list.appended_by(element).is_some() {
                own.add(position, access.id, element);
            }
        }
    }
}

/// What the revisions of two writes say, where both have one.
pub(crate) fn order_told(
    first: &schism_history::Operation<'_>,
    second: &schism_history::Operation<'_>,
) -> Vec<(OpId, String)> {
    [first, second]
        .iter()
        .filter_map(|op| {
            let revision = op.revision()?;
            Some((op.id, format!("; the database gave it revision {revision}")))
        })
        .collect()
}

/// What a process has appended to a list.
#[derive(Default)]
struct Own<'h> {
    begun: bool,
    /// The element that stands last in the longest read.
    last: Option<(u32, OpId, Element<'h>)>,
    /// One that does not stand there at all.
    absent: Option<(OpId, Element<'h>)>,
}

impl<'h> Own<'h> {
    fn add(&mut self, position: Option<u32>, id: OpId, element: Element<'h>) {
        self.begun = true;
        match position {
            Some(position) if self.last.is_none_or(|(last, ..)| last < position) => {
                self.last = Some((position, id, element));
            }
            Some(_) => {}
            None => self.absent = Some((id, element)),
        }
    }

    /// An earlier element that does not stand before this position.
    fn behind(&self, position: u32) -> Option<(OpId, Element<'h>)> {
        let later = self.last.filter(|&(last, ..)| last > position);
        later.map(|(_, id, element)| (id, element)).or(self.absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;
    use crate::proof::findings::testing::{broken, check, with_revisions};
    use schism_history::Value;

    const TWO_WRITES: &str = "
        0 |w x 1|
        0         |w x 2|
        ";

    #[test]
    fn revisions_tell_the_order_of_writes() {
        let good = with_revisions(&MonotonicWrites, TWO_WRITES, &[7, 8]);
        assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
        let bad = with_revisions(&MonotonicWrites, TWO_WRITES, &[8, 7]);
        assert_eq!(broken(&bad), [("writes-reordered", vec![0, 1])]);
        assert!(
            bad.anomalies[0].steps[0]
                .text
                .ends_with("; the database gave it revision 8.")
        );
    }

    #[test]
    fn without_an_order_nothing_is_decided() {
        let verdict = check(&MonotonicWrites, TWO_WRITES);
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(verdict.figures.get("undecidable"), Some(&Value::from(1)));
    }

    #[test]
    fn compare_and_sets_tell_the_order_of_writes() {
        let good = check(
            &MonotonicWrites,
            "
            0 |w x 1|
            0         |cas x 1 2|
            ",
        );
        assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
        // 1 was made from 2, which the process wrote only later.
        let bad = check(
            &MonotonicWrites,
            "
            0 |cas x 2 1|
            0             |w x 2|
            ",
        );
        assert_eq!(broken(&bad), [("writes-reordered", vec![0, 1])]);
    }

    #[test]
    fn the_longest_read_tells_the_order_of_appends() {
        let drawing = |read: &str| {
            format!(
                "
                0 |txn nil [[append,x,1]]|
                0                          |txn nil [[append,x,2]]|
                1                                                   |txn nil [[r,x,nil]] -> [[r,x,{read}]]|
                "
            )
        };
        let check = |read| check(&MonotonicWrites, &drawing(read));
        assert_eq!(check("[1,2]").validity, Validity::Valid);
        assert_eq!(check("[1]").validity, Validity::Unknown);
        assert_eq!(
            broken(&check("[2,1]")),
            [("writes-reordered", vec![0, 1, 2])]
        );
        assert_eq!(broken(&check("[2]")), [("writes-reordered", vec![0, 1, 2])]);
    }
}
