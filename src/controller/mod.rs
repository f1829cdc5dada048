//! The one loop that owns a run: clients invoke, faults strike, everything is recorded.
//!
//! Completions are taken before new work is asked for, because a late one would invent concurrency that was not there.
//! An invocation is recorded before it is sent, a completion after it was received. Everything runs on one thread, so
//! the order of the history is the order of its times.
//!
//! The phases are always the same, whatever the plan: `main` (load and faults), `heal` (every fault undone), `recovery`
//! (until the database is healthy again, then a pause), `final-reads`. They are not the plan's to forget.

mod call;
mod final_reads;
mod operations;
mod progress;
mod router;
mod strikes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use schism_checkers::online::{Finding, Online};
use schism_history::{Event, F, Kind, Process, Time, Value};
use schism_nemeses::{Injector, Report, Strike};
use schism_workloads::{Client, Database, Endpoint, Invocation, Invoker};

use crate::clock::Clock;
use crate::generator::{Context, Generator, Next, Workers};
use crate::interrupt::{Interrupts, Urgency};
use crate::plan::Routing;
use crate::recorder::{RecordError, Recorder};
use router::Router;

pub use progress::{Observer, Progress};

use call::Returned;
use final_reads::FinalReads;
use operations::Open;
use strikes::Strikes;

/// What a run acts on.
#[derive(Clone, Copy)]
pub struct Cluster<'a> {
    /// The clock that everything is measured with.
    pub clock: &'a dyn Clock,
    /// The database under test.
    pub database: &'a dyn Database,
    /// Where its nodes listen, in the order of the plan.
    pub endpoints: &'a [Endpoint],
    /// Who carries out faults.
    pub injector: &'a dyn Injector,
}

/// How a run is carried out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// After how long an operation is given up, and its outcome unknown.
    pub timeout: Duration,
    /// Which node a process calls.
    pub routing: Routing,
    /// What random routing comes from.
    pub seed: u64,
    /// The nodes that are nearest to the clients, by their places; all alike when empty.
    pub near: Arc<[usize]>,
    /// How long the database may take to become healthy after everything is healed.
    pub recovery: Duration,
    /// How long it is left alone after that, before the final reads.
    pub settle: Duration,
    /// Within how much time a fault heals itself on its node when the controller is gone.
    pub lease: Duration,
}

/// What became of a run.
#[derive(Debug)]
pub struct Finished {
    /// How many events were recorded.
    pub events: u64,
    /// The signal that ended it early.
    pub interrupted: Option<u8>,
    /// The violation that ended its main phase early.
    pub violation: Option<Finding>,
    /// Faults of the plan that never struck because the run ended early.
    pub unstruck: usize,
    /// Nodes that did not become healthy again in time, and what they said.
    pub unrecovered: Vec<(Arc<str>, String)>,
    /// Whether the cluster is as it was found.
    pub clean: Report,
}

/// A run that could not be recorded to its end. The cluster was healed all the same.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unrecorded {
    /// Why.
    pub error: RecordError,
    /// Whether the cluster is as it was found.
    pub clean: Report,
}

/// How often progress is told, and health is asked.
const TICK: Duration = Duration::from_millis(200);

/// A run that is ready to begin.
pub struct Run<'a> {
    /// What it acts on.
    pub cluster: Cluster<'a>,
    /// How it is carried out.
    pub settings: &'a Settings,
    /// How many workers call at once.
    pub workers: usize,
    /// What strikes when.
    pub strikes: Vec<Strike>,
    /// Where it is recorded.
    pub recorder: Recorder,
    /// Who can end it early.
    pub interrupts: &'a Interrupts,
    /// Who judges what is recorded, and ends the main phase at the first violation.
    pub watch: Option<Online>,
}

/// Carries out a run, records it, and leaves the cluster healed. The clock should have just been started.
///
/// # Errors
/// The history cannot be written. The cluster is healed all the same.
pub async fn run(
    run: Run<'_>,
    load: &mut dyn Load,
    observer: &mut dyn Observer,
) -> Result<Finished, Unrecorded> {
    let Run {
        cluster,
        settings,
        workers,
        strikes,
        recorder,
        interrupts,
        watch,
    } = run;
    let invoker = load.invoker();
    let controller = Controller {
        cluster,
        settings,
        invoker: &*invoker,
        workers: Workers::new(workers),
        clients: (0..workers)
            .map(|_| cluster.endpoints.iter().map(|_| None).collect())
            .collect(),
        open: (0..workers).map(|_| None).collect(),
        router: Router::new(
            settings.routing,
            settings.seed,
            cluster.endpoints.iter().map(|endpoint| &*endpoint.node),
            Arc::clone(&settings.near),
            workers,
        ),
        calls: FuturesUnordered::new(),
        serial: 0,
        timeouts: BTreeMap::new(),
        resting: VecDeque::new(),
        strikes: Strikes::new(cluster, strikes, settings.lease),
        recorder,
        failure: None,
        last: Time::ZERO,
        sleep: None,
        tick: Time::ZERO,
        interrupts,
        watch,
        violation: None,
        observer,
        progress: Progress::default(),
    };
    controller.run(load).await
}

