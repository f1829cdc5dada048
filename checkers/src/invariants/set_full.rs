//! Set, in full: what was added is there, what was removed is gone, and nothing else ever shows.
//!
//! Clients `add` and `remove` elements, `read` the whole set as a list, and ask whether it `contains` one (the argument;
//! the result is true or false). Each key is a set. Of sets from which nothing is removed, this judges what set-full of
//! Jepsen does, with the module `sets` of the checker `lost-updates`: `lost-element`,
//! `duplicate-element`, `unexpected-element`, `failed-add-read`, and latencies. (Jepsen's never reports duplicates: it
//! compares their count with `(< v 1)`.) Of sets from which elements are removed, what decides are the reads and
//! `contains` that have the last word: those of the phase `final-reads`; in a history that names no phases, the last
//! of each node.
//!
//! - `lost-element`: an element was acknowledged as added, nobody can have removed it since, and none of those that have
//!   the last word shows it;
//! - `undead-element`: an element was acknowledged as removed after the last time that anybody can have added it, and
//!   all of those that have the last word still show it;
//! - `duplicate-element`: one read shows an element twice;
//! - `unexpected-element`: somebody saw an element that nobody can have added by then.
//!
//! Figures: those of `sets` (for sets without removals); `elements`, `added`, `removed` (acknowledged), `present`,
//! `absent` (decided, as they must be), `lost`, `undead`, `duplicated`, `unexpected`, `undecided` (for sets with).
//!
//! O(operations + elements read).

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use super::lost_updates::sets;
use crate::final_read::last_words_of;
use crate::invariants::claim::{Claim, Claims};
use crate::invariants::keys::{Tally, judge_keys};
use crate::proof::conclusion::conclude;
use crate::proof::findings::Findings;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "going through all operations on this element again";

/// What was added is there, and what was removed is gone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetFull;

#[derive(Default)]
struct Counts {
    elements: u64,
    added: u64,
    removed: u64,
    present: u64,
    absent: u64,
    lost: u64,
    undead: u64,
    duplicated: u64,
    unexpected: u64,
    undecided: u64,
}

impl Tally for Counts {
    fn add(&mut self, other: Self) {
        self.elements += other.elements;
        self.added += other.added;
        self.removed += other.removed;
        self.present += other.present;
        self.absent += other.absent;
        self.lost += other.lost;
        self.undead += other.undead;
        self.duplicated += other.duplicated;
        self.unexpected += other.unexpected;
        self.undecided += other.undecided;
    }
}

/// What happened to one element.
struct Element<'h> {
    value: &'h Value,
    /// All that may have added it, and all that may have removed it, in order of invocation.
    adds: Vec<OpId>,
    removes: Vec<OpId>,
    /// The first that saw it.
    seen: Option<OpId>,
    /// The last that saw it among those that read the whole set.
    last: Option<OpId>,
    /// Who showed it, of those that have the last word.
    shown: Vec<OpId>,
    /// Who was asked for it alone, has the last word, and did not find it.
    lacking: Vec<OpId>,
}

impl Checker for SetFull {
    fn name(&self) -> &'static str {
        "set-full"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut findings = Findings::default();
        let plain = sets::judge(history, &mut findings);
        let (mut counts, mut claims) = (Counts::default(), Claims::new(history));
        if history.functions().contains(&F::Remove) {
            (counts, claims) = judge_keys(history, budget, |ids, counts: &mut Counts, claims| {
                let is = |f: F| ids.iter().any(|&id| *history.operation(id).f() == f);
                if is(F::Remove) && is(F::Add) {
                    judge(history, ids, counts, claims);
                }
            });
        }
        let found = findings.broken + claims.count;
        let mut cases = findings.cases;
        cases.extend(claims.cases);
        let decided =
            plain.as_ref().map_or(0, |part| part.decided) + counts.present + counts.absent;
        let undecided = plain.as_ref().map_or(0, |part| part.undecided) + counts.undecided;
        let figures = [
            ("sets", plain.map_or(Value::Nil, |part| part.figures)),
            ("elements", counts.elements.into()),
            ("added", counts.added.into()),
            ("removed", counts.removed.into()),
            ("present", counts.present.into()),
            ("absent", counts.absent.into()),
            ("lost", counts.lost.into()),
            ("undead", counts.undead.into()),
            ("duplicated", counts.duplicated.into()),
            ("unexpected", counts.unexpected.into()),
            ("undecided", counts.undecided.into()),
        ];
        conclude(self.name(), cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if decided == 0 {
                (
                    Validity::Unknown,
                    format!(
                        "nothing could be judged: nobody looked at the end for any of {} that should be there or gone",
                        count(undecided, "element")
                    ),
                )
            } else {
                (
                    Validity::Valid,
                    format!("{} as they must be at the end", count(decided, "element")),
                )
            }
        })
        .figures(Value::map(figures))
    }
}

