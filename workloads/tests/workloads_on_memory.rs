//! Every workload, called for real on the database in memory: what comes back is what a checker needs, and the bugs that
//! the database is asked for can be seen in it.

#![expect(clippy::unwrap_used, reason = "it is a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, Kind, Process, Time, Value};
use schism_workloads::clients::memory::{Memory, Options};
use schism_workloads::{
    Answer, Certainty, Client, Database, Endpoint, Invocation, MicroOp, Spec, Turn, WORKLOADS,
};

/// A call and what came of it.
type Call = (Invocation, Answer<Value>);

/// Runs a workload with one worker, and then its final reads.
fn run(spec: &Spec, options: Options, count: u64) -> (Vec<Call>, Vec<Call>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let database = Memory::new(options);
        let endpoint = Endpoint {
            node: Arc::from("n1"),
            host: "memory".into(),
            port: 1,
        };
        let mut client = database.connect(&endpoint).await.unwrap();
        let mut workload = spec.build(database.capabilities());
        let invoker = workload.invoker();
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let mut calls = Vec::new();
        for operations in 0..count {
            let turn = Turn {
                worker: 0,
                workers: 1,
                operations,
            };
            let call = workload.draw(&turn, &mut rng);
            let answer = invoker.invoke(&mut *client, &call).await;
            let (kind, value) = match &answer {
                Ok(done) => (Kind::Ok, done.value.clone()),
                Err(failure) if failure.certainty == Certainty::Fail => {
                    (Kind::Fail, call.value.clone())
                }
                Err(_) => (Kind::Info, call.value.clone()),
            };
            workload.saw(
                &Event::new(Time::ZERO, Process::client(0), kind, call.f.clone())
                    .key(call.key.clone())
                    .value(value),
            );
            calls.push((call, answer));
        }
        let mut finals = Vec::new();
        for call in workload.final_reads() {
            let answer = invoker.invoke(&mut *client, &call).await;
            finals.push((call, answer));
        }
        (calls, finals)
    })
}

fn spec(name: &str) -> Spec {
    let listed = WORKLOADS.iter().find(|listed| listed.name == name).unwrap();
    (listed.spec)()
}

/// Elements whose add was acknowledged, and those that the final reads found.
fn elements((calls, finals): &(Vec<Call>, Vec<Call>)) -> (BTreeSet<Value>, BTreeSet<Value>) {
    let acknowledged = calls
        .iter()
        .filter(|(call, answer)| call.f == F::Add && answer.is_ok())
        .map(|(call, _)| call.value.clone())
        .collect();
    let found = finals
        .iter()
        .flat_map(|(_, answer)| answer.as_ref().unwrap().value.as_list().unwrap().to_vec())
        .collect();
    (acknowledged, found)
}

#[test]
fn a_correct_database_answers_everything_and_forgets_nothing() {
    for listed in WORKLOADS {
        let (calls, finals) = run(&(listed.spec)(), Options::default(), 2000);
        for (call, answer) in calls.iter().chain(&finals) {
            match answer {
                Ok(done) if matches!(call.f, F::Write | F::Add | F::Cas) => {
                    assert_eq!(done.value, call.value);
                }
                Ok(_) => {}
                Err(failure) => assert_eq!(failure.class, "precondition", "{call:?}: {failure}"),
            }
        }
        assert!(!finals.is_empty());
    }
    let (acknowledged, found) = elements(&run(&spec("set"), Options::default(), 3000));
    assert_eq!(acknowledged, found);
}

#[test]
fn one_worker_reads_what_it_wrote_last() {
    let (calls, _) = run(&spec("register"), Options::default(), 5000);
    let mut held = BTreeMap::new();
    let mut swapped = 0;
    for (call, answer) in calls {
        let now = held.entry(call.key).or_insert(Value::Nil);
        match (&call.f, answer) {
            (F::Read, answer) => assert_eq!(answer.unwrap().value, *now),
            (F::Cas, Ok(_)) => {
                swapped += 1;
                *now = call.value.as_pair().unwrap().1.clone();
            }
            (_, answer) => *now = answer.unwrap().value,
        }
    }
    assert!(swapped > 100, "{swapped}");
}

