//! What Elle's own tests of transactions on registers and by predicate look at, said anew: the same verdict, or the reason
//! why ours is another one.
//!
//! Source: <https://github.com/jepsen-io/elle>, `rw_register_test.clj` and `closed_predicate_test.clj`. Reads of values that
//! nobody wrote are garbage to us; where Elle's tests have them as an initial state, a transaction writes it here. What Elle
//! infers from assumptions about keys (sequential, linearizable, writes follow reads), we are asked by the level that says
//! so, or know without them.

use schism_checkers::{Checker, KeyValue, Level, RwRegister, Validity};
use schism_history::testing;

use crate::trial;

/// The judge that is asked.
#[derive(Clone, Copy)]
enum Judge {
    Registers,
    Told,
}

struct Case {
    /// Elle's name of it, and why our verdict differs from Elle's where it does.
    about: &'static str,
    judge: Judge,
    claim: Level,
    history: &'static str,
    ours: Validity,
    /// The name under which it is found.
    name: Option<&'static str>,
}

const fn case(
    about: &'static str,
    (judge, claim): (Judge, Level),
    (ours, name): (Validity, Option<&'static str>),
    history: &'static str,
) -> Case {
    Case {
        about,
        judge,
        claim,
        history,
        ours,
        name,
    }
}

const REGISTERS: (Judge, Level) = (Judge::Registers, Level::Serializable);
const TOLD: (Judge, Level) = (Judge::Told, Level::Serializable);
const VALID: (Validity, Option<&str>) = (Validity::Valid, None);
const UNKNOWN: (Validity, Option<&str>) = (Validity::Unknown, None);

const fn found(name: &'static str) -> (Validity, Option<&'static str>) {
    (Validity::Invalid, Some(name))
}

const CASES: &[Case] = &[
    case(
        "internal, good",
        REGISTERS,
        VALID,
        "
        0 |txn nil [] -> [[w,y,2]]|
        1 |txn nil [] -> [[r,y,2],[w,x,2],[r,x,2],[w,x,1],[r,x,1]]|
        ",
    ),
    case(
        "internal, stale",
        REGISTERS,
        found("internal"),
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[r,x,1],[w,x,2],[r,x,1]]|
        ",
    ),
    case(
        "internal, nil read: to us a read that is not repeatable",
        REGISTERS,
        found("non-repeatable-read"),
        "
        0 |txn nil [] -> [[w,x,2]]|
        1 |txn nil [] -> [[r,x,nil],[r,x,2]]|
        ",
    ),
    case(
        "internal, two values: to us a read that is not repeatable",
        REGISTERS,
        found("non-repeatable-read"),
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[w,x,2]]|
        2 |txn nil [] -> [[r,x,1],[r,x,2]]|
        ",
    ),
    case(
        "G1a, good",
        REGISTERS,
        VALID,
        "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[r,x,1]]|
        ",
    ),
    case(
        "G1a",
        REGISTERS,
        found("G1a"),
        "
        0 |txn nil [[w,x,2]] !|
        1 |txn nil [] -> [[r,x,2]]|
        ",
    ),
    case(
        "G1b",
        REGISTERS,
        found("G1b"),
        "
        0 |txn nil [] -> [[r,x,2]]|
        1 |txn nil [] -> [[w,x,2],[w,x,1]]|
        ",
    ),
    case(
        "a read of what nobody wrote: valid to Elle, whose test says that this is a bug; garbage to us",
        (Judge::Registers, Level::StrictSerializable),
        found("garbage-read"),
        "
        0 |txn nil [] -> [[w,x,1]]|
        1                            |txn nil [] -> [[r,x,2]]|
        ",
    ),
    case(
        "G0 that nobody sees",
        REGISTERS,
        UNKNOWN,
        "
        0 |txn nil [] -> [[w,x,1],[w,y,2]]|
        1 |txn nil [] -> [[w,x,2],[w,y,1]]|
        ",
    ),
    case(
        "G0 that sequential keys show: named by what the sessions see",
        (Judge::Registers, Level::StrongSessionSerializable),
        (Validity::Invalid, None),
        "
        0 |txn nil [] -> [[w,x,1],[w,y,2]]|
        1 |txn nil [] -> [[w,x,2],[w,y,1]]|
        0                                    |txn nil [] -> [[r,x,2]]|
        1                                    |txn nil [] -> [[r,y,2]]|
        ",
    ),
    case(
        "G0 by the order of versions",
        TOLD,
        found("G0"),
        "
        0 |txn nil [] -> [[w,x,1,1],[w,y,2,2]]|
        1 |txn nil [] -> [[w,x,2,2],[w,y,1,1]]|
        0                                        |txn nil [] -> [[r,x,2]]|
        ",
    ),
    case(
        "G-single without the order of transactions: nobody reads what another one wrote",
        REGISTERS,
        UNKNOWN,
        "
        0 |txn nil [] -> [[r,x,nil],[w,y,2]]|
        1 |txn nil [] -> [[w,x,3],[w,y,4]]|
        ",
    ),
    case(
        "G-single by the order of transactions",
        TOLD,
        found("G-single"),
        "
        0 |txn nil [] -> [[r,x,nil],[w,y,2,2]]|
        1 |txn nil [] -> [[w,x,3,1],[w,y,4,1]]|
        ",
    ),
    case(
        "G2-item without the order of transactions",
        REGISTERS,
        VALID,
        "
        0 |txn nil [] -> [[w,x,1],[w,y,2],[w,z,3]]|
        1 |txn nil [] -> [[r,x,1],[w,y,5]]|
        2 |txn nil [] -> [[r,z,3],[w,x,4]]|
        3 |txn nil [] -> [[w,z,7],[w,y,8]]|
        ",
    ),
    case(
        "G2-item by the order of transactions",
        TOLD,
        found("G2-item"),
        "
        0 |txn nil [] -> [[w,x,1,1],[w,y,2,1],[w,z,3,1]]|
        1 |txn nil [] -> [[r,x,1],[w,y,5,4]]|
        2 |txn nil [] -> [[r,z,3],[w,x,4,2]]|
        3 |txn nil [] -> [[w,z,7,3],[w,y,8,3]]|
        ",
    ),
    case(
        "G1c",
        (Judge::Registers, Level::ReadCommitted),
        found("G1c"),
        "
        0 |txn nil [] -> [[w,x,1],[r,y,1]]|
        1 |txn nil [] -> [[w,y,1],[r,x,1]]|
        ",
    ),
    case(
        "G2-item: to read committed",
        (Judge::Registers, Level::ReadCommitted),
        VALID,
        "
        0 |txn nil [] -> [[w,x,1],[w,y,1]]|
        1 |txn nil [] -> [[r,x,1],[w,y,2]]|
        2 |txn nil [] -> [[r,y,1],[w,x,2]]|
        ",
    ),
    case(
        "G2-item, by its shape write skew",
        REGISTERS,
        found("write-skew"),
        "
        0 |txn nil [] -> [[w,x,1],[w,y,1]]|
        1                                    |txn nil [] -> [[r,x,1],[r,y,1],[w,y,2]]|
        2                                    |txn nil [] -> [[r,x,1],[r,y,1],[w,x,2]]|
        ",
    ),
    case(
        "initial state: by its shape a fractured read",
        REGISTERS,
        found("fractured-read"),
        "
        0 |txn nil [] -> [[r,x,nil],[r,y,1]]|
        1 |txn nil [] -> [[w,y,1],[w,x,2]]|
        ",
    ),
    case(
        "writes follow reads: Elle has to be told; we know that who reads a version and writes the key does so behind it",
        REGISTERS,
        (Validity::Invalid, None),
        "
        2 |txn nil [] -> [[w,y,1]]|
        0 |txn nil [] -> [[r,y,1],[w,x,1],[w,y,2]]|
        1 |txn nil [] -> [[r,x,1],[r,y,1]]|
        ",
    ),
    case(
        "cyclic versions by sequential keys: named by what the session sees",
        (Judge::Registers, Level::StrongSessionSerializable),
        (Validity::Invalid, None),
        "
        0 |txn nil [] -> [[w,x,1]]|
        0                            |txn nil [] -> [[w,x,2]]|
        0                                                       |txn nil [] -> [[r,x,1]]|
        ",
    ),
    case(
        "lost update",
        REGISTERS,
        found("lost-update"),
        "
        0 |txn nil [] -> [[w,x,0]]|
        1 |txn nil [] -> [[r,x,0],[w,x,1]]|
        2 |txn nil [] -> [[r,x,0],[w,x,2]]|
        ",
    ),
    case(
        "G1c in real time: a value is read before it is written",
        (Judge::Registers, Level::StrictSerializable),
        found("G1c-realtime"),
        "
        0 |txn nil [] -> [[r,x,4],[w,x,3]]|
        0                                    |txn nil [] -> [[r,y,nil]]|
        1                                    |txn nil [] -> [[w,x,4]]|
        ",
    ),
    case(
        "cyclic versions that Elle once saw where there are none",
        (Judge::Registers, Level::StrictSerializable),
        VALID,
        "
        0 |txn nil []|
        0               |txn nil [] -> [[r,1,nil]]|
        1                |txn nil [] -> [[w,1,4]] |
        0                                            |txn nil [] -> [[r,1,4]]|
        ",
    ),
    case(
        "a session overwrites one version twice: told by what the session should know",
        REGISTERS,
        (Validity::Invalid, None),
        "
        4 |txn nil [] -> [[w,499,14],[w,503,1]]|
        4                                         |txn nil [] -> [[r,503,1],[w,503,11]]|
        4                                                                                 |txn nil [] -> [[r,503,1],[w,503,13]]|
        ",
    ),
    case(
        "predicates: G1c, each sees the other one",
        TOLD,
        found("G1c"),
        "
        0 |txn nil [] -> [[w,x,1],[p,{from:y,to:z},[[y,2]]]]|
        1 |txn nil [] -> [[w,y,2],[p,{from:x,to:y},[[x,1]]]]|
        ",
    ),
    case(
        "predicates: G2, neither sees the other one",
        TOLD,
        found("G2"),
        "
        0 |txn nil [] -> [[p,{},[]],[w,x,1]]|
        1 |txn nil [] -> [[p,{},[]],[w,y,2]]|
        ",
    ),
    case(
        "predicates: G1c by deletion; when nothing matched is open to us unless the revision is told, since no transaction \
         is the first one by definition",
        TOLD,
        UNKNOWN,
        "
        9 |txn nil [] -> [[w,x,0,1],[w,y,0,1]]|
        0                                        |txn nil [] -> [[w,x,nil,2],[p,{from:y},[]]]|
        1                                        |txn nil [] -> [[w,y,nil,2],[p,{to:y},[]]]|
        ",
    ),
    case(
        "predicates: G1c by deletion, with the revision",
        TOLD,
        found("G1c"),
        "
        9 |txn nil [] -> [[w,x,0,1],[w,y,0,1]]|
        0                                        |txn nil [] -> [[w,x,nil,2],[p,{from:y},[],2]]|
        1                                        |txn nil [] -> [[w,y,nil,2],[p,{to:y},[],2]]|
        ",
    ),
    case(
        "predicates: G1c by what does not match any more, with the revision",
        TOLD,
        found("G1c"),
        "
        9 |txn nil [] -> [[w,x,0,1],[w,y,0,1]]|
        0                                        |txn nil [] -> [[p,{equals:0},[[x,0]],2],[w,x,1,2]]|
        1                                        |txn nil [] -> [[p,{equals:0},[[y,0]],2],[w,y,1,2]]|
        ",
    ),
    case(
        "predicates: G2, neither sees that the other one makes something match",
        TOLD,
        found("G2"),
        "
        9 |txn nil [] -> [[w,x,0,1],[w,y,0,1]]|
        0                                        |txn nil [] -> [[p,{equals:1},[]],[w,x,1,2]]|
        1                                        |txn nil [] -> [[p,{equals:1},[]],[w,y,1,2]]|
        ",
    ),
    case(
        "items: G1c with a deletion that was read",
        TOLD,
        found("G1c"),
        "
        9 |txn nil [] -> [[w,x,0,1],[w,z,0,1]]|
        0                                        |txn nil [] -> [[r,z,3],[w,x,nil,2]]|
        1                                        |txn nil [] -> [[r,x,nil,2],[w,y,2,1]]|
        2                                        |txn nil [] -> [[r,y,2],[w,z,3,2]]|
        ",
    ),
    case(
        "items: G-single by a write, a read and a miss, by its shape read skew",
        TOLD,
        found("read-skew"),
        "
        9 |txn nil [] -> [[w,x,0,1],[w,z,0,1]]|
        0                                        |txn nil [] -> [[w,x,nil,2],[w,y,1,1]]|
        1                                        |txn nil [] -> [[r,y,1],[r,z,nil]]|
        ",
    ),
    case(
        "predicates: what was surely there is missed; to us only in real time, since no transaction is the first one by \
         definition",
        (Judge::Told, Level::StrictSerializable),
        found("G-single-realtime"),
        "
        0 |txn nil [] -> [[w,5,3]]|
        1                            |txn nil [] -> [[p,{equals:3},[]]]|
        ",
    ),
    case(
        "predicates: some of a transaction that deletes is seen and some is not",
        TOLD,
        (Validity::Invalid, None),
        "
        9 |txn nil [] -> [[w,26,0,1],[w,31,0,1],[w,38,0,1]]|
        2                                                     |txn nil [] -> [[w,38,nil,2],[w,31,8,2],[w,26,nil,2],[w,40,9,1]]|
        3                                                     |txn nil [] -> [[p,{},[[31,0],[38,0]]],[r,26,nil,2]]|
        ",
    ),
];

#[test]
fn what_elle_tests_has_the_same_verdict_or_a_reason() {
    for case in CASES {
        let history = testing::history(case.history);
        let claim = case.claim;
        let judge: Box<dyn Checker> = match case.judge {
            Judge::Registers => Box::new(RwRegister { claim }),
            Judge::Told => Box::new(KeyValue { claim }),
        };
        let verdict = trial::judge(&*judge, &history);
        let about = case.about;
        assert_eq!(verdict.validity, case.ours, "{about}: {verdict:#?}");
        if let Some(name) = case.name {
            let names: Vec<&str> = verdict.anomalies.iter().map(|a| a.name).collect();
            assert!(names.contains(&name), "{about}: {names:?}");
        }
    }
}
