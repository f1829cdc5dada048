//! Another second opinion: a few transactions on keys whose versions the database told, from the values as they stand in
//! the history.
//!
//! [`Told::refute`] reads each dependency of a cycle again. [`Told::search`] tries every serial order of the transactions:
//! of any serial order of a whole history, these few are a part in which the versions of each key that they wrote keep
//! their order, and in which each finds, of those versions, the last one at or before the version that it read. Neither
//! shares anything with the judges of transactions but the history, and what predicates mean.
//!
//! The search is one over subsets: which version a key holds follows from who came before. O(2^n n) for n transactions,
//! bounded by a number of steps.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use schism_history::{F, History, OpId, Outcome, Value};

use crate::predicate::Predicate;
use crate::proof::conclusion::SecondOpinion;
use crate::proof::serial_orders::Respect;
use crate::verdict::{Dependency, DependencyKind};

/// A version of a key.
#[derive(Clone, Copy, Debug)]
struct Version<'h> {
    number: Option<i64>,
    value: &'h Value,
    writer: OpId,
}

/// A step as it stands in the history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'h> {
    /// Its name.
    pub(crate) name: &'h str,
    /// The key, or the predicate.
    pub(crate) key: &'h Value,
    /// What was read or written.
    pub(crate) argument: &'h Value,
    /// The version that it names.
    pub(crate) number: Option<i64>,
}

/// All versions of all keys, in their order.
#[derive(Debug)]
pub(crate) struct Told<'h> {
    history: &'h History,
    /// The versions of each key; what it holds before anybody wrote it is none of them.
    versions: BTreeMap<&'h Value, Vec<Version<'h>>>,
    /// What reads by predicates of unknown meaning returned.
    returned: BTreeSet<(&'h Value, &'h Value, &'h Value)>,
}

/// The steps of a transaction, and whether what it read is told.
pub(crate) fn steps(history: &History, id: OpId) -> (Vec<Raw<'_>>, bool) {
    let op = history.operation(id);
    let told = op.outcome == Outcome::Ok && op.output().as_list().is_some();
    let steps = if told { op.output() } else { op.input() };
    let steps = steps
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|step| {
            let [name, key, argument, rest @ ..] = step.as_list()? else {
                return None;
            };
            Some(Raw {
                name: name.as_text()?,
                key,
                argument,
                number: rest.first().and_then(Value::as_int),
            })
        });
    (steps.collect(), told)
}

impl<'h> Told<'h> {
    /// Reads the whole history. O(steps log steps).
    pub(crate) fn of(history: &'h History) -> Self {
        let mut told: BTreeMap<(&Value, &Value), i64> = BTreeMap::new();
        let mut seen: BTreeSet<(&Value, &Value)> = BTreeSet::new();
        let mut returned = BTreeSet::new();
        let transactions = || history.operations().filter(|op| *op.f() == F::Txn);
        for op in transactions().filter(|op| op.outcome == Outcome::Ok) {
            let (steps, is_told) = steps(history, op.id);
            for step in steps.iter().filter(|_| is_told) {
                if step.name == "r" {
                    seen.insert((step.key, step.argument));
                    if let Some(number) = step.number {
                        told.entry((step.key, step.argument)).or_insert(number);
                    }
                } else if step.name == "p" {
                    for pair in step.argument.as_list().unwrap_or_default() {
                        if let Some((key, value)) = pair.as_pair() {
                            seen.insert((key, value));
                            returned.insert((step.key, key, value));
                        }
                    }
                }
            }
        }
        let mut versions: BTreeMap<&Value, Vec<Version<'_>>> = BTreeMap::new();
        for op in transactions().filter(|op| op.outcome != Outcome::Fail) {
            let (steps, _) = steps(history, op.id);
            for (i, step) in steps
                .iter()
                .enumerate()
                .filter(|(_, step)| step.name == "w")
            {
                let is_last = |later: &Raw<'_>| later.name != "w" || later.key != step.key;
                if !steps[i + 1..].iter().all(is_last) {
                    continue;
                }
                let this = (step.key, step.argument);
                if op.outcome == Outcome::Ok || seen.contains(&this) {
                    let number = step.number.or_else(|| op.revision());
                    versions.entry(step.key).or_default().push(Version {
                        number: number.or_else(|| told.get(&this).copied()),
                        value: step.argument,
                        writer: op.id,
                    });
                }
            }
        }
        for of_key in versions.values_mut() {
            of_key.sort_by_key(|version| (version.number, version.writer));
        }
        Self {
            history,
            versions,
            returned,
        }
    }

