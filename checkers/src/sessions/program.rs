//! What sessions did to registers, in columns: what every judge of PRAM, causal and sequential consistency reads.
//!
//! A *session* is a process, and each of its operations is a *node*. Nodes are numbered session by session, so the next
//! operation of a session is the next number. A node reads, writes, or does both (a compare-and-set that succeeded);
//! which write a read saw is known because each value is written once.
//!
//! Left out is what says nothing: operations that failed, reads without an answer, and writes of unknown outcome that
//! nobody saw (they may never have happened). A read whose write is not known (its value was written twice) says nothing
//! either, nor does a compare-and-set that was told "not that value": they are counted as undecidable, because a judge
//! that leaves them out may miss something. A value that was written twice is a write like any other.

use rustc_hash::FxHashMap;
use schism_history::{F, History, KeyId, OpId, Operation, Outcome, Process, Value, ValueId};

/// Stands for "no node".
pub(crate) const NONE: u32 = u32::MAX;
/// Stands for "it read the value that every register holds first".
pub(crate) const INITIAL: u32 = u32::MAX - 1;

/// All sessions of a history, as far as they touched registers.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// Who each session was.
    pub(crate) processes: Vec<Process>,
    /// The first node of each session, and behind the last session the number of nodes.
    pub(crate) begin: Vec<u32>,
    /// Which operation each node is.
    pub(crate) id: Vec<OpId>,
    /// Which session did it.
    pub(crate) session: Vec<u32>,
    /// On which key, as numbered by the history.
    pub(crate) key: Vec<u32>,
    /// Whether it wrote.
    pub(crate) writes: Vec<bool>,
    /// The node whose write it saw; [`INITIAL`], or [`NONE`] when it did not read or that is not known.
    pub(crate) from: Vec<u32>,
    /// The nodes, in the order in which they were invoked.
    pub(crate) by_invocation: Vec<u32>,
    /// Reads of a value that nobody can have written: no node, because no order explains them.
    pub(crate) thin_air: Vec<OpId>,
    /// Reads that say nothing because it is not known which write they saw.
    pub(crate) undecidable: u64,
    /// Reads of which that is known.
    pub(crate) reads: u64,
    /// How many keys the history has.
    pub(crate) keys: u32,
}

/// What an operation found and left, by number of the value; [`NONE`] if it did not.
#[derive(Clone, Copy)]
struct Act {
    found: u32,
    left: u32,
}

impl Program {
    /// Reads a history. O(operations), 25 bytes a node and 16 bytes an operation while it is built.
    pub(crate) fn of(history: &History) -> Self {
        Draft::new(history).finish()
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.id.len()
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.processes.len()
    }

    /// How many writes there are.
    pub(crate) fn write_count(&self) -> usize {
        self.writes.iter().filter(|&&writes| writes).count()
    }

    /// Whether it is the first node of its session.
    pub(crate) fn is_first(&self, node: u32) -> bool {
        self.begin[self.session[node as usize] as usize] == node
    }

    /// The nodes of a session.
    pub(crate) fn nodes(&self, session: u32) -> std::ops::Range<u32> {
        self.begin[session as usize]..self.begin[session as usize + 1]
    }
}

struct Draft<'h> {
    history: &'h History,
    values: Values<'h>,
    /// For each key, what it is.
    kinds: Vec<u8>,
    /// Who wrote each value: first by the value alone, for it seldom goes to two keys, else by key and value.
    writers: Vec<(u32, u32)>,
    others: FxHashMap<(u32, u32), u32>,
    /// Keys to which nil was written: a read of nil there says nothing.
    nil_written: Vec<bool>,
    /// For each operation the operation whose write it saw, [`INITIAL`], or [`NONE`].
    from: Vec<u32>,
    taken: Vec<bool>,
    program: Program,
}

const WRITTEN: u8 = 1;
const NO_REGISTER: u8 = 2;
/// More than one operation may have written the value.
const SEVERAL: u32 = u32::MAX - 2;

impl<'h> Draft<'h> {
    fn new(history: &'h History) -> Self {
        let mut kinds = vec![0_u8; history.key_count()];
        for op in history.operations() {
            kinds[op.key_id.0 as usize] |= match op.f() {
                F::Read => 0,
                F::Write | F::Cas => WRITTEN,
                _ => NO_REGISTER,
            };
        }
        let values = Values::of(history);
        Self {
            kinds,
            writers: vec![(NONE, NONE); values.count()],
            values,
            others: FxHashMap::default(),
            nil_written: vec![false; history.key_count()],
            from: vec![NONE; history.len()],
            taken: vec![false; history.len()],
            program: Program {
                keys: history.key_count() as u32,
                ..Program::default()
            },
            history,
        }
    }

