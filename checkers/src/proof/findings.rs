//! Violations while they are found: all are counted, the first of each kind are confirmed and told.

use schism_history::{History, OpId, Value};

use crate::proof::all_orders;
use crate::proof::conclusion::Case;
use crate::proof::story::{Story, step};
use crate::proof::witness::Witness;
use crate::verdict::{Anomaly, Confirmation, Picture};

/// Steps for confirming one violation.
const CONFIRM_STEPS: u64 = 1_000_000;
/// Violations of one kind of object that are confirmed and told.
const TOLD: usize = 8;

/// A violation, before it is told.
pub(crate) struct Broken<'h> {
    /// What happened, in one sentence.
    pub(crate) sentence: String,
    /// The object.
    pub(crate) key: &'h Value,
    /// The operations that no order explains.
    pub(crate) witness: Witness<'h>,
    /// What follows from each of them, where it is more than what they did.
    pub(crate) because: Vec<(OpId, String)>,
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Findings {
    /// Operations that could have broken the guarantee.
    pub(crate) checked: u64,
    /// Operations of which that is not known.
    pub(crate) undecidable: u64,
    /// Operations that broke it.
    pub(crate) broken: u64,
    /// The first violations of each name, confirmed and told.
    pub(crate) cases: Vec<Case>,
    /// What is drawn of each.
    picture: Picture,
    told: Vec<(&'static str, usize)>,
    /// Nothing is told: violations are only counted.
    silent: bool,
}

impl Findings {
    /// Nothing yet; what is found is drawn like this.
    pub(crate) fn drawn_as(picture: Picture) -> Self {
        Self {
            picture,
            ..Self::default()
        }
    }

    /// Nothing yet, and nothing is ever told: what is found is counted, whether it can be proved or not.
    pub(crate) fn counted() -> Self {
        Self {
            silent: true,
            ..Self::default()
        }
    }

    /// One more violation. The first ones of each name are confirmed and told; `broken` is only asked for those. If it
    /// finds that nothing can be proved, nothing is counted.
    pub(crate) fn report<'h>(
        &mut self,
        history: &History,
        name: &'static str,
        broken: impl FnOnce() -> Option<Broken<'h>>,
    ) {
        if self.silent {
            self.broken += 1;
            return;
        }
        let place = self.told.iter().position(|&(told, _)| told == name);
        let place = place.unwrap_or_else(|| {
            self.told.push((name, 0));
            self.told.len() - 1
        });
        if self.told[place].1 < TOLD {
            let Some(broken) = broken() else { return };
            self.told[place].1 += 1;
            let picture = self.picture.clone();
            self.cases.push(tell(history, name, &broken, picture));
        }
        self.broken += 1;
    }

    /// Lets the next kind of object have its own examples.
    pub(crate) fn next_kind(&mut self) {
        self.told.clear();
    }
}

/// The anomaly that a violation is, and what the search over all orders says about it.
fn tell(history: &History, name: &'static str, broken: &Broken<'_>, picture: Picture) -> Case {
    let ids = broken.witness.ids();
    let story = Story::of(history, ids.iter().copied());
    let answer = all_orders::search(history, &broken.witness, CONFIRM_STEPS);
    let steps = broken
        .witness
        .parts
        .iter()
        .map(|&part| {
            let sentence = story.sentence(part);
            let because = broken.because.iter().find(|(id, _)| *id == part.id);
            match because {
                Some((_, because)) => step(part.id, format!("{sentence}{because}")),
                None => step(part.id, sentence),
            }
        })
        .collect();
    let anomaly = Anomaly {
        name,
        sentence: broken.sentence.clone(),
        key: broken.key.clone(),
        operations: ids,
        steps,
        confirmation: Confirmation {
            by: "search over all orders of these operations",
            agrees: matches!(answer, all_orders::Answer::NoOrder(_)),
        },
        picture,
    };
    (anomaly, answer.into())
}

#[cfg(test)]
pub(crate) mod testing {
    use schism_history::{Event, Header, History, Kind, Value, testing};

    use crate::{Budget, Checker, Validity, Verdict};

    /// The verdict on a drawing. The two algorithms must not disagree.
    pub(crate) fn check(checker: &dyn Checker, drawing: &str) -> Verdict {
        let history = testing::history(drawing);
        let verdict = checker.check(&history, &Budget::default());
        assert_eq!(verdict.disagreement, None);
        assert_eq!(
            verdict.validity == Validity::Invalid,
            !verdict.anomalies.is_empty()
        );
        verdict
    }

    /// The verdict on a drawing to whose operations the database gave these revisions.
    pub(crate) fn with_revisions(
        checker: &dyn Checker,
        drawing: &str,
        revisions: &[i64],
    ) -> Verdict {
        let plain = testing::history(drawing);
        let mut events = Vec::new();
        for (op, &revision) in plain.operations().zip(revisions) {
            let event = |time, kind, value: &Value| {
                Event::new(time, op.process, kind, op.f().clone())
                    .key(op.key().clone())
                    .value(value.clone())
            };
            events.push(event(op.invoked, Kind::Invoke, op.input()));
            events.push(event(op.end(), Kind::Ok, op.output()).revision(revision));
        }
        events.sort_by_key(|event| event.time);
        let history = History::from_events(Header::default(), events).unwrap();
        let verdict = checker.check(&history, &Budget::default());
        assert_eq!(verdict.disagreement, None);
        verdict
    }

    /// The names and operations of what was found.
    pub(crate) fn broken(verdict: &Verdict) -> Vec<(&'static str, Vec<u32>)> {
        let anomalies = verdict.anomalies.iter();
        anomalies
            .map(|anomaly| {
                let ids = anomaly.operations.iter().map(|id| id.0).collect();
                (anomaly.name, ids)
            })
            .collect()
    }
}
