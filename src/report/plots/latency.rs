//! How long each operation took: one point per operation, so that single failures stay visible.

use std::collections::BTreeSet;

use schism_history::{History, OpId, Operation, Outcome};

use super::chart::{Area, Axis, Chart, Glyph, Key, Layer, Marks, Swatch, Table};
use super::draw::{LEFT, RIGHT, WIDTH};
use super::{Frame, quantile, ticks};
use crate::report::{counts, number, phrase};

/// The height of the plotting area, in pixels.
const HEIGHT: u32 = 260;
/// Up to so many operations of one outcome are drawn as points; above, as cells that are the darker the more they hold.
pub(crate) const POINTS_MOST: usize = 5_000;
/// The same for operations that did not end as `ok`: they are what a reader looks for.
pub(crate) const RARE_POINTS_MOST: usize = 20_000;
/// So many functions are in the legend; the shapes of others repeat.
const SHAPES_MOST: usize = 12;
/// The edge of a cell, in pixels.
pub(crate) const CELL: f64 = 4.0;
/// How many shades of cells there are.
const SHADES: usize = 4;

/// How long an operation took, in seconds. One that never came back is shown as long as it is known to have taken: to
/// the end of the history.
fn latency(operation: &Operation<'_>, frame: &Frame) -> f64 {
    operation.latency().map_or_else(
        || frame.end - operation.due().as_secs_f64(),
        |latency| latency.as_secs_f64(),
    )
}

/// The scatter of latencies.
pub(super) fn chart(history: &History, frame: &Frame, anomalous: &BTreeSet<OpId>) -> Chart {
    let mut least = f64::INFINITY;
    let mut most: f64 = 0.0;
    for operation in history.operations() {
        let latency = latency(&operation, frame);
        // An operation that the end of the run cut off says nothing about how quick operations are.
        if operation.completed.is_some() {
            least = least.min(latency);
        }
        most = most.max(latency);
    }
    let (from, to, ticks) = ticks::durations(least.max(1e-6).min(most.max(1e-6)), most);
    let axis = Axis {
        from,
        to,
        is_log: true,
        is_lanes: false,
        ticks,
    };
    Chart {
        id: "latency",
        title: "Latency of every operation",
        caption: "One point per operation, at the time of its invocation; its latency on a logarithmic scale. \
                  Where there are many ok operations, a darker cell stands for more of them; every operation that \
                  failed or is unknown is drawn on top. One that never came back is drawn as long as it is known to \
                  have taken."
            .to_owned(),
        height: HEIGHT,
        layers: layers(history, frame, anomalous, &axis),
        legend: legend(history, anomalous),
        table: table(history),
        axis,
    }
}

/// Operations of one outcome and one function: time and latency of each.
type Group = (Outcome, usize, Vec<(f64, f64)>);

fn layers(history: &History, frame: &Frame, anomalous: &BTreeSet<OpId>, axis: &Axis) -> Vec<Layer> {
    let functions = history.functions();
    let totals = counts::all(history);
    let mut groups: Vec<Group> = Vec::new();
    for outcome in [Outcome::Ok, Outcome::Info, Outcome::Fail] {
        for function in 0..functions.len() {
            groups.push((outcome, function, Vec::new()));
        }
    }
    for operation in history.operations() {
        let row = match operation.outcome {
            Outcome::Ok => 0,
            Outcome::Info => 1,
            Outcome::Fail => 2,
        };
        let function = functions.iter().position(|f| f == operation.f());
        if let Some((_, _, points)) =
            function.and_then(|function| groups.get_mut(row * functions.len() + function))
        {
            points.push((operation.invoked.as_secs_f64(), latency(&operation, frame)));
        }
    }
    // The rarest is drawn last, on top of all others.
    groups.sort_by_key(|(_, _, points)| std::cmp::Reverse(points.len()));
    let mut layers = Vec::new();
    for outcome in [Outcome::Ok, Outcome::Info, Outcome::Fail] {
        let bound = if outcome == Outcome::Ok {
            POINTS_MOST
        } else {
            RARE_POINTS_MOST
        };
        if totals.of(outcome) as usize > bound {
            let points = groups
                .iter()
                .filter(|group| group.0 == outcome)
                .flat_map(|group| group.2.iter().copied());
            layers.extend(cells(points, outcome, frame, axis));
            groups.retain(|group| group.0 != outcome);
        }
    }
    layers.extend(
        groups
            .into_iter()
            .filter(|(_, _, points)| !points.is_empty())
            .map(|(outcome, function, points)| Layer {
                class: outcome.name().to_owned(),
                marks: Marks::Points(Glyph::nth(function), points),
            }),
    );
    if !anomalous.is_empty() {
        let points = anomalous
            .iter()
            .map(|&id| history.operation(id))
            .map(|op| (op.invoked.as_secs_f64(), latency(&op, frame)))
            .collect();
        layers.push(Layer {
            class: "anomaly".to_owned(),
            marks: Marks::Points(Glyph::Ring, points),
        });
    }
    layers
}

