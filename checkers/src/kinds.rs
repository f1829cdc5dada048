//! What kinds of operations a history holds: which checkers have something to say about it.

use schism_history::{F, History, Outcome, Value};

use crate::micro_op::names;

/// What clients did in a history, in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    functions: Vec<F>,
    /// Some read returned a list.
    pub reads_lists: bool,
    /// Some read returned an integer.
    pub reads_integers: bool,
    /// Some read returned named parts: the balances of accounts.
    pub reads_maps: bool,
    /// Some transaction appends to a list.
    pub appends: bool,
    /// Some transaction writes a register.
    pub writes: bool,
    /// Some transaction reads by predicate.
    pub predicates: bool,
    /// Some transaction was told versions of what it read or wrote.
    pub versions: bool,
    /// Some operation has a revision: the database tells the order of writes.
    pub revisions: bool,
    /// There are faults, or attempts at some.
    pub faults: bool,
}

impl Kinds {
    /// Looks at a history. O(operations), and at most [`LOOKED_AT`](Self::LOOKED_AT) transactions.
    pub fn of(history: &History) -> Self {
        let mut kinds = Self {
            functions: history.functions().to_vec(),
            faults: !history.faults().is_empty(),
            ..Self::default()
        };
        let mut transactions = 0;
        for op in history.operations() {
            kinds.revisions |= op.revision().is_some();
            match op.f() {
                F::Read if op.outcome == Outcome::Ok => match op.output() {
                    Value::List(_) => kinds.reads_lists = true,
                    Value::Int(_) => kinds.reads_integers = true,
                    Value::Map(_) => kinds.reads_maps = true,
                    _ => {}
                },
                F::Txn if transactions < Self::LOOKED_AT => {
                    transactions += 1;
                    for name in names(&op) {
                        kinds.appends |= name == "append";
                        kinds.writes |= name == "w";
                        kinds.predicates |= name == "p";
                    }
                    let told = op.output_micro_ops().into_iter().flatten();
                    kinds.versions |= op.revision().is_some()
                        || op.outcome == Outcome::Ok
                            && told.into_iter().any(|s| s.version.is_some());
                }
                _ => {}
            }
        }
        kinds
    }

    /// How many transactions are looked into.
    pub const LOOKED_AT: usize = 10_000;

    /// Whether clients called this function.
    pub fn has(&self, f: &F) -> bool {
        self.functions.contains(f)
    }

    /// Whether clients called any function of this name.
    pub fn calls(&self, name: &str) -> bool {
        self.functions.iter().any(|f| f.name() == name)
    }

    /// Whether these are operations on registers: reads, writes and compare-and-sets of keys, and nothing else that
    /// makes a set, a counter or transactions of them.
    pub fn registers(&self) -> bool {
        let any = [F::Read, F::Write, F::Cas];
        let others = [F::Txn, F::Add, F::Enqueue, F::Push, F::Append, F::Transfer];
        any.iter().any(|f| self.has(f)) && !others.iter().any(|f| self.has(f))
    }

    /// Whether these are operations on objects of which everybody expects that operations take effect one at a time:
    /// registers, stacks, locks, maps. Of queues, sets and counters many promise less.
    pub fn atomic_objects(&self) -> bool {
        let others = [F::Push, F::Acquire];
        self.registers() || others.iter().any(|f| self.has(f)) || self.calls("get")
    }

    /// Whether these are operations on sets: elements are added, and whole sets read.
    pub fn sets(&self) -> bool {
        self.has(&F::Add) && !self.has(&F::Txn) && !self.reads_integers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    fn kinds(drawing: &str) -> Kinds {
        Kinds::of(&testing::history(drawing))
    }

    #[test]
    fn kinds_are_told_apart() {
        let register = kinds("0 |w x 1|\n1       |r x -> 1|");
        assert!(register.registers() && !register.sets() && register.reads_integers);
        let set = kinds("0 |add s 1|\n1         |r s -> [1]|");
        assert!(set.sets() && !set.registers());
        let counter = kinds("0 |add c 1|\n1         |r c -> 1|");
        assert!(!counter.sets() && !counter.registers());
        let lists = kinds("0 |txn nil [[append,x,1],[r,x,nil]] ?");
        assert!(lists.appends && !lists.writes && !lists.registers());
        let writes = kinds("0 |txn nil [[w,x,1]]|");
        assert!(writes.writes && !writes.appends);
    }
}
