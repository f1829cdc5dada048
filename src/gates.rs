//! Gates: what a plan asks for beyond the verdict, compared with what was measured.
//!
//! The figures are those that the checkers leave in their verdicts. A gate whose figure is not there is
//! [`Level::NotMeasured`], which misses the gate: silence never passes.

use std::fmt;
use std::time::Duration;

use schism_checkers::{Validity, Verdict};
use schism_history::Value;
use serde::{Serialize, Serializer};

use crate::plan::units::Share;
use crate::plan::{Gates, Levels};

/// The checker that measures availability and recovery.
pub const AVAILABILITY: &str = "availability";
/// The checker that measures errors.
pub const ERRORS: &str = "errors";
/// The checker that measures stale reads.
pub const STALENESS: &str = "staleness";
/// The checker that measures latency.
pub const LATENCY: &str = "latency";

/// How a gate came out, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// On the good side of every level.
    Passed,
    /// Beyond the warning level. Shown, but not missed.
    Warning,
    /// Beyond the critical level: missed.
    Critical,
    /// There is no figure: missed.
    NotMeasured,
}

impl Level {
    /// Its name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::NotMeasured => "not measured",
        }
    }

    /// Whether the gate is missed.
    pub const fn is_missed(self) -> bool {
        matches!(self, Self::Critical | Self::NotMeasured)
    }
}

/// What a gate measures or asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share, from 0 to 1.
    Share(f64),
    /// Seconds, 0 or more.
    Seconds(f64),
    /// A checker's answer.
    Validity(Validity),
}

/// `99.93%`, `12.3ms`, `valid`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Share(share) => {
                // Six digits tell five nines apart and leave out what division leaves behind.
                let rounded = (share * 1e6).round() / 1e6;
                match Share::new(rounded) {
                    Some(share) => write!(f, "{share}"),
                    None => write!(f, "{share}"),
                }
            }
            Self::Seconds(seconds) => {
                let (number, unit) = match seconds {
                    s if s >= 1.0 => (s, "s"),
                    s if s >= 1e-3 => (s * 1e3, "ms"),
                    s if s > 0.0 => (s * 1e6, "µs"),
                    s => (s, "s"),
                };
                // Three digits are more than any run repeats.
                let decimals = match number {
                    n if n >= 100.0 => 0,
                    n if n >= 10.0 => 1,
                    _ => 2,
                };
                let text = format!("{number:.decimals$}");
                let text = if text.contains('.') {
                    text.trim_end_matches('0').trim_end_matches('.')
                } else {
                    &text
                };
                write!(f, "{text}{unit}")
            }
            Self::Validity(validity) => f.write_str(validity.name()),
        }
    }
}

/// Shares and seconds as numbers, an answer as its name.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Share(number) | Self::Seconds(number) => serializer.serialize_f64(number),
            Self::Validity(validity) => serializer.serialize_str(validity.name()),
        }
    }
}

/// How one gate came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateResult {
    /// Its name, the path of its key in the plan's `[gates]`: `availability`, `latency.read.p99`.
    pub name: String,
    /// What was measured.
    pub measured: Option<Amount>,
    /// Where the warning begins.
    pub warning: Option<Amount>,
    /// Where the gate is missed.
    pub critical: Option<Amount>,
    /// How it came out.
    pub level: Level,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which side of a level is good.
#[derive(Clone, Copy)]
enum Good {
    /// At the level and above.
    High,
    /// At the level and below.
    Low,
}

/// Compares every gate with what the checkers measured, in the order of the plan's documentation.
pub fn evaluate(gates: &Gates, verdicts: &[Verdict]) -> Vec<GateResult> {
    let mut results = Vec::new();
    for checker in &gates.require {
        results.push(required(checker, verdicts));
    }
    let shares = [
        (
            AVAILABILITY,
            Good::High,
            gates.availability,
            (AVAILABILITY, "ok_share"),
        ),
        ("errors", Good::Low, gates.errors, (ERRORS, "share")),
        (
            "stale_reads",
            Good::Low,
            gates.stale_reads,
            (STALENESS, "stale_share"),
        ),
    ];
    for (name, good, levels, (checker, figure)) in shares {
        if let Some(levels) = levels {
            let measured = figure_of(verdicts, checker, &[figure]);
            let levels = amounts(levels, |share| Amount::Share(share.get()));
            results.push(compared(
                name.to_owned(),
                good,
                levels,
                measured,
                Amount::Share,
            ));
        }
    }
    if let Some(levels) = gates.recovery {
        let measured = figure_of(verdicts, AVAILABILITY, &["recovery_max_s"]);
        let levels = amounts(levels, seconds);
        results.push(compared(
            "recovery".to_owned(),
            Good::Low,
            levels,
            measured,
            Amount::Seconds,
        ));
    }
    for (function, quantiles) in &gates.latency {
        for (quantile, levels) in quantiles {
            let figure = format!("{}_s", quantile.name());
            let measured = figure_of(verdicts, LATENCY, &[function, &figure]);
            results.push(compared(
                format!("latency.{function}.{}", quantile.name()),
                Good::Low,
                amounts(*levels, seconds),
                measured,
                Amount::Seconds,
            ));
        }
    }
    results
}

