//! Elements that acknowledged transactions appended to lists.
//!
//! An element is lost if
//!
//! - the reads that have the last word were sent after it was acknowledged, and none of them holds it; or
//! - the longest read lacks it, but holds an element that was begun to be appended only after it was acknowledged: a
//!   list grows at its end, so it is not merely late.
//!
//! An element that was appended twice is not judged. One that a read holds twice, though it was appended once, is
//! reported as well.
//!
//! Figures: `acknowledged`, `lost`, `duplicated`, `undecided` (acknowledged, never read, and nobody looked later).

use rustc_hash::FxHashSet;
use schism_history::{History, OpId, Time, Value, ValueId};

use super::Part;
use crate::final_read::last_words;
use crate::list::{AccessKind, Element, List, Lists};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::proof::witness::Witness;

#[derive(Default)]
struct Counts {
    acknowledged: u64,
    lost: u64,
    duplicated: u64,
    undecided: u64,
}

/// Judges all lists of a history; `None` when it has none. O(elements read).
pub(super) fn judge(history: &History, findings: &mut Findings) -> Option<Part> {
    let lists = Lists::of(history);
    if lists.keys.is_empty() {
        return None;
    }
    let mut counts = Counts::default();
    for list in &lists.keys {
        judge_list(history, list, findings, &mut counts);
    }
    Some(Part {
        name: "lists",
        decided: counts.acknowledged - counts.undecided,
        undecided: counts.undecided,
        figures: Value::map([
            ("acknowledged", counts.acknowledged),
            ("lost", counts.lost),
            ("duplicated", counts.duplicated),
            ("undecided", counts.undecided),
        ]),
    })
}

/// A read that has the last word.
struct LastWord {
    id: OpId,
    invoked: Time,
    length: usize,
    /// Its elements, when it is no beginning of the longest read.
    odd: Option<FxHashSet<ValueId>>,
}

impl LastWord {
    fn holds(&self, list: &List<'_>, element: Element<'_>) -> bool {
        match &self.odd {
            Some(elements) => elements.contains(&element.id),
            None => list
                .position(element)
                .is_some_and(|position| (position as usize) < self.length),
        }
    }
}

fn judge_list<'h>(
    history: &'h History,
    list: &List<'h>,
    findings: &mut Findings,
    counts: &mut Counts,
) {
    let ids = last_words(history, list.reads().map(|(id, ..)| id));
    let words: Vec<LastWord> = list
        .reads()
        .filter(|(id, ..)| ids.binary_search(id).is_ok())
        .map(|(id, read, is_prefix)| LastWord {
            id,
            invoked: history.operation(id).invoked,
            length: read.len(),
            odd: (!is_prefix).then(|| read.ids().iter().copied().collect()),
        })
        .collect();
    // The element of the longest read whose append began last.
    let newest = list
        .longest
        .iter()
        .filter_map(|element| {
            let append = list.appended_by(element)?;
            Some((history.operation(append).invoked, append, element))
        })
        .max_by_key(|&(invoked, ..)| invoked);
    for access in &list.accesses {
        let AccessKind::Append {
            element,
            certain: true,
        } = access.kind
        else {
            continue;
        };
        if list.appended_by(element).is_none() {
            continue;
        }
        counts.acknowledged += 1;
        let end = history.operation(access.id).end();
        let mut later = words.iter().filter(|word| word.invoked > end).peekable();
        if let Some(&word) = later.peek()
            && later.all(|word| !word.holds(list, element))
        {
            counts.lost += 1;
            let all = words.len();
            findings.report(history, "lost-append", || {
                let nobody = if all == 1 {
                    "the last read lacks it".to_owned()
                } else {
                    format!("none of the {all} last reads holds it")
                };
                Some(Broken {
                    sentence: format!(
                        "{element} {} is lost, although appending it had been acknowledged: {nobody}",
                        of_key(list.key)
                    ),
                    key: list.key,
                    witness: Witness::lists([access.id, word.id], vec![(list.key, element.value)]),
                    because: vec![(word.id, format!(", after that: {element} is not there"))],
                })
            });
            continue;
        }
        if list.position(element).is_some() {
            continue;
        }
        match newest.filter(|&(invoked, ..)| invoked > end) {
            None if words.iter().any(|word| word.invoked > end) => {}
            None => counts.undecided += 1,
            Some((_, by, newer)) => {
                counts.lost += 1;
                findings.report(history, "lost-append", || {
                    Some(Broken {
                        sentence: format!(
                            "{element} {} is lost, although appending it had been acknowledged: the list holds {newer}, \
                             which was appended later, without it",
                            of_key(list.key)
                        ),
                        key: list.key,
                        witness: Witness::lists(
                            [access.id, by, list.longest_by?],
                            vec![(list.key, element.value), (list.key, newer.value)],
                        ),
                        because: vec![(access.id, ": acknowledged".to_owned())],
                    })
                });
            }
        }
    }
    count_duplicates(history, list, findings, counts);
}

