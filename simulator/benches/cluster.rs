//! How many client operations a second a simulated cluster carries, on one core.
//!
//! Each client sends its next operation when the last one is over, half of them writes, over 100 keys, and sets an
//! alarm for its timeout each time, as the controller does.

use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use schism_history::Value;
use schism_simulator::{
    AlarmId, CallId, ClientId, Config, Happening, NodeId, Request, STORES, Simulation, Statistics,
};

const OPERATIONS: u64 = 100_000;

fn main() {
    divan::main();
}

/// The number to hold: at least 200,000 operations a second.
#[divan::bench(args = [1, 10, 100], sample_count = 10)]
fn kg_abd_operations(bencher: Bencher, clients: u32) {
    bencher
        .counter(ItemsCount::new(OPERATIONS))
        .bench(|| run("kg-abd", clients));
}

/// The same runs, counted in events.
#[divan::bench(args = [1, 10, 100], sample_count = 10)]
fn kg_abd_events(bencher: Bencher, clients: u32) {
    bencher
        .counter(ItemsCount::new(run("kg-abd", clients).events))
        .bench(|| run("kg-abd", clients));
}

/// The same runs, counted in messages between nodes that were delivered. The number to hold: a million a second.
#[divan::bench(args = [1, 10, 100], sample_count = 10)]
fn kg_abd_messages(bencher: Bencher, clients: u32) {
    bencher
        .counter(ItemsCount::new(run("kg-abd", clients).delivered))
        .bench(|| run("kg-abd", clients));
}

#[divan::bench(args = STORES.iter().map(|listed| listed.name), sample_count = 10)]
fn operations_of_10_clients(bencher: Bencher, store: &str) {
    bencher
        .counter(ItemsCount::new(OPERATIONS))
        .bench(|| run(store, 10));
}

/// Runs clients until so many operations are over; what that took.
fn run(store: &str, clients: u32) -> Statistics {
    let mut cluster = Config::new(store).open(1).expect("the store is listed");
    let mut open: Vec<(CallId, AlarmId)> = (0..clients)
        .map(|client| submit(&mut *cluster, client, u64::from(client)))
        .collect();
    let mut done = 0;
    while done < OPERATIONS {
        let Some(Happening::Reply { call, reply }) = cluster.next() else {
            panic!("all calls are answered in time");
        };
        black_box(reply);
        let client = open
            .iter()
            .position(|(id, _)| *id == call)
            .expect("the call of one of the clients");
        cluster.cancel(open[client].1);
        done += 1;
        open[client] = submit(&mut *cluster, client as u32, done + u64::from(clients));
    }
    cluster.statistics()
}

fn submit(cluster: &mut dyn Simulation, client: u32, number: u64) -> (CallId, AlarmId) {
    let key = Value::from(number / 2 * 7 % 100);
    let request = if number.is_multiple_of(2) {
        Request::Read { key }
    } else {
        Request::Write {
            key,
            value: Value::from(number),
        }
    };
    let node = NodeId::new(client as usize % cluster.nodes().len());
    let call = cluster.submit(ClientId(client), node, request);
    let timeout = cluster.alarm(cluster.now() + Duration::from_secs(5));
    (call, timeout)
}
