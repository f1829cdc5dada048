//! Whether the faults happened.
//!
//! A green verdict means something only if what was done to the cluster took effect. Every fault says in the history
//! whether its injection and its healing were measured to work. The verdict is `unknown`, with the fault and the reason,
//! when one of them did not, or nobody knows; and when faults were planned and none was injected.
//!
//! Figures: `faults`, `installed` (injection measured to work), `healed` (healing measured to work).

use schism_history::{FaultOutcome, FaultSpan, History, Value};

use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

/// Every fault took effect, and so did its healing.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultEffect {
    planned: bool,
}

impl FaultEffect {
    /// For a run that planned to inject faults, or none.
    pub const fn new(planned: bool) -> Self {
        Self { planned }
    }
}

impl Checker for FaultEffect {
    fn name(&self) -> &'static str {
        "fault-effect"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Verdict {
        let faults = history.faults();
        let worked = |outcome: fn(&FaultSpan) -> FaultOutcome| {
            let worked = faults
                .iter()
                .filter(|fault| outcome(fault) == FaultOutcome::Installed);
            worked.count() as u64
        };
        let figures = Value::map([
            ("faults", faults.len() as u64),
            ("installed", worked(|fault| fault.outcome)),
            ("healed", worked(|fault| fault.heal_outcome)),
        ]);
        let doubts: Vec<String> = faults.iter().filter_map(doubt).collect();
        let (validity, summary) = match (doubts.first(), faults.len()) {
            (Some(first), _) => (
                Validity::Unknown,
                format!(
                    "of {}, {} cannot be relied on: {first}",
                    count(faults.len() as u64, "fault"),
                    doubts.len()
                ),
            ),
            (None, 0) if self.planned => (
                Validity::Unknown,
                "the plan has faults, but none was injected".to_owned(),
            ),
            (None, 0) => (
                Validity::Valid,
                "no fault was planned, and none injected".to_owned(),
            ),
            (None, faults) => (
                Validity::Valid,
                format!(
                    "{} took effect and healed, as measured",
                    count(faults as u64, "fault")
                ),
            ),
        };
        Verdict::new(self.name(), validity, summary).figures(figures)
    }
}

/// Why a fault cannot be relied on.
fn doubt(fault: &FaultSpan) -> Option<String> {
    let name = format!("{} ({})", fault.name, fault.label);
    let at = fault.injecting;
    let (doubt, evidence) = match (fault.outcome, fault.heal_outcome) {
        (FaultOutcome::Installed, FaultOutcome::Installed) => return None,
        (FaultOutcome::Skipped, _) => (
            format!("{name} at {at} had no effect, or was not tried"),
            &fault.evidence,
        ),
        (FaultOutcome::Indeterminate, _) => (
            format!("nobody knows whether {name} at {at} took effect"),
            &fault.evidence,
        ),
        (_, FaultOutcome::Skipped) => (
            format!("{name} from {at} on was not healed"),
            &fault.heal_evidence,
        ),
        (_, FaultOutcome::Indeterminate) => (
            format!("nobody knows whether {name} from {at} on was healed"),
            &fault.heal_evidence,
        ),
    };
    Some(match evidence.get("reason").and_then(Value::as_text) {
        Some(reason) => format!("{doubt}: {reason}"),
        None => doubt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::testing::Run;

    fn judge(planned: bool, outcomes: &[[&str; 2]]) -> Verdict {
        let mut run = Run::default();
        run.reads("n1", 0, 10, 2);
        for outcomes in outcomes {
            run.fault(&["n1"], &[], 1, 5, *outcomes);
        }
        FaultEffect::new(planned).check(&run.history(), &Budget::default())
    }

    #[test]
    fn measured_faults_are_relied_on() {
        let verdict = judge(true, &[["installed", "installed"]; 2]);
        assert_eq!(verdict.validity, Validity::Valid);
        assert_eq!(verdict.figures.get("healed"), Some(&Value::from(2)));
        assert_eq!(judge(false, &[]).validity, Validity::Valid);
    }

    #[test]
    fn a_fault_without_effect_says_which_and_why() {
        let cases = [
            (
                ["skipped", "installed"],
                "partition (cut) at 0.001 s had no effect, or was not tried: nobody leads",
            ),
            (
                ["indeterminate", "installed"],
                "nobody knows whether partition (cut) at",
            ),
            (["installed", "skipped"], "was not healed"),
            (
                ["installed", "indeterminate"],
                "nobody knows whether partition (cut) from",
            ),
        ];
        for (outcomes, reason) in cases {
            let verdict = judge(true, &[["installed", "installed"], outcomes]);
            assert_eq!(verdict.validity, Validity::Unknown);
            assert!(verdict.summary.contains(reason), "{}", verdict.summary);
            assert!(verdict.summary.starts_with("of 2 faults, 1 cannot"));
        }
    }

    #[test]
    fn planned_faults_must_come() {
        assert_eq!(judge(true, &[]).validity, Validity::Unknown);
    }
}
