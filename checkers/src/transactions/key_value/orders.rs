//! The order of versions of each key, as the database told it, and which version each transaction read.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::Outcome;

use super::matching::Matching;
use crate::Level;
use crate::transactions::columns::{Content, NONE, StepKind, Transactions};
use crate::transactions::graph::Edge;
use crate::transactions::versions::Versions;

/// What is wrong with one read or one number, whatever the order of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Direct {
    /// What it is.
    pub(crate) kind: DirectKind,
    /// Who read it, or was told the number.
    pub(crate) reader: u32,
    /// Who else is part of it; [`NONE`] when nobody is.
    pub(crate) other: u32,
    /// Of which key.
    pub(crate) key: u32,
    /// Which value was read, by number within the key.
    pub(crate) value: u32,
    /// The numbers that contradict each other: what `reader` was told, and what `other` was.
    pub(crate) numbers: (Option<i64>, Option<i64>),
}

/// Kinds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DirectKind {
    /// Nobody wrote it.
    Garbage,
    /// Only a transaction that failed wrote it.
    Aborted,
    /// Its writer wrote something else to the key after it.
    Intermediate,
    /// Its own transaction wrote it only later.
    Future,
    /// Its own transaction had written something else before.
    Internal,
    /// Its own transaction had read something else before.
    NonRepeatable,
    /// The number that was told with it is that of another value.
    OtherValue,
    /// It was told to be of one number by its writer or another reader, and of another one to this reader.
    TwoNumbers,
    /// Two transactions wrote versions of the same number.
    SameNumber,
    /// What the transaction wrote is told to be older than what it had read of the key.
    Backwards,
    /// By predicate, it was not found at a revision at which it was there.
    Overlooked,
}

impl DirectKind {
    /// What it is called, and the weakest levels that it refutes.
    pub(crate) const fn class(self) -> (&'static str, &'static [Level]) {
        match self {
            Self::Garbage => ("garbage-read", &[Level::ReadUncommitted]),
            Self::Aborted => ("G1a", &[Level::ReadCommitted]),
            Self::Intermediate => ("G1b", &[Level::ReadCommitted]),
            Self::Future => ("future-read", &[Level::ReadCommitted]),
            Self::Internal => ("internal", &[Level::ReadAtomic]),
            Self::NonRepeatable => ("non-repeatable-read", &[Level::ReadAtomic]),
            Self::OtherValue | Self::TwoNumbers | Self::SameNumber | Self::Overlooked => {
                ("incompatible-order", &[Level::ReadCommitted])
            }
            Self::Backwards => ("cyclic-versions", &[Level::ReadCommitted]),
        }
    }
}

/// Why an edge of a predicate is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Who comes before.
    pub(crate) from: u32,
    /// Who comes after.
    pub(crate) to: u32,
    /// Why.
    pub(crate) edge: Edge,
    /// The place of the step that reads by predicate.
    pub(crate) step: u32,
    /// The key that did not match.
    pub(crate) key: u32,
    /// The version that made the difference.
    pub(crate) slot: u32,
}

/// A key that may not have matched a predicate at several times.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// Who read by predicate.
    pub(crate) reader: u32,
    /// Slots of which none matches, one after the other: the first and the last one of each such part. At least two.
    pub(crate) parts: Vec<(u32, u32)>,
}

/// The versions of all keys.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Their order, and who read which.
    pub(crate) versions: Versions,
    /// The number of each slot, where it is told.
    pub(crate) number: Vec<Option<i64>>,
    /// The value of each slot, by number within the key.
    pub(crate) value: Vec<u32>,
    /// Which transactions happened.
    pub(crate) is_committed: Vec<bool>,
    /// What is wrong by itself.
    pub(crate) direct: Vec<Direct>,
    /// Why edges of predicates are there; the same as in `versions`, in the same order.
    pub(crate) looked: Vec<Looked>,
    /// Keys of which it is not known in which version they did not match.
    pub(crate) open: Vec<Open>,
    /// Why not all dependencies are known; the first reason.
    pub(crate) doubt: Option<&'static str>,
    /// Reads of keys, and by predicate.
    pub(crate) reads: u64,
    /// Those that saw what another transaction wrote.
    pub(crate) reads_of_writes: u64,
    /// Versions whose number was told.
    pub(crate) numbered: u64,
}

