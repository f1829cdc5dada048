//! The data behind the page's interactive part: operations in a compact form, and the charts in numbers.
//!
//! An operation takes about 15 characters: a row of numbers, each written in groups of five bits, least first, one
//! character of the Base64 alphabet a group, its sixth bit set when another group follows. Times are in whole
//! microseconds, ids and times are differences to the row before.

use std::collections::{BTreeMap, BTreeSet};

use schism_history::{History, OpId, Outcome, ValueId};
use serde::Serialize;

use super::anomaly::{self, Shown};
use super::plots::{BOTTOM, Chart, Frame, Glyph, LEFT, Marks, RIGHT, TOP};
use super::{counts, phrase};

/// So many operations are in a page at most.
pub(crate) const OPERATIONS_MOST: usize = 100_000;
/// Of operations that are not `ok`, so many.
const RARE_MOST: usize = 30_000;
/// So many invocations before and after each operation of an anomaly are always there.
const NEIGHBOURS: usize = 1_000;
/// So many bytes of keys, values and errors are in a page at most; anomalies and their neighbours come first.
const TEXT_MOST: usize = 1_200_000;
/// A value is cut to so many characters.
const VALUE_MOST: usize = 60;

/// What the page's script is given.
#[derive(Serialize)]
pub(crate) struct Data {
    end: f64,
    total: usize,
    shown: usize,
    /// How many ok operations stand behind each one that is shown.
    weight: f64,
    /// How many workers there were; 0 when unknown.
    workers: u32,
    functions: Vec<String>,
    nodes: Vec<String>,
    keys: Vec<String>,
    values: Vec<String>,
    errors: Vec<String>,
    operations: String,
    anomalies: Vec<Mark>,
    bands: Vec<(f64, f64)>,
    /// The kind of fault of each band.
    kinds: Vec<usize>,
    charts: Vec<ChartData>,
    glyphs: Vec<(&'static str, &'static str)>,
    /// Space around the plotting area: left, right, top, bottom.
    space: [f64; 4],
}

/// An anomaly to mark.
#[derive(Serialize)]
struct Mark {
    operations: Vec<u32>,
    contradiction: Option<u32>,
    from: f64,
    to: f64,
}

