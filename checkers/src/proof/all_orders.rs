//! The second opinion: every order of a few operations, tried one after the other.
//!
//! Every anomaly that says "no order explains this" is searched here again before it is believed. The search is the
//! oldest one (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993; with Lowe's memory of what was tried,
//! 2017). It shares nothing with the checkers but the history itself: it reads keys, values and times straight from the
//! operations.
//!
//! It also makes sure that leaving the rest of the history out is fair: whoever could have written a value that is
//! read here must be among the operations. Given that, an order of the whole history would contain an order of these
//! few, so when these few have none, the history has none.
//!
//! Cost: exponential in how many operations overlap, linear in the others; bounded by a number of steps.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use schism_history::{F, History, OpId, Operation, Outcome, Process, Time, Value};

use crate::micro_op::{MicroOp, micro_ops};
use crate::proof::witness::{Object, Part, Role, Witness};

/// What the search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// No order explains the operations. The longest beginning that works, for an explanation.
    NoOrder(Vec<OpId>),
    /// This order explains them.
    Order(Vec<OpId>),
    /// This operation could have written something that is read, and is missing.
    Missing(OpId),
    /// More than the allowed number of steps.
    Unfinished,
}

/// Tries every order that respects real time and the processes' own order, in at most `steps` steps.
/// The check for missing writers is one pass over the history.
pub(crate) fn search(history: &History, witness: &Witness<'_>, steps: u64) -> Answer {
    if let Some(missing) = missing_writer(history, witness) {
        return Answer::Missing(missing);
    }
    Orders::new(history, witness).search(steps)
}

