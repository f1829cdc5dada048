//! Who could be reached when: the share of operations that were served, per node.

use schism_checkers::is_declined;
use schism_history::{History, Outcome};

use super::chart::{Area, Axis, Chart, Key, Layer, Marks, Swatch, Table};
use super::{Frame, Windows};
use crate::report::{number, phrase};

/// More nodes than this are not drawn, but the table has them all.
const NODES_MOST: usize = 32;

/// A lane for each node; `None` when no operation names its node.
pub(super) fn chart(history: &History, frame: &Frame) -> Option<Chart> {
    let windows = Windows::new(frame.end, 120);
    let nodes = history.nodes();
    let mut held: Vec<Vec<(u64, u64)>> = vec![vec![(0, 0); windows.count]; nodes.len()];
    let mut totals = vec![(0_u64, 0_u64); nodes.len()];
    let mut is_any = false;
    for operation in history.operations() {
        let node = operation
            .node()
            .and_then(|name| nodes.iter().position(|node| node == name));
        let Some(node) = node else { continue };
        is_any = true;
        let ok = u64::from(operation.outcome == Outcome::Ok || is_declined(&operation));
        totals[node].0 += ok;
        totals[node].1 += 1;
        // A client that waits in vain is not served in any of the windows in which it waits.
        let first = windows.of(operation.invoked.as_secs_f64());
        let last = operation
            .completed
            .map_or(first, |at| windows.of(at.as_secs_f64()));
        for (ok_here, all_here) in &mut held[node][first..=last] {
            *ok_here += ok;
            *all_here += 1;
        }
    }
    if !is_any {
        return None;
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (lane, windows_of_node) in held.iter().enumerate().take(NODES_MOST) {
        let (top, bottom) = (lane as f64 + 0.12, lane as f64 + 0.88);
        for (window, &(ok, all)) in windows_of_node.iter().enumerate() {
            if all == 0 {
                continue;
            }
            let split = bottom - (bottom - top) * ok as f64 / all as f64;
            let area = |low, high| Area {
                from: windows.from(window),
                to: windows.to(window),
                low,
                high,
            };
            if ok > 0 {
                extend(&mut good, area(bottom, split));
            }
            if ok < all {
                extend(&mut bad, area(split, top));
            }
        }
    }
    let names: Vec<String> = nodes
        .iter()
        .take(NODES_MOST)
        .map(|node| phrase::clean(node))
        .collect();
    let key = |class: &str, label: &str| Key {
        class: class.to_owned(),
        swatch: Swatch::Box,
        label: label.to_owned(),
    };
    Some(Chart {
        id: "availability",
        title: "Availability of each node",
        caption: format!(
            "Of the operations for which a client was waiting in each {}, the share that was served, also with a no (a compare-and-set that found another value): a lane that is \
             blue all the way up answered everything. Empty: nothing was sent.",
            number::seconds(windows.width)
        ),
        height: (names.len() * 26) as u32,
        axis: Axis::lanes(&names),
        layers: [("available", good), ("unavailable", bad)]
            .into_iter()
            .filter(|(_, areas)| !areas.is_empty())
            .map(|(class, areas)| Layer {
                class: class.to_owned(),
                marks: Marks::Boxes(areas),
            })
            .collect(),
        legend: vec![key("available", "served"), key("unavailable", "not served")],
        table: Table {
            head: ["Node", "Sent", "ok", "Share", "Worst window", "From"]
                .map(str::to_owned)
                .to_vec(),
            rows: nodes
                .iter()
                .zip(held.iter().zip(&totals))
                .map(|(node, (held, total))| row(&phrase::clean(node), *total, held, windows))
                .collect(),
        },
    })
}

/// Adds an area, joined to the one before it when they make one box: most windows of most nodes are full.
fn extend(areas: &mut Vec<Area>, area: Area) {
    match areas.last_mut() {
        Some(last)
            if (last.to - area.from).abs() < 1e-9
                && (last.low - area.low).abs() < 1e-9
                && (last.high - area.high).abs() < 1e-9 =>
        {
            last.to = area.to;
        }
        _ => areas.push(area),
    }
}

fn row(node: &str, (ok, all): (u64, u64), held: &[(u64, u64)], windows: Windows) -> Vec<String> {
    let worst = held
        .iter()
        .enumerate()
        .filter(|(_, (_, all))| *all > 0)
        .map(|(window, (ok, all))| (window, *ok as f64 / *all as f64))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let share = |part: Option<f64>| part.map_or_else(|| "nothing sent".to_owned(), number::share);
    vec![
        node.to_owned(),
        number::count(all),
        number::count(ok),
        share((all > 0).then(|| ok as f64 / all as f64)),
        share(worst.map(|(_, share)| share)),
        worst.map_or_else(String::new, |(window, _)| windows.label(window)),
    ]
}
