//! A client of one node of a simulated cluster.

use std::time::Duration;

use async_trait::async_trait;
use schism_history::Value;
use schism_simulator::{ClientId, NodeId, Refusal, Reply, Request};
use schism_workloads::{
    Answer, Capability, Certainty, Client, CompareAndSet, Counters, Done, Failure, FencedLocks,
    Locks, Logs, MicroOp, Queues, RegisterTransactions, Registers, SessionTokens, SetRemoval, Sets,
    Siblings, Step, Transactions, UniqueIds,
};

use super::World;

/// A client of one node.
pub(super) struct SimulatedClient {
    world: World,
    id: ClientId,
    node: NodeId,
    capabilities: &'static [Capability],
}

impl SimulatedClient {
    /// The client with this number, which nobody else has.
    pub(super) fn new(
        world: World,
        id: ClientId,
        node: NodeId,
        capabilities: &'static [Capability],
    ) -> Self {
        Self {
            world,
            id,
            node,
            capabilities,
        }
    }

    async fn ask(&self, request: Request) -> Answer<Reply> {
        match self.world.call(self.id, self.node, request).await {
            Reply::Refused(Refusal {
                class,
                detail,
                certain,
            }) => Err(Failure {
                certainty: if certain {
                    Certainty::Fail
                } else {
                    Certainty::Info
                },
                class: class.name(),
                detail: detail.into_owned(),
            }),
            reply => Ok(Done::new(reply)),
        }
    }

    async fn value(&self, request: Request) -> Answer<Value> {
        match self.ask(request).await?.value {
            Reply::Value(value) => Ok(Done::new(value)),
            reply => confused(&reply),
        }
    }

    async fn integer(&self, request: Request) -> Answer<i64> {
        match self.ask(request).await?.value {
            Reply::Value(Value::Int(value)) => Ok(Done::new(value)),
            reply => confused(&reply),
        }
    }

    async fn done(&self, request: Request) -> Answer<()> {
        match self.ask(request).await?.value {
            Reply::Done => Ok(Done::new(())),
            reply => confused(&reply),
        }
    }

    async fn elements_of(&self, request: Request) -> Answer<Vec<Value>> {
        match self.ask(request).await?.value {
            Reply::Elements(elements) => Ok(Done::new(elements)),
            reply => confused(&reply),
        }
    }

    async fn steps(
        &self,
        steps: Vec<schism_simulator::Step>,
    ) -> Answer<Vec<schism_simulator::Step>> {
        match self.ask(Request::Transact { steps }).await?.value {
            Reply::Steps(steps) => Ok(Done::new(steps)),
            reply => confused(&reply),
        }
    }

    /// Who holds what this client took.
    fn holder(&self) -> Value {
        Value::from(self.id.0)
    }
}

/// The store answered something else than it was asked: its own bug, shown as such in the history.
fn confused<T>(reply: &Reply) -> Answer<T> {
    Err(Failure::info("confused answer", format!("{reply:?}")))
}

macro_rules! offers {
    ($($capability:ident: $method:ident -> $trait:ident),+ $(,)?) => {
        impl Client for SimulatedClient {
            $(fn $method(&mut self) -> Option<&mut dyn $trait> {
                if self.capabilities.contains(&Capability::$capability) {
                    Some(self)
                } else {
                    None
                }
            })+
        }
    };
}

offers! {
    Registers: registers -> Registers,
    CompareAndSet: compare_and_set -> CompareAndSet,
    Sets: sets -> Sets,
    SetRemoval: set_removal -> SetRemoval,
    AppendTransactions: transactions -> Transactions,
    RegisterTransactions: register_transactions -> RegisterTransactions,
    Counters: counters -> Counters,
    Queues: queues -> Queues,
    UniqueIds: unique_ids -> UniqueIds,
    Locks: locks -> Locks,
    FencedLocks: fenced_locks -> FencedLocks,
    Logs: logs -> Logs,
    Siblings: siblings -> Siblings,
    SessionTokens: session_tokens -> SessionTokens,
}

