//! Where the nodes of a graph without cycles stand: in layers, few edges crossing.
//!
//! The method of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures", 1981):
//! a layer for each longest way to the bottom, edges over several layers through places of their own, each layer in
//! turn put into the order of the middles of its neighbours, then places moved towards those.

use petgraph::Direction::Outgoing;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

/// How often the order of the layers is improved, up and down.
const SWEEPS: usize = 12;
/// How often places are moved towards their neighbours.
const MOVES: usize = 24;

/// A place in a layer: a node, or where an edge passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Node(NodeIndex),
    Bend,
}

/// A graph that was laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// For each node its layer, 0 on top, and where its middle stands in it.
    pub(super) nodes: Vec<(usize, f64)>,
    /// For each edge the middles of the places it passes, from layer to layer.
    pub(super) edges: Vec<Vec<(usize, f64)>>,
    /// How wide it is: as asked for, or as wide as the fullest layer.
    pub(super) width: f64,
    /// How many layers there are.
    pub(super) layers: usize,
}

/// Lays a graph out between 0 and `width`, its nodes so far apart. `None` when it has a cycle.
pub(super) fn lay_out<N, E>(graph: &DiGraph<N, E>, width: f64, apart: f64) -> Option<Layout> {
    let order = toposort(graph, None).ok()?;
    let mut height = vec![0_usize; graph.node_count()];
    for &node in order.iter().rev() {
        let below = graph.neighbors_directed(node, Outgoing);
        height[node.index()] = below
            .map(|next| height[next.index()] + 1)
            .max()
            .unwrap_or(0);
    }
    let top = height.iter().copied().max().unwrap_or(0);
    let layer_of = |node: NodeIndex| top - height[node.index()];

    // All places, the nodes first; then those at which long edges bend.
    let mut places: Vec<(Place, usize)> = graph
        .node_indices()
        .map(|node| (Place::Node(node), layer_of(node)))
        .collect();
    let mut ways: Vec<Vec<usize>> = Vec::new();
    for edge in graph.edge_indices() {
        let Some((from, to)) = graph.edge_endpoints(edge) else {
            continue;
        };
        let mut way = vec![from.index()];
        for layer in layer_of(from) + 1..layer_of(to) {
            way.push(places.len());
            places.push((Place::Bend, layer));
        }
        way.push(to.index());
        ways.push(way);
    }
    let mut above = vec![Vec::new(); places.len()];
    let mut below = vec![Vec::new(); places.len()];
    for way in &ways {
        for pair in way.windows(2) {
            below[pair[0]].push(pair[1]);
            above[pair[1]].push(pair[0]);
        }
    }
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); top + 1];
    for (place, (_, layer)) in places.iter().enumerate() {
        layers[*layer].push(place);
    }
    order_layers(&mut layers, &above, &below, places.len());
    let room = |place: usize| room(places[place].0, apart);
    let fullest = layers
        .iter()
        .map(|layer| layer.iter().map(|&place| room(place)).sum());
    let width = fullest.fold(width, f64::max);
    let x = move_places(&layers, &places, (&above, &below), width, apart);
    let at = |place: usize| (places[place].1, x[place]);
    Some(Layout {
        nodes: graph.node_indices().map(|node| at(node.index())).collect(),
        edges: ways
            .iter()
            .map(|way| way.iter().map(|&place| at(place)).collect())
            .collect(),
        width,
        layers: top + 1,
    })
}

/// Puts each layer into the order of the middles of its neighbours above, then below, again and again; keeps the order
/// with the fewest crossings.
fn order_layers(
    layers: &mut [Vec<usize>],
    above: &[Vec<usize>],
    below: &[Vec<usize>],
    places: usize,
) {
    let mut best = (crossings(layers, below, places), layers.to_vec());
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let turns: Vec<usize> = if down {
            (1..layers.len()).collect()
        } else {
            (0..layers.len().saturating_sub(1)).rev().collect()
        };
        for layer in turns {
            let place = positions(layers, places);
            let neighbours = if down { above } else { below };
            let middle = |node: usize| {
                let near = &neighbours[node];
                if near.is_empty() {
                    return place[node];
                }
                near.iter().map(|&next| place[next]).sum::<f64>() / near.len() as f64
            };
            layers[layer].sort_by(|&a, &b| middle(a).total_cmp(&middle(b)));
        }
        let crossed = crossings(layers, below, places);
        if crossed < best.0 {
            best = (crossed, layers.to_vec());
        }
    }
    layers.clone_from_slice(&best.1);
}

