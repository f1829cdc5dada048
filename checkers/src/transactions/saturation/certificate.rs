//! Orders that explain a history, and small verifiers that believe nobody: each is one pass.

use super::Order;
use super::committed::{Committed, INITIAL};

/// One of a transaction's two moments: when it takes its snapshot, and when its writes appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// It reads, all at once.
    Begin(u32),
    /// It writes, all at once.
    Commit(u32),
}

/// An order that shows that a level is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// Transactions one after the other.
    Serial(Vec<u32>),
    /// Snapshots and commits one after the other.
    Snapshots(Vec<Point>),
    /// None is made for this level.
    None,
}

/// Why an order explains nothing, for our own bug reports.
pub(crate) type Flaw = &'static str;

/// Whether running the transactions one after the other in this order gives every read what it saw.
/// O(reads + writes).
pub(crate) fn verify_serial(
    committed: &Committed,
    order: &[u32],
    respects: Order,
) -> Result<(), Flaw> {
    let points: Vec<Point> = order
        .iter()
        .flat_map(|&t| [Point::Begin(t), Point::Commit(t)])
        .collect();
    verify_snapshots(committed, &points, respects, true)
}

/// Whether taking snapshots and committing in this order gives every read what it saw; and, if `exclusive`, no two
/// writers of a key overlap. O(reads + writes).
pub(crate) fn verify_snapshots(
    committed: &Committed,
    points: &[Point],
    respects: Order,
    exclusive: bool,
) -> Result<(), Flaw> {
    let n = committed.len();
    let mut current = vec![INITIAL; committed.keys as usize];
    let mut active = vec![false; committed.keys as usize];
    // 0: not begun, 1: begun, 2: committed.
    let mut stage = vec![0_u8; n];
    let mut latest_invoked = 0;
    for &point in points {
        match point {
            Point::Begin(t) => {
                let i = t as usize;
                if stage[i] != 0 {
                    return Err("a transaction begins twice");
                }
                stage[i] = 1;
                if respects != Order::None
                    && committed
                        .previous(t)
                        .is_some_and(|p| stage[p as usize] != 2)
                {
                    return Err("a session's transaction begins before the one before it ended");
                }
                latest_invoked = latest_invoked.max(committed.invoked[i]);
                for r in committed.reads(t) {
                    if current[committed.read_key[r] as usize] != committed.read_slot[r] {
                        return Err("a read saw something else");
                    }
                }
                for w in committed.writes(t) {
                    let key = committed.write_key[w] as usize;
                    if exclusive && active[key] {
                        return Err("two writers of a key overlap");
                    }
                    active[key] = true;
                }
            }
            Point::Commit(t) => {
                let i = t as usize;
                if stage[i] != 1 {
                    return Err("a transaction commits that did not begin, or twice");
                }
                stage[i] = 2;
                if respects == Order::RealTime && committed.completed[i] < latest_invoked {
                    return Err("a transaction commits after one began that was invoked later");
                }
                for w in committed.writes(t) {
                    let key = committed.write_key[w] as usize;
                    active[key] = false;
                    current[key] = w as u32;
                }
            }
        }
    }
    if stage.iter().any(|&stage| stage != 2) {
        return Err("a transaction is left out");
    }
    Ok(())
}
