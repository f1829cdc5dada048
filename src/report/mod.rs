//! What people see of a run: the page, the plots, the terminal, and the files that machines read.
//!
//! All of it is a pure function of [`Input`]: the same run gives the same bytes, today and from its folder in a year.
//! The report renders verdicts and decides none.

mod input;
pub(crate) mod number;
pub(crate) mod phrase;
mod figure;
mod counts;
mod headline;
mod anomaly;
mod plots;
mod scale;
mod intervals;
mod timeline;
mod proof;
mod lattice;
mod page;
mod html;
pub mod json;
pub mod disagreement;
pub mod hunt;
pub mod junit;
pub mod levels;
pub mod markdown;
pub mod progress;
pub mod suite;
pub mod text;
pub mod testing;
pub mod witness;

pub use input::{Conclusion, Input, LogExcerpt, LogLine, RunFacts};

use plots::Frame;

/// The files that people and machines read, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(Vec<(String, String)>);

impl Files {
    /// Makes all of them: `report.html`, `verdict.json`, `junit.xml`, each plot as an SVG in `plots/`, and where two
    /// algorithms disagree, `disagreement.json`.
    /// O(operations × functions), and memory for a few columns of the history.
    pub fn new(input: &Input<'_>) -> Self {
        let frame = Frame::of(input.history);
        let anomalies = anomaly::shown(input.verdicts, input.history);
        let charts = plots::charts(input.history, &frame, &anomaly::operations(&anomalies));
        let mut files = vec![
            ("report.html".to_owned(), html::page(input, &frame, &charts)),
            ("verdict.json".to_owned(), json::verdict(input)),
            ("junit.xml".to_owned(), junit::xml(input)),
        ];
        if let Some(text) = disagreement::json(input) {
            files.push(("disagreement.json".to_owned(), text));
        }
        for chart in &charts {
            files.push((
                format!("plots/{}.svg", chart.id),
                plots::standalone(chart, &frame),
            ));
        }
        Self(files)
    }

    /// Names and contents.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The content of the file with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(file, _)| *file == name)
            .map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests;
