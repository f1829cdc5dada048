//! The weak models by their definitions: every order is tried. For tests, on a handful of operations.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, History, Kind, Process, Time, Value};

use crate::generate;
use crate::{Budget, Validity, by_name};

/// One operation on a register. Values are unique; 0 is the initial one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Op {
    session: usize,
    key: usize,
    found: Option<i64>,
    left: Option<i64>,
    unknown: bool,
}

const MODELS: [&str; 5] = [
    "causal",
    "causal-convergence",
    "causal-memory",
    "pram",
    "sequential",
];

fn history(ops: &[Op]) -> History {
    let mut events = Vec::new();
    let value = |value: i64| {
        if value == 0 {
            Value::Nil
        } else {
            Value::from(value)
        }
    };
    for (i, op) in ops.iter().enumerate() {
        let event = |time: usize, kind, f: F, value| {
            Event::new(
                Time::from_nanos(time as u64),
                Process::client(op.session as u32),
                kind,
                f,
            )
            .key(op.key as i64)
            .value(value)
        };
        let (f, input, output) = match (op.found, op.left) {
            (Some(found), Some(left)) => {
                let pair = Value::list([value(found), value(left)]);
                (F::Cas, pair.clone(), pair)
            }
            (Some(found), None) => (F::Read, Value::Nil, value(found)),
            (None, left) => {
                let left = value(left.unwrap());
                (F::Write, left.clone(), left)
            }
        };
        let kind = if op.unknown { Kind::Info } else { Kind::Ok };
        events.push(event(2 * i + 1, Kind::Invoke, f.clone(), input));
        events.push(event(2 * i + 2, kind, f, output));
    }
    generate::history(events)
}

/// Whether some order of `set` that respects `before` lets every judged operation find the newest value.
fn explains(
    ops: &[Op],
    set: &[usize],
    before: &[Vec<bool>],
    judged: &dyn Fn(usize) -> bool,
) -> bool {
    fn go(
        ops: &[Op],
        set: &[usize],
        before: &[Vec<bool>],
        judged: &dyn Fn(usize) -> bool,
        placed: &mut Vec<usize>,
    ) -> bool {
        if placed.len() == set.len() {
            return true;
        }
        for &next in set {
            let waits = set
                .iter()
                .any(|&other| before[other][next] && !placed.contains(&other));
            if placed.contains(&next) || waits {
                continue;
            }
            let newest = placed
                .iter()
                .rev()
                .find(|&&other| ops[other].key == ops[next].key && ops[other].left.is_some())
                .map_or(0, |&other| ops[other].left.unwrap());
            if judged(next) && ops[next].found.is_some_and(|found| found != newest) {
                continue;
            }
            placed.push(next);
            if go(ops, set, before, judged, placed) {
                return true;
            }
            placed.pop();
        }
        false
    }
    go(ops, set, before, judged, &mut Vec::new())
}

fn closed(mut before: Vec<Vec<bool>>) -> Vec<Vec<bool>> {
    let size = before.len();
    for via in 0..size {
        for a in 0..size {
            for b in 0..size {
                before[a][b] |= before[a][via] && before[via][b];
            }
        }
    }
    before
}

/// Whether the operations, all of which happened, keep the model.
fn keeps(ops: &[Op], model: &str) -> bool {
    let size = ops.len();
    let all: Vec<usize> = (0..size).collect();
    let session: Vec<Vec<bool>> = (0..size)
        .map(|a| {
            (0..size)
                .map(|b| a < b && ops[a].session == ops[b].session)
                .collect()
        })
        .collect();
    let writer = |read: usize| {
        (0..size)
            .find(|&write| ops[write].key == ops[read].key && ops[write].left == ops[read].found)
    };
    let mut causal = session.clone();
    for read in 0..size {
        if ops[read].found.is_some_and(|found| found != 0) {
            match writer(read) {
                Some(write) => causal[write][read] = true,
                None => return false,
            }
        }
    }
    let causal = closed(causal);
    let acyclic = (0..size).all(|a| !causal[a][a]);
    let sessions = || (0..size).map(|op| ops[op].session);
    let view = |own: usize| {
        let seen = |&op: &usize| ops[op].session == own || ops[op].left.is_some();
        all.iter().copied().filter(seen).collect::<Vec<usize>>()
    };
    match model {
        "sequential" => explains(ops, &all, &session, &|_| true),
        "pram" => {
            sessions().all(|own| explains(ops, &view(own), &session, &|op| ops[op].session == own))
        }
        "causal-memory" => {
            acyclic
                && sessions()
                    .all(|own| explains(ops, &view(own), &causal, &|op| ops[op].session == own))
        }
        "causal" => {
            acyclic
                && all.iter().all(|&op| {
                    let past: Vec<usize> = all
                        .iter()
                        .copied()
                        .filter(|&it| it == op || causal[it][op])
                        .collect();
                    explains(ops, &past, &causal, &|it| it == op)
                })
        }
        _ => acyclic && converges(ops, &causal, &mut Vec::new()),
    }
}

