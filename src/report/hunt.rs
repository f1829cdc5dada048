//! What a hunt found, for people and for programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{number, phrase};
use crate::hunt::{Ending, Found};

/// What a hunt found. `kept` are the runs that show it, by seed.
pub fn text(plan: &str, found: &Found, kept: &[(u64, PathBuf)]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{plan}: {}, {}; {}",
        number::counted(found.seeds, "seed"),
        number::counted(found.operations, "operation"),
        ending(found.ending)
    );
    let mut counts = vec![
        format!("{} valid", number::count(found.valid)),
        format!("{} invalid", number::count(found.invalid)),
        format!("{} unknown", number::count(found.unknown)),
    ];
    if found.gates_missed > 0 {
        counts.push(format!(
            "{} valid but missed a gate",
            number::count(found.gates_missed)
        ));
    }
    let _ = writeln!(text, "  {}", counts.join(", "));
    if let Some((seed, reason)) = &found.first_unknown {
        let _ = writeln!(
            text,
            "  unknown first with seed {seed}: {}",
            phrase::clean(reason)
        );
    }
    if let Some(bound) = found.failure_rate_bound() {
        let _ = writeln!(
            text,
            "  no violation: at 95 %, at most {:.2} % of the seeds have one",
            bound * 100.0
        );
    }
    if !found.groups.is_empty() {
        text.push_str("\nviolations by cause\n");
    }
    for group in &found.groups {
        let _ = writeln!(
            text,
            "  {}: {}, the first {}\n    {}",
            group.cause,
            number::counted(group.seeds, "seed"),
            group.first,
            phrase::clean(&group.sentence)
        );
        if let Some((_, path)) = kept.iter().find(|(seed, _)| *seed == group.first) {
            let _ = writeln!(text, "    {}", path.display());
        }
    }
    matrix(&mut text, found);
    text
}

/// Which faults struck whom, and what clients got done around them.
fn matrix(text: &mut String, found: &Found) {
    let rows: Vec<[String; 6]> = found
        .coverage
        .cells()
        .map(|(fault, role, cell)| {
            [
                fault.to_owned(),
                phrase::clean(role),
                number::count(cell.strikes),
                number::count(cell.striking),
                number::count(cell.open),
                number::count(cell.healing),
            ]
        })
        .collect();
    if rows.is_empty() {
        text.push_str("\nno fault took effect\n");
        return;
    }
    let head = [
        "fault",
        "whom",
        "strikes",
        "ok while striking",
        "ok while there",
        "ok while healing",
    ];
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    text.push_str("\nwhat was exercised\n");
    let head = head.map(str::to_owned);
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if column < 2 {
                write!(line, "  {cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Seeds => "all were tried",
        Ending::Violation => "it ended at the first violation",
        Ending::Time => "its time was over",
        Ending::Interrupted => "it was interrupted",
    }
}

/// The same as JSON.
pub fn json(plan: &str, found: &Found, kept: &[(u64, PathBuf)]) -> String {
    let causes: Vec<Value> = found
        .groups
        .iter()
        .map(|group| {
            let run = kept.iter().find(|(seed, _)| *seed == group.first);
            json!({
                "checker": group.cause.checker,
                "anomaly": group.cause.anomaly,
                "functions": group.cause.functions,
                "seeds": group.seeds,
                "first_seed": group.first,
                "sentence": group.sentence,
                "run": run.map(|(_, path)| path.to_string_lossy()),
            })
        })
        .collect();
    let coverage: Vec<Value> = found
        .coverage
        .cells()
        .map(|(fault, role, cell)| {
            json!({
                "fault": fault,
                "role": role,
                "strikes": cell.strikes,
                "ok_while_striking": cell.striking,
                "ok_while_open": cell.open,
                "ok_while_healing": cell.healing,
            })
        })
        .collect();
    let all = json!({
        "version": 1,
        "plan": plan,
        "ending": match found.ending {
            Ending::Seeds => "seeds",
            Ending::Violation => "violation",
            Ending::Time => "time",
            Ending::Interrupted => "interrupted",
        },
        "seeds": found.seeds,
        "operations": found.operations,
        "valid": found.valid,
        "invalid": found.invalid,
        "unknown": found.unknown,
        "gates_missed": found.gates_missed,
        "first_unknown": found.first_unknown.as_ref().map(|(seed, reason)| json!({ "seed": seed, "reason": reason })),
        "failure_rate_at_most": found.failure_rate_bound(),
        "causes": causes,
        "coverage": coverage,
    });
    let mut text = serde_json::to_string_pretty(&all).expect("it has text keys");
    text.push('\n');
    text
}
