//! The reads that have the last word about an object.
//!
//! Whether a write is lost or only not visible yet is decided at the end, when the cluster is healed and everybody has
//! caught up: the harness then reads every object once from every node, in a phase of its own.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Outcome, Time, Value};

/// The name of the phase in which the harness reads everything once more.
pub(crate) const FINAL_READS: &str = "final-reads";

/// When the final reads begin; `None` when the history has no such phase.
pub(crate) fn final_phase(history: &History) -> Option<Time> {
    let phase = history
        .phases()
        .iter()
        .find(|phase| *phase.name == *FINAL_READS)?;
    Some(phase.from)
}

/// Of the successful reads of one object, in order of invocation, those that have the last word: the ones of the final
/// phase. In a history that names no phases (an imported one), the last read of each node. None when the history has
/// phases, but nobody read the object in the final one.
pub(crate) fn last_words(history: &History, reads: impl Iterator<Item = OpId>) -> Vec<OpId> {
    last_words_of(history, reads, |_| &Value::Nil)
}

/// The same for reads that are each about a part of the object: an element of a set. Each node has a last word on each.
pub(crate) fn last_words_of<'h>(
    history: &'h History,
    reads: impl Iterator<Item = OpId>,
    part: impl Fn(OpId) -> &'h Value,
) -> Vec<OpId> {
    let ok = reads.filter(|&id| history.operation(id).outcome == Outcome::Ok);
    if let Some(begin) = final_phase(history) {
        return ok
            .filter(|&id| history.operation(id).invoked >= begin)
            .collect();
    }
    if !history.phases().is_empty() {
        return Vec::new();
    }
    // Nodes by where their names stand: each has one, and comparing places is faster than comparing names.
    let mut last: FxHashMap<(usize, &Value), OpId> = FxHashMap::default();
    for id in ok {
        let node = history.operation(id).node();
        let place = node.map_or(0, |node| Arc::as_ptr(node).addr());
        last.insert((place, part(id)), id);
    }
    let mut last: Vec<OpId> = last.into_values().collect();
    last.sort_unstable();
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::{Event, F, Kind, Process, testing};

    #[test]
    fn without_phases_each_node_speaks_last() {
        let history = testing::history(
            "
            0@n1 |r x -> 1|
            0@n2            |r x -> 1|
            0@n1                       |r x -> 2|
            0@n2                                  |r x -> 3 !|
            ",
        );
        let all = (0..4).map(OpId);
        assert_eq!(last_words(&history, all), [OpId(1), OpId(2)]);
    }

    #[test]
    fn with_phases_only_the_final_one_counts() {
        let mut builder = History::builder();
        let mut at = 0;
        let mut push = |process, kind, f: F, value: &str| {
            at += 1;
            let event = Event::new(Time::from_millis(at), process, kind, f).value(value);
            builder.push(event).unwrap();
        };
        let client = Process::client(0);
        push(Process::NEMESIS, Kind::Info, F::Phase, "main");
        push(client, Kind::Invoke, F::Read, "");
        push(client, Kind::Ok, F::Read, "1");
        push(Process::NEMESIS, Kind::Info, F::Phase, FINAL_READS);
        push(client, Kind::Invoke, F::Read, "");
        push(client, Kind::Ok, F::Read, "1");
        let history = builder.finish();
        assert_eq!(
            last_words(&history, [OpId(0), OpId(1)].into_iter()),
            [OpId(1)]
        );
        assert_eq!(last_words(&history, [OpId(0)].into_iter()), []);
    }
}
