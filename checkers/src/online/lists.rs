//! Lists that only grow, event by event: each read is a beginning of the longest one so far, or that of it; it holds no
//! element twice, none whose append surely failed, and none that nobody appended. That is the judge of `list-order`.
//!
//! The judge of `list-append` looks for cycles besides, of transactions each of which must come before the next one: it
//! read or replaced what that one appended, or did not see it yet. Such a cycle refutes serializability, which is what
//! that checker claims where nobody claims something else. Reads that are longer than all before tell how transactions
//! follow each other; each of those edges is put into an [`Order`] that has no cycle so far. What belongs to the past is
//! given up: the 50,000 transactions that ended, or were seen, last are kept, and cycles through older ones are
//! left to the checker.
//!
//! Both remember lists that are in use, between 1,000 and 2,000 of them: the longest read of each, and what is
//! appended. A list that was not used for longer is not judged any more when it comes back. Real time, and elements
//! that are read before their append was sent or that are appended twice, are left to the checkers.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, Time, Value};

use super::calls::{Call, Ended};
use super::order::Order;
use super::recent::Recent;
use super::{Broken, Judge};

/// Lists that are remembered: so many, to twice as many.
const LISTS: usize = 1_000;
/// Transactions between which cycles are looked for.
const TRANSACTIONS: usize = 50_000;
/// Stands for a transaction that is not known.
const NONE: u64 = u64::MAX;

/// All lists.
pub(super) struct Lists {
    keys: Recent<List>,
    /// Elements that were read and that nobody had appended: somebody may send that at the same moment.
    early: Vec<(Time, Value, Value)>,
    /// Who comes before whom, if that is asked for, and as long as each element is appended once.
    order: Option<Order>,
}

#[derive(Default)]
struct List {
    longest: Vec<Value>,
    /// Who appended each element of it.
    writers: Vec<u64>,
    /// Where each element of it stands.
    place: FxHashMap<Value, u32>,
    /// Elements that somebody appends.
    appended: FxHashMap<Value, Append>,
    /// What was surely appended and that nobody has read: it comes after the longest read.
    unread: Vec<(Value, u64)>,
    /// Who saw the whole of the longest read: before whatever comes next.
    readers: Vec<u64>,
    /// With more of these and of what is unread, those that were given up are looked for.
    most_waiting: usize,
}

/// By how many an element is appended, and the first of them.
#[derive(Clone, Copy)]
struct Append {
    times: u32,
    by: u64,
}

/// One transaction comes before another one; or, with itself, it is known to have happened.
type Edge = (u64, u64);

/// The steps of a transaction: name, key, argument.
fn steps(value: &Value) -> impl Iterator<Item = (&str, &Value, &Value)> {
    value
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|step| match step.as_list()? {
            [name, key, argument] => Some((name.as_text()?, key, argument)),
            _ => None,
        })
}

impl List {
    /// What is wrong with a read; else it is remembered if it is the longest.
    fn read(
        &mut self,
        read: &[Value],
        early: &mut Vec<Value>,
        edges: &mut Vec<Edge>,
    ) -> Option<String> {
        let both = read.len().min(self.longest.len());
        if let Some(at) = (0..both).find(|&at| read[at] != self.longest[at]) {
            return Some(format!(
                "element {} is {} in one read and {} in another one",
                at + 1,
                self.longest[at],
                read[at]
            ));
        }
        let mut seen: FxHashSet<&Value> = FxHashSet::default();
        for element in &read[both..] {
            let known = self.appended.get(element).copied();
            let twice = self.place.contains_key(element) || !seen.insert(element);
            if twice && known.is_none_or(|append| append.times < 2) {
                return Some(format!("a read holds {element} twice"));
            }
            if known.is_none() {
                early.push(element.clone());
            }
        }
        if both == read.len() {
            return None;
        }
        for element in &read[both..] {
            let append = self.appended.get(element);
            let writer = append.map_or(NONE, |append| append.by);
            edges.push((writer, writer));
            if let Some(&before) = self.writers.last() {
                edges.push((before, writer));
            }
            edges.extend(self.readers.drain(..).map(|reader| (reader, writer)));
            self.place
                .insert(element.clone(), self.longest.len() as u32);
            self.longest.push(element.clone());
            self.writers.push(writer);
        }
        self.unread
            .retain(|(element, _)| !self.place.contains_key(element));
        if let Some(&last) = self.writers.last() {
            edges.extend(self.unread.iter().map(|&(_, later)| (last, later)));
        }
        None
    }

