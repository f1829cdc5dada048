//! Leader election: one leader in a term, and terms that only rise.
//!
//! Clients ask who leads, with `leader` or `read`, or stand for election themselves, with `elect`; the result is a map
//! `{term, leader}` or a list `[term, leader]`, with nil as leader where there is none. Each key is an election of its
//! own. That a term has one leader at most is the election safety of Raft (Ongaro and Ousterhout, 2014, §5.2), and of
//! every other protocol with terms, ballots, views or epochs. A leader that does not know yet that there is a newer term
//! is none of these anomalies; where there are no terms, use the checker `lock`.
//!
//! - `two-leaders`: two answers name different leaders of the same term;
//! - `term-falls`: a node that had answered with a term answers with a lower one later.
//!
//! Figures: `answers` (with a leader), `without_leader`, `terms`, `leaders`, `elections` (changes of the leader from one
//! term to the next one that is known), `two_leaders` (terms), `term_falls`.
//!
//! O(n log n).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "comparing the results of these two operations";

/// One leader in a term.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaderElection;

#[derive(Default)]
struct Counts {
    answers: u64,
    without_leader: u64,
    terms: u64,
    leaders: u64,
    elections: u64,
    two_leaders: u64,
    term_falls: u64,
}

/// What was answered.
#[derive(Clone, Copy)]
struct Answer<'h> {
    id: OpId,
    term: i64,
    leader: &'h Value,
}

impl Checker for LeaderElection {
    fn name(&self) -> &'static str {
        "leader-election"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        for (_, ids) in history.by_key() {
            if budget.is_stopped() {
                break;
            }
            judge(history, &ids, &mut counts, &mut claims);
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.answers < 2 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: fewer than two answers name a leader and its term"
                        .to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "{} agree on the leader of each of {}",
                        count(counts.answers, "answer"),
                        count(counts.terms, "term")
                    ),
                )
            }
        })
        .figures(Value::map([
            ("answers", counts.answers),
            ("without_leader", counts.without_leader),
            ("terms", counts.terms),
            ("leaders", counts.leaders),
            ("elections", counts.elections),
            ("two_leaders", counts.two_leaders),
            ("term_falls", counts.term_falls),
        ]))
    }
}

fn judge<'h>(history: &'h History, ids: &[OpId], counts: &mut Counts, claims: &mut Claims<'h>) {
    let mut first: BTreeMap<i64, (Answer<'h>, bool)> = BTreeMap::new();
    let mut leaders: FxHashSet<&'h Value> = FxHashSet::default();
    let mut by_node: FxHashMap<&'h str, Vec<Answer<'h>>> = FxHashMap::default();
    for &id in ids {
        let op = history.operation(id);
        let Some((term, leader)) = answer(&op) else {
            continue;
        };
        let answer = Answer { id, term, leader };
        if let Some(node) = op.node() {
            by_node.entry(node).or_default().push(answer);
        }
        if leader.is_nil() {
            counts.without_leader += 1;
            continue;
        }
        counts.answers += 1;
        leaders.insert(leader);
        match first.entry(term) {
            Entry::Vacant(entry) => {
                entry.insert((answer, false));
            }
            Entry::Occupied(mut entry) => {
                let (one, split) = entry.get_mut();
                if one.leader != leader {
                    counts.two_leaders += u64::from(!*split);
                    *split = true;
                    let one = *one;
                    claims.report(
                        "two-leaders",
                        BY,
                        || tell_two(op.key(), one, answer),
                        |history, ids| recount(history, ids, true),
                    );
                }
            }
        }
    }
    counts.terms += first.len() as u64;
    counts.leaders += leaders.len() as u64;
    let in_order: Vec<&Value> = first.values().map(|(answer, _)| answer.leader).collect();
    counts.elections += in_order
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count() as u64;
    for node in history.nodes() {
        if let Some(answers) = by_node.get(&**node) {
            judge_node(history, node, answers, counts, claims);
        }
    }
}

