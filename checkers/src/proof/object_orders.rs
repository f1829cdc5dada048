//! The second opinion on objects of any kind: every order of a few operations, tried one after the other.
//!
//! As [`all_orders`](super::all_orders): the search of Wing and Gong, 1993, with Lowe's memory of what was tried, 2017.
//! It reads the operations straight from the history. For the models that have a name it uses a
//! [second description](super::sequential) of what they allow, and makes sure that leaving the rest of the history out is
//! fair; a model of the user's is all there is, so of that only the search is independent.
//!
//! Cost: exponential in how many operations overlap, linear in the others; bounded by a number of steps.

use std::hash::Hash;

use rustc_hash::FxHashSet;
use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::linearizable::ModelName;
use crate::model::{Action, Model};
use crate::proof::all_orders::Answer;

/// What an object allows.
pub(crate) trait Spec {
    /// All that it remembers.
    type State: Clone + Eq + Hash;

    /// The states in which it may begin.
    fn starts(&self) -> Vec<Self::State>;

    /// The states after an action; none when it cannot happen there.
    fn next(&self, state: &Self::State, action: &Action) -> Vec<Self::State>;
}

/// A model of the user's, for a proof that begins at the beginning, or later.
pub(crate) struct Given<'m, M: Model> {
    pub(crate) model: &'m M,
    pub(crate) later: bool,
}

impl<M: Model> Spec for Given<'_, M> {
    type State = M::State;

    fn starts(&self) -> Vec<M::State> {
        let later = self.model.anything().filter(|_| self.later);
        vec![later.unwrap_or_else(|| self.model.init())]
    }

    fn next(&self, state: &M::State, action: &Action) -> Vec<M::State> {
        self.model.steps(state, action)
    }
}

/// A few operations on one object that no order explains.
#[derive(Clone, Debug)]
pub(crate) struct ObjectWitness {
    /// What kind of object; `None`: one of the user's.
    pub(crate) model: Option<ModelName>,
    /// All operations on the object.
    pub(crate) object: Vec<OpId>,
    /// The ones of the proof, in order of invocation.
    pub(crate) ids: Vec<OpId>,
    /// Where the proof begins; the object may be in any state there. `None`: at the beginning.
    pub(crate) since: Option<Time>,
    /// Where it ends. `None`: at the end.
    pub(crate) until: Option<Time>,
    /// Only these values are looked at, as if no others existed: of a queue, a stack, a log, or a set that is read as a
    /// whole. `None`: all.
    pub(crate) scope: Option<Vec<Value>>,
}

struct Candidate {
    id: OpId,
    action: Action,
    invoked: Time,
    /// [`Time::NEVER`] when it need not have happened.
    end: Time,
}

/// Tries every order that respects real time, in at most `steps` steps.
pub(crate) fn search<S: Spec>(
    history: &History,
    spec: &S,
    witness: &ObjectWitness,
    steps: u64,
) -> Answer {
    if let Some(missing) = missing(history, witness) {
        return Answer::Missing(missing);
    }
    let candidates = candidates(history, witness);
    let mut left = steps;
    let mut longest = Vec::new();
    for start in spec.starts() {
        match orders(spec, &candidates, start, &mut left, &mut longest) {
            Some(Answer::NoOrder(_)) => {}
            Some(answer) => return answer,
            None => return Answer::Unfinished,
        }
    }
    Answer::NoOrder(longest)
}

struct Frame<State> {
    placed: Vec<u64>,
    state: State,
    /// What is still to be tried: candidates from this one on, and the states that the one before may lead to.
    next: usize,
    after: Vec<(usize, State)>,
    by: Option<usize>,
    certain_left: usize,
}