/// The last write of a key by a transaction that did not fail.
struct Final {
    key: u32,
    writer: u32,
    value: u32,
    number: Option<i64>,
    /// The next one of the same key and value; [`NONE`] for the last one.
    same: u32,
    /// Somebody read it.
    is_seen: bool,
    /// Its slot; [`NONE`] if its place in the order is not known, or it did not happen.
    slot: u32,
}

/// What is known about a value of a key.
#[derive(Clone, Copy)]
struct Written {
    /// The first final write of it.
    first: u32,
    /// Who wrote it, and then something else.
    between: u32,
    /// Who failed to write it.
    failed: u32,
}

struct Finder<'a, 'h> {
    transactions: &'a Transactions<'h>,
    base: Vec<usize>,
    written: Vec<Written>,
    finals: Vec<Final>,
    /// For each key: the transaction that last touched it, the value it holds for it, and whether it wrote that.
    held: Vec<(u32, u32, bool)>,
    /// What transactions of unknown outcome that nobody read from may have written: (key, value), sorted.
    unseen: Vec<(u32, u32)>,
    /// Keys with versions whose place in the order is not known.
    unplaced: FxHashSet<u32>,
    /// The final write of each transaction and key.
    own: FxHashMap<(u32, u32), u32>,
    orders: Orders,
}

/// Where a read was found.
enum Place {
    Slot(u32),
    /// Of this transaction, whose place is not known.
    Writer(u32),
    Unknown,
}

/// Finds the orders. O(steps + versions log versions), and for reads by predicate O(keys with a version that matches).
pub(crate) fn orders(transactions: &Transactions<'_>, steps: u64) -> Orders {
    let mut finder = Finder::new(transactions);
    finder.learn();
    finder.place();
    finder.read(steps);
    finder.orders
}

impl<'a, 'h> Finder<'a, 'h> {
    fn new(transactions: &'a Transactions<'h>) -> Self {
        let mut base = Vec::with_capacity(transactions.values.len());
        let mut total = 0;
        for values in &transactions.values {
            base.push(total);
            total += values.len();
        }
        let nothing = Written {
            first: NONE,
            between: NONE,
            failed: NONE,
        };
        let mut finder = Self {
            transactions,
            base,
            written: vec![nothing; total],
            finals: Vec::new(),
            held: vec![(NONE, 0, false); transactions.keys.len()],
            unseen: Vec::new(),
            unplaced: FxHashSet::default(),
            own: FxHashMap::default(),
            orders: Orders::default(),
        };
        if transactions.unreadable.is_some() {
            finder.doubt("some steps cannot be understood");
        }
        if transactions.content.contains(&Content::List) {
            finder.doubt("there are lists besides keys that hold one value");
        }
        let mut last_write = vec![NONE; transactions.keys.len()];
        for t in 0..transactions.len() as u32 {
            for place in transactions.step_range(t).rev() {
                if transactions.kind[place] != StepKind::Write {
                    continue;
                }
                let (key, value) = (transactions.key[place], transactions.value[place]);
                let at = finder.base[key as usize] + value as usize;
                let is_last = std::mem::replace(&mut last_write[key as usize], t) != t;
                let written = &mut finder.written[at];
                if transactions.outcome[t as usize] == Outcome::Fail {
                    written.failed = t;
                } else if !is_last {
                    written.between = t;
                } else {
                    let number = transactions.version.get(&(place as u32)).copied();
                    let whole = || transactions.revision.get(t as usize).copied().flatten();
                    let place = finder.finals.len() as u32;
                    finder.finals.push(Final {
                        key,
                        writer: t,
                        value,
                        number: number.or_else(whole),
                        same: std::mem::replace(&mut written.first, place),
                        is_seen: false,
                        slot: NONE,
                    });
                    finder.own.insert((t, key), place);
                }
            }
        }
        finder
    }

