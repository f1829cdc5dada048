//! The whole of what was seen, in columns.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::bodies::Bodies;
pub use crate::builder::Builder;
use crate::column::Column;
use crate::{
    Event, F, FaultSpan, KeyId, Malformed, MicroOps, OpId, Operation, Outcome, Phase, Process,
    Time, Value, ValueId,
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

/// Everything the clients saw and the nemesis did, immutable, in columns.
///
/// Operations stand in order of invocation. Keys and values are numbered, equal ones equally, so that checkers compare
/// numbers. About 40 bytes an operation, besides the distinct values. What transactions do is kept in columns too, see
/// [`MicroOps`]; as a [`Value`] it is made when somebody asks for it, and then kept.
pub struct History {
    pub(crate) header: Header,
    pub(crate) process: Vec<Process>,
    pub(crate) function: Vec<u8>,
    pub(crate) outcome: Vec<Outcome>,
    pub(crate) invoked: Vec<Time>,
    /// [`Time::NEVER`] when the history ends before.
    pub(crate) completed: Vec<Time>,
    pub(crate) key: Vec<KeyId>,
    pub(crate) input: Vec<ValueId>,
    pub(crate) output: Vec<ValueId>,
    /// `u16::MAX` when unknown.
    pub(crate) node: Vec<u16>,
    pub(crate) invocation_index: Vec<u32>,
    pub(crate) functions: Vec<F>,
    pub(crate) node_names: Vec<Arc<str>>,
    pub(crate) keys: Vec<Value>,
    pub(crate) values: Vec<Value>,
    /// What transactions do; their numbers follow those of the values.
    pub(crate) bodies: Bodies,
    pub(crate) errors: FxHashMap<u32, Arc<str>>,
    pub(crate) revisions: Column<i64>,
    pub(crate) dues: Column<Time>,
    pub(crate) faults: Vec<FaultSpan>,
    pub(crate) phases: Vec<Phase>,
    pub(crate) end: Time,
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

    /// Gives back the memory that was reserved for more.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.process.shrink_to_fit();
        self.function.shrink_to_fit();
        self.outcome.shrink_to_fit();
        self.invoked.shrink_to_fit();
        self.completed.shrink_to_fit();
        self.key.shrink_to_fit();
        self.input.shrink_to_fit();
        self.output.shrink_to_fit();
        self.node.shrink_to_fit();
        self.invocation_index.shrink_to_fit();
        self.keys.shrink_to_fit();
        self.values.shrink_to_fit();
        self.revisions.shrink_to_fit();
        self.dues.shrink_to_fit();
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
    ///
    /// What a transaction does is made into a value when it is asked for first, and kept; who judges many of them reads
    /// [`History::micro_ops`] instead.
    pub fn value(&self, id: ValueId) -> &Value {
        let place = id.0 as usize;
        match self.values.get(place) {
            Some(value) => value,
            None => self
                .bodies
                .value(place - self.values.len(), &self.keys, &self.values),
        }
    }

    /// The steps of a transaction, if that is what this number stands for. O(1).
    pub fn micro_ops(&self, id: ValueId) -> Option<MicroOps<'_>> {
        let body = (id.0 as usize).checked_sub(self.values.len())?;
        self.bodies.micro_ops(body)
    }

    /// How many values there are, transactions included; their numbers are below it.
    pub fn value_count(&self) -> usize {
        self.values.len() + self.bodies.len()
    }

    /// How many distinct values there are, transactions not included; their numbers are below it, and so are those of
    /// what transactions read, write and append.
    pub fn plain_value_count(&self) -> usize {
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
