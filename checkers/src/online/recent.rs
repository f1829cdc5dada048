//! Objects of which only those in use are kept: lists that nobody has touched for long are forgotten, and that they were
//! is remembered.

use rustc_hash::FxHashMap;
use schism_history::Value;

use super::ranges::Ranges;

/// Keys that are remembered where nobody says otherwise: so many, to twice as many.
const KEYS: usize = 100_000;
/// Runs of forgotten keys that are remembered.
const FORGOTTEN: usize = 50_000;

/// What belongs to each key, of those that are in use.
pub(super) struct Recent<T> {
    /// Keys that were used lately, and those that were not used since there were `most` of the former.
    young: FxHashMap<Value, T>,
    old: FxHashMap<Value, T>,
    most: usize,
    /// Keys that were forgotten.
    forgotten: Ranges,
    /// How many of those runs are remembered; with more, keys that are new and keys that were forgotten cannot be told
    /// apart any more.
    most_forgotten: usize,
    closed: bool,
}

impl<T: Default> Default for Recent<T> {
    fn default() -> Self {
        Self::of_most(KEYS)
    }
}

impl<T: Default> Recent<T> {
    /// No keys yet; between `most` and twice as many are kept.
    pub(super) fn of_most(most: usize) -> Self {
        Self {
            young: FxHashMap::default(),
            old: FxHashMap::default(),
            most,
            forgotten: Ranges::default(),
            most_forgotten: FORGOTTEN,
            closed: false,
        }
    }

    /// What belongs to a key; made if it is new, `None` if it was forgotten, or may have been. Amortised O(log n).
    pub(super) fn of(&mut self, key: &Value) -> Option<&mut T> {
        if !self.young.contains_key(key) {
            let this = match self.old.remove(key) {
                Some(this) => this,
                None if self.closed || self.forgotten.contains(key) => return None,
                None => T::default(),
            };
            if self.young.len() >= self.most {
                let young = std::mem::take(&mut self.young);
                let old = std::mem::replace(&mut self.old, young);
                for key in old.into_keys() {
                    self.forgotten.insert(&key);
                }
                self.close();
            }
            self.young.insert(key.clone(), this);
        }
        self.young.get_mut(key)
    }

    /// Forgets a key for ever. Amortised O(log n).
    pub(super) fn give_up(&mut self, key: &Value) {
        self.young.remove(key);
        self.old.remove(key);
        if !self.closed {
            self.forgotten.insert(key);
            self.close();
        }
    }

    /// With too many forgotten keys, new ones cannot be told from them any more.
    fn close(&mut self) {
        if self.forgotten.remembered() > self.most_forgotten {
            self.forgotten = Ranges::default();
            self.closed = true;
        }
    }

    /// What is kept, in any order.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.young.values().chain(self.old.values())
    }

    /// How many runs of forgotten keys are remembered.
    pub(super) fn forgotten(&self) -> usize {
        self.forgotten.remembered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_not_used_are_forgotten() {
        let mut recent: Recent<i64> = Recent::of_most(10);
        recent.most_forgotten = 5;
        for i in 0..1_000_i64 {
            *recent.of(&Value::from(i)).unwrap() = i;
            *recent.of(&Value::from("used")).unwrap() += 1;
            assert!(recent.values().count() <= 20);
        }
        assert_eq!(recent.of(&"used".into()).copied(), Some(1_000));
        assert_eq!(recent.of(&999.into()).copied(), Some(999));
        assert_eq!(recent.of(&3.into()), None);
        assert_eq!(recent.of(&5_000.into()).copied(), Some(0));
        assert_eq!(recent.forgotten(), 1);
        recent.give_up(&999.into());
        assert_eq!(recent.of(&999.into()), None);
        // With too many that nobody can tell from new ones, no key is new.
        for i in 0..100 {
            recent.of(&Value::from(f64::from(i) + 0.5));
        }
        assert_eq!(recent.of(&6_000.into()), None);
        assert_eq!(recent.of(&"other".into()), None);
        assert!(recent.forgotten() <= 5);
    }
}
