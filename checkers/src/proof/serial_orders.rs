//! Another second opinion: every serial order of a few transactions on lists.
//!
//! Whatever else a history holds, a serial order of all its transactions contains an order of any few of them, and of
//! the elements of a list any few keep their order. So when some transactions that surely happened have no serial order
//! in which each reads, of the elements that they appended, what it read, the history has none.
//!
//! It shares nothing with the judges of transactions but the history itself. A subset search with memory: O(2^n n) for
//! n transactions, bounded by a number of steps.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use schism_history::{History, OpId, Outcome, Value};

use crate::micro_op::{MicroOp, micro_ops};
use crate::proof::all_orders::Answer;

/// What a serial order must respect besides what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Respect {
    /// Nothing.
    Nothing,
    /// The order in which each process sent its transactions.
    Sessions,
    /// That, and that what had returned comes before what was sent later.
    RealTime,
}

/// Tries every serial order of these transactions, all of which surely happened, in at most `steps` steps. Of the lists,
/// only the elements of `scope` (key, element) are looked at.
pub(crate) fn search(
    history: &History,
    transactions: &[OpId],
    scope: &[(&Value, &Value)],
    respect: Respect,
    steps: u64,
) -> Answer {
    if transactions.len() > 64 {
        return Answer::Unfinished;
    }
    let mut keys: BTreeMap<&Value, usize> = BTreeMap::new();
    for &(key, _) in scope {
        let next = keys.len();
        keys.entry(key).or_insert(next);
    }
    let effects: Vec<Vec<Effect>> = transactions
        .iter()
        .map(|&id| effects(history, id, scope, &keys))
        .collect();
    let before = before(history, transactions, respect);
    let mut left = steps;
    let mut tried: FxHashSet<(u64, Box<[u32]>)> = FxHashSet::default();
    let mut longest: Vec<usize> = Vec::new();
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); keys.len()];
    // Each frame: what was placed, and which transaction is tried next. The lists are those of the last one.
    let mut stack = vec![(0_u64, 0_usize)];
    let mut order: Vec<usize> = Vec::new();
    while let Some((placed, next)) = stack.last_mut() {
        if order.len() == transactions.len() {
            return Answer::Order(order.iter().map(|&i| transactions[i]).collect());
        }
        let i = *next;
        if i == transactions.len() {
            stack.pop();
            if let Some(last) = order.pop() {
                undo(&effects[last], &mut lists);
            }
            continue;
        }
        *next += 1;
        if *placed >> i & 1 == 1 || before[i] & !*placed != 0 {
            continue;
        }
        if left == 0 {
            return Answer::Unfinished;
        }
        left -= 1;
        let placed = *placed | 1 << i;
        let happen = effects[i]
            .iter()
            .take_while(|effect| effect.apply(&mut lists));
        let happened = happen.count();
        if happened < effects[i].len() {
            undo(&effects[i][..happened], &mut lists);
            continue;
        }
        if tried.insert((placed, flat(&lists))) {
            stack.push((placed, 0));
            order.push(i);
            if order.len() > longest.len() {
                longest.clone_from(&order);
            }
        } else {
            undo(&effects[i], &mut lists);
        }
    }
    Answer::NoOrder(longest.iter().map(|&i| transactions[i]).collect())
}

/// What a transaction does to one list. Elements by their place in the scope.
enum Effect {
    Append(usize, u32),
    Read(usize, Vec<u32>),
}

impl Effect {
    /// Changes the lists; false when this cannot happen to them.
    fn apply(&self, lists: &mut [Vec<u32>]) -> bool {
        match self {
            Self::Append(key, element) => {
                lists[*key].push(*element);
                true
            }
            Self::Read(key, read) => lists[*key] == *read,
        }
    }
}

/// Takes back what the last transaction did.
fn undo(effects: &[Effect], lists: &mut [Vec<u32>]) {
    for effect in effects {
        if let Effect::Append(key, _) = effect {
            lists[*key].pop();
        }
    }
}

