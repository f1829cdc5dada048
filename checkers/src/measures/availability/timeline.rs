//! Availability over time: when somebody was served, and when nobody was.
//!
//! The run is cut into stretches of 100 ms. In a stretch somebody *asked* if any attempt was open in it, whatever came
//! of it: a client that hangs for seconds asks all that time. Somebody *was served* if an answered attempt that took at
//! most one second was open in it, or a slower one ended in it: who hung through an outage and got his answer at last
//! does not prove that there was none. Stretches in which nobody asked count neither way; an outage goes on through
//! them.

use schism_history::{Time, Value};

use super::largest;
use crate::measures::attempt::Attempt;
use crate::measures::quantile::{seconds, share};

/// The length of a stretch. A run of more than a million of them (28 hours) is cut into longer ones.
const STRETCH: u64 = 100_000_000;
const MOST_STRETCHES: u64 = 1_000_000;
/// An answered attempt that took longer proves only that the database was there at its end.
const SLOW: u64 = 1_000_000_000;

/// Stretches in a row in which somebody asked and nobody was served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// From the begin of the first one to the next stretch in which somebody was served, or to the last in which
    /// somebody asked.
    pub(super) nanos: u64,
    /// Whether somebody was served after it.
    pub(super) ended: bool,
}

/// When somebody was served.
#[derive(Debug)]
pub(super) struct Timeline {
    stretch: u64,
    served: u64,
    unserved: u64,
    pub(super) outages: Vec<Outage>,
}

