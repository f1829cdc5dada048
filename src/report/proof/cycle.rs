//! A cycle of dependencies: each operation a box with what it did, each dependency an arrow with its kind and key.

use std::fmt::Write as _;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use schism_checkers::{Anomaly, Dependency};
use schism_history::{History, OpId};

use super::super::intervals::Room;
use super::super::plots::escaped;
use super::super::{anomaly, phrase};
use super::{label, name};

/// So many operations stand in a ring; more of them stand below each other.
const RING_MOST: usize = 6;
/// So many operations are drawn at most; the list below has all dependencies.
const NODES_MOST: usize = 40;
/// So many lines a box has at most, below its head.
const LINES_MOST: usize = 9;
const LINE: f64 = 17.0;
/// Pixels of a character, about.
const CHARACTER: f64 = 7.9;
/// Between two rows of a ring, and between two boxes that stand below each other.
const BETWEEN: f64 = 62.0;

/// A box.
#[derive(Clone, Debug)]
struct Node {
    id: OpId,
    badge: String,
    head: String,
    lines: Vec<String>,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Node {
    fn middle(&self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// Where a line from the middle towards a point leaves the box.
    fn border(&self, towards: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.middle();
        let (dx, dy) = (towards.0 - x, towards.1 - y);
        let across = (self.width / 2.0 + 3.0) / dx.abs().max(1e-9);
        let along = (self.height / 2.0 + 3.0) / dy.abs().max(1e-9);
        let part = across.min(along).min(1.0);
        (x + dx * part, y + dy * part)
    }
}

/// The picture, as an SVG element; nothing when the dependencies make no cycle.
pub(crate) fn svg(
    history: &History,
    anomaly: &Anomaly,
    edges: &[Dependency],
    id: &str,
    room: Room,
) -> String {
    let Some(graph) = graph(edges) else {
        return String::new();
    };
    let width = match room {
        Room::Wide => 960.0,
        Room::Narrow => 360.0,
    };
    let in_ring = room == Room::Wide && graph.node_count() <= RING_MOST && graph.node_count() > 1;
    let columns = if in_ring {
        graph.node_count().div_ceil(2).max(2)
    } else {
        1
    };
    let between = 132.0;
    let box_width = match (in_ring, room) {
        (true, _) => ((width - between * (columns - 1) as f64) / columns as f64).min(380.0),
        (false, Room::Wide) => 560.0,
        (false, Room::Narrow) => 272.0,
    };
    let mut nodes: Vec<Node> = graph
        .node_indices()
        .map(|node| boxed(history, anomaly, graph[node], box_width))
        .collect();
    let height = if in_ring {
        place_ring(&mut nodes, columns, width, between)
    } else {
        place_column(&mut nodes, room)
    };
    let mut out = format!(
        "<svg class=\"cycle {}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-label=\"{}\"><defs>",
        match room {
            Room::Wide => "wide",
            Room::Narrow => "narrow",
        },
        escaped(&described(anomaly, edges))
    );
    for kind in ["ww", "wr", "rw", "process", "realtime", "derived"] {
        let _ = write!(
            out,
            "<marker id=\"{id}-{kind}\" class=\"edge {kind}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 1L10 5L0 9z\"/></marker>"
        );
    }
    out.push_str("</defs>");
    for edge in graph.edge_references() {
        let (from, to) = (edge.source().index(), edge.target().index());
        draw_edge(
            &mut out,
            &nodes,
            (from, to),
            edge.weight(),
            (in_ring, room),
            id,
        );
    }
    for node in &nodes {
        draw_box(&mut out, node);
    }
    out.push_str("</svg>");
    out
}

/// The operations of a cycle in its order, and its dependencies. `None` when they make none, or one too long to draw.
fn graph(edges: &[Dependency]) -> Option<DiGraph<OpId, &Dependency>> {
    let is_cycle = !edges.is_empty()
        && edges.len() <= NODES_MOST
        && (0..edges.len()).all(|i| edges[i].to == edges[(i + 1) % edges.len()].from);
    if !is_cycle {
        return None;
    }
    let mut graph: DiGraph<OpId, &Dependency> = DiGraph::new();
    let mut nodes: Vec<(OpId, NodeIndex)> = Vec::new();
    let mut node = |id: OpId, graph: &mut DiGraph<OpId, &Dependency>| {
        let known = nodes.iter().find(|(known, _)| *known == id);
        if let Some((_, node)) = known {
            return *node;
        }
        let node = graph.add_node(id);
        nodes.push((id, node));
        node
    };
    for edge in edges {
        let from = node(edge.from, &mut graph);
        let to = node(edge.to, &mut graph);
        graph.add_edge(from, to, edge);
    }
    Some(graph)
}

fn boxed(history: &History, anomaly: &Anomaly, id: OpId, width: f64) -> Node {
    let most = ((width - 24.0) / CHARACTER) as usize;
    let (head, mut lines) = if id.index() < history.len() {
        let operation = history.operation(id);
        let node = operation
            .node()
            .map_or_else(String::new, |node| format!(" · {node}"));
        let head = format!(
            "{id} · process {}{node} · {}",
            operation.process, operation.invoked
        );
        (head, phrase::parts(&operation, most))
    } else {
        (id.to_string(), Vec::new())
    };
    if lines.len() > LINES_MOST {
        let more = lines.len() - LINES_MOST + 1;
        lines.truncate(LINES_MOST - 1);
        lines.push(format!("and {more} more"));
    }
    let height = 30.0 + LINE * lines.len() as f64 + 8.0;
    Node {
        id,
        badge: name(anomaly, id),
        head: phrase::shortened(&phrase::clean(&head), most.saturating_sub(3)),
        lines,
        x: 0.0,
        y: 0.0,
        width,
        height,
    }
}

/// Two rows: the first from left to right, the second back. How high it is.
fn place_ring(nodes: &mut [Node], columns: usize, width: f64, between: f64) -> f64 {
    let first_row = columns.min(nodes.len());
    let second_row = nodes.len() - first_row;
    let tallest = |nodes: &[Node]| nodes.iter().map(|node| node.height).fold(0.0, f64::max);
    let (first_height, second_height) =
        (tallest(&nodes[..first_row]), tallest(&nodes[first_row..]));
    for (i, node) in nodes.iter_mut().enumerate() {
        let (count, column, top, height) = if i < first_row {
            (first_row, i, 4.0, first_height)
        } else {
            let column = second_row - 1 - (i - first_row);
            (
                second_row,
                column,
                4.0 + first_height + BETWEEN,
                second_height,
            )
        };
        let used = node.width * count as f64 + between * (count as f64 - 1.0);
        node.x = (width - used) / 2.0 + column as f64 * (node.width + between);
        node.y = top + (height - node.height) / 2.0;
    }
    let second = if second_row > 0 {
        BETWEEN + second_height
    } else {
        0.0
    };
    first_height + second + 8.0
}

/// Below each other. How high it is.
fn place_column(nodes: &mut [Node], room: Room) -> f64 {
    let mut y = 4.0;
    for node in nodes.iter_mut() {
        node.x = match room {
            Room::Wide => 120.0,
            Room::Narrow => 4.0,
        };
        node.y = y;
        y += node.height + BETWEEN;
    }
    let label = match room {
        Room::Wide => 0.0,
        Room::Narrow => 18.0,
    };
    y - BETWEEN + 6.0 + label
}

fn draw_edge(
    out: &mut String,
    nodes: &[Node],
    (from, to): (usize, usize),
    edge: &Dependency,
    (in_ring, room): (bool, Room),
    id: &str,
) {
    let kind = edge.kind.name();
    let (a, b) = (&nodes[from], &nodes[to]);
    let goes_back = !in_ring && to <= from;
    let (path, (x, y), anchor) = if goes_back {
        // Beside the boxes, from the last to the first.
        let right = a.x + a.width;
        let out_to = right + 26.0;
        let (from_y, to_y) = if from == to {
            (a.y + a.height - 10.0, a.y + 10.0)
        } else {
            (a.middle().1, b.middle().1)
        };
        let path = format!(
            "M{:.1} {from_y:.1}H{:.1}Q{out_to:.1} {from_y:.1} {out_to:.1} {:.1}V{:.1}Q{out_to:.1} {to_y:.1} {:.1} {to_y:.1}H{:.1}",
            right + 2.0,
            out_to - 10.0,
            from_y - 10.0,
            to_y + 10.0,
            out_to - 10.0,
            right + 4.0
        );
        match room {
            Room::Wide => (path, (out_to + 6.0, f64::midpoint(from_y, to_y)), "start"),
            // Beside the arrow is no room.
            Room::Narrow => (path, (out_to, a.y + a.height + 16.0), "end"),
        }
    } else {
        // Two arrows between the same boxes stand beside each other.
        let apart = if in_ring && nodes.len() == 2 {
            20.0
        } else {
            0.0
        };
        let apart = if from < to { -apart } else { apart };
        let ((ax, ay), (bx, by)) = (a.middle(), b.middle());
        let start = a.border((bx, by));
        let end = b.border((ax, ay));
        let path = format!(
            "M{:.1} {:.1}L{:.1} {:.1}",
            start.0,
            start.1 + apart,
            end.0,
            end.1 + apart
        );
        let middle = (
            f64::midpoint(start.0, end.0),
            f64::midpoint(start.1, end.1) + apart,
        );
        let is_flat = (start.1 - end.1).abs() < (start.0 - end.0).abs();
        if is_flat {
            (path, (middle.0, middle.1 - 7.0), "middle")
        } else {
            (path, (middle.0 + 8.0, middle.1 + 4.0), "start")
        }
    };
    let _ = write!(
        out,
        "<g class=\"edge {kind}\"><title>{}</title><path d=\"{path}\" marker-end=\"url(#{id}-{kind})\"/>\
         <text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text></g>",
        escaped(&phrase::clean(&edge.because)),
        escaped(&label(edge))
    );
}

fn draw_box(out: &mut String, node: &Node) {
    let _ = write!(
        out,
        "<g class=\"node\"><title>{}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\"/>\
         <circle class=\"badge\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"9\"/>\
         <text class=\"badge\" x=\"{5:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text class=\"head\" x=\"{:.1}\" y=\"{7:.1}\">{}</text>",
        node.id,
        node.x,
        node.y,
        node.width,
        node.height,
        node.x + 17.0,
        node.y + 17.0,
        node.y + 21.0,
        escaped(&node.badge),
        node.x + 32.0,
        escaped(&node.head)
    );
    for (i, line) in node.lines.iter().enumerate() {
        let _ = write!(
            out,
            "<text class=\"what\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            node.x + 12.0,
            node.y + 43.0 + i as f64 * LINE,
            escaped(line)
        );
    }
    out.push_str("</g>");
}

/// The picture in words, for those who do not see it.
fn described(anomaly: &Anomaly, edges: &[Dependency]) -> String {
    let told: Vec<String> = edges
        .iter()
        .map(|edge| {
            let (from, to) = (name(anomaly, edge.from), name(anomaly, edge.to));
            format!("{from} before {to}, {}", label(edge))
        })
        .collect();
    let named = anomaly::badge(anomaly, edges[0].from).is_some();
    let what = if named {
        "of its operations"
    } else {
        "of operations"
    };
    format!("A cycle {what}: {}", told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_checkers::{Confirmation, DependencyKind, Picture};
    use schism_history::Value;
    use schism_history::testing::history;

    fn edge(from: u32, to: u32, kind: DependencyKind) -> Dependency {
        Dependency {
            from: OpId(from),
            to: OpId(to),
            kind,
            key: Value::from("x"),
            because: format!("#{to} <overwrote> what #{from} read"),
        }
    }

    fn cycle(n: u32) -> Vec<Dependency> {
        (0..n)
            .map(|i| edge(i, (i + 1) % n, DependencyKind::ReadWrite))
            .collect()
    }

    fn anomaly(edges: &[Dependency]) -> Anomaly {
        Anomaly {
            name: "G2-item",
            sentence: "a cycle".to_owned(),
            key: Value::Nil,
            operations: edges.iter().map(|edge| edge.from).collect(),
            steps: Vec::new(),
            confirmation: Confirmation {
                by: "search",
                agrees: true,
            },
            picture: Picture::Cycle(edges.to_vec()),
        }
    }

    fn lines(n: u32) -> String {
        let lines = (0..n).map(|i| format!("{i}@n1 |txn nil [[r,x,1],[append,y,{i}]]|"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn boxes_and_arrows_are_all_there_and_inside_the_picture() {
        for n in [1, 2, 3, 4, 5, 6, 7, 12] {
            let history = history(&lines(n));
            let edges = cycle(n);
            let anomaly = anomaly(&edges);
            for room in [Room::Wide, Room::Narrow] {
                let svg = svg(&history, &anomaly, &edges, "a1", room);
                assert_eq!(svg.matches("class=\"node\"").count(), n as usize);
                assert_eq!(svg.matches("marker-end").count(), n as usize);
                assert!(
                    svg.contains("append y 0") && svg.contains(">rw x<"),
                    "{svg}"
                );
                assert!(!svg.contains("<overwrote>"), "{svg}");
                let width: f64 = if room == Room::Wide { 960.0 } else { 360.0 };
                for rect in svg.split("<rect x=\"").skip(1) {
                    let x: f64 = rect.split('"').next().unwrap().parse().unwrap();
                    let w: f64 = rect
                        .split("width=\"")
                        .nth(1)
                        .unwrap()
                        .split('"')
                        .next()
                        .unwrap()
                        .parse()
                        .unwrap();
                    assert!(x >= 0.0 && x + w <= width, "{n} {room:?}: {x} {w}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_cycle_is_not_drawn() {
        let history = history(&lines(3));
        let broken = vec![
            edge(0, 1, DependencyKind::WriteRead),
            edge(2, 0, DependencyKind::WriteWrite),
        ];
        assert_eq!(
            svg(&history, &anomaly(&broken), &broken, "a", Room::Wide),
            ""
        );
        assert_eq!(svg(&history, &anomaly(&[]), &[], "a", Room::Wide), "");
    }

    #[test]
    fn operations_that_the_history_lacks_do_no_harm() {
        let history = history(&lines(1));
        let edges = cycle(3);
        let svg = svg(&history, &anomaly(&edges), &edges, "a", Room::Wide);
        assert!(svg.contains("#2"));
    }
}
