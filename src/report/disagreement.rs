//! `disagreement.json`: what two algorithms found that cannot both be true. It is there only when there is one: a bug of
//! schism, and what to send to its authors.
//!
//! ```json
//! { "schism": "disagreement", "version": 1, "disagreements": [ { "checker": "…", "found": "…", "verdict": { … } } ],
//!   "levels": [ { "level": "…", "held": { "by": "…", "through": "…" }, "refuted": { "by": "…", "through": "…" } } ] }
//! ```
//!
//! `found` says what each of the two algorithms found. A level stands here when one checker holds it and another one
//! refutes it; `through` is the level that each speaks of.

use schism_checkers::{Level, Verdict};
use serde::Serialize;

use super::input::Input;
use crate::judge::levels::{Ground, Standings};

/// The version of the file's format.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct File<'a> {
    schism: &'static str,
    version: u32,
    disagreements: Vec<Disagreement<'a>>,
    levels: Vec<Contradiction>,
}

#[derive(Serialize)]
struct Disagreement<'a> {
    checker: &'static str,
    found: &'a str,
    verdict: &'a Verdict,
}

#[derive(Serialize)]
struct Contradiction {
    level: Level,
    held: Option<Said>,
    refuted: Option<Said>,
}

#[derive(Serialize)]
struct Said {
    by: &'static str,
    through: Level,
}

impl Said {
    fn new(ground: &Ground<'_>) -> Self {
        Self {
            by: ground.verdict.checker,
            through: ground.level,
        }
    }
}

/// The file's text; `None` when nobody disagrees.
pub fn json(input: &Input<'_>) -> Option<String> {
    let standings = Standings::of(input.verdicts);
    let disagreements: Vec<Disagreement<'_>> = input
        .verdicts
        .iter()
        .filter_map(|verdict| {
            let found = verdict.disagreement.as_deref()?;
            Some(Disagreement {
                checker: verdict.checker,
                found,
                verdict,
            })
        })
        .collect();
    let levels: Vec<Contradiction> = standings
        .contradicted
        .iter()
        .map(|&level| Contradiction {
            level,
            held: Standings::holding(input.verdicts, level)
                .as_ref()
                .map(Said::new),
            refuted: standings.ground(level).as_ref().map(Said::new),
        })
        .collect();
    if disagreements.is_empty() && levels.is_empty() {
        return None;
    }
    let file = File {
        schism: "disagreement",
        version: VERSION,
        disagreements,
        levels,
    };
    let mut text = serde_json::to_string_pretty(&file).expect("all its keys are text");
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Files;
    use crate::report::testing::{Ending, run};
    use schism_checkers::{Levels, Validity};

    #[test]
    fn it_is_there_when_two_disagree_and_only_then() {
        let mut run = run(Ending::Unknown, 500, 7);
        assert_eq!(json(&run.input()), None);
        assert!(Files::new(&run.input()).get("disagreement.json").is_none());
        run.verdicts[0].validity = Validity::Unknown;
        run.verdicts[0].disagreement = Some("one found this; the other that".to_owned());
        for (checker, refuted, held) in [
            ("a", vec![Level::ReadCommitted], vec![]),
            ("b", vec![], vec![Level::Serializable]),
        ] {
            let levels = Levels { refuted, held };
            run.verdicts
                .push(Verdict::new(checker, Validity::Unknown, "x").levels(levels));
        }
        let input = run.input();
        let files = Files::new(&input);
        let text = files.get("disagreement.json").unwrap();
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(file["disagreements"][0]["checker"], "linearizable");
        let level = file["levels"].as_array().unwrap().iter();
        let level = level
            .clone()
            .find(|row| row["level"] == "read-atomic")
            .unwrap();
        assert_eq!(
            (&level["held"]["by"], &level["refuted"]["by"]),
            (&"b".into(), &"a".into())
        );
        assert_eq!(level["held"]["through"], "serializable");
    }
}