fn required(checker: &str, verdicts: &[Verdict]) -> GateResult {
    let found = verdicts.iter().find(|verdict| verdict.checker == checker);
    let (level, reason) = match found.map(|verdict| verdict.validity) {
        Some(Validity::Valid) => (Level::Passed, None),
        Some(Validity::Invalid) => (Level::Critical, None),
        Some(Validity::Unknown) => (
            Level::NotMeasured,
            found.map(|verdict| verdict.summary.clone()),
        ),
        None => (
            Level::NotMeasured,
            Some(format!("the checker {checker} did not run")),
        ),
    };
    GateResult {
        name: format!("require.{checker}"),
        measured: found.map(|verdict| Amount::Validity(verdict.validity)),
        warning: None,
        critical: Some(Amount::Validity(Validity::Valid)),
        level,
        reason,
    }
}

fn compared(
    name: String,
    good: Good,
    levels: Levels<Amount>,
    measured: Result<f64, String>,
    amount: fn(f64) -> Amount,
) -> GateResult {
    let is_beyond = |figure: f64, level: Option<Amount>| {
        level.is_some_and(|level| {
            let (Amount::Share(level) | Amount::Seconds(level)) = level else {
                return false;
            };
            match good {
                Good::High => figure < level,
                Good::Low => figure > level,
            }
        })
    };
    let (measured, level, reason) = match measured {
        Ok(figure) => {
            let level = if is_beyond(figure, levels.critical) {
                Level::Critical
            } else if is_beyond(figure, levels.warning) {
                Level::Warning
            } else {
                Level::Passed
            };
            (Some(amount(figure)), level, None)
        }
        Err(reason) => (None, Level::NotMeasured, Some(reason)),
    };
    GateResult {
        name,
        measured,
        warning: levels.warning,
        critical: levels.critical,
        level,
        reason,
    }
}

/// A figure of a checker's verdict: the way to it from the verdict's figures.
fn figure_of(verdicts: &[Verdict], checker: &str, way: &[&str]) -> Result<f64, String> {
    let verdict = verdicts
        .iter()
        .find(|verdict| verdict.checker == checker)
        .ok_or_else(|| format!("the checker {checker} did not run"))?;
    let figure = way
        .iter()
        .try_fold(&verdict.figures, |figures, name| figures.get(name));
    let number = match figure {
        Some(Value::Float(number)) => Some(*number),
        Some(Value::Int(number)) => Some(*number as f64),
        _ => None,
    };
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| format!("the checker {checker} measured no {}", way.join(".")))
}

fn amounts<T>(levels: Levels<T>, amount: impl Fn(T) -> Amount) -> Levels<Amount> {
    Levels {
        warning: levels.warning.map(&amount),
        critical: levels.critical.map(&amount),
    }
}

