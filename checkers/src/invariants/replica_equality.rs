//! Replica equality: when all is quiet, every node says the same.
//!
//! What counts are the reads that have the last word about a key: those of the phase `final-reads` (of each node, the
//! last one); in a history that names no phases, the last read of each node. Any kind of object will do. Where the
//! elements of a read have no order (a key with `add`), lists are compared as sets.
//!
//! - `replicas-differ`: two nodes returned different things, and nothing that was still under way, or whose outcome is
//!   unknown, can have made the difference between the two reads.
//!
//! Convergence while clients still write is not judged here.
//!
//! Figures: `keys` (read from two nodes or more), `equal`, `different`, `undecided` (different, but something unknown may
//! be the reason), `nodes` (that read anything at the end).
//!
//! O(n log n), and O(elements of the last reads).

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, History, OpId, Operation, Outcome, Value};

use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key, short};
use crate::{Budget, Checker, Validity, Verdict};

/// Every node says the same in the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplicaEquality;

impl Checker for ReplicaEquality {
    fn name(&self) -> &'static str {
        "replica-equality"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (mut keys, mut equal, mut different, mut undecided) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut nodes: FxHashSet<&str> = FxHashSet::default();
        let mut claims = Claims::new(history);
        for (_, ids) in history.by_key() {
            if budget.is_stopped() {
                break;
            }
            let last = last_of_each_node(history, &ids);
            nodes.extend(last.iter().filter_map(|op| op.node().map(|node| &**node)));
            if last.len() < 2 {
                continue;
            }
            keys += 1;
            let is_set = ids.iter().any(|&id| *history.operation(id).f() == F::Add);
            let views: Vec<View<'_>> = last
                .iter()
                .map(|op| View::of(op.output(), is_set))
                .collect();
            let differ = (1..last.len()).filter(|&i| views[i] != views[i - 1]);
            let mut differ = differ.peekable();
            if differ.peek().is_none() {
                equal += 1;
                continue;
            }
            let late = Late::of(history, &ids, &last);
            let Some(place) =
                differ.find(|&i| !late.explains(&last[i - 1], &last[i], &views[i - 1], &views[i]))
            else {
                undecided += 1;
                continue;
            };
            different += 1;
            let (one, other) = (last[place - 1], last[place]);
            claims.report(
                "replicas-differ",
                "comparing these two reads, and all writes that can have come between them, again",
                || tell(&one, &other),
                |history, ids| recount(history, ids, is_set),
            );
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if equal == 0 {
                let why = if keys == 0 {
                    "no key was read from two nodes at the end"
                } else {
                    "wherever nodes differ, writes of unknown outcome may be the reason"
                };
                (Validity::Unknown, format!("nothing could be judged: {why}"))
            } else {
                (
                    Validity::Valid,
                    format!("all nodes agree on {} at the end", count(equal, "key")),
                )
            }
        })
        .figures(Value::map([
            ("keys", keys),
            ("equal", equal),
            ("different", different),
            ("undecided", undecided),
            ("nodes", nodes.len() as u64),
        ]))
    }
}

/// The last read of each node among those that have the last word, in order of invocation.
fn last_of_each_node<'h>(history: &'h History, ids: &[OpId]) -> Vec<Operation<'h>> {
    let reads = ids
        .iter()
        .copied()
        .filter(|&id| *history.operation(id).f() == F::Read);
    let mut last: FxHashMap<&str, OpId> = FxHashMap::default();
    for id in last_words(history, reads) {
        if let Some(node) = history.operation(id).node() {
            last.insert(node, id);
        }
    }
    let mut last: Vec<OpId> = last.into_values().collect();
    last.sort_unstable();
    last.into_iter().map(|id| history.operation(id)).collect()
}

/// What a read shows, in a form in which equal things are equal.
#[derive(PartialEq, Eq)]
enum View<'h> {
    /// As it is.
    Plain(&'h Value),
    /// In the order of the elements.
    Set(Vec<&'h Value>),
}

impl<'h> View<'h> {
    fn of(value: &'h Value, is_set: bool) -> Self {
        let nothing = value.is_nil() && is_set;
        match value.as_list().filter(|_| is_set) {
            Some(elements) => {
                let mut elements: Vec<&Value> = elements.iter().collect();
                elements.sort_unstable();
                Self::Set(elements)
            }
            None if nothing => Self::Set(Vec::new()),
            None => Self::Plain(value),
        }
    }
}

/// What may still have happened while the last reads were under way.
struct Late<'h> {
    ops: Vec<Operation<'h>>,
    values: FxHashSet<&'h Value>,
    /// All of them write a value of their own: `write`, `cas`, `add`, `remove`, `append`.
    told: bool,
}

