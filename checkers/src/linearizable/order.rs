//! From the order of what changed a register to an order of everything.
//!
//! Who knows in which order the writes and compare-and-sets took effect (the database's own numbers say so, the zones
//! do, a search found it) knows everything: what each of them left fills a *gap* up to the next one, and a read belongs
//! into some gap that holds what it found. It may not stand before an update that returned before it was invoked, nor
//! before a read for which that is so; among the gaps that are left, the earliest is as good as any, since whoever comes
//! later is only hindered by a later one.
//!
//! Whether that gives an order of all calls is decided exactly. Cost: O(n log n) time, O(n) memory.

use schism_history::{History, Time};

use super::zones::{NONE, Zones};
use crate::models::RegisterAction;
use crate::object::Call;

type RegisterCall = Call<RegisterAction>;

/// An order of all calls that happened for sure, and of those of unknown outcome among `updates`, in which the updates
/// keep their order. Calls stand in order of invocation and are named by their index; `updates` must have all that
/// change the register and happened for sure. `None` when there is no such order.
pub(crate) fn around(calls: &[RegisterCall], values: u32, updates: &[u32]) -> Option<Vec<u32>> {
    let gaps = Gaps::of(calls, values, updates)?;
    // The certain calls by return, to know what each read stands behind.
    let mut gap_of = vec![NONE; calls.len()];
    for (place, &update) in updates.iter().enumerate() {
        gap_of[update as usize] = place as u32 + 1;
    }
    let mut returns: Vec<u32> = (0..calls.len() as u32)
        .filter(|&i| calls[i as usize].is_certain())
        .collect();
    returns.sort_by_key(|&i| calls[i as usize].end);
    let mut returned = returns.into_iter().peekable();
    let mut earliest = 0;
    // Readers by gap.
    let mut readers: Vec<(u32, u32)> = Vec::new();
    for (i, call) in calls.iter().enumerate() {
        if !call.is_certain() {
            continue;
        }
        while let Some(before) = returned.next_if(|&other| calls[other as usize].end < call.invoked)
        {
            let gap = gap_of[before as usize];
            if gap == NONE {
                // A certain update that is not among the updates.
                return None;
            }
            earliest = earliest.max(gap);
        }
        if call.action.left().is_some() {
            continue;
        }
        let gap = gaps.first(call.action, earliest)?;
        if gaps.begun[gap as usize] > call.end {
            return None;
        }
        gap_of[i] = gap;
        readers.push((gap, i as u32));
    }
    readers.sort_unstable();
    let mut order = Vec::with_capacity(updates.len() + readers.len());
    let mut readers = readers.into_iter().peekable();
    for gap in 0..=updates.len() as u32 {
        order.extend(gap.checked_sub(1).map(|before| updates[before as usize]));
        while let Some((_, reader)) = readers.next_if(|&(other, _)| other == gap) {
            order.push(reader);
        }
    }
    Some(order)
}

/// What the register holds before the first update, and after each.
struct Gaps {
    held: Vec<u32>,
    /// When the last of the updates up to there was invoked.
    begun: Vec<Time>,
    /// The next gap that holds another value.
    other: Vec<u32>,
    /// For each value, where its gaps begin in `with`.
    begins: Vec<u32>,
    /// Gaps by value.
    with: Vec<u32>,
}

impl Gaps {
    /// `None` when the updates cannot follow each other like that.
    fn of(calls: &[RegisterCall], values: u32, updates: &[u32]) -> Option<Self> {
        let mut held = vec![0];
        let mut begun = vec![Time::ZERO];
        let (mut value, mut latest) = (0, Time::ZERO);
        for &update in updates {
            let call = &calls[update as usize];
            if call.end < latest {
                return None;
            }
            value = match call.action {
                RegisterAction::Write(new) => new,
                RegisterAction::Cas(old, new) if old == value => new,
                _ => return None,
            };
            latest = latest.max(call.invoked);
            held.push(value);
            begun.push(latest);
        }
        let mut other = vec![held.len() as u32; held.len()];
        for gap in (1..held.len()).rev() {
            other[gap - 1] = if held[gap] == held[gap - 1] {
                other[gap]
            } else {
                gap as u32
            };
        }
        let mut begins = vec![0; values as usize + 1];
        for &value in &held {
            begins[value as usize + 1] += 1;
        }
        for value in 1..begins.len() {
            begins[value] += begins[value - 1];
        }
        let mut room = begins.clone();
        let mut with = vec![0; held.len()];
        for (gap, &value) in held.iter().enumerate() {
            let place = &mut room[value as usize];
            with[*place as usize] = gap as u32;
            *place += 1;
        }
        Some(Self {
            held,
            begun,
            other,
            begins,
            with,
        })
    }

