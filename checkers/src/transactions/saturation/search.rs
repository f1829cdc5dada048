//! Levels that take a search: serializability, snapshot isolation and their kin.
//!
//! An order is scheduled greedily first: where it fits, it is the proof. Otherwise all that must hold is derived, and
//! what a schedule still splits is decided, the nearer way first, and taken back when it leads to a cycle.

use super::certificate::{self, Certificate};
use super::chains::{Base, Chains};
use super::committed::{Committed, INITIAL};
use super::saturate::{Mark, Saturation, Stop, Why, bytes};
use super::schedule::{self, More, Split};
use super::{Answer, Rules};
use crate::Budget;

/// Cycles whose transactions are gathered when a search refutes a level; with more, all transactions count as needed.
const GATHERED: usize = 256;

/// What is known before anything is searched.
struct Start {
    base: Base,
    order: Vec<u32>,
    urgency: Vec<u64>,
}

impl Start {
    /// It, or the transactions of a cycle of it.
    fn of(committed: &Committed, rules: Rules) -> Result<Self, Vec<u32>> {
        let base = Base::of(committed, rules);
        let order = base.topological().map_err(|left| {
            let mut core: Vec<u32> = base
                .cycle(&left)
                .iter()
                .filter_map(|&node| base.transaction(node))
                .collect();
            core.sort_unstable();
            core.dedup();
            core
        })?;
        Ok(Self {
            base,
            order,
            urgency: schedule::urgency(committed),
        })
    }

    /// The order that is scheduled greedily, if it fits.
    fn first(&self, committed: &Committed, rules: Rules) -> Option<Certificate> {
        if !rules.total {
            return None;
        }
        let none = More::none(self.base.nodes);
        let first = schedule::schedule(committed, &self.base, rules, &none, &self.urgency);
        let certificate = first
            .filter(|schedule| schedule.fits)?
            .certificate(&self.base);
        verified(committed, &certificate, rules).then_some(certificate)
    }
}

/// Decides a level if that takes no search. O((n + reads) log n).
pub(crate) fn at_once(committed: &Committed, rules: Rules) -> Option<Answer> {
    match Start::of(committed, rules) {
        Ok(start) => start.first(committed, rules).map(Answer::Holds),
        Err(core) => Some(Answer::Refuted(core)),
    }
}

/// Decides a level. Complete, within the budget.
pub(crate) fn decide(committed: &Committed, rules: Rules, budget: &Budget) -> Answer {
    if committed.len() == 0 {
        return Answer::Holds(Certificate::None);
    }
    let start = match Start::of(committed, rules) {
        Ok(start) => start,
        Err(core) => return Answer::Refuted(core),
    };
    if let Some(certificate) = start.first(committed, rules) {
        return Answer::Holds(certificate);
    }
    let Start {
        base,
        order,
        urgency,
    } = start;
    let chains = Chains::cover(committed, &base, rules.respects, &order);
    if bytes(&base, &chains) > budget.bytes {
        return Answer::Unknown(format!(
            "{} transactions on {} chains need more memory than allowed",
            committed.len(),
            chains.count
        ));
    }
    let saturation = Saturation::new(committed, &base, &chains, rules, &order, budget);
    let mut search = Search {
        committed,
        base: &base,
        rules,
        urgency,
        saturation,
        frames: Vec::new(),
        needed: vec![false; committed.len()],
        gathered: 0,
        decisions: 0,
    };
    search.run(budget)
}

/// Whether the verifier believes an order.
fn verified(committed: &Committed, certificate: &Certificate, rules: Rules) -> bool {
    match certificate {
        Certificate::Serial(order) => {
            certificate::verify_serial(committed, order, rules.respects).is_ok()
        }
        Certificate::Snapshots(points) => {
            certificate::verify_snapshots(committed, points, rules.respects, rules.exclusive)
                .is_ok()
        }
        Certificate::None => true,
    }
}

/// One of two ways: the order from one node to another one.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: u32,
    to: u32,
}

struct Frame {
    mark: Mark,
    /// The way that is left; `None` when it is the one that is being tried.
    other: Option<Way>,
    about: [u32; 3],
    /// The decisions before it that made its first way impossible, rising.
    blame: Vec<u32>,
}

struct Search<'a> {
    committed: &'a Committed,
    base: &'a Base,
    rules: Rules,
    urgency: Vec<u64>,
    saturation: Saturation<'a>,
    frames: Vec<Frame>,
    needed: Vec<bool>,
    gathered: usize,
    decisions: u64,
}