    /// Whether each of these elements is appended once.
    fn are_unique(&self, elements: &[&Value]) -> bool {
        let times = |element| self.appended.get(element).map_or(0, |it| it.times);
        elements.iter().all(|element| times(*element) == 1)
    }

    /// A transaction that appended an element has happened.
    fn appended(&mut self, by: u64, element: &Value, edges: &mut Vec<Edge>) {
        if !self.place.contains_key(element) {
            let before = self.readers.iter().chain(self.writers.last());
            edges.extend(before.map(|&before| (before, by)));
            self.unread.push((element.clone(), by));
        }
    }

    /// Forgets who waits for what comes next, and was given up.
    fn give_up(&mut self, order: &Order) {
        if self.readers.len() + self.unread.len() > self.most_waiting {
            self.readers.retain(|&reader| order.has(reader));
            self.unread.retain(|&(_, writer)| order.has(writer));
            self.most_waiting = 2 * (self.readers.len() + self.unread.len()) + 100;
        }
    }

    /// A transaction saw this many elements.
    fn seen(&mut self, by: u64, len: usize, edges: &mut Vec<Edge>) {
        if let Some(last) = len.checked_sub(1) {
            edges.push((self.writers[last], by));
        }
        if let Some(&next) = self.writers.get(len) {
            edges.push((by, next));
        } else {
            edges.extend(self.unread.iter().map(|&(_, later)| (by, later)));
            self.readers.push(by);
        }
    }
}

impl Lists {
    /// What `list-order` judges.
    pub(super) fn in_order() -> Self {
        Self::new(None)
    }

    /// What `list-append` judges.
    pub(super) fn without_cycles() -> Self {
        Self::new(Some(Order::of_most(TRANSACTIONS)))
    }

    fn new(order: Option<Order>) -> Self {
        Self {
            keys: Recent::of_most(LISTS),
            early: Vec::new(),
            order,
        }
    }

    /// Appends that surely did not happen.
    fn failed(&mut self, call: &Call) -> Option<Broken> {
        for (_, key, element) in steps(&call.input).filter(|(name, ..)| *name == "append") {
            let Some(list) = self.keys.of(key) else {
                continue;
            };
            let left = list.appended.get_mut(element).map_or(0, |append| {
                append.times = append.times.saturating_sub(1);
                append.times
            });
            if left == 0 {
                list.appended.remove(element);
                if list.place.contains_key(element) {
                    return Some(Broken {
                        sentence: format!(
                            "{element} was read from list {key}, but its append surely failed"
                        ),
                        key: key.clone(),
                    });
                }
            }
        }
        None
    }