/// Judges one set from which elements are removed.
fn judge<'h>(history: &'h History, ids: &[OpId], counts: &mut Counts, claims: &mut Claims<'h>) {
    let key = history.operation(ids[0]).key();
    let contains = |op: &Operation<'_>| op.f().name() == "contains";
    let looks = ids.iter().copied().filter(|&id| {
        let op = history.operation(id);
        *op.f() == F::Read && op.output().as_list().is_some()
    });
    let asks = ids
        .iter()
        .copied()
        .filter(|&id| contains(&history.operation(id)));
    let last_looks = last_words_of(history, looks, |_| &Value::Nil);
    let last_asks = last_words_of(history, asks, |id| history.operation(id).input());
    let mut elements: Vec<Element<'h>> = Vec::new();
    let mut numbers: FxHashMap<&'h Value, usize> = FxHashMap::default();
    for &id in ids {
        let op = history.operation(id);
        match op.f() {
            F::Add if op.outcome != Outcome::Fail => {
                counts.added += u64::from(op.outcome == Outcome::Ok);
                element(&mut elements, &mut numbers, op.input())
                    .adds
                    .push(id);
            }
            F::Remove if op.outcome != Outcome::Fail => {
                counts.removed += u64::from(op.outcome == Outcome::Ok);
                element(&mut elements, &mut numbers, op.input())
                    .removes
                    .push(id);
            }
            F::Read if op.outcome == Outcome::Ok => {
                let is_last = last_looks.binary_search(&id).is_ok();
                for value in op.output().as_list().unwrap_or_default() {
                    let element = element(&mut elements, &mut numbers, value);
                    if element.last == Some(id) {
                        counts.duplicated += 1;
                        report_duplicate(key, value, id, claims);
                        continue;
                    }
                    element.last = Some(id);
                    element.seen = element.seen.or(Some(id));
                    element.shown.extend(is_last.then_some(id));
                }
            }
            _ if contains(&op) && op.outcome == Outcome::Ok => {
                let is_last = last_asks.binary_search(&id).is_ok();
                let element = element(&mut elements, &mut numbers, op.input());
                if *op.output() == Value::Bool(true) {
                    element.seen = element.seen.or(Some(id));
                    element.shown.extend(is_last.then_some(id));
                } else {
                    element.lacking.extend(is_last.then_some(id));
                }
            }
            _ => {}
        }
    }
    for element in &elements {
        counts.elements += u64::from(!element.adds.is_empty());
        judge_element(history, key, element, &last_looks, counts, claims);
    }
}

fn judge_element<'h>(
    history: &'h History,
    key: &'h Value,
    element: &Element<'h>,
    last_looks: &[OpId],
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    let value = element.value;
    let op = |id: OpId| history.operation(id);
    if let Some(seen) = element.seen {
        let by_then = |&add: &OpId| op(add).invoked <= op(seen).end();
        if !element.adds.first().is_some_and(by_then) {
            counts.unexpected += 1;
            let sentence = || {
                format!(
                    "{value} {} was seen, which nobody can have added by then",
                    of_key(key)
                )
            };
            claims.report(
                "unexpected-element",
                BY,
                || Claim::new(sentence(), key, vec![seen]),
                |history, ids| recount(history, ids, value, "unexpected-element"),
            );
            return;
        }
    }
    // What must be: there since this, or gone since this.
    let surely = |ids: &[OpId]| {
        let done = ids
            .iter()
            .copied()
            .filter(|&id| op(id).outcome == Outcome::Ok);
        done.max_by_key(|&id| (op(id).invoked, id))
    };
    let latest = |ids: &[OpId]| ids.iter().map(|&id| op(id).end()).max();
    let after = |id: OpId, others: &[OpId]| latest(others).is_none_or(|end| end < op(id).invoked);
    let added = surely(&element.adds).filter(|&add| after(add, &element.removes));
    let removed = surely(&element.removes).filter(|&remove| after(remove, &element.adds));
    let Some(since) = added.or(removed) else {
        return;
    };
    let known: Time = op(since).end();
    let later = |id: &OpId| op(*id).invoked > known;
    let shown = element.shown.iter().copied().find(later);
    let looked = last_looks.iter().copied().filter(later);
    let lacking = looked
        .filter(|look| !element.shown.contains(look))
        .chain(element.lacking.iter().copied().filter(later))
        .min();
    let (name, proof) = match (added.is_some(), shown, lacking) {
        (_, None, None) => {
            counts.undecided += 1;
            return;
        }
        (true, Some(_), _) => {
            counts.present += 1;
            return;
        }
        (false, _, Some(_)) => {
            counts.absent += 1;
            return;
        }
        (true, None, Some(lacking)) => {
            counts.lost += 1;
            ("lost-element", lacking)
        }
        (false, Some(shown), None) => {
            counts.undead += 1;
            ("undead-element", shown)
        }
    };
    let what = if added.is_some() {
        "is lost: it was acknowledged as added, nobody can have removed it since, and no last read shows it"
    } else {
        "is back: it was acknowledged as removed, nobody can have added it since, and all last reads show it"
    };
    claims.report(
        name,
        BY,
        || {
            let sentence = format!("{value} {} {what}", of_key(key));
            Claim::new(sentence, key, vec![since, proof])
        },
        |history, ids| recount(history, ids, value, name),
    );
}

