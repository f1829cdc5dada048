//! The first thing a reader sees: the verdict in plain words, what keeps it from being better, and the key figures.

use schism_checkers::Validity;
use schism_history::{FaultOutcome, FaultSpan};

use super::counts::Counts;
use super::input::Input;
use super::{counts, figure, number, phrase};
use crate::exit_code::ExitCode;
use crate::gates::{Amount, GateResult, Level};

/// How a verdict is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Valid, and nothing else to say.
    Good,
    /// Valid, with a but.
    Flawed,
    /// Unknown.
    Doubtful,
    /// Invalid.
    Bad,
}

impl Tone {
    /// Its name in style sheets.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Flawed | Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }
}

/// The verdict's colour.
pub(crate) fn tone(input: &Input<'_>) -> Tone {
    match (input.conclusion.validity, input.conclusion.exit) {
        (Validity::Invalid, _) => Tone::Bad,
        (Validity::Valid, ExitCode::Valid) => Tone::Good,
        (Validity::Valid, _) => Tone::Flawed,
        (Validity::Unknown, _) => Tone::Doubtful,
    }
}

/// The verdict in one word, as it is printed first.
pub(crate) fn word(input: &Input<'_>) -> &'static str {
    match input.conclusion.validity {
        Validity::Valid => "VALID",
        Validity::Unknown => "UNKNOWN",
        Validity::Invalid => "INVALID",
    }
}

/// The verdict in a few words.
pub(crate) fn title(input: &Input<'_>) -> String {
    let conclusion = input.conclusion;
    match (conclusion.validity, conclusion.exit) {
        (Validity::Invalid, _) => "Invalid: a promise was broken".to_owned(),
        (Validity::Valid, ExitCode::Valid) => "Valid: every checked promise was kept".to_owned(),
        (Validity::Valid, ExitCode::GateMissed) => "Valid, but a gate was missed".to_owned(),
        (Validity::Valid, _) => format!("Valid, but: {}", conclusion.exit.meaning()),
        (Validity::Unknown, ExitCode::Unknown) => {
            "Unknown: this run proves nothing either way".to_owned()
        }
        (Validity::Unknown, _) => format!("Unknown: {}", conclusion.exit.meaning()),
    }
}

/// What keeps the run from being valid without a but, besides proven anomalies; each in a sentence.
pub(crate) fn doubts(input: &Input<'_>) -> Vec<String> {
    let mut doubts = Vec::new();
    for verdict in input.verdicts {
        if let Some(disagreement) = &verdict.disagreement {
            doubts.push(format!(
                "{}: two algorithms disagree, which is an error in schism: {}",
                verdict.checker,
                phrase::clean(disagreement)
            ));
        } else if verdict.validity == Validity::Unknown {
            doubts.push(format!(
                "{}: {}",
                verdict.checker,
                phrase::clean(&verdict.summary)
            ));
        }
    }
    for gate in input.gates.iter().filter(|gate| gate.level.is_missed()) {
        // A required checker that found an anomaly is what the verdict says already.
        if gate.measured != Some(Amount::Validity(Validity::Invalid)) {
            doubts.push(gate_in_words(gate));
        }
    }
    if let Some(torn) = input.torn {
        doubts.push(phrase::clean(torn));
    }
    // The reason is shown already.
    doubts.retain(|doubt| !doubt.ends_with(&phrase::clean(&input.conclusion.reason)));
    doubts
}

/// A gate in a sentence: `latency.read.p99 is 250 ms, beyond its critical limit of 200 ms`.
pub(crate) fn gate_in_words(gate: &GateResult) -> String {
    let name = phrase::clean(&gate.name);
    let Some(measured) = gate.measured else {
        return match &gate.reason {
            Some(reason) => format!("{name} could not be measured: {}", phrase::clean(reason)),
            None => format!("{name} could not be measured"),
        };
    };
    let measured = amount(measured);
    let limit = match gate.level {
        Level::Critical => gate.critical.map(|limit| ("critical", limit)),
        Level::Warning => gate.warning.map(|limit| ("warning", limit)),
        Level::Passed | Level::NotMeasured => None,
    };
    match limit {
        Some((_, Amount::Validity(required))) => {
            format!("{name} is {measured}, required is {}", required.name())
        }
        Some((level, limit)) if amount(limit) == measured => {
            // Rounded, they are the same: then every digit counts.
            let (measured, limit) = (gate.measured.map(exact), exact(limit));
            let measured = measured.unwrap_or_default();
            format!("{name} is {measured}, beyond its {level} limit of {limit}")
        }
        Some((level, limit)) => format!(
            "{name} is {measured}, beyond its {level} limit of {}",
            amount(limit)
        ),
        None => format!("{name} is {measured}"),
    }
}

/// A measured value or a limit in words.
pub(crate) fn amount(amount: Amount) -> String {
    match amount {
        Amount::Share(part) => number::share(part),
        Amount::Seconds(s) => number::seconds(s),
        Amount::Validity(validity) => validity.name().to_owned(),
    }
}

/// The same, not rounded.
fn exact(amount: Amount) -> String {
    match amount {
        Amount::Share(part) => format!("{} %", part * 100.0),
        Amount::Seconds(s) => format!("{s} s"),
        Amount::Validity(validity) => validity.name().to_owned(),
    }
}

/// How many faults there are, and how many of them took effect by measurement.
pub(crate) fn proved_faults(faults: &[FaultSpan]) -> (usize, usize) {
    let proved = faults
        .iter()
        .filter(|fault| fault.outcome == FaultOutcome::Installed)
        .count();
    (proved, faults.len())
}

/// A key figure of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// What it is.
    pub(crate) name: String,
    /// Its value, short.
    pub(crate) value: String,
    /// A remark, possibly empty.
    pub(crate) remark: String,
    /// Whether it is worse than it should be.
    pub(crate) is_bad: bool,
}

