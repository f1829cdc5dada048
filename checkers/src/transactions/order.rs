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
    const OPEN: u32 = u32::MAX;
    const FINISHED: u32 = u32::MAX - 1;
    let count = graph.node_count();
    // How far each node's edges have been followed; what is on the path, and what is done, is marked.
    let mut state = vec![0_u32; count];
    let mut finished = Vec::with_capacity(count);
    let mut path: Vec<(u32, u32)> = Vec::new();
    for root in 0..count as u32 {
        if state[root as usize] != 0 {
            continue;
        }
        state[root as usize] = OPEN;
        path.push((root, 0));
        while let Some((node, cursor)) = path.last_mut() {
            let Some((next, edge)) = graph.successor(*node, cursor) else {
                state[*node as usize] = FINISHED;
                finished.push(*node);
                path.pop();
                continue;
            };
            if !counts(edge) {
                continue;
            }
            match state[next as usize] {
                0 => {
                    state[next as usize] = OPEN;
                    path.push((next, 0));
                }
                OPEN => return None,
                _ => {}
            }
        }
    }
    finished.reverse();
    Some(finished)
}
