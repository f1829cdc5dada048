//! The lattice of consistency levels with what is known about each: drawn as SVG, and in words for a terminal.

mod layout;

use std::fmt::Write as _;

use petgraph::graph::DiGraph;
use schism_checkers::Level;

use super::plots::escaped;
use super::{headline::Tone, phrase};
use crate::judge::levels::{Standing, Standings};
use crate::look::Look;

const WIDTH: f64 = 1080.0;
/// A box's size, and how far the middles of two are apart at least.
const BOX: (f64, f64) = (130.0, 50.0);
const APART: f64 = 138.0;
/// From one layer to the next.
const LAYER: f64 = 84.0;
/// So many characters of a name stand on a line.
const LINE_MOST: usize = 16;

/// How a standing is coloured.
pub(super) fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Held => Tone::Good.name(),
        Standing::Refuted => Tone::Bad.name(),
        Standing::Undecided => "open",
    }
}

/// The mark of a standing.
pub(super) fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Held => "✓",
        Standing::Refuted => "✗",
        Standing::Undecided => "?",
    }
}

/// The lattice, as an SVG element.
pub(crate) fn svg(standings: &Standings<'_>) -> String {
    let mut graph = DiGraph::<Level, ()>::new();
    let nodes: Vec<_> = Level::ALL
        .iter()
        .map(|&level| graph.add_node(level))
        .collect();
    let place = |level: Level| Level::ALL.iter().position(|&known| known == level);
    for (from, &level) in Level::ALL.iter().enumerate() {
        for to in level.weaker().iter().filter_map(|&weaker| place(weaker)) {
            graph.add_edge(nodes[from], nodes[to], ());
        }
    }
    let Some(laid) = layout::lay_out(&graph, WIDTH, APART) else {
        return String::new();
    };
    let height = (laid.layers - 1) as f64 * LAYER + BOX.1 + 8.0;
    let y = |layer: usize| layer as f64 * LAYER + BOX.1 / 2.0 + 4.0;
    let mut out = format!(
        "<svg class=\"lattice\" viewBox=\"0 0 {:.0} {height}\" role=\"img\" aria-label=\"{}\">",
        laid.width,
        escaped(&format!(
            "Consistency levels, the strongest on top. {}",
            standings.sentence()
        ))
    );
    for (edge, way) in graph.edge_indices().zip(&laid.edges) {
        let Some((from, to)) = graph.edge_endpoints(edge) else {
            continue;
        };
        let (from, to) = (
            standings.standing(graph[from]),
            standings.standing(graph[to]),
        );
        // What carries knowledge is drawn in its colour: down from a level held, up from one refuted.
        let class = match (from, to) {
            (Standing::Held, _) => "good",
            (_, Standing::Refuted) => "bad",
            _ => "open",
        };
        let _ = write!(out, "<path class=\"way {class}\" d=\"{}\"/>", path(way, y));
    }
    for (node, &(layer, x)) in graph.node_indices().zip(&laid.nodes) {
        draw_level(&mut out, graph[node], standings, (x, y(layer)));
    }
    out.push_str("</svg>");
    out
}

/// A smooth line through the middles of the layers.
fn path(way: &[(usize, f64)], y: impl Fn(usize) -> f64) -> String {
    let half = BOX.1 / 2.0;
    let mut out = String::new();
    for (i, pair) in way.windows(2).enumerate() {
        let [(from_layer, from_x), (to_layer, to_x)] = pair else {
            continue;
        };
        let from_y = y(*from_layer) + if i == 0 { half } else { 0.0 };
        let is_last = i + 2 == way.len();
        let to_y = y(*to_layer) - if is_last { half } else { 0.0 };
        let middle = f64::midpoint(from_y, to_y);
        if i == 0 {
            let _ = write!(out, "M{from_x:.1} {from_y:.1}");
        }
        let _ = write!(
            out,
            "C{from_x:.1} {middle:.1} {to_x:.1} {middle:.1} {to_x:.1} {to_y:.1}"
        );
    }
    out
}

fn draw_level(out: &mut String, level: Level, standings: &Standings<'_>, (x, y): (f64, f64)) {
    let standing = standings.standing(level);
    let mut title = format!("{level}: every {}. {}", level.promise(), standing.name());
    if let Some(ground) = standings.ground(level) {
        let _ = write!(title, " by {}", ground.verdict.checker);
        if ground.level != level {
            let _ = write!(title, ", which speaks of {}", ground.level);
        }
    }
    let is_limit = standings.refuted.contains(&level) || standings.held.contains(&level);
    let _ = write!(
        out,
        "<g class=\"level {}{}\"><title>{}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
        tone(standing),
        if is_limit { " limit" } else { "" },
        escaped(&title),
        x - BOX.0 / 2.0,
        y - BOX.1 / 2.0,
        BOX.0,
        BOX.1
    );
    let lines = lines(level.name());
    let first = y + 4.0 - (lines.len() - 1) as f64 * 6.5;
    for (i, line) in lines.iter().enumerate() {
        let mark = if i == 0 && standing != Standing::Undecided {
            format!("{} ", mark(standing))
        } else {
            String::new()
        };
        let _ = write!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{mark}{}</text>",
            first + i as f64 * 13.0,
            escaped(line)
        );
    }
    out.push_str("</g>");
}

