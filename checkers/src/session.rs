//! What the four session guarantees (Terry et al., "Session guarantees for weakly consistent replicated data", 1994)
//! have in common.
//!
//! A session is a process: after an operation of unknown outcome its worker goes on as another process, so as another
//! session. A guarantee is judged key by key, on registers (see [`Versions`]) and on lists that transactions append to
//! (the longest read is their order). Only what is certain counts: an operation whose order against the others is not
//! known is counted as undecidable and breaks nothing. Reads that are stale, but never go back, break none of the four.
//!
//! Figures of each of the four: `checked` (operations that could have broken it), `undecidable` (operations that could
//! have, but the order of the versions is not known), `broken`.

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Process, Value};

use crate::all_orders;
use crate::conclusion::{Case, conclude};
use crate::list::{List, Lists};
use crate::object::{RegisterObject, Registers};
use crate::story::{Story, count, step};
use crate::verdict::{Anomaly, Confirmation};
use crate::versions::Versions;
use crate::witness::Witness;
use crate::{Budget, Validity, Verdict};

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
    told: Vec<(&'static str, usize)>,
}

impl Findings {
    /// One more violation. The first ones of each name are confirmed and told; `broken` is only asked for those.
    pub(crate) fn report<'h>(
        &mut self,
        history: &History,
        name: &'static str,
        broken: impl FnOnce() -> Option<Broken<'h>>,
    ) {
        self.broken += 1;
        let place = self.told.iter().position(|&(told, _)| told == name);
        let place = place.unwrap_or_else(|| {
            self.told.push((name, 0));
            self.told.len() - 1
        });
        if self.told[place].1 < TOLD
            && let Some(broken) = broken()
        {
            self.told[place].1 += 1;
            self.cases.push(tell(history, name, &broken));
        }
    }

    /// Lets the next kind of object have its own examples.
    pub(crate) fn next_kind(&mut self) {
        self.told.clear();
    }
}

/// The anomaly that a violation is, and what the search over all orders says about it.
fn tell(history: &History, name: &'static str, broken: &Broken<'_>) -> Case {
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
    };
    (anomaly, answer)
}

/// How a guarantee is judged on each kind of object.
pub(crate) trait Guarantee {
    /// The checker's name.
    fn name(&self) -> &'static str;

    /// What every session did, when nothing is broken: `every process read its own writes`.
    fn promise(&self) -> &'static str;

    /// What could have broken it: `read of a key that the process had written`.
    fn chance(&self) -> &'static str;

    /// Judges one register.
    fn register(
        &self,
        history: &History,
        object: &RegisterObject,
        versions: &Versions<'_>,
        registers: &Registers,
        findings: &mut Findings,
    );

    /// Judges one list.
    fn list(&self, history: &History, list: &List<'_>, findings: &mut Findings);
}

/// Judges a guarantee on all objects of a history. O(n log n).
pub(crate) fn judge(guarantee: &impl Guarantee, history: &History, budget: &Budget) -> Verdict {
    let mut findings = Findings::default();
    let registers = Registers::of(history);
    let mut stopped = false;
    for object in &registers.objects {
        stopped |= budget.is_stopped();
        if stopped {
            break;
        }
        let versions = Versions::of(history, registers.calls(object), object.values);
        guarantee.register(history, object, &versions, &registers, &mut findings);
    }
    findings.next_kind();
    for list in &Lists::of(history).keys {
        stopped |= budget.is_stopped();
        if stopped {
            break;
        }
        guarantee.list(history, list, &mut findings);
    }
    let Findings {
        checked,
        undecidable,
        broken,
        cases,
        ..
    } = findings;
    let figures = Value::map([
        ("checked", checked),
        ("undecidable", undecidable),
        ("broken", broken),
    ]);
    let green = || {
        let chances = count(checked, guarantee.chance());
        if stopped {
            (
                Validity::Unknown,
                format!("the check was stopped after {chances}"),
            )
        } else if checked > 0 {
            (
                Validity::Valid,
                format!("{}: {chances} checked", guarantee.promise()),
            )
        } else if undecidable > 0 {
            (
                Validity::Unknown,
                format!(
                    "nothing could be judged: of {} the order of the versions is not known. It is where each value is \
                     written once and the client reports revisions, or writes go by compare-and-set, or transactions \
                     append to lists",
                    count(undecidable, guarantee.chance())
                ),
            )
        } else {
            (
                Validity::Unknown,
                format!("there is nothing to judge: no {}", guarantee.chance()),
            )
        }
    };
    conclude(guarantee.name(), cases, broken, green).figures(figures)
}

/// Something for each process, made when it is first asked for.
pub(crate) struct ByProcess<T>(FxHashMap<Process, T>);

impl<T: Default> ByProcess<T> {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self(FxHashMap::default())
    }

    /// What belongs to the process of an operation.
    pub(crate) fn of(&mut self, history: &History, id: OpId) -> &mut T {
        self.0.entry(history.operation(id).process).or_default()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use crate::arbitrary::{arbitrary, clients, mutate};
    use crate::{
        Budget, Checker, Linearizable, MonotonicReads, MonotonicWrites, ReadYourWrites, Validity,
        WritesFollowReads, generate,
    };

    /// What is linearizable keeps every session guarantee; and what breaks one is confirmed.
    #[test]
    fn linearizable_histories_keep_all_guarantees() {
        let guarantees: [&dyn Checker; 4] = [
            &ReadYourWrites,
            &MonotonicReads,
            &MonotonicWrites,
            &WritesFollowReads,
        ];
        let mut rng = Pcg64Mcg::seed_from_u64(8);
        let mut broken = [0; 4];
        let mut kept = 0;
        for round in 0..6_000 {
            let history = if round % 2 == 0 {
                arbitrary(&mut rng)
            } else {
                let mut events = generate::register(&clients(&mut rng), &mut rng);
                mutate(&mut events, 3, &mut rng);
                generate::history(events)
            };
            let budget = Budget::default();
            let linearizable = Linearizable.check(&history, &budget).validity;
            for (guarantee, broken) in guarantees.iter().zip(&mut broken) {
                let verdict = guarantee.check(&history, &budget);
                assert_eq!(verdict.disagreement, None, "{history:?}");
                if verdict.validity == Validity::Invalid {
                    assert_eq!(linearizable, Validity::Invalid, "{history:?}");
                    *broken += 1;
                }
            }
            kept += usize::from(linearizable == Validity::Valid);
        }
        assert!(
            kept > 500 && broken.iter().all(|&it| it > 5),
            "{kept} {broken:?}"
        );
    }
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
