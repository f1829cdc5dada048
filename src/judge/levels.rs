//! Which consistency levels a history keeps and which it breaks: what all checkers say, put together by the lattice.

use schism_checkers::{Anomaly, Level, Levels, Validity, Verdict};

use crate::report::phrase;

/// What is known about a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The history keeps it.
    Held,
    /// The history breaks it, with proof.
    Refuted,
    /// Neither is known.
    Undecided,
}

impl Standing {
    /// The name used in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        }
    }
}

/// Why a level is held or refuted.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The verdict that says so.
    pub verdict: &'a Verdict,
    /// The level that it speaks of: this one, or one that settles this one by the lattice.
    pub level: Level,
    /// The proof, of a refuted level.
    pub anomaly: Option<&'a Anomaly>,
}

/// What is known about every level.
pub struct Standings<'a> {
    /// Each level with its standing and why, from strong to weak.
    pub rows: Vec<(Level, Standing, Option<Ground<'a>>)>,
    /// The weakest levels that are refuted: all that imply one of them are too.
    pub refuted: Vec<Level>,
    /// The strongest levels that are held: all that they imply are too.
    pub held: Vec<Level>,
    /// Levels that one checker holds and another one refutes: our own bug.
    pub contradicted: Vec<Level>,
}

impl<'a> Standings<'a> {
    /// Puts together what verdicts say.
    pub fn of(verdicts: &'a [Verdict]) -> Self {
        let spoken: Vec<(&Verdict, Levels)> = verdicts
            .iter()
            .map(|verdict| (verdict, spoken(verdict)))
            .filter(|(_, levels)| !levels.is_empty())
            .collect();
        let mut rows = Vec::new();
        let mut contradicted = Vec::new();
        for &level in Level::ALL {
            let refuting = ground(&spoken, |levels| {
                let mut weaker = levels.refuted.iter();
                weaker.find(|&&weaker| level.implies(weaker)).copied()
            });
            let holding = ground(&spoken, |levels| {
                let mut stronger = levels.held.iter();
                stronger.find(|&&stronger| stronger.implies(level)).copied()
            });
            if refuting.is_some() && holding.is_some() {
                contradicted.push(level);
            }
            rows.push(match (refuting, holding) {
                (Some(ground), _) => {
                    let anomaly = proof(&ground);
                    (level, Standing::Refuted, Some(Ground { anomaly, ..ground }))
                }
                (None, Some(ground)) => (level, Standing::Held, Some(ground)),
                (None, None) => (level, Standing::Undecided, None),
            });
        }
        let of = |wanted| -> Vec<Level> {
            rows.iter()
                .filter(|(_, standing, _)| *standing == wanted)
                .map(|(level, _, _)| *level)
                .collect()
        };
        Self {
            refuted: Level::weakest(&of(Standing::Refuted)),
            held: Level::strongest(&of(Standing::Held)),
            rows,
            contradicted,
        }
    }

    /// What is known about one level.
    pub fn standing(&self, level: Level) -> Standing {
        self.row(level).1
    }

