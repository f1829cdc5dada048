//! Lists that only grow: all reads of a list agree on one order of its elements.
//!
//! Judges transactions of `r` and `append`, key by key, and each transaction in itself (Kingsbury and Alvaro, "Elle:
//! Inferring isolation anomalies from experimental observations", 2020, calls what lists show *traceability*):
//!
//! - `incompatible-order`: two reads of a list, of which neither is a beginning of the other;
//! - `duplicate-element`: a read that holds an element twice, which was appended once;
//! - `garbage-read`: a read of an element that nobody appended;
//! - `aborted-read`: a read of an element whose append surely failed;
//! - `future-read`: a read of an element before anybody had begun to append it;
//! - `internal`: a transaction that does not see its own appends, or sees the list change meanwhile.
//!
//! Elements that were appended twice say nothing about duplicates. O(micro-operations + elements read).
//!
//! Figures: `lists`, `reads`, `elements` (appended), `broken`.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{History, OpId, Time, Value, ValueId};

use crate::list::{AccessKind, Element, Elements, List, Lists};
use crate::proof::conclusion::conclude;
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::{count, of_key, short};
use crate::proof::witness::Witness;
use crate::{Budget, Checker, Validity, Verdict};

/// All reads of a list agree on one order of its elements.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListOrder;

impl Checker for ListOrder {
    fn name(&self) -> &'static str {
        "list-order"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let lists = Lists::of(history);
        let mut findings = Findings::default();
        let (mut reads, mut elements) = (0, 0);
        let mut stopped = false;
        for list in &lists.keys {
            stopped |= budget.is_stopped();
            if stopped {
                break;
            }
            reads += list.reads().count() as u64;
            elements += list.appended() as u64;
            Judge {
                history,
                list,
                findings: &mut findings,
            }
            .judge();
        }
        let figures = Value::map([
            ("lists", lists.keys.len() as u64),
            ("reads", reads),
            ("elements", elements),
            ("broken", findings.broken),
        ]);
        let Findings { broken, cases, .. } = findings;
        conclude(self.name(), cases, broken, || {
            if stopped {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if reads == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no transaction that read a list succeeded"
                        .to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "{} of {} agree on one order of the elements of each",
                        count(reads, "read"),
                        count(lists.keys.len() as u64, "list")
                    ),
                )
            }
        })
        .figures(figures)
    }
}

struct Judge<'a, 'h> {
    history: &'h History,
    list: &'a List<'h>,
    findings: &'a mut Findings,
}