/// Whether the terms that one node names never fall.
fn judge_node<'h>(
    history: &'h History,
    node: &str,
    answers: &[Answer<'h>],
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    let end = |answer: &Answer<'_>| history.operation(answer.id).end();
    let mut ended = answers.to_vec();
    ended.sort_unstable_by_key(|answer| (end(answer), answer.id));
    let mut next = 0;
    let mut highest: Option<Answer<'h>> = None;
    for answer in answers {
        let invoked: Time = history.operation(answer.id).invoked;
        while let Some(before) = ended.get(next).filter(|before| end(before) < invoked) {
            if highest.is_none_or(|highest| highest.term < before.term) {
                highest = Some(*before);
            }
            next += 1;
        }
        let Some(before) = highest.filter(|before| before.term > answer.term) else {
            continue;
        };
        counts.term_falls += 1;
        claims.report(
            "term-falls",
            BY,
            || {
                let key = history.operation(answer.id).key();
                let sentence = format!(
                    "node {node} went back from term {} to term {}",
                    before.term, answer.term
                );
                Claim::new(sentence, key, vec![before.id, answer.id])
            },
            |history, ids| recount(history, ids, false),
        );
    }
}

fn tell_two(key: &Value, one: Answer<'_>, other: Answer<'_>) -> Claim {
    let of = if key.is_nil() {
        String::new()
    } else {
        format!(" {}", of_key(key))
    };
    let sentence = format!(
        "term {}{of} has two leaders: {} and {}",
        one.term, one.leader, other.leader
    );
    let says = |answer: Answer<'_>| format!(": {} leads in term {}", answer.leader, answer.term);
    Claim::new(sentence, key, vec![one.id, other.id])
        .because(one.id, says(one))
        .because(other.id, says(other))
}

/// The term and the leader that an operation was told.
fn answer<'h>(op: &Operation<'h>) -> Option<(i64, &'h Value)> {
    if op.outcome != Outcome::Ok || !matches!(op.f().name(), "leader" | "read" | "elect") {
        return None;
    }
    let output = op.output();
    let (term, leader) = match output {
        Value::Map(_) => (output.get("term")?, output.get("leader")?),
        _ => output.as_pair()?,
    };
    // A read of a list of two is a read of a list.
    if *op.f() == F::Read && !matches!(output, Value::Map(_)) {
        return None;
    }
    Some((term.as_int()?, leader))
}

fn recount(history: &History, ids: &[OpId], leaders: bool) -> Result<(), String> {
    let &[a, b] = ids else {
        return Err("it does not name two operations".to_owned());
    };
    let [a, b] = [a, b].map(|id| history.operation(id));
    let part = |op: &Operation<'_>, name: &str, place: usize| {
        let output = op.output();
        let part = output.get(name);
        part.or_else(|| output.as_list()?.get(place)).cloned()
    };
    let (term_a, term_b) = (part(&a, "term", 0), part(&b, "term", 0));
    let proved = if leaders {
        term_a == term_b && part(&a, "leader", 1) != part(&b, "leader", 1)
    } else {
        a.node() == b.node() && a.completed < Some(b.invoked) && term_a > term_b
    };
    if proved {
        Ok(())
    } else {
        Err("the two answers agree".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&LeaderElection, lines)
    }

    #[test]
    fn a_deposed_leader_does_no_harm() {
        let verdict = judge(
            "
            0@n1 |leader nil -> {term:1,leader:n1}|
            0@n2 |elect nil -> [2,n2]|
            0@n1 |leader nil -> {term:1,leader:n1}|
            0@n3 |leader nil -> {term:2,leader:nil}|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "elections"), 1);
    }

    #[test]
    fn two_leaders_of_a_term_are_found() {
        let verdict = judge(
            "
            0@n1 |leader nil -> {term:1,leader:n1}|
            0@n2 |leader nil -> {term:1,leader:n2}|
            ",
        );
        assert_eq!(broken(&verdict), [("two-leaders", vec![0, 1])]);
        assert_eq!(verdict.summary, "term 1 has two leaders: \"n1\" and \"n2\"");
    }

    #[test]
    fn a_term_that_falls_is_found() {
        let verdict = judge(
            "
            0@n1 |leader nil -> {term:3,leader:n1}|
            0@n1 |leader nil -> {term:2,leader:nil}|
            & 1@n2 |leader nil -> {term:2,leader:n2}|
            ",
        );
        assert_eq!(broken(&verdict), [("term-falls", vec![0, 1])]);
    }
}