fn count_duplicates<'h>(
    history: &'h History,
    list: &List<'h>,
    findings: &mut Findings,
    counts: &mut Counts,
) {
    if list.positions() == list.longest.len() {
        return;
    }
    for (place, element) in list.longest.iter().enumerate() {
        let again = list.position(element) != Some(place as u32);
        let Some(append) = list.appended_by(element).filter(|_| again) else {
            continue;
        };
        counts.duplicated += 1;
        findings.report(history, "duplicate-element", || {
            Some(Broken {
                sentence: format!(
                    "one read of the list {} holds {element} more than once, which was appended once",
                    of_key(list.key)
                ),
                key: list.key,
                witness: Witness::lists([append, list.longest_by?], vec![(list.key, element.value)]),
                because: Vec::new(),
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::proof::findings::testing::{broken, check};
    use crate::{LostUpdates, Validity};

    #[test]
    fn an_acknowledged_append_is_found_by_the_last_reads() {
        let drawing = |read: &str| {
            format!(
                "
                0 |txn nil [[append,x,1]]|
                1 |txn nil [[append,x,2]] ?
                0                          |txn nil [[r,x,nil]] -> [[r,x,{read}]]|
                "
            )
        };
        let check = |read| check(&LostUpdates, &drawing(read));
        assert_eq!(check("[1]").validity, Validity::Valid);
        assert_eq!(check("[2,1]").validity, Validity::Valid);
        assert_eq!(broken(&check("[2]")), [("lost-append", vec![0, 2])]);
        assert_eq!(broken(&check("nil")), [("lost-append", vec![0, 2])]);
        assert_eq!(broken(&check("[1,1]")), [("duplicate-element", vec![0, 2])]);
    }

    #[test]
    fn an_element_that_another_node_still_shows_is_not_lost() {
        let verdict = check(
            &LostUpdates,
            "
            0@n1 |txn nil [[append,x,1]]|
            0@n1                          |txn nil [[r,x,nil]] -> [[r,x,[1]]]|
            0@n2                                                               |txn nil [[r,x,nil]] -> [[r,x,nil]]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    #[test]
    fn a_list_that_went_on_without_an_element_has_lost_it() {
        let verdict = check(
            &LostUpdates,
            "
            0@n1 |txn nil [[append,x,1]]|
            0@n1                          |txn nil [[append,x,2]]|
            0@n1                                                   |txn nil [[r,x,nil]] -> [[r,x,[2]]]|
            1@n2   |txn nil [[r,x,nil]] -> [[r,x,[1]]]|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-append", vec![0, 3])]);
    }

    #[test]
    fn an_append_that_nobody_looked_for_is_undecided() {
        let verdict = check(&LostUpdates, "0@n1 |txn nil [[append,x,1]]|");
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
