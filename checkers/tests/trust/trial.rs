//! One line of the table: a kind of violation, planted for many seeds.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, Validity, Verdict};
use schism_history::History;

/// Seeds of each kind of violation.
pub(crate) const SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 10_000 };

/// A checker on histories that are right, and on the same ones with a violation planted. What is planted must be found by
/// the name `kind`, in every history that has it; what is right must not be found invalid.
pub(crate) fn trial(
    checker: &dyn Checker,
    kind: &str,
    build: impl Fn(&mut Pcg64Mcg, bool) -> Option<History>,
) {
    let trial = Trial {
        checker,
        subject: checker.name(),
        kind,
        is_found: |verdict, kind| verdict.anomalies.iter().any(|anomaly| anomaly.name == kind),
        all_decided: false,
    };
    trial.run(build);
}

/// Whether the verdict is invalid, whatever the anomalies are called.
pub(crate) fn is_invalid(verdict: &Verdict, _kind: &str) -> bool {
    verdict.validity == Validity::Invalid
}

/// One line of the table.
pub(crate) struct Trial<'a> {
    pub(crate) checker: &'a dyn Checker,
    /// What is judged: the checker, or the kind of object.
    pub(crate) subject: &'a str,
    /// What is planted.
    pub(crate) kind: &'a str,
    /// Whether a verdict has found it.
    pub(crate) is_found: fn(&Verdict, &str) -> bool,
    /// Whether every right history must be found valid, and not just one in five.
    pub(crate) all_decided: bool,
}

impl Trial<'_> {
    /// `build` makes the history of a seed and plants the violation if it is told to; `None` when this seed has no place
    /// for one.
    pub(crate) fn run(&self, build: impl Fn(&mut Pcg64Mcg, bool) -> Option<History>) {
        let Self { subject, kind, .. } = self;
        let (mut planted, mut found, mut alarms, mut decided) = (0, 0, 0, 0);
        let mut seed = 0;
        while planted < SEEDS {
            assert!(seed < SEEDS * 50, "{kind} can be planted in few seeds only");
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            seed += 1;
            let Some(bad) = build(&mut rng.clone(), true) else {
                continue;
            };
            planted += 1;
            let verdict = judge(self.checker, &bad);
            if (self.is_found)(&verdict, kind) {
                found += 1;
            } else {
                show_missed(subject, kind, seed - 1, &verdict, &bad);
            }
            let good =
                build(&mut rng, false).expect("without a violation there is always a history");
            let verdict = judge(self.checker, &good);
            alarms += u64::from(verdict.validity == Validity::Invalid);
            decided += u64::from(verdict.validity == Validity::Valid);
        }
        report(subject, kind, planted, found, alarms);
        assert_eq!(found, planted, "{subject} misses {kind}");
        assert_eq!(alarms, 0, "{subject} gives false alarms");
        let fewest = if self.all_decided {
            planted
        } else {
            planted / 5
        };
        assert!(
            decided >= fewest,
            "{subject} decides {decided} of {planted} right histories only"
        );
    }
}

/// The verdict. Two algorithms must not disagree, and each anomaly must be confirmed.
pub(crate) fn judge(checker: &dyn Checker, history: &History) -> Verdict {
    let verdict = checker.check(history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{history:?}");
    for anomaly in &verdict.anomalies {
        assert!(anomaly.confirmation.agrees, "{anomaly:?}");
    }
    verdict
}

/// Prints a line: of how many histories with a violation it was found in how many, and false alarms on right ones.
#[expect(clippy::print_stdout, reason = "the table is what the test is run for")]
pub(crate) fn report(subject: &str, kind: &str, planted: u64, found: u64, alarms: u64) {
    println!("{subject:20} {kind:28} {planted:6} {found:6} {alarms:6}");
}

#[expect(clippy::print_stderr, reason = "the seed is needed to look into it")]
fn show_missed(subject: &str, kind: &str, seed: u64, verdict: &Verdict, history: &History) {
    eprintln!(
        "{subject} misses {kind} of seed {seed}: {}\n{history:?}",
        verdict.summary
    );
}
