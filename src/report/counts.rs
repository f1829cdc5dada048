//! How many operations ended how.

use schism_history::{F, History, Outcome};
use serde::Serialize;

/// Operations by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Happened.
    pub(crate) ok: u64,
    /// Surely did not happen.
    pub(crate) fail: u64,
    /// Nobody knows.
    pub(crate) info: u64,
}

impl Counts {
    /// All of them.
    pub(crate) const fn total(self) -> u64 {
        self.ok + self.fail + self.info
    }

    /// Those with this outcome.
    pub(crate) const fn of(self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Ok => self.ok,
            Outcome::Fail => self.fail,
            Outcome::Info => self.info,
        }
    }

    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Fail => self.fail += 1,
            Outcome::Info => self.info += 1,
        }
    }
}

/// The operations of a whole history. O(operations).
pub(crate) fn all(history: &History) -> Counts {
    let mut counts = Counts::default();
    for operation in history.operations() {
        counts.add(operation.outcome);
    }
    counts
}

/// By function, in order of first use. O(operations × functions).
pub(crate) fn by_function(history: &History) -> Vec<(&F, Counts)> {
    let mut rows: Vec<(&F, Counts)> = history
        .functions()
        .iter()
        .map(|f| (f, Counts::default()))
        .collect();
    for operation in history.operations() {
        if let Some((_, counts)) = rows.iter_mut().find(|(f, _)| *f == operation.f()) {
            counts.add(operation.outcome);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing::history;

    #[test]
    fn operations_are_counted_by_outcome_and_function() {
        let history = history(
            "
            0 |w x 1|
            1   |r x -> 1|
            2               |w x 2 ?
            3      |w x 3 !|
            ",
        );
        let expected = Counts {
            ok: 2,
            fail: 1,
            info: 1,
        };
        assert_eq!(all(&history), expected);
        assert_eq!(expected.total(), 4);
        let rows: Vec<_> = by_function(&history)
            .into_iter()
            .map(|(f, counts)| (f.name(), counts.ok, counts.fail, counts.info))
            .collect();
        assert_eq!(rows, [("write", 1, 1, 1), ("read", 1, 0, 0)]);
    }
}
