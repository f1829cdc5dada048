//! `kg-abd`: linearizable registers on majorities, without a leader.
//!
//! What it models: the algorithm of Attiya, Bar-Noy and Dolev with several writers. A write first asks a majority for
//! the highest stamp; a read writes what it found back to a majority before it answers. It stands for the claim that R
//! + W > N is *enough when reads write back*, which [`kb-quorum-no-writeback`](super::kb_quorum_no_writeback) lacks.
//!
//! No checker may flag it, under any fault: not linearizability, not the session guarantees, not lost updates. What it
//! does not offer is compare-and-set: stamps order writes, but nothing makes two of them exclude each other.
//!
//! Without a majority within reach it refuses, after `give_up`.

use super::quorum::Quorum;
use crate::{Capability, Preset};

/// `kg-abd`.
pub(crate) struct KgAbd;

impl Preset for KgAbd {
    type Store = Quorum;
    const FILE: &'static str = "kg_abd";
    const NAME: &'static str = "kg-abd";
    const GOOD: bool = true;
    const SUMMARY: &'static str = "majority quorums whose reads write back: linearizable registers";
    const CAPABILITIES: &'static [Capability] = &[Capability::Registers];
    const FLAGGED_BY: &'static [&'static str] = &[];
    const PASSED_BY: &'static [&'static str] = &[
        "linearizable",
        "lost-updates",
        "monotonic-reads",
        "monotonic-writes",
        "read-your-writes",
        "writes-follow-reads",
    ];
}
