//! Who is there, and who is free.

use std::ops::{BitAnd, BitOr, Not};

use schism_history::Process;

/// Words of a [`WorkerSet`].
const WORDS: usize = 16;

/// A set of workers, by number. Copied freely: it is a bit for each of at most [`Workers::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerSet([u64; WORDS]);

impl WorkerSet {
    /// The workers from `from` up to and without `to`.
    pub fn range(from: usize, to: usize) -> Self {
        (from..to).collect()
    }

    /// Whether the worker is in the set.
    pub fn contains(&self, worker: usize) -> bool {
        self.0[worker / 64] >> (worker % 64) & 1 == 1
    }

    /// Puts a worker into the set.
    pub fn insert(&mut self, worker: usize) {
        self.0[worker / 64] |= 1 << (worker % 64);
    }

    /// Takes a worker out of the set.
    pub fn remove(&mut self, worker: usize) {
        self.0[worker / 64] &= !(1 << (worker % 64));
    }

    /// Whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// How many are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The first worker whose number is at least `from`, else the first of all; `None` when nobody is in the set.
    pub fn next_from(&self, from: usize) -> Option<usize> {
        self.at_or_after(from).or_else(|| self.at_or_after(0))
    }

    fn at_or_after(&self, from: usize) -> Option<usize> {
        let first = from / 64;
        if first >= WORDS {
            return None;
        }
        let head = self.0[first] & (u64::MAX << (from % 64));
        if head != 0 {
            return Some(first * 64 + head.trailing_zeros() as usize);
        }
        let word = (first + 1..WORDS).find(|&word| self.0[word] != 0)?;
        Some(word * 64 + self.0[word].trailing_zeros() as usize)
    }

    /// The workers in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let mut next = self.at_or_after(0);
        std::iter::from_fn(move || {
            let worker = next?;
            next = self.at_or_after(worker + 1);
            Some(worker)
        })
    }
}

impl FromIterator<usize> for WorkerSet {
    fn from_iter<I: IntoIterator<Item = usize>>(workers: I) -> Self {
        let mut set = Self::default();
        workers.into_iter().for_each(|worker| set.insert(worker));
        set
    }
}

impl BitAnd for WorkerSet {
    type Output = Self;

    fn bitand(self, rhs: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & rhs.0[word]))
    }
}

impl BitOr for WorkerSet {
    type Output = Self;

    fn bitor(self, rhs: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | rhs.0[word]))
    }
}

impl Not for WorkerSet {
    type Output = Self;

    fn not(self) -> Self {
        Self(std::array::from_fn(|word| !self.0[word]))
    }
}

/// The workers of a run: which process each of them is at the moment, and which are free.
#[derive(Clone, Debug)]
pub struct Workers {
    processes: Vec<Process>,
    free: WorkerSet,
}

impl Workers {
    /// The most workers a run can have.
    pub const MAX: usize = WORDS * 64;

    /// `count` free workers; worker 3 begins as process 3.
    ///
    /// # Panics
    /// When `count` is more than [`Workers::MAX`]; a plan is checked for that.
    pub fn new(count: usize) -> Self {
        assert!(count <= Self::MAX, "at most {} workers", Self::MAX);
        Self {
            processes: (0..count as u32).map(Process::client).collect(),
            free: WorkerSet::range(0, count),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.processes.len()
    }

    /// All of them.
    pub fn all(&self) -> WorkerSet {
        WorkerSet::range(0, self.count())
    }

    /// Those that could invoke something now.
    pub fn free(&self) -> WorkerSet {
        self.free
    }

    /// The process that a worker is at the moment.
    pub fn process(&self, worker: usize) -> Process {
        self.processes[worker]
    }

    /// The worker begins an operation.
    pub fn begin(&mut self, worker: usize) {
        self.free.remove(worker);
    }

    /// The worker's operation ended, and it may begin another.
    pub fn end(&mut self, worker: usize) {
        self.free.insert(worker);
    }

    /// The worker's operation ended as unknown: it goes on as another process, its number plus the count of workers.
    /// `false` when process numbers are used up; the worker then stays what it was and must rest for ever.
    pub fn replace_process(&mut self, worker: usize) -> bool {
        let next = self.processes[worker]
            .number()
            .and_then(|number| number.checked_add(self.processes.len() as u32))
            .filter(|&number| number != u32::MAX);
        match next {
            Some(number) => {
                self.processes[worker] = Process::client(number);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_know_their_members() {
        let set: WorkerSet = [3, 64, 1023].into_iter().collect();
        assert!(set.contains(64) && !set.contains(65));
        assert_eq!(set.len(), 3);
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 64, 1023]);
        assert_eq!(set.next_from(4), Some(64));
        assert_eq!(set.next_from(65), Some(1023));
        assert_eq!(set.next_from(1024), Some(3));
        assert_eq!(WorkerSet::default().next_from(0), None);
        assert_eq!((set & !set).len(), 0);
    }

    #[test]
    fn after_an_unknown_operation_a_worker_is_another_process() {
        let mut workers = Workers::new(5);
        workers.begin(3);
        assert!(!workers.free().contains(3));
        assert!(workers.replace_process(3));
        workers.end(3);
        assert_eq!(workers.process(3), Process::client(8));
        assert!(workers.free().contains(3));
    }
}
