//! Builds a history from events, in time order.

mod content;
mod numbers;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ValueId;
use crate::bodies::{BODY, Bodies};
use crate::column::Column;
use crate::history::{Header, History};
use crate::interner::Interner;
use crate::lists::Lists;
use crate::micro_op::Step;
use crate::slots::{Slot, Slots};
use crate::{Event, F, FaultSpan, KeyId, Kind, Malformed, OpId, Outcome, Phase, Process, Time};

pub(crate) use content::Content;
pub(crate) use numbers::NO_NODE;

/// Builds a [`History`] from events that arrive in time order.
pub struct Builder {
    history: History,
    pub(crate) keys: Interner,
    pub(crate) values: Interner,
    pub(crate) lists: Lists,
    /// The steps of the transaction that is taken.
    pub(crate) steps: Vec<Step>,
    /// The elements of the list that is taken.
    pub(crate) elements: Vec<ValueId>,
    slots: Slots,
    node_numbers: FxHashMap<Arc<str>, u16>,
    events: u64,
}

/// One end of an operation, whichever it is.
pub(crate) struct End {
    pub(crate) time: Time,
    pub(crate) process: Process,
    pub(crate) content: Content,
    pub(crate) error: Option<Arc<str>>,
    pub(crate) revision: Option<i64>,
    pub(crate) due: Option<Time>,
}

impl Builder {
    /// A builder of a history with this header.
    pub fn new(header: Header) -> Self {
        let node_names = header.nodes.clone();
        let node_numbers = node_names
            .iter()
            .enumerate()
            .map(|(i, name)| (Arc::clone(name), i as u16))
            .collect();
        Self {
            history: History {
                header,
                process: Vec::new(),
                function: Vec::new(),
                outcome: Vec::new(),
                invoked: Vec::new(),
                completed: Vec::new(),
                key: Vec::new(),
                input: Vec::new(),
                output: Vec::new(),
                node: Vec::new(),
                invocation_index: Vec::new(),
                functions: Vec::new(),
                node_names,
                keys: Vec::new(),
                values: Vec::new(),
                bodies: Bodies::new(),
                errors: FxHashMap::default(),
                revisions: Column::new(),
                dues: Column::new(),
                faults: Vec::new(),
                phases: Vec::new(),
                end: Time::ZERO,
            },
            keys: Interner::new(),
            values: Interner::new(),
            lists: Lists::new(),
            steps: Vec::new(),
            elements: Vec::new(),
            slots: Slots::default(),
            node_numbers,
            events: 0,
        }
    }

    /// Takes the next event. Amortised O(size of its value).
    ///
    /// # Errors
    /// The event cannot follow the ones before it; nothing of it is in the history.
    pub fn push(&mut self, event: Event) -> Result<(), Malformed> {
        self.check_time(event.time)?;
        let Event {
            time,
            process,
            kind,
            ..
        } = event;
        if process.is_nemesis() {
            self.nemesis(&event);
        } else if kind == Kind::Invoke {
            match self.slots.get(process) {
                Slot::Free => {}
                Slot::Open(open) => {
                    let open = self.f(open).clone();
                    let f = event.f;
                    return Err(Malformed::StillOpen { process, f, open });
                }
                Slot::Ended(ended) => {
                    let ended = self.f(ended).clone();
                    let f = event.f;
                    return Err(Malformed::AfterInfo { process, f, ended });
                }
            }
            let node = self.node_number(event.node)?;
            let content = self.content(&event.f, &event.value)?;
            let function = self.function_number(event.f)?;
            let key = KeyId(self.keys.number(&event.key));
            let end = End {
                time,
                process,
                content,
                error: event.error,
                revision: event.revision,
                due: event.due,
            };
            self.invoke(end, function, key, node);
        } else {
            let Slot::Open(id) = self.slots.get(process) else {
                let f = event.f;
                return Err(Malformed::NotOpen { process, f });
            };
            let invoked = self.history.key[id.index()];
            let same_key = event.key.is_nil() || *self.keys.value(invoked.0) == event.key;
            if *self.f(id) != event.f || !same_key {
                return Err(Malformed::Mismatch {
                    process,
                    completed: format!("{} of key {}", event.f, event.key),
                    invoked: format!("{} of key {}", self.f(id), self.keys.value(invoked.0)),
                });
            }
            let content = self.content(&event.f, &event.value)?;
            let end = End {
                time,
                process,
                content,
                error: event.error,
                revision: event.revision,
                due: event.due,
            };
            self.complete(end, id, kind);
        }
        self.took(time);
        Ok(())
    }

