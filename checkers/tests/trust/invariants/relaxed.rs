//! What must not matter, and what can only excuse: the same histories with other names and times, with operations that
//! take longer, and with outcomes that nobody knows any more.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_checkers::{
    Bank, Booking, Budget, Checker, Counter, DirtyReads, LeaderElection, Ledger, Lock, Queue,
    ReplicaEquality, Revocation, Saga, SetFull, UniqueConstraint, UniqueIds, Validity, Verdict,
};
use schism_history::Kind;

use super::{contents, messages, money, rights};
use crate::calls::{Call, history};
use crate::trial::SEEDS;

/// Each checker, and calls that it can judge.
type Pairs = Vec<(Box<dyn Checker>, fn(&mut Pcg64Mcg) -> Vec<Call>)>;

fn pairs() -> Pairs {
    let fifo = Queue {
        fifo: true,
        ..Queue::default()
    };
    vec![
        (Box::new(Bank::default()), money::bank),
        (Box::new(Ledger::default()), money::ledger),
        (Box::new(Booking), money::booking),
        (Box::new(Counter), messages::counter),
        (Box::new(UniqueIds), messages::unique_ids),
        (Box::new(fifo), messages::queue),
        (Box::new(Lock), rights::lock),
        (Box::new(Lock), rights::fenced_lock),
        (Box::new(LeaderElection), rights::election),
        (Box::new(Revocation), rights::rights),
        (Box::new(UniqueConstraint), contents::rows),
        (Box::new(DirtyReads), contents::registers),
        (Box::new(Saga), contents::orders),
        (Box::new(ReplicaEquality), contents::replicas),
        (Box::new(SetFull), contents::set),
    ]
}

/// Calls that are as right or wrong as chance will have it: some got the answers of others.
fn mixed_up(calls: &mut [Call], rng: &mut Pcg64Mcg) {
    for _ in 0..rng.random_range(0..3) {
        let (one, other) = (
            rng.random_range(0..calls.len()),
            rng.random_range(0..calls.len()),
        );
        if calls[one].f == calls[other].f {
            calls[one].output = calls[other].output.clone();
        }
    }
}

fn judge(checker: &dyn Checker, calls: &[Call]) -> Verdict {
    let history = history(calls);
    let verdict = checker.check(&history, &Budget::default());
    assert_eq!(
        verdict.disagreement,
        None,
        "{}: {history:?}",
        checker.name()
    );
    verdict
}

/// What a verdict says, but for names and times.
fn gist(verdict: &Verdict) -> (Validity, u64, Vec<&'static str>) {
    let names = verdict.anomalies.iter().map(|anomaly| anomaly.name);
    (verdict.validity, verdict.anomaly_count, names.collect())
}

#[test]
fn names_of_processes_and_the_time_of_day_do_not_matter() {
    for (checker, make) in pairs() {
        for seed in 0..SEEDS / 4 {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let mut calls = make(&mut rng);
            mixed_up(&mut calls, &mut rng);
            let before = judge(&*checker, &calls);
            for call in &mut calls {
                call.process += 70;
                call.invoked += 1_000_000;
                call.end += 1_000_000;
            }
            let after = judge(&*checker, &calls);
            assert_eq!(
                gist(&before),
                gist(&after),
                "{} of seed {seed}",
                checker.name()
            );
        }
    }
}

#[test]
fn knowing_less_condemns_nobody() {
    for (checker, make) in pairs() {
        let mut spared = 0;
        for seed in 0..SEEDS / 2 {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let mut calls = make(&mut rng);
            mixed_up(&mut calls, &mut rng);
            if judge(&*checker, &calls).validity == Validity::Invalid {
                continue;
            }
            spared += 1;
            know_less(&mut calls, &mut rng);
            let verdict = judge(&*checker, &calls);
            let name = checker.name();
            assert_ne!(
                verdict.validity,
                Validity::Invalid,
                "{name} of seed {seed}: {}\n{:?}",
                verdict.summary,
                history(&calls)
            );
        }
        assert!(spared > SEEDS / 40, "{}: {spared}", checker.name());
    }
}

/// Some calls take longer, as long as their client does nothing else; and of some that are the last one of their client,
/// and no reads, nobody knows any more how they ended.
fn know_less(calls: &mut [Call], rng: &mut Pcg64Mcg) {
    for place in 0..calls.len() {
        if rng.random_bool(0.5) {
            continue;
        }
        let call = &calls[place];
        let mine = calls.iter().filter(|other| other.process == call.process);
        let next = mine
            .map(|other| other.invoked)
            .filter(|&at| at > call.invoked)
            .min();
        let writes = !call.input.is_nil() && call.f.name() != "open" && call.f.name() != "contains";
        let latest = match next {
            Some(next) => next - 1,
            None => call.end + rng.random_range(0..100),
        };
        let call = &mut calls[place];
        if call.is_ok() && latest > call.end {
            call.end = rng.random_range(call.end..=latest);
        }
        if call.is_ok() && next.is_none() && writes && rng.random_bool(0.5) {
            call.kind = Kind::Info;
        }
    }
}
