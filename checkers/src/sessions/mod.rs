//! What one client may rely on: the session guarantees.

pub mod monotonic_reads;
pub mod monotonic_writes;
pub mod read_your_writes;
pub mod session;
pub mod writes_follow_reads;
