//! What each process is doing, while a history is built.

use rustc_hash::FxHashMap;

use crate::{OpId, Process};

/// What a process is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing.
    #[default]
    Free,
    /// It waits for this one.
    Open(OpId),
    /// Its last operation, which ended as `info`.
    Ended(OpId),
}

/// Processes below this are looked up by their number: 4 MiB at most.
const FEW: usize = 1 << 19;

/// What each process is doing.
#[derive(Default)]
pub(crate) struct Slots {
    few: Vec<Slot>,
    others: FxHashMap<Process, Slot>,
}

impl Slots {
    pub(crate) fn get(&self, process: Process) -> Slot {
        let place = place(process);
        if place < FEW {
            self.few.get(place).copied().unwrap_or_default()
        } else {
            self.others.get(&process).copied().unwrap_or_default()
        }
    }

    pub(crate) fn set(&mut self, process: Process, slot: Slot) {
        let place = place(process);
        if place >= FEW {
            self.others.insert(process, slot);
            return;
        }
        if place >= self.few.len() {
            self.few.resize(place + 1, Slot::Free);
        }
        self.few[place] = slot;
    }
}

/// The nemesis has no slot; its number is above all others.
fn place(process: Process) -> usize {
    process.number().unwrap_or(u32::MAX) as usize
}
