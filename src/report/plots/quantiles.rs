//! Latency quantiles over time: how the faults moved them.

use schism_history::{History, Outcome};

use super::chart::{Axis, Chart, Key, Layer, Marks, Swatch, Table};
use super::{Frame, Windows, quantile, ticks};
use crate::report::{number, phrase};

const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];
/// There are colours for so many functions: those with the most ok operations are drawn.
const COLOURS: usize = 6;

/// Quantiles of the latencies of ok operations, per function; `None` when nothing was ok.
pub(super) fn chart(history: &History, frame: &Frame) -> Option<Chart> {
    let windows = Windows::new(frame.end, 60);
    let functions = history.functions();
    let mut held: Vec<Vec<Vec<f64>>> = vec![vec![Vec::new(); windows.count]; functions.len()];
    for operation in history.operations().filter(|op| op.outcome == Outcome::Ok) {
        let function = functions.iter().position(|f| f == operation.f());
        if let (Some(function), Some(latency)) = (function, operation.latency()) {
            let window = windows.of(operation.invoked.as_secs_f64());
            held[function][window].push(latency.as_secs_f64());
        }
    }
    let mut least = f64::INFINITY;
    let mut most: f64 = 0.0;
    let mut layers = Vec::new();
    let mut legend = Vec::new();
    let mut rows = Vec::new();
    let drawn = most_used(&held);
    for (colour, &function) in drawn.iter().enumerate() {
        let f = &functions[function];
        let mut lines: [Vec<Vec<(f64, f64)>>; 3] = Default::default();
        for (window, latencies) in held[function].iter_mut().enumerate() {
            if latencies.is_empty() {
                // Nothing was ok here: the lines have a gap.
                for line in &mut lines {
                    line.push(Vec::new());
                }
                continue;
            }
            latencies.sort_by(f64::total_cmp);
            let mut row = vec![
                phrase::clean(f.name()),
                windows.label(window),
                number::count(latencies.len() as u64),
            ];
            for (line, (q, _)) in lines.iter_mut().zip(QUANTILES) {
                let latency = quantile(latencies, q);
                least = least.min(latency);
                most = most.max(latency);
                row.push(number::seconds(latency));
                if line.is_empty() {
                    line.push(Vec::new());
                }
                line.last_mut()
                    .expect("a line was pushed above")
                    .push((windows.middle(window), latency));
            }
            rows.push(row);
        }
        for (mut line, (_, name)) in lines.into_iter().zip(QUANTILES) {
            line.retain(|points| !points.is_empty());
            layers.push(Layer {
                class: format!("line c{colour} {name}"),
                marks: Marks::Lines(line),
            });
        }
        legend.push(Key {
            class: format!("line c{colour}"),
            swatch: Swatch::Line,
            label: phrase::clean(f.name()),
        });
    }
    if layers.is_empty() {
        return None;
    }
    legend.extend(QUANTILES.map(|(_, name)| Key {
        class: format!("line plain {name}"),
        swatch: Swatch::Line,
        label: name.to_owned(),
    }));
    let (from, to, ticks) = ticks::durations(least.max(1e-6), most);
    Some(Chart {
        id: "quantiles",
        title: "Latency quantiles",
        caption: format!(
            "Of ok operations, in windows of {} by the time of invocation. A gap: nothing was ok.{}",
            number::seconds(windows.width),
            if drawn.len() < functions.len() {
                " Only the most used functions are shown."
            } else {
                ""
            }
        ),
        height: 220,
        axis: Axis {
            from,
            to,
            is_log: true,
            is_lanes: false,
            ticks,
        },
        layers,
        legend,
        table: Table {
            head: ["Function", "From", "Ok", "p50", "p95", "p99"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        },
    })
}

/// The functions that have a colour, in their order.
fn most_used(held: &[Vec<Vec<f64>>]) -> Vec<usize> {
    let count = |function: usize| held[function].iter().map(Vec::len).sum::<usize>();
    let mut functions: Vec<usize> = (0..held.len()).filter(|f| count(*f) > 0).collect();
    functions.sort_by_key(|f| std::cmp::Reverse(count(*f)));
    functions.truncate(COLOURS);
    functions.sort_unstable();
    functions
}
