//! What the checkers are worth: on histories that are right by construction none may complain, and each kind of
//! violation that is planted in one must be found, for every seed: 10,000 of each kind in a release build, 100 in a
//! debug build. `cargo test --release -p schism-checkers --test trust -- --nocapture` prints the table.

mod calls;
mod elle;
mod invariants;
mod isolation;
mod key_value;
mod list_append;
mod models;
mod names;
mod registers;
mod replicas;
mod rw_register;
mod stores;
mod streams;
mod trial;
mod weak;
