//! `kb-quorum-no-writeback`: R + W > N, and nothing else.
//!
//! What it models: the widespread belief that overlapping quorums alone make a store "strongly consistent", in the form
//! in which it is mostly written down: a write goes to one replica after the other until W hold it, and to the rest in
//! the background; a read asks R replicas drawn at random and believes the newest. With three nodes, R = W = 2. Stamps
//! are drawn as in [`kg-abd`](super::kg_abd), so that nothing else is wrong: with `options = { write_back = true }` it
//! is linearizable.
//!
//! The flaw: while a write is on its way, or waits for a replica that is cut off, one read's quorum holds the new value
//! and a later read's quorum does not. Reads go back in time: write 1, write 2 begins, read gives 2, read gives 1. That
//! a replica takes 5 ms to store a value, as with a slow disk, makes a write last long enough to be met by reads.
//!
//! Must be flagged: linearizability, with at most four operations in the smallest case. Partitions make it frequent,
//! but it happens without any fault. Reads of one client may go back in time too. Acknowledged writes are on a majority
//! and stay there. Anti-entropy lets the replicas converge.
//!
//! No other checker is promised to pass: when a read has shown an unfinished write, a later write may still get a lower
//! stamp than that one, and then looks lost to its writer.

use std::time::Duration;

use super::quorum::{Contact, Quorum, QuorumOptions};
use crate::{Capability, Preset};

/// `kb-quorum-no-writeback`.
pub(crate) struct KbQuorumNoWriteback;

impl Preset for KbQuorumNoWriteback {
    type Store = Quorum;
    const FILE: &'static str = "kb_quorum_no_writeback";
    const NAME: &'static str = "kb-quorum-no-writeback";
    const GOOD: bool = false;
    const SUMMARY: &'static str = "R + W > N without write-back: reads go back in time";
    const CAPABILITIES: &'static [Capability] = &[Capability::Registers];
    const FLAGGED_BY: &'static [&'static str] = &["linearizable"];
    const PASSED_BY: &'static [&'static str] = &[];

    fn options() -> QuorumOptions {
        QuorumOptions {
            write_back: false,
            contact: Contact::Few,
            store_takes: Duration::from_millis(5),
            ..QuorumOptions::default()
        }
    }
}