impl<'h> Late<'h> {
    fn of(history: &'h History, ids: &[OpId], last: &[Operation<'h>]) -> Self {
        let since = last.iter().map(|op| op.invoked).min();
        let mut late = Self {
            ops: Vec::new(),
            values: FxHashSet::default(),
            told: true,
        };
        for &id in ids {
            let op = history.operation(id);
            if *op.f() == F::Read || op.outcome == Outcome::Fail || Some(op.end()) < since {
                continue;
            }
            let value = match op.f() {
                F::Write | F::Add | F::Remove | F::Append => Some(op.input()),
                F::Cas => op.input().as_pair().map(|(_, new)| new),
                _ => None,
            };
            late.told &= value.is_some();
            late.values.extend(value);
            late.ops.push(op);
        }
        late
    }

    /// Whether any of it can have made the difference between two reads, the first of them invoked first.
    fn explains(
        &self,
        one: &Operation<'h>,
        other: &Operation<'h>,
        here: &View<'h>,
        there: &View<'h>,
    ) -> bool {
        if self.ops.is_empty() || !self.told {
            return !self.ops.is_empty();
        }
        if let (View::Set(here), View::Set(there)) = (here, there) {
            return self.explains_elements(here, there);
        }
        let lists = (one.output().as_list(), other.output().as_list());
        if let (Some(here), Some(there)) = lists {
            let same = here
                .iter()
                .zip(there)
                .take_while(|(one, other)| one == other);
            let same = same.count();
            let rest = here[same..].iter().chain(&there[same..]);
            return rest
                .into_iter()
                .all(|element| self.values.contains(element));
        }
        let overlap = one.end() >= other.invoked;
        self.values.contains(other.output()) || overlap && self.values.contains(one.output())
    }

    /// Both in order: whether each element that only one of them has is one of those.
    fn explains_elements(&self, here: &[&Value], there: &[&Value]) -> bool {
        let known = |element: &&Value, others: &[&Value]| {
            others.binary_search(element).is_ok() || self.values.contains(*element)
        };
        here.iter().all(|element| known(element, there))
            && there.iter().all(|element| known(element, here))
    }
}

fn tell(one: &Operation<'_>, other: &Operation<'_>) -> Claim {
    let node = |op: &Operation<'_>| {
        op.node()
            .map_or_else(|| "nobody".to_owned(), ToString::to_string)
    };
    let sentence = format!(
        "the replicas {} differ at the end: {} returns {}, {} returns {}",
        of_key(one.key()),
        node(one),
        short(one.output()),
        node(other),
        short(other.output())
    );
    Claim::new(sentence, one.key(), vec![one.id, other.id])
        .remark("nothing that was still under way, or of unknown outcome, makes the difference")
}

/// An element, or a value, that only one of two reads shows, and that nobody can have written meanwhile.
fn recount(history: &History, ids: &[OpId], is_set: bool) -> Result<(), String> {
    let &[a, b] = ids else {
        return Err("it does not name two operations".to_owned());
    };
    let [a, b] = [a, b].map(|id| history.operation(id));
    if a.node() == b.node() || a.output() == b.output() {
        return Err("they do not differ".to_owned());
    }
    let begin = a.invoked.min(b.invoked);
    let meanwhile: Vec<Operation<'_>> = history
        .operations()
        .filter(|op| op.key() == a.key() && *op.f() != F::Read && op.outcome != Outcome::Fail)
        .filter(|op| op.outcome == Outcome::Info || op.completed >= Some(begin))
        .collect();
    let makes = |value: &Value| {
        meanwhile.iter().any(|op| {
            let pair = op.input().as_list().filter(|_| *op.f() == F::Cas);
            op.input() == value || pair.is_some_and(|pair| pair.get(1) == Some(value))
        })
    };
    let times = |list: &[Value], value: &Value| list.iter().filter(|item| *item == value).count();
    let proved = match (a.output().as_list(), b.output().as_list()) {
        _ if meanwhile.is_empty() => true,
        (Some(x), Some(y)) => {
            let only = |element: &&Value| times(x, element) != times(y, element);
            let alone = x
                .iter()
                .chain(y)
                .filter(only)
                .any(|element| !makes(element));
            // Of lists, the order counts too.
            let order =
                |(one, other): (&Value, &Value)| one != other && !(makes(one) && makes(other));
            alone || !is_set && x.iter().zip(y).any(order)
        }
        _ => !makes(b.output()) || a.completed < Some(b.invoked) && !makes(b.output()),
    };
    if proved {
        Ok(())
    } else {
        Err("something of unknown outcome can have made the difference".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&ReplicaEquality, lines)
    }

    #[test]
    fn equal_nodes_are_valid() {
        let verdict = judge(
            "
            0@n1 |w x 1|
            0@n2 |r x -> 7|
            0@n1 |r x -> 1|
            0@n2 |r x -> 1|
            0@n1 |add s 2|
            0@n1 |add s 1|
            0@n1 |r s -> [1,2]|
            0@n2 |r s -> [2,1]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "equal"), 2);
    }

    #[test]
    fn different_nodes_are_found() {
        let verdict = judge(
            "
            0@n1 |w x 1|
            0@n1 |w x 2|
            1@n1 |w x 3 ?
            0@n1 |r x -> 2|
            0@n2 |r x -> 1|
            ",
        );
        assert_eq!(broken(&verdict), [("replicas-differ", vec![3, 4])]);
        assert_eq!(
            verdict.summary,
            "the replicas of key \"x\" differ at the end: n1 returns 2, n2 returns 1"
        );
    }

    #[test]
    fn an_unknown_write_may_be_the_reason() {
        let verdict = judge(
            "
            0@n1 |w x 1|
            1@n1 |w x 3 ?
            0@n1 |r x -> 1|
            0@n2 |r x -> 3|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        let verdict = judge(
            "
            0@n1 |w x 1|
            1@n1 |w x 3 ?
            0@n1 |r x -> 3|
            0@n2 |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Invalid);
        let sets = |other: &str| {
            judge(&format!(
                "0@n1 |add s 1|\n1@n1 |add s 2 ?\n0@n1 |r s -> [1]|\n0@n2 |r s -> {other}|"
            ))
        };
        assert_eq!(sets("[1,2]").validity, Validity::Unknown);
        assert_eq!(sets("[2]").validity, Validity::Invalid);
    }

    #[test]
    fn one_node_alone_proves_nothing() {
        assert_eq!(
            judge("0@n1 |w x 1|\n0@n1 |r x -> 1|").validity,
            Validity::Unknown
        );
    }
}
