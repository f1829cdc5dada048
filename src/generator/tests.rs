//! What generators emit, seen in a simulated fleet.

use std::time::Duration;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, Kind, Process, Time, Value};

use super::fleet::{counting, imperfect, perfect, run};
use super::*;

const MS: Duration = Duration::from_millis(1);

fn rng() -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(7)
}

fn reads(count: i64) -> impl Generator {
    each((0..count).map(|key| Invocation::new(F::Read, key, Value::Nil)))
}

fn named(f: &str) -> impl Generator + use<> {
    let f = F::from(f);
    draws(move |_: &Turn| Invocation::new(f.clone(), Value::Nil, Value::Nil))
}

fn invocations(events: &[Event]) -> Vec<&Event> {
    events
        .iter()
        .filter(|event| event.kind == Kind::Invoke)
        .collect()
}

fn millis(events: &[Event]) -> Vec<u64> {
    invocations(events)
        .iter()
        .map(|event| event.time.as_nanos() / 1_000_000)
        .collect()
}

fn names(events: &[Event]) -> Vec<&str> {
    invocations(events)
        .iter()
        .map(|event| event.f.name())
        .collect()
}

/// The most operations that were open at once.
fn widest(events: &[Event]) -> usize {
    let mut open = 0;
    events.iter().fold(0, |most, event| {
        if event.kind == Kind::Invoke {
            open += 1;
        } else {
            open -= 1;
        }
        most.max(open)
    })
}

#[test]
fn a_list_is_emitted_in_order_by_whoever_is_free() {
    let events = run(2, 100, reads(5), &mut perfect);
    assert_eq!(millis(&events), [0, 0, 10, 10, 20]);
    let keys: Vec<_> = invocations(&events)
        .iter()
        .filter_map(|event| event.key.as_int())
        .collect();
    assert_eq!(keys, [0, 1, 2, 3, 4]);
}

#[test]
fn workers_take_turns() {
    let events = run(3, 9, draws(counting()), &mut perfect);
    let processes: Vec<_> = invocations(&events)
        .iter()
        .map(|event| event.process)
        .collect();
    assert_eq!(processes, [0, 1, 2, 0, 1, 2, 0, 1, 2].map(Process::client));
}

#[test]
fn a_limit_is_kept_with_unknown_operations_too() {
    let events = run(2, 100, limit(7, draws(counting())), &mut imperfect());
    assert_eq!(invocations(&events).len(), 7);
    assert!(
        events
            .iter()
            .any(|event| event.process == Process::client(3)),
        "process 1 went on as 3"
    );
}

#[test]
fn a_time_limit_counts_from_its_own_begin() {
    let generator = then(vec![
        Box::new(sleep(MS * 95)),
        Box::new(time_limit(MS * 25, draws(counting()))),
    ]);
    assert_eq!(
        millis(&run(1, 100, generator, &mut perfect)),
        [95, 105, 115]
    );
}

#[test]
fn a_time_limit_waits_for_a_free_worker() {
    // The only worker is busy until 10 ms; the second phase has its whole 15 ms from then.
    let generator = then(vec![
        Box::new(reads(1)),
        Box::new(time_limit(MS * 15, draws(counting()))),
    ]);
    assert_eq!(millis(&run(1, 100, generator, &mut perfect)), [0, 10, 20]);
}

#[test]
fn a_time_limit_ends_what_would_come_too_late() {
    let generator = then(vec![
        Box::new(time_limit(MS * 15, delay(MS * 10, named("a")))),
        Box::new(limit(1, named("b"))),
    ]);
    let events = run(2, 100, generator, &mut perfect);
    assert_eq!(
        (names(&events), millis(&events)),
        (vec!["a", "a", "b"], vec![0, 10, 15])
    );
}

#[test]
fn a_delay_is_kept_by_all_workers_together() {
    let events = run(5, 5, delay(MS * 3, draws(counting())), &mut perfect);
    assert_eq!(millis(&events), [0, 3, 6, 9, 12]);
}

#[test]
fn what_a_delay_falls_behind_is_not_caught_up() {
    let mut first = true;
    let mut slow_first = |_: &Invocation| {
        (
            if std::mem::take(&mut first) {
                MS * 50
            } else {
                MS
            },
            Kind::Ok,
        )
    };
    let events = run(1, 4, delay(MS * 10, draws(counting())), &mut slow_first);
    assert_eq!(millis(&events), [0, 50, 60, 70]);
}

#[test]
fn an_open_loop_remembers_when_operations_were_due() {
    let mut first = true;
    let mut slow_first = |_: &Invocation| {
        (
            if std::mem::take(&mut first) {
                MS * 35
            } else {
                MS
            },
            Kind::Ok,
        )
    };
    let events = run(1, 5, open_loop(MS * 10, draws(counting())), &mut slow_first);
    assert_eq!(millis(&events), [0, 35, 36, 37, 40]);
    let due: Vec<_> = invocations(&events)
        .iter()
        .map(|event| event.due.unwrap_or(event.time))
        .collect();
    assert_eq!(due, [0, 10, 20, 30, 40].map(Time::from_millis));
}