    fn finish(mut self) -> Program {
        let adds = self.history.functions().contains(&F::Add);
        for kind in &mut self.kinds {
            if *kind & WRITTEN == 0 && adds {
                *kind |= NO_REGISTER;
            }
        }
        self.find_writers();
        self.find_reads();
        self.number();
        self.program
    }

    fn act(&mut self, op: &Operation<'h>) -> Option<Act> {
        if op.outcome == Outcome::Fail || self.kinds[op.key_id.0 as usize] & NO_REGISTER != 0 {
            return None;
        }
        match op.f() {
            F::Read if op.outcome == Outcome::Ok => Some(Act {
                found: op.output_id.0,
                left: NONE,
            }),
            F::Write => Some(Act {
                found: NONE,
                left: op.input_id.0,
            }),
            F::Cas => {
                let refused = op.outcome == Outcome::Ok && *op.output() == Value::Bool(false);
                let pair = self.values.pair(op).filter(|_| !refused);
                self.program.undecidable += u64::from(pair.is_none());
                pair.map(|(found, left)| Act { found, left })
            }
            _ => None,
        }
    }

    fn find_writers(&mut self) {
        let history = self.history;
        for op in history.operations() {
            if matches!(op.f(), F::Read) {
                continue;
            }
            let undecidable = self.program.undecidable;
            let act = self.act(&op);
            self.program.undecidable = undecidable;
            let Some(Act { left, .. }) = act.filter(|act| act.left != NONE) else {
                continue;
            };
            if left == ValueId::NIL.0 {
                self.nil_written[op.key_id.0 as usize] = true;
                continue;
            }
            let (key, writer) = &mut self.writers[left as usize];
            if *key == NONE {
                (*key, *writer) = (op.key_id.0, op.id.0);
            } else if *key == op.key_id.0 {
                *writer = SEVERAL;
            } else {
                self.others
                    .entry((op.key_id.0, left))
                    .and_modify(|writer| *writer = SEVERAL)
                    .or_insert(op.id.0);
            }
        }
    }

    fn writer(&self, key: u32, value: u32) -> u32 {
        if value == ValueId::NIL.0 {
            return if self.nil_written[key as usize] {
                SEVERAL
            } else {
                INITIAL
            };
        }
        let (known, writer) = self.writers[value as usize];
        if known == key {
            writer
        } else {
            self.others.get(&(key, value)).copied().unwrap_or(NONE)
        }
    }

    /// What each operation saw, and which operations count.
    fn find_reads(&mut self) {
        let history = self.history;
        // Of unknown outcome, but seen by somebody.
        let mut seen: Vec<u32> = Vec::new();
        for op in history.operations() {
            let Some(act) = self.act(&op) else { continue };
            if op.outcome == Outcome::Ok {
                self.take(&op, act, &mut seen);
            }
        }
        while let Some(id) = seen.pop() {
            let op = history.operation(OpId(id));
            if self.taken[id as usize] {
                continue;
            }
            let undecidable = self.program.undecidable;
            let act = self.act(&op);
            self.program.undecidable = undecidable;
            if let Some(act) = act {
                self.take(&op, act, &mut seen);
            }
        }
    }

    fn take(&mut self, op: &Operation<'_>, act: Act, seen: &mut Vec<u32>) {
        let i = op.id.index();
        if act.found != NONE {
            match self.writer(op.key_id.0, act.found) {
                SEVERAL => {
                    self.program.undecidable += 1;
                    if act.left == NONE {
                        return;
                    }
                }
                NONE => {
                    self.program.thin_air.push(op.id);
                    if act.left == NONE {
                        return;
                    }
                }
                from => {
                    self.program.reads += 1;
                    self.from[i] = from;
                    if from != INITIAL
                        && history_outcome(self.history, from) == Outcome::Info
                        && !self.taken[from as usize]
                    {
                        seen.push(from);
                    }
                }
            }
        }
        self.taken[i] = true;
    }

