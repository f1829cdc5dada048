//! The network between nodes, clients and services: it delays, loses and cuts, and writes everything down.
//!
//! Everything happens in [`Network::serve`], on one thread and in real time. Messages of clients take no time: what is
//! measured is what the nodes need. Partitions stand between nodes, and between clients and nodes where a plan says so;
//! the services are always in reach.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use schism_history::Time;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, oneshot};

use super::journal::{Journal, Lost};
use super::message::{Body, Message};
use super::services::{self, Service};
use crate::clock::{Clock as _, MonotonicClock};
use crate::plan::{Latency, LatencyDistribution};

/// What packets go through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    /// How long a message between nodes, or between a node and a service, takes.
    pub(super) latency: Latency,
    /// The share of messages between nodes that never arrive, from 0 to 1.
    pub(super) loss: f64,
}

/// Messages in one direction: who sends, who receives; `None` for the clients.
pub(super) type Link = (Option<Arc<str>>, Option<Arc<str>>);

/// How many messages there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All.
    pub(super) all: u64,
    /// Requests of clients.
    pub(super) requests: u64,
    /// Those that no client sent or got.
    pub(super) between_nodes: u64,
    /// Those that were lost or cut off.
    pub(super) lost: u64,
}

/// The network.
pub(super) struct Network {
    clock: MonotonicClock,
    conditions: Conditions,
    journal: Journal,
    state: RefCell<State>,
    changed: Notify,
}

struct State {
    random: Pcg64Mcg,
    sent: u64,
    counts: Counts,
    /// Messages on their way, the next one to arrive on top.
    under_way: BinaryHeap<Reverse<UnderWay>>,
    /// Where the running nodes read.
    nodes: BTreeMap<Arc<str>, Option<UnboundedSender<String>>>,
    services: Vec<Box<dyn Service>>,
    clients: u64,
    /// Who waits for which answer: by the client's name and the request's number.
    waiting: BTreeMap<(Arc<str>, u64), oneshot::Sender<Body>>,
    /// What each fault has cut.
    cuts: BTreeMap<u32, BTreeSet<Link>>,
    /// How many messages were stopped on each link.
    stopped: BTreeMap<Link, u64>,
}

/// A message and when it arrives; ordered by that, then by number.
struct UnderWay {
    due: Time,
    id: u64,
    message: Message,
}

impl PartialEq for UnderWay {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.id) == (other.due, other.id)
    }
}

impl Eq for UnderWay {}

impl PartialOrd for UnderWay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UnderWay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.id).cmp(&(other.due, other.id))
    }
}

/// The node is not running, so nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down;

impl Network {
    /// A network with these nodes, none of them running yet.
    pub(super) fn new(
        nodes: &[Arc<str>],
        conditions: Conditions,
        seed: u64,
        journal: Journal,
    ) -> Rc<Self> {
        Rc::new(Self {
            clock: MonotonicClock::start(),
            conditions,
            journal,
            state: RefCell::new(State {
                random: Pcg64Mcg::seed_from_u64(seed),
                sent: 0,
                counts: Counts::default(),
                under_way: BinaryHeap::new(),
                nodes: nodes.iter().map(|node| (Arc::clone(node), None)).collect(),
                services: services::all(),
                clients: 0,
                waiting: BTreeMap::new(),
                cuts: BTreeMap::new(),
                stopped: BTreeMap::new(),
            }),
            changed: Notify::new(),
        })
    }

    /// The run's clock.
    pub(super) const fn clock(&self) -> &MonotonicClock {
        &self.clock
    }

    /// The journal.
    pub(super) const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// How many messages there were so far.
    pub(super) fn counts(&self) -> Counts {
        self.state.borrow().counts
    }

    /// A node has been started, and reads there; or it has ended.
    pub(super) fn set_node(&self, node: &Arc<str>, inbox: Option<UnboundedSender<String>>) {
        self.state
            .borrow_mut()
            .nodes
            .insert(Arc::clone(node), inbox);
    }