fn orders<S: Spec>(
    spec: &S,
    candidates: &[Candidate],
    start: S::State,
    left: &mut u64,
    longest: &mut Vec<OpId>,
) -> Option<Answer> {
    let is_certain = |i: usize| candidates[i].end != Time::NEVER;
    let before: Vec<Vec<usize>> = candidates
        .iter()
        .map(|this| {
            (0..candidates.len())
                .filter(|&that| candidates[that].end < this.invoked)
                .collect()
        })
        .collect();
    let certain = (0..candidates.len()).filter(|&i| is_certain(i)).count();
    let mut tried: FxHashSet<(Vec<u64>, S::State)> = FxHashSet::default();
    let mut stack = vec![Frame {
        placed: vec![0; candidates.len().div_ceil(64)],
        state: start,
        next: 0,
        after: Vec::new(),
        by: None,
        certain_left: certain,
    }];
    while let Some(frame) = stack.last_mut() {
        if frame.certain_left == 0 {
            return Some(Answer::Order(order(candidates, &stack)));
        }
        *left = left.checked_sub(1)?;
        let Some((i, state)) = frame.after.pop() else {
            let i = frame.next;
            if i == candidates.len() {
                stack.pop();
                continue;
            }
            frame.next += 1;
            let is_placed = |j: usize| frame.placed[j / 64] >> (j % 64) & 1 == 1;
            if !is_placed(i) && before[i].iter().all(|&j| is_placed(j)) {
                let after = spec.next(&frame.state, &candidates[i].action);
                frame.after = after.into_iter().map(|state| (i, state)).collect();
            }
            continue;
        };
        let mut placed = frame.placed.clone();
        placed[i / 64] |= 1 << (i % 64);
        if !tried.insert((placed.clone(), state.clone())) {
            continue;
        }
        let certain_left = frame.certain_left - usize::from(is_certain(i));
        stack.push(Frame {
            placed,
            state,
            next: 0,
            after: Vec::new(),
            by: Some(i),
            certain_left,
        });
        if stack.len() > longest.len() + 1 {
            *longest = order(candidates, &stack);
        }
    }
    Some(Answer::NoOrder(Vec::new()))
}

fn order<State>(candidates: &[Candidate], stack: &[Frame<State>]) -> Vec<OpId> {
    let placed = stack.iter().filter_map(|frame| frame.by);
    placed.map(|i| candidates[i].id).collect()
}

/// Whether an operation surely happened within the bounds of the proof.
fn is_certain(op: &Operation<'_>, witness: &ObjectWitness) -> bool {
    op.outcome == Outcome::Ok
        && witness.since.is_none_or(|since| op.invoked >= since)
        && witness.until.is_none_or(|until| op.end() <= until)
}

fn candidates(history: &History, witness: &ObjectWitness) -> Vec<Candidate> {
    let ops = || witness.ids.iter().map(|&id| history.operation(id));
    let puts = ops().filter(|op| *op.f() == F::Enqueue).count();
    let mut candidates = Vec::new();
    for op in ops() {
        let certain = is_certain(&op, witness);
        // Also of one that took effect outside of the proof, if at all: inside, it would have returned the same.
        let known = op.outcome == Outcome::Ok;
        let mut add = |action| {
            candidates.push(Candidate {
                id: op.id,
                action,
                invoked: op.invoked,
                end: if certain { op.end() } else { Time::NEVER },
            });
        };
        if *op.f() == F::Drain {
            // A client that takes one element after the other.
            let taken = match op.output().as_list() {
                Some(items) if known => items.iter().cloned().map(Some).collect(),
                _ => vec![None; puts],
            };
            let in_scope = |item: &Value| {
                let scope = witness.scope.as_ref();
                scope.is_none_or(|scope| scope.contains(item))
            };
            for output in taken {
                if output.as_ref().is_none_or(in_scope) {
                    add(Action {
                        f: F::Dequeue,
                        input: Value::Nil,
                        output,
                    });
                }
            }
            continue;
        }
        let output = match (&witness.scope, op.output().as_list()) {
            (Some(scope), Some(items)) if *op.f() == F::Read => {
                let seen = items.iter().filter(|item| scope.contains(item));
                Value::list(seen.cloned())
            }
            _ => op.output().clone(),
        };
        add(Action {
            f: op.f().clone(),
            input: op.input().clone(),
            output: known.then_some(output),
        });
    }
    candidates
}

