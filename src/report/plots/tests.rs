use super::chart::{Layer, Swatch};
use super::*;
use crate::report::testing::{Ending, run};
use schism_history::testing::history;
use schism_history::{Event, F, Kind, Outcome, Process, Time};

fn chart<'c>(charts: &'c [Chart], id: &str) -> &'c Chart {
    charts.iter().find(|chart| chart.id == id).unwrap()
}

fn points(layer: &Layer) -> usize {
    match &layer.marks {
        Marks::Points(_, points) => points.len(),
        _ => 0,
    }
}

#[test]
fn every_operation_of_a_small_run_is_a_point() {
    let history = history(
        "
        0@n1 |w x 1|
        1@n2   |r x -> 1|
        2@n1                |w x 2 ?
        3@n1       |w x 3 !|
        ",
    );
    let frame = Frame::of(&history);
    let anomalous = BTreeSet::from([OpId(1)]);
    let charts = charts(&history, &frame, &anomalous);
    let latency = chart(&charts, "latency");
    let drawn: Vec<(&str, usize)> = latency
        .layers
        .iter()
        .map(|layer| (layer.class.as_str(), points(layer)))
        .collect();
    assert_eq!(
        drawn,
        [
            ("ok", 1),
            ("ok", 1),
            ("info", 1),
            ("fail", 1),
            ("anomaly", 1)
        ]
    );
    assert!(
        charts.iter().all(|chart| chart.id != "faults"),
        "no faults, no lanes"
    );
}

#[test]
fn crowds_become_cells_and_the_rare_stay_on_top() {
    let run = run(Ending::Invalid, 20_000, 7);
    let frame = Frame::of(&run.history);
    let charts = charts(&run.history, &frame, &BTreeSet::from([OpId(3)]));
    let latency = chart(&charts, "latency");
    let first_points = latency.layers.iter().position(|layer| points(layer) > 0);
    let cells = &latency.layers[..first_points.unwrap()];
    assert!(!cells.is_empty(), "15,000 ok operations are cells");
    assert!(cells.iter().all(|layer| layer.class.starts_with("ok cell")));
    let rest = &latency.layers[first_points.unwrap()..];
    let count = |outcome| {
        let operations = run.history.operations();
        operations.filter(|op| op.outcome == outcome).count()
    };
    let drawn = |class: &str| -> usize {
        rest.iter()
            .filter(|layer| layer.class == class)
            .map(points)
            .sum()
    };
    assert_eq!(drawn("info"), count(Outcome::Info));
    assert_eq!(drawn("fail"), count(Outcome::Fail));
    let sizes: Vec<usize> = rest[..rest.len() - 1].iter().map(points).collect();
    assert!(
        sizes.is_sorted_by(|a, b| a >= b),
        "the rarest is drawn last: {sizes:?}"
    );
    assert_eq!(rest.last().unwrap().class, "anomaly");
}

#[test]
fn a_cluster_that_is_down_still_makes_a_small_chart() {
    let mut builder = History::builder();
    for i in 0..60_000_u64 {
        let event = |micros, kind| {
            Event::new(
                Time::from_micros(i * 100 + micros),
                Process::client(0),
                kind,
                F::Read,
            )
        };
        builder.push(event(0, Kind::Invoke)).unwrap();
        builder.push(event(i % 90, Kind::Fail)).unwrap();
    }
    let history = builder.finish();
    let frame = Frame::of(&history);
    let charts = charts(&history, &frame, &BTreeSet::new());
    let svg = standalone(chart(&charts, "latency"), &frame);
    assert!(svg.len() < 400_000, "{}", svg.len());
    assert!(
        charts.iter().all(|chart| chart.id != "quantiles"),
        "nothing was ok"
    );
}

#[test]
fn quantiles_have_a_gap_where_nothing_was_ok() {
    let mut builder = History::builder();
    for i in (0..600_u64).filter(|i| !(200..400).contains(i)) {
        let event = |millis, kind| {
            Event::new(
                Time::from_millis(i * 100 + millis),
                Process::client(0),
                kind,
                F::Read,
            )
        };
        builder.push(event(0, Kind::Invoke)).unwrap();
        builder.push(event(1 + i % 10, Kind::Ok)).unwrap();
    }
    let history = builder.finish();
    let frame = Frame::of(&history);
    let charts = charts(&history, &frame, &BTreeSet::new());
    let quantiles = chart(&charts, "quantiles");
    let Marks::Lines(lines) = &quantiles.layers[0].marks else {
        panic!("lines")
    };
    assert_eq!(lines.len(), 2, "two pieces");
    assert_eq!(quantiles.table.rows.len(), 40, "forty of sixty windows");
    let p50 = lines[0][0].1;
    assert!((p50 - 0.005).abs() < 1e-9, "{p50}");
}