#[test]
fn transactions_show_their_own_appends() {
    let (calls, finals) = run(&spec("append"), Options::default(), 2000);
    let mut lists: BTreeMap<Value, Vec<Value>> = BTreeMap::new();
    let mut reads = 0;
    for (call, answer) in calls.iter().chain(&finals) {
        let done = answer.as_ref().unwrap().value.as_list().unwrap();
        assert_eq!(done.len(), call.value.as_list().unwrap().len());
        for micro_op in done {
            match MicroOp::from_value(micro_op).unwrap() {
                MicroOp::Read { key, list } => {
                    reads += 1;
                    assert_eq!(list.unwrap(), *lists.entry(key).or_default());
                }
                MicroOp::Append { key, element } => lists.entry(key).or_default().push(element),
            }
        }
    }
    assert!(reads > 1000);
}

#[test]
fn lost_writes_are_acknowledged_and_missing() {
    let lossy = Options {
        lost_writes: 50,
        ..Options::default()
    };
    let (acknowledged, found) = elements(&run(&spec("set"), lossy, 3000));
    assert!(found.is_subset(&acknowledged));
    let lost = acknowledged.len() - found.len();
    assert!((50..400).contains(&lost), "{lost}");
}

#[test]
fn stale_reads_miss_the_last_change() {
    let stale = Options {
        stale_reads: 100,
        ..Options::default()
    };
    let (calls, _) = run(&spec("register"), stale, 5000);
    let (right, _) = run(&spec("register"), Options::default(), 5000);
    // Until the first stale read both have drawn and answered the same.
    let first = calls.iter().zip(&right).find(|(a, b)| a != b);
    let ((call, stale), (same_call, right)) = first.expect("a read was stale");
    assert_eq!((&call.f, call), (&F::Read, same_call));
    assert_ne!(stale.as_ref().unwrap().value, right.as_ref().unwrap().value);
}

#[test]
fn refusals_and_unknowns_are_told_apart() {
    let shaky = Options {
        refused: 100,
        unknown: 100,
        ..Options::default()
    };
    let (calls, finals) = run(&spec("set"), shaky, 5000);
    let (mut refused, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for (call, answer) in &calls {
        match answer {
            Err(failure) if failure.certainty == Certainty::Fail => {
                refused.insert(call.value.clone());
            }
            Err(_) => {
                assert_eq!(call.f, F::Add, "a read cannot be unknown");
                unknown.insert(call.value.clone());
            }
            Ok(_) => {}
        }
    }
    let found: BTreeSet<Value> = finals
        .iter()
        .filter_map(|(_, answer)| answer.as_ref().ok())
        .flat_map(|done| done.value.as_list().unwrap().to_vec())
        .collect();
    assert!(refused.len() > 100 && refused.is_disjoint(&found));
    let happened = unknown.intersection(&found).count();
    assert!(
        happened > 50 && happened + 50 < unknown.len(),
        "{happened} of {}",
        unknown.len()
    );
}

#[test]
fn the_same_seed_answers_the_same_and_latency_is_time() {
    let options = || Options {
        seed: 3,
        latency: Some(Duration::from_millis(1)..=Duration::from_millis(9)),
        stale_reads: 10,
        lost_writes: 10,
        refused: 10,
        unknown: 10,
    };
    for listed in WORKLOADS {
        let spec = (listed.spec)();
        assert_eq!(run(&spec, options(), 500), run(&spec, options(), 500));
    }
}

/// A client that offers nothing.
struct Bare;

#[async_trait(?Send)]
impl Client for Bare {}

#[test]
fn what_is_not_offered_or_not_drawn_surely_did_not_happen() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for listed in WORKLOADS {
            let mut workload = (listed.spec)().build(&[]);
            let mut rng = Pcg64Mcg::seed_from_u64(7);
            let turn = Turn {
                worker: 0,
                workers: 1,
                operations: 0,
            };
            let invoker = workload.invoker();
            let call = workload.draw(&turn, &mut rng);
            let failure = invoker.invoke(&mut Bare, &call).await.unwrap_err();
            assert_eq!(
                (failure.certainty, failure.class),
                (Certainty::Fail, "not offered")
            );

            let memory = Memory::new(Options::default());
            let endpoint = Endpoint {
                node: Arc::from("n1"),
                host: "memory".into(),
                port: 1,
            };
            let mut client = memory.connect(&endpoint).await.unwrap();
            for strange in [
                Invocation::new(F::Drain, 1, Value::Nil),
                Invocation::new(F::Other("fsync".into()), 1, Value::Nil),
            ] {
                let failure = invoker.invoke(&mut *client, &strange).await.unwrap_err();
                assert_eq!(
                    (failure.certainty, failure.class),
                    (Certainty::Fail, "not drawn")
                );
            }
        }
    });
}