#[async_trait(?Send)]
impl Registers for SimulatedClient {
    async fn read(&mut self, key: &Value) -> Answer<Value> {
        self.value(Request::Read { key: key.clone() }).await
    }

    async fn write(&mut self, key: &Value, value: &Value) -> Answer<()> {
        let (key, value) = (key.clone(), value.clone());
        self.done(Request::Write { key, value }).await
    }
}

#[async_trait(?Send)]
impl CompareAndSet for SimulatedClient {
    async fn cas(&mut self, key: &Value, old: &Value, new: &Value) -> Answer<bool> {
        let (key, old, new) = (key.clone(), old.clone(), new.clone());
        match self.ask(Request::Cas { key, old, new }).await?.value {
            Reply::Swapped(swapped) => Ok(Done::new(swapped)),
            reply => confused(&reply),
        }
    }
}

#[async_trait(?Send)]
impl Sets for SimulatedClient {
    async fn add(&mut self, key: &Value, element: &Value) -> Answer<()> {
        let (key, element) = (key.clone(), element.clone());
        self.done(Request::Add { key, element }).await
    }

    async fn elements(&mut self, key: &Value) -> Answer<Vec<Value>> {
        self.elements_of(Request::Elements { key: key.clone() })
            .await
    }
}

#[async_trait(?Send)]
impl SetRemoval for SimulatedClient {
    async fn remove(&mut self, key: &Value, element: &Value) -> Answer<()> {
        let (key, element) = (key.clone(), element.clone());
        self.done(Request::Remove { key, element }).await
    }
}

#[async_trait(?Send)]
impl Transactions for SimulatedClient {
    async fn transact(&mut self, micro_ops: &[MicroOp]) -> Answer<Vec<MicroOp>> {
        use schism_simulator::Step;
        let steps = micro_ops.iter().cloned().map(|micro_op| match micro_op {
            MicroOp::Read { key, .. } => Step::Read {
                key,
                value: Value::Nil,
            },
            MicroOp::Append { key, element } => Step::Append { key, element },
        });
        let done = self.steps(steps.collect()).await?;
        let micro_ops = done.value.into_iter().map(|step| match step {
            Step::Read { key, value } => Some(MicroOp::Read {
                key,
                list: Some(value.as_list().unwrap_or_default().to_vec()),
            }),
            Step::Append { key, element } => Some(MicroOp::Append { key, element }),
            _ => None,
        });
        match micro_ops.collect() {
            Some(micro_ops) => Ok(Done::new(micro_ops)),
            None => confused(&Reply::Steps(Vec::new())),
        }
    }
}

#[async_trait(?Send)]
impl RegisterTransactions for SimulatedClient {
    async fn run(&mut self, steps: &[Step]) -> Answer<Vec<Step>> {
        use schism_simulator::Step as Simulated;
        let asked = steps.iter().cloned().map(|step| match step {
            Step::Read { key, value } => Simulated::Read { key, value },
            Step::Write { key, value } => Simulated::Write { key, value },
            Step::Add { key, amount } => Simulated::Add { key, amount },
            Step::AtLeast { key, amount } => Simulated::AtLeast { key, amount },
            Step::Holds { key, value } => Simulated::Holds { key, value },
        });
        let done = self.steps(asked.collect()).await?;
        let steps = done.value.into_iter().map(|step| match step {
            Simulated::Read { key, value } => Some(Step::Read { key, value }),
            Simulated::Write { key, value } => Some(Step::Write { key, value }),
            Simulated::Add { key, amount } => Some(Step::Add { key, amount }),
            Simulated::AtLeast { key, amount } => Some(Step::AtLeast { key, amount }),
            Simulated::Holds { key, value } => Some(Step::Holds { key, value }),
            Simulated::Append { .. } => None,
        });
        match steps.collect() {
            Some(steps) => Ok(Done::new(steps)),
            None => confused(&Reply::Steps(Vec::new())),
        }
    }
}

#[async_trait(?Send)]
impl Counters for SimulatedClient {
    async fn increment(&mut self, key: &Value, amount: i64) -> Answer<()> {
        let key = key.clone();
        self.done(Request::Increment { key, amount }).await
    }