/// The key figures, at most eight. What was not measured is left out.
pub(crate) fn tiles(input: &Input<'_>) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let all = counts::all(input.history);
    tiles.push(Tile {
        name: "Operations".to_owned(),
        value: number::count(all.total()),
        remark: outcomes(all),
        is_bad: all.ok == 0,
    });
    if let Some(ok) = figure::find(input.verdicts, "availability.ok_share") {
        let outage = figure::find(input.verdicts, "availability.outage_max_s");
        tiles.push(Tile {
            name: "Availability".to_owned(),
            value: number::share(ok),
            remark: outage.map_or_else(String::new, |s| {
                format!("longest outage {}", number::seconds(s))
            }),
            is_bad: false,
        });
    }
    for f in input.history.functions() {
        if tiles.len() >= 5 {
            break;
        }
        let name = format!("latency.{f}.p99_s");
        if let Some(p99) = figure::find(input.verdicts, &name) {
            let p50 = figure::find(input.verdicts, &format!("latency.{f}.p50_s"));
            tiles.push(Tile {
                name: format!("p99 of {}", phrase::clean(f.name())),
                value: number::seconds(p99),
                remark: p50.map_or_else(String::new, |p50| format!("p50 {}", number::seconds(p50))),
                is_bad: false,
            });
        }
    }
    let (proved, faults) = proved_faults(input.history.faults());
    if faults > 0 {
        tiles.push(Tile {
            name: "Faults proved".to_owned(),
            value: format!("{proved} of {faults}"),
            remark: if proved == faults {
                "each measured to take effect".to_owned()
            } else {
                format!("{} without proof", faults - proved)
            },
            is_bad: proved < faults,
        });
    }
    if let Some(recovery) = figure::find(input.verdicts, "availability.recovery_max_s") {
        tiles.push(Tile {
            name: "Slowest recovery".to_owned(),
            value: number::seconds(recovery),
            remark: "from heal to first ok".to_owned(),
            is_bad: false,
        });
    }
    if !input.gates.is_empty() {
        let passed = input
            .gates
            .iter()
            .filter(|gate| !gate.level.is_missed())
            .count();
        tiles.push(Tile {
            name: "Gates held".to_owned(),
            value: format!("{passed} of {}", input.gates.len()),
            remark: String::new(),
            is_bad: passed < input.gates.len(),
        });
    }
    tiles
}

/// `19,800 ok · 204 unknown · 100 failed`, without the zeros.
pub(crate) fn outcomes(counts: Counts) -> String {
    let parts: Vec<String> = [
        (counts.ok, "ok"),
        (counts.info, "unknown"),
        (counts.fail, "failed"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, name)| format!("{} {name}", number::count(n)))
    .collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_is_missed_by_a_hair_does_not_look_met() {
        let gate = |measured, critical| GateResult {
            name: "latency.read.p99".to_owned(),
            measured: Some(Amount::Seconds(measured)),
            warning: None,
            critical: Some(Amount::Seconds(critical)),
            level: Level::Critical,
            reason: None,
        };
        assert_eq!(
            gate_in_words(&gate(0.412, 0.25)),
            "latency.read.p99 is 412 ms, beyond its critical limit of 250 ms"
        );
        assert_eq!(
            gate_in_words(&gate(0.250_000_5, 0.25)),
            "latency.read.p99 is 0.2500005 s, beyond its critical limit of 0.25 s"
        );
    }
}
