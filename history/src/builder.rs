//! Builds a history from events, in time order.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::bodies::{BODY, Bodies};
use crate::column::Column;
use crate::history::{Header, History};
use crate::interner::Interner;
use crate::lists::Lists;
use crate::micro_op::{Draft, MicroKind, Step, parts};
use crate::slots::{Slot, Slots};
use crate::{Event, F, FaultSpan, KeyId, Kind, Malformed, OpId, Outcome, Phase, Process, Time};
use crate::{Value, ValueId};

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

/// The value of an event, as it is kept.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// A value by its number.
    Value(u32),
    /// A transaction: the builder's `steps`.
    Steps,
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

    /// The number of a function that was invoked before.
    pub(crate) fn known_function(&self, name: &[u8]) -> Option<u8> {
        // Few and short: looking is faster than hashing.
        let functions = &self.history.functions;
        let place = functions
            .iter()
            .position(|known| known.name().as_bytes() == name)?;
        Some(place as u8)
    }

    /// The function with this number.
    pub(crate) fn function(&self, number: u8) -> &F {
        &self.history.functions[usize::from(number)]
    }

    /// The number of one of the first nodes.
    pub(crate) fn known_node(&self, name: &[u8]) -> Option<u16> {
        let nodes = &self.history.node_names;
        let place = nodes
            .iter()
            .take(FEW)
            .position(|known| known.as_bytes() == name)?;
        Some(place as u16)
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

    /// The value of an event as it is kept.
    fn content(&mut self, f: &F, value: &Value) -> Result<Content, Malformed> {
        if *f == F::Txn
            && let Some(list) = value.as_list()
        {
            self.read_steps(list)?;
            self.check_steps()?;
            return Ok(Content::Steps);
        }
        Ok(Content::Value(self.values.number(value)))
    }

    /// Whether the history has room for the steps.
    pub(crate) fn check_steps(&self) -> Result<(), Malformed> {
        if self.history.bodies.has_room(self.steps.len()) {
            return Ok(());
        }
        Err(Malformed::TooMany {
            what: "steps of transactions",
            limit: u32::MAX as usize,
        })
    }

    /// Reads the steps of a transaction.
    fn read_steps(&mut self, list: &[Value]) -> Result<(), Malformed> {
        self.steps.clear();
        for step in list {
            let Some((kind, key, argument, version)) = parts(step) else {
                self.steps.push(Step {
                    kind: MicroKind::Other,
                    key: KeyId(0),
                    argument: Draft::One(ValueId(self.values.number(step))),
                    version: None,
                });
                continue;
            };
            let key = KeyId(self.keys.number(key));
            let argument = match argument {
                Value::List(list) if kind == MicroKind::Read => {
                    self.elements.clear();
                    for element in list.iter() {
                        let number = self.values.number(element);
                        self.elements.push(ValueId(number));
                    }
                    self.lists.take(key, &self.elements, None)?
                }
                one => Draft::One(ValueId(self.values.number(one))),
            };
            self.steps.push(Step {
                kind,
                key,
                argument,
                version,
            });
        }
        Ok(())
    }

    fn function_number(&mut self, f: F) -> Result<u8, Malformed> {
        if let Some(number) = self.known_function(f.name().as_bytes()) {
            return Ok(number);
        }
        let functions = &mut self.history.functions;
        let number = u8::try_from(functions.len()).map_err(|_| Malformed::TooMany {
            what: "functions",
            limit: 256,
        })?;
        functions.push(f);
        Ok(number)
    }

    fn node_number(&mut self, node: Option<Arc<str>>) -> Result<u16, Malformed> {
        let Some(node) = node else {
            return Ok(NO_NODE);
        };
        // A cluster has few nodes, and who reads or records events shares their names.
        let mut first = self.history.node_names.iter().take(FEW);
        if let Some(number) = first.position(|known| Arc::ptr_eq(known, &node)) {
            return Ok(number as u16);
        }
        if let Some(&number) = self.node_numbers.get(&node) {
            return Ok(number);
        }
        let limit = usize::from(NO_NODE);
        if self.history.node_names.len() >= limit {
            return Err(Malformed::TooMany {
                what: "nodes",
                limit,
            });
        }
        let number = self.history.node_names.len() as u16;
        self.history.node_names.push(Arc::clone(&node));
        self.node_numbers.insert(node, number);
        Ok(number)
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

/// How many nodes are looked at one after the other.
const FEW: usize = 16;

/// Stands in the column of nodes where none is known.
pub(crate) const NO_NODE: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultOutcome;

    fn event(millis: u64, process: u32, kind: Kind, f: F) -> Event {
        Event::new(Time::from_millis(millis), Process::client(process), kind, f)
    }

    #[test]
    fn an_operation_is_an_invocation_and_its_completion() {
        let mut builder = History::builder();
        builder
            .push(
                event(1, 0, Kind::Invoke, F::Write)
                    .key("x")
                    .value(1)
                    .node("n1"),
            )
            .unwrap();
        builder
            .push(event(2, 1, Kind::Invoke, F::Read).key("x"))
            .unwrap();
        builder
            .push(event(3, 1, Kind::Ok, F::Read).value(1).revision(9))
            .unwrap();
        builder
            .push(event(4, 0, Kind::Info, F::Write).value(1).error("timeout"))
            .unwrap();
        let history = builder.finish();

        let [write, read] = history.operations().collect::<Vec<_>>()[..] else {
            panic!("two operations")
        };
        assert_eq!(write.outcome, Outcome::Info);
        assert_eq!(write.end(), Time::NEVER);
        assert_eq!(write.completed, Some(Time::from_millis(4)));
        assert_eq!(&**write.node().unwrap(), "n1");
        assert_eq!(&**write.error().unwrap(), "timeout");
        assert_eq!(read.output_id, write.input_id);
        assert_eq!(read.key(), &Value::from("x"));
        assert_eq!(read.revision(), Some(9));
        assert_eq!(read.node(), None);
        assert_eq!(
            write.to_string(),
            r#"#0 process 0 on n1: write "x" 1 -> info, 0.001 s..0.004 s"#
        );
    }

    #[test]
    fn the_error_of_a_completion_comes_before_that_of_its_invocation() {
        let mut builder = History::builder();
        for process in [0, 1] {
            let invoke = event(1, process, Kind::Invoke, F::Write).error("asked");
            builder.push(invoke).unwrap();
        }
        let fail = event(2, 0, Kind::Fail, F::Write).error("refused");
        builder.push(fail).unwrap();
        builder.push(event(2, 1, Kind::Ok, F::Write)).unwrap();
        let history = builder.finish();
        let errors: Vec<_> = history
            .operations()
            .map(|op| op.error().map(ToString::to_string))
            .collect();
        assert_eq!(errors, [Some("refused".into()), Some("asked".into())]);
    }

    #[test]
    fn what_the_history_leaves_open_is_unknown() {
        let mut builder = History::builder();
        builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
        let history = builder.finish();
        let write = history.operation(OpId(0));
        assert_eq!(
            (write.outcome, write.completed, write.end()),
            (Outcome::Info, None, Time::NEVER)
        );
    }

    #[test]
    fn a_process_is_sequential() {
        let mut builder = History::builder();
        builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
        let error = builder
            .push(event(2, 0, Kind::Invoke, F::Read))
            .unwrap_err();
        assert!(matches!(error, Malformed::StillOpen { .. }), "{error}");
    }

    #[test]
    fn a_process_ends_with_an_unknown_operation() {
        let mut builder = History::builder();
        builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
        builder.push(event(2, 0, Kind::Info, F::Write)).unwrap();
        let error = builder
            .push(event(3, 0, Kind::Invoke, F::Read))
            .unwrap_err();
        assert!(matches!(error, Malformed::AfterInfo { .. }), "{error}");
    }

    #[test]
    fn a_completion_fits_its_invocation() {
        let mut builder = History::builder();
        let error = builder.push(event(1, 0, Kind::Ok, F::Write)).unwrap_err();
        assert!(matches!(error, Malformed::NotOpen { .. }), "{error}");
        builder
            .push(event(1, 0, Kind::Invoke, F::Write).key(1))
            .unwrap();
        let error = builder
            .push(event(2, 0, Kind::Ok, F::Write).key(2))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "process 0 completes write of key 2, but its open operation is write of key 1"
        );
    }

    #[test]
    fn time_does_not_run_backwards() {
        let mut builder = History::builder();
        builder.push(event(2, 0, Kind::Invoke, F::Write)).unwrap();
        let error = builder
            .push(event(1, 1, Kind::Invoke, F::Read))
            .unwrap_err();
        assert!(matches!(error, Malformed::Backwards { .. }), "{error}");
    }

    #[test]
    fn operations_are_grouped_by_key() {
        let mut builder = History::builder();
        for (process, key) in [(0, 5), (1, 6), (2, 5)] {
            builder
                .push(event(1, process, Kind::Invoke, F::Read).key(key))
                .unwrap();
        }
        let history = builder.finish();
        let groups: Vec<_> = history
            .by_key()
            .into_iter()
            .map(|(key, ops)| (history.key(key).clone(), ops))
            .collect();
        assert_eq!(
            groups,
            [
                (Value::from(5), vec![OpId(0), OpId(2)]),
                (Value::from(6), vec![OpId(1)])
            ]
        );
    }

    #[test]
    fn faults_and_phases_come_out_as_spans() {
        let nemesis = |millis, f, value: Value| {
            Event::new(Time::from_millis(millis), Process::NEMESIS, Kind::Info, f).value(value)
        };
        let mut builder = History::builder();
        builder.push(nemesis(0, F::Phase, "main".into())).unwrap();
        let begin = Value::map([
            ("fault", Value::from(1)),
            ("name", "partition".into()),
            ("label", "leader".into()),
            ("nodes", Value::list(["n1"])),
        ]);
        builder.push(nemesis(1, F::Inject, begin)).unwrap();
        let done = Value::map([
            ("fault", Value::from(1)),
            ("label", "leader: n2 | n1 n3".into()),
            ("nodes", Value::list(["n2"])),
            (
                "sides",
                Value::list([Value::list(["n2"]), Value::list(["n1", "n3"])]),
            ),
            ("outcome", "installed".into()),
        ]);
        builder.push(nemesis(2, F::Inject, done)).unwrap();
        builder
            .push(nemesis(3, F::Heal, Value::map([("fault", 1)])))
            .unwrap();
        let healed = Value::map([("fault", Value::from(1)), ("outcome", "installed".into())]);
        builder.push(nemesis(4, F::Heal, healed)).unwrap();
        builder
            .push(nemesis(5, F::Phase, "final-reads".into()))
            .unwrap();
        let history = builder.finish();

        let [fault] = history.faults() else {
            panic!("one fault")
        };
        assert_eq!(
            (&*fault.name, &*fault.label, &*fault.nodes[0]),
            ("partition", "leader: n2 | n1 n3", "n2")
        );
        assert_eq!(fault.sides.len(), 2);
        assert_eq!(fault.window(), (Time::from_millis(1), Time::from_millis(4)));
        assert_eq!(
            (fault.outcome, fault.heal_outcome),
            (FaultOutcome::Installed, FaultOutcome::Installed)
        );
        assert_eq!(history.phases()[0].to, Time::from_millis(5));
        assert!(history.is_empty());
    }
}