/// A name in lines that fit a box, broken behind its dashes.
fn lines(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive('-') {
        match lines.last_mut() {
            Some(line) if line.len() + part.len() <= LINE_MOST => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// The lattice in words: each level that is decided, from strong to weak, with what it implies; then the others.
pub(crate) fn text(standings: &Standings<'_>, look: Look) -> String {
    let decided: Vec<_> = standings
        .rows
        .iter()
        .filter(|(_, standing, _)| *standing != Standing::Undecided)
        .collect();
    let width = decided
        .iter()
        .map(|(level, ..)| level.name().len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (level, standing, ground) in decided {
        let code = match standing {
            Standing::Held => "1;32",
            Standing::Refuted => "1;31",
            Standing::Undecided => "1;33",
        };
        let named = format!("{} {level}", mark(*standing));
        let padding = " ".repeat(width - level.name().len());
        let named = if look.color {
            format!("\u{1b}[{code}m{named}\u{1b}[0m")
        } else {
            named
        };
        let why = match ground {
            Some(ground) if ground.level != *level => match standing {
                Standing::Held => format!("as {} is", ground.level),
                _ => format!("as {} is not", ground.level),
            },
            Some(ground) => match ground.anomaly {
                Some(anomaly) => format!(
                    "{}: {}",
                    phrase::anomaly_name(anomaly.name),
                    phrase::shortened(&phrase::clean(&anomaly.sentence), 240)
                ),
                None => format!("by {}", ground.verdict.checker),
            },
            None => String::new(),
        };
        let indent = width + 6;
        let _ = writeln!(
            out,
            "  {named}{padding}  {}",
            wrapped(&why, indent, look.width)
        );
    }
    let undecided: Vec<&str> = standings
        .rows
        .iter()
        .filter(|(_, standing, _)| *standing == Standing::Undecided)
        .map(|(level, ..)| level.name())
        .collect();
    if !undecided.is_empty() {
        let list = format!("? not decided: {}", undecided.join(", "));
        let _ = writeln!(out, "  {}", wrapped(&list, 4, look.width));
    }
    out
}

/// Text broken at spaces, its lines behind the first one indented.
fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for (i, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if i > 0 && column + 1 + length > width.max(indent + 30) {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_checkers::{Levels, Validity, Verdict};

    fn verdicts() -> Vec<Verdict> {
        vec![
            Verdict::new("list-append", Validity::Invalid, "a cycle").levels(Levels {
                refuted: vec![Level::Serializable],
                held: vec![Level::SnapshotIsolation],
            }),
        ]
    }

    #[test]
    fn every_level_is_drawn_with_its_standing() {
        let verdicts = verdicts();
        let svg = svg(&Standings::of(&verdicts));
        assert_eq!(svg.matches("<rect").count(), Level::ALL.len());
        let edges: usize = Level::ALL.iter().map(|level| level.weaker().len()).sum();
        assert_eq!(svg.matches("<path").count(), edges);
        assert!(
            svg.contains("class=\"level bad limit\"><title>serializable: every"),
            "{svg}"
        );
        assert!(svg.contains("class=\"level good limit\"><title>snapshot-isolation"));
        assert!(svg.contains("class=\"level open\"><title>linearizable"));
    }

    #[test]
    fn a_terminal_gets_the_decided_ones_and_why() {
        let verdicts = verdicts();
        let text = text(&Standings::of(&verdicts), Look::PLAIN);
        let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap();
        assert!(line("✗ serializable").ends_with("by list-append"), "{text}");
        assert!(line("✗ strict-serializable").ends_with("as serializable is not"));
        assert!(line("✓ read-committed").ends_with("as snapshot-isolation is"));
        let open = text.split("? not decided: ").nth(1).unwrap();
        assert!(
            open.contains("linearizable,") && !open.contains("prefix"),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
    }

    #[test]
    fn names_are_broken_behind_dashes() {
        assert_eq!(
            lines("strong-session-snapshot-isolation"),
            ["strong-session-", "snapshot-", "isolation"]
        );
        assert_eq!(lines("causal"), ["causal"]);
    }
}