fn report_duplicate(key: &Value, value: &Value, read: OpId, claims: &mut Claims<'_>) {
    claims.report(
        "duplicate-element",
        BY,
        || {
            let sentence = format!(
                "one read of the set {} holds {value} more than once",
                of_key(key)
            );
            Claim::new(sentence, key, vec![read])
        },
        |history, ids| recount(history, ids, value, "duplicate-element"),
    );
}

fn element<'e, 'h>(
    elements: &'e mut Vec<Element<'h>>,
    numbers: &mut FxHashMap<&'h Value, usize>,
    value: &'h Value,
) -> &'e mut Element<'h> {
    let number = *numbers.entry(value).or_insert(elements.len());
    if number == elements.len() {
        elements.push(Element {
            value,
            adds: Vec::new(),
            removes: Vec::new(),
            seen: None,
            last: None,
            shown: Vec::new(),
            lacking: Vec::new(),
        });
    }
    &mut elements[number]
}

/// Goes through the history once for what a claim says about an element.
fn recount(history: &History, ids: &[OpId], value: &Value, name: &str) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no operation".to_owned());
    };
    let read = history.operation(read);
    let times = match read.output().as_list() {
        Some(list) => list.iter().filter(|item| *item == value).count(),
        None => usize::from(*read.output() == Value::Bool(true) && read.input() == value),
    };
    let all = |f: F| {
        history.operations().filter(move |op| {
            let same = op.key() == read.key() && op.input() == value;
            same && *op.f() == f && op.outcome != Outcome::Fail
        })
    };
    let since = history.operation(ids[0]);
    let clear = |f: F| {
        let over =
            |op: Operation<'_>| op.outcome == Outcome::Ok && op.completed < Some(since.invoked);
        all(f).all(over) && since.outcome == Outcome::Ok && since.completed < Some(read.invoked)
    };
    let proved = match name {
        "duplicate-element" => times > 1,
        "unexpected-element" => {
            times > 0 && !all(F::Add).any(|op| Some(op.invoked) <= read.completed)
        }
        "lost-element" => times == 0 && *since.f() == F::Add && clear(F::Remove),
        _ => times > 0 && *since.f() == F::Remove && clear(F::Add),
    };
    if proved {
        Ok(())
    } else {
        Err(format!("{value} is as it must be"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&SetFull, lines)
    }

    #[test]
    fn what_is_added_is_there_and_what_is_removed_is_gone() {
        let verdict = judge(
            "
            0@n1 |add s 1|
            0@n1 |add s 2|
            0@n1 |add s 3|
            1@n1 |remove s 2|
            1@n1 |remove s 3 ?
            0@n1 |contains s 1 -> true|
            0@n2 |r s -> [1,2]|
            0@n1 |r s -> [1]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "present"), 1);
        assert_eq!(figure(&verdict, "absent"), 1);
    }

    #[test]
    fn lost_and_undead_elements_are_found() {
        let verdict = judge(
            "
            0 |add s 1|
            0 |add s 2|
            0 |remove s 2|
            0 |add s 2|
            0 |add s 3|
            0 |remove s 3|
            0 |r s -> [3,9]|
            ",
        );
        let mut found = broken(&verdict);
        found.sort();
        assert_eq!(
            found,
            [
                ("lost-element", vec![0, 6]),
                ("lost-element", vec![3, 6]),
                ("undead-element", vec![5, 6]),
                ("unexpected-element", vec![6])
            ]
        );
    }

    #[test]
    fn questions_for_one_element_count_too() {
        let verdict = judge(
            "
            0 |add s 1|
            0 |add s 2|
            0 |remove s 2|
            0 |contains s 1 -> false|
            0 |contains s 2 -> true|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [("lost-element", vec![0, 3]), ("undead-element", vec![2, 4])]
        );
    }

    #[test]
    fn sets_without_removals_are_judged_as_ever() {
        let verdict = judge("0 |add s 1|\n0 |r s -> []|");
        assert_eq!(broken(&verdict), [("lost-element", vec![0, 1])]);
        assert_eq!(judge("0 |add s 1|").validity, Validity::Unknown);
    }
}
