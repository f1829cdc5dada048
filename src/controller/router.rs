//! Which node a worker calls.

use std::sync::Arc;

use schism_history::Value;

use crate::plan::Routing;

/// How many calls a moving worker makes on a node before it moves on.
const STAY: u64 = 20;
/// How many places each node has on the ring: with so many, the most loaded of five nodes has a third more than its part.
const PLACES: u64 = 64;

/// Decides which node a worker calls. The same calls in the same order go to the same nodes.
pub(super) struct Router {
    routing: Routing,
    seed: u64,
    nodes: usize,
    /// The nodes in the clients' data centre, for [`Routing::Nearest`].
    near: Arc<[usize]>,
    /// Places on a ring, sorted, each with its node.
    ring: Vec<(u64, usize)>,
    /// By worker: how often it called.
    calls: Vec<u64>,
}

impl Router {
    pub(super) fn new<'n>(
        routing: Routing,
        seed: u64,
        names: impl ExactSizeIterator<Item = &'n str>,
        near: Arc<[usize]>,
        workers: usize,
    ) -> Self {
        let nodes = names.len();
        let mut ring = Vec::new();
        if routing == Routing::Ring {
            for (node, name) in names.enumerate() {
                let hash = hash_of(name.as_bytes());
                ring.extend((0..PLACES).map(|place| (mix(hash ^ mix(place)), node)));
            }
            ring.sort_unstable();
        }
        Self {
            routing,
            seed,
            nodes,
            near,
            ring,
            calls: vec![0; workers],
        }
    }

    /// The node that a worker calls next about this object.
    pub(super) fn route(&mut self, worker: usize, key: &Value, value: &Value) -> usize {
        let calls = &mut self.calls[worker];
        let call = *calls;
        *calls += 1;
        let worker_number = worker as u64;
        let nodes = self.nodes as u64;
        match self.routing {
            Routing::Pinned => worker % self.nodes,
            Routing::Roaming => ((worker_number + call) % nodes) as usize,
            Routing::Moving => ((worker_number + call / STAY) % nodes) as usize,
            Routing::Random => {
                let drawn = mix(mix(self.seed ^ mix(worker_number)) ^ call);
                ((u128::from(drawn) * u128::from(nodes)) >> 64) as usize
            }
            Routing::Nearest if self.near.is_empty() => worker % self.nodes,
            Routing::Nearest => self.near[worker % self.near.len()],
            Routing::Hash => (hash_of_object(key, value) % nodes) as usize,
            Routing::Ring => {
                let hash = hash_of_object(key, value);
                let next = self.ring.partition_point(|(place, _)| *place < hash);
                self.ring[next % self.ring.len()].1
            }
        }
    }
}

/// A hash of the object that a call is about; of the first one, where a transaction names several.
fn hash_of_object(key: &Value, value: &Value) -> u64 {
    let first = |value: &Value| {
        let step = value.as_list()?.first()?;
        step.as_list()?.get(1).cloned()
    };
    let object = match key {
        Value::Nil => first(value).unwrap_or(Value::Nil),
        key => key.clone(),
    };
    mix(hash_of(object.to_string().as_bytes()))
}

/// FNV-1a (Fowler, Noll and Vo), 64 bits.
fn hash_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
fn mix(input: u64) -> u64 {
    let z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];

    fn router(routing: Routing, nodes: usize, near: &[usize]) -> Router {
        Router::new(routing, 7, NAMES[..nodes].iter().copied(), near.into(), 3)
    }

    /// The nodes of a worker's next calls, each about another object.
    fn calls(router: &mut Router, worker: usize, calls: u32) -> Vec<usize> {
        (0..calls)
            .map(|call| router.route(worker, &Value::from(call), &Value::Nil))
            .collect()
    }

    #[test]
    fn workers_keep_to_a_node_move_on_or_roam() {
        assert_eq!(calls(&mut router(Routing::Pinned, 5, &[]), 1, 3), [1; 3]);
        assert_eq!(
            calls(&mut router(Routing::Roaming, 3, &[]), 1, 4),
            [1, 2, 0, 1]
        );
        let moving = calls(&mut router(Routing::Moving, 3, &[]), 2, 45);
        assert_eq!(
            [moving[0], moving[19], moving[20], moving[40]],
            [2, 2, 0, 1]
        );
        assert_eq!(
            calls(&mut router(Routing::Nearest, 5, &[3, 4]), 1, 3),
            [4; 3]
        );
        assert_eq!(calls(&mut router(Routing::Nearest, 5, &[]), 1, 3), [1; 3]);
    }

    #[test]
    fn random_nodes_are_all_alike_and_the_same_every_time() {
        let drawn = calls(&mut router(Routing::Random, 5, &[]), 0, 5_000);
        for node in 0..5 {
            let share = drawn.iter().filter(|drawn| **drawn == node).count();
            assert!((850..1_150).contains(&share), "{share}");
        }
        assert_eq!(drawn, calls(&mut router(Routing::Random, 5, &[]), 0, 5_000));
        assert_ne!(drawn, calls(&mut router(Routing::Random, 5, &[]), 1, 5_000));
    }

    #[test]
    fn an_object_has_one_node_and_a_ring_moves_few_when_one_comes() {
        let moved = |routing| {
            let [four, five] =
                [4, 5].map(|nodes| calls(&mut router(routing, nodes, &[]), 0, 2_000));
            assert_eq!(
                four,
                calls(&mut router(routing, 4, &[]), 1, 2_000),
                "whoever calls"
            );
            four.iter().zip(&five).filter(|(a, b)| a != b).count()
        };
        let (ring, hash) = (moved(Routing::Ring), moved(Routing::Hash));
        assert!((200..700).contains(&ring), "a fifth is due: {ring}");
        assert!((1_450..1_750).contains(&hash), "four fifths: {hash}");
    }

    #[test]
    fn a_transaction_goes_where_its_first_object_is() {
        let mut router = router(Routing::Ring, 5, &[]);
        for key in 0..20 {
            let step = Value::list([Value::from("r"), Value::from(key), Value::Nil]);
            let transaction = Value::list([step]);
            let alone = router.route(0, &Value::from(key), &Value::Nil);
            assert_eq!(router.route(0, &Value::Nil, &transaction), alone);
        }
    }
}
