//! How long operations took, by function.
//!
//! Only operations that succeeded count (not those that were declined, which may be answered sooner), from the moment at which they should have been sent: in an open loop, waiting
//! for a free worker is latency too. The final reads are left out.
//!
//! Figures, for each function and for `all`: `count`, `p50_s`, `p95_s`, `p99_s`, `p999_s`, `max_s`; and the same inside
//! `during_faults` (any of the time from the begin of an injection to the end of its healing) and `outside_faults`.
//! So the 99th percentile of reads is `read.p99_s`.

use schism_history::{F, History, Value};

use crate::measures::attempt::{Attempt, FaultWindows, attempts};
use crate::measures::quantile::Quantiles;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

/// Measures how long operations took. Gates judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency;

impl Checker for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Verdict {
        let attempts = attempts(history);
        let windows = FaultWindows::of(history);
        let ok: Vec<(&Attempt, bool)> = attempts
            .iter()
            .filter(|attempt| attempt.is_ok())
            .map(|attempt| (attempt, windows.overlap(attempt.due, attempt.completed)))
            .collect();
        if ok.is_empty() {
            return Verdict::new(
                self.name(),
                Validity::Unknown,
                "there is nothing to measure: no operation succeeded",
            );
        }
        let of = |function: Option<usize>, faults: Option<bool>| {
            let chosen = ok.iter().filter(|(attempt, during)| {
                function.is_none_or(|function| attempt.function == function)
                    && faults.is_none_or(|faults| *during == faults)
            });
            Quantiles::of(chosen.map(|(attempt, _)| attempt.latency()).collect())
        };
        let figures_of = |function: Option<usize>| {
            let mut figures = measured(&of(function, None));
            for (name, faults) in [("during_faults", true), ("outside_faults", false)] {
                figures.push((name, Value::map(measured(&of(function, Some(faults))))));
            }
            Value::map(figures)
        };
        let all = of(None, None);
        let mut figures: Vec<(&str, Value)> = history
            .functions()
            .iter()
            .enumerate()
            .map(|(place, function)| (F::name(function), figures_of(Some(place))))
            .collect();
        figures.push(("all", figures_of(None)));
        let millis = |nanos: u64| format!("{:.1} ms", nanos as f64 / 1e6);
        let summary = format!(
            "half of {} took at most {}, 99 of 100 at most {}, the slowest {}",
            count(all.count(), "operation"),
            millis(all.at(0.5)),
            millis(all.at(0.99)),
            millis(all.max())
        );
        Verdict::new(self.name(), Validity::Valid, summary).figures(Value::map(figures))
    }
}

/// The count, and the quantiles if there is anything to take them of.
fn measured(quantiles: &Quantiles) -> Vec<(&'static str, Value)> {
    let mut figures = vec![("count", Value::from(quantiles.count()))];
    if quantiles.count() > 0 {
        figures.extend(quantiles.in_seconds());
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::testing::{Run, figure};
    use schism_history::Kind;

    #[test]
    fn quantiles_are_by_function_and_by_fault() {
        let mut run = Run::default();
        run.reads("n1", 0, 400, 4);
        run.op("n1", &F::Read, 500, 700, Kind::Ok, "");
        run.op("n1", &F::Write, 800, 805, Kind::Ok, "");
        run.op("n1", &F::Write, 900, 990, Kind::Fail, "refused");
        run.op("n1", &F::Write, 900, 991, Kind::Fail, "conflict");
        run.fault(&["n1"], &[], 600, 650, ["installed", "installed"]);
        let verdict = Latency.check(&run.history(), &Budget::default());
        assert_eq!(verdict.validity, Validity::Valid);
        assert_eq!(
            verdict.summary,
            "half of 102 operations took at most 2.0 ms, 99 of 100 at most 5.0 ms, the slowest 200.0 ms"
        );
        let figures = &verdict.figures;
        assert_eq!(figure(figures, "read.count"), &Value::from(101));
        assert_eq!(figure(figures, "read.p99_s"), &Value::from(0.002));
        assert_eq!(figure(figures, "read.max_s"), &Value::from(0.2));
        assert_eq!(figure(figures, "write.p50_s"), &Value::from(0.005));
        assert_eq!(
            figure(figures, "read.during_faults.p50_s"),
            &Value::from(0.2)
        );
        assert_eq!(
            figure(figures, "all.outside_faults.max_s"),
            &Value::from(0.005)
        );
        assert_eq!(
            figure(figures, "write.during_faults.count"),
            &Value::from(0)
        );
    }

    #[test]
    fn without_success_there_is_nothing_to_measure() {
        let mut run = Run::default();
        run.op("n1", &F::Write, 900, 990, Kind::Fail, "refused");
        let verdict = Latency.check(&run.history(), &Budget::default());
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
