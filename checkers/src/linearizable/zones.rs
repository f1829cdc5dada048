//! The fast way, when it is known which write each read saw: one sort and one sweep.
//!
//! Every value that somebody found was written once. Then all calls that wrote or found a value must stand next to each
//! other in any order that explains them: between the write and the last to find its value, nothing else may be
//! written. A successful compare-and-set from `a` to `b` ends the stretch of `a` and begins that of `b`, with nothing
//! between; so the stretches that compare-and-sets link form one *block*. (Gibbons and Korach, "Testing shared
//! memories", 1997, call the block of a value its cluster.)
//!
//! An order exists exactly if
//!
//! 1. every value found was written, no value was replaced by two compare-and-sets, and no compare-and-sets got their
//!    values only from each other;
//! 2. within each block, no call returned before one that belongs before it was invoked;
//! 3. no two blocks are in conflict, where block `a` must precede block `b` if a call of `a` returned before a call of
//!    `b` was invoked, and a conflict is that each must precede the other.
//!
//! Why 3 suffices. Let `f` be the first return in a block and `s` its last invocation. `a` must precede `b` exactly if
//! `f(a) < s(b)`. Without a conflict, `s(a) <= f(b)` then holds too, so `f + s` is less in `a` than in `b`: sort the
//! blocks by `f + s`, and each stands behind all that must precede it. Blocks placed like this, each in its inner
//! order, explain the history, since every block begins with a write, or is the initial value's, which precedes all.
//!
//! A block with `f < s` is a forward zone `[f, s]`, any other a backward zone `[s, f]`. A conflict is two forward zones
//! that overlap, or a backward zone inside a forward one: forward zones are sorted and swept, backward ones looked up.
//!
//! Cost: O(n log n) time, O(n) memory.

use schism_history::Time;

use super::relevant::relevant;
use crate::models::RegisterAction;
use crate::object::Call;

type RegisterCall = Call<RegisterAction>;

/// Stands for "no call" and "no version".
pub(super) const NONE: u32 = u32::MAX;

/// A reason why no order exists. Calls are indices into [`Zones::calls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The call found a value that nobody can have written.
    NeverWritten {
        /// The call.
        by: u32,
    },
    /// Two compare-and-sets both replaced the same write's value.
    Rivals {
        /// One.
        one: u32,
        /// The other.
        other: u32,
    },
    /// A compare-and-set whose expected value came, by other compare-and-sets, from its own.
    Circle {
        /// The compare-and-set.
        through: u32,
    },
    /// A call returned before one that belongs before it in its block was invoked.
    Backwards {
        /// The call that returned too early.
        early: u32,
        /// Where in the block it stands.
        version: u32,
    },
    /// Two blocks, each of which must precede the other.
    Entangled {
        /// One, by place in the list of blocks.
        one: u32,
        /// The other.
        other: u32,
    },
}

/// Conflicts that are kept; all are counted.
const KEPT: usize = 64;

/// The blocks of a register, judged.
pub(crate) struct Zones {
    /// The calls that matter, in order of invocation; each has happened.
    pub(crate) calls: Vec<RegisterCall>,
    /// The first conflicts that were found; none when an order exists.
    pub(crate) conflicts: Vec<Conflict>,
    /// How many conflicts were found in all; of blocks in conflict, each that reaches over others counts once.
    pub(crate) count: u64,
    pub(super) versions: Vec<Version>,
    pub(super) blocks: Vec<Block>,
}

/// One write and those who found its value. Numbered like the value; a compare-and-set whose value nobody found has a
/// number beyond the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    /// The write or compare-and-set; [`NONE`] for the initial value, and for a value that was never written.
    pub(super) writer: u32,
    /// The read that returned first.
    pub(super) first_return: Edge,
    /// The read that was invoked last.
    pub(super) last_invocation: Edge,
    /// The version that a compare-and-set made from this one.
    pub(super) next: u32,
    /// The version that this one was made from by a compare-and-set.
    pub(super) from: u32,
}

/// A moment, and the call it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) time: Time,
    pub(super) call: u32,
}

impl Version {
    const UNUSED: Self = Self {
        writer: NONE,
        first_return: Edge {
            time: Time::NEVER,
            call: NONE,
        },
        last_invocation: Edge {
            time: Time::ZERO,
            call: NONE,
        },
        next: NONE,
        from: NONE,
    };
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// Its first version; [`NONE`] for a write whose value nobody found.
    pub(super) root: u32,
    /// The call that returned first; [`NONE`] in the initial value's block, which precedes all.
    pub(super) first_return: Edge,
    /// The call that was invoked last.
    pub(super) last_invocation: Edge,
}

