//! Transactions on registers: stores that keep a level, and each kind of violation planted among their transactions.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{Budget, Level, RwRegister, Validity, Verdict};
use schism_history::Kind;

use crate::stores::{Clients, Step, Store, Transaction, history, run};
use crate::trial::{self, SEEDS, report};

fn clients(rng: &mut impl Rng) -> Clients {
    Clients {
        sessions: rng.random_range(1..=5),
        transactions: rng.random_range(5..=25),
        keys: rng.random_range(1..=6),
        steps: rng.random_range(1..=5),
        read_only: 30,
        reads: 50,
    }
}

fn judge(claim: Level, transactions: &[Transaction]) -> Verdict {
    trial::judge(&RwRegister { claim }, &history(transactions))
}

/// A store keeps its level, whatever happens to outcomes of transactions that nobody read from.
fn keeps(store: Store, claim: Level) {
    let (mut valid, mut alarms) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let clients = clients(&mut rng);
        let mut transactions = run(store, &clients, &mut rng);
        // Of the last transaction of each session, some never return.
        for session in 0..clients.sessions {
            let last = (transactions.iter_mut())
                .filter(|t| t.session == session)
                .max_by_key(|t| t.invoked);
            if let Some(last) = last
                && last.outcome == Kind::Ok
                && rng.random_bool(0.3)
            {
                last.outcome = Kind::Info;
            }
        }
        let verdict = judge(claim, &transactions);
        valid += u64::from(verdict.validity == Validity::Valid);
        alarms += u64::from(verdict.validity == Validity::Invalid);
        if verdict.validity == Validity::Invalid {
            assert!(alarms == 0, "seed {seed} of {store:?}: {verdict:#?}");
        }
        assert!(
            !Level::refuted_by(&verdict.levels.refuted).contains(&claim),
            "{verdict:#?}"
        );
        certificate(claim, &transactions, &verdict);
    }
    report("rw-register", &format!("{claim} kept"), 0, 0, alarms);
    assert!(valid * 2 > SEEDS, "{valid} of {SEEDS} are decided");
}

/// A history that is found serializable has an order, which can be verified; what is not valid has none.
fn certificate(claim: Level, transactions: &[Transaction], verdict: &Verdict) {
    let history = history(transactions);
    let is_serial = |held: &Level| held.implies(Level::Serializable);
    let expected = verdict.validity == Validity::Valid && verdict.levels.held.iter().any(is_serial);
    let certificate = RwRegister { claim }.certify(&history, &Budget::default());
    assert_eq!(certificate.is_ok(), expected, "{verdict:#?}");
    if let Ok(certificate) = certificate {
        assert_eq!(certificate.verify(&history), Ok(()));
    }
}

/// A few transactions: for each its session, when it begins and ends (in steps), how it ends, and what it does.
type Scene = Vec<(u32, u64, u64, Kind, Vec<Step>)>;

/// Reads of key `k` and writes to it.
fn r(key: u32, value: i64) -> Step {
    (false, key, value)
}

fn w(key: u32, value: i64) -> Step {
    (true, key, value)
}

/// A scene somewhere among the transactions of a store, on keys of its own and in sessions of its own; some of its
/// transactions do what the store's do, too: they read what nobody else touches.
fn plant(transactions: &mut Vec<Transaction>, scene: &Scene, rng: &mut impl Rng) {
    let end = transactions.iter().map(|t| t.completed).max().unwrap_or(1);
    let start = rng.random_range(0..=end);
    let width = rng.random_range(20..400);
    for (session, from, to, outcome, steps) in scene {
        let mut steps: Vec<Step> = steps
            .iter()
            .map(|&(writes, key, value)| {
                let value = if value == 0 { 0 } else { value + 1_000_000 };
                (writes, key + 1_000, value)
            })
            .collect();
        if rng.random_bool(0.5) {
            let place = rng.random_range(0..=steps.len());
            steps.insert(place, (false, 2_000, 0));
        }
        transactions.push(Transaction {
            session: session + 100,
            invoked: start + from * width,
            completed: start + to * width + width / 2,
            outcome: *outcome,
            steps,
        });
    }
}

/// Every history of a store is right, and with the scene in it, it is not: by this name.
fn finds(name: &str, claim: Level, scene: &Scene) {
    let (mut found, mut alarms) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let clients = clients(&mut rng);
        let mut transactions = run(Store::Serial, &clients, &mut rng);
        alarms += u64::from(judge(claim, &transactions).validity == Validity::Invalid);
        plant(&mut transactions, scene, &mut rng);
        let verdict = judge(claim, &transactions);
        let by_name = verdict.anomalies.iter().any(|anomaly| anomaly.name == name);
        assert!(
            verdict.validity == Validity::Invalid && by_name,
            "{name} of seed {seed}: {verdict:#?}"
        );
        found += 1;
        // What was planted is all that is needed.
        for anomaly in &verdict.anomalies {
            assert!(
                anomaly.operations.len() <= scene.len(),
                "{name}: {anomaly:?}"
            );
        }
    }
    report("rw-register", name, SEEDS, found, alarms);
    assert_eq!(alarms, 0);
}

#[test]
fn stores_keep_their_levels() {
    keeps(Store::Serial, Level::StrictSerializable);
    keeps(Store::Snapshot, Level::StrongSnapshotIsolation);
    keeps(Store::Causal, Level::CausalConvergence);
    keeps(Store::Committed, Level::MonotonicAtomicView);
}

