//! Who wrote each key, chain by chain.

use super::{Saturation, Stop};

/// The writers of a key that stand on one chain, in its order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) chain: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Saturation<'_> {
    pub(super) fn group_writers(&mut self) {
        let committed = self.committed;
        let keys = committed.keys as usize;
        let mut fill = vec![0_u32; keys + 1];
        for &key in &committed.write_key {
            fill[key as usize + 1] += 1;
        }
        for i in 1..fill.len() {
            fill[i] += fill[i - 1];
        }
        let starts = fill.clone();
        self.slots = vec![0; committed.write_key.len()];
        for members in &self.chains.members {
            for &t in members {
                for slot in committed.writes(t) {
                    let place = &mut fill[committed.write_key[slot] as usize];
                    self.slots[*place as usize] = slot as u32;
                    *place += 1;
                }
            }
        }
        self.groups_of.push(0);
        for key in 0..keys {
            let mut at = starts[key];
            while at < starts[key + 1] {
                let chain = self.chain_of_slot(at);
                let start = at;
                while at < starts[key + 1] && self.chain_of_slot(at) == chain {
                    at += 1;
                }
                self.groups.push(Group {
                    chain,
                    start,
                    end: at,
                });
            }
            self.groups_of.push(self.groups.len() as u32);
        }
    }

    pub(super) fn chain_of_slot(&self, at: u32) -> u32 {
        let t = self.writer_at(at);
        self.chains.chain[self.base.write_node(t) as usize]
    }

    /// The transaction at a place of `slots`.
    pub(super) fn writer_at(&self, at: u32) -> u32 {
        self.committed.writer[self.slots[at as usize] as usize]
    }

    pub(super) fn groups_of(&self, key: u32) -> std::ops::Range<usize> {
        self.groups_of[key as usize] as usize..self.groups_of[key as usize + 1] as usize
    }

    /// Behind the last writer of a group whose commit is no further along its chain than `reach`.
    pub(super) fn last(&self, group: Group, reach: u32) -> u32 {
        let slots = &self.slots[group.start as usize..group.end as usize];
        let count = slots.partition_point(|&slot| {
            let t = self.committed.writer[slot as usize];
            self.place(self.base.write_node(t)) <= reach
        });
        group.start + count as u32
    }

    /// The first writer of a group that comes after this place of a chain, or stands there.
    pub(super) fn first(&self, group: Group, chain: u32, place: u32) -> u32 {
        let slots = &self.slots[group.start as usize..group.end as usize];
        let count = slots.partition_point(|&slot| {
            let t = self.committed.writer[slot as usize];
            self.reach(self.base.write_node(t), chain) < place
        });
        group.start + count as u32
    }

    /// Calls for each group of a key on a chain that grew.
    pub(super) fn each_group(
        &mut self,
        key: u32,
        grown: &[(u32, u32, u32)],
        mut call: impl FnMut(&mut Self, Group, u32, u32) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let groups = self.groups_of(key);
        if grown.len() * 4 < groups.len() {
            for &(chain, old, new) in grown {
                let found = self.groups[groups.clone()].binary_search_by_key(&chain, |g| g.chain);
                if let Ok(place) = found {
                    let group = self.groups[groups.start + place];
                    call(self, group, old, new)?;
                }
            }
            return Ok(());
        }
        let mut next = 0;
        for g in groups {
            let group = self.groups[g];
            while next < grown.len() && grown[next].0 < group.chain {
                next += 1;
            }
            if next < grown.len() && grown[next].0 == group.chain {
                let (_, old, new) = grown[next];
                call(self, group, old, new)?;
            }
        }
        Ok(())
    }
}
