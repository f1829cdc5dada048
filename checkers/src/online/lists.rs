//! Lists that only grow, event by event: each read is a beginning of the longest one so far, or that of it; it holds no
//! element twice, none whose append surely failed, and none that nobody appended.
//!
//! It remembers the longest read of each list and the appends that were not read yet. What a transaction sees of itself,
//! and reads of elements before their append was sent, are left to the checker `list-order`.

use rustc_hash::{FxHashMap, FxHashSet};
use schism_history::{F, Time, Value};

use super::calls::{Call, Ended};
use super::{Broken, Judge};

/// All lists.
#[derive(Default)]
pub(super) struct Lists {
    keys: FxHashMap<Value, List>,
    /// Elements that were read and that nobody had appended: somebody may send that at the same moment.
    early: Vec<(Time, Value, Value)>,
}

#[derive(Default)]
struct List {
    longest: Vec<Value>,
    /// Where each element of it stands.
    place: FxHashMap<Value, u32>,
    /// Elements that somebody appends, by how many.
    appended: FxHashMap<Value, u32>,
}

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
    fn read(&mut self, read: &[Value], early: &mut Vec<Value>) -> Option<String> {
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
            if twice && known.is_none_or(|times| times < 2) {
                return Some(format!("a read holds {element} twice"));
            }
            if known.is_none() {
                early.push(element.clone());
            }
        }
        for element in &read[both..] {
            self.place
                .insert(element.clone(), self.longest.len() as u32);
            self.longest.push(element.clone());
        }
        None
    }
}

impl Judge for Lists {
    fn sent(&mut self, call: &Call) -> Option<Broken> {
        if call.f == F::Txn {
            for (name, key, element) in steps(&call.input) {
                if name == "append" {
                    let list = self.keys.entry(key.clone()).or_default();
                    *list.appended.entry(element.clone()).or_insert(0) += 1;
                    self.early
                        .retain(|(_, early_key, early)| early_key != key || early != element);
                }
            }
        }
        None
    }

    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken> {
        if call.f != F::Txn {
            return None;
        }
        if ended.is_fail() {
            for (name, key, element) in steps(&call.input) {
                let Some(list) = self.keys.get_mut(key).filter(|_| name == "append") else {
                    continue;
                };
                let left = list.appended.get_mut(element).map_or(0, |times| {
                    *times = times.saturating_sub(1);
                    *times
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
            return None;
        }
        if !ended.is_ok() {
            return None;
        }
        for (name, key, argument) in steps(&ended.event.value) {
            if name != "r" {
                continue;
            }
            let list = self.keys.entry(key.clone()).or_default();
            let mut early = Vec::new();
            if let Some(wrong) = list.read(argument.as_list().unwrap_or_default(), &mut early) {
                return Some(Broken {
                    sentence: format!("reads of list {key} do not fit together: {wrong}"),
                    key: key.clone(),
                });
            }
            let time = ended.event.time;
            self.early.extend(
                early
                    .into_iter()
                    .map(|element| (time, key.clone(), element)),
            );
        }
        None
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
        lists
            .map(|it| 1 + it.longest.len() + it.appended.len())
            .sum()
    }
}
