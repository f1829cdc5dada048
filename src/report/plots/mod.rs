//! The charts of a run: what the faults did to latency, throughput and availability.
//!
//! Each file but four makes one chart from a history. [`chart`] says what a chart is, `draw` and `surface` draw it with
//! plotters, `ticks` chooses the labels of its axes.

mod chart;
mod ticks;
mod surface;
mod draw;
mod faults;
mod latency;
mod quantiles;
mod rate;
mod availability;

pub(crate) use chart::{Area, Chart, Glyph, Marks, Table, Tick};
pub(crate) use draw::{BOTTOM, LEFT, RIGHT, TOP, inline, standalone, swatch};
pub(super) use surface::escaped;
pub(super) use ticks::times as time_ticks;

use std::collections::BTreeSet;

use schism_history::{FaultOutcome, FaultSpan, History, OpId};

use super::{number, phrase};

/// What all charts of a run share: how long it was, and what was broken when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    /// The end of the run, in seconds; never 0.
    pub(crate) end: f64,
    /// The faults.
    pub(crate) bands: Vec<Band>,
    /// Their kinds, in order of first injection.
    pub(crate) kinds: Vec<String>,
}

/// The time in which a fault can have had an effect.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// When the injection began, in seconds.
    pub(crate) from: f64,
    /// When the healing was done, or the end of the run.
    pub(crate) to: f64,
    /// Its kind's place among the kinds.
    pub(crate) kind: usize,
    /// Whether it is proved to have taken effect.
    pub(crate) is_proved: bool,
    /// What it was, in a sentence.
    pub(crate) title: String,
}

impl Frame {
    /// The frame of a history.
    pub(crate) fn of(history: &History) -> Self {
        let end = history.end().as_secs_f64().max(1e-3);
        let mut kinds: Vec<String> = Vec::new();
        let mut bands = Vec::with_capacity(history.faults().len());
        for fault in history.faults() {
            let name = phrase::clean(&fault.name);
            let kind = kinds.iter().position(|kind| *kind == name);
            let kind = kind.unwrap_or_else(|| {
                kinds.push(name);
                kinds.len() - 1
            });
            let from = fault.injecting.as_secs_f64().min(end);
            bands.push(Band {
                from,
                to: fault
                    .healed
                    .map_or(end, |healed| healed.as_secs_f64().min(end)),
                kind,
                is_proved: fault.outcome == FaultOutcome::Installed,
                title: fault_title(fault),
            });
        }
        Self { end, bands, kinds }
    }
}

/// A fault in a line: `partition halves: n1 n2 | n3, 10.0 s to 18.0 s, installed`.
pub(crate) fn fault_title(fault: &FaultSpan) -> String {
    let label = if fault.label.is_empty() {
        String::new()
    } else {
        format!(" {}", fault.label)
    };
    let until = fault.healed.map_or_else(
        || "never healed".to_owned(),
        |healed| format!("to {healed}"),
    );
    phrase::clean(&format!(
        "{}{label}, {} {until}, {}",
        fault.name,
        fault.injecting,
        fault.outcome.name()
    ))
}

/// All charts of a run, in the order in which they are shown. `anomalous` operations are marked.
pub(crate) fn charts(history: &History, frame: &Frame, anomalous: &BTreeSet<OpId>) -> Vec<Chart> {
    let mut charts = Vec::new();
    charts.extend(faults::chart(history, frame));
    if !history.is_empty() {
        charts.push(latency::chart(history, frame, anomalous));
        charts.extend(quantiles::chart(history, frame));
        charts.push(rate::chart(history, frame));
        charts.extend(availability::chart(history, frame));
    }
    charts
}

/// Equal stretches of time that a chart counts in.
#[derive(Clone, Copy, Debug)]
struct Windows {
    /// Seconds.
    width: f64,
    count: usize,
    end: f64,
}

impl Windows {
    /// Windows of a round width, at most `most` of them.
    fn new(end: f64, most: usize) -> Self {
        let width = ticks::time_step(end / most as f64);
        Self {
            width,
            count: ((end / width).ceil() as usize).max(1),
            end,
        }
    }

    /// The window of a moment.
    fn of(self, time: f64) -> usize {
        ((time / self.width) as usize).min(self.count - 1)
    }

    fn from(self, window: usize) -> f64 {
        window as f64 * self.width
    }

    fn to(self, window: usize) -> f64 {
        ((window + 1) as f64 * self.width).min(self.end)
    }

    fn middle(self, window: usize) -> f64 {
        f64::midpoint(self.from(window), self.to(window))
    }

    /// `12 s`, `0.5 s`: where a window begins, for a table.
    fn label(self, window: usize) -> String {
        format!("{} s", number::plain(self.from(window)))
    }
}

/// The smallest value that is not below `quantile` of them. `sorted` is sorted and not empty.
fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests;
