//! `JUnit` XML: one test case for each checker and each gate. An anomaly is a failure; what is not known is an error.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use schism_checkers::{Validity, Verdict};

use super::anomaly;
use super::headline;
use super::input::Input;
use super::{number, phrase};
use crate::exit_code::ExitCode;
use crate::gates::{GateResult, Level};

/// So many characters of a text are kept.
const TEXT_MOST: usize = 4_000;
/// So many anomalies of a checker are told.
const ANOMALIES_MOST: usize = 10;
/// So many operations of an anomaly are told.
const OPERATIONS_MOST: usize = 40;

/// `junit.xml`. Has no times and no ids of its own, so it is the same every time.
pub fn xml(input: &Input<'_>) -> String {
    let mut report = Report::new(phrase::clean(&input.run.name));
    let mut run = TestSuite::new("run");
    run.add_test_case(whole(input));
    report.add_test_suite(run);
    let mut checkers = TestSuite::new("checkers");
    for verdict in input.verdicts {
        checkers.add_test_case(checker(input, verdict));
    }
    report.add_test_suite(checkers);
    if !input.gates.is_empty() {
        let mut gates = TestSuite::new("gates");
        for result in input.gates {
            gates.add_test_case(gate(result));
        }
        report.add_test_suite(gates);
    }
    report
        .to_string()
        .expect("XML is written to memory, and every text in it is valid XML")
}

/// The run as a whole: it fails here only for what no checker and no gate shows, so that "nothing ran" is never green.
fn whole(input: &Input<'_>) -> TestCase {
    let conclusion = input.conclusion;
    let is_unknown = |verdict: &Verdict| verdict.validity == Validity::Unknown;
    let is_shown_below = match conclusion.exit {
        ExitCode::Valid | ExitCode::Anomaly | ExitCode::GateMissed => true,
        ExitCode::Unknown => input.verdicts.iter().any(is_unknown),
        _ => false,
    };
    let status = if is_shown_below {
        TestCaseStatus::success()
    } else {
        non_success(
            NonSuccessKind::Error,
            conclusion.exit.meaning(),
            "run",
            &conclusion.reason,
        )
    };
    let mut case = TestCase::new("run", status);
    case.set_classname("schism.run");
    case.set_system_out(text(&format!(
        "{}\n{}\nrepeat: {}",
        headline::title(input),
        phrase::clean(&conclusion.reason),
        phrase::clean(&input.run.command)
    )));
    case
}

fn checker(input: &Input<'_>, verdict: &Verdict) -> TestCase {
    let summary = phrase::clean(&verdict.summary);
    let status = match (verdict.validity, &verdict.disagreement) {
        (Validity::Invalid, _) => {
            let kind = verdict.anomalies.first().map_or("anomaly", |a| a.name);
            non_success(
                NonSuccessKind::Failure,
                &summary,
                kind,
                &proofs(input, verdict),
            )
        }
        (Validity::Unknown, Some(disagreement)) => non_success(
            NonSuccessKind::Error,
            &summary,
            "disagreement",
            disagreement,
        ),
        (Validity::Unknown, None) => {
            non_success(NonSuccessKind::Error, &summary, "unknown", &summary)
        }
        (Validity::Valid, _) => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(verdict.checker, status);
    case.set_classname("schism.checkers");
    if verdict.validity == Validity::Valid {
        case.set_system_out(text(&summary));
    }
    case
}

/// The anomalies of a verdict, each with its operations.
fn proofs(input: &Input<'_>, verdict: &Verdict) -> String {
    let one = std::slice::from_ref(verdict);
    let mut lines = Vec::new();
    for shown in anomaly::shown(one, input.history)
        .into_iter()
        .take(ANOMALIES_MOST)
    {
        lines.push(phrase::clean(&shown.anomaly.sentence));
        for &id in shown.anomaly.operations.iter().take(OPERATIONS_MOST) {
            lines.push(format!(
                "  {}",
                phrase::shortened(
                    &phrase::clean(&input.history.operation(id).to_string()),
                    400
                )
            ));
        }
    }
    lines.push(format!(
        "{} in all",
        number::counted(verdict.anomaly_count, "anomaly")
    ));
    lines.join("\n")
}

fn gate(gate: &GateResult) -> TestCase {
    let words = headline::gate_in_words(gate);
    let status = match gate.level {
        Level::Passed | Level::Warning => TestCaseStatus::success(),
        Level::Critical => non_success(NonSuccessKind::Failure, &words, "gate", &words),
        Level::NotMeasured => non_success(NonSuccessKind::Error, &words, "not-measured", &words),
    };
    let mut case = TestCase::new(phrase::clean(&gate.name), status);
    case.set_classname("schism.gates");
    if !gate.level.is_missed() {
        case.set_system_out(text(&format!("{}: {words}", gate.level.name())));
    }
    case
}

fn non_success(
    kind: NonSuccessKind,
    message: &str,
    name: &str,
    description: &str,
) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_message(phrase::shortened(&phrase::clean(message), TEXT_MOST))
        .set_type(name)
        .set_description(text(description));
    status
}

/// Text of several lines, each of them clean.
fn text(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| phrase::shortened(&phrase::clean(line), TEXT_MOST))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Ending, run};

    #[test]
    fn anomalies_fail_and_doubts_are_errors() {
        let xml = |ending| xml(&run(ending, 2_000, 7).input());
        let invalid = xml(Ending::Invalid);
        assert!(invalid.contains("<failure message=\"2 of 6 keys have reads that went back in time\" type=\"stale-read\">"), "{invalid}");
        assert!(invalid.contains("7 anomalies in all"), "{invalid}");
        assert!(
            invalid.contains("tests=\"12\" skipped=\"0\" failures=\"2\" errors=\"0\""),
            "{invalid}"
        );
        let unknown = xml(Ending::Unknown);
        assert!(unknown.contains("failures=\"0\" errors=\"1\""), "{unknown}");
        assert!(unknown.contains("<testcase name=\"fault-effect\" classname=\"schism.checkers\">\n            <error message=\"fault 3, pause of n2 n5, had no effect"), "{unknown}");
        let valid = xml(Ending::Valid);
        assert!(valid.contains("failures=\"0\" errors=\"0\""), "{valid}");
        let missed = xml(Ending::GateMissed);
        assert!(missed.contains("failures=\"1\" errors=\"0\""), "{missed}");
        assert!(missed.contains("type=\"gate\""), "{missed}");
    }

    #[test]
    fn trouble_that_no_checker_shows_is_an_error() {
        let mut run = run(Ending::Valid, 2_000, 7);
        run.conclusion.exit = ExitCode::LeftDirty;
        let xml = xml(&run.input());
        assert!(
            xml.contains(
                "<error message=\"the cluster was left dirty: run schism heal\" type=\"run\">"
            ),
            "{xml}"
        );
    }

    #[test]
    fn there_is_no_time_in_it() {
        let xml = xml(&run(Ending::Valid, 2_000, 7).input());
        assert!(!xml.contains("timestamp") && !xml.contains("uuid"), "{xml}");
    }
}
