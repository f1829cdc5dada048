//! Registers: read, write, compare and set.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{Event, F, Kind, Value};

use crate::Case;
use crate::generate::{self, Clients};

pub(crate) const CASES: &[Case] = &[
    case("unique-10k-10-clients", |out| {
        made(
            out,
            &Clients {
                operations: 10_000,
                ..ten_clients()
            },
        );
    }),
    case("unique-30k-10-clients", |out| {
        made(
            out,
            &Clients {
                operations: 30_000,
                ..ten_clients()
            },
        );
    }),
    case("unique-cas-10k-10-clients", |out| {
        made(
            out,
            &Clients {
                operations: 10_000,
                cas: 20,
                ..ten_clients()
            },
        );
    }),
    case("revisions-10k-10-clients", |out| {
        made(
            out,
            &Clients {
                operations: 10_000,
                revisions: true,
                cas: 20,
                values: 5,
                ..ten_clients()
            },
        );
    }),
    case("cas-10k-10-clients", |out| {
        made(
            out,
            &Clients {
                operations: 10_000,
                values: 5,
                cas: 20,
                ..ten_clients()
            },
        );
    }),
    case("cas-unknown-1k-10-clients", |out| {
        made(
            out,
            &Clients {
                operations: 1_000,
                values: 5,
                cas: 20,
                unknown: 5,
                ..ten_clients()
            },
        );
    }),
    case("cas-1m-on-10k-keys", |out| {
        made(
            out,
            &Clients {
                concurrency: 20,
                operations: 1_000_000,
                keys: 10_000,
                values: 5,
                writes: 25,
                cas: 25,
                unknown: 1,
                ..ten_clients()
            },
        );
    }),
    case("busy-20-unique", |out| busy(out, 20, 0, false)),
    case("busy-20-unique-stale", |out| busy(out, 20, 0, true)),
    case("busy-30-unique", |out| busy(out, 30, 0, false)),
    case("busy-30-unique-stale", |out| busy(out, 30, 0, true)),
    case("busy-20-cas", |out| busy(out, 20, 5, false)),
    case("busy-20-cas-stale", |out| busy(out, 20, 5, true)),
    case("busy-30-cas", |out| busy(out, 30, 5, false)),
    case("busy-30-cas-stale", |out| busy(out, 30, 5, true)),
];

const fn case(name: &'static str, events: fn(&mut dyn FnMut(Event))) -> Case {
    Case {
        name,
        checker: "linearizable",
        about: "register",
        events,
    }
}

fn ten_clients() -> Clients {
    Clients {
        concurrency: 10,
        operations: 0,
        keys: 1,
        values: 0,
        writes: 40,
        cas: 0,
        unknown: 0,
        revisions: false,
        longest: 1_000_000,
    }
}

fn made(out: &mut dyn FnMut(Event), clients: &Clients) {
    let events = generate::register(clients, &mut Pcg64Mcg::seed_from_u64(1));
    events.into_iter().for_each(out);
}

/// 1,000 operations of clients that never pause; with one stale read, or without.
fn busy(out: &mut dyn FnMut(Event), concurrency: u32, values: i64, stale: bool) {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let clients = Clients {
        concurrency,
        operations: 1_000,
        values,
        cas: if values == 0 { 0 } else { 20 },
        ..ten_clients()
    };
    let mut events = generate::paused_register(&clients, 1, &mut rng);
    if stale {
        plant(&mut events, &mut rng);
    }
    events.into_iter().for_each(out);
}

/// Makes one read in the second half return what one in the first half, long before, returned.
fn plant(events: &mut [Event], rng: &mut Pcg64Mcg) {
    let reads: Vec<usize> = (0..events.len())
        .filter(|&i| events[i].kind == Kind::Ok && events[i].f == F::Read)
        .collect();
    let late = reads[reads.len() * 3 / 4 + rng.random_range(0..reads.len() / 8)];
    let held = events[late].value.clone();
    let early = reads[..reads.len() / 2]
        .iter()
        .map(|&i| &events[i].value)
        .find(|value| !value.is_nil() && **value != held)
        .cloned();
    events[late].value = early.unwrap_or(Value::Nil);
}
