//! Which faults were there when: a lane for each kind.

use schism_history::History;

use super::chart::{Area, Axis, Chart, Key, Layer, Marks, Swatch, Table};
use super::{Frame, fault_title};
use crate::report::phrase;

/// Lanes of faults; `None` when there were none.
pub(super) fn chart(history: &History, frame: &Frame) -> Option<Chart> {
    if frame.bands.is_empty() {
        return None;
    }
    let mut layers = Vec::new();
    for kind in 0..frame.kinds.len() {
        for is_proved in [true, false] {
            let areas: Vec<(Area, String)> = frame
                .bands
                .iter()
                .filter(|band| band.kind == kind && band.is_proved == is_proved)
                .map(|band| {
                    let area = Area {
                        from: band.from,
                        to: band.to,
                        low: kind as f64 + 0.82,
                        high: kind as f64 + 0.18,
                    };
                    (area, band.title.clone())
                })
                .collect();
            if !areas.is_empty() {
                let proof = if is_proved { "" } else { " unproved" };
                layers.push(Layer {
                    class: format!("fault k{}{proof}", kind % 8),
                    marks: Marks::Titled(areas),
                });
            }
        }
    }
    let legend = [
        ("fault shape", "installed: it took effect", true),
        ("fault unproved shape", "skipped or indeterminate", false),
    ]
    .into_iter()
    .filter(|(_, _, proved)| frame.bands.iter().any(|band| band.is_proved == *proved))
    .map(|(class, label, _)| Key {
        class: class.to_owned(),
        swatch: Swatch::Box,
        label: label.to_owned(),
    })
    .collect();
    Some(Chart {
        id: "faults",
        title: "Faults",
        caption: "When each kind of fault was there, from the begin of its injection to the end of its healing."
            .to_owned(),
        height: (frame.kinds.len() * 26) as u32,
        axis: Axis::lanes(&frame.kinds),
        layers,
        legend,
        table: Table {
            head: vec!["Fault".to_owned(), "What".to_owned()],
            rows: history
                .faults()
                .iter()
                .map(|fault| vec![phrase::clean(&fault.name), fault_title(fault)])
                .collect(),
        },
    })
}
