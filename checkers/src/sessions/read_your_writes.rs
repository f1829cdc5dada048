//! Read your writes: once a process was told that its write happened, it does not read anything older.
//!
//! Only acknowledged writes bind: one that failed never happened, and one of unknown outcome promised nothing. On a
//! register, a read (or a successful compare-and-set) breaks the guarantee if it finds a version that came before the
//! process's own write for sure; on a list, if it lacks an element that the process had appended. Figures: see
//! [`crate::sessions::session`].

use schism_history::{History, OpId};

use crate::list::{AccessKind, Element, Elements, List};
use crate::object::{RegisterObject, Registers, found, written};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::proof::witness::Witness;
use crate::sessions::session::{self, ByProcess, Floors, Guarantee, Says};
use crate::versions::Versions;
use crate::{Budget, Checker, Level, Verdict};

/// A process sees its own acknowledged writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadYourWrites;

impl Checker for ReadYourWrites {
    fn name(&self) -> &'static str {
        Self::SAYS.name
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        session::judge(self, history, budget)
    }
}

impl Guarantee for ReadYourWrites {
    const SAYS: Says = Says {
        name: "read-your-writes",
        level: Level::ReadYourWrites,
        promise: "no process read anything older than its own acknowledged writes",
        chance: ("read", "after a process's own write"),
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
            let (floor, unclear) = floors.of(client);
            if let Some(value) = call.action.found() {
                if versions.is_known(value) && !floor.is_empty() {
                    findings.checked += 1;
                    if let Some((own, by)) = floor.above(versions, value) {
                        findings.report(history, "own-write-not-read", || {
                            let op = history.operation(call.id);
                            let old = found(&op)?;
                            Some(Broken {
                                sentence: format!(
                                    "process {} found {old} {}, although its own write of {} had been acknowledged and {old} is older",
                                    op.process,
                                    of_key(op.key()),
                                    written(&history.operation(by))?,
                                ),
                                key: op.key(),
                                witness: versions.witness(value, own, [by, call.id]),
                                because: vec![
                                    (by, ": its own write, acknowledged".to_owned()),
                                    (call.id, ", after that: an older value".to_owned()),
                                ],
                            })
                        });
                    }
                } else if !floor.is_empty() || *unclear > 0 {
                    findings.undecidable += 1;
                }
            }
            if let Some(left) = call.action.left()
                && !floor.add(versions, left, call.id)
            {
                *unclear += 1;
            }
        }
    }

    fn list(&self, history: &History, list: &List<'_>, findings: &mut Findings) {
        let mut floors: ByProcess<Own<'_>> = ByProcess::new();
        for access in &list.accesses {
            let own = floors.of(history, access.id);
            match access.kind {
                AccessKind::Append { element, certain } if certain => {
                    if list.appended_by(element).is_some() {
                        own.fresh.push((access.id, element));
                    }
                }
                AccessKind::Append { .. } => {}
                AccessKind::Read {
                    list: read,
                    is_prefix,
                } => {
                    own.settle(list, access.id);
                    if own.is_empty() {
                        continue;
                    }
                    findings.checked += 1;
                    if let Some((by, element)) = own.lacking(read, is_prefix) {
                        findings.report(history, "own-append-not-read", || {
                            Some(Broken {
                                sentence: format!(
                                    "process {} did not find {element} in the list {}, which it had appended before",
                                    history.operation(access.id).process,
                                    of_key(list.key),
                                ),
                                key: list.key,
                                witness: Witness::lists(
                                    [by, access.id],
                                    vec![(list.key, element.value)],
                                ),
                                because: vec![
                                    (by, ": acknowledged".to_owned()),
                                    (access.id, format!(", after that, and {element} is not there")),
                                ],
                            })
                        });
                    }
                }
            }
        }
    }
}