fn seconds(duration: Duration) -> Amount {
    Amount::Seconds(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::Quantile;

    fn verdict(checker: &'static str, figures: Value) -> Verdict {
        Verdict::new(checker, Validity::Valid, "as it should be").figures(figures)
    }

    fn share(text: &str) -> Option<Share> {
        text.parse().ok()
    }

    fn availability(measured: f64) -> GateResult {
        let gates = Gates {
            availability: Some(Levels {
                warning: share("99.9%"),
                critical: share("99%"),
            }),
            ..Gates::default()
        };
        let figures = Value::map([("ok_share", measured)]);
        evaluate(&gates, &[verdict(AVAILABILITY, figures)]).remove(0)
    }

    #[test]
    fn a_level_itself_is_on_its_good_side() {
        assert_eq!(availability(1.0).level, Level::Passed);
        assert_eq!(availability(999.0 / 1000.0).level, Level::Passed);
        assert_eq!(availability(0.999_f64.next_down()).level, Level::Warning);
        assert_eq!(availability(99.0 / 100.0).level, Level::Warning);
        assert_eq!(availability(0.99_f64.next_down()).level, Level::Critical);
        assert_eq!(availability(0.0).level, Level::Critical);
    }

    fn read_p99(figures: Value) -> GateResult {
        let levels = Levels {
            warning: Some(Duration::from_millis(50)),
            critical: Some(Duration::from_millis(200)),
        };
        let gates = Gates {
            latency: BTreeMap::from([(
                "read".to_owned(),
                BTreeMap::from([(Quantile::P99, levels)]),
            )]),
            ..Gates::default()
        };
        evaluate(&gates, &[verdict(LATENCY, figures)]).remove(0)
    }

    #[test]
    fn latency_is_bad_when_it_is_high() {
        let of = |seconds: f64| read_p99(Value::map([("read", Value::map([("p99_s", seconds)]))]));
        assert_eq!(of(0.05).level, Level::Passed);
        assert_eq!(of(0.0501).level, Level::Warning);
        assert_eq!(of(0.2).level, Level::Warning);
        assert_eq!(of(0.2_f64.next_up()).level, Level::Critical);
        assert_eq!(of(0.05).name, "latency.read.p99");
        let whole = read_p99(Value::map([("read", Value::map([("p99_s", 1)]))]));
        assert_eq!(whole.level, Level::Critical);
    }

    #[test]
    fn what_is_not_measured_is_missed() {
        for figures in [
            Value::Nil,
            Value::map([("write", Value::map([("p99_s", 0.1)]))]),
            Value::map([("read", Value::map([("p99_s", f64::NAN)]))]),
            Value::map([("read", Value::map([("p99_s", -1.0)]))]),
            Value::map([("read", Value::map([("p99_s", "fast")]))]),
        ] {
            let result = read_p99(figures);
            assert_eq!(result.level, Level::NotMeasured);
            assert!(result.level.is_missed());
            assert!(result.reason.unwrap().contains("read.p99_s"));
        }
        let gates = Gates {
            recovery: Some(Levels {
                warning: None,
                critical: Some(Duration::from_secs(30)),
            }),
            ..Gates::default()
        };
        let result = evaluate(&gates, &[]).remove(0);
        assert_eq!(result.level, Level::NotMeasured);
        assert!(result.reason.unwrap().contains("did not run"));
    }

    #[test]
    fn a_required_checker_must_say_valid() {
        let gates = Gates {
            require: vec!["linearizable".to_owned()],
            ..Gates::default()
        };
        let level = |verdicts: &[Verdict]| evaluate(&gates, verdicts).remove(0).level;
        let said = |validity| [Verdict::new("linearizable", validity, "")];
        assert_eq!(level(&said(Validity::Valid)), Level::Passed);
        assert_eq!(level(&said(Validity::Invalid)), Level::Critical);
        assert_eq!(level(&said(Validity::Unknown)), Level::NotMeasured);
        assert_eq!(level(&[]), Level::NotMeasured);
    }

    #[test]
    fn errors_staleness_and_recovery_have_figures_of_their_own() {
        let gates = Gates {
            errors: Some(Levels {
                warning: share("1%"),
                critical: None,
            }),
            stale_reads: Some(Levels {
                warning: None,
                critical: share("0%"),
            }),
            recovery: Some(Levels {
                warning: Some(Duration::from_secs(5)),
                critical: None,
            }),
            ..Gates::default()
        };
        let verdicts = [
            verdict(ERRORS, Value::map([("share", 0.5)])),
            verdict(STALENESS, Value::map([("stale_share", 0.0)])),
            verdict(AVAILABILITY, Value::map([("recovery_max_s", 4.9)])),
        ];
        let levels: Vec<_> = evaluate(&gates, &verdicts)
            .into_iter()
            .map(|result| (result.name, result.level))
            .collect();
        assert_eq!(
            levels,
            [
                // Without a critical level nothing is missed.
                ("errors".to_owned(), Level::Warning),
                ("stale_reads".to_owned(), Level::Passed),
                ("recovery".to_owned(), Level::Passed),
            ]
        );
    }

    #[test]
    fn amounts_are_written_for_people() {
        for (amount, text) in [
            (Amount::Share(0.999), "99.9%"),
            (Amount::Share(2.0 / 3.0), "66.6667%"),
            (Amount::Share(1.0), "100%"),
            (Amount::Seconds(0.0), "0s"),
            (Amount::Seconds(0.012_34), "12.3ms"),
            (Amount::Seconds(0.2), "200ms"),
            (Amount::Seconds(4.213), "4.21s"),
            (Amount::Seconds(30.0), "30s"),
            (Amount::Seconds(0.000_15), "150µs"),
            (Amount::Validity(Validity::Unknown), "unknown"),
        ] {
            assert_eq!(amount.to_string(), text);
        }
        let json = serde_json::to_string(&availability(0.5)).unwrap();
        assert_eq!(
            json,
            r#"{"name":"availability","measured":0.5,"warning":0.999,"critical":0.99,"level":"critical"}"#
        );
    }
}
