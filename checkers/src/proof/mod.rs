//! Proofs of anomalies: which operations they need, how a second way confirms them, how they are told.

pub(crate) mod all_orders;
pub(crate) mod commit_orders;
pub(crate) mod conclusion;
pub(crate) mod findings;
pub(crate) mod replay;
pub(crate) mod serial_orders;
pub(crate) mod object_orders;
pub(crate) mod sequential;
pub(crate) mod forced;
pub(crate) mod story;
pub(crate) mod told_versions;
pub(crate) mod witness;