    async fn count(&mut self, key: &Value) -> Answer<i64> {
        self.integer(Request::Count { key: key.clone() }).await
    }
}

#[async_trait(?Send)]
impl Queues for SimulatedClient {
    async fn enqueue(&mut self, key: &Value, value: &Value) -> Answer<()> {
        let (key, value) = (key.clone(), value.clone());
        self.done(Request::Enqueue { key, value }).await
    }

    async fn dequeue(&mut self, key: &Value) -> Answer<Option<Value>> {
        let done = self.value(Request::Dequeue { key: key.clone() }).await?;
        Ok(done.map(|value| (!value.is_nil()).then_some(value)))
    }

    async fn drain(&mut self, key: &Value) -> Answer<Vec<Value>> {
        self.elements_of(Request::Drain { key: key.clone() }).await
    }
}

#[async_trait(?Send)]
impl UniqueIds for SimulatedClient {
    async fn generate(&mut self, key: &Value) -> Answer<Value> {
        self.value(Request::Generate { key: key.clone() }).await
    }
}

#[async_trait(?Send)]
impl Locks for SimulatedClient {
    async fn acquire(&mut self, key: &Value, lease: Duration) -> Answer<Option<i64>> {
        let (key, holder) = (key.clone(), self.holder());
        let request = Request::Acquire { key, holder, lease };
        Ok(self.value(request).await?.map(|token| token.as_int()))
    }

    async fn release(&mut self, key: &Value) -> Answer<()> {
        let (key, holder) = (key.clone(), self.holder());
        self.done(Request::Release { key, holder }).await
    }
}

#[async_trait(?Send)]
impl FencedLocks for SimulatedClient {
    async fn guarded_write(&mut self, key: &Value, token: i64, value: &Value) -> Answer<()> {
        let (key, value) = (key.clone(), value.clone());
        self.done(Request::GuardedWrite { key, token, value }).await
    }
}

#[async_trait(?Send)]
impl Logs for SimulatedClient {
    async fn append(&mut self, key: &Value, message: &Value) -> Answer<i64> {
        let (key, message) = (key.clone(), message.clone());
        self.integer(Request::Append { key, message }).await
    }

    async fn poll(&mut self, key: &Value, from: i64) -> Answer<Vec<(i64, Value)>> {
        let key = key.clone();
        match self.ask(Request::Poll { key, from }).await?.value {
            Reply::Messages(messages) => Ok(Done::new(messages)),
            reply => confused(&reply),
        }
    }
}

#[async_trait(?Send)]
impl Siblings for SimulatedClient {
    async fn get(&mut self, key: &Value) -> Answer<(Vec<Value>, Value)> {
        match self.ask(Request::Get { key: key.clone() }).await?.value {
            Reply::Siblings { values, context } => Ok(Done::new((values, context))),
            reply => confused(&reply),
        }
    }

    async fn put(&mut self, key: &Value, value: &Value, context: &Value) -> Answer<()> {
        let (key, value, context) = (key.clone(), value.clone(), context.clone());
        self.done(Request::Put {
            key,
            value,
            context,
        })
        .await
    }
}

#[async_trait(?Send)]
impl SessionTokens for SimulatedClient {
    async fn read_within(&mut self, key: &Value, token: &Value) -> Answer<(Value, Value)> {
        let request = Request::Within {
            token: token.clone(),
            request: Box::new(Request::Read { key: key.clone() }),
        };
        match self.ask(request).await?.value {
            Reply::Within { token, reply } => match *reply {
                Reply::Value(value) => Ok(Done::new((value, token))),
                reply => confused(&reply),
            },
            reply => confused(&reply),
        }
    }

    async fn write_within(&mut self, key: &Value, value: &Value, token: &Value) -> Answer<Value> {
        let (key, value) = (key.clone(), value.clone());
        let request = Request::Within {
            token: token.clone(),
            request: Box::new(Request::Write { key, value }),
        };
        match self.ask(request).await?.value {
            Reply::Within { token, reply } if *reply == Reply::Done => Ok(Done::new(token)),
            reply => confused(&reply),
        }
    }
}