impl Block {
    /// Whether it must precede the other.
    fn precedes(&self, other: &Self) -> bool {
        self.is_initial() || self.first_return.time < other.last_invocation.time
    }

    pub(super) fn is_initial(&self) -> bool {
        self.first_return.call == NONE
    }

    fn is_forward(&self) -> bool {
        self.precedes(self)
    }
}

/// Judges the calls on one register, in order of invocation. `None` when it is not known which write each read saw: a
/// value that somebody found was written twice, or a call says what the register did not hold.
pub(crate) fn judge(calls: &[RegisterCall], values: u32) -> Option<Zones> {
    let calls = relevant(calls, values);
    let mut found = vec![false; values as usize];
    for call in &calls {
        match call.action {
            RegisterAction::Read(value) | RegisterAction::Cas(value, _) => {
                found[value as usize] = true;
            }
            RegisterAction::Write(_) => {}
            RegisterAction::Unlike(_) => return None,
        }
    }
    let mut zones = Zones {
        calls,
        conflicts: Vec::new(),
        count: 0,
        versions: vec![Version::UNUSED; values as usize],
        blocks: Vec::new(),
    };
    zones.find_writers(&found)?;
    let linked = zones.gather();
    if linked {
        zones.find_circles();
    }
    zones.judge_blocks(&found);
    zones.sweep();
    Some(zones)
}

impl Zones {
    /// Who wrote each value that was found; `None` when two did.
    fn find_writers(&mut self, found: &[bool]) -> Option<()> {
        for (i, call) in self.calls.iter().enumerate() {
            let Some(value) = call.action.left() else {
                continue;
            };
            if !found[value as usize] {
                continue;
            }
            let writer = &mut self.versions[value as usize].writer;
            if value == 0 || *writer != NONE {
                return None;
            }
            *writer = i as u32;
        }
        Some(())
    }

    /// Gives each call to its version; whether any are linked by compare-and-sets.
    fn gather(&mut self) -> bool {
        let mut linked = false;
        for i in 0..self.calls.len() as u32 {
            let call = self.calls[i as usize];
            let Some(value) = call.action.found() else {
                continue;
            };
            let version = &mut self.versions[value as usize];
            if value != 0 && version.writer == NONE {
                self.report(Conflict::NeverWritten { by: i });
                if let Some(left) = call.action.left() {
                    self.version_left(i, left);
                }
                continue;
            }
            let edge = |time| Edge { time, call: i };
            if let RegisterAction::Cas(_, left) = call.action {
                linked = true;
                let left = self.version_left(i, left);
                let rival = self.versions[value as usize].next;
                if rival == NONE {
                    self.versions[value as usize].next = left;
                    self.versions[left as usize].from = value;
                } else {
                    let one = self.versions[rival as usize].writer;
                    self.report(Conflict::Rivals { one, other: i });
                }
                continue;
            }
            if call.end < version.first_return.time {
                version.first_return = edge(call.end);
            }
            if call.invoked >= version.last_invocation.time {
                version.last_invocation = edge(call.invoked);
            }
        }
        linked
    }

    /// The version that a compare-and-set left: its value's, or a new one if nobody found the value.
    fn version_left(&mut self, call: u32, value: u32) -> u32 {
        if self.versions[value as usize].writer == call {
            return value;
        }
        self.versions.push(Version {
            writer: call,
            ..Version::UNUSED
        });
        self.versions.len() as u32 - 1
    }

    /// Chains without a beginning.
    fn find_circles(&mut self) {
        let mut reached = vec![false; self.versions.len()];
        let walk = |from: u32, versions: &[Version], reached: &mut [bool]| {
            let mut version = from;
            while version != NONE && !std::mem::replace(&mut reached[version as usize], true) {
                version = versions[version as usize].next;
            }
        };
        for root in 0..self.versions.len() as u32 {
            if self.versions[root as usize].from == NONE {
                walk(root, &self.versions, &mut reached);
            }
        }
        for version in 0..self.versions.len() as u32 {
            if !reached[version as usize] {
                walk(version, &self.versions, &mut reached);
                let through = self.versions[version as usize].writer;
                self.report(Conflict::Circle { through });
            }
        }
    }

