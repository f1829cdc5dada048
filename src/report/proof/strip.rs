//! What each session did, one operation after the other: a strip for each.

use std::fmt::Write as _;

use schism_checkers::Anomaly;
use schism_history::{History, Outcome};

use super::super::intervals::Room;
use super::super::plots::escaped;
use super::super::{anomaly, phrase};
use super::sessions;

/// So many sessions, and operations of one, are drawn at most; the table below has all.
const SESSIONS_MOST: usize = 12;
const OPERATIONS_MOST: usize = 12;
const HEIGHT: f64 = 34.0;
/// Pixels of a character, about.
const CHARACTER: f64 = 7.8;

/// The picture, as an SVG element: nothing without operations.
pub(crate) fn svg(history: &History, anomaly: &Anomaly, id: &str, room: Room) -> String {
    let (width, class) = match room {
        Room::Wide => (960.0, "wide"),
        Room::Narrow => (360.0, "narrow"),
    };
    let contradiction = anomaly::contradiction(anomaly);
    let names_keys = anomaly::names_keys(history, anomaly);
    let mut body = String::new();
    let mut told = Vec::new();
    let mut y = 4.0;
    for (process, operations) in sessions(history, anomaly).into_iter().take(SESSIONS_MOST) {
        let node = operations.first().and_then(|&id| {
            history
                .operation(id)
                .node()
                .map(|node| format!(" · {node}"))
        });
        let label = phrase::clean(&format!("process {process}{}", node.unwrap_or_default()));
        let _ = write!(
            body,
            "<text class=\"lane\" x=\"4\" y=\"{:.1}\">{}</text>",
            y + 13.0,
            escaped(&label)
        );
        y += 22.0;
        let mut x = 4.0;
        let mut words = Vec::new();
        for (i, &operation_id) in operations.iter().take(OPERATIONS_MOST).enumerate() {
            let operation = history.operation(operation_id);
            let most = if room == Room::Wide { 44 } else { 34 };
            let text = phrase::action_on(&operation, names_keys, most);
            let box_width = 34.0 + text.chars().count() as f64 * CHARACTER;
            if x + box_width > width - 4.0 && i > 0 {
                x = 24.0;
                y += HEIGHT + 8.0;
            }
            if i > 0 && x > 24.5 {
                let _ = write!(
                    body,
                    "<path class=\"then\" d=\"M{:.1} {:.1}h16\" marker-end=\"url(#{id}-then)\"/>",
                    x - 21.0,
                    y + HEIGHT / 2.0
                );
            }
            let is_last = contradiction == Some(operation_id);
            let outcome = match operation.outcome {
                Outcome::Ok => "",
                Outcome::Info => " info",
                Outcome::Fail => " fail",
            };
            let badge = super::name(anomaly, operation_id);
            let _ = write!(
                body,
                "<g class=\"step{outcome}{}\"><title>{}</title>\
                 <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{box_width:.1}\" height=\"{HEIGHT}\" rx=\"7\"/>\
                 <circle class=\"badge\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"8\"/>\
                 <text class=\"badge\" x=\"{2:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{badge}</text>\
                 <text class=\"what\" x=\"{:.1}\" y=\"{4:.1}\">{}</text></g>",
                if is_last { " contradiction" } else { "" },
                escaped(&operation.to_string()),
                x + 14.0,
                y + HEIGHT / 2.0,
                y + HEIGHT / 2.0 + 4.0,
                x + 26.0,
                escaped(&text)
            );
            words.push(format!("{badge}: {text}"));
            x += box_width + 24.0;
        }
        told.push(format!("process {process} did {}", words.join(", then ")));
        y += HEIGHT + 16.0;
    }
    if told.is_empty() {
        return String::new();
    }
    format!(
        "<svg class=\"strip {class}\" viewBox=\"0 0 {width} {y:.0}\" role=\"img\" aria-label=\"{}\"><defs>\
         <marker id=\"{id}-then\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\">\
         <path class=\"tip\" d=\"M0 1L10 5L0 9z\"/></marker></defs>{body}</svg>",
        escaped(&told.join("; "))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_checkers::{Confirmation, Picture, Step};
    use schism_history::testing::history;
    use schism_history::{OpId, Value};

    #[test]
    fn each_session_has_its_own_strip_in_its_order() {
        let history = history(
            "
            0@n1 |w x 1|
            1@n2         |r x -> 1|
            1@n2                    |r x -> nil|
            ",
        );
        let operations = vec![OpId(0), OpId(2), OpId(1)];
        let anomaly = Anomaly {
            name: "non-monotonic-read",
            sentence: "it went back".to_owned(),
            key: Value::Nil,
            steps: vec![Step {
                operation: Some(OpId(2)),
                text: "so".to_owned(),
            }],
            operations,
            confirmation: Confirmation {
                by: "search",
                agrees: true,
            },
            picture: Picture::Sessions,
        };
        for room in [Room::Wide, Room::Narrow] {
            let svg = svg(&history, &anomaly, "a1", room);
            assert_eq!(svg.matches("class=\"lane\"").count(), 2);
            assert_eq!(svg.matches("class=\"step").count(), 3);
            assert_eq!(svg.matches("contradiction").count(), 1);
            assert!(
                svg.contains("process 1 did 3: read → 1, then 2: read → nil"),
                "{svg}"
            );
        }
        let none = Anomaly {
            operations: Vec::new(),
            ..anomaly
        };
        assert_eq!(svg(&history, &none, "a1", Room::Wide), "");
    }
}
