//! Which write of a register came before which, as far as that is certain.
//!
//! A value that was written once is a *version*. Version `u` came before version `v` for sure if
//!
//! - the database says so: both writes have a revision, and that of `u` is less. Where both have one, nothing else
//!   counts;
//! - `v` was made from `u` by compare-and-sets that happened;
//! - in real time: `u` had been written (its write, or somebody who found it, had returned) before the write of `v` was
//!   invoked. A compare-and-set hands this on: what was made from `u` had not been written before `u`.
//!
//! The initial value comes before all. A value written twice is no version: nothing is said about it.

use schism_history::{History, OpId, Time};

use crate::models::RegisterAction;
use crate::object::Call;
use crate::proof::witness::{Part, Role, Witness};

type RegisterCall = Call<RegisterAction>;

const NONE: u32 = u32::MAX;

/// One value of a register.
#[derive(Clone, Copy, Debug)]
struct Version {
    /// The call that wrote it; [`NONE`] for the initial value, and when nobody or more than one may have.
    writer: u32,
    known: bool,
    revision: Option<i64>,
    /// It cannot have been written before this moment: it, or what it was made from, was invoked then.
    not_before: Moment,
    /// It had been written by this moment: it, or what was made from it, was acknowledged or found then.
    by: Moment,
    /// What it was made from.
    from: u32,
    /// Its place in the order of a walk through what was made from what, and the last place among what was made from
    /// it.
    places: (u32, u32),
    /// The place of the first one that it was made from, directly or not.
    root: u32,
}

/// A moment and the call that it belongs to. The initial value's moments come before all others and belong to no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    time: Time,
    call: u32,
}

impl Moment {
    const NEVER: Self = Self {
        time: Time::NEVER,
        call: NONE,
    };
    const BEFORE_ALL: Self = Self {
        time: Time::ZERO,
        call: NONE,
    };
}

/// The versions of one register. Values and calls are numbered as in the register's calls.
pub(crate) struct Versions<'a> {
    history: &'a History,
    calls: &'a [RegisterCall],
    all: Vec<Version>,
    /// Whether any version was made from another.
    linked: bool,
}

impl<'a> Versions<'a> {
    /// The versions that these calls, in order of invocation, wrote and found. O(n log n).
    pub(crate) fn of(history: &'a History, calls: &'a [RegisterCall], values: u32) -> Self {
        let mut versions = vec![
            Version {
                writer: NONE,
                known: false,
                revision: None,
                not_before: Moment::NEVER,
                by: Moment::NEVER,
                from: NONE,
                places: (0, 0),
                root: 0,
            };
            values as usize
        ];
        versions[0].known = true;
        versions[0].not_before = Moment::BEFORE_ALL;
        versions[0].by = Moment::BEFORE_ALL;
        let mut this = Self {
            history,
            calls,
            all: versions,
            linked: false,
        };
        this.find_writers();
        this.find_moments();
        this.link();
        this
    }

    fn find_writers(&mut self) {
        let mut written = vec![0_u8; self.all.len()];
        for (i, call) in self.calls.iter().enumerate() {
            let Some(value) = call.action.left() else {
                continue;
            };
            let version = &mut self.all[value as usize];
            let times = &mut written[value as usize];
            *times = times.saturating_add(1);
            version.known = *times == 1 && value != 0;
            version.writer = if version.known { i as u32 } else { NONE };
            if version.known {
                version.not_before = Moment {
                    time: call.invoked,
                    call: i as u32,
                };
                version.revision = if call.is_certain() {
                    self.history.operation(call.id).revision()
                } else {
                    None
                };
            }
        }
    }

