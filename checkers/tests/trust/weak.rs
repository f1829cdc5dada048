//! Sessions and weak models: replicas that keep the model by construction, and operations that break it somewhere among
//! theirs.

use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;
use schism_checkers::by_name;
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

use crate::replicas::{Act, Keeps, Replicas, Writer};
use crate::trial::trial;

/// A step of what is planted: who, which of the planted keys, whether it writes,
/// and which of the planted values it writes or reads (0: nothing).
type Step = (usize, usize, bool, i64);

const W: bool = true;
const R: bool = false;

const THIN_AIR: &[Step] = &[(0, 0, R, 1)];
const CYCLIC_CO: &[Step] = &[(0, 0, R, 1), (0, 1, W, 2), (1, 1, R, 2), (1, 0, W, 1)];
const FORGOTTEN_CAUSE: &[Step] = &[
    (0, 0, W, 1),
    (0, 0, W, 2),
    (0, 1, W, 3),
    (1, 1, R, 3),
    (1, 0, R, 1),
];
const FORGOTTEN_BY_ANOTHER: &[Step] = &[
    (0, 0, W, 1),
    (1, 0, R, 1),
    (1, 0, W, 2),
    (2, 0, R, 2),
    (2, 0, R, 1),
];
const FOUND_NOTHING: &[Step] = &[(0, 0, W, 1), (0, 1, W, 2), (1, 1, R, 2), (1, 0, R, 0)];
const NO_AGREEMENT: &[Step] = &[(0, 0, W, 1), (1, 0, W, 2), (0, 0, R, 2), (1, 0, R, 1)];
const CHANGED_MIND: &[Step] = &[
    (0, 0, W, 1),
    (1, 0, W, 2),
    (2, 0, R, 1),
    (2, 0, R, 2),
    (2, 0, R, 1),
];
const REORDERED: &[Step] = &[(0, 0, W, 1), (0, 0, W, 2), (1, 0, R, 2), (1, 0, R, 1)];
const STORE_BUFFERS: &[Step] = &[(0, 0, W, 1), (1, 1, W, 2), (0, 1, R, 0), (1, 0, R, 0)];
const TWO_ORDERS: &[Step] = &[
    (0, 0, W, 1),
    (1, 1, W, 2),
    (2, 0, R, 1),
    (2, 1, R, 0),
    (3, 1, R, 2),
    (3, 0, R, 0),
];
const OWN_WRITE_GONE: &[Step] = &[(0, 0, W, 1), (0, 0, W, 2), (0, 0, R, 1)];

fn history(keeps: Keeps, planted: Option<&[Step]>, rng: &mut Pcg64Mcg) -> History {
    let replicas = Replicas {
        keeps,
        clients: rng.random_range(4..=6),
        keys: rng.random_range(1..=3),
        operations: 40,
        writes: rng.random_range(25..=60),
        arrivals: rng.random_range(1..=4),
    };
    let mut acts: Vec<Act> = Vec::new();
    replicas.run(rng, |act| acts.push(act));
    if let Some(steps) = planted {
        plant(&replicas, steps, &mut acts, rng);
    }
    let mut writer = Writer::new();
    for act in acts {
        writer.push(act);
    }
    writer.finish()
}

/// The steps go anywhere, in their order, by clients of their own: were they those of the others, what these had seen could
/// make another violation of it.
fn plant(replicas: &Replicas, steps: &[Step], acts: &mut Vec<Act>, rng: &mut impl Rng) {
    let mut places: Vec<usize> = steps
        .iter()
        .map(|_| rng.random_range(0..=acts.len()))
        .collect();
    places.sort_unstable();
    // From the last one on, so that the places before stay what they are.
    for (&(client, key, writes, value), place) in steps.iter().zip(places).rev() {
        let act = Act {
            client: replicas.clients + client,
            key: replicas.keys + key,
            writes,
            value: if value == 0 { 0 } else { 1_000_000 + value },
        };
        acts.insert(place, act);
    }
}

fn trials(checker: &str, keeps: Keeps, kinds: &[(&str, &[Step])]) {
    let checker = by_name(checker).expect("a checker of this name");
    for &(kind, steps) in kinds {
        trial(&*checker, kind, |rng, plant| {
            Some(history(keeps, plant.then_some(steps), rng))
        });
    }
}

#[test]
fn causal() {
    let kinds = [
        ("thin-air-read", THIN_AIR),
        ("cyclic-co", CYCLIC_CO),
        ("write-co-read", FORGOTTEN_CAUSE),
        ("write-co-read", FORGOTTEN_BY_ANOTHER),
        ("write-co-init-read", FOUND_NOTHING),
    ];
    trials("causal", Keeps::LastToArriveStays, &kinds);
}