/// The place of each node in its layer, as a share of the layer.
fn positions(layers: &[Vec<usize>], places: usize) -> Vec<f64> {
    let mut position = vec![0.0; places];
    for layer in layers {
        for (i, &place) in layer.iter().enumerate() {
            position[place] = (i as f64 + 0.5) / layer.len() as f64;
        }
    }
    position
}

/// How many pairs of edges between neighbouring layers cross.
fn crossings(layers: &[Vec<usize>], below: &[Vec<usize>], places: usize) -> usize {
    let position = positions(layers, places);
    layers
        .iter()
        .map(|layer| {
            let edges: Vec<(f64, f64)> = layer
                .iter()
                .flat_map(|&from| below[from].iter().map(move |&to| (from, to)))
                .map(|(from, to)| (position[from], position[to]))
                .collect();
            let crosses = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0) * (a.1 - b.1) < 0.0;
            edges
                .iter()
                .enumerate()
                .map(|(i, &a)| edges[i + 1..].iter().filter(|&&b| crosses(a, b)).count())
                .sum::<usize>()
        })
        .sum()
}

/// Moves places towards the middles of their neighbours, in their order and apart from each other.
fn move_places(
    layers: &[Vec<usize>],
    places: &[(Place, usize)],
    (above, below): (&[Vec<usize>], &[Vec<usize>]),
    width: f64,
    apart: f64,
) -> Vec<f64> {
    let mut x: Vec<f64> = positions(layers, places.len());
    for x in &mut x {
        *x *= width;
    }
    for turn in 0..MOVES {
        for layer in layers {
            let wanted: Vec<f64> = layer
                .iter()
                .map(|&place| {
                    let near: Vec<usize> = match turn % 3 {
                        0 => above[place].clone(),
                        1 => below[place].clone(),
                        _ => [&above[place][..], &below[place]].concat(),
                    };
                    if near.is_empty() {
                        return x[place];
                    }
                    near.iter().map(|&next| x[next]).sum::<f64>() / near.len() as f64
                })
                .collect();
            // Pushed from the left and then from the right, and the other way round: the mean of both leans to no side.
            let rooms: Vec<f64> = layer
                .iter()
                .map(|&place| room(places[place].0, apart))
                .collect();
            let (mut left, mut right) = (wanted.clone(), wanted);
            push_right(&mut left, &rooms);
            push_left(&mut left, &rooms, width);
            push_left(&mut right, &rooms, width);
            push_right(&mut right, &rooms);
            for (i, &place) in layer.iter().enumerate() {
                x[place] = f64::midpoint(left[i], right[i]);
            }
        }
    }
    x
}

/// How much of a layer a place takes: a bend less than a node.
fn room(place: Place, apart: f64) -> f64 {
    match place {
        Place::Node(_) => apart,
        Place::Bend => apart / 4.0,
    }
}

/// Moves places to the right until each has its room to its left.
fn push_right(x: &mut [f64], rooms: &[f64]) {
    let mut least = 0.0;
    for (x, room) in x.iter_mut().zip(rooms) {
        *x = x.max(least + room / 2.0);
        least = *x + room / 2.0;
    }
}

/// Moves places to the left until each has its room to its right.
fn push_left(x: &mut [f64], rooms: &[f64], width: f64) {
    let mut most = width;
    for (x, room) in x.iter_mut().zip(rooms).rev() {
        *x = x.min(most - room / 2.0);
        most = *x - room / 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_follow_the_edges_and_nothing_overlaps() {
        let mut graph = DiGraph::<(), ()>::new();
        let nodes: Vec<NodeIndex> = (0..7).map(|_| graph.add_node(())).collect();
        for (from, to) in [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (4, 5), (0, 6)] {
            graph.add_edge(nodes[from], nodes[to], ());
        }
        let layout = lay_out(&graph, 600.0, 100.0).unwrap();
        assert_eq!(layout.layers, 3);
        for edge in graph.edge_indices() {
            let (from, to) = graph.edge_endpoints(edge).unwrap();
            assert!(layout.nodes[from.index()].0 < layout.nodes[to.index()].0);
        }
        let long = &layout.edges[4];
        assert_eq!(long.len(), 3, "it bends in the layer between");
        for (i, a) in layout.nodes.iter().enumerate() {
            assert!((50.0..=550.0).contains(&a.1), "{layout:?}");
            for b in &layout.nodes[i + 1..] {
                assert!(a.0 != b.0 || (a.1 - b.1).abs() > 99.9, "{layout:?}");
            }
        }
        graph.add_edge(nodes[3], nodes[0], ());
        assert!(lay_out(&graph, 600.0, 100.0).is_none());
    }
}