    fn of_key(&self, key: &Value) -> &[Version<'h>] {
        self.versions.get(key).map_or(&[], Vec::as_slice)
    }

    /// The place of what a transaction wrote to a key, from 1; 0 is what it holds before anybody wrote it.
    fn wrote(&self, id: OpId, key: &Value) -> Option<usize> {
        let of_key = self.of_key(key);
        let place = of_key.iter().position(|version| version.writer == id)?;
        (of_key[place].number.is_some() || of_key.len() == 1).then_some(place + 1)
    }

    /// The place of a version that was read, if it is known.
    fn place(&self, id: OpId, step: &Raw<'_>) -> Option<usize> {
        let of_key = self.of_key(step.key);
        let is_it = |version: &Version<'_>| {
            version.value == step.argument
                && version.writer != id
                && step
                    .number
                    .is_none_or(|number| version.number == Some(number))
        };
        let mut places = (0..of_key.len()).filter(|&place| is_it(&of_key[place]));
        match (places.next(), places.next()) {
            (Some(place), None) => {
                (of_key[place].number.is_some() || of_key.len() == 1).then_some(place + 1)
            }
            (None, _) if step.argument.is_nil() => Some(0),
            _ => {
                // The revision of a transaction that wrote nothing says which state it read.
                let (steps, _) = steps(self.history, id);
                let revision = self.history.operation(id).revision()?;
                let place = of_key.partition_point(|version| version.number <= Some(revision));
                let value = place
                    .checked_sub(1)
                    .map_or(&Value::Nil, |p| of_key[p].value);
                let is_known = !steps.iter().any(|step| step.name == "w") && value == step.argument;
                is_known.then_some(place)
            }
        }
    }

    /// Of which keys a transaction read which place, before it wrote them; pairs that a predicate returned included.
    fn reads(&self, id: OpId) -> Vec<(&'h Value, usize)> {
        let (steps, told) = steps(self.history, id);
        let mut own: Vec<&Value> = Vec::new();
        let mut reads = Vec::new();
        for step in steps.iter().filter(|_| told) {
            match step.name {
                "w" => own.push(step.key),
                "r" if !own.contains(&step.key) => {
                    reads.extend(self.place(id, step).map(|place| (step.key, place)));
                }
                "p" => {
                    for pair in step.argument.as_list().unwrap_or_default() {
                        let Some((key, argument)) = pair.as_pair() else {
                            continue;
                        };
                        let read = Raw {
                            name: "r",
                            key,
                            argument,
                            number: None,
                        };
                        if !own.contains(&key) {
                            reads.extend(self.place(id, &read).map(|place| (key, place)));
                        }
                    }
                }
                _ => {}
            }
        }
        reads
    }

    /// Whether a version surely matches a predicate.
    fn matches(&self, predicate: &'h Value, key: &'h Value, value: &'h Value) -> bool {
        match Predicate::read(predicate) {
            Some(known) => known.matches(key, value),
            None => self.returned.contains(&(predicate, key, value)),
        }
    }

    /// For each read by predicate that did not return a key: at which places the key may have been then.
    fn missed(&self, id: OpId, key: &'h Value) -> Vec<Vec<usize>> {
        let (steps, told) = steps(self.history, id);
        let of_key = self.of_key(key);
        let mut found = Vec::new();
        for (i, step) in steps.iter().enumerate().filter(|_| told) {
            let wrote = |step: &Raw<'_>| step.name == "w" && step.key == key;
            if step.name != "p" || steps[..i].iter().any(wrote) {
                continue;
            }
            let pairs = step.argument.as_list().unwrap_or_default();
            if pairs
                .iter()
                .any(|pair| pair.as_pair().is_some_and(|(k, _)| k == key))
            {
                continue;
            }
            let numbered = of_key.iter().all(|version| version.number.is_some());
            // What it wrote itself, it wrote later.
            let own = |place: usize| place > 0 && of_key[place - 1].writer == id;
            let places = (0..=of_key.len()).filter(|&place| {
                let value = place
                    .checked_sub(1)
                    .map_or(&Value::Nil, |p| of_key[p].value);
                !own(place) && !self.matches(step.key, key, value)
            });
            let mut places: Vec<usize> = places.collect();
            if let Some(revision) = step.number.filter(|_| numbered) {
                let past = |&place: &usize| {
                    !own(place) && (place == 0 || of_key[place - 1].number <= Some(revision))
                };
                let at = (0..=of_key.len()).rev().find(past);
                places.retain(|&place| Some(place) == at);
            }
            found.push(places);
        }
        found
    }

    /// The first dependency that the history does not show.
    pub(crate) fn refute(&self, cycle: &[Dependency]) -> Option<String> {
        let wrong = cycle.iter().find(|dependency| !self.shows(dependency))?;
        Some(format!(
            "reading it again does not show that {} comes before {}",
            wrong.from, wrong.to
        ))
    }

    fn shows(&self, dependency: &Dependency) -> bool {
        let (from, to) = (dependency.from, dependency.to);
        let (before, after) = (self.history.operation(from), self.history.operation(to));
        let Some((key, _)) = self.versions.get_key_value(&dependency.key) else {
            return match dependency.kind {
                DependencyKind::Process => before.process == after.process && from < to,
                DependencyKind::RealTime => {
                    before.outcome == Outcome::Ok && before.end() < after.invoked
                }
                _ => false,
            };
        };
        let read = |id: OpId| {
            let reads = self.reads(id).into_iter();
            reads
                .filter(move |(other, _)| other == key)
                .map(|(_, place)| place)
        };
        let (wrote, overwrote) = (self.wrote(from, key), self.wrote(to, key));
        match dependency.kind {
            DependencyKind::WriteWrite => wrote.is_some() && wrote < overwrote,
            DependencyKind::WriteRead => {
                let plain = self.of_key(key).iter().any(|version| {
                    version.writer == from && self.read_value(to, key, version.value)
                });
                let after_all = |places: &Vec<usize>| {
                    !places.is_empty() && places.iter().all(|&place| Some(place) >= wrote)
                };
                plain || wrote.is_some() && self.missed(to, key).iter().any(after_all)
            }
            DependencyKind::ReadWrite => {
                let before_all = |places: &Vec<usize>| {
                    !places.is_empty() && places.iter().all(|&place| Some(place) < overwrote)
                };
                read(from).any(|place| Some(place) < overwrote)
                    || self.missed(from, key).iter().any(before_all)
            }
            _ => false,
        }
    }

    /// The number of what a transaction wrote to a key, if it was told; and the value.
    pub(crate) fn version_of(&self, id: OpId, key: &Value) -> Option<(Option<i64>, &'h Value)> {
        let version = self
            .of_key(key)
            .iter()
            .find(|version| version.writer == id)?;
        Some((version.number, version.value))
    }

    /// Whether a transaction wrote a version of the key that is older than one that it had read.
    pub(crate) fn is_backwards(&self, id: OpId, key: &Value) -> bool {
        let own = self.wrote(id, key);
        let reads = self.reads(id);
        own.is_some()
            && reads
                .iter()
                .any(|&(other, place)| other == key && Some(place) > own)
    }

    /// Whether a read by predicate at a revision did not return a key that matched then.
    pub(crate) fn is_overlooked(&self, id: OpId, key: &Value) -> bool {
        let Some((key, _)) = self.versions.get_key_value(key) else {
            return false;
        };
        self.missed(id, key).iter().any(Vec::is_empty)
    }

    /// Whether a transaction read this value of the key, or a predicate returned it to it.
    pub(crate) fn read_value(&self, id: OpId, key: &Value, value: &Value) -> bool {
        let (steps, told) = steps(self.history, id);
        told && steps.iter().any(|step| match step.name {
            "r" => step.key == key && step.argument == value,
            "p" => {
                let pairs = step.argument.as_list().unwrap_or_default();
                pairs
                    .iter()
                    .any(|pair| pair.as_pair() == Some((key, value)))
            }
            _ => false,
        })
    }

    /// Whether some serial order of these transactions, all of which surely happened, explains what they read.
    pub(crate) fn search(&self, ids: &[OpId], respect: Respect, steps: u64) -> SecondOpinion {
        if ids.len() > 64 {
            return SecondOpinion::Unfinished;
        }
        let rules = self.rules(ids, respect);
        let all = if ids.len() == 64 {
            u64::MAX
        } else {
            (1 << ids.len()) - 1
        };
        let mut tried = FxHashSet::default();
        let mut open = vec![(0_u64, Vec::new())];
        let mut left = steps;
        while let Some((placed, order)) = open.pop() {
            if placed == all {
                let order: Vec<String> =
                    order.iter().map(|&i: &usize| ids[i].to_string()).collect();
                return SecondOpinion::Disagrees(format!(
                    "the search over all orders found the order {}",
                    order.join(" ")
                ));
            }
            for (i, rule) in rules
                .iter()
                .enumerate()
                .filter(|(i, _)| placed >> i & 1 == 0)
            {
                if left == 0 {
                    return SecondOpinion::Unfinished;
                }
                left -= 1;
                if rule.allows(placed) && tried.insert(placed | 1 << i) {
                    let mut order = order.clone();
                    order.push(i);
                    open.push((placed | 1 << i, order));
                }
            }
        }
        SecondOpinion::Agrees
    }

    fn rules(&self, ids: &[OpId], respect: Respect) -> Vec<Rule> {
        // Of each key that some of them wrote: who, in the order of its versions.
        let mut writers: BTreeMap<&'h Value, Vec<(usize, usize)>> = BTreeMap::new();
        for (i, &id) in ids.iter().enumerate() {
            let (steps, _) = steps(self.history, id);
            let keys: BTreeSet<&Value> = (steps.iter())
                .filter(|step| step.name == "w")
                .map(|step| step.key)
                .collect();
            for key in keys {
                if let Some(place) = self.wrote(id, key) {
                    writers.entry(key).or_default().push((place, i));
                }
            }
        }
        let bits = |of: &mut dyn Iterator<Item = usize>| of.fold(0, |bits, i| bits | 1_u64 << i);
        ids.iter()
            .enumerate()
            .map(|(i, &id)| {
                let this = self.history.operation(id);
                let mut rule = Rule::default();
                for (j, &other) in ids.iter().enumerate() {
                    let that = self.history.operation(other);
                    let session = that.process == this.process && other < id;
                    let time = that.outcome == Outcome::Ok && that.end() < this.invoked;
                    let is_before = match respect {
                        Respect::Nothing => false,
                        Respect::Sessions => session,
                        Respect::RealTime => session || time,
                    };
                    rule.before |= u64::from(is_before) << j;
                }
                let reads = self.reads(id);
                for (key, of_key) in &writers {
                    let own = of_key
                        .iter()
                        .find(|&&(_, j)| j == i)
                        .map(|&(place, _)| place);
                    // The others of this key up to a place, and behind it.
                    let until = |last: usize| {
                        let others = || of_key.iter().filter(|&&(_, j)| j != i);
                        let first = bits(&mut others().filter(|v| v.0 <= last).map(|v| v.1));
                        let rest = bits(&mut others().filter(|v| v.0 > last).map(|v| v.1));
                        (first, rest)
                    };
                    if let Some(own) = own {
                        rule.states.push(vec![until(own)]);
                    }
                    for &(_, place) in reads.iter().filter(|(other, _)| other == key) {
                        rule.states.push(vec![until(place)]);
                    }
                    for places in self.missed(id, key) {
                        let open = self.may_be_unseen(key);
                        if !open {
                            rule.states.push(places.into_iter().map(until).collect());
                        }
                    }
                }
                // Of a version whose place is not known, only who wrote it.
                for (j, &other) in ids.iter().enumerate().filter(|&(j, _)| j != i) {
                    if self.read_unplaced(id, other) {
                        rule.before |= 1 << j;
                    }
                }
                rule
            })
            .collect()
    }

    /// Whether a transaction read what another one wrote, whose place in the order of its key is not known.
    fn read_unplaced(&self, reader: OpId, writer: OpId) -> bool {
        let (steps, _) = steps(self.history, writer);
        steps.iter().filter(|step| step.name == "w").any(|step| {
            let of_key = self.of_key(step.key);
            let same = of_key
                .iter()
                .filter(|version| version.value == step.argument);
            self.wrote(writer, step.key).is_none()
                && same.map(|version| version.writer).eq([writer])
                && self.read_value(reader, step.key, step.argument)
        })
    }

    /// Whether somebody of unknown outcome, whom nobody read from, wrote the key.
    fn may_be_unseen(&self, key: &Value) -> bool {
        self.history.operations().any(|op| {
            *op.f() == F::Txn
                && op.outcome == Outcome::Info
                && steps(self.history, op.id)
                    .0
                    .iter()
                    .any(|step| step.name == "w" && step.key == key)
                && !self
                    .of_key(key)
                    .iter()
                    .any(|version| version.writer == op.id)
        })
    }
}

/// When a transaction may come next.
#[derive(Default)]
struct Rule {
    /// Those that must have come.
    before: u64,
    /// For each read, and for what it wrote: one of these must be so, that the first have come and the second have not.
    states: Vec<Vec<(u64, u64)>>,
}

impl Rule {
    fn allows(&self, placed: u64) -> bool {
        let holds = |&(first, rest): &(u64, u64)| placed & first == first && placed & rest == 0;
        placed & self.before == self.before && self.states.iter().all(|any| any.iter().any(holds))
    }
}
