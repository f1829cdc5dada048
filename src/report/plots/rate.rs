//! How many operations a second came back, by outcome.

use schism_history::{History, Outcome};

use super::chart::{Axis, Chart, Key, Layer, Marks, Swatch, Table};
use super::{Frame, Windows, ticks};
use crate::report::number;

const OUTCOMES: [(Outcome, &str); 3] = [
    (Outcome::Ok, "ok"),
    (Outcome::Info, "unknown (info)"),
    (Outcome::Fail, "failed"),
];

/// Completions a second.
pub(super) fn chart(history: &History, frame: &Frame) -> Chart {
    let windows = Windows::new(frame.end, 120);
    let mut held = [const { Vec::new() }; 3];
    for counts in &mut held {
        *counts = vec![0_u64; windows.count];
    }
    for operation in history.operations() {
        if let Some(completed) = operation.completed {
            let row = match operation.outcome {
                Outcome::Ok => 0,
                Outcome::Info => 1,
                Outcome::Fail => 2,
            };
            held[row][windows.of(completed.as_secs_f64())] += 1;
        }
    }
    let width = |window| (windows.to(window) - windows.from(window)).max(1e-9);
    // A short rest at the end would be a peak or a dip of its own making.
    let shown = if windows.count > 1 && width(windows.count - 1) < windows.width * 0.5 {
        windows.count - 1
    } else {
        windows.count
    };
    let per_second = |row: usize, window: usize| held[row][window] as f64 / width(window);
    let most = (0..3)
        .flat_map(|row| (0..shown).map(move |window| (row, window)))
        .map(|(row, window)| per_second(row, window))
        .fold(0.0, f64::max);
    let (to, ticks) = ticks::rates(most);
    let present = || {
        OUTCOMES
            .into_iter()
            .enumerate()
            .filter(|(row, _)| held[*row].iter().any(|n| *n > 0))
    };
    Chart {
        id: "rate",
        title: "Throughput",
        caption: format!(
            "Operations that came back, per second, by outcome, in windows of {}.",
            number::seconds(windows.width)
        ),
        height: 160,
        axis: Axis {
            from: 0.0,
            to,
            is_log: false,
            is_lanes: false,
            ticks,
        },
        layers: present()
            .map(|(row, (outcome, _))| Layer {
                class: format!("line {}", outcome.name()),
                marks: Marks::Lines(vec![
                    (0..shown)
                        .map(|window| (windows.middle(window), per_second(row, window)))
                        .collect(),
                ]),
            })
            .collect(),
        legend: present()
            .map(|(_, (outcome, label))| Key {
                class: format!("line {}", outcome.name()),
                swatch: Swatch::Line,
                label: label.to_owned(),
            })
            .collect(),
        table: Table {
            head: ["From", "ok", "unknown", "failed"]
                .map(str::to_owned)
                .to_vec(),
            rows: (0..windows.count)
                .map(|window| {
                    let mut row = vec![windows.label(window)];
                    row.extend((0..3).map(|i| number::rate(per_second(i, window))));
                    row
                })
                .collect(),
        },
    }
}
