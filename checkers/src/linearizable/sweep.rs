//! The fastest way, for registers that are only read and written, each value once, and for which all is well.
//!
//! It decides the same as the [zones](super::zones), but only ever says yes, and it sorts nothing. All calls that wrote
//! or found one value make a block; let `f` be the first return in a block and `s` its last invocation. Two blocks are
//! in conflict exactly if `f(a) < s(b)` and `f(b) < s(a)`.
//!
//! The operations of a history stand in order of invocation, so walking through them, and stopping at the last one of
//! each block, meets the blocks in order of `s`. Let `b` be a block and `a` one that was met before it, so that
//! `s(a) <= s(b)`. They can only be in conflict if `f(b) < s(a)`; such blocks are the last ones that were met. Each of
//! them must have `f(a) >= s(b)`, which means that one of its calls is still open at `s(b)`. So without a conflict there
//! are no more of them than clients, and with one, the walk ends there.
//!
//! The initial value's block precedes all others: each of those must have its `f` at or after the last invocation of a
//! read that found nothing.
//!
//! A write of unknown outcome that nobody found is left out, see [`relevant`](super::relevant).
//!
//! Cost: O(n × clients) time in the worst case, O(n) in practice; at most about 100 bytes an operation.

use schism_history::{F, History, OpId, Outcome, Time, ValueId};

/// Stands for "no block".
const NONE: u32 = u32::MAX;

/// All that wrote or found one value.
#[derive(Clone, Copy)]
struct Block {
    /// The first return.
    first_return: Time,
    /// When its write was invoked; [`Time::NEVER`] when it has none.
    begun: Time,
    /// The place of the call that was invoked last.
    last: u32,
    /// The value; [`NONE`] when the place is free.
    value: u32,
}

impl Block {
    const FREE: Self = Self {
        first_return: Time::NEVER,
        begun: Time::NEVER,
        last: NONE,
        value: NONE,
    };
}

/// What there is to know about an operation.
struct Row {
    function: u8,
    outcome: Outcome,
    input: ValueId,
    output: ValueId,
    invoked: Time,
    completed: Time,
}

impl Row {
    const fn of(
        (&function, &outcome): (&u8, &Outcome),
        (&input, &output): (&ValueId, &ValueId),
        (&invoked, &completed): (&Time, &Time),
    ) -> Self {
        Self {
            function,
            outcome,
            input,
            output,
            invoked,
            completed,
        }
    }
}

/// Room that is used for one key after the other.
#[derive(Default)]
pub(super) struct Sweep {
    /// By value, if the key uses most values of the history; else open addressing by value.
    blocks: Vec<Block>,
    is_dense: bool,
    /// For each operation, the place of its block.
    numbers: Vec<u32>,
    /// The places at which blocks end.
    ends: Vec<u32>,
    /// The last invocation and the first return of the blocks that were met.
    met: Vec<(Time, Time)>,
}

impl Sweep {
    /// How many calls that tell something the operations of a key are, if they are those of a register that is only
    /// read and written, each value once, and an order explains them. `None` says nothing: it is for others to judge.
    pub(super) fn explains(&mut self, history: &History, ids: &[OpId]) -> Option<usize> {
        let functions = history.functions();
        let number = |f: &F| functions.iter().position(|it| it == f);
        let (read, write) = (number(&F::Read), number(&F::Write));
        let columns = history.columns();
        self.begin(history, ids.len());
        let mut calls = 0;
        let mut written = false;
        // When the initial value was still asked for.
        let mut initial = Time::ZERO;
        let mut written_twice = false;
        let mut look = |(place, row): (usize, Row)| {
            let function = Some(usize::from(row.function));
            // Whether an operation reads or writes is a coin's throw, so nothing here branches on it.
            let writes = function == write;
            if !writes && function != read {
                return None;
            }
            written |= writes;
            let happened = row.outcome == Outcome::Ok;
            let tells = happened || (writes && row.outcome == Outcome::Info);
            if !tells {
                return Some(());
            }
            calls += 1;
            let value = [row.output, row.input][usize::from(writes)];
            if value == ValueId::NIL {
                if writes {
                    return None;
                }
                initial = row.invoked;
                return Some(());
            }
            let number = self.number(value);
            self.numbers[place] = number;
            let block = self.blocks.get_mut(number as usize)?;
            block.last = place as u32;
            let end = if happened { row.completed } else { Time::NEVER };
            block.first_return = block.first_return.min(end);
            let is_begun = block.begun != Time::NEVER;
            written_twice |= writes & is_begun;
            block.begun = if writes { row.invoked } else { block.begun };
            Some(())
        };
        if ids.len() == history.len() {
            // All there are: the columns side by side, without a look at where each one is.
            let functions = columns.functions.iter().zip(columns.outcomes);
            let values = columns.inputs.iter().zip(columns.outputs);
            let times = columns.invoked.iter().zip(columns.completed);
            let rows = functions.zip(values).zip(times);
            let rows = rows.map(|((function, values), times)| Row::of(function, values, times));
            rows.enumerate().try_for_each(&mut look)?;
        } else {
            let rows = ids.iter().map(|id| {
                let i = id.index();
                Row::of(
                    (&columns.functions[i], &columns.outcomes[i]),
                    (&columns.inputs[i], &columns.outputs[i]),
                    (&columns.invoked[i], &columns.completed[i]),
                )
            });
            rows.enumerate().try_for_each(&mut look)?;
        }
        if written_twice {
            return None;
        }
        if !written && super::finds_objects(history) {
            // An object of another kind that is only read looks the same.
            return None;
        }
        self.is_free_of_conflicts(columns.invoked, ids, initial)
            .then_some(calls)
    }

