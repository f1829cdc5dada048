//! One call: a connection if there is none yet, then one attempt.

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, LocalBoxFuture};
use schism_history::Value;
use schism_workloads::{Answer, Client, Database, Endpoint, Failure, Invocation, Invoker};

/// A call that is about to begin.
pub(super) struct Call<'a> {
    pub(super) worker: usize,
    /// The worker's connection to the node, if there is one.
    pub(super) client: Option<Box<dyn Client>>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) invocation: Invocation,
}

/// A call that ended.
pub(super) struct Returned {
    pub(super) worker: usize,
    /// The connection, if it is still of use.
    pub(super) client: Option<Box<dyn Client>>,
    /// Whether there was a connection to call through.
    pub(super) opened: bool,
    pub(super) answer: Answer<Value>,
}

impl<'a> Call<'a> {
    /// The call, and how it is given up: its outcome is unknown then, whatever it was doing.
    pub(super) fn begin(
        self,
        database: &'a dyn Database,
        invoker: &'a dyn Invoker,
    ) -> (LocalBoxFuture<'a, Returned>, AbortHandle) {
        let worker = self.worker;
        let (abort, registration) = AbortHandle::new_pair();
        let call = Abortable::new(self.perform(database, invoker), registration)
            .map(move |result| result.unwrap_or_else(|_| given_up(worker)));
        (call.boxed_local(), abort)
    }

    async fn perform(self, database: &dyn Database, invoker: &dyn Invoker) -> Returned {
        let Self {
            worker,
            client,
            endpoint,
            invocation,
        } = self;
        let mut client = match client {
            Some(client) => client,
            None => match database.connect(endpoint).await {
                Ok(client) => client,
                // Nothing was asked of the database, so it surely did not happen, whatever the failure says of itself.
                Err(failure) => {
                    let failure = Failure::fail("no connection", failure.to_string());
                    return Returned {
                        worker,
                        client: None,
                        opened: false,
                        answer: Err(failure),
                    };
                }
            },
        };
        let answer = invoker.invoke(&mut *client, &invocation).await;
        Returned {
            worker,
            client: Some(client),
            opened: true,
            answer,
        }
    }
}

fn given_up(worker: usize) -> Returned {
    Returned {
        worker,
        client: None,
        opened: true,
        answer: Err(Failure::info("timeout", "no answer in time")),
    }
}
