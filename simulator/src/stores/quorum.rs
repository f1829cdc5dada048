//! Replicated registers on quorums: every node holds every key, and any node serves any call.
//!
//! A write finds the highest stamp that a read quorum knows, and stores its value with a higher one on a write quorum.
//! A read asks a read quorum for the value with the highest stamp and, when told to, stores that on a write quorum
//! before it answers, unless the answers show that it is on one already. With majorities, stamps drawn that way and
//! write-back this is linearizable: Attiya, Bar-Noy and Dolev, "Sharing memory robustly in message-passing systems",
//! JACM 42(1), 1995, with several writers as in Lynch and Shvartsman, FTCS 1997. Each of the options takes one of these
//! legs away; the presets are named stores.
//!
//! Two things are easy to get wrong, and are right here. A stamp is never given twice: it ends in the node's
//! incarnation and a count, so neither two calls on one node nor a node that crashed and forgot can give the same stamp
//! to two values. And a replica counts once, however often its answer arrives.
//!
//! Anti-entropy lets replicas converge that missed a write: every so often a node sends a stretch of its records to all
//! others, which keep what is newer.

mod options;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::btree_map::{Entry, OccupiedEntry};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use schism_history::Value;
use serde::{Deserialize, Serialize};

pub(crate) use options::{Contact, QuorumOptions, Stamps};

use super::relay::{MOST_OPEN, Ticket};
use crate::{Call, Class, Context, Disk, NodeId, NodeSet, Reply, Request, Store};

/// Tags of timers.
const RETRY: u64 = 1;
const ANTI_ENTROPY: u64 = 2;
const STORED: u64 = 3;

/// How many records a round of anti-entropy sends.
const STRETCH: usize = 512;

/// Orders the values of a key. The default is that of a key that was never written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// A count, or nanoseconds on a wall clock.
    time: u64,
    /// Breaks ties between nodes.
    writer: NodeId,
    /// Breaks ties within a node.
    ticket: Ticket,
}

/// A value and its place in the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    stamp: Stamp,
    value: Value,
}

/// What replicas tell each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// What do you hold?
    Find { ticket: Ticket, key: Value },
    /// That.
    Found { ticket: Ticket, cell: Cell },
    /// Keep this if it is newer.
    Keep {
        ticket: Ticket,
        key: Value,
        cell: Cell,
    },
    /// I hold that, or newer.
    Kept { ticket: Ticket },
    /// A stretch of records. Not answered.
    Spread { cells: Arc<[(Value, Cell)]> },
}

/// What a call is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It looks for the highest stamp.
    Find,
    /// It stores a cell.
    Keep,
}

#[derive(Debug)]
struct Operation {
    call: Call,
    key: Value,
    /// What to write; `None` for a read.
    write: Option<Value>,
    phase: Phase,
    /// The newest found so far, then what is being stored.
    cell: Cell,
    /// How many of those that have answered hold it.
    holders: usize,
    /// Who was asked in this phase.
    asked_whom: NodeSet,
    /// Who has answered in this phase.
    answered: NodeSet,
    began: Duration,
    asked_when: Duration,
}

/// One replica.
pub(crate) struct Quorum {
    options: QuorumOptions,
    last: Ticket,
    operations: BTreeMap<Ticket, Operation>,
    /// What others sent and is not stored yet, the oldest first, each with a timer.
    storing: VecDeque<(NodeId, Ticket, Value, Cell)>,
    /// Whether a timer for asking again is running.
    retrying: bool,
    /// Where the next stretch of records begins.
    spread_from: usize,
}

impl Quorum {
    fn read_quorum(&self, context: &Context<'_, Self>) -> usize {
        self.options
            .read
            .map_or_else(|| context.majority(), usize::from)
    }

    fn write_quorum(&self, context: &Context<'_, Self>) -> usize {
        self.options
            .write
            .map_or_else(|| context.majority(), usize::from)
    }

