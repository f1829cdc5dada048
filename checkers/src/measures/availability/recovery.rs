//! How soon after a fault was healed the database served again, and as fast as before.
//!
//! For each fault and each node that it concerned (those it acted on and those of its sides; all, if it names none):
//! the time from the end of the healing to the first answer on the node. Where nobody asked the node after that, or
//! another fault concerned it before it served again, nothing is measured. Where somebody asked and nobody was ever
//! served again, the time to the history's end is taken, and the fault is not `recovered`.
//!
//! *Steady* is the begin of the first second after the healing whose 99th percentile of the latencies of answers is at most
//! twice that of the ten seconds before the injection, with at least half as many answers as an average second then.
//! It is looked for until the next injection; nil when there is none, or nothing to compare with.

use std::time::Duration;

use schism_history::{FaultOutcome, FaultSpan, History, Time, Value};

use super::largest;
use crate::measures::attempt::Attempt;
use crate::measures::quantile::{Quantiles, seconds};

/// How long before an injection latency is measured.
const BEFORE: Duration = Duration::from_secs(10);
/// Answers below which that says nothing.
const FEWEST: usize = 10;
/// The length of the window that must be as fast as before, and by how much it is moved.
const WINDOW: Duration = Duration::from_secs(1);
const STRIDE: Duration = Duration::from_millis(100);
/// How much slower than before counts as fast again.
const FACTOR: u64 = 2;

/// What was measured for each healed fault.
pub(super) struct Recovery {
    faults: Vec<AfterFault>,
}

struct AfterFault {
    /// By place in [`History::faults`].
    fault: usize,
    /// By place in [`History::nodes`]; nanoseconds.
    first_ok: Vec<(usize, Option<u64>)>,
    recovered: bool,
    steady: Option<u64>,
}

impl AfterFault {
    fn longest(&self) -> Option<u64> {
        self.first_ok.iter().filter_map(|&(_, nanos)| nanos).max()
    }
}

/// Answers and attempts of one node, by time.
#[derive(Default)]
struct Node {
    /// When answers came, in order.
    served: Vec<Time>,
    /// When the last attempt was sent.
    asked: Option<Time>,
}

impl Recovery {
    /// O(attempts log attempts + faults × (nodes + faults)).
    pub(super) fn of(history: &History, attempts: &[Attempt]) -> Self {
        let mut nodes: Vec<Node> = history.nodes().iter().map(|_| Node::default()).collect();
        let mut served: Vec<(Time, u64)> = Vec::new();
        for attempt in attempts {
            if attempt.served {
                served.push((attempt.completed, attempt.latency()));
            }
            if let Some(node) = attempt.node {
                nodes[node].asked = Some(attempt.invoked);
                if attempt.served {
                    nodes[node].served.push(attempt.completed);
                }
            }
        }
        served.sort_unstable();
        for node in &mut nodes {
            node.served.sort_unstable();
        }
        let faults = history
            .faults()
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.outcome != FaultOutcome::Skipped)
            .filter_map(|(place, fault)| {
                let healed = fault.healed?;
                let first_ok: Vec<(usize, Result<u64, Why>)> = concerned(history, fault)
                    .into_iter()
                    .map(|node| (node, first_ok(history, place, healed, node, &nodes[node])))
                    .collect();
                Some(AfterFault {
                    fault: place,
                    recovered: first_ok.iter().all(|(_, nanos)| *nanos != Err(Why::Never)),
                    first_ok: first_ok
                        .into_iter()
                        .map(|(node, nanos)| {
                            let nanos = match nanos {
                                Ok(nanos) => Some(nanos),
                                Err(Why::Never) => Some(nanos_between(healed, history.end())),
                                Err(Why::NotMeasured) => None,
                            };
                            (node, nanos)
                        })
                        .collect(),
                    steady: steady(history, fault, healed, &served),
                })
            })
            .collect();
        Self { faults }
    }

    /// The longest time until a node served again, in nanoseconds; `None` when none was measured.
    pub(super) fn longest(&self) -> Option<u64> {
        self.faults.iter().filter_map(AfterFault::longest).max()
    }

    pub(super) fn figures(&self, history: &History) -> Vec<(&'static str, Value)> {
        let optional = |nanos: Option<u64>| nanos.map_or(Value::Nil, seconds);
        let faults = self.faults.iter().map(|after| {
            let fault = &history.faults()[after.fault];
            let first_ok = after.first_ok.iter();
            Value::map([
                ("fault", Value::from(fault.id)),
                ("name", Value::from(&*fault.name)),
                ("label", Value::from(&*fault.label)),
                ("recovered", Value::from(after.recovered)),
                ("recovery_s", optional(after.longest())),
                (
                    "first_ok_s",
                    Value::map(
                        first_ok.map(|&(node, nanos)| (&history.nodes()[node], optional(nanos))),
                    ),
                ),
                ("steady_s", optional(after.steady)),
            ])
        });
        vec![
            ("faults", Value::list(faults)),
            ("recovery_max_s", largest(self.longest().into_iter())),
            (
                "steady_max_s",
                largest(self.faults.iter().filter_map(|after| after.steady)),
            ),
        ]
    }
}

