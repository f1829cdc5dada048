//! Who wrote what each read saw.

use rustc_hash::FxHashMap;
use schism_history::{Outcome, Time};

use crate::transactions::columns::{StepKind, Transactions};
use crate::transactions::saturation::committed::{Builder, Committed};

/// Nobody.
pub(crate) const NOBODY: u32 = u32::MAX;

/// A read that no committed transaction explains by what it wrote last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Odd {
    /// What is odd about it.
    pub(crate) kind: OddKind,
    /// The transaction that read.
    pub(crate) reader: u32,
    /// The place of the read's step.
    pub(crate) step: u32,
    /// Who wrote it, or read it before; [`NOBODY`] when nobody did.
    pub(crate) other: u32,
}

/// What can be odd about a read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OddKind {
    /// Nobody wrote it.
    Garbage,
    /// Only a transaction that failed wrote it.
    Aborted,
    /// Its writer wrote something else to the key after it.
    Intermediate,
    /// Its own transaction wrote it only later.
    Future,
    /// Its own transaction had written something else before.
    Internal,
    /// Its own transaction had read something else before.
    NonRepeatable,
}

/// A read of a value that several transactions wrote.
#[derive(Clone, Debug)]
pub(crate) struct Ambiguous {
    /// The place of the read's step.
    pub(crate) step: u32,
    /// Who may have written it; [`NOBODY`] for the initial state.
    pub(crate) candidates: Vec<u32>,
}

/// What is known about one value of one key.
#[derive(Clone, Copy)]
struct Written {
    /// Who wrote it last of all that it wrote to the key, and did not fail; the first one.
    last: u32,
    /// How many did.
    times: u32,
    /// Who wrote it, and then something else.
    between: u32,
    /// Who failed to write it.
    failed: u32,
}

/// All reads with their writers.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// For each step: whom a read of another one's write saw; [`NOBODY`] otherwise.
    source: Vec<u32>,
    /// For each step: whether it is a read whose source is known (or the initial state).
    known: Vec<bool>,
    /// Reads that are odd by themselves.
    pub(crate) odd: Vec<Odd>,
    /// Reads whose writer is not known, since several wrote the value.
    pub(crate) ambiguous: Vec<Ambiguous>,
    /// Reads of values, nil included.
    pub(crate) reads: u64,
    /// Those of them that saw what another transaction wrote.
    pub(crate) reads_of_writes: u64,
    /// Something of what committed transactions did is not known.
    pub(crate) incomplete: bool,
}

/// The committed transactions, and which of the history's each one is.
#[derive(Debug)]
pub(crate) struct View {
    /// They.
    pub(crate) committed: Committed,
    /// The history's number of each.
    pub(crate) number: Vec<u32>,
}

impl Resolved {
    /// Finds the writers. O(steps + values).
    pub(crate) fn of(transactions: &Transactions<'_>) -> Self {
        let n = transactions.len() as u32;
        let mut base = Vec::with_capacity(transactions.values.len());
        let mut total = 0;
        for values in &transactions.values {
            base.push(total);
            total += values.len();
        }
        let at = |key: u32, value: u32| base[key as usize] + value as usize;
        let nothing = Written {
            last: NOBODY,
            times: 0,
            between: NOBODY,
            failed: NOBODY,
        };
        let mut written = vec![nothing; total];
        // The step of the last write of each key by the transaction that is looked at.
        let mut last_write: Vec<(u32, u32)> = vec![(NOBODY, 0); transactions.keys.len()];
        let mut repeated: FxHashMap<usize, Vec<u32>> = FxHashMap::default();
        for t in 0..n {
            for place in transactions.step_range(t).rev() {
                if transactions.kind[place] != StepKind::Write {
                    continue;
                }
                let key = transactions.key[place];
                let slot = at(key, transactions.value[place]);
                let entry = &mut written[slot];
                let is_last = last_write[key as usize].0 != t;
                last_write[key as usize] = (t, place as u32);
                if transactions.outcome[t as usize] == Outcome::Fail {
                    entry.failed = t;
                } else if is_last {
                    entry.times += 1;
                    if entry.times == 1 {
                        entry.last = t;
                    } else {
                        let all = repeated.entry(slot).or_insert_with(|| vec![entry.last]);
                        all.push(t);
                    }
                } else if entry.last != t {
                    entry.between = t;
                }
            }
        }
        let steps = transactions.kind.len();
        let mut resolved = Self {
            source: vec![NOBODY; steps],
            known: vec![false; steps],
            incomplete: transactions.unreadable.is_some(),
            ..Self::default()
        };
        // For each key: the transaction that last touched it, the value it holds for it, and whether it wrote that.
        let mut held: Vec<(u32, u32, bool)> = vec![(NOBODY, 0, false); transactions.keys.len()];
        for t in 0..n {
            if transactions.outcome[t as usize] != Outcome::Ok {
                continue;
            }
            for place in transactions.step_range(t) {
                let key = transactions.key[place];
                match transactions.kind[place] {
                    StepKind::Write => {
                        held[key as usize] = (t, transactions.value[place], true);
                    }
                    StepKind::Read => {
                        let value = transactions.value[place];
                        let entry = written[at(key, value)];
                        let all = repeated.get(&at(key, value));
                        resolved.read(&mut held[key as usize], t, place as u32, value, entry, all);
                    }
                    _ => resolved.incomplete = true,
                }
            }
        }
        resolved
    }

