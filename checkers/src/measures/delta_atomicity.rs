//! Δ-atomicity: how many seconds behind reads are, as one number.
//!
//! A history is Δ-atomic if it were linearizable had every read been sent Δ earlier: a read may return what was the newest
//! value Δ before. The least Δ is told (Golab, Li and Shah, "Analyzing consistency properties for fun and profit", 2011).
//! It is exact on registers whose values are written once. A compare-and-set counts as a read and a write. Being stale
//! breaks no promise by itself, so the verdict is never invalid; gates judge the figures.
//!
//! Cost: O(n log n), and again for each bit of Δ over the values that are in conflict at all.
//!
//! Figures: `delta_s` (the least Δ; 0 when linearizable; nil when no Δ explains the history), `keys`, `late_keys` (keys
//! with Δ > 0), `reads` (judged), `undecidable` (reads of which it is not known which write they saw), `impossible` (reads of
//! what was not written yet, or never).

use schism_history::{History, Value};

use crate::measures::clusters::{self, Cluster};
use crate::measures::quantile::seconds;
use crate::proof::story::count;
use crate::sessions::program::Program;
use crate::{Budget, Checker, Validity, Verdict};

/// Measures how many seconds behind reads are, at the most. Gates judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeltaAtomicity;

impl Checker for DeltaAtomicity {
    fn name(&self) -> &'static str {
        "delta-atomicity"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let program = Program::of(history);
        let (keys, impossible) = clusters::of(history, &program);
        let (mut worst, mut late) = (0, 0_u64);
        for key in &keys {
            if budget.is_stopped() {
                return Verdict::new(self.name(), Validity::Unknown, "the check was stopped");
            }
            let delta = least(&key.clusters);
            worst = worst.max(delta);
            late += u64::from(delta > 0);
        }
        let reads = program.reads;
        let figures = Value::map([
            (
                "delta_s",
                if impossible.is_empty() {
                    seconds(worst)
                } else {
                    Value::Nil
                },
            ),
            ("keys", Value::from(keys.len() as u64)),
            ("late_keys", late.into()),
            ("reads", reads.into()),
            ("undecidable", program.undecidable.into()),
            ("impossible", (impossible.len() as u64).into()),
        ]);
        let (validity, summary) = if let Some(first) = impossible.first() {
            (
                Validity::Unknown,
                format!(
                    "no delay explains {}, the first of which is {first}: they returned what was not written yet, or never",
                    count(impossible.len() as u64, "read")
                ),
            )
        } else if reads == 0 {
            (
                Validity::Unknown,
                "there is nothing to measure: no read of a register whose values were written once"
                    .to_owned(),
            )
        } else if worst == 0 {
            (
                Validity::Valid,
                format!("none of {} is behind: Δ is 0", count(reads, "read")),
            )
        } else {
            (
                Validity::Valid,
                format!(
                    "reads are up to {:.3} s behind: Δ-atomic for that Δ and no smaller one ({} of {} behind)",
                    worst as f64 / 1e9,
                    late,
                    count(keys.len() as u64, "key")
                ),
            )
        };
        Verdict::new(self.name(), validity, summary).figures(figures)
    }
}

/// The least Δ, in nanoseconds, of clusters none of which was read before it was written.
fn least(clusters: &[Cluster]) -> u64 {
    let mut by_end = clusters.to_vec();
    by_end.sort_unstable_by_key(|cluster| cluster.end);
    let conflict = clusters::in_conflict(&by_end, 0);
    let mut place = 0;
    // A conflict at any Δ is one at 0 too.
    by_end.retain(|_| {
        place += 1;
        conflict[place - 1]
    });
    let explains = |delta| !clusters::in_conflict(&by_end, delta).contains(&true);
    let (mut low, mut high) = (0, by_end.iter().map(|it| it.last_read).max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low) / 2;
        if explains(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::mutate;
    use crate::generate::{self, Clients};
    use crate::measures::attempt::testing::figure;
    use crate::{Linearizable, measures::clusters::Key};
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use schism_history::{Event, F, Kind, Time, testing};

    fn judge(drawing: &str) -> Verdict {
        DeltaAtomicity.check(&testing::history(drawing), &Budget::default())
    }

    #[test]
    fn delta_is_the_delay_that_explains_all() {
        let verdict = judge(
            "
            0 |w x 1|
            0         |w x 2|
            1                    |r x -> 1|
            ",
        );
        // 2 had been written so long before the read was sent.
        assert_eq!(figure(&verdict.figures, "delta_s"), &Value::from(0.005_001));
        let verdict = judge(
            "
            0 |w x 1|
            1     |r x -> nil|
            ",
        );
        assert_eq!(figure(&verdict.figures, "delta_s"), &Value::from(0.0));
        assert_eq!(verdict.validity, Validity::Valid);
    }

    #[test]
    fn no_delay_explains_a_read_of_what_comes_later() {
        let verdict = judge(
            "
            1 |r x -> 1|
            0             |w x 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(figure(&verdict.figures, "delta_s"), &Value::Nil);
    }

    /// The definition: had each read been sent so much earlier, the history were linearizable; a nanosecond less, and not.
    #[test]
    fn it_is_the_least_delay_by_definition() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let mut late = 0;
        for _ in 0..300 {
            let clients = Clients {
                cas: 0,
                values: 0,
                revisions: false,
                ..crate::arbitrary::clients(&mut rng)
            };
            let mut events = generate::register(&clients, &mut rng);
            mutate(&mut events, 2, &mut rng);
            let history = generate::history(events.clone());
            let program = Program::of(&history);
            let (keys, impossible) = clusters::of(&history, &program);
            if !impossible.is_empty() {
                continue;
            }
            let delta = keys
                .iter()
                .map(|key: &Key| least(&key.clusters))
                .max()
                .unwrap_or(0);
            let valid = |delta: u64| {
                let history = earlier(&events, delta);
                Linearizable.check(&history, &Budget::default()).validity == Validity::Valid
            };
            assert!(valid(delta), "{delta} {history:?}");
            if delta > 0 {
                late += 1;
                assert!(!valid(delta - 1), "{delta} {history:?}");
            }
        }
        assert!(late > 50, "{late}");
    }

    /// The same events, but each read was sent earlier, by a process of its own.
    fn earlier(events: &[Event], delta: u64) -> History {
        const AFTER: u64 = 1_000_000;
        let mut open: Vec<(schism_history::Process, usize)> = Vec::new();
        let mut moved: Vec<Event> = Vec::new();
        let mut next = 1_000_000;
        for event in events {
            let read = event.f == F::Read;
            let mut event = event.clone();
            event.time = Time::from_nanos(event.time.as_nanos() + AFTER);
            if event.kind == Kind::Invoke {
                if read {
                    event.time = Time::from_nanos(event.time.as_nanos() - delta);
                    next += 1;
                    open.retain(|(process, _)| *process != event.process);
                    open.push((event.process, next));
                    event.process = schism_history::Process::client(next as u32);
                }
            } else if read {
                let (_, alias) = open
                    .iter()
                    .find(|(process, _)| *process == event.process)
                    .unwrap();
                event.process = schism_history::Process::client(*alias as u32);
            }
            moved.push(event);
        }
        moved.sort_by_key(|event| event.time);
        generate::history(moved)
    }
}