/// Whether some order of all operations that respects the causal one makes every read see the newest of what it knows.
fn converges(ops: &[Op], causal: &[Vec<bool>], placed: &mut Vec<usize>) -> bool {
    if placed.len() == ops.len() {
        return (0..ops.len()).all(|read| {
            let newest = placed.iter().rev().find(|&&it| {
                causal[it][read] && ops[it].key == ops[read].key && ops[it].left.is_some()
            });
            let newest = newest.map_or(0, |&it| ops[it].left.unwrap());
            ops[read].found.is_none_or(|found| found == newest)
        });
    }
    for next in 0..ops.len() {
        let waits = (0..ops.len()).any(|other| causal[other][next] && !placed.contains(&other));
        if placed.contains(&next) || waits {
            continue;
        }
        placed.push(next);
        if converges(ops, causal, placed) {
            return true;
        }
        placed.pop();
    }
    false
}

/// Whether the operations keep the model if those of unknown outcome happened or not, whichever fits.
fn may_keep(ops: &[Op], model: &str) -> bool {
    let unknown: Vec<usize> = (0..ops.len()).filter(|&op| ops[op].unknown).collect();
    (0..1_usize << unknown.len()).any(|happened| {
        let kept: Vec<Op> = (0..ops.len())
            .filter(|op| {
                let place = unknown.iter().position(|it| it == op);
                place.is_none_or(|place| happened >> place & 1 == 1)
            })
            .map(|op| ops[op])
            .collect();
        keeps(&kept, model)
    })
}

fn compare(ops: &[Op], tally: &mut [[usize; 2]; MODELS.len()]) {
    let history = history(ops);
    for (model, tally) in MODELS.iter().zip(tally) {
        let verdict = by_name(model).unwrap().check(&history, &Budget::default());
        assert_eq!(verdict.disagreement, None, "{model}: {history:?}");
        let keeps = may_keep(ops, model);
        assert_eq!(
            verdict.validity != Validity::Invalid,
            keeps,
            "{model}: {}: {history:?}",
            verdict.summary
        );
        for anomaly in &verdict.anomalies {
            let fewer: Vec<Op> = anomaly
                .operations
                .iter()
                .map(|id| Op {
                    unknown: false,
                    ..ops[id.index()]
                })
                .collect();
            assert!(
                !keeps_part(&fewer, model),
                "{model}: {anomaly:?}: {history:?}"
            );
        }
        tally[usize::from(keeps)] += 1;
    }
}

/// The operations of a proof break the model by themselves.
fn keeps_part(ops: &[Op], model: &str) -> bool {
    keeps(ops, model)
}

/// Every history of three processes and four operations on one register.
#[test]
fn all_small_histories_are_judged_as_defined() {
    const OPERATIONS: usize = if cfg!(debug_assertions) { 4 } else { 5 };
    let mut tally = [[0; 2]; MODELS.len()];
    let mut stack: Vec<Vec<Op>> = vec![Vec::new()];
    while let Some(ops) = stack.pop() {
        if ops.len() == OPERATIONS {
            compare(&ops, &mut tally);
            continue;
        }
        let sessions = ops.iter().map(|op| op.session + 1).max().unwrap_or(0);
        for session in 0..=sessions.min(2) {
            let op = Op {
                session,
                key: 0,
                found: None,
                left: None,
                unknown: false,
            };
            let writes = ops.iter().filter(|op| op.left.is_some()).count() as i64;
            if writes < 2 {
                stack.push(
                    [
                        &ops[..],
                        &[Op {
                            left: Some(writes + 1),
                            ..op
                        }],
                    ]
                    .concat(),
                );
            }
            for found in 0..=2 {
                stack.push(
                    [
                        &ops[..],
                        &[Op {
                            found: Some(found),
                            ..op
                        }],
                    ]
                    .concat(),
                );
            }
        }
    }
    assert!(
        tally.iter().all(|it| it[0] > 100 && it[1] > 10),
        "{tally:?}"
    );
}

