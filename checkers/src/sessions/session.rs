//! What the four session guarantees (Terry et al., "Session guarantees for weakly consistent replicated data", 1994)
//! have in common.
//!
//! A session is a process: after an operation of unknown outcome its worker goes on as another process, so as another
//! session. A guarantee is judged key by key, on registers and on lists that transactions append to
//! (the longest read is their order). Only what is certain counts: an operation whose order against the others is not
//! known is counted as undecidable and breaks nothing. Reads that are stale, but never go back, break none of the four.
//!
//! Figures of each of the four: `checked` (operations that could have broken it), `undecidable` (operations that could
//! have, but the order of the versions is not known), `broken`.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Process, Value};

use crate::list::{List, Lists};
use crate::object::{RegisterObject, Registers};
use crate::proof::conclusion::{SecondOpinion, conclude};
use crate::proof::findings::Findings;
use crate::proof::forced::{self, Promise};
use crate::proof::story::count;
use crate::verdict::{Anomaly, Levels, Picture};
use crate::versions::{Floor, Versions};
use crate::{Budget, Level, Validity, Verdict};

/// Into how many parts the registers are split, to be judged at the same time.
const PARTS: usize = 256;

/// What there is to say about a guarantee.
pub(crate) struct Says {
    /// The checker's name.
    pub(crate) name: &'static str,
    /// The level that it is.
    pub(crate) level: Level,
    /// What every session did, when nothing is broken: `every process read its own writes`.
    pub(crate) promise: &'static str,
    /// What could have broken it, the noun that is counted and the rest: `read`, `of a key that the process had written`.
    pub(crate) chance: (&'static str, &'static str),
}

/// How a guarantee is judged on each kind of object.
pub(crate) trait Guarantee: Sync {
    /// What there is to say about it.
    const SAYS: Says;

    /// Judges one register.
    fn register(
        &self,
        history: &History,
        object: &RegisterObject,
        versions: &Versions<'_>,
        registers: &Registers,
        floors: &mut Floors,
        findings: &mut Findings,
    );

    /// Judges one list.
    fn list(&self, history: &History, list: &List<'_>, findings: &mut Findings);
}

/// Judges a guarantee on all objects of a history. O(n log n).
pub(crate) fn judge<G: Guarantee>(guarantee: &G, history: &History, budget: &Budget) -> Verdict {
    let mut findings = Findings::drawn_as(Picture::Sessions);
    let registers = Registers::of(history);
    let mut stopped = judge_registers(guarantee, history, &registers, budget, &mut findings);
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
        let (noun, rest) = G::SAYS.chance;
        let counted = |n| format!("{} {rest}", count(n, noun));
        let chances = counted(checked);
        if stopped {
            (
                Validity::Unknown,
                format!("the check was stopped after {chances}"),
            )
        } else if checked > 0 {
            (
                Validity::Valid,
                format!("{}: {chances} checked", G::SAYS.promise),
            )
        } else if undecidable > 0 {
            (
                Validity::Unknown,
                format!(
                    "nothing could be judged: of {} the order of the versions is not known. It is where each value is \
                     written once and the client reports revisions, or writes go by compare-and-set, or transactions \
                     append to lists",
                    counted(undecidable)
                ),
            )
        } else {
            (
                Validity::Unknown,
                format!("there is nothing to judge: no {noun} {rest}"),
            )
        }
    };
    let verdict = conclude(G::SAYS.name, cases, broken, green).figures(figures);
    let levels = Levels {
        refuted: refuted(history, G::SAYS.level, &verdict.anomalies),
        held: Vec::new(),
    };
    verdict.levels(levels)
}

/// Judges the registers, many at a time; whether that was stopped.
fn judge_registers<G: Guarantee>(
    guarantee: &G,
    history: &History,
    registers: &Registers,
    budget: &Budget,
    findings: &mut Findings,
) -> bool {
    let judge = |object: &RegisterObject, floors: &mut Floors, findings: &mut Findings| {
        let versions = Versions::of(history, registers.calls(object), object.values);
        floors.clear();
        guarantee.register(history, object, &versions, registers, floors, findings);
    };
    // First all are counted. Those with a violation are then judged again, one after the other, to tell the first ones:
    // so what is told does not depend on who was first.
    let parts: Vec<(u64, u64, Vec<&RegisterObject>, bool)> = registers
        .objects
        .par_chunks((registers.objects.len() / PARTS).clamp(1, PARTS))
        .map_init(Floors::default, |floors, objects| {
            let mut all = (0, 0, Vec::new(), false);
            for object in objects {
                all.3 |= budget.is_stopped();
                if all.3 {
                    break;
                }
                let mut counted = Findings::counted();
                judge(object, floors, &mut counted);
                if counted.broken > 0 {
                    all.2.push(object);
                } else {
                    all.0 += counted.checked;
                    all.1 += counted.undecidable;
                }
            }
            all
        })
        .collect();
    let mut stopped = false;
    let mut floors = Floors::default();
    for (checked, undecidable, broken, was_stopped) in parts {
        findings.checked += checked;
        findings.undecidable += undecidable;
        stopped |= was_stopped;
        for object in broken {
            stopped |= budget.is_stopped();
            if !stopped {
                judge(object, &mut floors, findings);
            }
        }
    }
    stopped
}

/// The weakest levels that these anomalies surely violate.
///
/// Where the database tells its own order of the writes (a list, revisions), that is the guarantee itself. Where real time
/// tells it, a store that keeps the guarantee may still order writes otherwise: then it is PRAM, if no order of the
/// session's view exists, else linearizability.
fn refuted(history: &History, guarantee: Level, anomalies: &[Anomaly]) -> Vec<Level> {
    let of = |anomaly: &Anomaly| {
        let operations = || anomaly.operations.iter().map(|&id| history.operation(id));
        if operations().any(|op| *op.f() == F::Txn || op.revision().is_some()) {
            return guarantee;
        }
        let breaks_pram = |process| {
            let promise = Promise::Pram(process);
            forced::opinion(history, &anomaly.operations, promise) == SecondOpinion::Agrees
        };
        if operations().any(|op| breaks_pram(op.process)) {
            Level::Pram
        } else {
            Level::Linearizable
        }
    };
    let mut levels: Vec<Level> = anomalies.iter().map(of).collect();
    levels.sort_unstable();
    levels.dedup();
    Level::weakest(&levels)
}

/// What each process must not fall behind on one register, and how many versions there were besides of which nothing is
/// known; by the number of the process.
#[derive(Default)]
pub(crate) struct Floors {
    /// Each with the number of the register that it is about.
    all: Vec<(u32, (Floor, u64))>,
    register: u32,
}

impl Floors {
    /// Another register: nobody has a floor.
    fn clear(&mut self) {
        self.register += 1;
    }

    /// That of a process.
    pub(crate) fn of(&mut self, client: u32) -> &mut (Floor, u64) {
        let client = client as usize;
        if client >= self.all.len() {
            self.all.resize_with(client + 1, Default::default);
        }
        let (register, floor) = &mut self.all[client];
        if *register != self.register {
            *register = self.register;
            floor.0.clear();
            floor.1 = 0;
        }
        floor
    }
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