    fn find(&mut self, context: &mut Context<'_, Self>, ticket: Ticket, mut operation: Operation) {
        operation.phase = Phase::Find;
        operation.cell = context
            .disk
            .get(&operation.key)
            .cloned()
            .unwrap_or_default();
        operation.nobody_but(context.me());
        let quorum = self.read_quorum(context);
        if quorum <= 1 {
            return self.found(context, ticket, operation);
        }
        match self.options.contact {
            Contact::All => operation.ask_all(context, ticket),
            Contact::Few => {
                for _ in 1..quorum {
                    operation.ask_one(context, ticket);
                }
            }
        }
        self.wait(context, ticket, operation);
    }

    /// A read quorum has answered.
    fn found(&mut self, context: &mut Context<'_, Self>, ticket: Ticket, mut operation: Operation) {
        if let Some(value) = operation.write.clone() {
            let stamp = Stamp {
                time: operation.cell.stamp.time.saturating_add(1),
                writer: context.me(),
                ticket,
            };
            operation.cell = Cell { stamp, value };
            self.keep(context, ticket, operation);
        } else if self.options.write_back && operation.holders < self.write_quorum(context) {
            self.keep(context, ticket, operation);
        } else {
            context.reply(operation.call, Reply::Value(operation.cell.value));
        }
    }

    fn keep(&mut self, context: &mut Context<'_, Self>, ticket: Ticket, mut operation: Operation) {
        operation.phase = Phase::Keep;
        operation.nobody_but(context.me());
        keep_if_newer(context, &operation.key, &operation.cell);
        let quorum = self.write_quorum(context);
        if quorum <= 1 || self.options.contact == Contact::All {
            operation.ask_all(context, ticket);
        } else {
            operation.ask_one(context, ticket);
        }
        if quorum <= 1 {
            return operation.kept(context);
        }
        self.wait(context, ticket, operation);
    }

    fn wait(&mut self, context: &mut Context<'_, Self>, ticket: Ticket, mut operation: Operation) {
        operation.asked_when = context.uptime();
        self.operations.insert(ticket, operation);
        if !self.retrying {
            self.retrying = true;
            context.set_timer(self.options.retry, RETRY);
        }
    }

    /// Somebody has answered in a phase: the operation, if that is news to it.
    fn answered(
        &mut self,
        ticket: Ticket,
        from: NodeId,
        phase: Phase,
    ) -> Option<OccupiedEntry<'_, Ticket, Operation>> {
        let Entry::Occupied(mut entry) = self.operations.entry(ticket) else {
            return None;
        };
        let operation = entry.get_mut();
        (operation.phase == phase && operation.answered.insert(from)).then_some(entry)
    }

    /// Asks those again that have not answered, and gives up what is too old.
    fn retry(&mut self, context: &mut Context<'_, Self>) {
        let now = context.uptime();
        let give_up = self.options.give_up;
        self.operations.retain(|_, operation| {
            let wait = now.saturating_sub(operation.began) < give_up;
            if !wait {
                refuse(context, operation);
            }
            wait
        });
        for (ticket, operation) in &mut self.operations {
            if now.saturating_sub(operation.asked_when) < self.options.retry {
                continue;
            }
            operation.asked_when = now;
            let pass_over = self.options.contact == Contact::Few && operation.phase == Phase::Keep;
            if !(pass_over && operation.ask_one(context, *ticket)) {
                operation.ask_all(context, *ticket);
            }
        }
        self.retrying = !self.operations.is_empty();
        if self.retrying {
            context.set_timer(self.options.retry, RETRY);
        }
    }

    fn spread(&mut self, context: &mut Context<'_, Self>) {
        context.set_timer(self.options.anti_entropy, ANTI_ENTROPY);
        let cells: Arc<[(Value, Cell)]> = context
            .disk
            .stretch(self.spread_from, STRETCH)
            .map(|(key, cell)| (key.clone(), cell.clone()))
            .collect();
        // After the last stretch, from the beginning.
        self.spread_from = if cells.len() < STRETCH {
            0
        } else {
            self.spread_from + STRETCH
        };
        if !cells.is_empty() {
            context.broadcast(&Message::Spread { cells });
        }
    }
}