    fn find_moments(&mut self) {
        for (i, call) in self
            .calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.is_certain())
        {
            let end = Moment {
                time: call.end,
                call: i as u32,
            };
            for value in [call.action.found(), call.action.left()]
                .into_iter()
                .flatten()
            {
                let version = &mut self.all[value as usize];
                if version.writer != NONE && end.time < version.by.time {
                    version.by = end;
                }
            }
        }
    }

    /// Follows the compare-and-sets that happened.
    fn link(&mut self) {
        let mut children: Vec<(u32, u32)> = Vec::new();
        for (i, call) in self.calls.iter().enumerate() {
            let RegisterAction::Cas(old, new) = call.action else {
                continue;
            };
            let happened = self.all[new as usize].by != Moment::NEVER;
            let ours = self.all[new as usize].writer == i as u32;
            if ours && happened && self.all[old as usize].known {
                children.push((old, new));
            }
        }
        if children.is_empty() {
            return;
        }
        self.linked = true;
        children.sort_unstable();
        for &(old, new) in &children {
            self.all[new as usize].from = old;
        }
        let of = |parent: u32| {
            let begin = children.partition_point(|&(old, _)| old < parent);
            children[begin..]
                .iter()
                .take_while(move |&&(old, _)| old == parent)
        };
        // Depth first from each version that was made from none.
        let mut place = 0;
        let mut walked: Vec<u32> = Vec::with_capacity(children.len());
        let roots: Vec<u32> = (0..self.all.len() as u32)
            .filter(|&version| self.all[version as usize].from == NONE)
            .collect();
        let mut reached = vec![false; self.all.len()];
        for root in roots {
            let first = place;
            let mut stack = vec![root];
            while let Some(version) = stack.pop() {
                reached[version as usize] = true;
                walked.push(version);
                self.all[version as usize].places = (place, place);
                self.all[version as usize].root = first;
                place += 1;
                stack.extend(of(version).map(|&(_, child)| child));
            }
        }
        for &version in &walked {
            let from = self.all[version as usize].from;
            if from != NONE {
                let inherited = self.all[from as usize].not_before;
                let own = &mut self.all[version as usize].not_before;
                *own = (*own).max(inherited);
            }
        }
        for &version in walked.iter().rev() {
            let Version {
                from, by, places, ..
            } = self.all[version as usize];
            if from != NONE {
                let parent = &mut self.all[from as usize];
                parent.places.1 = parent.places.1.max(places.1);
                if from != 0 && by.time < parent.by.time {
                    parent.by = by;
                }
            }
        }
        // Made from each other only: nothing is certain there.
        for (version, _) in reached.iter().enumerate().filter(|&(_, &reached)| !reached) {
            self.all[version].known = false;
            self.all[version].writer = NONE;
        }
    }

    /// Whether it is known which write the value comes from.
    pub(crate) fn is_known(&self, value: u32) -> bool {
        self.all[value as usize].known
    }

    /// When the value had been written for sure; [`Time::NEVER`] when that is not certain.
    pub(crate) fn written_by(&self, value: u32) -> Time {
        self.all[value as usize].by.time
    }

    /// When the value was written at the earliest.
    pub(crate) fn not_before(&self, value: u32) -> Time {
        self.all[value as usize].not_before.time
    }

    /// Whether `u` came before `v` for sure.
    pub(crate) fn is_before(&self, u: u32, v: u32) -> bool {
        let [a, b] = [u, v].map(|value| &self.all[value as usize]);
        if u == v || !a.known || !b.known {
            return false;
        }
        match (a.revision, b.revision) {
            (Some(a), Some(b)) => a < b,
            _ => self.is_made_from(v, u) || u == 0 || a.by.time < b.not_before.time,
        }
    }

    /// Whether the order of two versions is certain without looking at real time: by revisions or compare-and-sets.
    pub(crate) fn is_ordered(&self, u: u32, v: u32) -> bool {
        let [a, b] = [u, v].map(|value| &self.all[value as usize]);
        a.known
            && b.known
            && (a.revision.is_some() && b.revision.is_some()
                || self.is_made_from(u, v)
                || self.is_made_from(v, u))
    }

    fn is_made_from(&self, made: u32, from: u32) -> bool {
        let (begin, end) = self.all[from as usize].places;
        let place = self.all[made as usize].places.0;
        self.linked && begin < place && place <= end
    }

    /// The operations that prove that `u` came before `v`, and `others`; as a proof that no order explains them all.
    pub(crate) fn witness(
        &self,
        u: u32,
        v: u32,
        others: impl IntoIterator<Item = OpId>,
    ) -> Witness<'static> {
        let mut calls: Vec<u32> = Vec::new();
        let [a, b] = [u, v].map(|value| &self.all[value as usize]);
        calls.extend([a.writer, b.writer]);
        let mut revisions = false;
        if a.revision.is_some() && b.revision.is_some() {
            revisions = true;
        } else if u != 0 && a.by.time < b.not_before.time {
            // Who had found `u` or what was made from it, and what `v` was made from that was invoked after that.
            calls.extend([a.by.call, b.not_before.call]);
            let found = |call: u32| {
                let action = self.calls[call as usize].action;
                action.found().into_iter().chain(action.left())
            };
            if let Some(made) = found(a.by.call).find(|&value| self.is_made_from(value, u)) {
                self.path(made, u, &mut calls);
            }
            if let Some(from) = found(b.not_before.call).find(|&value| self.is_made_from(v, value))
            {
                self.path(v, from, &mut calls);
            }
        } else if u != 0 {
            self.path(v, u, &mut calls);
        }
        let mut ids: Vec<OpId> = calls
            .into_iter()
            .filter(|&call| call != NONE)
            .map(|call| self.calls[call as usize].id)
            .chain(others)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let parts = ids.iter().map(|&id| self.part(id, &ids)).collect();
        Witness {
            parts,
            revisions,
            ..Witness::registers([])
        }
    }

    /// The writers from `made` back to what was made from `from` first.
    fn path(&self, made: u32, from: u32, calls: &mut Vec<u32>) {
        let mut at = made;
        while at != from && at != NONE {
            let version = &self.all[at as usize];
            calls.push(version.writer);
            at = version.from;
        }
    }

    /// A compare-and-set counts as a plain write unless the write of what it found is there too.
    fn part(&self, id: OpId, ids: &[OpId]) -> Part {
        let mut part = Part::whole(id);
        let Ok(i) = self.calls.binary_search_by_key(&id, |call| call.id) else {
            return part;
        };
        if let RegisterAction::Cas(old, _) = self.calls[i].action {
            let writer = self.all[old as usize].writer;
            let there =
                writer != NONE && ids.binary_search(&self.calls[writer as usize].id).is_ok();
            if old != 0 && !there {
                part.role = Role::WriteOnly;
            }
        }
        part
    }
}