#[test]
fn what_is_wrong_by_itself_is_found() {
    use Kind::{Fail, Ok};
    let serializable = Level::Serializable;
    finds(
        "garbage-read",
        serializable,
        &vec![(0, 0, 1, Ok, vec![r(1, 7)])],
    );
    finds(
        "G1a",
        serializable,
        &vec![(0, 0, 1, Fail, vec![w(1, 7)]), (1, 2, 3, Ok, vec![r(1, 7)])],
    );
    finds(
        "G1b",
        serializable,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 7), w(1, 8)]),
            (1, 0, 3, Ok, vec![r(1, 7)]),
        ],
    );
    finds(
        "future-read",
        serializable,
        &vec![(0, 0, 1, Ok, vec![r(1, 7), w(1, 7)])],
    );
    finds(
        "internal",
        serializable,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 7), r(1, 8)]),
            (1, 0, 1, Ok, vec![w(1, 8)]),
        ],
    );
    finds(
        "non-repeatable-read",
        serializable,
        &vec![
            (0, 0, 2, Ok, vec![r(1, 0), r(1, 8)]),
            (1, 0, 1, Ok, vec![w(1, 8)]),
        ],
    );
}

#[test]
fn what_no_order_explains_is_found() {
    use Kind::Ok;
    let serializable = Level::Serializable;
    finds(
        "G1c",
        serializable,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1), r(2, 1)]),
            (1, 0, 1, Ok, vec![w(2, 1), r(1, 1)]),
        ],
    );
    finds(
        "fractured-read",
        serializable,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1), w(2, 1)]),
            (1, 0, 1, Ok, vec![r(1, 1), r(2, 0)]),
        ],
    );
    finds(
        "lost-update",
        Level::SnapshotIsolation,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1)]),
            (1, 2, 3, Ok, vec![r(1, 1), w(1, 2)]),
            (2, 2, 3, Ok, vec![r(1, 1), w(1, 3)]),
        ],
    );
    finds(
        "G-single",
        Level::ParallelSnapshotIsolation,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1)]),
            (1, 0, 2, Ok, vec![r(1, 1), w(2, 1)]),
            (2, 0, 3, Ok, vec![r(2, 1), r(1, 0)]),
        ],
    );
    finds(
        "long-fork",
        Level::SnapshotIsolation,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1)]),
            (1, 0, 1, Ok, vec![w(2, 1)]),
            (2, 0, 2, Ok, vec![r(1, 1), r(2, 0)]),
            (3, 0, 2, Ok, vec![r(2, 1), r(1, 0)]),
        ],
    );
    finds(
        "G-nonadjacent",
        Level::SnapshotIsolation,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1)]),
            (1, 0, 1, Ok, vec![w(2, 1)]),
            (2, 0, 2, Ok, vec![r(1, 1), r(2, 0), w(3, 1)]),
            (3, 0, 2, Ok, vec![r(2, 1), r(1, 0), w(4, 1)]),
        ],
    );
    finds(
        "write-skew",
        serializable,
        &vec![
            (0, 0, 1, Ok, vec![r(1, 0), w(2, 1)]),
            (1, 0, 1, Ok, vec![r(2, 0), w(1, 1)]),
        ],
    );
    finds(
        "G2-item",
        serializable,
        &vec![
            (0, 0, 1, Ok, vec![r(1, 0), w(2, 1)]),
            (1, 0, 1, Ok, vec![r(2, 0), w(3, 1)]),
            (2, 0, 1, Ok, vec![r(3, 0), w(1, 1)]),
        ],
    );
}

#[test]
fn what_sessions_and_real_time_forbid_is_found() {
    use Kind::Ok;
    let session = Level::StrongSessionSerializable;
    finds(
        "causality-violation",
        Level::CausalConvergence,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1)]),
            (1, 0, 1, Ok, vec![r(1, 1)]),
            (1, 2, 3, Ok, vec![r(1, 0)]),
        ],
    );
    finds(
        "G-nonadjacent-process",
        session,
        &vec![
            (0, 0, 1, Ok, vec![w(1, 1)]),
            (0, 2, 3, Ok, vec![r(2, 0)]),
            (1, 0, 1, Ok, vec![w(2, 1)]),
            (1, 2, 3, Ok, vec![r(1, 0)]),
        ],
    );
    finds(
        "G2-item-process",
        session,
        &vec![
            (0, 0, 1, Ok, vec![w(2, 1)]),
            (0, 2, 3, Ok, vec![r(1, 0)]),
            (1, 0, 4, Ok, vec![r(2, 0), w(1, 1)]),
        ],
    );
    finds(
        "G-single-realtime",
        Level::StrictSerializable,
        &vec![(0, 0, 1, Ok, vec![w(1, 1)]), (1, 2, 3, Ok, vec![r(1, 0)])],
    );
    finds(
        "G2-item-realtime",
        Level::StrictSerializable,
        &vec![
            (0, 0, 1, Ok, vec![w(2, 1)]),
            (2, 2, 3, Ok, vec![r(1, 0)]),
            (1, 0, 4, Ok, vec![r(2, 0), w(1, 1)]),
        ],
    );
}
