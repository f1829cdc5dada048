//! What one client may rely on: the session guarantees, and the models without real time.

#[cfg(test)]
mod by_definition;
pub mod causal;
pub mod causal_memory;
mod closure;
pub mod eventual_convergence;
pub mod monotonic_reads;
pub mod monotonic_writes;
pub mod pram;
pub(crate) mod program;
pub mod read_your_writes;
pub mod sequential;
pub mod session;
mod views;
mod weak;
pub mod writes_follow_reads;
