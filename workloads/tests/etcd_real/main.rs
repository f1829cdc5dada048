//! The etcd client against a real etcd: what it says is what etcd did.

#![expect(clippy::unwrap_used, reason = "it is a test")]

mod access;
mod cluster;
mod data;
mod doubt;
#[path = "../wire/mod.rs"]
mod wire;

use schism_history::Value;
use schism_workloads::MicroOp;

fn append(key: i64, element: i64) -> MicroOp {
    MicroOp::Append {
        key: key.into(),
        element: element.into(),
    }
}

fn read(key: i64) -> MicroOp {
    MicroOp::Read {
        key: key.into(),
        list: None,
    }
}

fn saw(key: i64, list: &[i64]) -> MicroOp {
    MicroOp::Read {
        key: key.into(),
        list: Some(list.iter().copied().map(Value::Int).collect()),
    }
}
