//! Bounds, and the definition.

use super::*;
use crate::arbitrary::mutate;
use crate::generate::{self, Clients};
use crate::measures::attempt::testing::figure;
use crate::sessions::program::NONE;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::testing;

fn judge(drawing: &str) -> Verdict {
    KAtomicity.check(&testing::history(drawing), &Budget::default())
}

fn k(drawing: &str) -> [Value; 2] {
    let figures = judge(drawing).figures;
    ["k_lower", "k_upper"].map(|name| figure(&figures, name).clone())
}

#[test]
fn versions_behind_are_counted() {
    let fresh = "
        0 |w x 1|
        1         |r x -> 1|
        ";
    assert_eq!(k(fresh), [1, 1].map(Value::from));
    let behind = "
        0 |w x 1|
        0         |w x 2|
        1                 |r x -> 1|
        ";
    assert_eq!(k(behind), [2, 2].map(Value::from));
    let far = "
        0 |w x 1|
        0         |w x 2|
        0                 |w x 3|
        0                         |w x 4|
        1                                 |r x -> 1|
        ";
    assert_eq!(k(far), [4, 4].map(Value::from));
}

/// Whether an order exists in which every read returns one of the newest `k` values: all are tried.
fn by_definition(key: &Key, ends: &[u64], k: usize) -> bool {
    struct Op {
        begin: u64,
        end: u64,
        cluster: u32,
        read: bool,
    }
    fn go(ops: &[Op], placed: u32, writes: &mut Vec<u32>, k: usize) -> bool {
        if placed.count_ones() as usize == ops.len() {
            return true;
        }
        for (i, op) in ops.iter().enumerate() {
            let waits = (0..ops.len()).any(|j| placed >> j & 1 == 0 && ops[j].end < op.begin);
            if placed >> i & 1 == 1 || waits {
                continue;
            }
            if op.read {
                if writes.iter().rev().take(k).any(|&it| it == op.cluster)
                    && go(ops, placed | 1 << i, writes, k)
                {
                    return true;
                }
            } else {
                writes.push(op.cluster);
                if go(ops, placed | 1 << i, writes, k) {
                    return true;
                }
                writes.pop();
            }
        }
        false
    }
    let mut ops: Vec<Op> = Vec::new();
    for (cluster, it) in key.clusters.iter().enumerate().skip(1) {
        ops.push(Op {
            begin: it.begin,
            end: it.end,
            cluster: cluster as u32,
            read: false,
        });
    }
    for (read, &end) in key.reads.iter().zip(ends) {
        ops.push(Op {
            begin: read.begin,
            end,
            cluster: read.cluster,
            read: true,
        });
    }
    go(&ops, 0, &mut vec![0], k)
}

#[test]
fn bounds_hold_by_definition() {
    let mut rng = Pcg64Mcg::seed_from_u64(6);
    let mut seen = [0; 4];
    for _ in 0..if cfg!(debug_assertions) { 400 } else { 20_000 } {
        let clients = Clients {
            operations: 9,
            keys: 1,
            cas: 0,
            values: 0,
            unknown: 0,
            revisions: false,
            ..crate::arbitrary::clients(&mut rng)
        };
        let mut events = generate::register(&clients, &mut rng);
        mutate(&mut events, 3, &mut rng);
        let history = generate::history(events);
        let program = Program::of(&history);
        let (keys, impossible) = clusters::of(&history, &program);
        let [key] = &keys[..] else { continue };
        if !impossible.is_empty() {
            continue;
        }
        let ends: Vec<u64> = program
            .by_invocation
            .iter()
            .filter(|&&node| program.from[node as usize] != NONE)
            .map(|&node| {
                history
                    .operation(program.id[node as usize])
                    .end()
                    .as_nanos()
                    + 1
            })
            .collect();
        let (lower, upper) = bounds(key, &mut 1_000_000);
        let least = (1..=10).find(|&k| by_definition(key, &ends, k)).unwrap() as u64;
        assert!(
            lower <= least && least <= upper,
            "{lower} {least} {upper} {history:?}"
        );
        if least <= 2 {
            assert_eq!((lower, upper), (least, least), "{history:?}");
        }
        seen[(least as usize).min(4) - 1] += 1;
    }
    assert!(seen[..3].iter().all(|&it| it > 5), "{seen:?}");
}