/// A chart in numbers; heights are parts of the plotting area, from below.
#[derive(Serialize)]
struct ChartData {
    id: &'static str,
    height: u32,
    /// The ends of the logarithmic axis of the scatter, whose points the script takes from the operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    scatter: Option<(f64, f64)>,
    grid: Vec<f64>,
    layers: Vec<LayerData>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LayerData {
    /// x, y, x, y … of each line.
    Lines(Vec<Vec<f64>>),
    /// from, to, low, high.
    Boxes(Vec<[f64; 4]>),
    Titled(Vec<[f64; 4]>),
}

impl Data {
    /// Puts together what the script of a page needs.
    pub(crate) fn new(
        history: &History,
        frame: &Frame,
        charts: &[Chart],
        anomalies: &[Shown<'_>],
    ) -> Self {
        let marked = anomaly::operations(anomalies);
        let chosen = choose(history, &marked);
        let texts = Texts::new(history, &chosen);
        let shown = chosen.iter().filter(|rank| **rank != Rank::No).count();
        let ok = |id: &usize| history.operation(OpId(*id as u32)).outcome == Outcome::Ok;
        let shown_ok = (0..history.len())
            .filter(|id| chosen[*id] != Rank::No)
            .filter(ok)
            .count();
        Self {
            end: frame.end,
            total: history.len(),
            shown,
            weight: counts::all(history).ok as f64 / shown_ok.max(1) as f64,
            workers: history.header().concurrency,
            functions: history
                .functions()
                .iter()
                .map(|f| phrase::clean(f.name()))
                .collect(),
            nodes: history
                .nodes()
                .iter()
                .map(|node| phrase::clean(node))
                .collect(),
            operations: encode(history, &chosen, &texts),
            keys: texts.keys.list,
            values: texts.values.list,
            errors: texts.errors.list,
            anomalies: anomalies.iter().map(|shown| mark(history, shown)).collect(),
            bands: frame
                .bands
                .iter()
                .map(|band| (rounded(band.from), rounded(band.to)))
                .collect(),
            kinds: frame.bands.iter().map(|band| band.kind).collect(),
            charts: charts.iter().map(chart).collect(),
            glyphs: (0..6)
                .map(Glyph::nth)
                .chain([Glyph::Ring])
                .map(|glyph| (glyph.path(), glyph.class()))
                .collect(),
            space: [LEFT, RIGHT, TOP, BOTTOM],
        }
    }

    /// How many operations the page has.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// As JSON that can stand inside a `script` element: no `<`, `>` or `&`.
    pub(crate) fn to_script(&self) -> String {
        let json = serde_json::to_string(self).expect("all its keys are text");
        let mut out = String::with_capacity(json.len() + json.len() / 50);
        for c in json.chars() {
            match c {
                '<' => out.push_str("\\u003c"),
                '>' => out.push_str("\\u003e"),
                '&' => out.push_str("\\u0026"),
                '\u{2028}' => out.push_str("\\u2028"),
                '\u{2029}' => out.push_str("\\u2029"),
                c => out.push(c),
            }
        }
        out
    }
}

/// Whether an operation is in the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    No,
    Sampled,
    /// Part of an anomaly, or near one: its values come first.
    Near,
}

/// The operations that are in the page: the anomalies and what is near them, then what did not end as `ok`, then an even
/// sample of the rest.
fn choose(history: &History, marked: &BTreeSet<OpId>) -> Vec<Rank> {
    let n = history.len();
    let mut chosen = vec![Rank::No; n];
    let mut room = OPERATIONS_MOST;
    // An operation at a time, so that the first anomalies are whole even when there are many.
    for id in marked {
        let from = id.index().saturating_sub(NEIGHBOURS);
        let to = (id.index() + NEIGHBOURS + 1).min(n);
        for rank in &mut chosen[from..to] {
            if *rank == Rank::No && room > 0 {
                *rank = Rank::Near;
                room -= 1;
            }
        }
    }
    let mut sample = |wanted: fn(Outcome) -> bool, most: usize, room: &mut usize| {
        let candidates: Vec<usize> = (0..n)
            .filter(|id| {
                chosen[*id] == Rank::No && wanted(history.operation(OpId(*id as u32)).outcome)
            })
            .collect();
        let taken = candidates.len().min(most).min(*room);
        for i in 0..taken {
            // Evenly over the run; exact for any number that fits.
            let at = (i as u128 * candidates.len() as u128 / taken as u128) as usize;
            chosen[candidates[at]] = Rank::Sampled;
        }
        *room -= taken;
    };
    sample(|outcome| outcome != Outcome::Ok, RARE_MOST, &mut room);
    sample(|outcome| outcome == Outcome::Ok, usize::MAX, &mut room);
    chosen
}

/// Texts of one kind, each with a number.
struct Table {
    numbers: BTreeMap<u32, usize>,
    list: Vec<String>,
}

/// The number of a text that was left out.
const LEFT_OUT: usize = 1;

impl Table {
    fn new() -> Self {
        Self {
            numbers: BTreeMap::from([(0, 0)]),
            list: vec!["nil".to_owned(), "(left out)".to_owned()],
        }
    }

    fn add(&mut self, id: u32, room: &mut usize, text: impl FnOnce() -> String) {
        if *room == 0 || self.numbers.contains_key(&id) {
            return;
        }
        let text = text();
        *room = room.saturating_sub(text.len() + 3);
        self.numbers.insert(id, self.list.len());
        self.list.push(text);
    }

    fn number(&self, id: u32) -> usize {
        self.numbers.get(&id).copied().unwrap_or(LEFT_OUT)
    }
}

/// The keys, values and errors of the chosen operations.
struct Texts {
    keys: Table,
    values: Table,
    errors: Table,
    error_numbers: BTreeMap<String, u32>,
}

impl Texts {
    fn new(history: &History, chosen: &[Rank]) -> Self {
        let mut texts = Self {
            keys: Table::new(),
            values: Table::new(),
            errors: Table::new(),
            error_numbers: BTreeMap::new(),
        };
        let mut room = TEXT_MOST;
        for wanted in [Rank::Near, Rank::Sampled] {
            for operation in history.operations() {
                if chosen[operation.id.index()] != wanted {
                    continue;
                }
                texts.keys.add(operation.key_id.0, &mut room, || {
                    phrase::shortened(&phrase::bare(operation.key()), VALUE_MOST)
                });
                let mut value = |id: ValueId| {
                    texts.values.add(id.0, &mut room, || {
                        phrase::value(history.value(id), VALUE_MOST)
                    });
                };
                value(operation.input_id);
                if operation.outcome == Outcome::Ok {
                    value(operation.output_id);
                }
                if let Some(error) = operation.error() {
                    let error = phrase::shortened(&phrase::clean(error), 2 * VALUE_MOST);
                    let next = texts.error_numbers.len() as u32 + 1;
                    let number = *texts.error_numbers.entry(error.clone()).or_insert(next);
                    texts.errors.add(number, &mut room, || error);
                }
            }
        }
        texts
    }