/// What clients are asked to do in a run.
pub trait Load {
    /// What the clients do in the main phase.
    fn generator(&mut self) -> &mut dyn Generator;

    /// The reads that settle what became of it, to be sent once to each node.
    fn final_reads(&self) -> Vec<Invocation>;

    /// How invocations become calls.
    fn invoker(&self) -> Arc<dyn Invoker>;
}

struct Controller<'a> {
    cluster: Cluster<'a>,
    settings: &'a Settings,
    invoker: &'a dyn Invoker,
    workers: Workers,
    /// By worker, then by node; taken while it is in use.
    clients: Vec<Vec<Option<Box<dyn Client>>>>,
    open: Vec<Option<Open>>,
    router: Router,
    calls: FuturesUnordered<LocalBoxFuture<'a, Returned>>,
    serial: u64,
    /// When open operations are given up, and whose they are, by serial number: they all have the same time, so that is
    /// the order of their ends.
    timeouts: BTreeMap<u64, (Time, usize)>,
    /// Workers that rest, and until when, in order.
    resting: VecDeque<(Time, usize)>,
    strikes: Strikes<'a>,
    recorder: Recorder,
    /// Why nothing can be recorded any more.
    failure: Option<RecordError>,
    last: Time,
    /// The last sleep, and until when: it is kept while the same moment is waited for.
    sleep: Option<(Time, LocalBoxFuture<'a, ()>)>,
    tick: Time,
    interrupts: &'a Interrupts,
    /// While the main phase lasts and nothing was found.
    watch: Option<Online>,
    violation: Option<Finding>,
    observer: &'a mut dyn Observer,
    progress: Progress,
}

/// What ended a wait.
enum Wake {
    Call(Returned),
    Fault(Box<strikes::Returned>),
    Time,
}