/// Cells of a few pixels, in shades by how many points they hold.
fn cells(
    points: impl Iterator<Item = (f64, f64)>,
    outcome: Outcome,
    frame: &Frame,
    axis: &Axis,
) -> Vec<Layer> {
    let columns = ((WIDTH - LEFT - RIGHT) / CELL).floor() as usize;
    let rows = (f64::from(HEIGHT) / CELL).floor() as usize;
    let mut held = vec![0_u32; columns * rows];
    for (x, y) in points {
        let column = ((x / frame.end * columns as f64) as usize).min(columns - 1);
        let row = ((axis.place(y) * rows as f64) as usize).min(rows - 1);
        held[row * columns + column] += 1;
    }
    let most = f64::from(held.iter().copied().max().unwrap_or(1).max(1));
    let mut shades: Vec<Vec<Area>> = vec![Vec::new(); SHADES];
    for (cell, &n) in held.iter().enumerate().filter(|(_, n)| **n > 0) {
        let shade = shade(f64::from(n), most);
        let (row, column) = (cell / columns, cell % columns);
        // Back from a height to a value, which the axis turns into the same height.
        let value = |row: usize| {
            (axis.from.ln() + (axis.to.ln() - axis.from.ln()) * row as f64 / rows as f64).exp()
        };
        shades[shade].push(Area {
            from: column as f64 / columns as f64 * frame.end,
            to: (column + 1) as f64 / columns as f64 * frame.end,
            low: value(row),
            high: value(row + 1),
        });
    }
    shades
        .into_iter()
        .enumerate()
        .filter(|(_, areas)| !areas.is_empty())
        .map(|(shade, areas)| Layer {
            class: format!("{} cell d{}", outcome.name(), shade + 1),
            marks: Marks::Boxes(areas),
        })
        .collect()
}

/// The shade of a cell that holds `n` where the fullest one holds `most`, from 0.
fn shade(n: f64, most: f64) -> usize {
    let place = (n + 1.0).ln() / (most + 1.0).ln();
    ((place * SHADES as f64).ceil() as usize).clamp(1, SHADES) - 1
}

fn legend(history: &History, anomalous: &BTreeSet<OpId>) -> Vec<Key> {
    let totals = counts::all(history);
    let mut legend: Vec<Key> = [
        (Outcome::Ok, "ok"),
        (Outcome::Info, "unknown (info)"),
        (Outcome::Fail, "failed"),
    ]
    .into_iter()
    .filter(|(outcome, _)| totals.of(*outcome) > 0)
    .map(|(outcome, label)| Key {
        class: format!("{} box", outcome.name()),
        swatch: Swatch::Box,
        label: format!("{label}: {}", number::count(totals.of(outcome))),
    })
    .collect();
    if !anomalous.is_empty() {
        legend.push(Key {
            class: "anomaly".to_owned(),
            swatch: Swatch::Point(Glyph::Ring),
            label: "part of an anomaly".to_owned(),
        });
    }
    if history.functions().len() > 1 {
        let functions = history.functions().iter().enumerate().take(SHAPES_MOST);
        legend.extend(functions.map(|(i, f)| Key {
            class: "shape".to_owned(),
            swatch: Swatch::Point(Glyph::nth(i)),
            label: phrase::clean(f.name()),
        }));
    }
    legend
}

/// Latencies of each function and outcome.
fn table(history: &History) -> Table {
    let mut rows = Vec::new();
    for f in history.functions() {
        for outcome in [Outcome::Ok, Outcome::Info, Outcome::Fail] {
            let operations = history
                .operations()
                .filter(|op| op.outcome == outcome && op.f() == f);
            let mut count = 0;
            let mut latencies = Vec::new();
            for operation in operations {
                count += 1;
                latencies.extend(operation.latency().map(|latency| latency.as_secs_f64()));
            }
            if count == 0 {
                continue;
            }
            latencies.sort_by(f64::total_cmp);
            let at = |q: f64| {
                if latencies.is_empty() {
                    "never came back".to_owned()
                } else {
                    number::seconds(quantile(&latencies, q))
                }
            };
            rows.push(vec![
                format!("{} {}", phrase::clean(f.name()), outcome.name()),
                number::count(count),
                at(0.0),
                at(0.5),
                at(0.95),
                at(0.99),
                at(1.0),
            ]);
        }
    }
    Table {
        head: ["Operation", "Count", "Least", "p50", "p95", "p99", "Most"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }
}