    fn read(
        &mut self,
        held: &mut (u32, u32, bool),
        t: u32,
        step: u32,
        value: u32,
        entry: Written,
        all: Option<&Vec<u32>>,
    ) {
        self.reads += 1;
        let odd = |kind, other| Odd {
            kind,
            reader: t,
            step,
            other,
        };
        let (whose, before, wrote) = *held;
        if whose == t && wrote {
            if before != value {
                self.odd.push(odd(OddKind::Internal, t));
            }
            return;
        }
        if whose == t && before != value {
            self.odd.push(odd(OddKind::NonRepeatable, t));
        }
        *held = (t, value, false);
        let place = step as usize;
        if value == 0 {
            if entry.times > 0 {
                let mut candidates = vec![NOBODY];
                candidates.extend(all.map_or(&[entry.last][..], Vec::as_slice));
                candidates.retain(|&candidate| candidate != t);
                self.ambiguous.push(Ambiguous { step, candidates });
            } else {
                self.known[place] = true;
            }
            return;
        }
        if entry.times > 1 {
            let mut candidates = all.cloned().unwrap_or_default();
            candidates.retain(|&candidate| candidate != t);
            self.reads_of_writes += 1;
            match candidates[..] {
                [only] => {
                    self.known[place] = true;
                    self.source[place] = only;
                }
                _ => self.ambiguous.push(Ambiguous { step, candidates }),
            }
        } else if entry.times == 1 && entry.last != t {
            self.reads_of_writes += 1;
            self.known[place] = true;
            self.source[place] = entry.last;
        } else if entry.last == t || entry.between == t {
            self.odd.push(odd(OddKind::Future, t));
        } else if entry.between != NOBODY {
            self.odd.push(odd(OddKind::Intermediate, entry.between));
        } else if entry.failed != NOBODY {
            self.odd.push(odd(OddKind::Aborted, entry.failed));
        } else {
            self.odd.push(odd(OddKind::Garbage, NOBODY));
        }
    }

    /// Whether a read is known to have seen what this transaction wrote. O(steps).
    pub(crate) fn is_read_from(&self, t: u32) -> bool {
        (self.source.iter().zip(&self.known)).any(|(&source, &known)| known && source == t)
    }

    /// The committed transactions: those that are, and those of unknown outcome that somebody read from. Reads whose
    /// writer is not known are left out, but for those that `chosen` names one for (by place in `ambiguous`).
    pub(crate) fn view(&self, transactions: &Transactions<'_>, chosen: &[u32]) -> View {
        let mut source = self.source.clone();
        let mut known = self.known.clone();
        for (ambiguous, &chosen) in self.ambiguous.iter().zip(chosen) {
            source[ambiguous.step as usize] = chosen;
            known[ambiguous.step as usize] = true;
        }
        let n = transactions.len() as u32;
        let mut counts: Vec<bool> = (transactions.outcome.iter())
            .map(|&outcome| outcome == Outcome::Ok)
            .collect();
        for (&source, &known) in source.iter().zip(&known) {
            if known && source != NOBODY {
                counts[source as usize] = true;
            }
        }
        let mut number = Vec::new();
        let mut dense = vec![NOBODY; n as usize];
        for t in 0..n {
            if counts[t as usize] {
                dense[t as usize] = number.len() as u32;
                number.push(t);
            }
        }
        let mut builder = Builder::default();
        for &t in &number {
            let end = transactions.end[t as usize];
            let completed = if end == Time::NEVER {
                u64::MAX
            } else {
                end.as_nanos()
            };
            builder.begin(
                transactions.session[t as usize],
                transactions.invoked[t as usize].as_nanos(),
                completed,
            );
            for place in transactions.step_range(t) {
                let key = transactions.key[place];
                match transactions.kind[place] {
                    StepKind::Write => builder.write(key),
                    StepKind::Read if known[place] => {
                        let source = source[place];
                        let from = (source != NOBODY).then(|| dense[source as usize]);
                        builder.read(key, from);
                    }
                    _ => {}
                }
            }
        }
        View {
            committed: builder.finish(),
            number,
        }
    }
}
