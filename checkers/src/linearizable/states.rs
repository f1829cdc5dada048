//! Which values a register may have held after each return of a proof, for those who want to follow it.

use std::collections::BTreeSet;

use schism_history::{F, History, Value};

use super::agenda::{Event, events};
use crate::models::{Model, Register, RegisterAction};
use crate::object::Call;
use crate::verdict::StatesAfter;

/// What was done, and what the register holds.
type Possibility = (u64, u32);

/// The value that a window begins with, if it is none that its operations mention.
const OTHER: u32 = u32::MAX - 1;

/// More than that is nothing to look at.
const MOST: usize = 20_000;

/// The states that are possible when each of the calls has returned, in order of return, up to the first after which
/// there is none. `anything`: the register may hold any value at the beginning. `None` when there are too many calls or
/// possibilities.
pub(crate) fn states(
    history: &History,
    calls: &[Call<RegisterAction>],
    anything: bool,
) -> Option<Vec<StatesAfter>> {
    if calls.len() > 64 {
        return None;
    }
    let names = names(history, calls);
    let mut possible: BTreeSet<Possibility> = BTreeSet::from([(0, 0)]);
    if anything {
        possible.extend(names.iter().map(|&(number, _)| (0, number)));
        possible.insert((0, OTHER));
    }
    let model = Register { values: u32::MAX };
    let mut invoked: Vec<usize> = Vec::new();
    let mut told = Vec::new();
    for event in events(calls) {
        let returned = match event {
            Event::Invoke(i) => {
                invoked.push(i);
                continue;
            }
            Event::Return(i) => i,
        };
        let mut open: Vec<Possibility> = possible.iter().copied().collect();
        while let Some((done, state)) = open.pop() {
            for &i in &invoked {
                if done >> i & 1 == 1 {
                    continue;
                }
                if let Some(next) = model.step(state, calls[i].action) {
                    let after = (done | 1 << i, next);
                    if possible.insert(after) {
                        open.push(after);
                    }
                }
            }
            if possible.len() > MOST {
                return None;
            }
        }
        possible.retain(|&(done, _)| done >> returned & 1 == 1);
        let held: BTreeSet<u32> = possible.iter().map(|&(_, state)| state).collect();
        told.push(StatesAfter {
            operation: calls[returned].id,
            states: held.iter().map(|&state| name(&names, state)).collect(),
        });
        if possible.is_empty() {
            break;
        }
    }
    Some(told)
}

/// The values that the calls mention, by number.
fn names(history: &History, calls: &[Call<RegisterAction>]) -> Vec<(u32, Value)> {
    let mut names = vec![(0, Value::Nil)];
    for call in calls {
        let op = history.operation(call.id);
        let pair = op.input().as_pair().map(|(old, new)| [old, new]);
        let is_cas = *op.f() == F::Cas;
        let new = match pair {
            Some([_, new]) if is_cas => new,
            _ => op.input(),
        };
        let old = match pair {
            Some([old, _]) if is_cas => old,
            _ => op.output(),
        };
        names.extend(match call.action {
            RegisterAction::Read(value) | RegisterAction::Unlike(value) => {
                vec![(value, old.clone())]
            }
            RegisterAction::Write(value) => vec![(value, new.clone())],
            RegisterAction::Cas(from, to) => vec![(from, old.clone()), (to, new.clone())],
        });
    }
    names.sort_by_key(|&(number, _)| number);
    names.dedup_by_key(|&mut (number, _)| number);
    names
}

fn name(names: &[(u32, Value)], state: u32) -> String {
    names
        .binary_search_by_key(&state, |&(number, _)| number)
        .map_or_else(
            |_| "anything else".to_owned(),
            |place| names[place].1.to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Registers;
    use schism_history::testing;

    #[test]
    fn states_are_told_until_there_is_none() {
        let history = testing::history(
            "
            0 |w x 1|
            1   |w x 2     |
            2               |r x -> 1|
            3                          |r x -> 2|
            4                                    |r x -> 1|
            ",
        );
        let registers = Registers::of(&history);
        let calls = registers.calls(&registers.objects[0]);
        let told: Vec<Vec<String>> = states(&history, calls, false)
            .unwrap()
            .into_iter()
            .map(|after| after.states)
            .collect();
        let none: [&str; 0] = [];
        assert_eq!(
            told[..4],
            [vec!["1", "2"], vec!["1", "2"], vec!["1"], none.to_vec()]
        );
        let window = states(&history, &calls[2..3], true).unwrap();
        assert_eq!(window[0].states, ["1"]);
    }
}
