//! The summary at the end of a run, for a terminal: the verdict first, and all of it on one screen where it fits.

use std::fmt::Write as _;

use schism_checkers::Validity;

use super::anomaly::{self, Shown};
use super::headline::{self, Tone};
use super::input::Input;
use super::{counts, figure, number, phrase, witness};
use crate::exit_code::ExitCode;
use crate::gates::Level;
use crate::look::Look;

/// So many operations of the first anomaly are shown.
const OPERATIONS_MOST: usize = 8;
/// So many of a proof that stands by itself.
const PROOF_OPERATIONS_MOST: usize = 200;
/// So many doubts and missed gates are shown.
const REMARKS_MOST: usize = 4;
/// The column in which the right half of a fact begins.
const TAB: usize = 15;

/// The summary. `report` is the path of the page, when it was written.
pub fn summary(input: &Input<'_>, look: Look, report: Option<&str>) -> String {
    let mut page = Screen {
        look,
        out: String::new(),
    };
    head(&mut page, input);
    let anomalies = anomaly::shown(input.verdicts, input.history);
    if let Some(first) = anomalies.first() {
        counterexample(&mut page, input, first, OPERATIONS_MOST);
        let hidden = anomaly::hidden(input.verdicts, &anomalies) + anomalies.len() as u64 - 1;
        if hidden > 0 {
            page.line(4, &format!("and {} more", number::count(hidden)));
        }
    }
    page.out.push('\n');
    facts(&mut page, input);
    if let Some(report) = report {
        page.fact_unbroken("report", &phrase::clean(report));
    }
    if !input.run.command.is_empty() {
        page.fact_unbroken("repeat", &phrase::clean(&input.run.command));
    }
    page.out
}

fn head(page: &mut Screen, input: &Input<'_>) {
    let tone = headline::tone(input);
    let title = headline::title(input);
    // The word that is painted is the title's first.
    let rest = title.find([':', ',']).map_or("", |at| &title[at..]);
    let word = page.paint(tone, headline::word(input));
    let _ = writeln!(page.out, "{word}  {}{rest}", phrase::clean(&input.run.name));
    page.wrap(2, 2, &phrase::sentence(&input.conclusion.reason));
    let doubts = headline::doubts(input);
    for doubt in doubts.iter().take(REMARKS_MOST) {
        page.wrap(2, 4, &format!("- {doubt}"));
    }
    if doubts.len() > REMARKS_MOST {
        page.line(2, &format!("- and {} more", doubts.len() - REMARKS_MOST));
    }
}

/// A history among others, in a line: its verdict, its size, its name; why, where it is not valid. With `proof`, the
/// smallest proof below it.
pub fn row(input: &Input<'_>, look: Look, name: &str, proof: bool) -> String {
    let mut page = Screen {
        look,
        out: String::new(),
    };
    let word = headline::word(input);
    let painted = page.paint(headline::tone(input), word);
    let operations = number::counted(input.history.len() as u64, "operation");
    let _ = writeln!(
        page.out,
        "{painted}{:1$}  {operations:>18}  {2}",
        "",
        7_usize.saturating_sub(word.len()),
        phrase::clean(name)
    );
    if input.conclusion.validity != Validity::Valid {
        page.wrap(9, 9, &phrase::sentence(&input.conclusion.reason));
    }
    if input.conclusion.exit == ExitCode::Bug {
        for doubt in headline::doubts(input) {
            page.wrap(9, 11, &format!("- {doubt}"));
        }
    }
    if proof
        && !input
            .verdicts
            .iter()
            .all(|verdict| verdict.anomalies.is_empty())
    {
        page.out.push_str(&witness::text(input, look));
    }
    page.out
}

/// An anomaly with all of its operations, the faults that were there, the reasons, and how it was confirmed.
pub(super) fn proof(out: &mut String, input: &Input<'_>, shown: &Shown<'_>, look: Look) {
    let mut page = Screen {
        look,
        out: String::new(),
    };
    counterexample(&mut page, input, shown, PROOF_OPERATIONS_MOST);
    let anomaly = shown.anomaly;
    for fault in anomaly::faults(input.history, anomaly) {
        let until = fault
            .healed
            .map_or_else(|| "never healed".to_owned(), |at| format!("to {at}"));
        let text = format!(
            "fault: {} {}, {} {until}",
            fault.name, fault.label, fault.injecting
        );
        page.wrap(4, 6, &phrase::clean(&text));
    }
    for step in anomaly.steps.iter().take(PROOF_OPERATIONS_MOST) {
        let badge = step.operation.and_then(|id| anomaly::badge(anomaly, id));
        let badge = badge.map_or_else(|| "-".to_owned(), |badge| badge.to_string());
        page.wrap(4, 8, &format!("{badge:>2}. {}", phrase::clean(&step.text)));
    }
    let confirmed = if anomaly.confirmation.agrees {
        "confirmed independently"
    } else {
        "not confirmed"
    };
    page.wrap(4, 6, &format!("{confirmed}: {}", anomaly.confirmation.by));
    out.push_str(page.out.trim_start());
}

