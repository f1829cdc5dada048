//! Levels that are refuted whoever wrote what several transactions wrote, told and confirmed.

use schism_history::{History, OpId, Value};

use super::ambiguity::ByChoice;
use super::resolve::{NOBODY, Resolved};
use super::witness::{ORDERS, TELLING, plain};
use crate::Level;
use crate::proof::commit_orders::{self, Found};
use crate::proof::conclusion::{Case, SecondOpinion};
use crate::proof::story::{Story, remark, short, step};
use crate::proof::witness::Part;
use crate::transactions::columns::{StepKind, Transactions};
use crate::transactions::saturation::levels::Judged;
use crate::verdict::{Anomaly, Confirmation, Picture, Step};

/// Choices of writers that are tried to confirm one witness, each with all orders.
const CHOICES: usize = 256;

/// A read whose writer is not known: the place of its transaction among those of the witness, its place among that one's
/// reads, and the places of those it may have seen.
struct Open {
    reader: usize,
    read: usize,
    sources: Vec<Option<usize>>,
}

/// The witnesses against the weakest of these levels.
pub(super) fn cases(
    history: &History,
    transactions: &Transactions<'_>,
    resolved: &Resolved,
    judged: &Judged,
    by_choice: &[ByChoice],
) -> Vec<(Vec<Level>, Case)> {
    let all: Vec<Level> = judged.refuted.iter().map(|&(level, _)| level).collect();
    let weakest = Level::weakest(&all);
    let mut found: Vec<(Vec<Level>, &[u32])> = Vec::new();
    for (level, core) in by_choice
        .iter()
        .filter(|(level, _)| weakest.contains(level))
    {
        match found.iter_mut().find(|(_, other)| other == core) {
            Some((levels, _)) => levels.push(*level),
            None => found.push((vec![*level], core)),
        }
    }
    found
        .into_iter()
        .map(|(mut levels, core)| {
            levels.sort_by_key(|level| TELLING.iter().position(|other| other == level));
            let case = tell(history, transactions, resolved, &levels, core);
            (levels, case)
        })
        .collect()
}

fn tell(
    history: &History,
    transactions: &Transactions<'_>,
    resolved: &Resolved,
    levels: &[Level],
    core: &[u32],
) -> Case {
    let mut operations: Vec<OpId> = core.iter().map(|&t| transactions.ops[t as usize]).collect();
    operations.sort_unstable();
    let story = Story::of(history, operations.iter().copied());
    let mut steps: Vec<Step> = (operations.iter())
        .map(|&id| step(id, story.sentence(Part::whole(id))))
        .collect();
    let mut key = Value::Nil;
    let mut open = Vec::new();
    for ambiguous in &resolved.ambiguous {
        let reader = transactions.transaction_at(ambiguous.step as usize);
        let place = |t: u32| {
            let id = transactions.ops[t as usize];
            operations.binary_search(&id).ok()
        };
        let Some(at) = place(reader) else {
            continue;
        };
        let sources: Vec<Option<Option<usize>>> = (ambiguous.candidates.iter())
            .map(|&candidate| match candidate {
                NOBODY => Some(None),
                candidate => place(candidate).map(Some),
            })
            .collect();
        // What somebody else may have written says nothing here.
        let Some(sources) = sources.into_iter().collect::<Option<Vec<_>>>() else {
            continue;
        };
        let (number, value) = (
            transactions.key[ambiguous.step as usize],
            transactions.value[ambiguous.step as usize],
        );
        key = transactions.keys[number as usize].clone();
        steps.push(step(
            operations[at],
            format!(
                "{} read {} from {}; several wrote it, and it may have seen any of them",
                operations[at],
                short(transactions.value_of(number, value)),
                short(&key),
            ),
        ));
        open.push(Open {
            reader: at,
            read: read_place(transactions, reader, ambiguous.step),
            sources,
        });
    }
    let level = levels[0];
    steps.push(remark(format!(
        "whichever of them each read saw, no order of these transactions fits {level}"
    )));
    let names: Vec<String> = operations.iter().map(ToString::to_string).collect();
    let opinion = confirm(history, &operations, &open, levels);
    let anomaly = Anomaly {
        name: "no-order",
        sentence: format!(
            "whoever wrote the values that several wrote, no order of {} gives every read what it saw, as {level} promises",
            names.join(", ")
        ),
        key,
        operations,
        steps,
        confirmation: Confirmation {
            by: "trying all writers and all orders of these transactions by the level's definition",
            agrees: opinion == SecondOpinion::Agrees,
        },
        picture: Picture::Intervals,
    };
    (anomaly, opinion)
}

/// The place of a read among those of its transaction that see others.
fn read_place(transactions: &Transactions<'_>, reader: u32, step: u32) -> usize {
    let mut own: Vec<u32> = Vec::new();
    let mut reads = 0;
    for place in transactions.step_range(reader) {
        if place == step as usize {
            break;
        }
        let key = transactions.key[place];
        match transactions.kind[place] {
            StepKind::Write => own.push(key),
            StepKind::Read if !own.contains(&key) => reads += 1,
            _ => {}
        }
    }
    reads
}

/// Whether the transactions violate all these levels by their definitions, whoever wrote what.
fn confirm(
    history: &History,
    operations: &[OpId],
    open: &[Open],
    levels: &[Level],
) -> SecondOpinion {
    let count = (open.iter()).try_fold(1_usize, |count, read| {
        let count = count.checked_mul(read.sources.len())?;
        (count <= CHOICES).then_some(count)
    });
    let Some(count) = count else {
        return SecondOpinion::Unfinished;
    };
    let mut opinion = SecondOpinion::Agrees;
    for choice in 0..count {
        let plain = plain(history, operations, &|reader, read| {
            let mut choice = choice;
            for other in open {
                let source = other.sources[choice % other.sources.len()];
                if (other.reader, other.read) == (reader, read) {
                    return Some(source);
                }
                choice /= other.sources.len();
            }
            None
        });
        for &level in levels {
            match commit_orders::search(&plain, level, ORDERS) {
                Found::Nothing => {}
                Found::Order(order) => {
                    let order: Vec<String> = order
                        .iter()
                        .map(|&place| operations[place].to_string())
                        .collect();
                    return SecondOpinion::Disagrees(format!(
                        "a search by the definition of {level} found writers and the order {}",
                        order.join(" ")
                    ));
                }
                Found::Unfinished => opinion = SecondOpinion::Unfinished,
            }
        }
    }
    opinion
}
