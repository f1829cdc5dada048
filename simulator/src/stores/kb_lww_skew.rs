//! `kb-lww-skew`: the last write wins, and each node's wall clock says which one is last.
//!
//! What it models: stores that stamp writes with the coordinator's clock (Cassandra's default), here at their
//! strongest: writes go to a majority, reads ask a majority and write back. As long as all clocks agree nothing is
//! wrong with that, which makes the clocks the only thing to blame.
//!
//! The flaw: a write that is stamped by a slow clock is older than what is there. It is acknowledged and dropped.
//!
//! Must be flagged when clocks are off by more than the time between two writes: linearizability, lost updates,
//! read-your-writes. Must not be flagged without skew, nor for replicas that do not converge.
//!
//! With `options = { read = 1, write = 1, write_back = false }` each node answers alone and tells the others later: the
//! available variant, which is stale even without skew.

use super::quorum::{Quorum, QuorumOptions, Stamps};
use crate::{Capability, Preset};

/// `kb-lww-skew`.
pub(crate) struct KbLwwSkew;

impl Preset for KbLwwSkew {
    type Store = Quorum;
    const FILE: &'static str = "kb_lww_skew";
    const NAME: &'static str = "kb-lww-skew";
    const GOOD: bool = false;
    const SUMMARY: &'static str =
        "the last write wins by the nodes' wall clocks: a slow clock loses acknowledged writes";
    const CAPABILITIES: &'static [Capability] = &[Capability::Registers];
    const FLAGGED_BY: &'static [&'static str] =
        &["linearizable", "lost-updates", "read-your-writes"];
    const PASSED_BY: &'static [&'static str] = &[];

    fn options() -> QuorumOptions {
        QuorumOptions {
            stamps: Stamps::WallClock,
            ..QuorumOptions::default()
        }
    }
}
