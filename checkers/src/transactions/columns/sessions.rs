//! Which operations are transactions, and of which session each is.

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Process, Time, ValueId};

use super::{Include, Transactions};

/// The sessions of processes, numbered in order of first sight.
#[derive(Default)]
struct Sessions {
    /// For processes with small numbers: the session plus one, 0 where there is none yet.
    small: Vec<u32>,
    others: FxHashMap<Process, u32>,
    count: u32,
}

impl Sessions {
    /// Processes that have a place in the table whatever their sessions are.
    const SMALL: usize = 1 << 12;

    fn of(&mut self, process: Process) -> u32 {
        let place = process
            .number()
            .map_or(usize::MAX, |number| number as usize);
        let next = self.count;
        let session = if place < Self::SMALL {
            if place >= self.small.len() {
                self.small.resize(Self::SMALL, 0);
            }
            let session = &mut self.small[place];
            if *session == 0 {
                *session = next + 1;
            }
            *session - 1
        } else {
            *self.others.entry(process).or_insert(next)
        };
        self.count += u32::from(session == next);
        session
    }
}

/// Whether this is a list, or the steps of a transaction.
fn is_list(history: &History, id: ValueId) -> bool {
    history.micro_ops(id).is_some() || history.value(id).as_list().is_some()
}

/// Where the steps of a transaction stand in the history, and whether they say what was seen.
pub(super) fn body(history: &History, op: usize) -> (ValueId, bool) {
    let columns = history.columns();
    let told = columns.outcomes[op] == Outcome::Ok && is_list(history, columns.outputs[op]);
    let ids = if told {
        columns.outputs
    } else {
        columns.inputs
    };
    (ids[op], told)
}

impl Transactions<'_> {
    /// Numbers the transactions, session by session; fills in all columns about them but those about steps.
    pub(super) fn number(&mut self, history: &History, include: Include) {
        let columns = history.columns();
        let counts = |f: &F| match f {
            F::Txn => true,
            F::Read | F::Write | F::Cas | F::Append => include == Include::SingleOperations,
            _ => false,
        };
        let counts: Vec<bool> = history.functions().iter().map(counts).collect();
        let mut sessions = Sessions::default();
        let mut starts: Vec<u32> = Vec::new();
        let mut found: Vec<(u32, u32)> = Vec::with_capacity(history.len());
        for (op, &function) in columns.functions.iter().enumerate() {
            if !counts[usize::from(function)] {
                continue;
            }
            let session = sessions.of(columns.processes[op]);
            if session as usize == starts.len() {
                starts.push(0);
            }
            starts[session as usize] += 1;
            found.push((op as u32, session));
        }
        let count = found.len();
        let mut before = 0;
        for start in &mut starts {
            before += std::mem::replace(start, before);
        }
        self.first_of_session = starts.iter().copied().chain([before]).collect();
        self.ops = vec![OpId(0); count];
        self.session = vec![0; count];
        self.first_step = vec![0; count];
        self.end_step = vec![0; count];
        self.by_time = Vec::with_capacity(count);
        for &(op, session) in &found {
            let next = &mut starts[session as usize];
            let t = *next as usize;
            *next += 1;
            self.ops[t] = OpId(op);
            self.session[t] = session;
            self.by_time.push(t as u32);
        }
        let outcome = |op: &OpId| columns.outcomes[op.index()];
        self.outcome = self.ops.iter().map(outcome).collect();
        self.invoked = self
            .ops
            .iter()
            .map(|op| columns.invoked[op.index()])
            .collect();
        let end = |op: &OpId| match columns.outcomes[op.index()] {
            Outcome::Ok | Outcome::Fail => columns.completed[op.index()],
            Outcome::Info => Time::NEVER,
        };
        self.end = self.ops.iter().map(end).collect();
    }
}
