//! What the checker decides within its budget, and what it says when the budget does not suffice.

use rand::RngExt;
use schism_history::{Kind, Outcome};

use super::*;

/// Ten thousand operations of twenty busy processes on one key, of whose writes one in twenty ends unknown.
fn ten_thousand(values: i64, cas: u32, seed: u64) -> Vec<Event> {
    let clients = Clients {
        concurrency: 20,
        operations: 10_000,
        keys: 1,
        values,
        writes: 40,
        cas,
        unknown: 5,
        revisions: false,
        longest: 1_000_000,
    };
    generate::register(&clients, &mut Pcg64Mcg::seed_from_u64(seed))
}

#[test]
fn ten_thousand_operations_with_unknown_writes_are_decided() {
    // Values written once, also with compare-and-sets; values that repeat.
    for (values, cas) in [(0, 0), (0, 20), (3, 0), (5, 20)] {
        for seed in 1..3 {
            let history = generate::history(ten_thousand(values, cas, seed));
            let unknown = history
                .operations()
                .filter(|op| op.outcome == Outcome::Info)
                .count();
            assert!(history.len() == 10_000 && unknown > 150, "{unknown}");
            let verdict = judge(&history);
            assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        }
    }
}

/// Thirty clients that never pause, of whose operations four in ten compare and set, and one read that returned something
/// else than it should have: whether there is an order or not, it is known.
#[test]
fn thirty_busy_clients_are_decided() {
    for (seed, expected) in [(1, Validity::Valid), (2, Validity::Valid)] {
        let clients = Clients {
            concurrency: 30,
            operations: 1_000,
            keys: 1,
            values: 5,
            writes: 30,
            cas: 40,
            unknown: 0,
            revisions: false,
            longest: 1_000_000,
        };
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let mut events = generate::paused_register(&clients, 1, &mut rng);
        let reads: Vec<usize> = (0..events.len())
            .filter(|&i| events[i].f == F::Read && events[i].kind == Kind::Ok)
            .collect();
        let changed = reads[rng.random_range(0..reads.len())];
        let value = events[changed].value.as_int().unwrap_or(0);
        events[changed].value = Value::from((value + 1) % 5);
        let budget = Budget::default().part(20_000_000, 200 << 20);
        let verdict = Linearizable.check(&generate::history(events), &budget);
        assert_eq!(verdict.validity, expected, "{}", verdict.summary);
    }
}

#[test]
fn one_stale_read_among_ten_thousand_operations_is_found() {
    for (values, cas) in [(0, 0), (0, 20)] {
        let mut events = ten_thousand(values, cas, 4);
        let reads: Vec<usize> = (0..events.len())
            .filter(|&i| events[i].f == F::Read && events[i].kind == Kind::Ok)
            .collect();
        // It returns what another one returned far earlier.
        let [early, late] = [reads.len() / 2, reads.len() * 3 / 4].map(|i| reads[i]);
        events[late].value = events[early].value.clone();
        let history = generate::history(events);
        let verdict = judge(&history);
        assert_eq!(verdict.validity, Validity::Invalid, "{}", verdict.summary);
        for anomaly in &verdict.anomalies {
            assert!(anomaly.operations.len() <= 5, "{anomaly:?}");
        }
    }
}

/// A budget that does not suffice gives no verdict, but says how far it came: the further, the larger it is.
#[test]
fn a_tiny_budget_gives_unknown_and_says_how_far_it_came() {
    let history = generate::history(ten_thousand(5, 20, 5));
    let mut last = 0;
    for steps in [1_000, 10_000, 100_000] {
        let budget = Budget::default().part(steps, 2 << 30);
        let verdict = Linearizable.check(&history, &budget);
        let summary = &verdict.summary;
        assert_eq!(verdict.validity, Validity::Unknown, "{summary}");
        assert!(verdict.anomalies.is_empty());
        let spent = verdict.figures.get("steps").and_then(Value::as_int);
        assert!(
            spent.is_some_and(|spent| spent <= steps as i64),
            "{spent:?}"
        );
        assert!(
            summary.contains("the allowed number of steps was spent"),
            "{summary}"
        );
        let (_, after) = summary.split_once("linearizable up to #").expect(summary);
        let reached: u32 = after.split(' ').next().unwrap().parse().unwrap();
        assert!(last < reached && reached < 10_000, "{summary}");
        last = reached;
    }
}

#[test]
fn without_any_budget_nothing_is_known() {
    for (values, cas) in [(0, 0), (5, 20)] {
        let history = generate::history(ten_thousand(values, cas, 6));
        for budget in [(0, 0), (1, 0), (0, 1)] {
            let budget = Budget::default().part(budget.0, budget.1);
            let verdict = Linearizable.check(&history, &budget);
            let summary = &verdict.summary;
            assert_eq!(verdict.validity, Validity::Unknown, "{summary}");
            assert!(summary.contains("nothing is known"), "{summary}");
        }
    }
}

/// Thirty processes that are always busy, a hundred values: too much for any search. It ends, says so, and takes no more
/// memory than it may.
#[test]
fn a_hopeless_history_ends_within_its_budget() {
    let mut rng = Pcg64Mcg::seed_from_u64(6);
    let clients = Clients {
        concurrency: 30,
        operations: 2_000,
        keys: 1,
        values: 100,
        writes: 60,
        cas: 20,
        unknown: 5,
        revisions: false,
        longest: 1_000_000,
    };
    let history = generate::history(generate::register(&clients, &mut rng));
    let budget = Budget::default().part(200_000, 2 << 30);
    let verdict = Linearizable.check(&history, &budget);
    assert_eq!(verdict.validity, Validity::Unknown);
    assert!(
        verdict.summary.contains("linearizable up to #"),
        "{}",
        verdict.summary
    );
    let steps = verdict
        .figures
        .get("steps")
        .and_then(Value::as_int)
        .unwrap();
    assert!((1..=200_000).contains(&steps), "{steps}");

    // One changed read among few values, of which nothing small says that it is wrong: only the full search decides.
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let clients = Clients {
        operations: 1_000,
        values: 5,
        writes: 20,
        cas: 40,
        unknown: 0,
        ..clients
    };
    let mut events = generate::paused_register(&clients, 1, &mut rng);
    let reads: Vec<usize> = (0..events.len())
        .filter(|&i| events[i].kind == Kind::Ok && events[i].f == F::Read)
        .collect();
    let changed = &mut events[reads[rng.random_range(0..reads.len())]];
    let held = changed.value.clone();
    while changed.value == held {
        changed.value = Value::from(rng.random_range(0..clients.values));
    }
    let small = Budget::default().part(500_000_000, 1 << 20);
    let verdict = Linearizable.check(&generate::history(events), &small);
    assert_eq!(verdict.validity, Validity::Unknown);
    assert!(
        verdict.summary.contains("linearizable up to #") && verdict.summary.contains("memory"),
        "{}",
        verdict.summary
    );
}
