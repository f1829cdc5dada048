//! Operations: sent, answered or given up, and recorded on the way.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::AbortHandle;
use schism_history::{Event, Kind, Time};
use schism_workloads::{Certainty, Failure, Invocation};

use super::Controller;
use super::call::{self, Returned};
use crate::generator::{Context, Emitted, Generator};

/// How long a worker rests after its node refused it: a node that is down refuses in no time, and the few workers that
/// call it would do nothing but fail, thousands of times a second.
const REST: Duration = Duration::from_millis(100);

/// A worker's open operation.
pub(super) struct Open {
    pub(super) invocation: Invocation,
    pub(super) node: usize,
    pub(super) serial: u64,
    pub(super) abort: AbortHandle,
}

impl Controller<'_> {
    /// Begins the operation that the generator emits now.
    pub(super) fn dispatch(&mut self, generator: &mut dyn Generator, now: Time) {
        let Emitted {
            worker,
            invocation,
            due,
            node,
        } = generator.emit(&Context::new(now, &self.workers));
        let node = node.unwrap_or_else(|| {
            self.router
                .route(worker, &invocation.key, &invocation.value)
        });
        let endpoint = &self.cluster.endpoints[node];
        let event = Event {
            key: invocation.key.clone(),
            value: invocation.value.clone(),
            node: Some(Arc::clone(&endpoint.node)),
            due: (due < now).then_some(due),
            ..Event::new(
                now,
                self.workers.process(worker),
                Kind::Invoke,
                invocation.f.clone(),
            )
        };
        self.workers.begin(worker);
        generator.saw(&Context::new(now, &self.workers), worker, &event);
        self.record(&event);
        let client = self.clients[worker][node].take();
        let call = call::Call {
            worker,
            client,
            endpoint,
            invocation: invocation.clone(),
        };
        let (call, abort) = call.begin(self.cluster.database, self.invoker);
        self.calls.push(call);
        self.serial += 1;
        self.timeouts
            .insert(self.serial, (now + self.settings.timeout, worker));
        self.open[worker] = Some(Open {
            invocation,
            node,
            serial: self.serial,
            abort,
        });
    }

    /// Takes note of a completion.
    pub(super) fn completed(&mut self, returned: Returned, generator: Option<&mut dyn Generator>) {
        let Returned {
            worker,
            client,
            opened,
            answer,
        } = returned;
        let Some(Open {
            invocation,
            node,
            serial,
            ..
        }) = self.open[worker].take()
        else {
            return;
        };
        self.timeouts.remove(&serial);
        let now = self.now();
        let refused =
            |failure: &Failure| failure.certainty == Certainty::Fail && !failure.is_answer();
        let mut rests = !opened || answer.as_ref().is_err_and(refused);
        let Invocation { f, key, value } = invocation;
        let mut event = Event::new(now, self.workers.process(worker), Kind::Ok, f).key(key);
        event.node = Some(Arc::clone(&self.cluster.endpoints[node].node));
        match answer {
            Ok(done) => {
                event.value = done.value;
                event.revision = done.revision;
            }
            Err(failure) => {
                event.kind = match failure.certainty {
                    Certainty::Fail => Kind::Fail,
                    Certainty::Info => Kind::Info,
                };
                event.value = value;
                event.error = Some(failure.to_string().into());
            }
        }
        self.progress.count(event.kind);
        if event.kind == Kind::Info {
            // The process is over, and so are its connections: whoever goes on must not be taken for it.
            self.clients[worker]
                .iter_mut()
                .for_each(|client| *client = None);
            rests |= !self.workers.replace_process(worker);
        } else {
            self.clients[worker][node] = client;
        }
        if rests {
            self.resting.push_back((now + REST, worker));
        } else {
            self.workers.end(worker);
        }
        if let Some(generator) = generator {
            generator.saw(&Context::new(now, &self.workers), worker, &event);
        }
        self.record(&event);
    }
}
