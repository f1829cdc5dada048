//! The operations on one object, as actions with numbers.

use rustc_hash::FxHashMap;
use schism_history::{F, History, KeyId, OpId, Operation, Outcome, Time, Value};

use super::named::ModelName;
use crate::model::{Action, Model};
use crate::models::inner_key;
use crate::object::Call;

/// One object of a history.
#[derive(Clone, Debug)]
pub(crate) struct Object<'h> {
    /// Its key.
    pub(crate) key: KeyId,
    /// Of a map the inner key, of a set the element: what happens to one does not touch the others.
    pub(crate) part: Option<&'h Value>,
    /// Its operations, in order of invocation.
    pub(crate) ids: Vec<OpId>,
}

/// Splits an object of this kind into parts that can be judged by themselves. O(operations).
pub(crate) fn split<'h>(
    history: &'h History,
    key: KeyId,
    ids: Vec<OpId>,
    model: ModelName,
) -> Vec<Object<'h>> {
    let whole = |ids| {
        vec![Object {
            key,
            part: None,
            ids,
        }]
    };
    let part_of = |op: &Operation<'h>| match model {
        ModelName::Map => inner_key(op.f(), op.input()),
        _ => Some(op.input()),
    };
    let splits = match model {
        ModelName::Map => true,
        ModelName::Set => ids.iter().all(|&id| *history.operation(id).f() != F::Read),
        _ => false,
    };
    if !splits {
        return whole(ids);
    }
    let mut place: FxHashMap<&Value, usize> = FxHashMap::default();
    let mut parts: Vec<Object<'h>> = Vec::new();
    for &id in &ids {
        let Some(part) = part_of(&history.operation(id)) else {
            // One that cannot be read: the whole object cannot.
            return whole(ids);
        };
        let i = *place.entry(part).or_insert_with(|| {
            parts.push(Object {
                key,
                part: Some(part),
                ids: Vec::new(),
            });
            parts.len() - 1
        });
        parts[i].ids.push(id);
    }
    parts
}

/// What was done to one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    /// In order of invocation; the action of each is a number.
    pub(crate) calls: Vec<Call<u32>>,
    /// By number, all different.
    pub(crate) actions: Vec<Action>,
}

impl Calls {
    /// The operations that may have happened and can matter. An operation that the model does not know is the error.
    /// O(operations).
    pub(crate) fn of<M: Model>(history: &History, model: &M, ids: &[OpId]) -> Result<Self, OpId> {
        let mut numbers: FxHashMap<(usize, u32, u32), u32> = FxHashMap::default();
        let mut by_action: FxHashMap<Action, u32> = FxHashMap::default();
        let mut this = Self::default();
        let left = left_to_drain(history, ids);
        for &id in ids {
            let op = history.operation(id);
            if op.outcome == Outcome::Fail {
                continue;
            }
            if *op.f() == F::Drain {
                for action in drained(&op, left) {
                    let number = this.number(action, &mut by_action);
                    this.call(&op, number);
                }
                continue;
            }
            let known = op.outcome == Outcome::Ok;
            let output = if known { op.output_id.0 } else { u32::MAX };
            let function = std::ptr::from_ref(op.f()) as usize;
            let call = (function, op.input_id.0, output);
            let number = if let Some(&number) = numbers.get(&call) {
                number
            } else {
                let action = Action {
                    f: op.f().clone(),
                    input: op.input().clone(),
                    output: known.then(|| op.output().clone()),
                };
                if !model.knows(&action) {
                    return Err(id);
                }
                let number = this.number(action, &mut by_action);
                numbers.insert(call, number);
                number
            };
            if known || !model.is_pure(&this.actions[number as usize]) {
                this.call(&op, number);
            }
        }
        Ok(this)
    }

    fn number(&mut self, action: Action, by_action: &mut FxHashMap<Action, u32>) -> u32 {
        if let Some(&number) = by_action.get(&action) {
            return number;
        }
        let number = self.actions.len() as u32;
        by_action.insert(action.clone(), number);
        self.actions.push(action);
        number
    }