impl Operation {
    /// Takes over what another replica holds, if it is newer.
    fn compare(&mut self, cell: Cell) {
        match cell.stamp.cmp(&self.cell.stamp) {
            Ordering::Less => {}
            Ordering::Equal => self.holders += 1,
            Ordering::Greater => {
                self.cell = cell;
                self.holders = 1;
            }
        }
    }

    /// Begins a phase: only the node itself has answered.
    fn nobody_but(&mut self, me: NodeId) {
        self.asked_whom = NodeSet::of(me);
        self.answered = NodeSet::of(me);
    }

    /// Asks all that have not answered.
    fn ask_all(&mut self, context: &mut Context<'_, Quorum>, ticket: Ticket) {
        for node in context.others() {
            if !self.answered.contains(node) {
                self.asked_whom.insert(node);
                context.send(node, self.question(ticket));
            }
        }
    }

    /// Asks one that was not asked yet, at random; whether there was one.
    fn ask_one(&mut self, context: &mut Context<'_, Quorum>, ticket: Ticket) -> bool {
        let asked = self.asked_whom;
        let left = context.cluster_size() - asked.len();
        let drawn = context.random().below(left as u64) as usize;
        let next = context
            .others()
            .filter(|node| !asked.contains(*node))
            .nth(drawn);
        if let Some(node) = next {
            self.asked_whom.insert(node);
            context.send(node, self.question(ticket));
        }
        next.is_some()
    }

    /// Sends the value to those that were not asked for it yet. Their answers do not matter.
    fn tell_the_rest(&self, context: &mut Context<'_, Quorum>, ticket: Ticket) {
        for node in context.others() {
            if !self.asked_whom.contains(node) {
                context.send(node, self.question(ticket));
            }
        }
    }

    fn question(&self, ticket: Ticket) -> Message {
        let key = self.key.clone();
        match self.phase {
            Phase::Find => Message::Find { ticket, key },
            Phase::Keep => Message::Keep {
                ticket,
                key,
                cell: self.cell.clone(),
            },
        }
    }

    /// A write quorum has stored it.
    fn kept(self, context: &mut Context<'_, Quorum>) {
        let reply = if self.write.is_some() {
            Reply::Done
        } else {
            Reply::Value(self.cell.value)
        };
        context.reply(self.call, reply);
    }
}

fn refuse(context: &mut Context<'_, Quorum>, operation: &Operation) {
    let detail = "too few replicas answer";
    // A write that has not found its stamp yet was sent to nobody.
    let certain = operation.write.is_none() || operation.phase == Phase::Find;
    context.reply(
        operation.call,
        if certain {
            Reply::refused(Class::NoQuorum, detail)
        } else {
            Reply::unknown(Class::NoQuorum, detail)
        },
    );
}

fn keep_if_newer(context: &mut Context<'_, Quorum>, key: &Value, cell: &Cell) {
    match context.disk.get_mut(key) {
        Some(held) if held.stamp >= cell.stamp => {}
        Some(held) => held.clone_from(cell),
        None => context.disk.put(key.clone(), cell.clone()),
    }
}

impl Store for Quorum {
    type Message = Message;
    type Header = ();
    type Record = Cell;
    type Options = QuorumOptions;

    fn new(options: &QuorumOptions) -> Self {
        Self {
            options: options.clone(),
            last: Ticket::default(),
            operations: BTreeMap::new(),
            storing: VecDeque::new(),
            retrying: false,
            spread_from: 0,
        }
    }