#[test]
fn random_histories_are_judged_as_defined() {
    let mut rng = Pcg64Mcg::seed_from_u64(21);
    let mut tally = [[0; 2]; MODELS.len()];
    let rounds = if cfg!(debug_assertions) {
        1_500
    } else {
        40_000
    };
    for _ in 0..rounds {
        let size = rng.random_range(3..=7);
        let sessions = rng.random_range(2..=4);
        let keys = rng.random_range(1..=2);
        let cas = rng.random_range(0..=2) == 0;
        let mut shape: Vec<Op> = Vec::new();
        let mut ended = vec![0; sessions];
        let mut written = vec![Vec::new(); keys];
        for i in 0..size {
            let own = rng.random_range(0..sessions);
            let key = rng.random_range(0..keys);
            let writes = rng.random_bool(0.45);
            let reads = !writes || (cas && rng.random_bool(0.5));
            let unknown = writes && rng.random_range(0..6) == 0;
            if writes {
                written[key].push(i64::from(i) + 1);
            }
            shape.push(Op {
                session: own + sessions * ended[own],
                key,
                found: reads.then_some(0),
                left: writes.then_some(i64::from(i) + 1),
                unknown,
            });
            ended[own] += usize::from(unknown);
        }
        for op in &mut shape {
            if op.found.is_some() {
                let values = &written[op.key];
                let pick = rng.random_range(0..=values.len());
                op.found = Some(
                    values
                        .get(pick)
                        .copied()
                        .filter(|&it| Some(it) != op.left)
                        .unwrap_or(0),
                );
            }
        }
        compare(&shape, &mut tally);
    }
    assert!(tally.iter().all(|it| it[0] > 50 && it[1] > 50), "{tally:?}");
}

/// However much a session does between, only what proves the violation is named.
#[test]
fn proofs_stay_small_in_long_histories() {
    let op = |session, key, found, left| Op {
        session,
        key,
        found,
        left,
        unknown: false,
    };
    let mut fresh = 100;
    let mut much = |ops: &mut Vec<Op>, session| {
        for _ in 0..2_000 {
            fresh += 1;
            ops.push(op(session, 1, None, Some(fresh)));
        }
    };
    let mut changed_mind = vec![op(0, 0, None, Some(1)), op(1, 0, None, Some(2))];
    let mut forgotten = vec![op(0, 0, None, Some(1)), op(0, 0, None, Some(2))];
    much(&mut forgotten, 0);
    forgotten.push(op(0, 2, None, Some(3)));
    forgotten.push(op(2, 2, Some(3), None));
    much(&mut forgotten, 2);
    forgotten.push(op(2, 0, Some(1), None));
    for found in [1, 2, 1] {
        much(&mut changed_mind, 2);
        changed_mind.push(op(2, 0, Some(found), None));
    }
    let mut circle = vec![op(0, 0, None, Some(1)), op(1, 0, None, Some(2))];
    for (own, other) in [(0, 2), (1, 1)] {
        much(&mut circle, own);
        circle.push(op(own, 0, Some(other), None));
    }
    for (ops, models, largest) in [
        (
            &changed_mind,
            &["causal-memory", "causal-convergence", "pram", "sequential"][..],
            5,
        ),
        (
            &forgotten,
            &[
                "causal",
                "causal-convergence",
                "causal-memory",
                "pram",
                "sequential",
            ],
            5,
        ),
        (&circle, &["causal-convergence", "sequential"], 4),
    ] {
        let history = history(ops);
        for model in models {
            let verdict = by_name(model).unwrap().check(&history, &Budget::default());
            assert_eq!(
                verdict.validity,
                Validity::Invalid,
                "{model}: {}",
                verdict.summary
            );
            let size = verdict.anomalies[0].operations.len();
            assert!(size <= largest, "{model}: {size}");
        }
    }
}
