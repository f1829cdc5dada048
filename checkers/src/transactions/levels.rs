//! Which levels a history surely keeps, once all shapes of cycles have been decided.

use crate::transactions::cycles::{Extra, Language};
use crate::transactions::search::Cycles;
use crate::{Level, Levels};

/// What is not known about the order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Everything is known.
    Nothing,
    /// In which order some keys were written last, which nobody saw. Any order that the dependencies allow explains what
    /// was seen, so this does not matter for serializability.
    LastWrites,
    /// Too much to say that a level is kept.
    Everything,
}

/// What is known about each level.
pub(crate) struct Judged {
    refuted: Vec<Level>,
    held: Vec<Level>,
}

/// Levels that are kept exactly if there are no cycles of a language, and what is weaker than they is.
const BY_CYCLES: &[(Level, Language, Extra)] = &[
    (Level::ReadUncommitted, Language::Writes, Extra::Nothing),
    (Level::ReadCommitted, Language::Reads, Extra::Nothing),
    (
        Level::ParallelSnapshotIsolation,
        Language::OneAnti,
        Extra::Nothing,
    ),
    (Level::Prefix, Language::AntiAfterRead, Extra::Nothing),
    (
        Level::SnapshotIsolation,
        Language::Nonadjacent,
        Extra::Nothing,
    ),
    (Level::Serializable, Language::Any, Extra::Nothing),
    (
        Level::StrongSessionSnapshotIsolation,
        Language::Nonadjacent,
        Extra::Process,
    ),
    (
        Level::StrongSessionSerializable,
        Language::Any,
        Extra::Process,
    ),
    (
        Level::StrongSnapshotIsolation,
        Language::Nonadjacent,
        Extra::RealTime,
    ),
    (Level::StrictSerializable, Language::Any, Extra::RealTime),
];

impl Judged {
    /// From the cycles that there are, and the levels that anomalies of any kind refute.
    pub(crate) fn new(cycles: &Cycles, refuted: &[Level], doubt: Doubt) -> Self {
        let is_refuted = |level: Level| refuted.iter().any(|&weak| level.implies(weak));
        let mut held: Vec<Level> = Vec::new();
        for &(level, language, extra) in BY_CYCLES {
            let is_open = cycles.exists.contains(&(language, extra))
                || cycles.unknown.contains(&(language, extra));
            // What the last writes' order decides is only known through serializability.
            let is_sure = match doubt {
                Doubt::Nothing => true,
                Doubt::LastWrites => {
                    matches!(language, Language::Writes | Language::Reads | Language::Any)
                }
                Doubt::Everything => false,
            };
            if is_sure && !is_open && !is_refuted(level) {
                held.push(level);
            }
        }
        // Of these, the shapes are found where a reader is looked at for itself.
        Self {
            held: (Level::ALL.iter().copied())
                .filter(|&level| held.iter().any(|&strong| strong.implies(level)))
                .collect(),
            refuted: Level::weakest(
                &Level::ALL
                    .iter()
                    .copied()
                    .filter(|level| refuted.contains(level))
                    .collect::<Vec<_>>(),
            ),
        }
    }

    /// Whether the level is surely kept.
    pub(crate) fn is_held(&self, level: Level) -> bool {
        self.held.contains(&level)
    }

    /// For the verdict: the weakest that are refuted, the strongest that are kept.
    pub(crate) fn levels(&self) -> Levels {
        Levels {
            refuted: self.refuted.clone(),
            held: Level::strongest(&self.held),
        }
    }
}
