//! What clients asked of the database while they measured it: the operations that availability, latency and errors are
//! about.

use rustc_hash::FxHashMap;
use schism_history::{F, FaultOutcome, History, OpId, Operation, Outcome, Time};

use crate::final_read::final_phase;

/// Classes of failures that are answers of a healthy database: a compare-and-set that found another value, a
/// transaction that gave way to another one.
const DECLINED: [&str; 2] = ["precondition", "conflict"];

/// Whether the database answered, and what it answered was no: it failed with the class `precondition` (a compare-and-set
/// that found another value) or `conflict` (a transaction that gave way to another one), or it is a compare-and-set that
/// failed and says no more. Such an operation did not happen, but it was served: it is available, and no error.
pub fn is_declined(op: &Operation<'_>) -> bool {
    op.outcome == Outcome::Fail
        && match op.error() {
            Some(error) => DECLINED.contains(&class(error)),
            None => *op.f() == F::Cas,
        }
}

/// The class of an error: what stands before the first colon.
pub(crate) fn class(error: &str) -> &str {
    error.split(':').next().unwrap_or_default().trim()
}

/// One operation, as far as it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Which operation it is.
    pub(crate) id: OpId,
    /// When it should have been sent.
    pub(crate) due: Time,
    /// When it was sent.
    pub(crate) invoked: Time,
    /// When the client had its answer or gave up; the history's end when it holds neither.
    pub(crate) completed: Time,
    /// Whether the database answered: it succeeded, or was declined.
    pub(crate) served: bool,
    /// Whether it was declined: see [`is_declined`].
    pub(crate) declined: bool,
    /// The node it was sent to, by place in [`History::nodes`].
    pub(crate) node: Option<usize>,
    /// Its function, by place in [`History::functions`].
    pub(crate) function: usize,
}

impl Attempt {
    /// Whether it succeeded.
    pub(crate) fn is_ok(&self) -> bool {
        self.served && !self.declined
    }

    /// Nanoseconds from when it should have been sent to its completion.
    pub(crate) fn latency(&self) -> u64 {
        self.completed
            .as_nanos()
            .saturating_sub(self.due.as_nanos())
    }
}

/// What is measured, in order of invocation. The final reads are left out: the harness repeats them until they succeed.
pub(crate) fn attempts(history: &History) -> Vec<Attempt> {
    let nodes: FxHashMap<&str, usize> = places(history.nodes().iter().map(|node| &**node));
    let functions: FxHashMap<&str, usize> = places(history.functions().iter().map(F::name));
    let end = final_phase(history).unwrap_or(Time::NEVER);
    let measured = history.operations().take_while(|op| op.invoked < end);
    measured
        .map(|op| {
            let declined = is_declined(&op);
            Attempt {
                id: op.id,
                due: op.due(),
                invoked: op.invoked,
                completed: op.completed.unwrap_or(history.end()),
                served: declined || op.outcome == Outcome::Ok,
                declined,
                node: op.node().and_then(|node| nodes.get(&**node)).copied(),
                function: functions.get(op.f().name()).copied().unwrap_or_default(),
            }
        })
        .collect()
}

fn places<'a>(names: impl Iterator<Item = &'a str>) -> FxHashMap<&'a str, usize> {
    names
        .enumerate()
        .map(|(place, name)| (name, place))
        .collect()
}

/// When faults may have had an effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultWindows {
    /// Disjoint, in order of time.
    windows: Vec<(Time, Time)>,
}

impl FaultWindows {
    /// From the begin of each injection to the end of its healing. Faults that surely had no effect do not count.
    pub(crate) fn of(history: &History) -> Self {
        let mut all: Vec<(Time, Time)> = history
            .faults()
            .iter()
            .filter(|fault| fault.outcome != FaultOutcome::Skipped)
            .map(schism_history::FaultSpan::window)
            .collect();
        all.sort_unstable();
        let mut windows: Vec<(Time, Time)> = Vec::new();
        for (begin, end) in all {
            match windows.last_mut() {
                Some((_, last)) if begin <= *last => *last = end.max(*last),
                _ => windows.push((begin, end)),
            }
        }
        Self { windows }
    }

    /// When the first one begins; `None` when there is none.
    pub(crate) fn begin(&self) -> Option<Time> {
        self.windows.first().map(|&(begin, _)| begin)
    }

    /// Whether any of the time from `begin` to `end` lies in a window. O(log n).
    pub(crate) fn overlap(&self, begin: Time, end: Time) -> bool {
        let next = self.windows.partition_point(|&(_, to)| to < begin);
        self.windows.get(next).is_some_and(|&(from, _)| from <= end)
    }
}

/// Runs with nodes, errors and faults, for the tests of those who measure.
#[cfg(test)]
pub(crate) mod testing {
    use schism_history::{Event, F, History, Kind, Process, Time, Value};

    /// Builds a history from operations and faults in any order.
    #[derive(Default)]
    pub(crate) struct Run {
        events: Vec<(u64, Event)>,
        processes: u32,
        faults: i64,
    }

