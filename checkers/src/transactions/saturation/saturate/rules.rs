//! What the rules make follow.

use super::super::committed::INITIAL;
use super::writers::Group;
use super::{Saturation, Stop, Why};

impl Saturation<'_> {
    /// Looks for a read that contradicts what is known from the start: one that misses what somebody wrote after whom it
    /// read from, and before it. What is stale by the clock mostly is, and then nothing has to be derived.
    pub(super) fn missed(&mut self) -> Result<(), Stop> {
        let committed = self.committed;
        for t in 0..committed.len() as u32 {
            let node = self.base.read_node(t);
            for r in committed.reads(t) {
                let groups = self.groups_of(committed.read_key[r]);
                self.spend(1 + groups.len() as u64 / 8)?;
                let source = match committed.read_slot[r] {
                    INITIAL => None,
                    slot => Some(committed.writer[slot as usize]),
                };
                for g in groups {
                    let group = self.groups[g];
                    let mut end = self.last(group, self.reach(node, group.chain));
                    if end > group.start && self.writer_at(end - 1) == t {
                        end -= 1;
                    }
                    if end == group.start {
                        continue;
                    }
                    let writer = self.writer_at(end - 1);
                    let from = self.base.write_node(writer);
                    let older = source.is_none_or(|source| {
                        source != writer && self.before(self.base.write_node(source), from)
                    });
                    if older {
                        let why = Why::Hidden {
                            read: r as u32,
                            writer,
                        };
                        let to = source.map_or(from, |source| self.base.write_node(source));
                        let from = if source.is_some() { from } else { node };
                        return Err(Stop::Cycle {
                            from,
                            to,
                            why: Some(why),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// The other writers that a read makes come earlier than whom it read from, and those that it makes come later than
    /// its own transaction; on each chain the one that implies the others, and none that others imply.
    pub(super) fn candidates(&self, t: u32, r: usize, hidden: &mut Vec<u32>, later: &mut Vec<u32>) {
        hidden.clear();
        later.clear();
        let committed = self.committed;
        let slot = committed.read_slot[r];
        let source = (slot != INITIAL).then(|| committed.writer[slot as usize]);
        let read_node = self.base.read_node(t);
        for g in self.groups_of(committed.read_key[r]) {
            let group = self.groups[g];
            let mut end = self.last(group, self.reach(read_node, group.chain));
            if end > group.start && self.writer_at(end - 1) == t {
                end -= 1;
            }
            if end > group.start {
                let writer = self.writer_at(end - 1);
                if Some(writer) != source {
                    keep(hidden, writer, |a, b| {
                        let (a, b) = (self.base.write_node(a), self.base.write_node(b));
                        self.before(a, b)
                    });
                }
            }
            let first = match source {
                None => group.start,
                Some(source) => {
                    let node = self.base.write_node(source);
                    let (chain, place) = (self.chains.chain[node as usize], self.place(node));
                    self.first(group, chain, place)
                }
            };
            let first = (first..group.end).find(|&at| Some(self.writer_at(at)) != source);
            if let Some(first) = first {
                let writer = self.writer_at(first);
                if writer != t {
                    keep(later, writer, |a, b| {
                        let (a, b) = (self.base.write_node(b), self.base.write_node(a));
                        self.before(a, b)
                    });
                }
            }
        }
    }

    /// Rule (a): `writer` wrote before `source`. The initial state is older than any writer.
    pub(super) fn hide(&mut self, source: Option<u32>, writer: u32, why: Why) -> Result<(), Stop> {
        let from = self.base.write_node(writer);
        if let Some(source) = source {
            self.queue
                .push_back((from, self.base.write_node(source), why));
            return Ok(());
        }
        let Why::Hidden { read, .. } = why else {
            return Ok(());
        };
        // Who reads the initial state comes before all who write.
        let reader = self.reader(read);
        Err(Stop::Cycle {
            from: self.base.read_node(reader),
            to: from,
            why: Some(why),
        })
    }

    /// Rule (c): writers of the group that began where `t` had not committed yet commit before it begins.
    pub(super) fn overlaps(&mut self, t: u32, group: Group, old: u32, reach: u32) {
        // A transaction begins one place before it commits.
        for at in (group.start..self.last(group, reach.saturating_add(1))).rev() {
            let first = self.writer_at(at);
            if self.place(self.base.read_node(first)) <= old {
                break;
            }
            if first == t {
                continue;
            }
            let (from, to) = (self.base.write_node(first), self.base.read_node(t));
            if !self.before(from, to) {
                let why = Why::Overlap { first, second: t };
                self.queue.push_back((from, to, why));
            }
            // Those before it on its chain commit before it begins.
            break;
        }
    }

    /// What follows from the growth of the row of `node`, a moment of `t`.
    pub(super) fn consequences(
        &mut self,
        t: u32,
        node: u32,
        grown: &[(u32, u32, u32)],
    ) -> Result<(), Stop> {
        let committed = self.committed;
        if node == self.base.read_node(t) {
            for r in committed.reads(t) {
                let key = committed.read_key[r];
                let slot = committed.read_slot[r];
                let source = (slot != INITIAL).then(|| committed.writer[slot as usize]);
                self.each_group(key, grown, |this, group, old, new| {
                    let mut end = this.last(group, new);
                    if end > group.start && this.writer_at(end - 1) == t {
                        end -= 1;
                    }
                    if end == group.start {
                        return Ok(());
                    }
                    let writer = this.writer_at(end - 1);
                    if Some(writer) == source || this.place(this.base.write_node(writer)) <= old {
                        return Ok(());
                    }
                    let why = Why::Hidden {
                        read: r as u32,
                        writer,
                    };
                    this.hide(source, writer, why)
                })?;
            }
        }
        if node != self.base.write_node(t) {
            return Ok(());
        }
        for slot in committed.writes(t) {
            let key = committed.write_key[slot];
            self.each_group(key, grown, |this, group, old, new| {
                for at in (group.start..this.last(group, new)).rev() {
                    let source = this.writer_at(at);
                    if this.place(this.base.write_node(source)) <= old {
                        break;
                    }
                    if source != t {
                        this.overwritten(this.slots[at as usize], t);
                    }
                }
                if this.rules.split && this.rules.exclusive {
                    this.overlaps(t, group, old, new);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Rule (b): all who read this slot come before `writer`.
    pub(super) fn overwritten(&mut self, slot: u32, writer: u32) {
        let committed = self.committed;
        let key = committed.write_key[slot as usize];
        let readers = self.readers_start[slot as usize]..self.readers_start[slot as usize + 1];
        let to = self.base.write_node(writer);
        for place in readers {
            let t = self.readers[place as usize];
            if t == writer || (!self.rules.total && committed.slot(t, key).is_none()) {
                continue;
            }
            let from = self.base.read_node(t);
            if self.before(from, to) {
                continue;
            }
            let read = committed
                .reads(t)
                .find(|&r| committed.read_slot[r] == slot)
                .expect("a reader of a slot reads it");
            let why = Why::Overwrites {
                read: read as u32,
                writer,
            };
            self.queue.push_back((from, to, why));
        }
    }
}

/// Keeps one more candidate, unless one of those that are kept implies it.
fn keep(kept: &mut Vec<u32>, candidate: u32, implied_by: impl Fn(u32, u32) -> bool) {
    if kept.iter().any(|&other| implied_by(candidate, other)) {
        return;
    }
    kept.retain(|&other| !implied_by(other, candidate));
    kept.push(candidate);
}
