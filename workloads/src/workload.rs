//! What a workload is: operations drawn from a seed, and how each becomes a call.

use std::sync::Arc;

use async_trait::async_trait;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, Value};

use crate::{Answer, Capability, Client};

/// Who asks for an operation, and when in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The worker that will call, from 0.
    pub worker: u32,
    /// How many workers there are.
    pub workers: u32,
    /// How many operations the run has drawn before this one, all workers together.
    pub operations: u64,
}

/// An operation before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// What is called.
    pub f: F,
    /// The object it is called on; [`Value::Nil`] when the value names its objects itself.
    pub key: Value,
    /// The argument.
    pub value: Value,
}

impl Invocation {
    /// An operation on one object.
    pub fn new(f: F, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        Self {
            f,
            key: key.into(),
            value: value.into(),
        }
    }
}

/// What to ask of a database. Draws operations; knows no database, reads no clock, does no I/O.
///
/// The same draws with the same random numbers and the same events between them give the same operations. A workload
/// never ends: when to stop is the harness's business.
pub trait Workload: Send {
    /// Its name in plans.
    fn name(&self) -> &'static str;

    /// What a client must offer for every operation that this workload may draw.
    fn needs(&self) -> &[Capability];

    /// The next operation.
    fn draw(&mut self, turn: &Turn, rng: &mut Pcg64Mcg) -> Invocation;

    /// Learns from one event of the run, an invocation or a completion, in the order of the history.
    fn saw(&mut self, _event: &Event) {}

    /// The reads that settle what became of the operations so far. After everything is healed, the harness sends each
    /// once to every node, until it is ok. Bounded: at most some thousands.
    fn final_reads(&self) -> Vec<Invocation>;

    /// The names of the checkers that judge such a history when the plan names none.
    fn checkers(&self) -> &'static [&'static str];

    /// How its operations become calls. Stands apart from the drawing, so that calls can be under way while the next
    /// operation is drawn.
    fn invoker(&self) -> Arc<dyn Invoker>;
}

/// Turns the operations of one workload into calls of [capabilities](crate::capability).
#[async_trait(?Send)]
pub trait Invoker: Send + Sync {
    /// Calls once and says what was learned. The result is the value of the completion: what was read, or, where there
    /// is nothing to learn, the argument again.
    async fn invoke(&self, client: &mut dyn Client, call: &Invocation) -> Answer<Value>;
}

/// Checkers that say how the run went; they fit every workload.
macro_rules! judged_by {
    ($($name:literal),* $(,)?) => {
        &[$($name,)* "stats", "errors", "fault-effect", "availability", "latency"]
    };
}
pub(crate) use judged_by;