    fn number(&mut self) {
        let history = self.history;
        let highest = history
            .operations()
            .filter_map(|op| op.process.number())
            .max();
        let dense = highest.is_some_and(|highest| (highest as usize) < 4 * history.len() + 1_024);
        let mut by_number = vec![
            NONE;
            if dense {
                highest.unwrap_or(0) as usize + 1
            } else {
                0
            }
        ];
        let mut by_process: FxHashMap<u32, u32> = FxHashMap::default();
        let mut session_of: Vec<u32> = vec![NONE; history.len()];
        let mut counts: Vec<u32> = Vec::new();
        let program = &mut self.program;
        for op in history.operations() {
            if !self.taken[op.id.index()] {
                continue;
            }
            let number = op.process.number().unwrap_or(NONE);
            let slot = if dense {
                &mut by_number[number as usize]
            } else {
                by_process.entry(number).or_insert(NONE)
            };
            if *slot == NONE {
                *slot = counts.len() as u32;
                counts.push(0);
                program.processes.push(op.process);
            }
            counts[*slot as usize] += 1;
            session_of[op.id.index()] = *slot;
        }
        let mut next = Vec::with_capacity(counts.len());
        let mut total = 0;
        for &count in &counts {
            next.push(total);
            total += count;
        }
        program.begin.clone_from(&next);
        program.begin.push(total);
        let nodes = total as usize;
        program.id = vec![OpId(0); nodes];
        program.session = vec![0; nodes];
        program.key = vec![0; nodes];
        program.writes = vec![false; nodes];
        program.from = vec![NONE; nodes];
        program.by_invocation = Vec::with_capacity(nodes);
        // From here on, the node of each operation.
        let mut node_of = session_of;
        for op in history.operations() {
            let i = op.id.index();
            if node_of[i] == NONE {
                continue;
            }
            let session = node_of[i] as usize;
            let node = next[session];
            next[session] += 1;
            let at = node as usize;
            program.id[at] = op.id;
            program.session[at] = session as u32;
            program.key[at] = op.key_id.0;
            program.writes[at] = *op.f() != F::Read;
            program.from[at] = self.from[i];
            program.by_invocation.push(node);
            node_of[i] = node;
        }
        for from in &mut program.from {
            if *from < SEVERAL {
                *from = node_of[*from as usize];
            }
        }
        program.thin_air.sort_unstable();
    }
}

fn history_outcome(history: &History, id: u32) -> Outcome {
    history.operation(OpId(id)).outcome
}

/// Numbers of values: the history's own, and more for those that stand only inside a compare-and-set's pair.
struct Values<'h> {
    own: usize,
    /// Only where there are compare-and-sets.
    by_value: FxHashMap<&'h Value, u32>,
    pairs: FxHashMap<ValueId, (u32, u32)>,
}

impl<'h> Values<'h> {
    fn of(history: &'h History) -> Self {
        let own = history.value_count();
        let mut this = Self {
            own,
            by_value: FxHashMap::default(),
            pairs: FxHashMap::default(),
        };
        if !history.functions().contains(&F::Cas) {
            return this;
        }
        for number in 0..own as u32 {
            this.by_value.insert(history.value(ValueId(number)), number);
        }
        for op in history.operations() {
            if *op.f() != F::Cas || this.pairs.contains_key(&op.input_id) {
                continue;
            }
            if let Some((old, new)) = op.input().as_pair() {
                let pair = (this.number(old), this.number(new));
                this.pairs.insert(op.input_id, pair);
            }
        }
        this
    }

    fn number(&mut self, value: &'h Value) -> u32 {
        let next = self.by_value.len() as u32;
        *self.by_value.entry(value).or_insert(next)
    }

    fn pair(&self, op: &Operation<'_>) -> Option<(u32, u32)> {
        self.pairs.get(&op.input_id).copied()
    }

    fn count(&self) -> usize {
        self.by_value.len().max(self.own)
    }
}

/// The keys of a program, as the history names them.
pub(crate) fn key_of<'h>(history: &'h History, program: &Program, node: u32) -> &'h Value {
    history.key(KeyId(program.key[node as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    #[test]
    fn nodes_stand_session_by_session_and_know_what_they_saw() {
        let program = Program::of(&testing::history(
            "
            0 |w x 1|
            1         |w x 2 ?
            2         |w x 3 ?
            0                  |r x -> 2|
            3                  |r x -> nil|
            3                              |r x -> 9|
            4                  |w x 4 !|
            ",
        ));
        assert_eq!(program.begin, [0, 2, 3, 4]);
        assert_eq!(program.from, [NONE, 2, NONE, INITIAL]);
        assert_eq!(program.id, [OpId(0), OpId(3), OpId(1), OpId(4)]);
        assert_eq!(program.thin_air, [OpId(6)]);
        assert_eq!(program.by_invocation, [0, 2, 1, 3]);
        assert_eq!((program.reads, program.undecidable), (2, 0));
    }

    #[test]
    fn a_compare_and_set_reads_and_writes() {
        let program = Program::of(&testing::history(
            "
            0 |w x 1|
            1         |cas x 1 2 ?
            2                      |cas x 2 3|
            3                      |cas x 1 9 -> false|
            4                      |w y 1|
            5                              |r y -> 1|
            ",
        ));
        assert_eq!(program.from, [NONE, 0, 1, NONE, 3]);
        assert_eq!(program.writes, [true, true, true, true, false]);
        assert_eq!(program.undecidable, 1);
    }

    #[test]
    fn what_was_written_twice_is_not_known() {
        let program = Program::of(&testing::history(
            "
            0 |w x 1|
            1         |w x 1|
            2                 |r x -> 1|
            2                            |r y -> nil|
            3                 |w z nil|
            3                            |r z -> nil|
            ",
        ));
        assert_eq!((program.reads, program.undecidable), (1, 2));
        assert_eq!(program.len(), 4);
    }
}