/// An operation of the object that is left out although it may matter.
fn missing(history: &History, witness: &ObjectWitness) -> Option<OpId> {
    let model = witness.model?;
    let kept: FxHashSet<OpId> = witness.ids.iter().copied().collect();
    let parts: Vec<Operation<'_>> = witness
        .ids
        .iter()
        .map(|&id| history.operation(id))
        .collect();
    let ends = parts.iter().filter(|op| is_certain(op, witness));
    let last = ends.map(Operation::end).max().unwrap_or(Time::ZERO);
    let since = witness.since.unwrap_or(Time::ZERO);
    // What somebody found, and until when; and whether it is enough that it is another value.
    let observed: Vec<Operation<'_>> = parts
        .iter()
        .copied()
        .filter(|op| is_certain(op, witness))
        .collect();
    let in_scope = |value: &Value| {
        let scope = witness.scope.as_ref();
        scope.is_none_or(|scope| scope.contains(value))
    };
    // What may not have been put in, and what nobody has seen, may as well not have been.
    let seen = |value: &Value| {
        observed.iter().any(|look| match look.f().name() {
            "contains" => look.input() == value && *look.output() == Value::Bool(true),
            "read" | "drain" => {
                let items = look.output().as_list().unwrap_or_default();
                items.contains(value)
            }
            "dequeue" | "pop" => look.output() == value,
            _ => false,
        })
    };
    let unseen = |op: &Operation<'_>| {
        let puts = matches!(op.f().name(), "enqueue" | "push" | "append" | "add");
        let counts = matches!(model, ModelName::Counter | ModelName::Text);
        op.outcome == Outcome::Info && puts && !counts && !seen(op.input())
    };
    let matters = |op: &Operation<'_>| match model {
        _ if unseen(op) => false,
        ModelName::Queue
        | ModelName::UnorderedQueue
        | ModelName::Stack
        | ModelName::PriorityQueue => {
            let value = match op.f().name() {
                "enqueue" | "push" => Some(op.input()),
                _ if op.outcome != Outcome::Ok => return op.invoked <= last,
                // Where none was put in, none can be taken, however often.
                "drain" => {
                    let items = op.output().as_list().unwrap_or_default();
                    return items
                        .iter()
                        .any(|item| in_scope(item) && is_put(&parts, item));
                }
                _ => Some(op.output()).filter(|value| is_put(&parts, value)),
            };
            value.is_some_and(|value| !value.is_nil() && in_scope(value))
        }
        ModelName::UniqueIds => false,
        ModelName::AppendLog | ModelName::Set if witness.scope.is_some() => {
            let scope = witness.scope.as_deref().unwrap_or_default();
            matches!(op.f().name(), "add" | "remove" | "append") && scope.contains(op.input())
        }
        ModelName::AppendLog => op.f().name() == "append",
        ModelName::Text => op.f().name() != "get",
        ModelName::Set => {
            let there = Value::Bool(op.f().name() == "add");
            matches!(op.f().name(), "add" | "remove")
                && observed.iter().any(|look| {
                    let asks = look.f().name() == "contains" && look.input() == op.input();
                    asks && *look.output() == there && op.invoked <= look.end()
                })
        }
        ModelName::Map => {
            let left = match (op.f().name(), op.input().as_pair()) {
                ("put", Some((_, value))) => value,
                ("remove", _) => &Value::Nil,
                _ => return false,
            };
            observed.iter().any(|get| {
                get.f().name() == "get" && get.output() == left && op.invoked <= get.end()
            })
        }
        ModelName::Counter => op.f().name() != "read",
        ModelName::MultiRegister => {
            let micros = op.input().as_list().unwrap_or_default();
            micros.iter().any(|micro| {
                let name = micro.as_list().and_then(|items| items.first());
                name.and_then(Value::as_text) != Some("r")
            })
        }
        _ => true,
    };
    witness
        .object
        .iter()
        .filter(|id| !kept.contains(id))
        .map(|&id| history.operation(id))
        .find(|op| {
            op.outcome != Outcome::Fail && op.invoked <= last && op.end() >= since && matters(op)
        })
        .map(|op| op.id)
}

/// Whether some of the operations put this value in.
fn is_put(parts: &[Operation<'_>], value: &Value) -> bool {
    parts
        .iter()
        .any(|op| matches!(op.f().name(), "enqueue" | "push") && op.input() == value)
}