fn counterexample(page: &mut Screen, input: &Input<'_>, shown: &Shown<'_>, most: usize) {
    let anomaly = shown.anomaly;
    page.out.push('\n');
    let name = page.paint(Tone::Bad, &phrase::anomaly_name(anomaly.name));
    let _ = writeln!(page.out, "  {name}, found by {}", shown.checker);
    page.wrap(4, 4, &phrase::sentence(&anomaly.sentence));
    let contradiction = anomaly::contradiction(anomaly);
    let names_keys = anomaly::names_keys(input.history, anomaly);
    let rows: Vec<[String; 4]> = anomaly
        .operations
        .iter()
        .take(most)
        .enumerate()
        .map(|(i, &id)| {
            let operation = input.history.operation(id);
            let node = operation
                .node()
                .map_or_else(String::new, |node| format!(" on {}", phrase::clean(node)));
            let until = operation
                .completed
                .map_or_else(|| "never".to_owned(), |at| at.to_string());
            [
                format!("{}", i + 1),
                format!("process {}{node}", operation.process),
                phrase::action_on(&operation, names_keys, action_most(page.look)),
                format!("{} to {until}", operation.invoked),
            ]
        })
        .collect();
    let widths: Vec<usize> = (0..3)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for (row, &id) in rows.iter().zip(&anomaly.operations) {
        let line = format!(
            "    {:>3$}  {:<4$}  {:<5$}  ",
            row[0], row[1], row[2], widths[0], widths[1], widths[2]
        );
        let _ = if contradiction == Some(id) {
            let painted = page.paint(Tone::Bad, &format!("{line}{}  ✗", row[3]));
            writeln!(page.out, "{painted}")
        } else {
            writeln!(page.out, "{line}{}", row[3])
        };
    }
    if anomaly.operations.len() > most {
        let more = anomaly.operations.len() - most;
        page.line(
            4,
            &format!("and {}", number::counted(more as u64, "more operation")),
        );
    }
    page.out
        .push_str(&super::proof::text(input.history, anomaly, page.look));
}

/// How wide what an operation did may be, as wide as the place.
fn action_most(look: Look) -> usize {
    look.width.saturating_sub(58).clamp(28, 60)
}

fn facts(page: &mut Screen, input: &Input<'_>) {
    let all = counts::all(input.history);
    page.fact(
        "operations",
        &format!(
            "{} in {}: {}",
            number::count(all.total()),
            number::seconds(input.history.end().as_secs_f64()),
            if all.total() == 0 {
                "nothing ran".to_owned()
            } else {
                headline::outcomes(all)
            }
        ),
    );
    let find = |name: &str| figure::find(input.verdicts, name);
    if let Some(ok) = find("availability.ok_share") {
        let mut text = number::share(ok);
        for (name, figure) in [
            ("longest outage", "availability.outage_max_s"),
            ("slowest recovery", "availability.recovery_max_s"),
        ] {
            if let Some(s) = find(figure) {
                let _ = write!(text, ", {name} {}", number::seconds(s));
            }
        }
        page.fact("availability", &text);
    }
    let p99s: Vec<String> = input
        .history
        .functions()
        .iter()
        .take(4)
        .filter_map(|f| {
            let p99 = find(&format!("latency.{f}.p99_s"))?;
            Some(format!(
                "{} {}",
                phrase::clean(f.name()),
                number::seconds(p99)
            ))
        })
        .collect();
    if !p99s.is_empty() {
        page.fact("p99", &p99s.join(", "));
    }
    let (proved, faults) = headline::proved_faults(input.history.faults());
    page.fact(
        "faults",
        &if faults == 0 {
            "none".to_owned()
        } else {
            format!("{proved} of {faults} proved")
        },
    );
    let mut checkers = String::new();
    for verdict in input.verdicts {
        let mark = match verdict.validity {
            Validity::Valid => "✓",
            Validity::Unknown => "?",
            Validity::Invalid => "✗",
        };
        // A mark stays with its name when the line is broken.
        let _ = write!(checkers, "{mark}\u{a0}{}  ", verdict.checker);
    }
    page.fact(
        "checkers",
        if input.verdicts.is_empty() {
            "none ran"
        } else {
            checkers.trim_end()
        },
    );
    if !input.gates.is_empty() {
        let held = input
            .gates
            .iter()
            .filter(|gate| !gate.level.is_missed())
            .count();
        let mut text = format!("{held} of {} held", input.gates.len());
        for gate in input
            .gates
            .iter()
            .filter(|gate| gate.level != Level::Passed)
            .take(REMARKS_MOST)
        {
            let _ = write!(text, "; {}", headline::gate_in_words(gate));
        }
        page.fact("gates", &text);
    }
}

