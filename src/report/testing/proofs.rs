//! A made-up run with a proof of each kind that can be drawn: cycles of several lengths, and sessions.

use schism_checkers::{
    Anomaly, Confirmation, Dependency, DependencyKind, Level, Levels, Picture, Step, Validity,
    Verdict,
};
use schism_history::testing::history;
use schism_history::{OpId, Value};

use super::Run;
use crate::exit_code::ExitCode;
use crate::report::input::{Conclusion, RunFacts};

/// Transactions, each on a line of its own process; the last two operations are of sessions.
const HISTORY: &str = "
    0@n1 |txn nil [[append,x,1],[append,y,1],[r,z,[7,8]]]|
    1@n2 |txn nil [[r,x,[1]],[r,y,nil],[append,z,9]]|
    2@n3     |txn nil [[r,x,[1,2]],[append,customers,a_rather_long_value_that_has_to_be_cut_somewhere]]|
    3@n1       |txn nil [[append,x,2],[r,customers,nil]]|
    4@n2          |txn nil [[r,a,1],[r,b,2],[r,c,3],[r,d,4],[r,e,5],[r,f,6],[r,g,7],[r,h,8],[r,i,9],[append,x,3],[r,j,1]]|
    5@n3             |txn nil [[append,y,4]]|
    6@n1                |txn nil [[r,y,[1,4]],[append,q,5]]|
    7@n2                           |w k 1|
    8@n3                                |r k -> 1|
    8@n3                                          |w m 2|
    8@n3                                                   |r k -> nil|
";

/// The run.
pub fn proofs() -> Run {
    use DependencyKind::{Process, ReadWrite, RealTime, WriteRead, WriteWrite};
    let history = history(HISTORY);
    let cycles = vec![
        cycle("G-single", &[(0, "x", WriteRead), (1, "y", ReadWrite)]),
        cycle(
            "G1c",
            &[
                (0, "x", WriteRead),
                (1, "z", WriteRead),
                (2, "customers", WriteWrite),
            ],
        ),
        cycle(
            "G2-item-realtime",
            &[
                (0, "x", WriteWrite),
                (3, "", RealTime),
                (4, "x", ReadWrite),
                (5, "", Process),
                (6, "y", ReadWrite),
            ],
        ),
        cycle(
            "G2-item",
            &[
                (0, "x", WriteWrite),
                (1, "a", ReadWrite),
                (2, "b", WriteRead),
                (3, "c", ReadWrite),
                (4, "d", ReadWrite),
                (5, "e", WriteWrite),
                (6, "f", ReadWrite),
            ],
        ),
    ];
    let session = Anomaly {
        name: "non-monotonic-read",
        sentence: "process 8 read 1 of k and later nothing".to_owned(),
        key: Value::from("k"),
        operations: vec![OpId(7), OpId(8), OpId(9), OpId(10)],
        steps: vec![
            step(7, "process 7 wrote 1"),
            step(8, "process 8 read it"),
            step(10, "later it read nothing: it went back"),
        ],
        confirmation: confirmed(),
        picture: Picture::Sessions,
    };
    let verdicts = vec![
        Verdict::invalid("list-append", "four cycles", cycles).levels(Levels {
            refuted: vec![Level::ParallelSnapshotIsolation],
            held: vec![Level::ReadAtomic],
        }),
        Verdict::invalid("monotonic-reads", "a read went back", vec![session]).levels(Levels {
            refuted: vec![Level::MonotonicReads],
            held: Vec::new(),
        }),
    ];
    Run {
        history,
        verdicts,
        conclusion: Conclusion {
            validity: Validity::Invalid,
            exit: ExitCode::Anomaly,
            reason: "transactions make cycles".to_owned(),
        },
        gates: Vec::new(),
        facts: RunFacts {
            name: "proofs".to_owned(),
            ..RunFacts::default()
        },
        logs: Vec::new(),
    }
}

fn step(operation: u32, text: &str) -> Step {
    Step {
        operation: Some(OpId(operation)),
        text: text.to_owned(),
    }
}

fn confirmed() -> Confirmation {
    Confirmation {
        by: "each of its dependencies was looked up again",
        agrees: true,
    }
}

fn cycle(name: &'static str, parts: &[(u32, &str, DependencyKind)]) -> Anomaly {
    let edges: Vec<Dependency> = parts
        .iter()
        .enumerate()
        .map(|(i, &(from, key, kind))| {
            let to = parts[(i + 1) % parts.len()].0;
            Dependency {
                from: OpId(from),
                to: OpId(to),
                kind,
                key: if key.is_empty() {
                    Value::Nil
                } else {
                    Value::from(key)
                },
                because: format!("#{to} says so about what #{from} did"),
            }
        })
        .collect();
    Anomaly {
        name,
        sentence: format!("{} transactions each come before the next", edges.len()),
        key: Value::Nil,
        operations: edges.iter().map(|edge| edge.from).collect(),
        steps: Vec::new(),
        confirmation: confirmed(),
        picture: Picture::Cycle(edges),
    }
}
