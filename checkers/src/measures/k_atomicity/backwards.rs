//! Whether k is 2: the order of the writes is built from its end, and what was tried in vain is undone.

use crate::measures::clusters::{Cluster, Key};
use crate::sessions::program::NONE;

/// Builds an order in which every read returns one of the newest two values, from its end.
pub(super) struct Backwards<'k> {
    key: &'k Key,
    /// Reads of each cluster: `reads_of[first[c]..first[c + 1]]`, as places in `reads`.
    first: Vec<u32>,
    reads_of: Vec<u32>,
    /// Reads by when they were sent; writes by that, and by their ends.
    reads: Chain,
    begins: Chain,
    ends: Chain,
    sent: Vec<u64>,
    cluster_of: Vec<u32>,
    /// The cluster at each place of `begins` and `ends`, and the places of each cluster.
    begin_at: Vec<u32>,
    end_at: Vec<u32>,
    begin_place: Vec<u32>,
    end_place: Vec<u32>,
    removed_reads: Vec<u32>,
    removed_writes: Vec<u32>,
}

/// Places from which some are taken out, and put back in the reverse order.
pub(super) struct Chain {
    next: Vec<u32>,
    back: Vec<u32>,
    gone: Vec<bool>,
}

impl Chain {
    /// Place 0 stands for both ends.
    fn of(size: usize) -> Self {
        let around = size as u32 + 1;
        Self {
            next: (1..=around).map(|it| it % around).collect(),
            back: (0..around).map(|it| (it + around - 1) % around).collect(),
            gone: vec![false; around as usize],
        }
    }

    fn last(&self) -> u32 {
        self.back[0]
    }

    fn take(&mut self, place: u32) {
        let (next, back) = (self.next[place as usize], self.back[place as usize]);
        self.next[back as usize] = next;
        self.back[next as usize] = back;
        self.gone[place as usize] = true;
    }

    fn put_back(&mut self, place: u32) {
        let (next, back) = (self.next[place as usize], self.back[place as usize]);
        self.next[back as usize] = place;
        self.back[next as usize] = place;
        self.gone[place as usize] = false;
    }
}

impl<'k> Backwards<'k> {
    pub(super) fn new(key: &'k Key) -> Self {
        let size = key.clusters.len();
        let mut reads = key.reads.clone();
        reads.sort_by_key(|read| read.begin);
        let mut first = vec![0_u32; size + 1];
        for read in &reads {
            first[read.cluster as usize + 1] += 1;
        }
        for at in 0..size {
            first[at + 1] += first[at];
        }
        let mut next = first.clone();
        let mut reads_of = vec![0; reads.len()];
        for (at, read) in reads.iter().enumerate() {
            let slot = &mut next[read.cluster as usize];
            reads_of[*slot as usize] = at as u32 + 1;
            *slot += 1;
        }
        let sorted = |by: &dyn Fn(&Cluster) -> u64| {
            let mut at: Vec<u32> = (0..size as u32).collect();
            at.sort_by_key(|&it| by(&key.clusters[it as usize]));
            let mut place = vec![0; size];
            for (i, &it) in at.iter().enumerate() {
                place[it as usize] = i as u32 + 1;
            }
            at.insert(0, NONE);
            (at, place)
        };
        let (begin_at, begin_place) = sorted(&|it| it.begin);
        let (end_at, end_place) = sorted(&|it| it.end);
        Self {
            key,
            first,
            reads_of,
            reads: Chain::of(reads.len()),
            begins: Chain::of(size),
            ends: Chain::of(size),
            sent: std::iter::once(0)
                .chain(reads.iter().map(|it| it.begin))
                .collect(),
            cluster_of: std::iter::once(NONE)
                .chain(reads.iter().map(|it| it.cluster))
                .collect(),
            begin_at,
            end_at,
            begin_place,
            end_place,
            removed_reads: Vec::new(),
            removed_writes: Vec::new(),
        }
    }

    /// Whether there is such an order; `None` when the steps are spent.
    pub(super) fn judge(mut self, steps: &mut u64) -> Option<bool> {
        while self.begins.last() != 0 {
            // Nothing is forced: try each write that may stand last.
            let newest =
                self.key.clusters[self.begin_at[self.begins.last() as usize] as usize].begin;
            let mut at = self.ends.last();
            let mut candidates = Vec::new();
            while at != 0 && self.key.clusters[self.end_at[at as usize] as usize].end >= newest {
                candidates.push(self.end_at[at as usize]);
                at = self.ends.back[at as usize];
            }
            let mut found = false;
            for candidate in candidates {
                let (reads, writes) = (self.removed_reads.len(), self.removed_writes.len());
                if self.stretch(candidate, steps)? {
                    found = true;
                    break;
                }
                self.undo(reads, writes);
            }
            if !found {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Puts a write last, and what that forces before it, until nothing is forced.
    fn stretch(&mut self, candidate: u32, steps: &mut u64) -> Option<bool> {
        let mut last = Some(candidate);
        while let Some(write) = last {
            let end = self.key.clusters[write as usize].end;
            let newest = self.begin_at[self.begins.last() as usize];
            if self.key.clusters[newest as usize].begin > end {
                return Some(false);
            }
            // Reads that were sent after it must return it, or the value before it.
            let mut before = None;
            let mut at = self.reads.last();
            while at != 0 && self.sent[at as usize] > end {
                *steps = steps.checked_sub(1)?;
                let cluster = self.cluster_of[at as usize];
                if cluster != write {
                    if before.is_some_and(|before| before != cluster) {
                        return Some(false);
                    }
                    before = Some(cluster);
                }
                self.take_read(at);
                at = self.reads.last();
            }
            for i in self.first[write as usize]..self.first[write as usize + 1] {
                let read = self.reads_of[i as usize];
                if !self.reads.gone[read as usize] {
                    *steps = steps.checked_sub(1)?;
                    self.take_read(read);
                }
            }
            *steps = steps.checked_sub(1)?;
            self.begins.take(self.begin_place[write as usize]);
            self.ends.take(self.end_place[write as usize]);
            self.removed_writes.push(write);
            last = before;
        }
        Some(true)
    }

    fn take_read(&mut self, place: u32) {
        self.reads.take(place);
        self.removed_reads.push(place);
    }

    fn undo(&mut self, reads: usize, writes: usize) {
        while self.removed_reads.len() > reads {
            if let Some(place) = self.removed_reads.pop() {
                self.reads.put_back(place);
            }
        }
        while self.removed_writes.len() > writes {
            if let Some(write) = self.removed_writes.pop() {
                self.ends.put_back(self.end_place[write as usize]);
                self.begins.put_back(self.begin_place[write as usize]);
            }
        }
    }
}