/// Text that is being laid out.
struct Screen {
    look: Look,
    out: String,
}

impl Screen {
    fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.look.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Flawed | Tone::Doubtful => "1;33",
            Tone::Bad => "1;31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{text}", "");
    }

    /// A fact with its name on the left, broken into lines.
    fn fact(&mut self, name: &str, text: &str) {
        self.wrap(2, TAB, &format!("{name:<0$}{text}", TAB - 2));
    }

    /// A fact that a reader copies, so it stays on one line.
    fn fact_unbroken(&mut self, name: &str, text: &str) {
        self.line(2, &format!("{name:<0$}{text}", TAB - 2));
    }

    /// Text broken at spaces; the first line and the others have their own indents.
    fn wrap(&mut self, first: usize, others: usize, text: &str) {
        let width = self.look.width.max(40);
        let mut line = " ".repeat(first);
        let mut column = first;
        let mut is_empty = true;
        // Runs of spaces are alignment, which is kept; they only stand in the first line.
        for word in text.split(' ') {
            let length = word.chars().count();
            if !is_empty && column + 1 + length > width {
                let _ = writeln!(self.out, "{}", line.trim_end());
                line = " ".repeat(others);
                column = others;
                is_empty = true;
                // What parted two words is not needed where the line is broken.
                if word.is_empty() {
                    continue;
                }
            }
            if !is_empty {
                line.push(' ');
                column += 1;
            }
            line.push_str(word);
            column += length;
            is_empty = false;
        }
        let _ = writeln!(self.out, "{}", line.replace('\u{a0}', " ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Ending, run};

    const NARROW: Look = Look {
        width: 80,
        ..Look::PLAIN
    };

    #[test]
    fn a_summary_fits_a_screen() {
        for ending in [
            Ending::Invalid,
            Ending::Valid,
            Ending::GateMissed,
            Ending::Unknown,
        ] {
            let run = run(ending, 2_000, 7);
            let summary = summary(&run.input(), NARROW, Some("runs/a/report.html"));
            assert!(summary.lines().count() <= 24, "{summary}");
            for line in summary.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn the_verdict_comes_first_and_the_command_last() {
        let run = run(Ending::Invalid, 2_000, 7);
        let text = summary(&run.input(), NARROW, Some("runs/a/report.html"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "INVALID  etcd-register: a promise was broken");
        assert!(lines[1].contains(&run.conclusion.reason[..40]));
        assert_eq!(
            lines[lines.len() - 2..],
            [
                "  report       runs/a/report.html",
                "  repeat       schism run examples/etcd-register --seed 7"
            ]
        );
        let marked: Vec<&&str> = lines.iter().filter(|line| line.ends_with("  ✗")).collect();
        assert_eq!(marked.len(), 1, "one operation contradicts: {text}");
        assert!(marked[0].contains("read → "), "{text}");
    }

    #[test]
    fn a_missed_gate_is_said_in_words() {
        let run = run(Ending::GateMissed, 2_000, 7);
        let text = summary(&run.input(), NARROW, None);
        assert!(
            text.starts_with("VALID  etcd-register, but a gate was missed\n"),
            "{text}"
        );
        assert!(
            text.contains("latency.read.p99 is 412 ms, beyond its critical limit of 250 ms"),
            "{text}"
        );
    }

    #[test]
    fn colours_are_used_only_when_asked_for() {
        let run = run(Ending::Invalid, 2_000, 7);
        let plain = summary(&run.input(), NARROW, None);
        assert!(!plain.contains('\u{1b}'));
        let look = Look {
            color: true,
            ..NARROW
        };
        let coloured = summary(&run.input(), look, None);
        assert!(coloured.starts_with("\u{1b}[1;31mINVALID\u{1b}[0m  "));
    }
}