    /// A client that nobody else is.
    pub(super) fn new_client(&self) -> Arc<str> {
        let mut state = self.state.borrow_mut();
        state.clients += 1;
        Arc::from(format!("c{}", state.clients))
    }

    /// Sends a client's request; the answer, if one ever comes. Dropping it gives the call up.
    ///
    /// # Errors
    /// The node is not running: nothing was sent.
    pub(super) async fn call(
        &self,
        client: &Arc<str>,
        node: &Arc<str>,
        mut request: Body,
    ) -> Result<Body, Down> {
        let (number, answer) = {
            let mut state = self.state.borrow_mut();
            if !matches!(state.nodes.get(node), Some(Some(_))) {
                return Err(Down);
            }
            state.counts.requests += 1;
            let number = state.counts.requests;
            let (sender, answer) = oneshot::channel();
            state.waiting.insert((Arc::clone(client), number), sender);
            (number, answer)
        };
        request.insert("msg_id".to_owned(), number.into());
        let _waiting = Waiting {
            network: self,
            key: (Arc::clone(client), number),
        };
        let sent = self.send(Message {
            src: Arc::clone(client),
            dest: Arc::clone(node),
            body: request,
        });
        debug_assert_eq!(sent, Ok(()));
        match answer.await {
            Ok(answer) => Ok(answer),
            // The network ends with the run: nobody answers any more.
            Err(_) => pending().await,
        }
    }

    /// Takes a message on its way.
    ///
    /// # Errors
    /// There is no such receiver: its name.
    pub(super) fn send(&self, message: Message) -> Result<(), Arc<str>> {
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let (from, to) = (state.kind_of(&message.src), state.kind_of(&message.dest));
        if to == Place::Nowhere {
            return Err(message.dest);
        }
        let id = state.sent;
        state.sent += 1;
        state.counts.all += 1;
        self.journal.sent(now, id, &message);
        let is_client = from == Place::Client || to == Place::Client;
        if !is_client {
            state.counts.between_nodes += 1;
        }
        if from == Place::Node
            && to == Place::Node
            && state.random.random_bool(self.conditions.loss)
        {
            state.counts.lost += 1;
            self.journal.lost(now, id, Lost::Loss);
            return Ok(());
        }
        let delay = if is_client {
            Duration::ZERO
        } else {
            delay(self.conditions.latency, &mut state.random)
        };
        state.under_way.push(Reverse(UnderWay {
            due: now + delay,
            id,
            message,
        }));
        self.changed.notify_one();
        Ok(())
    }