    /// Why a level is held or refuted.
    pub fn ground(&self, level: Level) -> Option<Ground<'a>> {
        self.row(level).2
    }

    /// Who holds a level, whoever refutes it.
    pub fn holding(verdicts: &'a [Verdict], level: Level) -> Option<Ground<'a>> {
        let spoken: Vec<(&Verdict, Levels)> = verdicts
            .iter()
            .map(|verdict| (verdict, spoken(verdict)))
            .collect();
        ground(&spoken, |levels| {
            let mut held = levels.held.iter();
            held.find(|&&stronger| stronger.implies(level)).copied()
        })
    }

    fn row(&self, level: Level) -> &(Level, Standing, Option<Ground<'a>>) {
        let row = self.rows.iter().find(|(known, _, _)| *known == level);
        row.expect("there is a row for each level")
    }

    /// Whether nothing is known about any level.
    pub fn is_empty(&self) -> bool {
        self.refuted.is_empty() && self.held.is_empty()
    }

    /// All of it in one sentence.
    pub fn sentence(&self) -> String {
        let held = match &self.held[..] {
            [] => None,
            held => {
                let promises: Vec<String> = held
                    .iter()
                    .map(|level| format!("{level} (every {})", level.promise()))
                    .collect();
                Some(format!("gives {}", joined(&promises)))
            }
        };
        let refuted = match &self.refuted[..] {
            [] => None,
            refuted => {
                let reasons: Vec<String> = refuted
                    .iter()
                    .map(|&level| match self.ground(level).and_then(|g| g.anomaly) {
                        Some(anomaly) => {
                            format!("{level} ({})", phrase::anomaly_name(anomaly.name))
                        }
                        None => level.to_string(),
                    })
                    .collect();
                Some(format!("does not give {}", joined(&reasons)))
            }
        };
        match (held, refuted) {
            (Some(held), Some(refuted)) => format!("this history {held}; it {refuted}"),
            (Some(only), None) | (None, Some(only)) => format!("this history {only}"),
            (None, None) => {
                "of no consistency level is it known whether this history gives it".to_owned()
            }
        }
    }
}

/// `a, b and c`.
fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The first verdict that speaks of a level as wanted.
fn ground<'a>(
    spoken: &[(&'a Verdict, Levels)],
    speaks: impl Fn(&Levels) -> Option<Level>,
) -> Option<Ground<'a>> {
    spoken.iter().find_map(|&(verdict, ref levels)| {
        let level = speaks(levels)?;
        Some(Ground {
            verdict,
            level,
            anomaly: None,
        })
    })
}

/// The smallest anomaly that shows by its name that a level is broken.
fn proof<'a>(ground: &Ground<'a>) -> Option<&'a Anomaly> {
    let verdict = ground.verdict;
    let shows = |anomaly: &&Anomaly| {
        let mut refuted = refuted_by_name(anomaly.name).iter();
        refuted.any(|&weakest| ground.level.implies(weakest))
    };
    let mut all = verdict.anomalies.iter().chain(&verdict.beyond_claim);
    let known = all.find(shows);
    // When it is about one level only, so is every proof.
    let only = spoken(verdict).refuted.len() <= 1;
    known.or(verdict.anomalies.first().filter(|_| only))
}

/// The weakest levels that an anomaly of this name always refutes, of those that tell its kind.
fn refuted_by_name(name: &str) -> &'static [Level] {
    use Level::{
        ParallelSnapshotIsolation, ReadAtomic, ReadCommitted, ReadUncommitted, Serializable,
        SnapshotIsolation, StrictSerializable, StrongSessionSerializable,
    };
    match name {
        "G0" | "duplicate-elements" | "cyclic-versions" | "garbage-read" => &[ReadUncommitted],
        "G1a" | "G1b" | "G1c" | "dirty-update" | "future-read" | "incompatible-order" => {
            &[ReadCommitted]
        }
        "internal" | "fractured-read" => &[ReadAtomic],
        "lost-update" | "read-skew" | "G-single" => &[ParallelSnapshotIsolation],
        "long-fork" | "G-nonadjacent" => &[SnapshotIsolation],
        "write-skew" | "G2-item" | "G2" => &[Serializable],
        name if name.ends_with("-realtime") => &[StrictSerializable],
        name if name.ends_with("-process") => &[StrongSessionSerializable],
        _ => &[],
    }
}

/// What a verdict says about levels. A checker that is named after a level and finds it broken refutes it; that it finds
/// nothing says only of linearizability that it is kept.
fn spoken(verdict: &Verdict) -> Levels {
    if !verdict.levels.is_empty() {
        return verdict.levels.clone();
    }
    let mut levels = Levels::default();
    if let Some(level) = Level::by_name(verdict.checker) {
        match verdict.validity {
            Validity::Invalid => levels.refuted.push(level),
            Validity::Valid if level == Level::Linearizable => levels.held.push(level),
            Validity::Valid | Validity::Unknown => {}
        }
    }
    levels
}