#[test]
fn availability_counts_a_client_that_waits_in_vain() {
    let mut builder = History::builder();
    let event = |millis, process, kind, node: &str| {
        Event::new(
            Time::from_millis(millis),
            Process::client(process),
            kind,
            F::Read,
        )
        .node(node)
    };
    builder.push(event(0, 0, Kind::Invoke, "n1")).unwrap();
    builder.push(event(0, 1, Kind::Invoke, "n2")).unwrap();
    builder.push(event(10, 0, Kind::Ok, "n1")).unwrap();
    builder.push(event(6_000, 1, Kind::Info, "n2")).unwrap();
    let history = builder.finish();
    let frame = Frame::of(&history);
    let charts = charts(&history, &frame, &BTreeSet::new());
    let availability = chart(&charts, "availability");
    assert_eq!(
        availability.table.rows[0][..4],
        ["n1", "1", "1", "100 %"].map(str::to_owned)
    );
    assert_eq!(
        availability.table.rows[1][..4],
        ["n2", "1", "0", "0 %"].map(str::to_owned)
    );
    let Marks::Boxes(bad) = &availability.layers[1].marks else {
        panic!("boxes")
    };
    assert_eq!(bad.len(), 1, "joined to one box: {bad:?}");
    assert!(bad[0].from < 1e-9 && (bad[0].to - 6.0).abs() < 1e-9);
}

#[test]
fn faults_have_lanes_by_kind_and_unproved_ones_look_different() {
    let run = run(Ending::Unknown, 2_000, 7);
    let frame = Frame::of(&run.history);
    assert_eq!(frame.kinds, ["partition", "kill", "pause"]);
    let charts = charts(&run.history, &frame, &BTreeSet::new());
    let classes: Vec<&str> = chart(&charts, "faults")
        .layers
        .iter()
        .map(|layer| layer.class.as_str())
        .collect();
    assert_eq!(classes, ["fault k0", "fault k1", "fault k2 unproved"]);
    let svg = inline(chart(&charts, "faults"), &frame);
    assert!(svg.contains("<title>pause n2 n5, 40.000 s to 45.000 s, skipped</title>"));
}

#[test]
fn rates_are_per_second_also_in_the_last_window() {
    let mut builder = History::builder();
    // 10 a second for 61.4 seconds: windows of a second, the last one shorter.
    for i in 0..614_u64 {
        let event = |millis, kind| {
            Event::new(
                Time::from_millis(i * 100 + millis),
                Process::client(0),
                kind,
                F::Read,
            )
        };
        builder.push(event(0, Kind::Invoke)).unwrap();
        builder.push(event(1, Kind::Ok)).unwrap();
    }
    let history = builder.finish();
    let frame = Frame::of(&history);
    let charts = charts(&history, &frame, &BTreeSet::new());
    let Marks::Lines(lines) = &chart(&charts, "rate").layers[0].marks else {
        panic!("lines")
    };
    for (time, rate) in &lines[0] {
        assert!((rate - 10.0).abs() < 1.0, "{rate} at {time}");
    }
}

#[test]
fn every_chart_has_a_title_a_caption_a_legend_and_figures() {
    let run = run(Ending::Invalid, 2_000, 7);
    let frame = Frame::of(&run.history);
    for chart in charts(&run.history, &frame, &BTreeSet::new()) {
        assert!(!chart.title.is_empty() && !chart.caption.is_empty());
        assert!(!chart.legend.is_empty() && !chart.table.rows.is_empty());
        for row in &chart.table.rows {
            assert_eq!(row.len(), chart.table.head.len(), "{}", chart.id);
        }
        let svg = inline(&chart, &frame);
        assert!(svg.contains("role=\"img\"") && svg.contains(&format!("desc-{}", chart.id)));
        assert!(
            chart
                .legend
                .iter()
                .all(|key| key.swatch != Swatch::Line || key.class.contains("line"))
        );
    }
}
