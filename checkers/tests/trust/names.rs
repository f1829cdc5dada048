//! Every anomaly of transactions that has a name, in all its variants, is planted at least once and found by it.
//!
//! Names of cycles have variants with the order of a session (`-process`) and with real time (`-realtime`); a cycle of a
//! shape that has a name of its own (`lost-update`, `write-skew`, …) is then called by its class. What is wrong with one
//! read by itself is so in whatever order, and has no variants.

use schism_checkers::{Checker, Level, ListAppend};
use schism_history::testing;

use crate::key_value::SCENES;
use crate::trial;

/// All names.
const NAMES: [&str; 32] = [
    "G0",
    "G0-process",
    "G0-realtime",
    "G1a",
    "G1b",
    "G1c",
    "G1c-process",
    "G1c-realtime",
    "G-single",
    "G-single-process",
    "G-single-realtime",
    "G-nonadjacent",
    "G-nonadjacent-process",
    "G-nonadjacent-realtime",
    "G2-item",
    "G2-item-process",
    "G2-item-realtime",
    "G2",
    "G2-process",
    "G2-realtime",
    "lost-update",
    "write-skew",
    "long-fork",
    "dirty-update",
    "read-skew",
    "fractured-read",
    "internal",
    "future-read",
    "duplicate-elements",
    "incompatible-order",
    "cyclic-versions",
    "garbage-read",
];