/// The nodes that a fault concerns, by place.
fn concerned(history: &History, fault: &FaultSpan) -> Vec<usize> {
    let named = |node: &std::sync::Arc<str>| {
        fault.nodes.contains(node) || fault.sides.iter().any(|side| side.contains(node))
    };
    let all = || 0..history.nodes().len();
    let some: Vec<usize> = all()
        .filter(|&node| named(&history.nodes()[node]))
        .collect();
    if some.is_empty() {
        all().collect()
    } else {
        some
    }
}

/// Why there is no first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Nobody asked, or another fault came first.
    NotMeasured,
    /// Somebody asked, and nobody was served.
    Never,
}

fn first_ok(
    history: &History,
    place: usize,
    healed: Time,
    node: usize,
    seen: &Node,
) -> Result<u64, Why> {
    let next = seen.served.partition_point(|&at| at < healed);
    let served = seen.served.get(next).copied();
    let until = served.unwrap_or(history.end());
    let disturbed = history.faults().iter().enumerate().any(|(other, fault)| {
        let (begin, end) = fault.window();
        other != place
            && fault.outcome != FaultOutcome::Skipped
            && begin < until
            && end > healed
            && concerned(history, fault).contains(&node)
    });
    match served {
        _ if disturbed => Err(Why::NotMeasured),
        Some(served) => Ok(nanos_between(healed, served)),
        None if seen.asked.is_some_and(|asked| asked >= healed) => Err(Why::Never),
        None => Err(Why::NotMeasured),
    }
}

/// Nanoseconds from the healing to the first second that is as fast as before the fault. `served` are all answers: when
/// they came, and how long they took.
fn steady(
    history: &History,
    fault: &FaultSpan,
    healed: Time,
    served: &[(Time, u64)],
) -> Option<u64> {
    let within = |from: Time, to: Time| {
        let begin = served.partition_point(|&(at, _)| at < from);
        let end = served.partition_point(|&(at, _)| at < to);
        &served[begin..end]
    };
    let p99 = |some: &[(Time, u64)]| {
        Quantiles::of(some.iter().map(|&(_, latency)| latency).collect()).at(0.99)
    };
    let before = within(fault.injecting - BEFORE, fault.injecting);
    if before.len() < FEWEST {
        return None;
    }
    let time = fault.injecting.since(before[0].0).max(WINDOW);
    let per_window = before.len() as f64 * WINDOW.as_secs_f64() / time.as_secs_f64();
    let (limit, enough) = (p99(before) * FACTOR, per_window / 2.0);
    let others = history.faults().iter().map(|fault| fault.injecting);
    let until = others
        .filter(|&begin| begin > healed)
        .min()
        .unwrap_or(history.end());
    let mut from = healed;
    while from + WINDOW <= until {
        let window = within(from, from + WINDOW);
        if window.len() as f64 >= enough && !window.is_empty() && p99(window) <= limit {
            return Some(nanos_between(healed, from));
        }
        from = from + STRIDE;
    }
    None
}

