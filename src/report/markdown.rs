//! The summary of a CI job in Markdown, as GitHub shows it, and the annotation that stands at its top.

use std::fmt::Write as _;

use schism_checkers::Validity;

use super::anomaly;
use super::headline::{self, Tone};
use super::input::Input;
use super::{number, phrase};
use crate::gates::{Amount, Level};

/// GitHub refuses a summary of more than 1 MiB; this stays well below.
pub const BYTES_MOST: usize = 900 * 1024;
const TEXT_MOST: usize = 1_000;
const ANOMALIES_MOST: usize = 6;
const OPERATIONS_MOST: usize = 20;
const ROWS_MOST: usize = 200;

/// The summary.
pub fn summary(input: &Input<'_>) -> String {
    let mut out = String::new();
    let mark = match headline::tone(input) {
        Tone::Good => "✅",
        Tone::Flawed => "⚠️",
        Tone::Doubtful => "❔",
        Tone::Bad => "❌",
    };
    let _ = writeln!(
        out,
        "## {mark} {}: {}\n\n{}\n",
        escaped(&input.run.name),
        escaped(&headline::title(input)),
        escaped(&input.conclusion.reason)
    );
    for doubt in headline::doubts(input).iter().take(ROWS_MOST) {
        let _ = writeln!(out, "- {}", escaped(doubt));
    }
    anomalies(&mut out, input);
    out.push_str("\n| | | |\n|---|---|---|\n");
    for tile in headline::tiles(input) {
        let _ = writeln!(
            out,
            "| {} | **{}** | {} |",
            escaped(&tile.name),
            escaped(&tile.value),
            escaped(&tile.remark)
        );
    }
    if !input.verdicts.is_empty() {
        out.push_str("\n| checker | verdict | why |\n|---|---|---|\n");
        for verdict in input.verdicts.iter().take(ROWS_MOST) {
            let mark = match verdict.validity {
                Validity::Valid => "✅",
                Validity::Unknown => "❔",
                Validity::Invalid => "❌",
            };
            let _ = writeln!(
                out,
                "| {} | {mark} {} | {} |",
                verdict.checker,
                verdict.validity.name(),
                escaped(&verdict.summary)
            );
        }
    }
    gates(&mut out, input);
    if !input.run.command.is_empty() {
        let _ = write!(out, "\n{}", code(&input.run.command));
    }
    bounded(out)
}

fn anomalies(out: &mut String, input: &Input<'_>) {
    let shown = anomaly::shown(input.verdicts, input.history);
    for anomaly in shown.iter().take(ANOMALIES_MOST) {
        let names_keys = anomaly::names_keys(input.history, anomaly.anomaly);
        let _ = writeln!(
            out,
            "\n**{}**, found by {}: {}\n\n| | process | node | what | from | to |\n|---|---|---|---|---|---|",
            escaped(&phrase::anomaly_name(anomaly.anomaly.name)),
            anomaly.checker,
            escaped(&phrase::sentence(&anomaly.anomaly.sentence))
        );
        for (i, &id) in anomaly
            .anomaly
            .operations
            .iter()
            .take(OPERATIONS_MOST)
            .enumerate()
        {
            let operation = input.history.operation(id);
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                i + 1,
                operation.process,
                operation
                    .node()
                    .map_or_else(String::new, |node| escaped(node)),
                escaped(&phrase::action_on(&operation, names_keys, 120)),
                operation.invoked,
                operation
                    .completed
                    .map_or_else(|| "never".to_owned(), |at| at.to_string())
            );
        }
    }
    let left_out =
        shown.len().saturating_sub(ANOMALIES_MOST) as u64 + anomaly::hidden(input.verdicts, &shown);
    if left_out > 0 {
        let _ = writeln!(out, "\nand {} more", number::count(left_out));
    }
}

fn gates(out: &mut String, input: &Input<'_>) {
    if input.gates.is_empty() {
        return;
    }
    out.push_str("\n| gate | measured | warning | critical | |\n|---|---:|---:|---:|---|\n");
    let amount = |amount: Option<Amount>| amount.map_or_else(|| "–".to_owned(), headline::amount);
    for gate in input.gates.iter().take(ROWS_MOST) {
        let mark = match gate.level {
            Level::Passed => "✅",
            Level::Warning => "⚠️",
            Level::Critical => "❌",
            Level::NotMeasured => "❔",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {mark} {} |",
            escaped(&gate.name),
            amount(gate.measured),
            amount(gate.warning),
            amount(gate.critical),
            gate.level.name()
        );
    }
}

/// A workflow command that puts the verdict on the job's page; nothing for a valid run without a but.
pub fn annotation(input: &Input<'_>) -> Option<String> {
    let level = match headline::tone(input) {
        Tone::Good => return None,
        Tone::Flawed | Tone::Doubtful => "warning",
        Tone::Bad => "error",
    };
    let data = |text: &str| {
        phrase::shortened(text, TEXT_MOST)
            .replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let title = data(&headline::title(input))
        .replace(':', "%3A")
        .replace(',', "%2C");
    Some(format!(
        "::{level} title={title}::{}",
        data(&input.conclusion.reason)
    ))
}

/// Text in which nothing is markup, on one line.
fn escaped(text: &str) -> String {
    let text = phrase::shortened(&phrase::clean(text), TEXT_MOST);
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text as code, in a fence that it does not contain.
fn code(text: &str) -> String {
    let text = phrase::clean(text);
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{text}\n{fence}\n")
}

fn bounded(mut out: String) -> String {
    const REST: &str = "\n\nThe rest was left out: it is in report.html.\n";
    if out.len() > BYTES_MOST {
        let mut end = BYTES_MOST - REST.len();
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
        out.push_str(REST);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Ending, run};

    #[test]
    fn a_summary_has_the_verdict_the_proof_and_the_command() {
        let text = summary(&run(Ending::Invalid, 2_000, 7).input());
        assert!(
            text.starts_with("## ❌ etcd-register: Invalid: a promise was broken\n"),
            "{text}"
        );
        assert!(
            text.contains("**stale read**, found by linearizable: Key"),
            "{text}"
        );
        assert!(text.contains("| linearizable | ❌ invalid |"), "{text}");
        assert!(
            text.ends_with("```sh\nschism run examples/etcd-register --seed 7\n```\n"),
            "{text}"
        );
    }

    #[test]
    fn markup_from_outside_is_text() {
        assert_eq!(
            escaped("a|b `c` <img> @me [x](y)\n# *"),
            "a\\|b \\`c\\` &lt;img&gt; @\u{200b}me \\[x\\](y)\\\\n\\# \\*"
        );
        assert_eq!(code("a ```` b"), "`````sh\na ```` b\n`````\n");
    }

    #[test]
    fn a_huge_summary_is_cut() {
        let text = bounded("ä".repeat(BYTES_MOST));
        assert!(text.len() <= BYTES_MOST);
        assert!(text.ends_with("it is in report.html.\n"));
    }

    #[test]
    fn an_annotation_is_one_line() {
        let mut run = run(Ending::Invalid, 2_000, 7);
        run.conclusion.reason = "100 % wrong\n::error::no".to_owned();
        assert_eq!(
            annotation(&run.input()).unwrap(),
            "::error title=Invalid%3A a promise was broken::100 %25 wrong%0A::error::no"
        );
        run.conclusion.validity = Validity::Valid;
        run.conclusion.exit = crate::exit_code::ExitCode::Valid;
        assert_eq!(annotation(&run.input()), None);
    }
}