    fn started(&mut self, context: &mut Context<'_, Self>) {
        if !self.options.anti_entropy.is_zero() {
            // Not all at the same moment.
            let first = context.random().up_to(self.options.anti_entropy);
            context.set_timer(first, ANTI_ENTROPY);
        }
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if self.operations.len() >= MOST_OPEN {
            return context.reply(
                call,
                Reply::refused(Class::Overloaded, "too many calls are open"),
            );
        }
        let (key, write) = match request {
            Request::Read { key } => (key, None),
            Request::Write { key, value } => (key, Some(value)),
            other => return context.reply(call, Reply::not_offered(&other)),
        };
        let ticket = self.last.next(context);
        let mut operation = Operation {
            call,
            key,
            write,
            phase: Phase::Find,
            cell: Cell::default(),
            holders: 1,
            asked_whom: NodeSet::EMPTY,
            answered: NodeSet::EMPTY,
            began: context.uptime(),
            asked_when: Duration::ZERO,
        };
        match (&operation.write, self.options.stamps) {
            (Some(value), Stamps::WallClock) => {
                let stamp = Stamp {
                    time: context.now().as_nanos(),
                    writer: context.me(),
                    ticket,
                };
                operation.cell = Cell {
                    stamp,
                    value: value.clone(),
                };
                self.keep(context, ticket, operation);
            }
            _ => self.find(context, ticket, operation),
        }
    }

    fn message(&mut self, context: &mut Context<'_, Self>, from: NodeId, message: Message) {
        match message {
            Message::Find { ticket, key } => {
                let cell = context.disk.get(&key).cloned().unwrap_or_default();
                context.send(from, Message::Found { ticket, cell });
            }
            Message::Found { ticket, cell } => {
                let quorum = self.read_quorum(context);
                let Some(mut entry) = self.answered(ticket, from, Phase::Find) else {
                    return;
                };
                let operation = entry.get_mut();
                operation.compare(cell);
                if operation.answered.len() >= quorum {
                    let operation = entry.remove();
                    self.found(context, ticket, operation);
                }
            }
            Message::Keep { ticket, key, cell } => {
                if self.options.store_takes.is_zero() {
                    keep_if_newer(context, &key, &cell);
                    context.send(from, Message::Kept { ticket });
                } else {
                    self.storing.push_back((from, ticket, key, cell));
                    context.set_timer(self.options.store_takes, STORED);
                }
            }
            Message::Kept { ticket } => {
                let quorum = self.write_quorum(context);
                let contact = self.options.contact;
                let Some(mut entry) = self.answered(ticket, from, Phase::Keep) else {
                    return;
                };
                let operation = entry.get_mut();
                if operation.answered.len() >= quorum {
                    operation.tell_the_rest(context, ticket);
                    entry.remove().kept(context);
                } else if contact == Contact::Few {
                    operation.ask_one(context, ticket);
                }
            }
            Message::Spread { cells } => {
                for (key, cell) in cells.iter() {
                    keep_if_newer(context, key, cell);
                }
            }
        }
    }

    fn timer(&mut self, context: &mut Context<'_, Self>, tag: u64) {
        match tag {
            RETRY => self.retry(context),
            STORED => {
                if let Some((from, ticket, key, cell)) = self.storing.pop_front() {
                    keep_if_newer(context, &key, &cell);
                    context.send(from, Message::Kept { ticket });
                }
            }
            _ => self.spread(context),
        }
    }

    fn contents(&self, disk: &Disk<(), Cell>) -> Vec<(Value, Value)> {
        disk.iter()
            .map(|(key, cell)| (key.clone(), cell.value.clone()))
            .collect()
    }

    fn check(options: &QuorumOptions, nodes: usize) -> Result<(), String> {
        for (name, quorum) in [("read", options.read), ("write", options.write)] {
            if let Some(quorum) = quorum.map(usize::from)
                && !(1..=nodes).contains(&quorum)
            {
                return Err(format!(
                    "{name} = {quorum}: a quorum of {nodes} nodes has 1 to {nodes}"
                ));
            }
        }
        if options.retry.is_zero() || options.give_up.is_zero() {
            return Err("retry and give_up must be longer than zero".to_owned());
        }
        Ok(())
    }
}
