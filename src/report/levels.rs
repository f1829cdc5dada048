//! Which consistency levels a history gives: for a terminal, for machines, and as a page.
//!
//! ```json
//! { "schism": "levels", "version": 1, "history": "…", "sentence": "…", "held": ["…"], "refuted": ["…"],
//!   "levels": [ { "level": "serializable", "promise": "…", "standing": "refuted", "by": "list-append",
//!                 "follows_from": null, "anomaly": "write-skew", "sentence": "…" } ] }
//! ```
//!
//! `held` are the strongest levels that are, `refuted` the weakest; `follows_from` is the level that settles this one.

use std::fmt::Write as _;

use schism_checkers::Level;
use serde::Serialize;

use super::input::Input;
use super::{lattice, phrase};
use crate::judge::levels::Standings;
use crate::look::Look;

/// The version of the JSON.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct File<'a> {
    schism: &'static str,
    version: u32,
    history: &'a str,
    sentence: String,
    held: &'a [Level],
    refuted: &'a [Level],
    levels: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    level: Level,
    promise: String,
    standing: &'static str,
    by: Option<&'static str>,
    follows_from: Option<Level>,
    anomaly: Option<&'static str>,
    sentence: Option<&'a str>,
}

/// As JSON.
pub fn json(input: &Input<'_>) -> String {
    let standings = Standings::of(input.verdicts);
    let row = |&level: &Level| {
        let ground = standings.ground(level);
        let anomaly = ground.and_then(|ground| ground.anomaly);
        Row {
            level,
            promise: format!("every {}", level.promise()),
            standing: standings.standing(level).name(),
            by: ground.map(|ground| ground.verdict.checker),
            follows_from: ground
                .map(|ground| ground.level)
                .filter(|from| *from != level),
            anomaly: anomaly.map(|anomaly| anomaly.name),
            sentence: anomaly.map(|anomaly| &*anomaly.sentence),
        }
    };
    let file = File {
        schism: "levels",
        version: VERSION,
        history: &input.run.name,
        sentence: standings.sentence(),
        held: &standings.held,
        refuted: &standings.refuted,
        levels: Level::ALL.iter().map(row).collect(),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("all its keys are text");
    text.push('\n');
    text
}

/// For a terminal: one sentence, and the lattice.
pub fn text(input: &Input<'_>, look: Look) -> String {
    let standings = Standings::of(input.verdicts);
    let mut out = format!(
        "{}\n  {}.\n",
        phrase::clean(&input.run.name),
        phrase::sentence(&standings.sentence())
    );
    for level in &standings.contradicted {
        let _ = writeln!(
            out,
            "  two checkers contradict each other about {level}, which is an error in schism"
        );
    }
    out.push('\n');
    out.push_str(&lattice::text(&standings, look));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Ending, run};

    #[test]
    fn machines_and_people_read_the_same() {
        let invalid = run(Ending::Invalid, 2_000, 7);
        let file: serde_json::Value = serde_json::from_str(&json(&invalid.input())).unwrap();
        assert_eq!(file["refuted"][0], "linearizable");
        let row = file["levels"].as_array().unwrap();
        let strict = row.iter().find(|row| row["level"] == "strict-serializable");
        assert_eq!(strict.unwrap()["follows_from"], "linearizable");
        let text = text(&invalid.input(), Look::PLAIN);
        let sentence = "This history does not give linearizable (stale read).";
        assert!(text.contains(sentence), "{text}");
        assert!(text.contains("✗ linearizable"), "{text}");
    }
}
