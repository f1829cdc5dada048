//! Transactions that append to lists and read them.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::Event;

use crate::Case;
use crate::generate_lists::{Clients, Store, transactions};

pub(crate) const CASES: &[Case] = &[
    case("lists-10k", |out| made(out, &Clients::ten(10_000))),
    case("lists-100k", |out| made(out, &Clients::ten(100_000))),
    case("lists-1m", |out| made(out, &Clients::ten(1_000_000))),
    case("lists-100k-100-clients", |out| {
        made(
            out,
            &Clients {
                concurrency: 100,
                ..Clients::ten(100_000)
            },
        );
    }),
    case("lists-100k-unknown", |out| {
        made(
            out,
            &Clients {
                unknown: 50,
                ..Clients::ten(100_000)
            },
        );
    }),
    case("lists-100k-write-skew", |out| flawed(out, Store::SkewOnce)),
    case("lists-100k-stale", |out| flawed(out, Store::StaleOnce)),
    case("lists-100k-snapshots", |out| flawed(out, Store::Snapshots)),
    case("lists-10k-5-percent-stale", |out| {
        made(
            out,
            &Clients {
                store: Store::Stale(50),
                ..Clients::ten(10_000)
            },
        );
    }),
    case("lists-100k-5-percent-stale", |out| {
        flawed(out, Store::Stale(50));
    }),
];

const fn case(name: &'static str, events: fn(&mut dyn FnMut(Event))) -> Case {
    Case {
        name,
        checker: "list-append:strict-serializable",
        about: "lists",
        events,
    }
}

fn made(out: &mut dyn FnMut(Event), clients: &Clients) {
    transactions(clients, &mut Pcg64Mcg::seed_from_u64(1), out);
}

fn flawed(out: &mut dyn FnMut(Event), store: Store) {
    made(
        out,
        &Clients {
            store,
            ..Clients::ten(100_000)
        },
    );
}
