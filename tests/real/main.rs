//! The program on real clusters: runs, what ends them early, what they leave behind, and what is said when something
//! does not fit. Each test has a lab and a directory of its own, goes through the binary, and proves that nothing of
//! it is left.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; what helps tests is no test to the linter"
)]

mod disk;
mod doctor;
mod dying;
mod findings;
mod interrupt;
mod lease;
mod machines;
mod patience;
mod record;
mod running;
mod scene;
mod secrets;
mod ssh;
mod wall_clock;