    /// Delivers messages when they are due, for ever.
    pub(super) async fn serve(&self) {
        loop {
            let next = {
                let state = self.state.borrow();
                state.under_way.peek().map(|Reverse(next)| next.due)
            };
            match next {
                Some(due) if due <= self.clock.now() => self.deliver(),
                Some(due) => {
                    tokio::select! {
                        () = self.clock.sleep_until(due) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// Delivers the next message.
    fn deliver(&self) {
        let now = self.clock.now();
        let mut answer = None;
        {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let Some(Reverse(UnderWay { id, message, .. })) = state.under_way.pop() else {
                return;
            };
            if let Some(link) = state.cut_between(&message) {
                *state.stopped.entry(link).or_default() += 1;
                state.counts.lost += 1;
                self.journal.lost(now, id, Lost::Cut);
                return;
            }
            match state.kind_of(&message.dest) {
                Place::Node => {
                    let line = message.line(id);
                    let inbox = state.nodes.get(&message.dest).and_then(Option::as_ref);
                    if inbox.is_some_and(|inbox| inbox.send(line).is_ok()) {
                        self.journal.arrived(now, id);
                    } else {
                        state.counts.lost += 1;
                        self.journal.lost(now, id, Lost::Down);
                    }
                }
                Place::Client => {
                    let number = message.in_reply_to();
                    let waiting = number.and_then(|number| {
                        state.waiting.remove(&(Arc::clone(&message.dest), number))
                    });
                    if waiting.is_some_and(|waiting| waiting.send(message.body).is_ok()) {
                        self.journal.arrived(now, id);
                    } else {
                        self.journal.lost(now, id, Lost::Unawaited);
                    }
                }
                Place::Service => {
                    self.journal.arrived(now, id);
                    answer = state.serve(&message);
                }
                Place::Nowhere => {}
            }
        }
        if let Some(answer) = answer {
            let sent = self.send(answer);
            debug_assert_eq!(sent, Ok(()), "the service answers whoever asked");
        }
    }

    /// Whether a message would get through now.
    pub(super) fn is_open(&self, link: &Link) -> bool {
        let state = self.state.borrow();
        !state.cuts.values().any(|links| links.contains(link))
    }

    /// How many messages were stopped on a link.
    pub(super) fn stopped(&self, link: &Link) -> u64 {
        self.state.borrow().stopped.get(link).copied().unwrap_or(0)
    }

    /// Cuts links, until [`Network::mend`] with the same number.
    pub(super) fn cut(&self, fault: u32, links: BTreeSet<Link>) {
        self.state.borrow_mut().cuts.insert(fault, links);
    }

    /// Takes a fault's cuts away; whether it had any.
    pub(super) fn mend(&self, fault: u32) -> bool {
        self.state.borrow_mut().cuts.remove(&fault).is_some()
    }

    /// How many links are cut.
    pub(super) fn cut_links(&self) -> usize {
        self.state.borrow().cuts.values().map(BTreeSet::len).sum()
    }
}

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Node,
    Client,
    Service,
    Nowhere,
}

impl State {
    fn kind_of(&self, address: &str) -> Place {
        if self.nodes.contains_key(address) {
            Place::Node
        } else if self
            .services
            .iter()
            .any(|service| service.name() == address)
        {
            Place::Service
        } else if let Some(Ok(number)) = address.strip_prefix('c').map(str::parse::<u64>) {
            if (1..=self.clients).contains(&number) {
                Place::Client
            } else {
                Place::Nowhere
            }
        } else {
            Place::Nowhere
        }
    }

    /// The cut link that a message would have to cross, if there is one.
    fn cut_between(&self, message: &Message) -> Option<Link> {
        let end = |address: &Arc<str>| match self.kind_of(address) {
            Place::Node => Some(Some(Arc::clone(address))),
            Place::Client => Some(None),
            Place::Service | Place::Nowhere => None,
        };
        let link = (end(&message.src)?, end(&message.dest)?);
        let is_cut = self.cuts.values().any(|links| links.contains(&link));
        is_cut.then_some(link)
    }

    /// What a service answers.
    fn serve(&mut self, request: &Message) -> Option<Message> {
        let random = &mut self.random;
        let service = self
            .services
            .iter_mut()
            .find(|service| service.name() == &*request.dest)?;
        let mut body = service.answer(&request.src, &request.body, random);
        if let Some(number) = request.body.get("msg_id") {
            body.insert("in_reply_to".to_owned(), number.clone());
        }
        Some(Message {
            src: Arc::clone(&request.dest),
            dest: Arc::clone(&request.src),
            body,
        })
    }
}

/// Forgets a call that nobody waits for any more.
struct Waiting<'a> {
    network: &'a Network,
    key: (Arc<str>, u64),
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.network.state.borrow_mut().waiting.remove(&self.key);
    }
}

/// Draws how long a message takes.
fn delay(latency: Latency, random: &mut Pcg64Mcg) -> Duration {
    let mean = latency.mean.as_secs_f64();
    match latency.distribution {
        LatencyDistribution::Constant => latency.mean,
        LatencyDistribution::Uniform => {
            Duration::from_secs_f64(2.0 * mean * random.random_range(0.0..1.0))
        }
        LatencyDistribution::Exponential => {
            let uniform: f64 = random.random_range(f64::EPSILON..1.0);
            // At most twenty times the mean: a longer one would be a loss.
            Duration::from_secs_f64((-uniform.ln()).min(20.0) * mean)
        }
    }
}
