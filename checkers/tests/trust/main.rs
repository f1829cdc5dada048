//! What the checkers are worth: on histories that are right by construction none may complain, and each kind of
//! violation that is planted in one must be found, for every seed. `cargo test --release --test trust -- --nocapture`
//! prints the table.

mod calls;
mod invariants;
mod streams;
mod isolation;
mod list_append;
mod trial;
mod rw_register;
mod stores;