impl Timeline {
    /// O(attempts + stretches).
    pub(super) fn of<'a>(attempts: impl Iterator<Item = &'a Attempt>, end: Time) -> Self {
        let stretch = STRETCH.max(end.as_nanos().div_ceil(MOST_STRETCHES));
        let place = |time: Time| (time.as_nanos() / stretch) as usize;
        let stretches = place(end) + 1;
        // How many more are open, or served, than in the stretch before.
        let mut open = vec![0_i64; stretches + 1];
        let mut serving = vec![0_i64; stretches + 1];
        for attempt in attempts {
            let (from, to) = (place(attempt.invoked), place(attempt.completed));
            open[from] += 1;
            open[to + 1] -= 1;
            if attempt.served {
                let took = attempt.completed.since(attempt.invoked).as_nanos();
                let from = if took <= u128::from(SLOW) { from } else { to };
                serving[from] += 1;
                serving[to + 1] -= 1;
            }
        }
        let mut timeline = Self {
            stretch,
            served: 0,
            unserved: 0,
            outages: Vec::new(),
        };
        let (mut asked, mut answered) = (0, 0);
        // The first and the last stretch of the outage that is going on.
        let mut outage: Option<(usize, usize)> = None;
        for i in 0..stretches {
            asked += open[i];
            answered += serving[i];
            if answered > 0 {
                timeline.served += 1;
                if let Some((begin, _)) = outage.take() {
                    timeline.outages.push(Outage {
                        nanos: (i - begin) as u64 * stretch,
                        ended: true,
                    });
                }
            } else if asked > 0 {
                timeline.unserved += 1;
                outage = Some((outage.map_or(i, |(begin, _)| begin), i));
            }
        }
        if let Some((begin, last)) = outage {
            timeline.outages.push(Outage {
                nanos: (last + 1 - begin) as u64 * stretch,
                ended: false,
            });
        }
        timeline
    }

    /// The share of the stretches in which somebody asked that somebody was served in.
    pub(super) fn share(&self) -> Value {
        share(self.served, self.served + self.unserved)
    }

    /// The longest outage in seconds; 0 when there was none.
    pub(super) fn longest(&self) -> Value {
        seconds(
            self.outages
                .iter()
                .map(|outage| outage.nanos)
                .max()
                .unwrap_or(0),
        )
    }

    pub(super) fn figures(&self) -> Vec<(&'static str, Value)> {
        let ended: Vec<u64> = self
            .outages
            .iter()
            .filter(|outage| outage.ended)
            .map(|outage| outage.nanos)
            .collect();
        let mean = ended.iter().sum::<u64>().checked_div(ended.len() as u64);
        vec![
            ("time_share", self.share()),
            ("bucket_s", seconds(self.stretch)),
            ("outages", Value::from(self.outages.len() as u64)),
            ("outage_max_s", self.longest()),
            (
                "outage_total_s",
                seconds(self.outages.iter().map(|outage| outage.nanos).sum()),
            ),
            ("mttr_s", largest(mean.into_iter())),
            (
                "open_outage",
                Value::from(self.outages.iter().any(|outage| !outage.ended)),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::attempts;
    use crate::measures::attempt::testing::{Run, figure};
    use schism_history::{F, Kind};

    fn figures(run: Run) -> Value {
        let history = run.history();
        Value::map(Timeline::of(attempts(&history).iter(), history.end()).figures())
    }

    #[test]
    fn an_outage_lasts_until_somebody_is_served() {
        let mut run = Run::default();
        run.reads("n1", 0, 1_000, 10);
        // Hangs from 1.0 s to 3.0 s, then is served again.
        run.op("n1", &F::Read, 1_000, 3_000, Kind::Info, "timeout");
        run.reads("n1", 3_000, 4_000, 10);
        let figures = figures(run);
        assert_eq!(figure(&figures, "time_share"), &Value::from(20.0 / 40.0));
        assert_eq!(figure(&figures, "outages"), &Value::from(1));
        assert_eq!(figure(&figures, "outage_max_s"), &Value::from(2.0));
        assert_eq!(figure(&figures, "mttr_s"), &Value::from(2.0));
        assert_eq!(figure(&figures, "open_outage"), &Value::from(false));
    }

    #[test]
    fn who_hangs_through_an_outage_does_not_hide_it() {
        let mut run = Run::default();
        run.reads("n1", 0, 1_000, 10);
        run.op("n1", &F::Read, 1_000, 5_050, Kind::Ok, "");
        let figures = figures(run);
        assert_eq!(figure(&figures, "outage_max_s"), &Value::from(4.0));
    }

    #[test]
    fn a_slow_answer_is_an_answer() {
        let mut run = Run::default();
        run.reads("n1", 0, 2_000, 500);
        let figures = figures(run);
        assert_eq!(figure(&figures, "time_share"), &Value::from(1.0));
        assert_eq!(figure(&figures, "outage_max_s"), &Value::from(0.0));
        assert_eq!(figure(&figures, "mttr_s"), &Value::Nil);
    }

    #[test]
    fn an_outage_may_last_to_the_end() {
        let mut run = Run::default();
        run.reads("n1", 0, 1_000, 10);
        run.op("n1", &F::Read, 1_000, 1_950, Kind::Fail, "refused");
        let figures = figures(run);
        assert_eq!(figure(&figures, "open_outage"), &Value::from(true));
        assert_eq!(figure(&figures, "outage_total_s"), &Value::from(1.0));
        assert_eq!(figure(&figures, "mttr_s"), &Value::Nil);
    }

    #[test]
    fn to_be_told_no_is_no_outage() {
        let run = |end, error| {
            let mut run = Run::default();
            run.reads("n1", 0, 1_000, 10);
            for begin in (1_000..3_000).step_by(50) {
                run.op("n1", &F::Cas, begin, begin + 50, end, error);
            }
            run.reads("n1", 3_000, 4_000, 10);
            figures(run)
        };
        let declined = run(Kind::Fail, "precondition: it holds 1");
        assert_eq!(figure(&declined, "time_share"), &Value::from(1.0));
        assert_eq!(figure(&declined, "outages"), &Value::from(0));
        for (end, error) in [
            (Kind::Fail, "no leader"),
            (Kind::Info, "precondition: it holds 1"),
        ] {
            let failed = run(end, error);
            assert_eq!(figure(&failed, "time_share"), &Value::from(0.5));
            assert_eq!(figure(&failed, "outage_max_s"), &Value::from(2.0));
        }
    }

    #[test]
    fn a_very_long_run_is_cut_into_longer_stretches() {
        let mut run = Run::default();
        run.op("n1", &F::Read, 1, 2, Kind::Ok, "");
        run.op(
            "n1",
            &F::Read,
            400_000_000_000,
            400_000_000_001,
            Kind::Ok,
            "",
        );
        let figures = figures(run);
        assert_eq!(figure(&figures, "time_share"), &Value::from(1.0));
    }
}
