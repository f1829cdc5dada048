//! The wire between a client and a database, under a test's control.

// Each test binary uses its own part.
#![allow(dead_code, reason = "each test binary uses another part of it")]

pub(crate) mod fake;
pub(crate) mod http;
pub(crate) mod proxy;
pub(crate) mod server;

use std::rc::Rc;
use std::sync::Arc;

use schism_workloads::clients::etcd::{Etcd, Options};
use schism_workloads::{Client, Database, Endpoint};
use tokio::task::LocalSet;

/// Runs a test on one thread, with a clock that really runs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Where something listens, as the node with this name.
pub(crate) fn endpoint(node: &str, address: std::net::SocketAddr) -> Endpoint {
    Endpoint {
        node: Arc::from(node),
        host: address.ip().to_string(),
        port: address.port(),
    }
}

/// etcd with these options, for a run of the test's name.
pub(crate) fn etcd(options: &Options, run: &str) -> Rc<Etcd> {
    Rc::new(Etcd::new(options, run).unwrap())
}

/// A client of what listens there.
pub(crate) async fn client(etcd: &Etcd, address: std::net::SocketAddr) -> Box<dyn Client> {
    etcd.connect(&endpoint("n1", address)).await.unwrap()
}
