//! What the transactions of a history do, each as a whole: its steps as it was asked for, and as it was answered.

use std::sync::{Arc, OnceLock};

use crate::micro_op::{MicroKind, MicroOps, Step, Steps};
use crate::{Argument, MicroOp, Value, ValueId};

/// The number of a body while values are still numbered, above all of those.
pub(crate) const BODY: u32 = 1 << 31;

/// How many bodies share the memory of their values.
const CHUNK: usize = 64;

/// Bodies by number.
pub(crate) struct Bodies {
    steps: Steps,
    /// The lists that were read.
    elements: Vec<ValueId>,
    all: Vec<Body>,
    /// The bodies as values, once somebody asked for one of a chunk.
    values: Vec<OnceLock<Box<[OnceLock<Value>]>>>,
    /// The names of the kinds that have one.
    names: [Arc<str>; 4],
}

/// Some of the steps.
#[derive(Clone, Copy)]
struct Body {
    begin: u32,
    len: u32,
    /// As it was asked for, although the steps hold what they saw since.
    asked: bool,
}

impl Bodies {
    pub(crate) fn new() -> Self {
        Self {
            steps: Steps::new(),
            elements: Vec::new(),
            all: Vec::new(),
            values: Vec::new(),
            names: MicroKind::NAMED.map(|kind| Arc::from(kind.name())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether so many steps more can be numbered.
    pub(crate) fn has_room(&self, steps: usize) -> bool {
        self.steps.len() + steps < u32::MAX as usize && self.all.len() < BODY as usize
    }

    /// Adds a transaction as it was asked for.
    pub(crate) fn push(&mut self, steps: &[Step]) -> u32 {
        let begin = self.steps.len() as u32;
        for &step in steps {
            self.steps.push(step);
        }
        self.add(Body {
            begin,
            len: steps.len() as u32,
            asked: false,
        })
    }

    fn add(&mut self, body: Body) -> u32 {
        self.all.push(body);
        self.all.len() as u32 - 1
    }

    /// Adds a transaction as it was answered. Mostly that is what was asked, with what it saw: then it takes the place of
    /// what was asked.
    pub(crate) fn push_answer(&mut self, asked: u32, steps: &[Step]) -> u32 {
        let body = self.all[asked as usize];
        let begin = body.begin as usize;
        let as_asked = |is: fn(&Steps, usize, &Step) -> bool| {
            let mut rows = steps.iter().zip(begin..);
            body.len as usize == steps.len() && rows.all(|(step, row)| is(&self.steps, row, step))
        };
        if as_asked(Steps::is) {
            return asked;
        }
        if !as_asked(Steps::became) {
            return self.push(steps);
        }
        for (&step, row) in steps.iter().zip(begin..) {
            self.steps.set(row, step);
        }
        self.all[asked as usize].asked = true;
        self.add(body)
    }

    /// All is there: every list gets its place among all elements.
    pub(crate) fn settle(&mut self, elements: Vec<ValueId>, place: impl Fn(u32) -> u32) {
        self.elements = elements;
        self.steps.settle(place);
        self.all.shrink_to_fit();
        self.values
            .resize_with(self.all.len().div_ceil(CHUNK), OnceLock::new);
    }

    /// The steps of a body.
    pub(crate) fn micro_ops(&self, body: usize) -> Option<MicroOps<'_>> {
        let body = self.all.get(body)?;
        Some(MicroOps {
            steps: &self.steps,
            elements: &self.elements,
            begin: body.begin,
            end: body.begin + body.len,
            asked: body.asked,
        })
    }

    /// A body as a value.
    pub(crate) fn value(&self, body: usize, keys: &[Value], values: &[Value]) -> &Value {
        let chunk =
            self.values[body / CHUNK].get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        chunk[body % CHUNK].get_or_init(|| {
            let micro_ops = self.micro_ops(body).expect("a body of this history");
            micro_ops
                .map(|micro_op| self.step(micro_op, keys, values))
                .collect::<Vec<Value>>()
                .into()
        })
    }

    fn step(&self, micro_op: MicroOp<'_>, keys: &[Value], values: &[Value]) -> Value {
        let value = |id: &ValueId| values[id.0 as usize].clone();
        let argument = match micro_op.argument {
            Argument::One(id) => value(&id),
            Argument::List(list) => Value::List(list.iter().map(value).collect()),
        };
        if micro_op.kind == MicroKind::Other {
            return argument;
        }
        let name = Value::Text(Arc::clone(&self.names[micro_op.kind as usize]));
        let key = keys[micro_op.key.0 as usize].clone();
        match micro_op.version {
            Some(version) => Value::list([name, key, argument, Value::Int(version)]),
            None => Value::list([name, key, argument]),
        }
    }
}