    impl Run {
        /// One operation of a new process, in milliseconds.
        pub(crate) fn op(&mut self, node: &str, f: &F, from: u64, to: u64, end: Kind, error: &str) {
            let process = Process::client(self.processes);
            self.processes += 1;
            let event = |millis, kind| {
                Event::new(Time::from_millis(millis), process, kind, f.clone())
                    .key("x")
                    .node(node)
            };
            self.events.push((from * 2 + 1, event(from, Kind::Invoke)));
            let end = event(to, end);
            let end = if error.is_empty() {
                end
            } else {
                end.error(error)
            };
            self.events.push((to * 2, end));
        }

        /// Successful reads on a node, one after the other, `every` milliseconds, each taking half of that.
        pub(crate) fn reads(&mut self, node: &str, from: u64, to: u64, every: usize) {
            for begin in (from..to).step_by(every) {
                self.op(
                    node,
                    &F::Read,
                    begin,
                    begin + every as u64 / 2,
                    Kind::Ok,
                    "",
                );
            }
        }

        /// A fault on some nodes, in milliseconds, with the outcomes of its injection and its healing.
        pub(crate) fn fault(
            &mut self,
            nodes: &[&str],
            sides: &[&[&str]],
            from: u64,
            to: u64,
            outcomes: [&str; 2],
        ) {
            let id = self.faults;
            self.faults += 1;
            let names = |names: &[&str]| Value::list(names.iter().copied());
            let mut push = |millis, f, parts: Vec<(&str, Value)>| {
                let event = Event::new(Time::from_millis(millis), Process::NEMESIS, Kind::Info, f);
                self.events
                    .push((millis * 2, event.value(Value::map(parts))));
            };
            let about = vec![
                ("fault", Value::from(id)),
                ("name", "partition".into()),
                ("label", "cut".into()),
                ("nodes", names(nodes)),
                ("sides", Value::list(sides.iter().map(|side| names(side)))),
            ];
            push(from, F::Inject, about.clone());
            let mut done = about;
            done.push(("outcome", outcomes[0].into()));
            if outcomes[0] != "installed" {
                done.push(("evidence", Value::map([("reason", "nobody leads")])));
            }
            push(from, F::Inject, done);
            push(to, F::Heal, vec![("fault", Value::from(id))]);
            let healed = vec![("fault", Value::from(id)), ("outcome", outcomes[1].into())];
            push(to, F::Heal, healed);
        }

        /// The history.
        pub(crate) fn history(mut self) -> History {
            self.events.sort_by_key(|&(order, _)| order);
            crate::generate::history(self.events.into_iter().map(|(_, event)| event).collect())
        }
    }

    /// A figure inside figures: `by_node.n1.ok_share`.
    pub(crate) fn figure<'v>(figures: &'v Value, path: &str) -> &'v Value {
        path.split('.').fold(figures, |value, part| {
            value
                .get(part)
                .unwrap_or_else(|| panic!("no {part} of {path} in {value}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Run;
    use super::*;
    use schism_history::Kind;

    #[test]
    fn no_is_an_answer() {
        let mut run = Run::default();
        run.op(
            "n1",
            &F::Cas,
            1,
            2,
            Kind::Fail,
            "precondition: it does not hold 1",
        );
        run.op("n1", &F::Cas, 3, 4, Kind::Fail, "");
        run.op("n1", &F::Write, 5, 6, Kind::Fail, "");
        run.op(
            "n1",
            &F::Write,
            7,
            8,
            Kind::Fail,
            "connection refused: port 1",
        );
        run.op("n1", &F::Write, 9, 10, Kind::Info, "conflict");
        run.op("n1", &F::Txn, 11, 12, Kind::Fail, "conflict: try again");
        run.op("n1", &F::Write, 13, 14, Kind::Fail, "conflicting opinions");
        run.op("n1", &F::Cas, 15, 16, Kind::Info, "precondition");
        run.op("n1", &F::Cas, 17, 18, Kind::Fail, "no leader: precondition");
        run.op("n1", &F::Read, 19, 20, Kind::Ok, "");
        let attempts = attempts(&run.history());
        let those = |which: fn(&Attempt) -> bool| -> Vec<u32> {
            let chosen = attempts.iter().filter(|attempt| which(attempt));
            chosen.map(|attempt| attempt.id.0).collect()
        };
        assert_eq!(attempts.len(), 10);
        assert_eq!(those(|attempt| attempt.declined), [0, 1, 5]);
        assert_eq!(those(|attempt| attempt.served), [0, 1, 5, 9]);
        assert_eq!(those(Attempt::is_ok), [9]);
    }

    #[test]
    fn fault_windows_are_merged() {
        let mut run = Run::default();
        run.fault(&["n1"], &[], 10, 20, ["installed", "installed"]);
        run.fault(&["n2"], &[], 15, 30, ["indeterminate", "installed"]);
        run.fault(&["n1"], &[], 50, 60, ["skipped", "skipped"]);
        let history = run.history();
        let windows = FaultWindows::of(&history);
        assert_eq!(windows.begin(), Some(Time::from_millis(10)));
        let overlap = |from, to| windows.overlap(Time::from_millis(from), Time::from_millis(to));
        assert!(!overlap(1, 9) && overlap(9, 11) && overlap(25, 26) && overlap(30, 40));
        assert!(!overlap(31, 100));
    }
}
