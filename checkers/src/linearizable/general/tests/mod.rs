//! Every model against the truth: all orders of small histories, with what the object allows written a second time.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::{History, OpId};

use super::*;
use draw::Drawn;

mod draw;
mod exhaustive;
mod relations;
mod words;

/// The models that are judged here.
fn models() -> impl Iterator<Item = ModelName> {
    let all = ModelName::ALL.iter().copied();
    all.filter(|model| !model.is_register())
}

/// What every order says.
fn truth(history: &History, model: ModelName) -> Option<bool> {
    let ids: Vec<OpId> = history.operations().map(|op| op.id).collect();
    let witness = ObjectWitness {
        model: Some(model),
        object: ids.clone(),
        ids: history
            .operations()
            .filter(|op| op.outcome != Outcome::Fail)
            .map(|op| op.id)
            .collect(),
        since: None,
        until: None,
        scope: None,
    };
    let spec = SplitMaps(Sequential {
        model,
        later: false,
        found: None,
    });
    match object_orders::search(history, &spec, &witness, 2_000_000) {
        Answer::NoOrder(_) => Some(false),
        Answer::Order(_) => Some(true),
        Answer::Unfinished => None,
        Answer::Missing(id) => panic!("{id} is not missing: {history:?}"),
    }
}

/// [`Sequential`] knows one key of a map at a time; here all of them are one object.
struct SplitMaps(Sequential);

impl object_orders::Spec for SplitMaps {
    type State = Vec<(Value, crate::proof::sequential::Holds)>;

    fn starts(&self) -> Vec<Self::State> {
        vec![Vec::new()]
    }

    fn next(&self, state: &Self::State, action: &crate::Action) -> Vec<Self::State> {
        let key = match self.0.model {
            ModelName::Map => models::inner_key(&action.f, &action.input).unwrap().clone(),
            _ => Value::Nil,
        };
        let start = self.0.starts().remove(0);
        let place = state.iter().position(|(known, _)| *known == key);
        let held = place.map_or(&start, |place| &state[place].1);
        let after = self.0.next(held, action);
        after
            .into_iter()
            .map(|held| {
                let mut state = state.clone();
                match place {
                    Some(place) => state[place].1 = held,
                    None => state.push((key.clone(), held)),
                }
                state.sort_by(|a, b| a.0.cmp(&b.0));
                state
            })
            .collect()
    }
}

fn judge(history: &History, model: ModelName) -> Verdict {
    let verdict = LinearizableAs::named(model).check(history, &Budget::default());
    assert_eq!(verdict.disagreement, None, "{model}: {history:?}");
    for anomaly in &verdict.anomalies {
        assert!(anomaly.confirmation.agrees, "{model}: {history:?}");
    }
    verdict
}

/// The model, searched only.
fn searched(history: &History, name: ModelName) -> Option<bool> {
    let mut fine = true;
    for (key, ids) in history.by_key() {
        for object in split(history, key, ids, name) {
            let budget = Budget::default();
            let ids = &object.ids;
            let judged = match name {
                ModelName::AppendLog => {
                    judge::by_search(history, ids, Some(name), &models::Log, &budget)
                }
                ModelName::Counter => {
                    judge::by_search(history, ids, Some(name), &models::Counter, &budget)
                }
                ModelName::PriorityQueue => {
                    judge::by_search(history, ids, Some(name), &models::PriorityQueue, &budget)
                }
                ModelName::Queue => {
                    judge::by_search(history, ids, Some(name), &models::Queue, &budget)
                }
                ModelName::Set => judge::by_search(history, ids, Some(name), &models::Set, &budget),
                ModelName::Stack => {
                    judge::by_search(history, ids, Some(name), &models::Stack, &budget)
                }
                ModelName::Text => {
                    judge::by_search(history, ids, Some(name), &models::Text::default(), &budget)
                }
                ModelName::UniqueIds => {
                    judge::by_search(history, ids, Some(name), &models::Ids, &budget)
                }
                ModelName::UnorderedQueue => {
                    judge::by_search(history, ids, Some(name), &models::Bag, &budget)
                }
                _ => return None,
            };
            match judged.known {
                Known::Fine => {}
                Known::Broken { .. } => fine = false,
                Known::Open { .. } | Known::Unreadable(_) => return None,
            }
        }
    }
    Some(fine)
}

#[test]
fn every_model_agrees_with_every_order() {
    let seeds = if cfg!(debug_assertions) { 700 } else { 40_000 };
    for model in models() {
        let mut rng = Pcg64Mcg::seed_from_u64(11);
        let mut count = [0; 2];
        for _ in 0..seeds {
            let drawn = Drawn {
                operations: rng.random_range(1..=8),
                processes: rng.random_range(1..=4),
                values: rng.random_range(1..=4),
                fresh: rng.random_bool(0.6),
                unknown: if rng.random_bool(0.5) { 0 } else { 30 },
            };
            let history = draw::history(model, drawn, &mut rng);
            let Some(truth) = truth(&history, model) else {
                continue;
            };
            let verdict = judge(&history, model);
            let nothing = verdict.summary.starts_with("there is nothing");
            if nothing {
                assert!(truth, "{model}: {history:?}");
                continue;
            }
            let said = verdict.validity == Validity::Valid;
            assert_eq!(said, truth, "{model}: {}\n{history:?}", verdict.summary);
            assert_ne!(verdict.validity, Validity::Unknown);
            if let Some(said) = searched(&history, model) {
                assert_eq!(said, truth, "search, {model}: {history:?}");
            }
            count[usize::from(truth)] += 1;
        }
        assert!(
            count.iter().all(|&count| count > seeds / 50),
            "{model}: {count:?}"
        );
    }
}
