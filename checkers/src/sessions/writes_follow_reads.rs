//! Writes follow reads: what a process writes takes effect after what it had read before.
//!
//! As with [monotonic writes](crate::sessions::monotonic_writes), only the order that the database itself tells counts: on a
//! register its revisions and compare-and-sets, on a list the longest read. The guarantee is broken if a write stands
//! before a version (or a list's element) that the process had read before it wrote. It is judged key by key.
//! Figures: see [`crate::sessions::session`].

use schism_history::{History, OpId};

use crate::list::{AccessKind, Elements, List};
use crate::object::{RegisterObject, Registers, found, written};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::proof::witness::Witness;
use crate::sessions::monotonic_writes::order_told;
use crate::sessions::session::{self, ByProcess, Floors, Guarantee, Says};
use crate::versions::Versions;
use crate::{Budget, Checker, Level, Verdict};

/// A write takes effect after what its process had read.
#[derive(Clone, Copy, Debug, Default)]
pub struct WritesFollowReads;

impl Checker for WritesFollowReads {
    fn name(&self) -> &'static str {
        Self::SAYS.name
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        session::judge(self, history, budget)
    }
}

impl Guarantee for WritesFollowReads {
    const SAYS: Says = Says {
        name: "writes-follow-reads",
        level: Level::WritesFollowReads,
        promise: "what each process wrote took effect after what it had read",
        chance: ("write", "of a key that the process had read"),
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
            let (floor, unclear) = floors.of(client);
            if let Some(value) = call.action.left() {
                if floor.is_comparable(versions, value) {
                    findings.checked += 1;
                    if let Some((earlier, by)) = floor.above_by_order(versions, value) {
                        findings.report(history, "write-before-read", || {
                            let op = history.operation(call.id);
                            let reader = history.operation(by);
                            let (read, wrote) = (found(&reader)?, written(&op)?);
                            Some(Broken {
                                sentence: format!(
                                    "process {} found {read} and then wrote {wrote} {}, but {wrote} took effect before {read}",
                                    op.process,
                                    of_key(op.key()),
                                ),
                                key: op.key(),
                                because: history
                                    .operations()
                                    .find(|other| {
                                        other.key_id == op.key_id && written(other) == Some(read)
                                    })
                                    .map(|writer| order_told(&writer, &op))
                                    .unwrap_or_default(),
                                witness: versions.witness(value, earlier, [by, call.id]),
                            })
                        });
                    }
                } else if !floor.is_empty() || *unclear > 0 {
                    findings.undecidable += 1;
                }
            }
            if let Some(value) = call.action.found()
                && call.is_certain()
                && !floor.add(versions, value, call.id)
            {
                *unclear += 1;
            }
        }
    }

    fn list(&self, history: &History, list: &List<'_>, findings: &mut Findings) {
        // The longest beginning of the list that each process has read, and where.
        let mut floors: ByProcess<Option<(OpId, Elements<'_>)>> = ByProcess::new();
        for access in &list.accesses {
            let floor = floors.of(history, access.id);
            match access.kind {
                AccessKind::Read {
                    list: read,
                    is_prefix,
                } => {
                    let longer = floor.is_none_or(|(_, before)| before.len() < read.len());
                    if is_prefix && longer && !read.is_empty() {
                        *floor = Some((access.id, read));
                    }
                }
                AccessKind::Append { element, .. } => {
                    let Some((by, read)) = *floor else { continue };
                    let Some(position) = list.position(element) else {
                        findings.undecidable += 1;
                        continue;
                    };
                    findings.checked += 1;
                    if position as usize >= read.len() || read.last() == Some(element) {
                        continue;
                    }
                    findings.report(history, "write-before-read", || {
                        let newest = read.last()?;
                        Some(Broken {
                            sentence: format!(
                                "process {} found {newest} in the list {} and then appended {element}, but {element} stands before {newest}",
                                history.operation(access.id).process,
                                of_key(list.key),
                            ),
                            key: list.key,
                            witness: Witness::lists(
                                [
                                    list.appended_by(newest)?,
                                    by,
                                    list.appended_by(element)?,
                                    list.longest_by?,
                                ],
                                vec![(list.key, newest.value), (list.key, element.value)],
                            ),
                            because: Vec::new(),
                        })
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;
    use crate::proof::findings::testing::{broken, check, with_revisions};

    const READ_AND_WRITE: &str = "
        0 |w x 1|
        1         |r x -> 1|
        1                    |w x 2|
        ";

    #[test]
    fn revisions_tell_whether_a_write_follows_a_read() {
        let good = with_revisions(&WritesFollowReads, READ_AND_WRITE, &[4, 5, 6]);
        assert_eq!(good.validity, Validity::Valid, "{}", good.summary);
        let bad = with_revisions(&WritesFollowReads, READ_AND_WRITE, &[4, 4, 3]);
        assert_eq!(broken(&bad), [("write-before-read", vec![0, 1, 2])]);
        let unordered = check(&WritesFollowReads, READ_AND_WRITE);
        assert_eq!(unordered.validity, Validity::Unknown);
    }

    #[test]
    fn what_was_written_before_the_read_need_not_follow() {
        let verdict = with_revisions(
            &WritesFollowReads,
            "
            0 |w x 1|
            1         |w x 2|
            0                 |r x -> 2|
            ",
            &[1, 2, 2],
        );
        assert_eq!(verdict.validity, Validity::Unknown, "{}", verdict.summary);
    }

    #[test]
    fn an_append_follows_what_was_read() {
        let drawing = |read: &str| {
            format!(
                "
                0 |txn nil [[append,x,1]]|
                1                          |txn nil [[r,x,nil],[append,x,2]] -> [[r,x,[1]],[append,x,2]]|
                2                                                                                         |txn nil [[r,x,nil]] -> [[r,x,{read}]]|
                "
            )
        };
        let check = |read| check(&WritesFollowReads, &drawing(read));
        assert_eq!(check("[1,2]").validity, Validity::Valid);
        assert_eq!(check("[1]").validity, Validity::Unknown);
    }

    #[test]
    fn an_append_before_what_was_read_breaks_it() {
        let verdict = check(
            &WritesFollowReads,
            "
            0 |txn nil [[append,x,1]] ?
            3 |txn nil [[append,x,3]] ?
            1   |txn nil [[r,x,nil]] -> [[r,x,[2,1]]]|
            1                                          |txn nil [[append,x,2]]|
            2                                                                   |txn nil [[r,x,nil]] -> [[r,x,[2,1,3]]]|
            ",
        );
        assert_eq!(broken(&verdict), [("write-before-read", vec![0, 2, 3, 4])]);
    }
}