/// All lists as one text, each with its length in front.
fn flat(lists: &[Vec<u32>]) -> Box<[u32]> {
    let mut flat = Vec::with_capacity(lists.len() + lists.iter().map(Vec::len).sum::<usize>());
    for list in lists {
        flat.push(list.len() as u32);
        flat.extend_from_slice(list);
    }
    flat.into()
}

fn effects(
    history: &History,
    id: OpId,
    scope: &[(&Value, &Value)],
    keys: &BTreeMap<&Value, usize>,
) -> Vec<Effect> {
    let op = history.operation(id);
    let element = |key: &Value, element: &Value| {
        let place = scope.iter().position(|at| *at == (key, element));
        place.map(|place| place as u32)
    };
    micro_ops(&op)
        .filter_map(|micro_op| match micro_op {
            MicroOp::Append {
                key,
                element: value,
            } => Some(Effect::Append(*keys.get(key)?, element(key, value)?)),
            MicroOp::Read {
                key,
                list: Some(list),
            } => {
                let place = *keys.get(key)?;
                let seen = list.iter().filter_map(|value| element(key, value));
                Some(Effect::Read(place, seen.collect()))
            }
            MicroOp::Read { .. } => None,
        })
        .collect()
}

/// For each transaction, those that must come before it, as bits.
fn before(history: &History, transactions: &[OpId], respect: Respect) -> Vec<u64> {
    let ops: Vec<_> = transactions
        .iter()
        .map(|&id| history.operation(id))
        .collect();
    ops.iter()
        .map(|this| {
            let mut bits = 0;
            for (i, that) in ops.iter().enumerate() {
                let session = that.process == this.process && that.id < this.id;
                let time = that.outcome == Outcome::Ok && that.end() < this.invoked;
                let is_before = match respect {
                    Respect::Nothing => false,
                    Respect::Sessions => session,
                    Respect::RealTime => session || time,
                };
                bits |= u64::from(is_before) << i;
            }
            bits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    fn answer(drawing: &str, respect: Respect) -> Answer {
        let history = testing::history(drawing);
        let x = Value::from("x");
        let elements: Vec<Value> = (1..4).map(Value::from).collect();
        let scope: Vec<(&Value, &Value)> = elements.iter().map(|e| (&x, e)).collect();
        let ids: Vec<OpId> = history.operations().map(|op| op.id).collect();
        search(&history, &ids, &scope, respect, 1_000)
    }

    #[test]
    fn an_order_is_found_if_there_is_one() {
        let stale = "
            0 |txn nil [[append,x,1]]|
            1                          |txn nil [[r,x,nil]] -> [[r,x,[]]]|
            ";
        assert_eq!(
            answer(stale, Respect::Nothing),
            Answer::Order(vec![OpId(1), OpId(0)])
        );
        assert_eq!(
            answer(stale, Respect::Sessions),
            Answer::Order(vec![OpId(1), OpId(0)])
        );
        assert!(matches!(
            answer(stale, Respect::RealTime),
            Answer::NoOrder(_)
        ));
    }

    #[test]
    fn no_order_is_found_if_there_is_none() {
        let lost = "
            0 |txn nil [[r,x,nil],[append,x,1]] -> [[r,x,[]],[append,x,1]]|
            1 |txn nil [[r,x,nil],[append,x,2]] -> [[r,x,[]],[append,x,2]]|
            ";
        assert_eq!(
            answer(lost, Respect::Nothing),
            Answer::NoOrder(vec![OpId(0)])
        );
    }

    #[test]
    fn elements_out_of_scope_do_not_matter() {
        let other = "
            0 |txn nil [[append,x,1]]|
            1 |txn nil [[r,x,nil]] -> [[r,x,[7,1,8]]]|
            ";
        assert!(matches!(answer(other, Respect::Nothing), Answer::Order(_)));
    }
}
