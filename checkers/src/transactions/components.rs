//! Strongly connected components: where the cycles of a graph are.

/// Finds the strongly connected components of more than one node, in an order that depends on the graph only; the nodes of
/// each in ascending order. `successor(node, cursor)` gives the edges out of a node one after the other, the cursor
/// beginning at 0.
///
/// Tarjan, "Depth-first search and linear graph algorithms", 1972, without recursion. O(nodes + edges).
pub(crate) fn components(
    nodes: u32,
    mut successor: impl FnMut(u32, &mut u32) -> Option<u32>,
) -> Vec<Vec<u32>> {
    const UNSEEN: u32 = u32::MAX;
    const DONE: u32 = u32::MAX - 1;
    let mut number = vec![UNSEEN; nodes as usize];
    let mut low = vec![0_u32; nodes as usize];
    let mut found = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    let mut path: Vec<(u32, u32)> = Vec::new();
    let mut next_number = 0;
    for root in 0..nodes {
        if number[root as usize] != UNSEEN {
            continue;
        }
        path.push((root, 0));
        while let Some((node, cursor)) = path.last_mut() {
            let node = *node;
            let at = node as usize;
            if *cursor == 0 && number[at] == UNSEEN {
                number[at] = next_number;
                low[at] = next_number;
                next_number += 1;
                open.push(node);
            }
            if let Some(next) = successor(node, cursor) {
                match number[next as usize] {
                    UNSEEN => path.push((next, 0)),
                    DONE => {}
                    seen => low[at] = low[at].min(seen),
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent as usize] = low[parent as usize].min(low[at]);
            }
            if low[at] == number[at] {
                let begin = open.iter().rposition(|&open| open == node);
                let begin = begin.expect("a node is open until its component is complete");
                let mut component = open.split_off(begin);
                for &member in &component {
                    number[member as usize] = DONE;
                }
                if component.len() > 1 {
                    component.sort_unstable();
                    found.push(component);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(edges: &[(u32, u32)], nodes: u32) -> Vec<Vec<u32>> {
        components(nodes, |node, cursor| {
            let mut out = edges.iter().filter(|(from, _)| *from == node);
            let edge = out.nth(*cursor as usize)?;
            *cursor += 1;
            Some(edge.1)
        })
    }

    #[test]
    fn cycles_are_found_and_nothing_else() {
        assert!(of(&[(0, 1), (1, 2), (0, 2)], 3).is_empty());
        let two = of(&[(0, 1), (1, 0), (1, 2), (2, 3), (3, 4), (4, 2)], 6);
        assert_eq!(two, [vec![2, 3, 4], vec![0, 1]]);
    }

    #[test]
    fn it_agrees_with_reachability() {
        use rand::RngExt;
        use rand::SeedableRng;
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(3);
        for _ in 0..300 {
            let nodes = rng.random_range(1..9_u32);
            let edges: Vec<(u32, u32)> = (0..rng.random_range(0..14))
                .map(|_| (rng.random_range(0..nodes), rng.random_range(0..nodes)))
                .filter(|(from, to)| from != to)
                .collect();
            let mut reach = vec![vec![false; nodes as usize]; nodes as usize];
            for &(from, to) in &edges {
                reach[from as usize][to as usize] = true;
            }
            for k in 0..nodes as usize {
                for i in 0..nodes as usize {
                    for j in 0..nodes as usize {
                        reach[i][j] |= reach[i][k] && reach[k][j];
                    }
                }
            }
            let found = of(&edges, nodes);
            for i in 0..nodes {
                for j in 0..nodes {
                    let together = found.iter().any(|c| c.contains(&i) && c.contains(&j));
                    let expected = reach[i as usize][j as usize] && reach[j as usize][i as usize];
                    assert_eq!(together, expected, "{edges:?}");
                }
            }
        }
    }
}