#[test]
fn a_stagger_keeps_its_mean_rate_over_all_workers() {
    let events = run(
        10,
        1000,
        stagger(rng(), MS * 5, draws(counting())),
        &mut perfect,
    );
    let last = *millis(&events).last().unwrap();
    assert!(
        (4_500..5_500).contains(&last),
        "1000 operations took {last} ms"
    );
}

#[test]
fn a_mix_follows_its_weights() {
    let parts: Vec<(u32, Box<dyn Generator>)> = vec![
        (1, Box::new(named("a"))),
        (3, Box::new(named("b"))),
        (0, Box::new(named("never"))),
    ];
    let events = run(3, 4000, mix(rng(), parts), &mut perfect);
    let count = |name| names(&events).iter().filter(|f| **f == name).count();
    assert!((900..1100).contains(&count("a")), "{} of 4000", count("a"));
    assert_eq!(count("never"), 0);
}

#[test]
fn a_mix_goes_on_with_the_rest_when_a_part_is_done() {
    let parts: Vec<(u32, Box<dyn Generator>)> = vec![
        (9, Box::new(limit(2, named("a")))),
        (1, Box::new(limit(3, named("b")))),
    ];
    let events = run(1, 100, mix(rng(), parts), &mut perfect);
    let names = names(&events).join("");
    assert_eq!((names.len(), names.matches('b').count()), (5, 3));
}

#[test]
fn any_takes_the_soonest_and_is_fair() {
    let parts: Vec<Box<dyn Generator>> = vec![
        Box::new(delay(MS * 20, named("slow"))),
        Box::new(delay(MS * 5, named("fast"))),
    ];
    let events = run(4, 8, any(parts), &mut perfect);
    assert_eq!(
        names(&events),
        [
            "slow", "fast", "fast", "fast", "fast", "slow", "fast", "fast"
        ]
    );
    let equals: Vec<Box<dyn Generator>> = vec![Box::new(named("a")), Box::new(named("b"))];
    assert_eq!(
        names(&run(1, 6, any(equals), &mut perfect)).join(""),
        "ababab"
    );
}

#[test]
fn flip_flop_alternates() {
    let events = run(
        1,
        100,
        flip_flop(limit(3, named("a")), limit(2, named("b"))),
        &mut perfect,
    );
    assert_eq!(names(&events).join(""), "ababa");
}

#[test]
fn a_barrier_waits_until_nobody_is_busy() {
    let generator = then(vec![
        Box::new(limit(3, named("a"))),
        Box::new(synchronize(limit(1, named("b")))),
    ]);
    let mut turn = 0;
    let mut staggered = |_: &Invocation| {
        turn += 1;
        (MS * 10 * turn, Kind::Ok)
    };
    let events = run(3, 100, generator, &mut staggered);
    assert_eq!(
        (names(&events).join(""), millis(&events)),
        ("aaab".to_owned(), vec![0, 0, 0, 30])
    );
}

#[test]
fn a_process_limit_bounds_processes_not_operations() {
    let events = run(
        2,
        1000,
        process_limit(4, draws(counting())),
        &mut imperfect(),
    );
    let processes: std::collections::BTreeSet<_> =
        events.iter().map(|event| event.process).collect();
    assert_eq!(processes.len(), 4);
    let all_ok = run(2, 50, process_limit(2, draws(counting())), &mut perfect);
    assert_eq!(invocations(&all_ok).len(), 50);
}

#[test]
fn a_concurrency_limit_leaves_workers_idle() {
    let events = run(5, 20, concurrency_limit(2, draws(counting())), &mut perfect);
    assert_eq!(widest(&events), 2);
    assert_eq!(widest(&run(5, 20, draws(counting()), &mut perfect)), 5);
}

#[test]
fn until_ok_tries_until_one_succeeds() {
    let mut turn = 0;
    let mut third_time = |_: &Invocation| {
        turn += 1;
        (MS, if turn < 3 { Kind::Fail } else { Kind::Ok })
    };
    let events = run(1, 100, until_ok(draws(counting())), &mut third_time);
    assert_eq!(invocations(&events).len(), 3);
}