    fn check_time(&self, time: Time) -> Result<(), Malformed> {
        let before = self.history.end;
        if time < before {
            return Err(Malformed::Backwards { time, before });
        }
        if time == Time::NEVER {
            return Err(Malformed::Never);
        }
        if self.events >= u64::from(u32::MAX) {
            return Err(Malformed::TooMany {
                what: "events",
                limit: u32::MAX as usize,
            });
        }
        Ok(())
    }

    /// An event is in the history.
    fn took(&mut self, time: Time) {
        self.history.end = time;
        self.events += 1;
    }

    /// Whether an event at this time can be the next.
    pub(crate) fn may_follow(&self, time: Time) -> bool {
        self.check_time(time).is_ok()
    }

    /// What the process is doing.
    pub(crate) fn slot(&self, process: Process) -> Slot {
        self.slots.get(process)
    }

    /// The function of an operation.
    pub(crate) fn f(&self, id: OpId) -> &F {
        &self.history.functions[usize::from(self.history.function[id.index()])]
    }

    /// The number of the function of an operation.
    pub(crate) fn function_of(&self, id: OpId) -> u8 {
        self.history.function[id.index()]
    }

    /// The key of an operation.
    pub(crate) fn key_of(&self, id: OpId) -> KeyId {
        self.history.key[id.index()]
    }

    /// Takes an invocation that is known to be in order, by numbers.
    pub(crate) fn take_invocation(&mut self, end: End, function: u8, key: KeyId, node: u16) {
        let time = end.time;
        self.invoke(end, function, key, node);
        self.took(time);
    }

    /// Takes a completion that is known to be in order.
    pub(crate) fn take_completion(&mut self, end: End, id: OpId, kind: Kind) {
        let time = end.time;
        self.complete(end, id, kind);
        self.took(time);
    }

    fn nemesis(&mut self, event: &Event) {
        if event.f == F::Phase {
            if let Some(last) = self.history.phases.last_mut() {
                last.to = event.time;
            }
            let name = Arc::from(event.value.as_text().unwrap_or_default());
            self.history.phases.push(Phase {
                name,
                from: event.time,
                to: event.time,
            });
        } else {
            FaultSpan::apply(&mut self.history.faults, event);
        }
    }

    fn invoke(&mut self, end: End, function: u8, key: KeyId, node: u16) {
        let history = &mut self.history;
        let id = OpId(history.process.len() as u32);
        let input = match end.content {
            Content::Value(number) => number,
            Content::Steps => BODY | history.bodies.push(&self.steps),
        };
        history.process.push(end.process);
        history.function.push(function);
        history.outcome.push(Outcome::Info);
        history.invoked.push(end.time);
        history.completed.push(Time::NEVER);
        history.key.push(key);
        history.input.push(ValueId(input));
        history.output.push(ValueId::NIL);
        history.node.push(node);
        history.invocation_index.push(self.events as u32);
        if let Some(error) = end.error {
            history.errors.insert(id.0, error);
        }
        if let Some(due) = end.due {
            history.dues.set(id.index(), due.min(end.time));
        }
        self.slots.set(end.process, Slot::Open(id));
    }

    fn complete(&mut self, end: End, id: OpId, kind: Kind) {
        let i = id.index();
        let history = &mut self.history;
        let output = match end.content {
            Content::Value(number) => number,
            Content::Steps => match history.input[i].0.checked_sub(BODY) {
                Some(asked) => BODY | history.bodies.push_answer(asked, &self.steps),
                None => BODY | history.bodies.push(&self.steps),
            },
        };
        history.outcome[i] = match kind {
            Kind::Ok => Outcome::Ok,
            Kind::Fail => Outcome::Fail,
            Kind::Info | Kind::Invoke => Outcome::Info,
        };
        history.completed[i] = end.time;
        history.output[i] = ValueId(output);
        if let Some(error) = end.error {
            history.errors.insert(id.0, error);
        }
        if let Some(revision) = end.revision {
            history.revisions.set(i, revision);
        }
        let slot = if kind == Kind::Info {
            Slot::Ended(id)
        } else {
            Slot::Free
        };
        self.slots.set(end.process, slot);
    }

    /// The history. Operations without a completion stay open: their outcome is unknown.
    pub fn finish(self) -> History {
        let Self {
            mut history,
            keys,
            values,
            lists,
            ..
        } = self;
        history.keys = keys.into_values();
        history.values = values.into_values();
        let (elements, place) = lists.settle();
        history.bodies.settle(elements, place);
        if history.bodies.len() > 0 {
            let above = history.values.len() as u32;
            for id in history.input.iter_mut().chain(&mut history.output) {
                if let Some(body) = id.0.checked_sub(BODY) {
                    id.0 = above + body;
                }
            }
        }
        if let Some(last) = history.phases.last_mut() {
            last.to = history.end;
        }
        history.shrink_to_fit();
        history
    }
}