/// Versions that somebody must not fall behind, with the call by which each was learned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Floor {
    /// The versions that were written latest: of all, and of those without a revision.
    latest: Option<(Time, u32, OpId)>,
    latest_unnumbered: Option<(Time, u32, OpId)>,
    /// The one with the greatest revision.
    greatest: Option<(i64, u32, OpId)>,
    /// Places of all of them in order, where versions are made from each other: newer ones mostly stand last.
    places: Vec<(u32, u32, OpId)>,
}

impl Floor {
    /// Whether there is nothing to fall behind.
    pub(crate) fn is_empty(&self) -> bool {
        self.latest.is_none()
    }

    /// One more version; `false` when nothing is known about it.
    pub(crate) fn add(&mut self, versions: &Versions<'_>, value: u32, by: OpId) -> bool {
        let version = &versions.all[value as usize];
        if !version.known {
            return false;
        }
        let time = version.not_before.time;
        let raise = |latest: &mut Option<(Time, u32, OpId)>| {
            if latest.is_none_or(|(before, _, _)| before < time) {
                *latest = Some((time, value, by));
            }
        };
        raise(&mut self.latest);
        match version.revision {
            None => raise(&mut self.latest_unnumbered),
            Some(revision) => {
                if self.greatest.is_none_or(|(before, _, _)| before < revision) {
                    self.greatest = Some((revision, value, by));
                }
            }
        }
        if versions.linked {
            let new = (version.places.0, value, by);
            let place = self.places.partition_point(|old| *old < new);
            if self.places.get(place) != Some(&new) {
                self.places.insert(place, new);
            }
        }
        true
    }

    /// A version of the floor that `value` came before for sure, and how it was learned.
    pub(crate) fn above(&self, versions: &Versions<'_>, value: u32) -> Option<(u32, OpId)> {
        let latest = match versions.all[value as usize].revision {
            Some(_) => self.latest_unnumbered,
            None => self.latest,
        };
        latest
            .into_iter()
            .map(|(_, above, by)| (above, by))
            .chain(self.above_by_order(versions, value))
            .find(|&(above, _)| versions.is_before(value, above))
    }

    /// The same, not by real time but by revisions or compare-and-sets only.
    pub(crate) fn above_by_order(
        &self,
        versions: &Versions<'_>,
        value: u32,
    ) -> Option<(u32, OpId)> {
        let (begin, end) = versions.all[value as usize].places;
        let next = self.places.partition_point(|&(place, ..)| place <= begin);
        let made = self
            .places
            .get(next)
            .filter(|&&(place, ..)| place <= end)
            .map(|&(_, above, by)| (above, by));
        self.greatest
            .map(|(_, above, by)| (above, by))
            .into_iter()
            .chain(made)
            .find(|&(above, _)| {
                versions.is_ordered(value, above) && versions.is_before(value, above)
            })
    }

    /// Whether revisions or compare-and-sets say how `value` stands to any version of the floor.
    pub(crate) fn is_comparable(&self, versions: &Versions<'_>, value: u32) -> bool {
        let version = &versions.all[value as usize];
        if version.revision.is_some() && self.greatest.is_some() {
            return true;
        }
        if !versions.linked || !version.known {
            return false;
        }
        // What was made from it stands right after it, what it was made from before it, in the same tree.
        let (begin, end) = version.places;
        let next = self.places.partition_point(|&(place, ..)| place <= begin);
        let made = self
            .places
            .get(next)
            .is_some_and(|&(place, ..)| place <= end);
        let before = self.places[..next].iter().rev();
        made || before
            .take_while(|&&(place, ..)| place >= version.root)
            .any(|&(_, other, _)| versions.is_made_from(value, other))
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.latest = None;
        self.latest_unnumbered = None;
        self.greatest = None;
        self.places.clear();
    }
}