#[test]
fn until_ok_counts_its_own_operations_only() {
    let parts: Vec<Box<dyn Generator>> = vec![
        Box::new(on_workers(WorkerSet::range(0, 1), limit(3, named("other")))),
        Box::new(on_workers(WorkerSet::range(1, 2), until_ok(named("mine")))),
    ];
    let mut answers = |invocation: &Invocation| {
        (
            MS,
            if invocation.f.name() == "mine" {
                Kind::Fail
            } else {
                Kind::Ok
            },
        )
    };
    let events = run(2, 20, any(parts), &mut answers);
    assert_eq!(names(&events).iter().filter(|f| **f == "mine").count(), 17);
}

#[test]
fn reserved_workers_do_their_own_part() {
    let generator = reserve(
        vec![(2, Box::new(named("a"))), (1, Box::new(named("b")))],
        named("c"),
    );
    let events = run(5, 50, generator, &mut perfect);
    for event in invocations(&events) {
        let expected = match event.process.number().unwrap() {
            0 | 1 => "a",
            2 => "b",
            _ => "c",
        };
        assert_eq!(event.f.name(), expected);
    }
}

#[test]
fn each_worker_keeps_its_own_across_its_processes() {
    // Were it made anew for each process, unknown operations would make it endless.
    let events = run(
        3,
        1000,
        each_worker(|_| limit(4, draws(counting()))),
        &mut imperfect(),
    );
    assert_eq!(invocations(&events).len(), 12);
}

#[test]
fn schedules_rotate_and_go_on_where_they_left_off() {
    let parts: Vec<(Duration, Box<dyn Generator>)> = vec![
        (MS * 20, Box::new(delay(MS * 10, named("a")))),
        (MS * 10, Box::new(delay(MS * 5, named("b")))),
    ];
    let events = run(4, 9, cycle_times(parts), &mut perfect);
    assert_eq!(names(&events).join(""), "aabbaabba");
    assert_eq!(millis(&events), [0, 10, 20, 25, 30, 40, 50, 55, 60]);
}

#[test]
fn repeat_makes_a_new_one_each_round() {
    let generator = limit(
        7,
        repeat(|round| {
            limit(
                2,
                map(
                    move |i| Invocation {
                        value: round.into(),
                        ..i
                    },
                    named("a"),
                ),
            )
        }),
    );
    let rounds: Vec<_> = invocations(&run(1, 100, generator, &mut perfect))
        .iter()
        .filter_map(|event| event.value.as_int())
        .collect();
    assert_eq!(rounds, [0, 0, 1, 1, 2, 2, 3]);
    assert!(run(1, 100, repeat(|_| reads(0)), &mut perfect).is_empty());
}

#[test]
fn a_filter_gives_up_when_nothing_ever_passes() {
    let even = |invocation: &Invocation| invocation.key.as_int().is_some_and(|key| key % 2 == 0);
    let events = run(2, 4, filter(even, counting()), &mut perfect);
    let keys: Vec<_> = invocations(&events)
        .iter()
        .filter_map(|event| event.key.as_int())
        .collect();
    assert_eq!(keys, [0, 2, 4, 6]);
    assert!(
        run(
            2,
            4,
            filter(|_: &Invocation| false, counting()),
            &mut perfect
        )
        .is_empty()
    );
}

#[test]
fn keys_one_after_another() {
    let keys = ["x", "y"].map(Value::from);
    let events = run(
        2,
        100,
        sequential_keys(keys, |_| limit(3, named("a"))),
        &mut perfect,
    );
    let keys: Vec<_> = invocations(&events)
        .iter()
        .filter_map(|event| event.key.as_text())
        .collect();
    assert_eq!(keys, ["x", "x", "x", "y", "y", "y"]);
}

#[test]
fn keys_at_once_in_groups_that_need_not_divide_the_workers() {
    let events = run(
        5,
        1000,
        concurrent_keys(2, (0..4).map(Value::from), |_| limit(6, named("a"))),
        &mut perfect,
    );
    let mut per_key = std::collections::BTreeMap::new();
    for event in invocations(&events) {
        let worker = event.process.number().unwrap() as usize;
        per_key
            .entry(event.key.clone())
            .or_insert_with(Vec::new)
            .push(worker / 2);
    }
    assert_eq!(per_key.len(), 4);
    for groups in per_key.values() {
        assert_eq!(groups.len(), 6);
        assert!(
            groups.iter().all(|group| *group == groups[0]),
            "one group a key: {groups:?}"
        );
    }
    let used: std::collections::BTreeSet<_> = invocations(&events)
        .iter()
        .map(|event| event.process)
        .collect();
    assert_eq!(used.len(), 5, "no worker is idle");
}

#[test]
fn the_same_seed_gives_the_same_invocations() {
    let once = || {
        let parts: Vec<(u32, Box<dyn Generator>)> =
            vec![(1, Box::new(named("a"))), (1, Box::new(named("b")))];
        run(
            3,
            200,
            stagger(rng(), MS, mix(rng(), parts)),
            &mut imperfect(),
        )
    };
    assert_eq!(once(), once());
}
