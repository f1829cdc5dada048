//! What people see of a run: the page, the plots, the terminal, and the files that machines read.
//!
//! All of it is a pure function of [`Input`]: the same run gives the same bytes, today and from its folder in a year.
//! The report renders verdicts and decides none.

mod input;
mod number;
mod phrase;
mod figure;
mod counts;
mod headline;
mod anomaly;
mod plots;
mod scale;
mod intervals;
mod timeline;
mod page;
mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod progress;
pub mod text;
pub mod testing;

pub use input::{Conclusion, Input, LogExcerpt, LogLine, RunFacts};

use std::path::Path;
use std::{fs, io};

use plots::Frame;

/// The files that people and machines read, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(Vec<(String, String)>);

impl Files {
    /// Makes all of them: `report.html`, `verdict.json`, `junit.xml`, and each plot as an SVG. O(operations × functions), and memory for a few columns of the history.
    pub fn new(input: &Input<'_>) -> Self {
        let frame = Frame::of(input.history);
        let anomalies = anomaly::shown(input.verdicts, input.history);
        let charts = plots::charts(input.history, &frame, &anomaly::operations(&anomalies));
        let mut files = vec![
            ("report.html".to_owned(), html::page(input, &frame, &charts)),
            ("verdict.json".to_owned(), json::verdict(input)),
            ("junit.xml".to_owned(), junit::xml(input)),
        ];
        for chart in &charts {
            files.push((
                format!("{}.svg", chart.id),
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

    /// Writes all of them into a folder that exists. Each is there whole or as it was before, also when the machine stops.
    ///
    /// # Errors
    /// The first file that cannot be written, with its path.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, text) in self.iter() {
            let path = folder.join(name);
            let half = folder.join(format!(".{name}.half"));
            let written = fs::write(&half, text).and_then(|()| fs::rename(&half, &path));
            if let Err(error) = written {
                // What is left of it is of no use; the first error says more than a second one.
                let _ = fs::remove_file(&half);
                let message = format!("cannot write {}: {error}", path.display());
                return Err(io::Error::new(error.kind(), message));
            }
        }
        Ok(())
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
