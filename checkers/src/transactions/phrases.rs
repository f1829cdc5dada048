//! What anomalies are, in words.

use crate::transactions::anomalies::Class;
use crate::verdict::Dependency;

/// What an anomaly of this name is, as a sentence without its end.
pub(crate) fn phrase(name: &str) -> &'static str {
    match name {
        "G0" => "transactions mixed their writes",
        "G1c" => "transactions saw each other's writes in a circle",
        "lost-update" => {
            "an update was lost: a transaction overwrote what another one had written since it read"
        }
        "fractured-read" => {
            "a transaction saw one write of another one and missed another write of it"
        }
        "read-skew" => "a transaction saw something newer than what it read elsewhere",
        "phantom" => "a transaction looked for something that was not there, and then saw it there",
        "G-single" => "a transaction missed a write that came before it",
        "long-fork" => "two transactions saw two writes in opposite orders",
        "G-nonadjacent" => "transactions read from snapshots that have no order",
        "write-skew" => "two transactions each overwrote what the other one had read",
        "G2-item" => "transactions overwrote what others had read, in a circle",
        "G2" => "transactions changed what others had looked for, in a circle",
        "G0-process" => "writes took effect in another order than the one a session sent them in",
        "G1c-process" => "what a session saw and wrote runs against its own order",
        "G-single-process" | "G-nonadjacent-process" => {
            "a session missed a write that it should know of"
        }
        "G2-item-process" | "G2-process" => "no serial order fits the order of the sessions",
        "G0-realtime" => {
            "writes took effect in another order than the one they were acknowledged in"
        }
        "G1c-realtime" => "a write was seen before it was sent, or took effect too early",
        "G-single-realtime" | "G-nonadjacent-realtime" => {
            "a write that had been acknowledged was missed by a transaction that was sent later"
        }
        "G2-item-realtime" | "G2-realtime" => "no serial order fits real time",
        _ => "transactions contradict each other",
    }
}

/// The sentence of a cycle.
pub(crate) fn cycle_sentence(class: &Class, cycle: &[Dependency]) -> String {
    let what = phrase(class.name);
    let kind = if class.name == class.general {
        class.name.to_owned()
    } else {
        format!("{}, a {}", class.name, class.general)
    };
    let reasons: Vec<String> = if cycle.len() == 2 {
        let reason = |d: &Dependency| {
            format!(
                "{} must come before {}, because {}",
                d.from, d.to, d.because
            )
        };
        cycle.iter().map(reason).collect()
    } else {
        let mut chain: Vec<String> = cycle.iter().map(|d| d.from.to_string()).collect();
        chain.extend(cycle.first().map(|d| d.from.to_string()));
        vec![format!(
            "each must come before the next: {}",
            chain.join(" < ")
        )]
    };
    format!("{what} ({kind}): {}", reasons.join("; and "))
}
