//! One order of all transactions that follows every edge, if there is one.

use crate::transactions::graph::{Edge, Graph};

/// All nodes, each before those that come after it; or nothing, when there is a cycle.
///
/// Depth first, without recursion: the reverse of the order in which nodes are finished. O(nodes + edges).
pub(crate) fn topological(graph: &Graph) -> Option<Vec<u32>> {
    topological_along(graph, |_| true)
}

/// The same, where only some edges count.
pub(crate) fn topological_along(graph: &Graph, counts: impl Fn(Edge) -> bool) -> Option<Vec<u32>> {
    const OPEN: u8 = 1;
    const FINISHED: u8 = 2;
    let count = graph.node_count();
    // What is on the path, and what is done, is marked.
    let mut state = vec![0_u8; count];
    let mut finished = Vec::with_capacity(count);
    let mut path: Vec<(u32, u32)> = Vec::new();
    for root in 0..count as u32 {
        if state[root as usize] != 0 {
            continue;
        }
        state[root as usize] = OPEN;
        path.push((root, 0));
        while let Some(&(node, mut cursor)) = path.last() {
            let unseen = loop {
                let Some((next, edge)) = graph.successor(node, &mut cursor) else {
                    break None;
                };
                if !counts(edge) {
                    continue;
                }
                match state[next as usize] {
                    0 => break Some(next),
                    OPEN => return None,
                    _ => {}
                }
            };
            if let Some(next) = unseen {
                path.last_mut().expect("the path has an end").1 = cursor;
                state[next as usize] = OPEN;
                path.push((next, 0));
            } else {
                state[node as usize] = FINISHED;
                finished.push(node);
                path.pop();
            }
        }
    }
    finished.reverse();
    Some(finished)
}