    fn call(&mut self, op: &Operation<'_>, action: u32) {
        self.calls.push(Call {
            id: op.id,
            action,
            invoked: op.invoked,
            end: op.end(),
        });
    }

    /// The same calls with the ends that clients saw.
    pub(crate) fn as_seen(&self, history: &History) -> Self {
        let mut this = self.clone();
        for call in &mut this.calls {
            call.end = history.operation(call.id).end();
        }
        this
    }

    /// What a call did.
    pub(crate) fn action(&self, call: &Call<u32>) -> &Action {
        &self.actions[call.action as usize]
    }

    /// Takes out calls of unknown outcome that cannot matter to anybody, and gives others an end where there is one: what
    /// brought a value that somebody took happened before he had it. Both are fair: an element that nobody took, found
    /// or read may as well not have been put in. O(operations).
    pub(crate) fn settle(&mut self, model: ModelName) {
        if !model.is_collection() && !matches!(model, ModelName::AppendLog | ModelName::Set) {
            return;
        }
        let mut seen: FxHashMap<&Value, Time> = FxHashMap::default();
        for call in self.calls.iter().filter(|call| call.is_certain()) {
            let action = &self.actions[call.action as usize];
            let Some(output) = &action.output else {
                continue;
            };
            let mut see = |value| {
                let end = seen.entry(value).or_insert(Time::NEVER);
                *end = call.end.min(*end);
            };
            match (&action.f, output) {
                (F::Dequeue | F::Pop, value) => see(value),
                (F::Read, read) => read.as_list().unwrap_or_default().iter().for_each(see),
                (f, Value::Bool(true)) if f.name() == "contains" => see(&action.input),
                _ => {}
            }
        }
        let adds = |action: &Action| matches!(action.f, F::Enqueue | F::Push | F::Append | F::Add);
        let mut times: FxHashMap<&Value, u32> = FxHashMap::default();
        for call in &self.calls {
            let action = &self.actions[call.action as usize];
            if adds(action) {
                *times.entry(&action.input).or_default() += 1;
            }
        }
        let removes = self.actions.iter().any(|action| action.f == F::Remove);
        let actions = &self.actions;
        self.calls.retain_mut(|call| {
            let action = &actions[call.action as usize];
            if call.is_certain() || !adds(action) {
                return true;
            }
            let Some(&end) = seen.get(&action.input) else {
                return false;
            };
            if times[&action.input] == 1 && !removes && end >= call.invoked {
                call.end = end;
            }
            true
        });
    }
}

/// How many elements an unknown drain may have taken at most: those that were put in and that nobody is known to have
/// taken. 0 without such a drain.
fn left_to_drain(history: &History, ids: &[OpId]) -> usize {
    let ops = || ids.iter().map(|&id| history.operation(id));
    let unknown = |op: Operation<'_>| *op.f() == F::Drain && op.outcome == Outcome::Info;
    if !ops().any(unknown) {
        return 0;
    }
    let (mut put, mut taken) = (0_usize, 0);
    for op in ops().filter(|op| op.outcome != Outcome::Fail) {
        match op.f() {
            F::Enqueue => put += 1,
            F::Dequeue if op.outcome == Outcome::Ok && !op.output().is_nil() => taken += 1,
            F::Drain if op.outcome == Outcome::Ok => {
                taken += op.output().as_list().map_or(0, <[Value]>::len);
            }
            _ => {}
        }
    }
    put.saturating_sub(taken)
}

/// A drain is a client that takes out one element after the other, so its elements are taken within its time, each by
/// itself. One of unknown outcome may have taken any number: all that are `left`.
fn drained(op: &Operation<'_>, left: usize) -> Vec<Action> {
    let take = |output| Action {
        f: F::Dequeue,
        input: Value::Nil,
        output,
    };
    if op.outcome == Outcome::Ok {
        let items = op.output().as_list().unwrap_or_default();
        items.iter().map(|item| take(Some(item.clone()))).collect()
    } else {
        vec![take(None); left]
    }
}
