//! The committed transactions of a history on registers, in columns: who read what from whom.

/// A read of the initial state, where no transaction had written.
pub(crate) const INITIAL: u32 = u32::MAX;

/// Committed transactions, numbered from 0 session by session, each session's in the order it sent them. Nothing of
/// values is left: a read names the write that it saw.
///
/// Internal reads (of what the transaction itself wrote before) are left out, and of several writes of a key by one
/// transaction only the last one is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    /// The session of each transaction; not decreasing.
    pub(crate) session: Vec<u32>,
    /// When each was invoked, in nanoseconds.
    pub(crate) invoked: Vec<u64>,
    /// When each had returned, in nanoseconds; `u64::MAX`: nobody knows.
    pub(crate) completed: Vec<u64>,
    read_start: Vec<u32>,
    /// The key of each read, in the order in which a transaction did them.
    pub(crate) read_key: Vec<u32>,
    /// The write that each read saw, by its slot; [`INITIAL`] for none.
    pub(crate) read_slot: Vec<u32>,
    write_start: Vec<u32>,
    /// The key of each write (a slot), rising within a transaction.
    pub(crate) write_key: Vec<u32>,
    /// The transaction of each write.
    pub(crate) writer: Vec<u32>,
    /// How many keys there are; their numbers are below it.
    pub(crate) keys: u32,
}

impl Committed {
    /// How many transactions there are.
    pub(crate) fn len(&self) -> usize {
        self.session.len()
    }

    /// The reads of a transaction, as places in the read columns.
    pub(crate) fn reads(&self, t: u32) -> std::ops::Range<usize> {
        self.read_start[t as usize] as usize..self.read_start[t as usize + 1] as usize
    }

    /// The writes of a transaction, as slots.
    pub(crate) fn writes(&self, t: u32) -> std::ops::Range<usize> {
        self.write_start[t as usize] as usize..self.write_start[t as usize + 1] as usize
    }

    /// The slot of a transaction's write of a key. O(log writes).
    pub(crate) fn slot(&self, t: u32, key: u32) -> Option<u32> {
        let writes = self.writes(t);
        let place = self.write_key[writes.clone()].binary_search(&key).ok()?;
        Some((writes.start + place) as u32)
    }

    /// Whether a transaction writes nothing.
    pub(crate) fn is_read_only(&self, t: u32) -> bool {
        self.writes(t).is_empty()
    }

    /// The transaction before it in its session.
    pub(crate) fn previous(&self, t: u32) -> Option<u32> {
        let before = t.checked_sub(1)?;
        (self.session[before as usize] == self.session[t as usize]).then_some(before)
    }

    /// The same transactions in other sessions, whose numbers do not decrease.
    pub(crate) fn with_sessions(&self, session: Vec<u32>) -> Self {
        Self {
            session,
            ..self.clone()
        }
    }

    /// The transactions that read each slot, once for each read: where each slot's begin (one more at the end), and
    /// they, rising.
    pub(crate) fn readers(&self) -> (Vec<u32>, Vec<u32>) {
        let mut start = vec![0_u32; self.write_key.len() + 1];
        for &slot in &self.read_slot {
            if slot != INITIAL {
                start[slot as usize + 1] += 1;
            }
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        let mut fill = start.clone();
        let mut readers = vec![0_u32; start[start.len() - 1] as usize];
        for t in 0..self.len() as u32 {
            for r in self.reads(t) {
                let slot = self.read_slot[r];
                if slot != INITIAL {
                    readers[fill[slot as usize] as usize] = t;
                    fill[slot as usize] += 1;
                }
            }
        }
        (start, readers)
    }

    /// Only these transactions, given in rising order: reads from others are left out, and keys that nobody uses any
    /// more. What no order explains of the rest, no order explains of the whole: every level asks less of fewer reads.
    pub(crate) fn only(&self, kept: &[u32]) -> Self {
        let mut number = vec![INITIAL; self.len()];
        for (i, &t) in kept.iter().enumerate() {
            number[t as usize] = i as u32;
        }
        let mut keys: Vec<u32> = Vec::new();
        for &t in kept {
            keys.extend(self.reads(t).map(|r| self.read_key[r]));
            keys.extend(self.writes(t).map(|w| self.write_key[w]));
        }
        keys.sort_unstable();
        keys.dedup();
        let dense = |key: u32| keys.binary_search(&key).map_or(INITIAL, |at| at as u32);
        let mut builder = Builder::default();
        for &t in kept {
            let i = t as usize;
            builder.begin(self.session[i], self.invoked[i], self.completed[i]);
            for r in self.reads(t) {
                let key = dense(self.read_key[r]);
                match self.read_slot[r] {
                    INITIAL => builder.read(key, None),
                    slot => {
                        let writer = number[self.writer[slot as usize] as usize];
                        if writer != INITIAL {
                            builder.read(key, Some(writer));
                        }
                    }
                }
            }
            for w in self.writes(t) {
                builder.write(dense(self.write_key[w]));
            }
        }
        builder.finish()
    }
}

/// Takes transactions session by session, each session's in the order it sent them.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    made: Committed,
    /// The transaction that each read saw; a slot once all are known.
    read_from: Vec<u32>,
}

impl Builder {
    /// The next transaction; `completed` is `u64::MAX` where nobody knows.
    pub(crate) fn begin(&mut self, session: u32, invoked: u64, completed: u64) {
        self.end();
        let made = &mut self.made;
        made.session.push(session);
        made.invoked.push(invoked);
        made.completed.push(completed);
        made.read_start.push(made.read_key.len() as u32);
        made.write_start.push(made.write_key.len() as u32);
    }

    /// It read what this transaction wrote (`None`: the initial state).
    pub(crate) fn read(&mut self, key: u32, from: Option<u32>) {
        self.made.keys = self.made.keys.max(key + 1);
        self.made.read_key.push(key);
        self.read_from.push(from.unwrap_or(INITIAL));
    }

    /// It wrote this key.
    pub(crate) fn write(&mut self, key: u32) {
        self.made.keys = self.made.keys.max(key + 1);
        self.made.write_key.push(key);
    }

    /// Orders the writes of the last transaction, each key once.
    fn end(&mut self) {
        let made = &mut self.made;
        let Some(&start) = made.write_start.last() else {
            return;
        };
        let start = start as usize;
        made.write_key[start..].sort_unstable();
        let mut end = start;
        for i in start..made.write_key.len() {
            if i == start || made.write_key[i] != made.write_key[end - 1] {
                made.write_key[end] = made.write_key[i];
                end += 1;
            }
        }
        made.write_key.truncate(end);
        let t = made.session.len() as u32 - 1;
        made.writer.resize(end, t);
    }

    /// All of them. O(n log writes of a transaction).
    pub(crate) fn finish(mut self) -> Committed {
        self.end();
        let mut made = self.made;
        made.read_start.push(made.read_key.len() as u32);
        made.write_start.push(made.write_key.len() as u32);
        made.read_slot = self
            .read_from
            .iter()
            .zip(&made.read_key)
            .map(|(&from, &key)| match from {
                INITIAL => INITIAL,
                from => made
                    .slot(from, key)
                    .expect("a transaction that is read from writes the key"),
            })
            .collect();
        made
    }
}