    /// Checks each block's inner order, and makes the list of blocks.
    fn judge_blocks(&mut self, found: &[bool]) {
        for root in 0..self.versions.len() as u32 {
            let version = &self.versions[root as usize];
            let written = version.writer != NONE || root == 0;
            if written && version.from == NONE {
                self.judge_block(root);
            }
        }
        for (i, call) in self.calls.iter().enumerate() {
            if let RegisterAction::Write(value) = call.action
                && !found[value as usize]
            {
                let call_edge = |time| Edge {
                    time,
                    call: i as u32,
                };
                self.blocks.push(Block {
                    root: NONE,
                    first_return: call_edge(call.end),
                    last_invocation: call_edge(call.invoked),
                });
            }
        }
    }

    fn judge_block(&mut self, root: u32) {
        let mut block = Block {
            root,
            first_return: Edge {
                time: Time::NEVER,
                call: NONE,
            },
            last_invocation: Edge {
                time: Time::ZERO,
                call: NONE,
            },
        };
        let mut at = root;
        let mut early = None;
        while at != NONE {
            let version = self.versions[at as usize];
            if version.writer != NONE {
                let writer = &self.calls[version.writer as usize];
                let (invoked, end) = (writer.invoked, writer.end);
                let edge = |time| Edge {
                    time,
                    call: version.writer,
                };
                if block.last_invocation.call != NONE && end < block.last_invocation.time {
                    early = early.or(Some((version.writer, at)));
                }
                block.begin_no_earlier(edge(invoked));
                if root != 0 {
                    block.end_no_later(edge(end));
                }
            }
            if version.first_return.call != NONE {
                if block.last_invocation.call != NONE
                    && version.first_return.time < block.last_invocation.time
                {
                    early = early.or(Some((version.first_return.call, at)));
                }
                block.begin_no_earlier(version.last_invocation);
                if root != 0 {
                    block.end_no_later(version.first_return);
                }
            }
            at = version.next;
        }
        if let Some((early, version)) = early {
            self.report(Conflict::Backwards { early, version });
        } else if block.last_invocation.call != NONE {
            if block.first_return.call == NONE && root != 0 {
                // Written by a call that never returned, and found by nobody: cannot be, it would have been left out.
                return;
            }
            self.blocks.push(block);
        }
    }

    /// Finds blocks that must precede each other.
    fn sweep(&mut self) {
        let mut forward: Vec<u32> = (0..self.blocks.len() as u32)
            .filter(|&i| self.blocks[i as usize].is_forward())
            .collect();
        let begin = |i: u32| {
            let block = &self.blocks[i as usize];
            // The initial value's block precedes all, also one that begins at the run's first moment.
            (!block.is_initial(), block.first_return.time)
        };
        forward.sort_unstable_by_key(|&i| begin(i));
        // For each place, the block up to there that reaches furthest.
        let mut furthest = forward.clone();
        let mut conflicts = Vec::new();
        // One stale read makes a block reach over many others; it counts once.
        let mut reaches_too_far = vec![false; self.blocks.len()];
        let mut report = |one: u32, other: u32| {
            reaches_too_far[one as usize] = true;
            if conflicts.len() < KEPT {
                conflicts.push(Conflict::Entangled { one, other });
            }
        };
        for place in 1..forward.len() {
            let (before, this) = (furthest[place - 1], forward[place]);
            let [a, b] = [before, this].map(|i| &self.blocks[i as usize]);
            if a.precedes(b) && b.precedes(a) {
                report(before, this);
            }
            if a.last_invocation.time >= b.last_invocation.time {
                furthest[place] = before;
            }
        }
        for (i, block) in self.blocks.iter().enumerate() {
            if block.is_forward() {
                continue;
            }
            let before =
                forward.partition_point(|&other| self.blocks[other as usize].precedes(block));
            if before > 0 {
                let other = furthest[before - 1];
                if block.precedes(&self.blocks[other as usize]) {
                    report(other, i as u32);
                }
            }
        }
        self.count += reaches_too_far.iter().filter(|&&it| it).count() as u64;
        let room = KEPT.saturating_sub(self.conflicts.len());
        self.conflicts.extend(conflicts.into_iter().take(room));
    }

    fn report(&mut self, conflict: Conflict) {
        self.count += 1;
        if self.conflicts.len() < KEPT {
            self.conflicts.push(conflict);
        }
    }
}

impl Block {
    fn begin_no_earlier(&mut self, edge: Edge) {
        if self.last_invocation.call == NONE || edge.time > self.last_invocation.time {
            self.last_invocation = edge;
        }
    }

    fn end_no_later(&mut self, edge: Edge) {
        if self.first_return.call == NONE || edge.time < self.first_return.time {
            self.first_return = edge;
        }
    }
}
