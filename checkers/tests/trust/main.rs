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
//! Histories that are right by construction, and the same with one violation planted: all of the latter are found, and
//! none of the former is flagged. In a release build 10,000 of each kind, in a debug build 100.

mod models;
mod replicas;
mod trial;
mod weak;
mod registers;