#[test]
fn causal_convergence() {
    let kinds = [
        ("thin-air-read", THIN_AIR),
        ("cyclic-co", CYCLIC_CO),
        ("write-co-read", FORGOTTEN_CAUSE),
        ("write-co-init-read", FOUND_NOTHING),
        ("cyclic-cf", NO_AGREEMENT),
        ("cyclic-cf", CHANGED_MIND),
    ];
    trials("causal-convergence", Keeps::NewestStays, &kinds);
}

#[test]
fn causal_memory() {
    let kinds = [
        ("thin-air-read", THIN_AIR),
        ("cyclic-co", CYCLIC_CO),
        ("cyclic-hb", FORGOTTEN_CAUSE),
        ("cyclic-hb", CHANGED_MIND),
        ("write-hb-init-read", FOUND_NOTHING),
    ];
    trials("causal-memory", Keeps::LastToArriveStays, &kinds);
}

#[test]
fn pram() {
    let kinds = [
        ("thin-air-read", THIN_AIR),
        ("cyclic-hb", REORDERED),
        ("cyclic-hb", CHANGED_MIND),
        ("write-hb-init-read", FOUND_NOTHING),
    ];
    trials("pram", Keeps::EachClientsOrder, &kinds);
}

#[test]
fn sequential() {
    let kinds = [
        ("thin-air-read", THIN_AIR),
        ("cyclic-co", CYCLIC_CO),
        ("cyclic-order", NO_AGREEMENT),
        ("cyclic-order", STORE_BUFFERS),
        ("cyclic-order", TWO_ORDERS),
        ("cyclic-order", FORGOTTEN_BY_ANOTHER),
    ];
    trials("sequential", Keeps::OneLog, &kinds);
}

#[test]
fn session_guarantees() {
    trials(
        "read-your-writes",
        Keeps::OneLog,
        &[("own-write-not-read", OWN_WRITE_GONE)],
    );
    trials(
        "monotonic-reads",
        Keeps::OneLog,
        &[("read-went-back", REORDERED)],
    );
}

/// Writes and reads by clients of three nodes, and then final reads of every key from every node, which agree; or one
/// node shows what was replaced.
fn converged(rng: &mut Pcg64Mcg, plant: bool) -> Option<History> {
    let keys = rng.random_range(1..=3);
    let mut events = vec![phase(1, "main")];
    let mut now = 1;
    let mut call =
        |events: &mut Vec<Event>, client: usize, key: usize, writes: bool, value: i64| {
            let f = if writes { F::Write } else { F::Read };
            let value = if value == 0 {
                Value::Nil
            } else {
                Value::from(value)
            };
            for kind in [Kind::Invoke, Kind::Ok] {
                now += 10;
                let event = Event::new(
                    Time::from_nanos(now),
                    Process::client(client as u32),
                    kind,
                    f.clone(),
                );
                let event = event.key(key as i64).node(format!("n{}", client % 3));
                let told = writes || kind == Kind::Ok;
                events.push(if told {
                    event.value(value.clone())
                } else {
                    event
                });
            }
            now
        };
    let mut written = vec![vec![0]; keys];
    for next in 1..=rng.random_range(10..=30) {
        let (client, key) = (rng.random_range(0..6), rng.random_range(0..keys));
        let writes = rng.random_bool(0.5);
        // Any value that was ever there may still be read.
        let any = written[key][rng.random_range(0..written[key].len())];
        call(
            &mut events,
            client,
            key,
            writes,
            if writes { next } else { any },
        );
        if writes {
            written[key].push(next);
        }
    }
    let odd = rng.random_range(0..keys);
    let node = rng.random_range(0..3);
    if plant && written[odd].len() < 2 {
        return None;
    }
    let last = call(&mut events, 0, 0, false, written[0][0]);
    events.push(phase(last + 1, "final-reads"));
    for (key, written) in written.iter().enumerate() {
        for client in 0..3 {
            let newest = written.len() - 1;
            let place = if plant && key == odd && client == node {
                rng.random_range(0..newest)
            } else {
                newest
            };
            call(&mut events, client, key, false, written[place]);
        }
    }
    Some(History::from_events(Header::default(), events).expect("operations one after the other"))
}

fn phase(time: u64, name: &str) -> Event {
    let event = Event::new(
        Time::from_nanos(time),
        Process::NEMESIS,
        Kind::Info,
        F::Phase,
    );
    event.value(name)
}

#[test]
fn eventual_convergence() {
    let checker = by_name("eventual-convergence").expect("a checker of this name");
    trial(&*checker, "divergence", converged);
}
