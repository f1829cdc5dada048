//! The nemesis: begins faults when they are due, ends them, and keeps the nodes' leases alive meanwhile.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use schism_history::{Event, F, FaultOutcome, Kind, Process, Time, Value};
use schism_nemeses::{Fault, Report, Strike};
use schism_workloads::Role;

use super::Cluster;

/// How long a strike at a role waits for a node to have it: right after a fault nobody may lead for a moment.
const ROLE_WITHIN: Duration = Duration::from_secs(5);
/// How often the nodes are asked meanwhile.
const ROLE_EVERY: Duration = Duration::from_millis(200);

/// A step of the nemesis that ended.
pub(super) enum Returned {
    /// A strike was injected, or could not be: then there is no fault.
    Injected {
        strike: Box<Strike>,
        fault: Option<Fault>,
        report: Report,
    },
    /// A fault was healed, or not.
    Healed { fault: Fault, report: Report },
    /// The leases were renewed.
    Renewed,
}

/// The strikes of a run, from due to healed.
pub(super) struct Strikes<'a> {
    cluster: Cluster<'a>,
    nodes: Arc<[Arc<str>]>,
    /// Not struck yet, in the order of time.
    waiting: VecDeque<Strike>,
    /// Injected, and to be healed when.
    active: Vec<(Time, Fault)>,
    /// What is under way.
    pub(super) tasks: FuturesUnordered<LocalBoxFuture<'a, Returned>>,
    /// How many injections and healings are among the tasks.
    under_way: usize,
    /// When the leases are to be renewed next; `None` while that is under way.
    renewal: Option<Time>,
    renew_every: Duration,
    /// Whether the run is at its end: whatever is under way is healed as soon as it is injected.
    cancelled: Rc<Cell<bool>>,
}

impl<'a> Strikes<'a> {
    pub(super) fn new(cluster: Cluster<'a>, strikes: Vec<Strike>, lease: Duration) -> Self {
        Self {
            cluster,
            nodes: cluster
                .endpoints
                .iter()
                .map(|endpoint| Arc::clone(&endpoint.node))
                .collect(),
            waiting: strikes.into(),
            active: Vec::new(),
            tasks: FuturesUnordered::new(),
            under_way: 0,
            renewal: Some(Time::ZERO),
            renew_every: lease / 4,
            cancelled: Rc::default(),
        }
    }

    /// When [`Strikes::act`] has something to do next.
    pub(super) fn due(&self) -> Time {
        let strike = self.waiting.front().map(|strike| Time::from(strike.at));
        let heal = self.active.iter().map(|(until, _)| *until).min();
        let renewal = self.renewal.filter(|_| self.is_busy());
        [strike, heal, renewal]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// Whether anything is injected, or about to be.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way > 0 || !self.active.is_empty()
    }

    /// The labels of what is injected.
    pub(super) fn active(&self) -> Vec<String> {
        self.active
            .iter()
            .map(|(_, fault)| format!("{} {}", fault.name, fault.label))
            .collect()
    }

