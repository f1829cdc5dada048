//! One line of the table: a kind of violation, planted for many seeds.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Checker, Validity, Verdict};
use schism_history::History;

/// Seeds of each kind of violation.
pub(crate) const SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 10_000 };

/// A checker on histories that are right, and on the same ones with a violation planted. `build` makes the history of
/// a seed and plants the violation if it is told to; `None` when this seed has no place for one. What is planted must be
/// found by the name `kind`, in every history that has it; what is right must be found valid.
pub(crate) fn trial(
    checker: &dyn Checker,
    kind: &str,
    build: impl Fn(&mut Pcg64Mcg, bool) -> Option<History>,
) {
    let (mut planted, mut found, mut alarms, mut decided) = (0, 0, 0, 0);
    let mut seed = 0;
    while planted < SEEDS {
        assert!(seed < SEEDS * 20, "{kind} can be planted in few seeds only");
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        seed += 1;
        let Some(bad) = build(&mut rng.clone(), true) else {
            continue;
        };
        planted += 1;
        let verdict = judge(checker, &bad);
        if verdict.anomalies.iter().any(|anomaly| anomaly.name == kind) {
            found += 1;
        } else {
            eprintln_missed(checker.name(), kind, seed - 1, &verdict, &bad);
        }
        let good = build(&mut rng, false).expect("without a violation there is always a history");
        let verdict = judge(checker, &good);
        alarms += u64::from(verdict.validity == Validity::Invalid);
        decided += u64::from(verdict.validity == Validity::Valid);
    }
    let name = checker.name();
    report(&format!(
        "{name:20} {kind:28} {planted:6} {found:6} {alarms:6}"
    ));
    assert_eq!(found, planted, "{name} misses {kind}");
    assert_eq!(alarms, 0, "{name} gives false alarms");
    assert!(
        decided * 5 > planted,
        "{name} decides {decided} of {planted} right histories only"
    );
}

fn judge(checker: &dyn Checker, history: &History) -> Verdict {
    let verdict = checker.check(history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{history:?}");
    for anomaly in &verdict.anomalies {
        assert!(anomaly.confirmation.agrees);
    }
    verdict
}

#[expect(clippy::print_stdout, reason = "the table is what the test is run for")]
fn report(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "the seed is needed to look into it")]
fn eprintln_missed(name: &str, kind: &str, seed: u64, verdict: &Verdict, history: &History) {
    eprintln!(
        "{name} misses {kind} of seed {seed}: {}\n{history:?}",
        verdict.summary
    );
}