    /// What a transaction saw.
    fn happened(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        // Keys that it has read, or appended to: what it sees of them later is not what others left.
        let mut touched: FxHashMap<&Value, Own<'_>> = FxHashMap::default();
        let mut broken = None;
        if let Some(order) = &mut self.order {
            order.add(call.number);
        }
        for (name, key, argument) in steps(&ended.event.value) {
            let is_first = !touched.contains_key(key);
            let own = touched.entry(key).or_default();
            let Some(list) = self.keys.of(key) else {
                continue;
            };
            let mut edges = Vec::new();
            if name == "append" {
                own.appended.push(argument);
                if self.order.is_some() {
                    list.appended(call.number, argument, &mut edges);
                }
            } else if name == "r" {
                let read = argument.as_list().unwrap_or_default();
                let mut early = Vec::new();
                if let Some(wrong) = list.read(read, &mut early, &mut edges) {
                    return Some(Broken {
                        sentence: format!("reads of list {key} do not fit together: {wrong}"),
                        key: key.clone(),
                    });
                }
                if !is_first && !own.is_shown(read) && list.are_unique(&own.appended) {
                    return Some(Broken {
                        sentence: format!(
                            "a transaction of process {} does not see of list {key} what it saw and appended itself",
                            call.process
                        ),
                        key: key.clone(),
                    });
                }
                *own = Own {
                    seen: Some(read),
                    appended: Vec::new(),
                };
                let time = ended.event.time;
                let early = early.into_iter();
                self.early
                    .extend(early.map(|element| (time, key.clone(), element)));
                if is_first && self.order.is_some() {
                    list.seen(call.number, read.len(), &mut edges);
                }
            }
            let Some(order) = &mut self.order else {
                continue;
            };
            list.give_up(order);
            for (before, after) in edges {
                if before == after && before != NONE {
                    order.add(before);
                } else if let Some(cycle) = order.connect(before, after) {
                    broken = broken.or_else(|| Some(tell(&cycle, key)));
                }
            }
        }
        broken
    }
}

/// What a transaction saw of a key, and appended to it since.
#[derive(Default)]
struct Own<'a> {
    seen: Option<&'a [Value]>,
    appended: Vec<&'a Value>,
}

impl Own<'_> {
    /// Whether a read shows what the transaction must see of itself.
    fn is_shown(&self, read: &[Value]) -> bool {
        let Some(others) = read.len().checked_sub(self.appended.len()) else {
            return false;
        };
        let (others, own) = read.split_at(others);
        own.iter().eq(self.appended.iter().copied())
            && match self.seen {
                Some(seen) => others == seen,
                None => !others
                    .iter()
                    .any(|element| self.appended.contains(&element)),
            }
    }
}

/// Says what a cycle is.
fn tell(cycle: &[u64], key: &Value) -> Broken {
    let names: Vec<String> = cycle.iter().map(|number| format!("#{number}")).collect();
    Broken {
        sentence: format!(
            "of the transactions {}, each must come before the next one, and the last before the first",
            names.join(", ")
        ),
        key: key.clone(),
    }
}

impl Judge for Lists {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        if call.f != F::Txn {
            return None;
        }
        for (_, key, element) in steps(&call.input).filter(|(name, ..)| *name == "append") {
            self.early
                .retain(|(_, early_key, early)| early_key != key || early != element);
            let Some(list) = self.keys.of(key) else {
                continue;
            };
            let new = Append {
                times: 0,
                by: call.number,
            };
            let append = list.appended.entry(element.clone()).or_insert(new);
            append.times += 1;
            if append.times > 1 {
                // Whose element it is that others read is not known.
                self.order = None;
            }
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        if call.f != F::Txn {
            None
        } else if ended.is_fail() {
            self.failed(call)
        } else if ended.is_ok() {
            self.happened(call, ended)
        } else {
            None
        }
    }

    fn at(&mut self, now: Time) -> Option<Broken> {
        let place = self.early.iter().position(|(time, ..)| *time < now)?;
        let (_, key, element) = self.early.swap_remove(place);
        Some(Broken {
            sentence: format!("{element} was read from list {key}, and nobody had appended it"),
            key,
        })
    }

    fn remembered(&self) -> usize {
        let lists = self.keys.values();
        let lists: usize = lists
            .map(|it| 1 + it.longest.len() + it.appended.len() + it.readers.len() + it.unread.len())
            .sum();
        let order = self.order.as_ref().map_or(0, Order::remembered);
        lists + self.keys.forgotten() + order
    }
}