/// Names, and transactions on lists that have them.
const LISTS: &[(&str, &str)] = &[
    (
        "G0",
        "
        0 |txn nil [[append,x,1],[append,y,1]]|
        1 |txn nil [[append,x,2],[append,y,2]]|
        2 |txn nil [] -> [[r,x,[1,2]],[r,y,[2,1]]]|
        ",
    ),
    (
        "G0-process",
        "
        0 |txn nil [[append,x,1]]|
        0                          |txn nil [[append,x,2]]|
        2 |txn nil [] -> [[r,x,[2,1]]]                    |
        ",
    ),
    (
        "G0-realtime",
        "
        0 |txn nil [[append,x,1]]|
        1                          |txn nil [[append,x,2]]|
        2 |txn nil [] -> [[r,x,[2,1]]]                    |
        ",
    ),
    (
        "G1a",
        "
        0 |txn nil [[append,x,1]] !|
        1 |txn nil [] -> [[r,x,[1]]]|
        ",
    ),
    (
        "G1b",
        "
        0 |txn nil [[append,x,1],[append,x,2]]|
        1 |txn nil [] -> [[r,x,[1]]]|
        ",
    ),
    (
        "G1c",
        "
        0 |txn nil [] -> [[append,x,1],[r,y,[1]]]|
        1 |txn nil [] -> [[append,y,1],[r,x,[1]]]|
        ",
    ),
    (
        "G1c-process",
        "
        1 |txn nil [] -> [[r,x,[2]]]|
        1                             |txn nil [[append,x,2]]|
        ",
    ),
    (
        "G1c-realtime",
        "
        1 |txn nil [] -> [[r,x,[2]]]|
        2                             |txn nil [[append,x,2]]|
        ",
    ),
    (
        "G-single",
        "
        0 |txn nil [] -> [[r,x,[]],[append,y,2]]|
        1 |txn nil [[append,x,1],[append,y,1]]|
        2 |txn nil [] -> [[r,x,[1]],[r,y,[1,2]]]|
        ",
    ),
    (
        "G-single-process",
        "
        0 |txn nil [[append,x,1]]|
        0                           |txn nil [] -> [[r,x,[]]]|
        ",
    ),
    (
        "G-single-realtime",
        "
        0 |txn nil [[append,x,1]]|
        1                           |txn nil [] -> [[r,x,[]]]|
        ",
    ),
    (
        "G-nonadjacent",
        "
        0 |txn nil [] -> [[r,x,[]],[append,v,2]]|
        1 |txn nil [[append,x,1],[append,u,1]]|
        2 |txn nil [] -> [[r,y,[]],[append,u,2]]|
        3 |txn nil [[append,y,1],[append,v,1]]|
        4 |txn nil [] -> [[r,u,[1,2]],[r,v,[1,2]]]|
        ",
    ),
    (
        "G-nonadjacent-process",
        "
        0 |txn nil [[append,x,1]]|
        0                           |txn nil [] -> [[r,y,[]]]|
        1 |txn nil [[append,y,1]]|
        1                           |txn nil [] -> [[r,x,[]]]|
        ",
    ),
    (
        "G-nonadjacent-realtime",
        "
        0 |txn nil [[append,x,1]]|
        1                           |txn nil [] -> [[r,y,[]]]|
        2 |txn nil [[append,y,1]]                            |
        3 |txn nil [] -> [[r,y,[1]],[r,x,[]]]                |
        ",
    ),
    (
        "G2-item",
        "
        0 |txn nil [] -> [[r,x,[]],[append,y,1]]|
        1 |txn nil [] -> [[r,y,[]],[append,z,1]]|
        2 |txn nil [] -> [[r,z,[]],[append,x,1]]|
        ",
    ),
    (
        "G2-item-process",
        "
        0 |txn nil [[append,y,1]]|
        0                           |txn nil [] -> [[r,x,[]]]|
        1 |txn nil [] -> [[r,y,[]],[append,x,1]]             |
        ",
    ),
    (
        "G2-item-realtime",
        "
        0 |txn nil [[append,y,1]]|
        2                           |txn nil [] -> [[r,x,[]]]|
        1 |txn nil [] -> [[r,y,[]],[append,x,1]]             |
        ",
    ),
    (
        "lost-update",
        "
        0 |txn nil [] -> [[r,x,[]],[append,x,1]]|
        1 |txn nil [] -> [[r,x,[]],[append,x,2]]|
        ",
    ),
    (
        "write-skew",
        "
        0 |txn nil [] -> [[r,x,[]],[append,y,1]]|
        1 |txn nil [] -> [[r,y,[]],[append,x,1]]|
        ",
    ),
    (
        "long-fork",
        "
        0 |txn nil [[append,x,1]]|
        1 |txn nil [[append,y,1]]|
        2 |txn nil [] -> [[r,x,[1]],[r,y,[]]]|
        3 |txn nil [] -> [[r,x,[]],[r,y,[1]]]|
        ",
    ),
    (
        "dirty-update",
        "
        0 |txn nil [[append,x,1]] !|
        1 |txn nil [[append,x,2]]|
        2 |txn nil [] -> [[r,x,[1,2]]]|
        ",
    ),
    (
        "read-skew",
        "
        0 |txn nil [[append,x,1]]|
        1 |txn nil [] -> [[r,x,[1]],[append,y,1]]|
        2 |txn nil [] -> [[r,x,[]],[r,y,[1]]]|
        ",
    ),
    (
        "fractured-read",
        "
        0 |txn nil [[append,x,1],[append,y,1]]|
        1 |txn nil [] -> [[r,x,[1]],[r,y,[]]]|
        ",
    ),
    ("internal", "0 |txn nil [] -> [[append,x,1],[r,x,[]]]|"),
    ("future-read", "0 |txn nil [] -> [[r,x,[1]],[append,x,1]]|"),
    (
        "duplicate-elements",
        "
        0 |txn nil [[append,x,1]]|
        1 |txn nil [] -> [[r,x,[1,1]]]|
        ",
    ),
    (
        "incompatible-order",
        "
        0 |txn nil [[append,x,1]]|
        1 |txn nil [[append,x,2]]|
        2 |txn nil [] -> [[r,x,[1,2]]]|
        3 |txn nil [] -> [[r,x,[2,1]]]|
        ",
    ),
    ("garbage-read", "0 |txn nil [] -> [[r,x,[1]]]|"),
];

#[test]
fn every_name_is_planted_and_found() {
    let mut found = Vec::new();
    for (name, scene) in LISTS {
        let history = testing::history(scene);
        let claim = Level::StrictSerializable;
        let verdict = trial::judge(&ListAppend { claim } as &dyn Checker, &history);
        let names: Vec<&str> = verdict.anomalies.iter().map(|a| a.name).collect();
        assert!(names.contains(name), "{name}: {names:?}");
        found.push(*name);
    }
    // These are planted in many histories, and found there.
    found.extend(SCENES.iter().map(|(name, ..)| *name));
    for name in NAMES {
        assert!(found.contains(&name), "{name} is not planted");
    }
}