/// The answer to a claim, as the verdict of a checker of its own.
pub(super) fn on_claim(claim: Level, verdicts: &[Verdict]) -> Verdict {
    let standings = Standings::of(verdicts);
    let (validity, summary) = match (standings.standing(claim), standings.ground(claim)) {
        (Standing::Refuted, Some(ground)) => (Validity::Invalid, ground.verdict.summary.clone()),
        (Standing::Held, _) => (
            Validity::Valid,
            format!("this history gives {claim}: every {}", claim.promise()),
        ),
        _ => {
            let mut speakers = verdicts.iter().filter(|verdict| is_about_levels(verdict));
            let unknown = speakers.find(|verdict| verdict.validity == Validity::Unknown);
            let why = unknown.map_or_else(String::new, |verdict| {
                format!("; {}: {}", verdict.checker, verdict.summary)
            });
            (
                Validity::Unknown,
                format!("no checker could decide whether this history gives {claim}{why}"),
            )
        }
    };
    Verdict::new("level", validity, summary)
}

/// Whether an answer is about levels only, and so part of the answer to a claim.
pub(super) fn is_about_levels(verdict: &Verdict) -> bool {
    let judges_transactions =
        matches!(verdict.checker, "key-value" | "list-append" | "rw-register");
    judges_transactions || !verdict.levels.is_empty() || Level::by_name(verdict.checker).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(checker: &'static str, refuted: &[Level], held: &[Level]) -> Verdict {
        let validity = if refuted.is_empty() {
            Validity::Valid
        } else {
            Validity::Invalid
        };
        Verdict::new(checker, validity, format!("{checker} says so")).levels(Levels {
            refuted: refuted.to_vec(),
            held: held.to_vec(),
        })
    }

    #[test]
    fn the_lattice_carries_what_is_known() {
        use Level::{
            Linearizable, ReadCommitted, Sequential, Serializable, SnapshotIsolation,
            StrictSerializable,
        };
        let verdicts = [
            verdict("list-append", &[Serializable], &[SnapshotIsolation]),
            Verdict::new("latency", Validity::Valid, "measured"),
        ];
        let standings = Standings::of(&verdicts);
        assert_eq!(standings.standing(StrictSerializable), Standing::Refuted);
        assert_eq!(standings.standing(ReadCommitted), Standing::Held);
        assert_eq!(standings.standing(Sequential), Standing::Undecided);
        assert_eq!(standings.refuted, [Serializable]);
        assert_eq!(standings.held, [SnapshotIsolation]);
        assert!(standings.contradicted.is_empty());
        let sentence = standings.sentence();
        assert!(
            sentence.starts_with("this history gives snapshot-isolation (every transaction reads")
                && sentence.ends_with("; it does not give serializable"),
            "{sentence}"
        );
        let by_name = [Verdict::new("linearizable", Validity::Invalid, "stale")];
        let standings = Standings::of(&by_name);
        assert_eq!(standings.refuted, [Linearizable]);
        assert_eq!(
            standings.sentence(),
            "this history does not give linearizable"
        );
        assert!(Standings::of(&[]).is_empty());
    }

    #[test]
    fn a_claim_is_answered_for_itself() {
        use Level::{ReadCommitted, Serializable, SnapshotIsolation, StrictSerializable};
        let verdicts = [verdict(
            "list-append",
            &[Serializable],
            &[SnapshotIsolation],
        )];
        let answer = |claim| on_claim(claim, &verdicts).validity;
        assert_eq!(answer(ReadCommitted), Validity::Valid);
        assert_eq!(answer(SnapshotIsolation), Validity::Valid);
        assert_eq!(answer(StrictSerializable), Validity::Invalid);
        assert_eq!(answer(Level::Linearizable), Validity::Unknown);
    }

    #[test]
    fn two_checkers_that_contradict_each_other_are_told() {
        use Level::{Serializable, SnapshotIsolation};
        let verdicts = [
            verdict("a", &[SnapshotIsolation], &[]),
            verdict("b", &[], &[Serializable]),
        ];
        let contradicted = Standings::of(&verdicts).contradicted;
        assert_eq!(contradicted, [Serializable, SnapshotIsolation]);
    }
}