/// One atomic step on one key. Keys are numbered within the witness.
#[derive(Clone, Debug)]
enum Effect<'h> {
    Read(usize, &'h Value),
    Unlike(usize, &'h Value),
    Write(usize, &'h Value),
    Cas(usize, &'h Value, &'h Value),
    Append(usize, &'h Value),
    /// All elements of the scope that a list holds, in its order.
    ReadList(usize, Vec<&'h Value>),
    Add(usize, &'h Value),
    /// All elements of the scope that a set holds, sorted; an element read twice stands twice.
    ReadSet(usize, Vec<&'h Value>),
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Content<'h> {
    /// Any value but these: the first one to read it decides.
    AnythingBut(Vec<&'h Value>),
    Value(&'h Value),
    Items(Vec<&'h Value>),
}

struct Candidate<'h> {
    id: OpId,
    process: Process,
    /// It happened for sure, so it must have a place in the order.
    certain: bool,
    invoked: Time,
    end: Time,
    /// The database's own order, of operations that write.
    revision: Option<i64>,
    effects: Vec<Effect<'h>>,
}

struct Orders<'h> {
    candidates: Vec<Candidate<'h>>,
    /// For each candidate, the certain ones that must stand before it.
    before: Vec<Vec<usize>>,
    start: Vec<Content<'h>>,
}

#[derive(Clone)]
struct Frame<'h> {
    placed: Vec<u64>,
    state: Vec<Content<'h>>,
    next: usize,
    /// The candidate whose placing made this frame.
    by: Option<usize>,
    certain_left: usize,
}

impl<'h> Orders<'h> {
    fn new(history: &'h History, witness: &Witness<'h>) -> Self {
        let mut keys: BTreeMap<&'h Value, usize> = BTreeMap::new();
        let mut candidates: Vec<Candidate<'h>> = Vec::new();
        for part in &witness.parts {
            let op = history.operation(part.id);
            let effects = effects(&op, *part, witness, &mut keys);
            let certain = op.outcome == Outcome::Ok && !part.open;
            if op.outcome == Outcome::Fail || (effects.is_empty() && !certain) {
                continue;
            }
            let writes = effects.iter().any(|effect| !effect.only_reads());
            candidates.push(Candidate {
                id: part.id,
                process: op.process,
                certain,
                invoked: op.invoked,
                end: if certain { op.end() } else { Time::NEVER },
                revision: op.revision().filter(|_| witness.revisions && writes),
                effects,
            });
        }
        let before = candidates
            .iter()
            .map(|this| {
                let earlier = |that: &Candidate<'_>| {
                    that.certain
                        && (that.end < this.invoked
                            || (that.process == this.process && that.id < this.id))
                };
                (0..candidates.len())
                    .filter(|&that| earlier(&candidates[that]))
                    .collect()
            })
            .collect();
        let nothing = match witness.object {
            Object::Register if witness.since.is_some() => Content::AnythingBut(Vec::new()),
            Object::Register => Content::Value(&Value::Nil),
            Object::List | Object::Set => Content::Items(Vec::new()),
        };
        Self {
            start: vec![nothing; keys.len()],
            candidates,
            before,
        }
    }

    fn search(&self, steps: u64) -> Answer {
        let certain = self.candidates.iter().filter(|c| c.certain).count();
        let mut tried: FxHashSet<(Vec<u64>, Vec<Content<'h>>)> = FxHashSet::default();
        let mut longest: (usize, Vec<OpId>) = (certain, Vec::new());
        let mut left = steps;
        let mut stack = vec![Frame {
            placed: vec![0; self.candidates.len().div_ceil(64)],
            state: self.start.clone(),
            next: 0,
            by: None,
            certain_left: certain,
        }];
        while let Some(frame) = stack.last_mut() {
            if frame.certain_left == 0 {
                return Answer::Order(self.order(&stack));
            }
            let i = frame.next;
            if i == self.candidates.len() {
                stack.pop();
                continue;
            }
            frame.next += 1;
            if left == 0 {
                return Answer::Unfinished;
            }
            left -= 1;
            let Some(state) = self.place(frame, i) else {
                continue;
            };
            let mut placed = frame.placed.clone();
            placed[i / 64] |= 1 << (i % 64);
            if !tried.insert((placed.clone(), state.clone())) {
                continue;
            }
            let certain_left = frame.certain_left - usize::from(self.candidates[i].certain);
            stack.push(Frame {
                placed,
                state,
                next: 0,
                by: Some(i),
                certain_left,
            });
            if certain_left < longest.0 {
                longest = (certain_left, self.order(&stack));
            }
        }
        Answer::NoOrder(longest.1)
    }

    /// The state after candidate `i` in a frame's state, if it may stand there.
    fn place(&self, frame: &Frame<'h>, i: usize) -> Option<Vec<Content<'h>>> {
        let is_placed = |j: usize| frame.placed[j / 64] >> (j % 64) & 1 == 1;
        if is_placed(i) || self.before[i].iter().any(|&j| !is_placed(j)) {
            return None;
        }
        if let Some(revision) = self.candidates[i].revision {
            let newer = |c: &Candidate<'_>| c.revision.is_some_and(|other| other > revision);
            if (0..self.candidates.len()).any(|j| is_placed(j) && newer(&self.candidates[j])) {
                return None;
            }
        }
        let mut state = frame.state.clone();
        self.candidates[i]
            .effects
            .iter()
            .all(|effect| effect.apply(&mut state))
            .then_some(state)
    }

    fn order(&self, stack: &[Frame<'_>]) -> Vec<OpId> {
        stack
            .iter()
            .filter_map(|frame| frame.by)
            .map(|i| self.candidates[i].id)
            .collect()
    }
}

impl Content<'_> {
    /// Whether the key holds this value, or may.
    fn may_be(&self, value: &Value) -> bool {
        match self {
            Self::AnythingBut(values) => !values.contains(&value),
            Self::Value(held) => *held == value,
            Self::Items(_) => false,
        }
    }
}

impl<'h> Effect<'h> {
    fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Read(..) | Self::Unlike(..) | Self::ReadList(..) | Self::ReadSet(..)
        )
    }

    /// Changes the state; false when this cannot happen in it.
    fn apply(&self, state: &mut [Content<'h>]) -> bool {
        match self {
            Self::Read(key, value) => {
                let fits = state[*key].may_be(value);
                state[*key] = Content::Value(value);
                fits
            }
            Self::Unlike(key, value) => {
                if let Content::AnythingBut(values) = &mut state[*key] {
                    values.push(value);
                    true
                } else {
                    !state[*key].may_be(value)
                }
            }
            Self::Write(key, value) => {
                state[*key] = Content::Value(value);
                true
            }
            Self::Cas(key, old, new) => {
                let fits = state[*key].may_be(old);
                state[*key] = Content::Value(new);
                fits
            }
            Self::Append(key, element) => {
                if let Content::Items(items) = &mut state[*key] {
                    items.push(element);
                }
                true
            }
            Self::Add(key, element) => {
                if let Content::Items(items) = &mut state[*key]
                    && let Err(place) = items.binary_search(element)
                {
                    items.insert(place, element);
                }
                true
            }
            Self::ReadList(key, read) | Self::ReadSet(key, read) => {
                matches!(&state[*key], Content::Items(items) if items == read)
            }
        }
    }
}

fn effects<'h>(
    op: &Operation<'h>,
    part: Part,
    witness: &Witness<'h>,
    keys: &mut BTreeMap<&'h Value, usize>,
) -> Vec<Effect<'h>> {
    let mut number = |key: &'h Value| {
        let next = keys.len();
        *keys.entry(key).or_insert(next)
    };
    let in_scope =
        |key: &Value, element: &Value| witness.scope.iter().any(|&(k, e)| k == key && e == element);
    let reads = op.outcome == Outcome::Ok && !part.open;
    match witness.object {
        Object::Register => {
            let key = number(op.key());
            match (op.f(), op.input().as_pair()) {
                (F::Read, _) if reads => vec![Effect::Read(key, op.output())],
                (F::Write, _) => vec![Effect::Write(key, op.input())],
                (F::Cas, Some((old, _))) if refused(op) => {
                    if reads {
                        vec![Effect::Unlike(key, old)]
                    } else {
                        Vec::new()
                    }
                }
                (F::Cas, Some((old, new))) => vec![match part.role {
                    Role::Whole => Effect::Cas(key, old, new),
                    Role::WriteOnly => Effect::Write(key, new),
                    Role::ReadOnly => Effect::Read(key, old),
                }],
                _ => Vec::new(),
            }
        }
        Object::List => micro_ops(op)
            .filter_map(|micro_op| match micro_op {
                MicroOp::Append { key, element } => {
                    in_scope(key, element).then(|| Effect::Append(number(key), element))
                }
                MicroOp::Read {
                    key,
                    list: Some(list),
                } if reads && witness.scope.iter().any(|&(k, _)| k == key) => {
                    let seen = list.iter().filter(|element| in_scope(key, element));
                    Some(Effect::ReadList(number(key), seen.collect()))
                }
                MicroOp::Read { .. } => None,
            })
            .collect(),
        Object::Set => match op.f() {
            F::Add if in_scope(op.key(), op.input()) => {
                vec![Effect::Add(number(op.key()), op.input())]
            }
            F::Read if reads => {
                let read = op.output().as_list().unwrap_or_default().iter();
                let mut seen: Vec<&Value> = read.filter(|e| in_scope(op.key(), e)).collect();
                seen.sort_unstable();
                vec![Effect::ReadSet(number(op.key()), seen)]
            }
            _ => Vec::new(),
        },
    }
}

/// Whether a compare-and-set is `ok` with the answer "it did not hold that value".
fn refused(op: &Operation<'_>) -> bool {
    op.outcome == Outcome::Ok && *op.output() == Value::Bool(false)
}

/// An operation that is not among the parts, although it could have written something that they read.
fn missing_writer(history: &History, witness: &Witness<'_>) -> Option<OpId> {
    // What is read, and until when.
    let mut read: Vec<(&Value, &Value, Time)> = Vec::new();
    // Keys of which it is said what they do not hold, and until when: any writer may matter.
    let mut unlike: Vec<(&Value, Time)> = Vec::new();
    let mut has_write: FxHashSet<OpId> = FxHashSet::default();
    for part in &witness.parts {
        let op = history.operation(part.id);
        if part.role != Role::ReadOnly {
            has_write.insert(part.id);
        }
        if witness.object != Object::Register {
            continue;
        }
        match (op.f(), op.input().as_pair()) {
            (F::Read, _) if op.outcome == Outcome::Ok && !part.open => {
                read.push((op.key(), op.output(), op.end()));
            }
            (F::Cas, Some((old, _))) if refused(&op) && !part.open => {
                unlike.push((op.key(), op.end()));
                read.push((op.key(), old, op.end()));
            }
            (F::Cas, Some((old, _))) if part.role != Role::WriteOnly => {
                let end = if part.open { Time::NEVER } else { op.end() };
                read.push((op.key(), old, end));
            }
            _ => {}
        }
    }
    if witness.object != Object::Register {
        read.extend(witness.scope.iter().map(|&(k, e)| (k, e, Time::NEVER)));
    }
    // What is sent after the last certain operation has returned comes after all of them, and nobody needs the rest.
    let until = witness
        .parts
        .iter()
        .filter(|part| !part.open)
        .map(|part| history.operation(part.id))
        .filter(|op| op.outcome == Outcome::Ok)
        .map(|op| op.end())
        .max();
    let since = witness.since.unwrap_or(Time::ZERO);
    let could_serve = |op: &Operation<'_>, key: &Value, value: &Value| {
        read.iter()
            .any(|&(k, v, end)| k == key && v == value && op.invoked <= end)
            || unlike.iter().any(|&(k, end)| k == key && op.invoked <= end)
    };
    let writes = |op: &Operation<'_>| {
        match (witness.object, op.f()) {
        (Object::Register, F::Write) | (Object::Set, F::Add) => {
            could_serve(op, op.key(), op.input())
        }
        (Object::Register, F::Cas) => match op.input().as_pair() {
            Some((_, new)) => !refused(op) && could_serve(op, op.key(), new),
            None => false,
        },
        (Object::List, F::Txn) => micro_ops(op).any(|micro_op| {
            matches!(micro_op, MicroOp::Append { key, element } if could_serve(op, key, element))
        }),
        _ => false,
    }
    };
    history
        .operations()
        .find(|op| {
            op.outcome != Outcome::Fail
                && op.end() >= since
                && until.is_none_or(|until| op.invoked <= until)
                && !has_write.contains(&op.id)
                && writes(op)
        })
        .map(|op| op.id)
}
