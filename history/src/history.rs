//! The whole of what was seen, in columns.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::interner::Interner;
use crate::{
    Event, F, FaultSpan, KeyId, Kind, OpId, Operation, Outcome, Phase, Process, Time, Value,
    ValueId,
};

/// What a history says about itself, before its first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name of the plan.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The nodes of the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Arc<str>>,
    /// How many workers call at once; a worker's processes differ by multiples of it. 0 when unknown.
    #[serde(default)]
    pub concurrency: u32,
}

/// Why an event cannot be part of a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Time runs backwards.
    #[error("its time, {time}, is before the time of the event before it, {before}")]
    Backwards {
        /// The event's time.
        time: Time,
        /// The time of the event before it.
        before: Time,
    },
    /// A process invokes an operation while another one of its own is open.
    #[error(
        "process {process} invokes {f} while its {open} is still open: a process is sequential"
    )]
    StillOpen {
        /// The process.
        process: Process,
        /// The function it invokes.
        f: F,
        /// The function of its open operation.
        open: F,
    },
    /// A process goes on after an operation of its own ended as `info`.
    #[error(
        "process {process} invokes {f} after its {ended} ended as info: it must go on as another process"
    )]
    AfterInfo {
        /// The process.
        process: Process,
        /// The function it invokes.
        f: F,
        /// The function of the operation that ended as `info`.
        ended: F,
    },
    /// A completion without an invocation.
    #[error("process {process} completes {f}, but it has no operation open")]
    NotOpen {
        /// The process.
        process: Process,
        /// The function it completes.
        f: F,
    },
    /// A completion of another function, or of another key, than the one invoked.
    #[error("process {process} completes {completed}, but its open operation is {invoked}")]
    Mismatch {
        /// The process.
        process: Process,
        /// What is completed: function and key.
        completed: String,
        /// What was invoked: function and key.
        invoked: String,
    },
    /// More distinct functions or nodes than a history can hold.
    #[error("more than {limit} distinct {what}")]
    TooMany {
        /// Functions or nodes.
        what: &'static str,
        /// How many it can hold.
        limit: usize,
    },
}

/// Everything the clients saw and the nemesis did, immutable, in columns.
///
/// Operations stand in order of invocation. Keys and values are numbered, equal ones equally, so that checkers compare
/// numbers. About 50 bytes an operation, besides the distinct values.
pub struct History {
    header: Header,
    pub(crate) process: Vec<Process>,
    pub(crate) function: Vec<u8>,
    outcome: Vec<Outcome>,
    invoked: Vec<Time>,
    /// [`Time::NEVER`] when the history ends before.
    completed: Vec<Time>,
    key: Vec<KeyId>,
    input: Vec<ValueId>,
    output: Vec<ValueId>,
    /// `u16::MAX` when unknown.
    pub(crate) node: Vec<u16>,
    pub(crate) invocation_index: Vec<u64>,
    pub(crate) functions: Vec<F>,
    pub(crate) node_names: Vec<Arc<str>>,
    keys: Vec<Value>,
    values: Vec<Value>,
    pub(crate) errors: FxHashMap<u32, Arc<str>>,
    pub(crate) revisions: Column<i64>,
    pub(crate) dues: Column<Time>,
    faults: Vec<FaultSpan>,
    phases: Vec<Phase>,
    end: Time,
}

impl History {
    /// A builder that takes events in time order.
    pub fn builder() -> Builder {
        Builder::new(Header::default())
    }

