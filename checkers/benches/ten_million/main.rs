//! How long every judge of sessions, of weak models, of application data, and every measure takes on a history of ten
//! million operations that breaks nothing. `cargo bench -p schism-checkers --bench ten_million` prints the table;
//! `-- NAME` a part of it. Some histories take 8 GB.

#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../../src/generate.rs"]
mod generate;
#[allow(dead_code, reason = "shared with a test that uses more of it")]
#[path = "../../tests/trust/replicas.rs"]
mod replicas;

mod contents;
mod messages;
mod money;
mod registers;
mod rights;
mod tape;
mod transactions;

use std::sync::{Arc, Mutex, PoisonError};

use divan::Bencher;
use schism_checkers::{Budget, Validity, by_name};
use schism_history::History;

fn main() {
    divan::main();
}

/// The operations of each history; those of transactions are their steps.
const OPERATIONS: usize = 10_000_000;

/// Makes a history of so many operations.
type Make = fn(usize) -> History;

/// The history that was made last: each is asked for by several benches, one after the other.
static LAST: Mutex<Option<(usize, Arc<History>)>> = Mutex::new(None);

fn history(make: Make) -> Arc<History> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let which = make as usize;
    if let Some((made_by, history)) = &*last
        && *made_by == which
    {
        return Arc::clone(history);
    }
    // The memory of the one before is given back first.
    *last = None;
    let history = Arc::new(make(OPERATIONS));
    *last = Some((which, Arc::clone(&history)));
    history
}

fn bench(bencher: Bencher<'_, '_>, make: Make, name: &str) {
    let history = history(make);
    let checker = by_name(name).expect("a checker of this name");
    let mut budget = Budget::default();
    budget.bytes = 8 << 30;
    bencher.bench_local(|| {
        let verdict = checker.check(divan::black_box(&history), &budget);
        assert_eq!(verdict.disagreement, None);
        assert_ne!(verdict.validity, Validity::Invalid, "{}", verdict.summary);
        verdict
    });
}

/// One line of the table for each checker, on the history that `$make` makes.
macro_rules! judged {
    ($($(#[$doc:meta])* $name:ident: $make:expr => [$($checker:literal),+ $(,)?];)+) => {$(
        $(#[$doc])*
        #[divan::bench(args = [$($checker),+], sample_count = 3, sample_size = 1)]
        fn $name(bencher: Bencher<'_, '_>, name: &str) {
            bench(bencher, $make, name);
        }
    )+};
}

judged! {
    /// Ten clients of linearizable registers, a thousand keys.
    registers: registers::one_copy => [
        "causal", "causal-convergence", "causal-memory", "pram", "sequential", "read-your-writes", "monotonic-reads",
        "monotonic-writes", "writes-follow-reads", "staleness", "k-atomicity", "delta-atomicity", "linearizable",
        "regular", "safe", "stats", "errors", "latency", "availability", "fault-effect", "lost-updates",
    ];
    /// The same, and the database numbers its writes.
    revisions: registers::numbered => [
        "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "linearizable",
    ];
    /// The same, and half of the writes are compare-and-sets.
    compare_and_sets: registers::made_from_each_other => [
        "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads",
    ];
    /// Replicas that keep causal convergence, on a thousand keys: stale reads everywhere.
    stale_replicas: registers::stale => [
        "causal", "causal-convergence", "pram", "staleness", "delta-atomicity",
    ];
    /// Half a million keys that all of five nodes are read for at the end; one write in twenty fails.
    nodes: registers::nodes => ["eventual-convergence", "replica-equality", "lost-updates", "dirty-reads"];
    /// Lists that transactions append to.
    lists: transactions::lists => [
        "list-order", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "lost-updates",
        "dirty-reads",
    ];
    /// Groups of keys that are written once and read together.
    groups: transactions::groups => ["long-fork"];
    /// Eight accounts, transfers and reads of all.
    bank: money::bank => ["bank"];
    /// A thousand accounts; one transfer in ten has an id, and all of these are read at the end.
    ledger: money::ledger => ["ledger"];
    /// A thousand seats, and stocks of a hundred articles.
    booking: money::booking => ["booking"];
    counter: messages::counter => ["counter"];
    unique_ids: messages::unique_ids => ["unique-ids"];
    queue: messages::queue => ["queue"];
    /// A thousand keys of a log.
    log: messages::log => ["log"];
    /// Watches of one key in ten.
    watch: messages::watch => ["watch"];
    /// A hundred locks with fencing tokens, and writes under them.
    lock: rights::lock => ["lock"];
    election: rights::election => ["leader-election"];
    rights: rights::rights => ["revocation"];
    /// Elements are added to one set; in the end ten clients read all of them.
    set: contents::set => ["lost-updates"];
    /// A thousand sets that elements are also removed from.
    removals: contents::removals => ["set-full"];
    /// Small sets, each read now and then.
    small_sets: contents::small_sets => ["causal-reverse", "set-full"];
    rows: contents::rows => ["unique-constraint"];
    /// Sagas of two stores that are read at the end.
    sagas: contents::sagas => ["saga"];
}
