//! Which calls make a conflict between zones.

use schism_history::Time;

use super::zones::{Block, Conflict, NONE, Version, Zones};
use crate::models::RegisterAction;
use crate::object::Call;

type RegisterCall = Call<RegisterAction>;

impl Zones {
    /// The calls that a conflict rests on, in order of invocation. Of a compare-and-set at the beginning of a stretch
    /// only its write is kept. They are impossible by themselves, though perhaps not as few as can be; except where
    /// compare-and-sets of unknown outcome say of each other that they happened, see [`Zones::whole`].
    pub(crate) fn suspects(&self, conflict: Conflict) -> Vec<RegisterCall> {
        let mut suspects = match conflict {
            Conflict::NeverWritten { by } => vec![self.calls[by as usize]],
            Conflict::Rivals { one, other } => {
                let found = self.calls[one as usize].action.found();
                let writer = found.map_or(NONE, |value| self.versions[value as usize].writer);
                let mut suspects = vec![self.calls[one as usize], self.calls[other as usize]];
                suspects.extend(self.as_write(writer));
                suspects
            }
            Conflict::Circle { through } => self.circle(through),
            Conflict::Backwards { early, version } => self.backwards(early, version),
            Conflict::Entangled { one, other } => {
                let [one, other] = [one, other].map(|i| &self.blocks[i as usize]);
                let mut narrow = self.narrow(one, other);
                narrow.extend(self.edges(other));
                let mut alternative = self.narrow(other, one);
                alternative.extend(self.edges(one));
                if alternative.len() < narrow.len() {
                    alternative
                } else {
                    narrow
                }
            }
        };
        suspects.sort_by_key(|call| call.id);
        suspects.dedup_by_key(|call| call.id);
        self.force(&mut suspects);
        suspects
    }

    /// The suspects as they stand in the history, compare-and-sets whole.
    pub(crate) fn whole(&self, suspects: &[RegisterCall]) -> Vec<RegisterCall> {
        let ids = suspects.iter().map(|call| call.id);
        let places = ids.filter_map(|id| self.calls.binary_search_by_key(&id, |call| call.id).ok());
        let mut whole = places.map(|place| self.calls[place]).collect();
        self.force(&mut whole);
        whole
    }

    /// Adds to calls of unknown outcome whatever says that they happened: who found what they left, and so on until
    /// one that is certain.
    pub(crate) fn force(&self, suspects: &mut Vec<RegisterCall>) {
        for i in 0..suspects.len() {
            let (id, left) = (suspects[i].id, suspects[i].action.left());
            let is_forced = suspects[i].is_certain()
                || suspects
                    .iter()
                    .any(|other| other.is_certain() && other.action.found() == left);
            if is_forced || left.is_none() {
                continue;
            }
            // Each call with the one it follows on.
            let mut reached = vec![(suspects[i], usize::MAX)];
            let mut at = 0;
            while at < reached.len() {
                let left = reached[at].0.action.left();
                for other in &self.calls {
                    if left.is_some()
                        && other.action.found() == left
                        && reached.iter().all(|(there, _)| there.id != other.id)
                    {
                        reached.push((*other, at));
                    }
                }
                if let Some(end) = reached.iter().position(|(call, _)| call.is_certain()) {
                    let mut back = end;
                    while back != usize::MAX {
                        if reached[back].0.id != id {
                            suspects.push(reached[back].0);
                        }
                        back = reached[back].1;
                    }
                    break;
                }
                at += 1;
            }
        }
        suspects.sort_by_key(|call| call.id);
        suspects.dedup_by_key(|call| call.id);
    }

    /// All compare-and-sets of a circle.
    fn circle(&self, through: u32) -> Vec<RegisterCall> {
        let value_left = |call: u32| self.calls[call as usize].action.left().unwrap_or(0);
        let begin = value_left(through);
        let mut suspects = Vec::new();
        let mut version = begin;
        loop {
            suspects.push(self.calls[self.versions[version as usize].writer as usize]);
            version = self.versions[version as usize].from;
            if version == begin || version == NONE {
                return suspects;
            }
        }
    }