    /// A history from events in time order.
    ///
    /// # Errors
    /// The first event that cannot be part of it, with its place among the events.
    pub fn from_events(
        header: Header,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self, (usize, Malformed)> {
        let mut builder = Builder::new(header);
        for (place, event) in events.into_iter().enumerate() {
            builder
                .push(event)
                .map_err(|malformed| (place, malformed))?;
        }
        Ok(builder.finish())
    }

    /// What the history says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many operations clients invoked.
    pub fn len(&self) -> usize {
        self.process.len()
    }

    /// Whether no client invoked anything.
    pub fn is_empty(&self) -> bool {
        self.process.is_empty()
    }

    /// The time of the last event.
    pub fn end(&self) -> Time {
        self.end
    }

    /// One operation.
    ///
    /// # Panics
    /// When `id` is not of this history.
    pub fn operation(&self, id: OpId) -> Operation<'_> {
        let i = id.index();
        let completed = self.completed[i];
        Operation {
            history: self,
            id,
            process: self.process[i],
            outcome: self.outcome[i],
            invoked: self.invoked[i],
            completed: (completed != Time::NEVER).then_some(completed),
            key_id: self.key[i],
            input_id: self.input[i],
            output_id: self.output[i],
        }
    }

    /// All operations, in order of invocation.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = Operation<'_>> + DoubleEndedIterator {
        (0..self.len()).map(|i| self.operation(OpId(i as u32)))
    }

    /// The key with this number.
    pub fn key(&self, id: KeyId) -> &Value {
        &self.keys[id.0 as usize]
    }

    /// The value with this number.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// How many distinct values there are; their numbers are below it.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// How many distinct keys there are, [`Value::Nil`] included; their numbers are below it.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The operations of each key that has any, each in order of invocation; keys in order of first use.
    /// O(operations + keys).
    pub fn by_key(&self) -> Vec<(KeyId, Vec<OpId>)> {
        let mut counts = vec![0_u32; self.keys.len()];
        for key in &self.key {
            counts[key.0 as usize] += 1;
        }
        let mut groups: Vec<(KeyId, Vec<OpId>)> = counts
            .iter()
            .enumerate()
            .map(|(key, &count)| (KeyId(key as u32), Vec::with_capacity(count as usize)))
            .collect();
        for (i, key) in self.key.iter().enumerate() {
            groups[key.0 as usize].1.push(OpId(i as u32));
        }
        groups.retain(|(_, ops)| !ops.is_empty());
        groups
    }

    /// The functions that clients invoked, in order of first use.
    pub fn functions(&self) -> &[F] {
        &self.functions
    }

    /// The nodes of the cluster: those of the header, then others that operations name.
    pub fn nodes(&self) -> &[Arc<str>] {
        &self.node_names
    }

    /// The faults, in order of injection.
    pub fn faults(&self) -> &[FaultSpan] {
        &self.faults
    }

    /// The phases of the run, in order; empty when the history names none.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "History of {} operations:", self.len())?;
        for operation in self.operations().take(50) {
            writeln!(f, "  {operation}")?;
        }
        if self.len() > 50 {
            writeln!(f, "  and {} more", self.len() - 50)?;
        }
        Ok(())
    }
}

enum Slot {
    Open(OpId),
    /// Its last operation, which ended as `info`.
    Ended(OpId),
}

