//! The simulated cluster behind the same controller, clients and nemeses as a real one.
//!
//! The simulator itself knows no futures. Here its calls and alarms become some: [`World::run`] polls the controller
//! until it can do no more at this moment, then lets the simulator go on to the next thing that somebody waits for.
//! There is one thread and no other source of time, so the same seed gives the same history.

mod client;
mod database;
mod injector;

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::LocalBoxFuture;
use rustc_hash::FxHashMap;
use schism_history::Time;
use schism_simulator::{
    AlarmId, CallId, ClientId, Config, ConfigError, Happening, NodeId, Reply, Request, Simulation,
};
use schism_workloads::Endpoint;

use crate::clock::Clock;

pub use database::{SimulatedDatabase, offered};
pub use injector::SimulatedInjector;

/// A simulated cluster, and who waits for what in it. Cloned freely: all clones are the same cluster.
#[derive(Clone)]
pub struct World(Rc<RefCell<State>>);

struct State {
    simulation: Box<dyn Simulation>,
    calls: FxHashMap<CallId, Waiting<Reply>>,
    alarms: FxHashMap<AlarmId, Waiting<()>>,
    clients: u32,
}

/// What somebody waits for, and who.
struct Waiting<T> {
    arrived: Option<T>,
    waker: Waker,
}

/// Nothing can ever happen again in the simulated cluster, and the run still waits: our own bug.
#[derive(Debug, thiserror::Error)]
#[error(
    "the simulation came to a standstill at {0}: the run waits for something that can never happen"
)]
pub struct Standstill(Time);

impl World {
    /// The cluster of a configuration, at time zero.
    ///
    /// # Errors
    /// Something is wrong with the configuration.
    pub fn open(config: &Config, seed: u64) -> Result<Self, ConfigError> {
        let simulation = config.open(seed)?;
        let state = State {
            simulation,
            calls: FxHashMap::default(),
            alarms: FxHashMap::default(),
            clients: 0,
        };
        Ok(Self(Rc::new(RefCell::new(state))))
    }

    /// Runs a future to its end, in virtual time.
    ///
    /// # Errors
    /// It waits for something that can never happen.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, Standstill> {
        let mut future = pin!(future);
        // Whoever is woken is woken below, and the whole is polled after each step: nobody needs to wake it.
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Ok(output);
            }
            self.step()?;
        }
    }

    /// Goes on to the next thing that somebody waits for, and wakes whoever does.
    fn step(&self) -> Result<(), Standstill> {
        let mut state = self.0.borrow_mut();
        let state = &mut *state;
        let waker = match state.simulation.next() {
            None => return Err(Standstill(state.simulation.now())),
            Some(Happening::Reply { call, reply }) => state.calls.get_mut(&call).map(|waiting| {
                waiting.arrived = Some(reply);
                waiting.waker.clone()
            }),
            Some(Happening::Alarm { id }) => state.alarms.get_mut(&id).map(|waiting| {
                waiting.arrived = Some(());
                waiting.waker.clone()
            }),
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Where the nodes are, as far as that means anything here.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let state = self.0.borrow();
        let nodes = state.simulation.nodes().iter();
        nodes
            .map(|node| Endpoint {
                node: node.clone(),
                host: node.to_string(),
                port: 0,
            })
            .collect()
    }

    /// Does something with the simulated cluster, at this moment.
    fn with<T>(&self, act: impl FnOnce(&mut dyn Simulation) -> T) -> T {
        act(&mut *self.0.borrow_mut().simulation)
    }

    /// The node with this name.
    fn node(&self, name: &str) -> Option<NodeId> {
        let state = self.0.borrow();
        state
            .simulation
            .nodes()
            .iter()
            .position(|node| **node == *name)
            .map(NodeId::new)
    }

    /// A client that nobody else is.
    fn new_client(&self) -> ClientId {
        let mut state = self.0.borrow_mut();
        state.clients += 1;
        ClientId(state.clients - 1)
    }

    /// Sends a request; the reply, if one ever comes. Dropping it gives the call up.
    fn call(&self, client: ClientId, node: NodeId, request: Request) -> Replied {
        let mut state = self.0.borrow_mut();
        let call = state.simulation.submit(client, node, request);
        state.calls.insert(
            call,
            Waiting {
                arrived: None,
                waker: Waker::noop().clone(),
            },
        );
        drop(state);
        Replied {
            world: self.clone(),
            call,
        }
    }
}

impl Clock for World {
    fn now(&self) -> Time {
        self.0.borrow().simulation.now()
    }

    fn sleep_until(&self, time: Time) -> LocalBoxFuture<'_, ()> {
        let mut state = self.0.borrow_mut();
        let alarm = state.simulation.alarm(time);
        state.alarms.insert(
            alarm,
            Waiting {
                arrived: None,
                waker: Waker::noop().clone(),
            },
        );
        drop(state);
        Box::pin(Rung {
            world: self.clone(),
            alarm,
        })
    }
}

/// The reply to a call.
struct Replied {
    world: World,
    call: CallId,
}

impl Future for Replied {
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let mut state = self.world.0.borrow_mut();
        poll_waiting(state.calls.get_mut(&self.call), context)
    }
}

impl Drop for Replied {
    fn drop(&mut self) {
        let mut state = self.world.0.borrow_mut();
        if state
            .calls
            .remove(&self.call)
            .is_some_and(|waiting| waiting.arrived.is_none())
        {
            state.simulation.abandon(self.call);
        }
    }
}

/// An alarm.
struct Rung {
    world: World,
    alarm: AlarmId,
}

impl Future for Rung {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.world.0.borrow_mut();
        poll_waiting(state.alarms.get_mut(&self.alarm), context)
    }
}

impl Drop for Rung {
    fn drop(&mut self) {
        let mut state = self.world.0.borrow_mut();
        if state
            .alarms
            .remove(&self.alarm)
            .is_some_and(|waiting| waiting.arrived.is_none())
        {
            state.simulation.cancel(self.alarm);
        }
    }
}

fn poll_waiting<T: Clone>(waiting: Option<&mut Waiting<T>>, context: &Context<'_>) -> Poll<T> {
    let Some(waiting) = waiting else {
        return Poll::Pending;
    };
    if let Some(arrived) = &waiting.arrived {
        return Poll::Ready(arrived.clone());
    }
    if !waiting.waker.will_wake(context.waker()) {
        waiting.waker.clone_from(context.waker());
    }
    Poll::Pending
}