    fn error(&self, error: Option<&str>) -> usize {
        let Some(error) = error else { return 0 };
        let error = phrase::shortened(&phrase::clean(error), 2 * VALUE_MOST);
        self.error_numbers
            .get(&error)
            .map_or(LEFT_OUT, |number| self.errors.number(*number))
    }
}

fn encode(history: &History, chosen: &[Rank], texts: &Texts) -> String {
    let mut out = String::new();
    let (mut id_before, mut time_before) = (0, 0);
    for operation in history.operations() {
        if chosen[operation.id.index()] == Rank::No {
            continue;
        }
        let time = operation.invoked.as_nanos() / 1_000;
        let node = operation
            .node()
            .and_then(|name| history.nodes().iter().position(|node| node == name));
        let function = history
            .functions()
            .iter()
            .position(|f| f == operation.f())
            .unwrap_or_default() as u64;
        let (outcome, output) = match operation.outcome {
            Outcome::Ok => (0, texts.values.number(operation.output_id.0)),
            Outcome::Info => (1, 0),
            Outcome::Fail => (2, 0),
        };
        let latency = operation.completed.map_or(0, |completed| {
            completed.since(operation.invoked).as_micros() as u64 + 1
        });
        let late = operation.invoked.since(operation.due()).as_micros() as u64;
        for number in [
            u64::from(operation.id.0) - id_before,
            time - time_before,
            latency,
            late,
            u64::from(operation.process.number().unwrap_or_default()),
            function * 3 + outcome,
            texts.keys.number(operation.key_id.0) as u64,
            node.map_or(0, |node| node as u64 + 1),
            texts.values.number(operation.input_id.0) as u64,
            output as u64,
            texts.error(operation.error().map(|error| &**error)) as u64,
        ] {
            write_number(number, &mut out);
        }
        (id_before, time_before) = (u64::from(operation.id.0), time);
    }
    out
}

fn write_number(mut n: u64, out: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    loop {
        let group = (n & 31) as usize;
        n >>= 5;
        let more = if n > 0 { 32 } else { 0 };
        out.push(char::from(DIGITS[group + more]));
        if n == 0 {
            return;
        }
    }
}

fn mark(history: &History, shown: &Shown<'_>) -> Mark {
    let (from, to) = anomaly::window(history, shown.anomaly).unwrap_or_default();
    Mark {
        operations: shown.anomaly.operations.iter().map(|id| id.0).collect(),
        contradiction: anomaly::contradiction(shown.anomaly).map(|id| id.0),
        from: from.as_secs_f64(),
        to: to.as_secs_f64(),
    }
}

fn chart(chart: &Chart) -> ChartData {
    let axis = &chart.axis;
    let place = |value: f64| (axis.place(value) * 1e4).round() / 1e4;
    let area = |area: &super::plots::Area| {
        [
            rounded(area.from),
            rounded(area.to),
            place(area.low),
            place(area.high),
        ]
    };
    let is_scatter = chart.id == "latency";
    ChartData {
        id: chart.id,
        height: chart.height,
        scatter: is_scatter.then_some((axis.from, axis.to)),
        grid: if axis.is_lanes {
            (0..=axis.ticks.len())
                .map(|lane| place(lane as f64))
                .collect()
        } else {
            let ticks = axis.ticks.iter().map(|tick| place(tick.at));
            std::iter::once(0.0).chain(ticks).collect()
        },
        layers: chart
            .layers
            .iter()
            .filter(|_| !is_scatter)
            .map(|layer| match &layer.marks {
                Marks::Lines(lines) => LayerData::Lines(
                    lines
                        .iter()
                        .map(|points| {
                            points
                                .iter()
                                .flat_map(|(x, y)| [rounded(*x), place(*y)])
                                .collect()
                        })
                        .collect(),
                ),
                Marks::Boxes(areas) => LayerData::Boxes(areas.iter().map(area).collect()),
                Marks::Titled(areas) => {
                    LayerData::Titled(areas.iter().map(|(titled, _)| area(titled)).collect())
                }
                Marks::Points(..) => LayerData::Boxes(Vec::new()),
            })
            .collect(),
    }
}

/// Seconds to whole microseconds: shorter in JSON.
fn rounded(s: f64) -> f64 {
    (s * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