    /// A call that returned before one that stands before it in the block, the nearest one, and what links them.
    fn backwards(&self, early: u32, version: u32) -> Vec<RegisterCall> {
        let end = self.calls[early as usize].end;
        let mut suspects = vec![self.calls[early as usize]];
        let mut at = version;
        loop {
            let Version {
                writer,
                last_invocation,
                from,
                ..
            } = self.versions[at as usize];
            let writes_late =
                writer != NONE && writer != early && self.calls[writer as usize].invoked > end;
            // A read of the same value need not come before.
            let reads_late =
                at != version && last_invocation.call != NONE && last_invocation.time > end;
            if reads_late {
                suspects.push(self.calls[last_invocation.call as usize]);
            }
            if writes_late || reads_late || from == NONE {
                suspects.extend(self.as_write(writer));
                return suspects;
            }
            suspects.extend((writer != NONE).then(|| self.calls[writer as usize]));
            at = from;
        }
    }

    /// The calls of a block that conflict with another block's first return and last invocation, as near to each other
    /// as there are, and what links them.
    fn narrow(&self, block: &Block, other: &Block) -> Vec<RegisterCall> {
        // The last version with a call that returned before the other block's last invocation, and the call; likewise
        // the last one with a call that was invoked after the other block's first return.
        let mut ahead: Option<(usize, u32)> = None;
        let mut behind: Option<(usize, u32)> = None;
        let mut best: Option<(usize, usize, [u32; 2])> = None;
        let chain = self.chain(block);
        for (place, &version) in chain.iter().enumerate() {
            let Version {
                writer,
                first_return,
                last_invocation,
                ..
            } = self.versions[version as usize];
            let writer_call = (writer != NONE).then(|| &self.calls[writer as usize]);
            let is_ahead = |end: Time| end < other.last_invocation.time;
            let is_behind = |invoked: Time| other.is_initial() || invoked > other.first_return.time;
            if version == 0 {
                ahead = Some((place, NONE));
            } else if writer_call.is_some_and(|call| is_ahead(call.end)) {
                ahead = Some((place, writer));
            } else if first_return.call != NONE && is_ahead(first_return.time) {
                ahead = Some((place, first_return.call));
            }
            if writer_call.is_some_and(|call| is_behind(call.invoked)) {
                behind = Some((place, writer));
            } else if last_invocation.call != NONE && is_behind(last_invocation.time) {
                behind = Some((place, last_invocation.call));
            }
            if let (Some((a, x)), Some((b, y))) = (ahead, behind) {
                let (low, high) = (a.min(b), a.max(b));
                if best.is_none_or(|(l, h, _)| high - low < h - l) {
                    best = Some((low, high, [x, y]));
                }
            }
        }
        match best {
            Some((low, high, calls)) => self.stretch(&chain[low..=high], calls),
            None => self.edges(block),
        }
    }

    /// The call of a block that returned first, the one that was invoked last, and what links them.
    fn edges(&self, block: &Block) -> Vec<RegisterCall> {
        let calls = [block.first_return.call, block.last_invocation.call];
        let chain = self.chain(block);
        if chain.is_empty() {
            return vec![self.calls[block.last_invocation.call as usize]];
        }
        let version_of = |call: u32| {
            if call == NONE {
                return Some(0);
            }
            let action = self.calls[call as usize].action;
            chain.iter().position(|&version| {
                self.versions[version as usize].writer == call
                    || (action.left().is_none() && action.found() == Some(version))
            })
        };
        let [a, b] = calls.map(|call| version_of(call).unwrap_or(0));
        self.stretch(&chain[a.min(b)..=a.max(b)], calls)
    }

    /// The writers of some versions in a row, the first one as a plain write, and two more calls.
    fn stretch(&self, versions: &[u32], calls: [u32; 2]) -> Vec<RegisterCall> {
        let writers = versions
            .iter()
            .map(|&version| self.versions[version as usize].writer);
        let mut stretch: Vec<RegisterCall> = writers
            .enumerate()
            .filter(|&(_, writer)| writer != NONE)
            .filter_map(|(place, writer)| match place {
                0 => self.as_write(writer),
                _ => Some(self.calls[writer as usize]),
            })
            .collect();
        for call in calls {
            if call != NONE
                && !stretch
                    .iter()
                    .any(|there| there.id == self.calls[call as usize].id)
            {
                stretch.push(self.calls[call as usize]);
            }
        }
        stretch
    }

    /// The versions of a block, in order; none for a write whose value nobody found.
    fn chain(&self, block: &Block) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut version = block.root;
        while version != NONE {
            chain.push(version);
            version = self.versions[version as usize].next;
        }
        chain
    }

    /// The call, of which only the write matters.
    fn as_write(&self, call: u32) -> Option<RegisterCall> {
        let call = *self.calls.get(call as usize)?;
        let left = call.action.left()?;
        Some(Call {
            action: RegisterAction::Write(left),
            ..call
        })
    }
}
