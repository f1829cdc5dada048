//! The public test cases of AWDIT (`histories/tests`) and dbcop (`crates/core/tests`), stated anew: the same verdicts, or
//! the reason why ours is another one.
//!
//! Their words for levels are not ours. What both call read committed looks at the order of a transaction's reads, as
//! monotonic atomic view does here; read committed is here, as by Adya, only that nobody reads what was not committed, or
//! in a circle. Their causal consistency is causal convergence. And they take the order of a session to count at every
//! level; here it counts from causal consistency on, so that what only sessions forbid is refuted at that level.

use std::fmt::Write as _;

use schism_history::testing;

use super::RwRegister;
use crate::Level::{
    self, Causal, CausalConvergence, MonotonicAtomicView, Prefix, ReadAtomic, ReadCommitted,
    Serializable, SnapshotIsolation, StrongSessionSerializable,
};
use crate::{Budget, Checker};

/// What happened, and which levels it keeps and breaks. A session is a list of transactions: `wx1` writes 1 to x, `rx1`
/// reads it, `rxn` reads nothing.
struct Case {
    name: &'static str,
    sessions: &'static [&'static [&'static str]],
    keeps: &'static [Level],
    breaks: &'static [Level],
}

const CASES: &[Case] = &[
    Case {
        name: "AWDIT causal/fully-ser",
        sessions: &[&["wx0 wy1"], &["wx2"], &["rx2", "ry1"]],
        keeps: &[StrongSessionSerializable],
        breaks: &[],
    },
    Case {
        name: "AWDIT causal/long-fork",
        sessions: &[&["wx0 wy0"], &["wx1", "rx1 ry0"], &["wy1", "ry1 rx0"]],
        keeps: &[CausalConvergence],
        breaks: &[StrongSessionSerializable],
    },
    Case {
        name: "AWDIT causal/lost-update, dbcop pc_violation_not_prefix and si_violation_lost_update",
        sessions: &[&["wx0"], &["rx0 wx1"], &["rx0 wx2"]],
        keeps: &[CausalConvergence, Prefix],
        breaks: &[SnapshotIsolation, Serializable],
    },
    // They refute read committed, by the order of the sessions; by ours it is the first level that asks for that order.
    Case {
        name: "AWDIT none/hb-cycle",
        sessions: &[&["ry1", "wx0"], &["rx0", "wy1"]],
        keeps: &[ReadAtomic],
        breaks: &[Causal],
    },
    Case {
        name: "AWDIT read-atomic/biswas-enea",
        sessions: &[&["wx1", "wx2"], &["rx2 wy1"], &["rx1 ry1"]],
        keeps: &[ReadAtomic],
        breaks: &[CausalConvergence],
    },
    Case {
        name: "AWDIT read-atomic/test-ra",
        sessions: &[
            &["wa0 wb0 wc0 wd0 we0"],
            &["ra0"],
            &["rc2 re0"],
            &["rd0 wc1", "rb0", "wc2"],
            &["rc1", "rc0 rc0"],
        ],
        keeps: &[ReadAtomic],
        breaks: &[CausalConvergence],
    },
    Case {
        name: "AWDIT read-committed/biswas-enea",
        sessions: &[&["wx1 wy1"], &["wx2 wy2"], &["wz2"], &["rx1 ry2 rz2"]],
        keeps: &[MonotonicAtomicView],
        breaks: &[ReadAtomic],
    },
    Case {
        name: "AWDIT read-committed/non-repeatable-read, dbcop rr_violation_fractured_read",
        sessions: &[&["wx0"], &["wx1"], &["rx0 rx1"]],
        keeps: &[MonotonicAtomicView],
        breaks: &[ReadAtomic],
    },
    Case {
        name: "AWDIT read-committed/test-rc",
        sessions: &[
            &["wa0 wb0 wc0 wd0 we0"],
            &["ra0"],
            &["rc1 rc2"],
            &["wc1", "rb0", "wc2"],
            &["rc1", "rc0 rc1"],
        ],
        keeps: &[MonotonicAtomicView],
        breaks: &[ReadAtomic],
    },
    Case {
        name: "dbcop simple_valid_history",
        sessions: &[&["wx1 wy1"], &["rx1 ry1"]],
        keeps: &[Serializable],
        breaks: &[],
    },
    Case {
        name: "dbcop rc_violation_committed_order_cycle",
        sessions: &[&["wx2 wy1"], &["wx3 ry1"], &["rx3 rx2"]],
        keeps: &[ReadCommitted],
        breaks: &[MonotonicAtomicView],
    },
    Case {
        name: "dbcop rr_pass_reads_in_separate_txns",
        sessions: &[&["wx5"], &["rx5", "rx5"]],
        keeps: &[Serializable],
        breaks: &[],
    },
    Case {
        name: "dbcop ra_violation_non_atomic_visibility",
        sessions: &[&["wx1 wy1"], &["ry1 wx2 wz1"], &["rx1 rz1"]],
        keeps: &[MonotonicAtomicView],
        breaks: &[ReadAtomic],
    },
    Case {
        name: "dbcop ra_pass_stale_read_after_newer_across_transactions",
        sessions: &[&["wx1"], &["wx2"], &["rx2"], &["rx1"]],
        keeps: &[ReadAtomic],
        breaks: &[],
    },
    Case {
        name: "dbcop cc_pass_long_chain",
        sessions: &[&["wa1"], &["ra1 wb1"], &["rb1 wc1"], &["rc1 wd1"], &["rd1"]],
        keeps: &[Serializable],
        breaks: &[],
    },
    Case {
        name: "dbcop cc_violation_cycle",
        sessions: &[
            &["wx1 wa1"],
            &["rx1 wy1"],
            &["ry1 wz1"],
            &["rz1 wa2"],
            &["ra2 wp1"],
            &["rp1 wq1"],
            &["rq1 ra1"],
        ],
        keeps: &[ReadAtomic],
        breaks: &[Causal],
    },
    Case {
        name: "dbcop cc_violation_ww_conflict",
        sessions: &[
            &["wx1 wb1"],
            &["rx1 wy1"],
            &["ry1 wz1"],
            &["rz1 wb2"],
            &["rb2 wc1"],
            &["rc1 rb1"],
        ],
        keeps: &[ReadAtomic],
        breaks: &[Causal],
    },
    Case {
        name: "dbcop boundary_causal_to_prefix",
        sessions: &[
            &["wx1 wy1"],
            &["rx1 wx2"],
            &["ry1 wy2"],
            &["rx2 ry1"],
            &["ry2 rx1"],
        ],
        keeps: &[CausalConvergence],
        breaks: &[Prefix],
    },
    Case {
        name: "dbcop pc_pass_write_skew and ser_violation_write_skew",
        sessions: &[&["wx1 wy1"], &["rx1 wy2"], &["ry1 wx2"]],
        keeps: &[CausalConvergence, Prefix, SnapshotIsolation],
        breaks: &[Serializable],
    },
    Case {
        name: "dbcop ser_pass_multi_session",
        sessions: &[&["wx1"], &["rx1 wy1"], &["ry1"]],
        keeps: &[Serializable],
        breaks: &[],
    },
    // Ours says nothing of levels where no read saw what another one wrote; so one more transaction does.
    Case {
        name: "dbcop version_zero_independent_sessions",
        sessions: &[&["rxn wx1"], &["rxn wx2"], &["rx1"]],
        keeps: &[CausalConvergence],
        breaks: &[SnapshotIsolation, Serializable],
    },
    Case {
        name: "dbcop version_zero_with_explicit_writer",
        sessions: &[&["wx0"], &["rx0 wx1"]],
        keeps: &[Serializable],
        breaks: &[],
    },
];

/// A session's transactions follow each other; those of different sessions at the same place of theirs overlap.
fn drawing(sessions: &[&[&str]]) -> String {
    let mut drawing = String::new();
    for (session, transactions) in sessions.iter().enumerate() {
        for (place, transaction) in transactions.iter().enumerate() {
            let steps: Vec<String> = transaction
                .split_whitespace()
                .map(|step| {
                    let (what, value) = step.split_at(2);
                    let (f, key) = what.split_at(1);
                    let value = if value == "n" { "nil" } else { value };
                    format!("[{f},{key},{value}]")
                })
                .collect();
            let text = format!("txn nil [] -> [{}]", steps.join(","));
            let indent = place * 100;
            let _ = writeln!(drawing, "{session} {:indent$}|{text:<80}|", "");
        }
    }
    drawing
}

#[test]
fn others_public_cases_have_the_verdicts_that_they_expect() {
    for case in CASES {
        let history = testing::history(&drawing(case.sessions));
        let verdict = RwRegister::default().check(&history, &Budget::default());
        assert_eq!(verdict.disagreement, None, "{}", case.name);
        let held = |level: &Level| verdict.levels.held.iter().any(|held| held.implies(*level));
        let refuted = |level: &Level| {
            verdict
                .levels
                .refuted
                .iter()
                .any(|weak| level.implies(*weak))
        };
        for level in case.keeps {
            assert!(held(level), "{}: {level}: {:#?}", case.name, verdict.levels);
        }
        for level in case.breaks {
            assert!(
                refuted(level),
                "{}: {level}: {:#?}",
                case.name,
                verdict.levels
            );
        }
    }
}