impl<'h> Judge<'_, 'h> {
    fn judge(&mut self) {
        self.internal();
        if let Some(by) = self.list.longest_by {
            self.elements(by, self.list.longest);
        }
        let begun = self.begun();
        let reads: Vec<_> = self.list.reads().collect();
        for (id, read, is_prefix) in reads {
            if is_prefix {
                if begun[read.len()] > self.history.operation(id).end() {
                    self.future(id, read);
                }
                continue;
            }
            self.order(id, read);
            self.elements(id, read);
            self.future(id, read);
        }
    }

    /// For each beginning of the longest read, by its length: when the last of its elements began to be appended.
    fn begun(&self) -> Vec<Time> {
        let mut latest = Time::ZERO;
        let mut begun = vec![latest];
        for element in self.list.longest.iter() {
            if let Some(append) = self.list.append(element) {
                latest = latest.max(self.history.operation(append.id).invoked);
            }
            begun.push(latest);
        }
        begun
    }

    /// A read against the longest one.
    fn order(&mut self, id: OpId, read: Elements<'h>) {
        let list = self.list;
        self.findings
            .report(self.history, "incompatible-order", || {
                let mut both = list.longest.iter().zip(read.iter());
                let (there, here) = both.find(|(there, here)| there != here)?;
                let by = list.longest_by?;
                Some(Broken {
                    sentence: format!(
                        "two reads of the list {} disagree: {} has {there} where {} has {here}",
                        of_key(list.key),
                        short(&list.longest.to_value()),
                        short(&read.to_value()),
                    ),
                    key: list.key,
                    witness: Witness::lists(
                        [list.appended_by(there)?, list.appended_by(here)?, by, id],
                        vec![(list.key, there.value), (list.key, here.value)],
                    ),
                    because: Vec::new(),
                })
            });
    }

    /// The elements of a read, each in itself: appended, and there once.
    fn elements(&mut self, id: OpId, read: Elements<'h>) {
        let list = self.list;
        let mut seen: FxHashSet<ValueId> = FxHashSet::default();
        for element in read.iter() {
            let is_new = seen.insert(element.id);
            let Some(append) = list.append(element) else {
                if is_new {
                    self.unappended(id, element);
                }
                continue;
            };
            if !is_new && append.times == 1 {
                self.findings.report(self.history, "duplicate-element", || {
                    Some(Broken {
                        sentence: format!(
                            "the list {} was read with {element} in it more than once, which was appended once",
                            of_key(list.key),
                        ),
                        key: list.key,
                        witness: Witness::lists([append.id, id], vec![(list.key, element.value)]),
                        because: Vec::new(),
                    })
                });
            }
        }
    }

    /// A read of an element that nobody can have appended.
    fn unappended(&mut self, id: OpId, element: Element<'h>) {
        let list = self.list;
        let history = self.history;
        let failed = list.failed(element);
        let name = if failed.is_some() {
            "aborted-read"
        } else {
            "garbage-read"
        };
        self.findings.report(history, name, || {
            Some(Broken {
                sentence: format!(
                    "process {} found {element} in the list {}, {}",
                    history.operation(id).process,
                    of_key(list.key),
                    if failed.is_some() {
                        "although appending it surely failed"
                    } else {
                        "which nobody ever appended"
                    },
                ),
                key: list.key,
                witness: Witness::lists(
                    failed.into_iter().chain([id]),
                    vec![(list.key, element.value)],
                ),
                because: Vec::new(),
            })
        });
    }

    /// Elements of a read that were appended after it.
    fn future(&mut self, id: OpId, read: Elements<'h>) {
        let list = self.list;
        let end = self.history.operation(id).end();
        let later = |element: &Element<'_>| {
            list.appended_by(*element)
                .is_some_and(|append| self.history.operation(append).invoked > end)
        };
        let Some(element) = read.iter().find(later) else {
            return;
        };
        self.findings.report(self.history, "future-read", || {
            Some(Broken {
                sentence: format!(
                    "process {} found {element} in the list {} before anybody had begun to append it",
                    self.history.operation(id).process,
                    of_key(list.key),
                ),
                key: list.key,
                witness: Witness::lists(
                    [id, list.appended_by(element)?],
                    vec![(list.key, element.value)],
                ),
                because: Vec::new(),
            })
        });
    }

    /// Each transaction in itself.
    fn internal(&mut self) {
        let list = self.list;
        // What the newest transaction has seen, and appended since.
        let mut current: Option<OpId> = None;
        let mut seen: Option<Elements<'h>> = None;
        let mut own: Vec<Element<'h>> = Vec::new();
        for access in &list.accesses {
            if current != Some(access.id) {
                (current, seen) = (Some(access.id), None);
                own.clear();
            }
            match access.kind {
                AccessKind::Append { element, .. } => own.push(element),
                AccessKind::Read { list: read, .. } => {
                    if let Some(elements) = unexpected(seen, &own, read) {
                        self.changed(access.id, elements);
                    }
                    seen = Some(read);
                    own.clear();
                }
            }
        }
    }

    fn changed(&mut self, id: OpId, elements: Vec<Element<'h>>) {
        let list = self.list;
        self.findings.report(self.history, "internal", || {
            let mut ids = vec![id];
            for &element in &elements {
                match list.append(element) {
                    Some(append) if append.times == 1 => ids.push(append.id),
                    // Nobody appended it: nothing to add. Two did: nothing is certain.
                    None => {}
                    Some(_) => return None,
                }
            }
            let about: Vec<String> = elements.iter().map(ToString::to_string).collect();
            let about = about.join(" and ");
            Some(Broken {
                sentence: format!(
                    "in one transaction, the list {} does not fit itself: look at {about}",
                    of_key(list.key),
                ),
                key: list.key,
                witness: Witness::lists(
                    ids,
                    elements
                        .into_iter()
                        .map(|element| (list.key, element.value))
                        .collect(),
                ),
                because: vec![(
                    id,
                    format!(", all in one transaction: what it says of {about} does not fit"),
                )],
            })
        });
    }
}

