//! Kept cases that were carried out again: a line each, and `JUnit` XML.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::phrase;
use crate::exit_code::ExitCode;

/// A case that was carried out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What it is called.
    pub name: String,
    /// The verdict that was expected.
    pub expected: String,
    /// What is not as expected, in a sentence.
    pub differs: Option<String>,
    /// How the program ends, as far as this case goes.
    pub exit: ExitCode,
}

/// A line on a case.
pub fn line(ran: &Ran) -> String {
    match &ran.differs {
        None => format!("ok      {}: {} as expected\n", ran.name, ran.expected),
        Some(differs) => format!("NOT OK  {}: {}\n", ran.name, phrase::clean(differs)),
    }
}

/// All of them as `JUnit` XML: one that is not as expected is a failure, one that could not be carried out an error. Has
/// no times and no ids of its own.
pub fn xml(ran: &[Ran]) -> String {
    let mut report = Report::new("schism test");
    let mut suite = TestSuite::new("cases");
    for ran in ran {
        let status = match &ran.differs {
            None => TestCaseStatus::success(),
            Some(differs) => {
                let kind = match ran.exit {
                    ExitCode::Anomaly | ExitCode::GateMissed => NonSuccessKind::Failure,
                    _ => NonSuccessKind::Error,
                };
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(phrase::clean(differs));
                status.set_type(ran.exit.meaning());
                status
            }
        };
        let mut case = TestCase::new(phrase::clean(&ran.name), status);
        case.set_classname("schism.case");
        suite.add_test_case(case);
    }
    report.add_test_suite(suite);
    report
        .to_string()
        .expect("XML is written to memory, and every text in it is valid XML")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(name: &str, differs: Option<&str>, exit: ExitCode) -> Ran {
        Ran {
            name: name.to_owned(),
            expected: "invalid".to_owned(),
            differs: differs.map(str::to_owned),
            exit,
        }
    }

    #[test]
    fn what_is_not_as_expected_fails() {
        let all = [
            ran("a", None, ExitCode::Valid),
            ran(
                "b",
                Some("expected invalid, and it is valid: <all> is well"),
                ExitCode::GateMissed,
            ),
            ran("c", Some("no plan"), ExitCode::Usage),
        ];
        let xml = xml(&all);
        for part in [
            "tests=\"3\"",
            "failures=\"1\"",
            "errors=\"1\"",
            "expected invalid, and it is valid: &lt;all",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
        assert!(!xml.contains("timestamp"), "{xml}");
        assert_eq!(line(&all[0]), "ok      a: invalid as expected\n");
    }
}