    /// The first gap from `earliest` on in which a call that changes nothing fits.
    fn first(&self, action: RegisterAction, earliest: u32) -> Option<u32> {
        match action {
            RegisterAction::Unlike(value) if self.held[earliest as usize] != value => {
                Some(earliest)
            }
            RegisterAction::Unlike(_) => {
                let gap = self.other[earliest as usize];
                ((gap as usize) < self.held.len()).then_some(gap)
            }
            action => {
                let value = action.found()? as usize;
                let gaps = &self.with[self.begins[value] as usize..self.begins[value + 1] as usize];
                gaps.get(gaps.partition_point(|&gap| gap < earliest))
                    .copied()
            }
        }
    }
}

/// The updates that happened for sure in the database's own order, if it told it for all of them.
///
/// What a database says about itself proves nothing against it, nor for it; but an order that is found with its help
/// explains what the clients saw as well as any other.
pub(crate) fn by_revision(history: &History, calls: &[RegisterCall]) -> Option<Vec<u32>> {
    let mut numbered = Vec::new();
    for (i, call) in calls.iter().enumerate() {
        if call.is_certain() && call.action.left().is_some() {
            numbered.push((history.operation(call.id).revision()?, i as u32));
        }
    }
    numbered.sort_unstable();
    Some(numbered.into_iter().map(|(_, i)| i).collect())
}

/// The updates in the order that the zones found, as indices into [`Zones::calls`]. There must be no conflict.
pub(crate) fn by_zones(zones: &Zones) -> Vec<u32> {
    let mut blocks: Vec<_> = zones
        .blocks
        .iter()
        .map(|block| {
            let sum = u128::from(block.first_return.time.as_nanos())
                + u128::from(block.last_invocation.time.as_nanos());
            (!block.is_initial(), sum, block)
        })
        .collect();
    blocks.sort_by_key(|&(later, sum, _)| (later, sum));
    let mut updates = Vec::new();
    for (_, _, block) in blocks {
        if block.root == NONE {
            updates.push(block.last_invocation.call);
        }
        let mut version = block.root;
        while version != NONE {
            let it = &zones.versions[version as usize];
            if it.writer != NONE {
                updates.push(it.writer);
            }
            version = it.next;
        }
    }
    updates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Registers;
    use schism_history::testing;

    fn place(drawing: &str, updates: &[u32]) -> Option<Vec<u32>> {
        let history = testing::history(drawing);
        let registers = Registers::of(&history);
        let object = &registers.objects[0];
        around(registers.calls(object), object.values, updates)
    }

    #[test]
    fn reads_go_where_what_they_found_is() {
        let drawing = "
            0 |w x 1              |
            1  |w x 2              |
            2   |r x -> 1  |
            3                |r x -> 2|
            4                             |cas x 2 9 -> false ?
            5                               |w x 1|
            6                                       |r x -> 1|
            7                                       |cas x 2 3 -> false|
            ";
        let order = place(drawing, &[0, 1, 5]);
        assert_eq!(order, Some(vec![0, 2, 1, 3, 5, 6, 7]));
        assert_eq!(place(drawing, &[1, 0, 5]), None, "2 was read after 1");
        assert_eq!(place(drawing, &[0, 5, 1]), None, "2 was found before");
        assert_eq!(place(drawing, &[0, 1]), None, "one is missing");
    }

    #[test]
    fn a_compare_and_set_needs_its_value() {
        let drawing = "
            0 |w x 1    |
            1  |cas x 1 2|
            ";
        assert_eq!(place(drawing, &[0, 1]), Some(vec![0, 1]));
        assert_eq!(place(drawing, &[1, 0]), None);
    }
}