/// What a process has appended to a list.
#[derive(Default)]
struct Own<'h> {
    /// In the newest transaction: what that one must see of itself is not this guarantee's business.
    fresh: Vec<(OpId, Element<'h>)>,
    /// Before that, the element that stands last in the longest read.
    last: Option<(u32, OpId, Element<'h>)>,
    /// Before that, an element that does not stand there at all.
    absent: Option<(OpId, Element<'h>)>,
}

impl<'h> Own<'h> {
    /// In transaction `now`, what those before it appended counts.
    fn settle(&mut self, list: &List<'h>, now: OpId) {
        let (past, fresh): (Vec<_>, Vec<_>) = std::mem::take(&mut self.fresh)
            .into_iter()
            .partition(|&(id, _)| id != now);
        self.fresh = fresh;
        for (id, element) in past {
            match list.position(element) {
                Some(position) if self.last.is_none_or(|(last, ..)| last < position) => {
                    self.last = Some((position, id, element));
                }
                Some(_) => {}
                None => self.absent = Some((id, element)),
            }
        }
    }

    /// Whether earlier transactions appended nothing.
    fn is_empty(&self) -> bool {
        self.last.is_none() && self.absent.is_none()
    }

    /// An own element that a read lacks.
    fn lacking(&self, read: Elements<'_>, is_prefix: bool) -> Option<(OpId, Element<'h>)> {
        let hidden = self.last.filter(|&(position, _, element)| {
            if is_prefix {
                read.len() <= position as usize
            } else {
                !read.contains(element)
            }
        });
        let absent = self
            .absent
            .filter(|&(_, element)| is_prefix || !read.contains(element));
        hidden.map(|(_, id, element)| (id, element)).or(absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;
    use crate::proof::findings::testing::{broken, check};
    use schism_history::Value;

    #[test]
    fn an_own_write_is_read_or_something_newer() {
        let verdict = check(
            &ReadYourWrites,
            "
            0 |w x 1|
            0         |w x 2|
            0                 |r x -> 2|
            1                   |w x 3|
            0                            |r x -> 3|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(verdict.figures.get("checked"), Some(&Value::from(2)));
    }

    #[test]
    fn an_older_value_breaks_it() {
        let verdict = check(
            &ReadYourWrites,
            "
            0 |w x 1|
            1         |w x 2|
            1                 |r x -> 1|
            ",
        );
        assert_eq!(broken(&verdict), [("own-write-not-read", vec![0, 1, 2])]);
        assert_eq!(
            verdict.summary,
            "process 1 found 1 of key \"x\", although its own write of 2 had been acknowledged and 1 is older"
        );
        let nothing = check(
            &ReadYourWrites,
            "
            0 |w x 1|
            0         |r x -> nil|
            ",
        );
        assert_eq!(broken(&nothing), [("own-write-not-read", vec![0, 1])]);
    }

    #[test]
    fn others_own_nothing_and_unacknowledged_writes_bind_nobody() {
        let verdict = check(
            &ReadYourWrites,
            "
            0 |w x 1|
            1         |r x -> nil|
            2         |w x 2 !|
            2                   |r x -> 1|
            3                   |w x 3 ?
            7                              |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown, "{}", verdict.summary);
        assert_eq!(verdict.figures.get("broken"), Some(&Value::from(0)));
    }

    #[test]
    fn a_concurrent_write_may_have_come_later() {
        let verdict = check(
            &ReadYourWrites,
            "
            0   |w x 1|
            1 |w x 2         |
            0           |r x -> 2|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn compare_and_sets_tell_the_order_of_concurrent_writes() {
        let verdict = check(
            &ReadYourWrites,
            "
            1 |w x 1                        |
            0   |cas x 1 2|
            0              |r x -> 1|
            ",
        );
        assert_eq!(broken(&verdict), [("own-write-not-read", vec![0, 1, 2])]);
    }

    #[test]
    fn repeated_values_decide_nothing() {
        let verdict = check(
            &ReadYourWrites,
            "
            0 |w x 1|
            0         |w x 2|
            1                 |w x 1|
            0                         |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(verdict.figures.get("undecidable"), Some(&Value::from(1)));
    }

    #[test]
    fn an_own_append_is_read() {
        let verdict = check(
            &ReadYourWrites,
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[append,x,2]]|
            0                          |txn nil [[r,x,nil]] -> [[r,x,[2]]]|
            1                          |txn nil [[r,x,nil]] -> [[r,x,[2]]]|
            1                                                               |txn nil [[r,x,nil]] -> [[r,x,[2,1]]]|
            ",
        );
        assert_eq!(broken(&verdict), [("own-append-not-read", vec![0, 2])]);
        let lost = check(
            &ReadYourWrites,
            "
            0 |txn nil [[append,x,1]]|
            0                          |txn nil [[r,x,nil]] -> [[r,x,nil]]|
            ",
        );
        assert_eq!(broken(&lost), [("own-append-not-read", vec![0, 1])]);
    }
}