/// Builds a [`History`] from events that arrive in time order.
pub struct Builder {
    history: History,
    keys: Interner,
    values: Interner,
    slots: FxHashMap<Process, Slot>,
    node_numbers: FxHashMap<Arc<str>, u16>,
    events: u64,
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
                errors: FxHashMap::default(),
                revisions: Column::new(),
                dues: Column::new(),
                faults: Vec::new(),
                phases: Vec::new(),
                end: Time::ZERO,
            },
            keys: Interner::new(),
            values: Interner::new(),
            slots: FxHashMap::default(),
            node_numbers,
            events: 0,
        }
    }

    /// Takes the next event. Amortised O(size of its value).
    ///
    /// # Errors
    /// The event cannot follow the ones before it; the builder is as before.
    pub fn push(&mut self, event: Event) -> Result<(), Malformed> {
        if event.time < self.history.end {
            return Err(Malformed::Backwards {
                time: event.time,
                before: self.history.end,
            });
        }
        let time = event.time;
        if event.process.is_nemesis() {
            self.nemesis(&event);
        } else if event.kind == Kind::Invoke {
            self.invoke(event)?;
        } else {
            self.complete(event)?;
        }
        self.history.end = time;
        self.events += 1;
        Ok(())
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

    fn invoke(&mut self, event: Event) -> Result<(), Malformed> {
        match self.slots.get(&event.process) {
            Some(&Slot::Open(open)) => {
                let open = self.history.operation(open).f().clone();
                return Err(Malformed::StillOpen {
                    process: event.process,
                    f: event.f,
                    open,
                });
            }
            Some(&Slot::Ended(ended)) => {
                let ended = self.history.operation(ended).f().clone();
                return Err(Malformed::AfterInfo {
                    process: event.process,
                    f: event.f,
                    ended,
                });
            }
            None => {}
        }
        let function = self.function_number(event.f)?;
        let node = self.node_number(event.node)?;
        let history = &mut self.history;
        let id = OpId(history.process.len() as u32);
        let input = ValueId(self.values.number(event.value));
        history.process.push(event.process);
        history.function.push(function);
        history.outcome.push(Outcome::Info);
        history.invoked.push(event.time);
        history.completed.push(Time::NEVER);
        history.key.push(KeyId(self.keys.number(event.key)));
        history.input.push(input);
        history.output.push(ValueId::NIL);
        history.node.push(node);
        history.invocation_index.push(self.events);
        if let Some(error) = event.error {
            history.errors.insert(id.0, error);
        }
        if let Some(due) = event.due {
            history.dues.set(id.index(), due.min(event.time));
        }
        self.slots.insert(event.process, Slot::Open(id));
        Ok(())
    }

    fn complete(&mut self, event: Event) -> Result<(), Malformed> {
        let Some(&Slot::Open(id)) = self.slots.get(&event.process) else {
            return Err(Malformed::NotOpen {
                process: event.process,
                f: event.f,
            });
        };
        let i = id.index();
        let history = &mut self.history;
        let invoked = &history.functions[usize::from(history.function[i])];
        let key = KeyId(if event.key.is_nil() {
            history.key[i].0
        } else {
            self.keys.number(event.key.clone())
        });
        if *invoked != event.f || key != history.key[i] {
            return Err(Malformed::Mismatch {
                process: event.process,
                completed: format!("{} of key {}", event.f, event.key),
                invoked: format!("{invoked} of key {}", self.keys.value(history.key[i].0)),
            });
        }
        history.outcome[i] = match event.kind {
            Kind::Ok => Outcome::Ok,
            Kind::Fail => Outcome::Fail,
            Kind::Info | Kind::Invoke => Outcome::Info,
        };
        history.completed[i] = event.time;
        history.output[i] = ValueId(self.values.number(event.value));
        if let Some(error) = event.error {
            history.errors.insert(id.0, error);
        }
        if let Some(revision) = event.revision {
            history.revisions.set(i, revision);
        }
        if event.kind == Kind::Info {
            self.slots.insert(event.process, Slot::Ended(id));
        } else {
            self.slots.remove(&event.process);
        }
        Ok(())
    }

    fn function_number(&mut self, f: F) -> Result<u8, Malformed> {
        // Few and short: looking is faster than hashing.
        let functions = &mut self.history.functions;
        if let Some(number) = functions.iter().position(|known| *known == f) {
            return Ok(number as u8);
        }
        let number = u8::try_from(functions.len()).map_err(|_| Malformed::TooMany {
            what: "functions",
            limit: 256,
        })?;
        functions.push(f);
        Ok(number)
    }

    fn node_number(&mut self, node: Option<Arc<str>>) -> Result<u16, Malformed> {
        let Some(node) = node else {
            return Ok(u16::MAX);
        };
        // A cluster has few nodes, and who reads or records events shares their names.
        let first = self.history.node_names.iter().take(16);
        if let Some(number) = first
            .into_iter()
            .position(|known| Arc::ptr_eq(known, &node))
        {
            return Ok(number as u16);
        }
        if let Some(&number) = self.node_numbers.get(&node) {
            return Ok(number);
        }
        let limit = usize::from(u16::MAX);
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
            ..
        } = self;
        history.keys = keys.into_values();
        history.values = values.into_values();
        if let Some(last) = history.phases.last_mut() {
            last.to = history.end;
        }
        history
    }
}

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