    /// Begins what is due; the events to record.
    pub(super) fn act(&mut self, now: Time) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(strike) = self
            .waiting
            .pop_front_if(|strike| Time::from(strike.at) <= now)
        {
            events.push(self.inject(strike, now));
        }
        while let Some(due) = self.active.iter().position(|(until, _)| *until <= now) {
            let (_, fault) = self.active.remove(due);
            events.push(self.heal(fault, now));
        }
        if self.is_busy() && self.renewal.is_some_and(|renewal| renewal <= now) {
            self.renewal = None;
            let injector = self.cluster.injector;
            self.tasks
                .push(injector.renew().map(|()| Returned::Renewed).boxed_local());
        }
        events
    }

    /// Gives up what has not struck yet, and makes everything else due for healing, also what is just being injected.
    /// How many never struck.
    pub(super) fn cancel(&mut self) -> usize {
        self.cancelled.set(true);
        self.active
            .iter_mut()
            .for_each(|(until, _)| *until = Time::ZERO);
        let unstruck = self.waiting.len();
        self.waiting.clear();
        unstruck
    }

    /// Takes note of what a task achieved; the event to record.
    pub(super) fn returned(&mut self, returned: Returned, now: Time) -> Option<Event> {
        match returned {
            Returned::Injected {
                strike,
                fault,
                report,
            } => {
                self.under_way -= 1;
                let event = match &fault {
                    Some(fault) => event(now, F::Inject, described(fault), Some(&report)),
                    None => event(now, F::Inject, announced(&strike), Some(&report)),
                };
                // Even what did not take effect is healed: nobody knows how far it got.
                if let Some(fault) = fault {
                    let until = if self.cancelled.get() {
                        Time::ZERO
                    } else {
                        Time::from(strike.until)
                    };
                    self.active.push((until, fault));
                }
                Some(event)
            }
            Returned::Healed { fault, report } => {
                self.under_way -= 1;
                Some(event(now, F::Heal, described(&fault), Some(&report)))
            }
            Returned::Renewed => {
                self.renewal = Some(now + self.renew_every);
                None
            }
        }
    }

    fn inject(&mut self, strike: Strike, now: Time) -> Event {
        let begin = event(now, F::Inject, announced(&strike), None);
        let cluster = self.cluster;
        let nodes = Arc::clone(&self.nodes);
        let cancelled = Rc::clone(&self.cancelled);
        self.under_way += 1;
        let task = async move {
            match resolved(cluster, &strike, &nodes, &cancelled, now).await {
                Ok(fault) => {
                    let report = cluster.injector.inject(&fault).await;
                    Returned::Injected {
                        strike: Box::new(strike),
                        fault: Some(fault),
                        report,
                    }
                }
                Err(reason) => {
                    let evidence = Value::map([("reason", reason)]);
                    let report = Report {
                        outcome: FaultOutcome::Skipped,
                        evidence,
                    };
                    Returned::Injected {
                        strike: Box::new(strike),
                        fault: None,
                        report,
                    }
                }
            }
        };
        self.tasks.push(task.boxed_local());
        begin
    }

    fn heal(&mut self, fault: Fault, now: Time) -> Event {
        let begin = event(now, F::Heal, described(&fault), None);
        let injector = self.cluster.injector;
        self.under_way += 1;
        let task = async move {
            let report = injector.heal(&fault).await;
            Returned::Healed { fault, report }
        };
        self.tasks.push(task.boxed_local());
        begin
    }
}

/// What a strike does to whom. If it needs a role that no node has, it waits for one that has it: for [`ROLE_WITHIN`],
/// until the fault would be healed, or until the run is at its end, whatever comes first.
async fn resolved(
    cluster: Cluster<'_>,
    strike: &Strike,
    nodes: &[Arc<str>],
    cancelled: &Cell<bool>,
    begun: Time,
) -> Result<Fault, String> {
    let mut deadline = begun + ROLE_WITHIN;
    if strike.until > strike.at {
        deadline = deadline.min(Time::from(strike.until));
    }
    loop {
        let mut roles = Vec::new();
        if strike.awaits_roles() {
            let told = cluster.database.roles(cluster.endpoints).await;
            roles.extend(told.into_iter().map(|(node, role)| (node, lower(role))));
        }
        let again = cluster.clock.now() + ROLE_EVERY;
        match strike.resolve(&roles, nodes) {
            Err(_) if strike.awaits_roles() && again < deadline && !cancelled.get() => {
                cluster.clock.sleep_until(again).await;
            }
            resolved => return resolved,
        }
    }
}

/// The nemeses know no databases and have a word of their own for it.
fn lower(role: Role) -> schism_nemeses::Role {
    match role {
        Role::Leader => schism_nemeses::Role::Leader,
        Role::Follower => schism_nemeses::Role::Follower,
    }
}

fn announced(strike: &Strike) -> Vec<(&'static str, Value)> {
    vec![
        ("fault", Value::from(strike.id)),
        ("name", Value::from(strike.name())),
        ("label", Value::from(strike.label())),
    ]
}

fn described(fault: &Fault) -> Vec<(&'static str, Value)> {
    vec![
        ("fault", Value::from(fault.id)),
        ("name", Value::from(fault.name)),
        ("label", Value::from(&*fault.label)),
        ("nodes", Value::list(fault.nodes.iter().cloned())),
        (
            "sides",
            Value::list(
                fault
                    .sides
                    .iter()
                    .map(|side| Value::list(side.iter().cloned())),
            ),
        ),
    ]
}

fn event(now: Time, f: F, mut parts: Vec<(&'static str, Value)>, report: Option<&Report>) -> Event {
    if let Some(Report { outcome, evidence }) = report {
        parts.push(("outcome", Value::from(outcome.name())));
        parts.push(("evidence", evidence.clone()));
    }
    Event::new(now, Process::NEMESIS, Kind::Info, f).value(Value::map(parts))
}