fn nanos_between(from: Time, to: Time) -> u64 {
    to.as_nanos().saturating_sub(from.as_nanos())
}

#[cfg(test)]
mod tests {
    use crate::measures::attempt::testing::{Run, figure};
    use crate::{Availability, Budget, Checker};
    use schism_history::{F, Kind, Value};

    const DONE: [&str; 2] = ["installed", "installed"];

    fn figures(run: Run) -> Value {
        Availability
            .check(&run.history(), &Budget::default())
            .figures
    }

    #[test]
    fn recovery_is_measured_by_node() {
        let mut run = Run::default();
        run.reads("n1", 0, 2_000, 10);
        run.reads("n2", 0, 2_000, 10);
        run.fault(&["n1", "n2"], &[], 2_000, 3_000, DONE);
        run.reads("n1", 3_100, 5_000, 10);
        run.reads("n2", 3_500, 5_000, 10);
        let figures = figures(run);
        let fault = &figure(&figures, "faults").as_list().unwrap()[0];
        assert_eq!(figure(fault, "first_ok_s.n1"), &Value::from(0.105));
        assert_eq!(figure(fault, "first_ok_s.n2"), &Value::from(0.505));
        assert_eq!(figure(fault, "recovered"), &Value::from(true));
        assert_eq!(figure(&figures, "recovery_max_s"), &Value::from(0.505));
        // Before, there were 200 successes a second; the first second with half of them begins at once.
        assert_eq!(figure(fault, "steady_s"), &Value::from(0.0));
    }

    #[test]
    fn a_node_that_never_serves_again_is_not_recovered() {
        let mut run = Run::default();
        run.reads("n1", 0, 1_000, 10);
        run.fault(&["n1"], &[], 1_000, 2_000, DONE);
        run.op("n1", &F::Read, 2_500, 4_000, Kind::Info, "timeout");
        let figures = figures(run);
        let fault = &figure(&figures, "faults").as_list().unwrap()[0];
        assert_eq!(figure(fault, "recovered"), &Value::from(false));
        assert_eq!(figure(fault, "recovery_s"), &Value::from(2.0));
        assert_eq!(figure(fault, "steady_s"), &Value::Nil);
    }

    #[test]
    fn to_be_told_no_is_to_be_served() {
        let run = |error| {
            let mut run = Run::default();
            run.reads("n1", 0, 1_000, 10);
            run.fault(&["n1"], &[], 1_000, 2_000, DONE);
            run.op("n1", &F::Cas, 2_010, 2_020, Kind::Fail, error);
            run.reads("n1", 2_500, 3_000, 10);
            figures(run)
        };
        let recovery = |error| figure(&run(error), "recovery_max_s").clone();
        assert_eq!(recovery("precondition: it holds 1"), Value::from(0.02));
        assert_eq!(recovery("conflict"), Value::from(0.02));
        assert_eq!(recovery("no leader"), Value::from(0.505));
    }

    #[test]
    fn what_the_next_fault_disturbs_is_not_measured() {
        let mut run = Run::default();
        run.reads("n1", 0, 1_000, 10);
        run.fault(&["n1"], &[], 1_000, 2_000, DONE);
        run.fault(&["n1"], &[], 2_100, 3_000, DONE);
        run.reads("n1", 3_300, 4_000, 10);
        let figures = figures(run);
        let faults = figure(&figures, "faults").as_list().unwrap();
        assert_eq!(figure(&faults[0], "recovery_s"), &Value::Nil);
        assert_eq!(figure(&faults[1], "recovery_s"), &Value::from(0.305));
    }

    #[test]
    fn steady_is_as_fast_as_before() {
        let mut run = Run::default();
        run.reads("n1", 0, 10_000, 10);
        run.fault(&["n1"], &[], 10_000, 11_000, DONE);
        // Five times as slow for two seconds, then as before.
        run.reads("n1", 11_000, 13_000, 50);
        run.reads("n1", 13_000, 16_000, 10);
        let figures = figures(run);
        assert_eq!(figure(&figures, "steady_max_s"), &Value::from(2.0));
    }
}