impl Controller<'_> {
    async fn run(mut self, load: &mut dyn Load) -> Result<Finished, Unrecorded> {
        self.phase("main");
        self.drive(load.generator(), Urgency::Finish).await;
        self.watch = None;

        self.phase("heal");
        let unstruck = self.strikes.cancel();
        while self.strikes.is_busy() {
            self.wait_once(Time::NEVER).await;
        }

        let mut unrecovered = Vec::new();
        if self.urgency() < Urgency::Stop {
            self.phase("recovery");
            unrecovered = self.recover().await;
        }
        if self.urgency() < Urgency::Stop {
            self.phase("final-reads");
            let now = self.now();
            let mut reads = FinalReads::new(
                load.final_reads(),
                self.cluster.endpoints.len(),
                now + self.settings.recovery,
            );
            self.drive(&mut reads, Urgency::Stop).await;
        }
        // Whatever the strikes themselves achieved: what is left on the nodes counts.
        let clean = self.cluster.injector.heal_all().await;
        self.phase("end");
        self.tell();
        let Self {
            recorder,
            failure,
            interrupts,
            violation,
            ..
        } = self;
        let events = match failure.map_or_else(|| recorder.finish(), Err) {
            Ok(events) => events,
            Err(error) => return Err(Unrecorded { error, clean }),
        };
        Ok(Finished {
            events,
            interrupted: interrupts.signal(),
            violation,
            unstruck,
            unrecovered,
            clean,
        })
    }

    /// How urgently the run must end. A history that cannot be written is as urgent as it gets; after a violation there is
    /// nothing more to generate.
    fn urgency(&self) -> Urgency {
        if self.failure.is_some() {
            Urgency::Stop
        } else if self.violation.is_some() {
            self.interrupts.urgency().max(Urgency::Finish)
        } else {
            self.interrupts.urgency()
        }
    }

    /// Lets a generator go on until it is done and everything it began has ended, or the user becomes as urgent as
    /// `limit`: then nothing new is begun.
    async fn drive(&mut self, generator: &mut dyn Generator, limit: Urgency) {
        loop {
            let now = self.now();
            self.wake_resting(now);
            let next = if self.urgency() >= limit {
                Next::Done
            } else {
                generator.ready(&Context::new(now, &self.workers))
            };
            let until = match next {
                Next::At(time) if time <= now => {
                    self.dispatch(generator, now);
                    now
                }
                Next::At(time) => time,
                Next::Done if self.calls.is_empty() => return,
                Next::Pending | Next::Done => Time::NEVER,
            };
            match self.wait(until).await {
                Wake::Call(returned) => self.completed(returned, Some(&mut *generator)),
                Wake::Fault(returned) => self.fault_returned(*returned),
                Wake::Time => {}
            }
        }
    }

    /// Waits for one thing to happen, `until` at the latest, and takes note of it.
    async fn wait_once(&mut self, until: Time) {
        // Their rest counts as something to wait for: left where they are, they would let no time pass.
        let now = self.now();
        self.wake_resting(now);
        match self.wait(until).await {
            Wake::Call(returned) => self.completed(returned, None),
            Wake::Fault(returned) => self.fault_returned(*returned),
            Wake::Time => {}
        }
    }

    /// Waits until the database is healthy and has been left alone for a while; who was not, at the end of the time.
    async fn recover(&mut self) -> Vec<(Arc<str>, String)> {
        let deadline = self.now() + self.settings.recovery;
        let mut ill;
        loop {
            ill = self.ill().await;
            if ill.is_empty() || self.now() >= deadline || self.urgency() == Urgency::Stop {
                break;
            }
            let next = self.now() + TICK;
            while self.now() < next && self.urgency() < Urgency::Stop {
                self.wait_once(next).await;
            }
        }
        let settled = self.now() + self.settings.settle;
        while self.now() < settled && self.urgency() < Urgency::Stop {
            self.wait_once(settled).await;
        }
        ill
    }

    /// The nodes that would not serve a client now, and why.
    async fn ill(&self) -> Vec<(Arc<str>, String)> {
        let asked = self.cluster.endpoints.iter().map(|endpoint| async move {
            let answer = self.cluster.database.health(endpoint).await;
            answer
                .err()
                .map(|error| (Arc::clone(&endpoint.node), error.to_string()))
        });
        futures_util::future::join_all(asked)
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    /// Waits for a completion, a fault's end, or `until`. Does what is due meanwhile.
    async fn wait(&mut self, until: Time) -> Wake {
        let now = self.now();
        self.chores(now);
        let due = [
            until,
            self.strikes.due(),
            self.recorder.flush_due(),
            self.timeouts
                .first_key_value()
                .map_or(Time::NEVER, |(_, (time, _))| *time),
            self.resting.front().map_or(Time::NEVER, |(time, _)| *time),
            self.tick,
        ];
        let deadline = due.into_iter().min().unwrap_or(Time::NEVER);
        if deadline > now
            && self
                .sleep
                .as_ref()
                .is_none_or(|(time, _)| *time != deadline)
        {
            self.sleep = Some((deadline, self.cluster.clock.sleep_until(deadline)));
        }
        let known = self.urgency();
        poll_fn(|context| {
            if let Poll::Ready(Some(returned)) = self.calls.poll_next_unpin(context) {
                return Poll::Ready(Wake::Call(returned));
            }
            if let Poll::Ready(Some(returned)) = self.strikes.tasks.poll_next_unpin(context) {
                return Poll::Ready(Wake::Fault(Box::new(returned)));
            }
            if deadline <= now || self.interrupts.poll_beyond(known, context).is_ready() {
                return Poll::Ready(Wake::Time);
            }
            if let Some((_, sleep)) = &mut self.sleep
                && sleep.as_mut().poll(context).is_ready()
            {
                self.sleep = None;
                return Poll::Ready(Wake::Time);
            }
            Poll::Pending
        })
        .await
    }

    /// Does what is due: gives up operations, begins and ends faults, flushes, tells progress.
    fn chores(&mut self, now: Time) {
        while let Some(first) = self.timeouts.first_entry()
            && first.get().0 <= now
        {
            let (_, worker) = first.remove();
            if let Some(open) = &self.open[worker] {
                open.abort.abort();
            }
        }
        for event in self.strikes.act(now) {
            self.record(&event);
        }
        if self.failure.is_none()
            && let Err(error) = self.recorder.flush(now)
        {
            self.failure = Some(error);
        }
        if self.tick <= now {
            self.tick = now + TICK;
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.progress.time = self.now();
        self.progress.active = self.strikes.active();
        self.observer.progress(&self.progress);
    }

    fn wake_resting(&mut self, now: Time) {
        while let Some(&(time, worker)) = self.resting.front()
            && time <= now
        {
            self.resting.pop_front();
            self.workers.end(worker);
        }
    }

    fn fault_returned(&mut self, returned: strikes::Returned) {
        let now = self.now();
        if let Some(event) = self.strikes.returned(returned, now) {
            self.record(&event);
        }
    }

    /// Records an event. Once that failed, nothing is recorded any more.
    fn record(&mut self, event: &Event) {
        if self.failure.is_none()
            && let Err(error) = self.recorder.record(event)
        {
            self.failure = Some(error);
        }
        if let Some(watch) = &mut self.watch {
            self.violation = watch.push(event);
            if self.violation.is_some() {
                self.watch = None;
            }
        }
    }

    fn phase(&mut self, name: &'static str) {
        let event =
            Event::new(self.now(), Process::NEMESIS, Kind::Info, F::Phase).value(Value::from(name));
        self.progress.phase = name;
        self.record(&event);
        self.tell();
    }

    /// Now; never before what was recorded last.
    fn now(&mut self) -> Time {
        self.last = self.last.max(self.cluster.clock.now());
        self.last
    }
}