    /// Empties the tables, and makes them large enough for a key with this many operations.
    fn begin(&mut self, history: &History, operations: usize) {
        let values = history.value_count();
        self.is_dense = operations * 2 >= values;
        let room = if self.is_dense {
            values
        } else {
            (operations * 2).next_power_of_two()
        };
        self.blocks.clear();
        self.blocks.resize(room, Block::FREE);
        self.numbers.clear();
        self.numbers.resize(operations, NONE);
        self.met.clear();
    }

    /// Where the block of a value is.
    fn number(&mut self, value: ValueId) -> u32 {
        if self.is_dense {
            return value.0;
        }
        let last = self.blocks.len() - 1;
        // Fibonacci hashing: values that were numbered one after the other lie apart.
        let mut place = (value.0.wrapping_mul(0x9e37_79b9) >> 7) as usize & last;
        loop {
            let block = &mut self.blocks[place];
            if block.value == value.0 {
                return place as u32;
            }
            if block.value == NONE {
                block.value = value.0;
                return place as u32;
            }
            place = (place + 1) & last;
        }
    }

    /// Walks through the blocks in order of their last invocations.
    fn is_free_of_conflicts(&mut self, invoked: &[Time], ids: &[OpId], initial: Time) -> bool {
        // Where blocks end, one after the other. Whether one does is another coin's throw.
        self.ends.clear();
        self.ends.resize(self.numbers.len(), 0);
        let mut met = 0;
        for (place, &number) in self.numbers.iter().enumerate() {
            let last = self.blocks.get(number as usize).map_or(NONE, |it| it.last);
            self.ends[met] = place as u32;
            met += usize::from(last == place as u32);
        }
        for &place in &self.ends[..met] {
            let place = place as usize;
            let Block {
                first_return,
                begun,
                ..
            } = self.blocks[self.numbers[place] as usize];
            if begun == Time::NEVER {
                // Nobody wrote it.
                return false;
            }
            if first_return == Time::NEVER {
                // Perhaps written, never found.
                continue;
            }
            if first_return < begun || first_return < initial {
                return false;
            }
            let last_invocation = invoked[ids[place].index()];
            let entangled = self
                .met
                .iter()
                .rev()
                .take_while(|(other, _)| first_return < *other)
                .any(|&(_, other_return)| other_return < last_invocation);
            if entangled {
                return false;
            }
            self.met.push((last_invocation, first_return));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    fn explains(drawing: &str) -> Option<usize> {
        let history = testing::history(drawing);
        let groups = history.by_key();
        Sweep::default().explains(&history, &groups[0].1)
    }

    #[test]
    fn what_an_order_explains_is_accepted() {
        let found = explains(
            "
            0 |r x -> nil|
            1   |w x 1|
            2       |w x 2     ?
            3         |r x -> 2|
            4                     |r x -> 1|
            5 |w x 3 !|
            6 |w x 4 ?
            ",
        );
        assert_eq!(found, None, "1 had been replaced by 2");
        let found = explains(
            "
            0 |r x -> nil|
            1   |w x 1            |
            2       |w x 2     ?
            3         |r x -> 2|
            4                        |r x -> 1|
            5 |w x 3 !|
            6 |w x 4 ?
            ",
        );
        assert_eq!(found, Some(6));
    }

    #[test]
    fn what_needs_more_is_left_to_others() {
        for drawing in [
            "0 |w x 1|\n1 |cas x 1 2|",
            "0 |w x 1|\n1 |w x 1|",
            "0 |w x nil|",
            "0 |r x -> 1|",
            "0          |w x 1|\n1 |r x -> 1|",
            "0 |w x 1|\n1         |r x -> nil|",
            "0 |w x 1|\n1         |w x 2|\n2                  |r x -> 1|",
        ] {
            assert_eq!(explains(drawing), None, "{drawing}");
        }
    }
}