/// One or two elements that speak against a read, in a transaction that had read `seen` and then appended `own`: one that
/// should be there and is not, or the other way round, or two in the wrong order.
fn unexpected<'h>(
    seen: Option<Elements<'h>>,
    own: &[Element<'h>],
    read: Elements<'h>,
) -> Option<Vec<Element<'h>>> {
    let own = own.iter().copied();
    let expected: Vec<Element<'h>> = match seen {
        Some(seen) => seen.iter().chain(own).collect(),
        None if own.len() == 0 => return None,
        // Whatever else is there, the own appends stand at the end.
        None => {
            let is_own = |element: &Element<'_>| own.clone().any(|own| own == *element);
            let others = read.iter().filter(|element| !is_own(element));
            others.chain(own.clone()).collect()
        }
    };
    if read.iter().eq(expected.iter().copied()) {
        return None;
    }
    let mut surplus: FxHashMap<ValueId, i64> = FxHashMap::default();
    for &id in read.ids() {
        *surplus.entry(id).or_default() += 1;
    }
    for element in &expected {
        *surplus.entry(element.id).or_default() -= 1;
    }
    let uneven = |element: &Element<'_>| surplus.get(&element.id) != Some(&0);
    let one = expected.iter().copied().find(uneven);
    if let Some(one) = one.or_else(|| read.iter().find(uneven)) {
        return Some(vec![one]);
    }
    let mut pairs = read.iter().zip(expected);
    let (here, there) = pairs.find(|(here, there)| here != there)?;
    Some(vec![here, there])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::findings::testing::{broken, check};

    fn judge(drawing: &str) -> Verdict {
        check(&ListOrder, drawing)
    }

    #[test]
    fn reads_that_are_beginnings_of_one_another_are_fine() {
        let verdict = judge(
            "
            0 |txn nil [[append,x,1],[append,x,2]]|
            1    |txn nil [[r,x,nil]] -> [[r,x,nil]]|
            0                                       |txn nil [[r,x,nil],[append,x,3],[r,x,nil]] -> [[r,x,[1,2]],[append,x,3],[r,x,[1,2,3]]]|
            1                                         |txn nil [[append,x,4]] ?
            2                                                                                                                               |txn nil [[r,x,nil]] -> [[r,x,[1,2,3,4]]]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(verdict.figures.get("reads"), Some(&Value::from(4)));
    }

    #[test]
    fn two_orders_are_one_too_many() {
        let verdict = judge(
            "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[append,x,2]]|
            2                          |txn nil [[r,x,nil]] -> [[r,x,[1,2]]]|
            3                          |txn nil [[r,x,nil]] -> [[r,x,[2]]]|
            ",
        );
        assert_eq!(broken(&verdict), [("incompatible-order", vec![0, 1, 2, 3])]);
    }

    #[test]
    fn an_element_stands_in_a_list_once() {
        let verdict = judge(
            "
            0 |txn nil [[append,x,1]]|
            2                          |txn nil [[r,x,nil]] -> [[r,x,[1,1]]]|
            ",
        );
        assert_eq!(broken(&verdict), [("duplicate-element", vec![0, 1])]);
        let twice = judge(
            "
            0 |txn nil [[append,x,1],[append,x,1]]|
            2                                       |txn nil [[r,x,nil]] -> [[r,x,[1,1]]]|
            ",
        );
        assert_eq!(twice.validity, Validity::Valid, "{}", twice.summary);
    }

    #[test]
    fn elements_come_from_appends_that_may_have_happened() {
        let verdict = judge(
            "
            0 |txn nil [[append,x,1]] !|
            1   |txn nil [[r,x,nil]] -> [[r,x,[1,7,8]]]|
            2                                            |txn nil [[append,x,8]]|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [
                ("garbage-read", vec![1]),
                ("aborted-read", vec![0, 1]),
                ("future-read", vec![1, 2]),
            ]
        );
    }

    #[test]
    fn a_transaction_sees_its_own_appends_and_nothing_of_others_meanwhile() {
        let cases = [
            ("[[append,x,1],[r,x,nil]]", vec![1]),
            ("[[r,x,nil],[append,x,1],[r,x,nil]]", vec![1]),
            ("[[r,x,nil],[append,x,1],[r,x,[2,1]]]", vec![0, 1]),
            ("[[r,x,[2]],[append,x,1],[r,x,[1]]]", vec![0, 1]),
            ("[[append,x,1],[r,x,[1,2]]]", vec![0, 1]),
        ];
        for (transaction, expected) in cases {
            let verdict = judge(&format!(
                "
                0 |txn nil [[append,x,2]] ?
                1   |txn nil nil -> {transaction}|
                "
            ));
            let internal: Vec<_> = broken(&verdict)
                .into_iter()
                .filter(|(name, _)| *name == "internal")
                .map(|(_, ids)| ids)
                .collect();
            assert_eq!(internal, [expected], "{transaction}");
        }
    }

    #[test]
    fn without_reads_nothing_is_known() {
        let verdict = judge("0 |txn nil [[append,x,2]]|");
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