    fn doubt(&mut self, why: &'static str) {
        self.orders.doubt.get_or_insert(why);
    }

    fn is_ok(&self, t: u32) -> bool {
        self.transactions.outcome[t as usize] == Outcome::Ok
    }

    /// The final writes of a value by others.
    fn writers(&self, t: u32, key: u32, value: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = self.written[self.base[key as usize] + value as usize].first;
        while at != NONE {
            let write = &self.finals[at as usize];
            if write.writer != t {
                found.push(at);
            }
            at = write.same;
        }
        found.reverse();
        found
    }

    /// What reads tell about writers whose outcome or number is not known.
    fn learn(&mut self) {
        let transactions = self.transactions;
        for t in 0..transactions.len() as u32 {
            if !self.is_ok(t) {
                continue;
            }
            for place in transactions.step_range(t) {
                let step = transactions.step(place);
                match step.kind {
                    StepKind::Read => {
                        let number = transactions.version.get(&(place as u32)).copied();
                        self.learn_from(t, step.key, step.value, number);
                    }
                    StepKind::Predicate => {
                        for &(key, value) in &transactions.matched[step.value as usize] {
                            self.learn_from(t, key, value, None);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn learn_from(&mut self, t: u32, key: u32, value: u32, number: Option<i64>) {
        if value == 0 {
            return;
        }
        let writers = self.writers(t, key, value);
        let seen = if let [only] = writers[..] {
            Some(only)
        } else {
            let is_it = |at: &&u32| number.is_some() && self.finals[**at as usize].number == number;
            writers.iter().find(is_it).copied()
        };
        if let Some(at) = seen {
            let write = &mut self.finals[at as usize];
            write.is_seen = true;
            write.number = write.number.or(number);
        }
    }

    /// Gives each version its place.
    fn place(&mut self) {
        let transactions = self.transactions;
        let mut is_committed: Vec<bool> = (0..transactions.len() as u32)
            .map(|t| self.is_ok(t))
            .collect();
        for write in self.finals.iter().filter(|write| write.is_seen) {
            is_committed[write.writer as usize] = true;
        }
        let mut sorted: Vec<u32> = (0..self.finals.len() as u32).collect();
        sorted.retain(|&at| is_committed[self.finals[at as usize].writer as usize]);
        let by_order = |&at: &u32| {
            let write = &self.finals[at as usize];
            (write.key, write.number, write.writer)
        };
        sorted.sort_unstable_by_key(by_order);
        self.unseen = (self.finals.iter())
            .filter(|write| !is_committed[write.writer as usize])
            .map(|write| (write.key, write.value))
            .collect();
        self.unseen.sort_unstable();
        self.orders.is_committed = is_committed;
        let mut next = sorted.iter().copied().peekable();
        for key in 0..transactions.keys.len() as u32 {
            self.orders
                .versions
                .base
                .push(self.orders.value.len() as u32);
            self.slot(NONE, 0, None);
            let mut of_key = Vec::new();
            while let Some(at) = next.next_if(|&at| self.finals[at as usize].key == key) {
                of_key.push(at);
            }
            let is_one = of_key.len() == 1;
            for (i, &at) in of_key.iter().enumerate() {
                let Final {
                    writer,
                    value,
                    number,
                    ..
                } = self.finals[at as usize];
                if number.is_none() && !is_one {
                    self.doubt("of some keys, the order of versions was not told");
                    self.unplaced.insert(key);
                    continue;
                }
                self.orders.numbered += u64::from(number.is_some());
                self.finals[at as usize].slot = self.orders.value.len() as u32;
                if let Some(&before) = i.checked_sub(1).and_then(|i| of_key.get(i))
                    && self.finals[before as usize].number == number
                {
                    let other = self.finals[before as usize].writer;
                    self.orders.direct.push(Direct {
                        kind: DirectKind::SameNumber,
                        reader: writer,
                        other,
                        key,
                        value,
                        numbers: (number, number),
                    });
                }
                self.slot(writer, value, number);
            }
        }
        let end = self.orders.value.len() as u32;
        self.orders.versions.base.push(end);
    }

    fn slot(&mut self, writer: u32, value: u32, number: Option<i64>) {
        self.orders.versions.writer.push(writer);
        self.orders.value.push(value);
        self.orders.number.push(number);
    }

    /// Finds which version each transaction read.
    fn read(&mut self, steps: u64) {
        let transactions = self.transactions;
        let mut matching = Matching::new(transactions);
        let mut left = steps;
        for t in 0..transactions.len() as u32 {
            if !self.is_ok(t) {
                continue;
            }
            for place in transactions.step_range(t) {
                let step = transactions.step(place);
                match step.kind {
                    StepKind::Write => {
                        self.held[step.key as usize] = (t, step.value, true);
                    }
                    StepKind::Read => {
                        let number = transactions.version.get(&(place as u32)).copied();
                        self.orders.reads += 1;
                        self.one(t, step.key, step.value, number);
                    }
                    StepKind::Predicate => {
                        self.orders.reads += 1;
                        self.look(t, place as u32, &mut matching, &mut left);
                    }
                    _ => self.doubt("some steps are no reads and writes of keys"),
                }
            }
        }
    }

    fn odd(&mut self, kind: DirectKind, reader: u32, other: u32, key: u32, value: u32) {
        self.orders.direct.push(Direct {
            kind,
            reader,
            other,
            key,
            value,
            numbers: (None, None),
        });
    }

    /// A read of one key.
    fn one(&mut self, t: u32, key: u32, value: u32, number: Option<i64>) {
        let (whose, before, wrote) = self.held[key as usize];
        if whose == t && wrote {
            if before != value {
                self.odd(DirectKind::Internal, t, NONE, key, value);
            }
            return;
        }
        if whose == t && before != value {
            self.odd(DirectKind::NonRepeatable, t, NONE, key, value);
        }
        self.held[key as usize] = (t, value, false);
        match self.find(t, key, value, number) {
            Place::Slot(slot) => {
                self.orders.versions.reads.push((t, slot));
                let writer = self.orders.versions.writer[slot as usize];
                self.orders.reads_of_writes += u64::from(writer != NONE);
                self.backwards(t, key, slot);
            }
            Place::Writer(writer) => {
                self.orders.reads_of_writes += 1;
                self.orders.versions.read_from.push((writer, t, key));
            }
            Place::Unknown => {}
        }
    }

    /// Whether the transaction's own version of the key is older than the one it read.
    fn backwards(&mut self, t: u32, key: u32, slot: u32) {
        let own = self.own.get(&(t, key));
        let own = own.map_or(NONE, |&at| self.finals[at as usize].slot);
        if own != NONE && own < slot {
            let numbers = |slot: u32| self.orders.number[slot as usize];
            self.orders.direct.push(Direct {
                kind: DirectKind::Backwards,
                reader: t,
                other: self.orders.versions.writer[slot as usize],
                key,
                value: self.orders.value[slot as usize],
                numbers: (numbers(own), numbers(slot)),
            });
        }
    }

    fn find(&mut self, t: u32, key: u32, value: u32, number: Option<i64>) -> Place {
        let slots = self.orders.versions.slots(key);
        let writers = self.writers(t, key, value);
        let happened =
            |at: &u32| self.orders.is_committed[self.finals[*at as usize].writer as usize];
        let writers: Vec<u32> = writers.into_iter().filter(happened).collect();
        if value == 0 && (writers.is_empty() || number == Some(0)) {
            return Place::Slot(slots.start as u32);
        }
        if let Some(number) = number {
            let of_number = |at: &&u32| self.finals[**at as usize].number == Some(number);
            if let Some(&at) = writers.iter().find(of_number) {
                return self.written_at(at);
            }
            let mut others = slots.clone();
            if let Some(slot) = others.find(|&slot| self.orders.number[slot] == Some(number)) {
                let writer = self.orders.versions.writer[slot];
                self.contradicts(DirectKind::OtherValue, t, writer, key, value, number);
                return Place::Unknown;
            }
            if let [at] = writers[..]
                && value != 0
            {
                let writer = self.finals[at as usize].writer;
                self.contradicts(DirectKind::TwoNumbers, t, writer, key, value, number);
                return self.written_at(at);
            }
        }
        match writers[..] {
            [at] if value != 0 => self.written_at(at),
            [] => {
                self.unexplained(t, key, value);
                Place::Unknown
            }
            _ => {
                // The revision of a transaction that wrote nothing says which state it read.
                let revision = self
                    .transactions
                    .revision
                    .get(t as usize)
                    .copied()
                    .flatten();
                let read_only = !self
                    .transactions
                    .steps(t)
                    .any(|s| s.kind == StepKind::Write);
                let at = revision.filter(|_| read_only).and_then(|revision| {
                    let told = |&slot: &usize| {
                        self.orders.number[slot].is_none_or(|number| number <= revision)
                    };
                    slots.rev().find(told)
                });
                match at {
                    Some(slot) if self.orders.value[slot] == value => Place::Slot(slot as u32),
                    _ => {
                        self.doubt("several transactions wrote the same value to a key, and it was not told whose was read");
                        Place::Unknown
                    }
                }
            }
        }
    }

    fn written_at(&self, at: u32) -> Place {
        let write = &self.finals[at as usize];
        match write.slot {
            NONE => Place::Writer(write.writer),
            slot => Place::Slot(slot),
        }
    }

    fn contradicts(
        &mut self,
        kind: DirectKind,
        reader: u32,
        other: u32,
        key: u32,
        value: u32,
        number: i64,
    ) {
        let own = self.own.get(&(other, key));
        let told = own.and_then(|&at| self.finals[at as usize].number);
        self.orders.direct.push(Direct {
            kind,
            reader,
            other,
            key,
            value,
            numbers: (Some(number), told),
        });
    }

    /// A value that no transaction left behind.
    fn unexplained(&mut self, t: u32, key: u32, value: u32) {
        let written = self.written[self.base[key as usize] + value as usize];
        let is_own = self.own.get(&(t, key));
        let is_own = is_own.is_some_and(|&at| self.finals[at as usize].value == value);
        if is_own || written.between == t {
            self.odd(DirectKind::Future, t, NONE, key, value);
        } else if written.between != NONE {
            self.odd(DirectKind::Intermediate, t, written.between, key, value);
        } else if written.failed != NONE {
            self.odd(DirectKind::Aborted, t, written.failed, key, value);
        } else if written.first == NONE {
            self.odd(DirectKind::Garbage, t, NONE, key, value);
        } else {
            self.doubt("several transactions wrote the same value to a key, and it was not told whose was read");
        }
    }

    /// A read by predicate.
    fn look(&mut self, t: u32, place: u32, matching: &mut Matching<'a, 'h>, left: &mut u64) {
        let transactions = self.transactions;
        let step = transactions.step(place as usize);
        let matched = &transactions.matched[step.value as usize];
        for &(key, value) in matched {
            if !matching.is_match(step.key, key, value) {
                self.doubt("a read by predicate returned what does not match it");
            }
            self.one(t, key, value, None);
        }
        let found: FxHashSet<u32> = matched.iter().map(|&(key, _)| key).collect();
        let revision = transactions.version.get(&place).copied();
        if !matching.is_known(step.key) {
            self.doubt("what matches some predicates is not known");
        }
        let candidates = matching.of(step.key, &self.orders, left);
        if *left == 0 {
            self.doubt("there are too many reads by predicate for the allowed number of steps");
            return;
        }
        for &key in candidates.iter().filter(|key| !found.contains(key)) {
            self.not_found(t, place, step.key, key, revision, matching);
        }
    }

    /// A key that did not match a predicate, though some version of it would have.
    fn not_found(
        &mut self,
        t: u32,
        place: u32,
        predicate: u32,
        key: u32,
        revision: Option<i64>,
        matching: &Matching<'a, 'h>,
    ) {
        let (whose, value, wrote) = self.held[key as usize];
        if whose == t && wrote {
            if matching.is_match(predicate, key, value) {
                self.odd(DirectKind::Internal, t, NONE, key, value);
            }
            return;
        }
        let begin = self.unseen.partition_point(|&(other, _)| other < key);
        let mut unseen = self.unseen[begin..]
            .iter()
            .take_while(|&&(other, _)| other == key);
        if unseen.any(|&(_, value)| !matching.is_match(predicate, key, value))
            || self.unplaced.contains(&key)
        {
            self.doubt("it is not known why some keys did not match a predicate");
            return;
        }
        let slots = self.orders.versions.slots(key);
        let matches = |slot: usize| matching.is_match(predicate, key, self.orders.value[slot]);
        let told = slots.len() == 1
            || slots
                .clone()
                .skip(1)
                .all(|s| self.orders.number[s].is_some());
        let (first, last) = if let Some(revision) = revision.filter(|_| told) {
            // What it wrote itself, it wrote later.
            let is_past = |&slot: &usize| {
                self.orders.number[slot].is_none_or(|n| n <= revision)
                    && self.orders.versions.writer[slot] != t
            };
            let seen = slots.clone().rev().find(is_past).unwrap_or(slots.start);
            if matches(seen) {
                self.orders.direct.push(Direct {
                    kind: DirectKind::Overlooked,
                    reader: t,
                    other: self.orders.versions.writer[seen],
                    key,
                    value: self.orders.value[seen],
                    numbers: (Some(revision), self.orders.number[seen]),
                });
                return;
            }
            let first = (slots.start..seen)
                .rev()
                .take_while(|&slot| !matches(slot))
                .last();
            let last = (seen + 1..slots.end)
                .take_while(|&slot| !matches(slot))
                .last();
            (first.unwrap_or(seen), last.unwrap_or(seen))
        } else {
            let may_be = |slot: usize| !matches(slot) && self.orders.versions.writer[slot] != t;
            let parts = parts(slots.clone().map(may_be), slots.start);
            let &[(first, last)] = &parts[..] else {
                self.orders.open.push(Open { reader: t, parts });
                self.doubt("some keys may not have matched a predicate at different times");
                return;
            };
            let (first, last) = (first as usize, last as usize);
            (first, last)
        };
        for (from, to, edge) in self.orders.versions.around(t, first as u32, last as u32) {
            self.orders.versions.by_predicate.push((from, to, edge));
            let slot = if edge == Edge::PredicateWriteRead {
                first
            } else {
                last + 1
            };
            self.orders.looked.push(Looked {
                from,
                to,
                edge,
                step: place,
                key,
                slot: slot as u32,
            });
        }
    }
}

/// Where a row of answers is yes: the first and the last place of each part, counted from `begin`.
fn parts(answers: impl Iterator<Item = bool>, begin: usize) -> Vec<(u32, u32)> {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for (place, _) in answers.enumerate().filter(|(_, answer)| *answer) {
        let slot = (begin + place) as u32;
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == slot => *last = slot,
            _ => parts.push((slot, slot)),
        }
    }
    parts
}