impl Search<'_> {
    fn run(&mut self, budget: &Budget) -> Answer {
        let mut result = self.saturation.saturate();
        loop {
            // Until nothing contradicts itself.
            while let Err(stop) = result {
                let Stop::Cycle { from, to, why } = stop else {
                    return self.spent();
                };
                let (core, decisions) = self.saturation.core(from, to, why);
                self.gather(&core);
                let Some((way, why)) = self.back(decisions) else {
                    return self.refuted();
                };
                result = self.saturation.assume(way.from, way.to, why);
            }
            if budget.is_stopped() {
                return Answer::Unknown("the check was stopped".to_owned());
            }
            let more = More::of(
                self.base.nodes,
                self.saturation.added().collect::<Vec<_>>().into_iter(),
            );
            let schedule =
                schedule::schedule(self.committed, self.base, self.rules, &more, &self.urgency)
                    .expect("what is saturated has no cycle");
            let cost = self.base.nodes as u64 / 8 + 1;
            self.saturation.steps = self.saturation.steps.saturating_sub(cost);
            if self.saturation.steps == 0 {
                return self.spent();
            }
            if self.rules.total {
                let splits = if schedule.fits {
                    Vec::new()
                } else {
                    schedule::splits(self.committed, self.base, self.rules, &schedule.order)
                };
                if splits.is_empty() {
                    let certificate = schedule.certificate(self.base);
                    if verified(self.committed, &certificate, self.rules) {
                        return Answer::Holds(certificate);
                    }
                    return Answer::Unknown(
                        "its verifier rejects the order that was found: a bug in schism".to_owned(),
                    );
                }
                result = self.decide_splits(&splits);
            } else {
                match self.decide_writers(&schedule.order) {
                    None => return Answer::Holds(Certificate::None),
                    Some(next) => result = next,
                }
            }
        }
    }

    fn decide_splits(&mut self, splits: &[Split]) -> Result<(), Stop> {
        for &split in splits {
            let (near, far, about) = match split {
                Split::Read {
                    reader,
                    source,
                    writer,
                    nearer_source,
                    ..
                } => {
                    let after = Way {
                        from: self.base.read_node(reader),
                        to: self.base.write_node(writer),
                    };
                    // Nobody writes before the initial state.
                    let Some(source) = source else {
                        continue;
                    };
                    let before = Way {
                        from: self.base.write_node(writer),
                        to: self.base.write_node(source),
                    };
                    let about = [source, writer, reader];
                    if nearer_source {
                        (before, after, about)
                    } else {
                        (after, before, about)
                    }
                }
                Split::Overlap(first, second) => {
                    let way = |first, second| Way {
                        from: self.base.write_node(first),
                        to: self.base.read_node(second),
                    };
                    (
                        way(first, second),
                        way(second, first),
                        [first, second, INITIAL],
                    )
                }
            };
            if self.is_known(near) || self.is_known(far) {
                continue;
            }
            self.attempt(near, far, about)?;
        }
        Ok(())
    }

    /// Orders the writers of each key; `None` when they are ordered.
    fn decide_writers(&mut self, order: &[u32]) -> Option<Result<(), Stop>> {
        let mut last = vec![INITIAL; self.committed.keys as usize];
        let mut any = false;
        for &t in order {
            for slot in self.committed.writes(t) {
                let key = self.committed.write_key[slot] as usize;
                let before = std::mem::replace(&mut last[key], t);
                if before == INITIAL {
                    continue;
                }
                let near = Way {
                    from: before,
                    to: t,
                };
                let far = Way {
                    from: t,
                    to: before,
                };
                if self.is_known(near) || self.is_known(far) {
                    continue;
                }
                any = true;
                if let Err(stop) = self.attempt(near, far, [before, t, INITIAL]) {
                    return Some(Err(stop));
                }
            }
        }
        any.then_some(Ok(()))
    }

    fn is_known(&self, way: Way) -> bool {
        self.saturation.before(way.from, way.to)
    }

    fn attempt(&mut self, near: Way, far: Way, about: [u32; 3]) -> Result<(), Stop> {
        self.decisions += 1;
        let mark = self.saturation.mark();
        self.frames.push(Frame {
            mark,
            other: Some(far),
            about,
            blame: Vec::new(),
        });
        let decision = self.frames.len() as u32 - 1;
        let why = Why::Tried { about, decision };
        self.saturation.assume(near.from, near.to, why)
    }

    /// Takes back decisions up to the last one that is to blame and has another way, and returns that. A decision that
    /// a contradiction does not need would meet it again the other way.
    fn back(&mut self, mut blamed: Vec<u32>) -> Option<(Way, Why)> {
        while let Some(mut frame) = self.frames.pop() {
            self.saturation.undo(frame.mark);
            let decision = self.frames.len() as u32;
            if blamed.last() != Some(&decision) {
                continue;
            }
            blamed.pop();
            if let Some(way) = frame.other.take() {
                let about = frame.about;
                frame.blame = blamed;
                self.frames.push(frame);
                return Some((way, Why::Tried { about, decision }));
            }
            blamed.extend(frame.blame);
            blamed.sort_unstable();
            blamed.dedup();
        }
        None
    }

    fn gather(&mut self, core: &[u32]) {
        self.gathered += 1;
        if self.gathered <= GATHERED {
            for &t in core {
                self.needed[t as usize] = true;
            }
        }
    }

    fn refuted(&self) -> Answer {
        let all = self.gathered > GATHERED;
        let needed = |&t: &u32| all || self.needed[t as usize];
        Answer::Refuted((0..self.committed.len() as u32).filter(needed).collect())
    }

    fn spent(&self) -> Answer {
        Answer::Unknown(format!(
            "the search took more than the allowed number of steps, after {} decisions about {} transactions",
            self.decisions,
            self.committed.len()
        ))
    }
}
