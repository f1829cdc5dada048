//! From the strongly connected parts of a graph to its cycles: the shortest of each class, and which shapes there are.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::transactions::anomalies::{Class, Shape};
use crate::transactions::cycles::{Cycle, Extra, Knot, Language, Search};

/// Languages, from the one that the weakest levels forbid to the one that the strongest forbid.
const LANGUAGES: [Language; 6] = [
    Language::Writes,
    Language::Reads,
    Language::OneAnti,
    Language::AntiAfterRead,
    Language::Nonadjacent,
    Language::Any,
];
/// Cycles of one language that are looked at, beside one of each knot.
const LOOKED_AT: u64 = 1_000;
/// Cycles of one class that are kept.
const KEPT: usize = 3;

/// Cycles of one class.
#[derive(Debug)]
pub(crate) struct Found {
    /// What they are.
    pub(crate) class: Class,
    /// The shortest ones, from short to long.
    pub(crate) cycles: Vec<Cycle>,
    /// How many different ones were met, these included.
    pub(crate) met: u64,
    known: FxHashSet<Vec<u32>>,
}

/// What a search over all cycles came to.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    /// The cycles, by name and by what they refute.
    pub(crate) found: Vec<Found>,
    /// Languages of which there are cycles.
    pub(crate) exists: Vec<(Language, Extra)>,
    /// Languages of which it is not known whether there are cycles: the steps were spent.
    pub(crate) unknown: Vec<(Language, Extra)>,
}

/// Looks for the shortest cycles of every class in all knots, in at most about `steps` steps beside what is linear.
/// `shape` says what a cycle looks like.
pub(crate) fn search(knots: &[Knot], steps: u64, shape: impl Fn(&Cycle) -> Shape) -> Cycles {
    let mut cycles = Cycles::default();
    let mut classes: BTreeMap<(&'static str, Vec<crate::Level>), Found> = BTreeMap::new();
    let mut work = Search::default();
    // Each language has its share, so that none goes without.
    let allowed = steps / (LANGUAGES.len() * Extra::ALL.len()) as u64;
    for extra in Extra::ALL {
        for language in LANGUAGES {
            let begun = work.steps;
            let mut cycles_met = 0;
            let mut is_spent = false;
            for knot in knots {
                let candidates = knot.candidates(language, extra);
                let mut met = false;
                for &candidate in spread(&candidates) {
                    // At least one of each knot is found, whatever it takes.
                    if work.steps - begun > allowed && (met || language == Language::OneAnti) {
                        is_spent = true;
                        break;
                    }
                    if met && cycles_met > LOOKED_AT {
                        break;
                    }
                    if work.steps > steps {
                        is_spent = true;
                        break;
                    }
                    let Some(cycle) = knot.shortest(language, extra, candidate, &mut work) else {
                        continue;
                    };
                    met = true;
                    cycles_met += 1;
                    let class = shape(&cycle).class();
                    let found = classes
                        .entry((class.name, class.refuted.clone()))
                        .or_insert_with(|| Found {
                            class,
                            cycles: Vec::new(),
                            met: 0,
                            known: FxHashSet::default(),
                        });
                    found.meet(cycle);
                }
            }
            if cycles_met > 0
                || (language != Language::OneAnti && knots.iter().any(|k| k.has(language, extra)))
            {
                cycles.exists.push((language, extra));
            } else if is_spent {
                cycles.unknown.push((language, extra));
            }
        }
    }
    cycles.found = classes.into_values().collect();
    cycles
}

/// The same items, those far from each other first: when there are too many to look at each, those that are looked at
/// are from everywhere. Deterministic.
fn spread<T>(items: &[T]) -> impl Iterator<Item = &T> {
    let count = items.len();
    let step = (count / 64).max(1);
    (0..step).flat_map(move |offset| items[offset..].iter().step_by(step))
}

impl Found {
    fn meet(&mut self, cycle: Cycle) {
        if !self.known.insert(cycle.nodes.clone()) {
            return;
        }
        self.met += 1;
        let length = cycle.nodes.len();
        let place = self
            .cycles
            .partition_point(|known| (known.nodes.len(), &known.nodes) <= (length, &cycle.nodes));
        self.cycles.insert(place, cycle);
        self.cycles.truncate(KEPT);
    }
}
