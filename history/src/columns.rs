//! The columns themselves, for judges that walk over millions of operations and need a few of them.

use crate::{History, KeyId, Outcome, Process, Time, ValueId};

/// Some columns of a history. Row `i` is operation `i`; all are of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'h> {
    /// Who called it.
    pub processes: &'h [Process],
    /// Where the function stands in [`History::functions`].
    pub functions: &'h [u8],
    /// How it ended.
    pub outcomes: &'h [Outcome],
    /// When it was sent.
    pub invoked: &'h [Time],
    /// When it ended; [`Time::NEVER`] when the history ends before.
    pub completed: &'h [Time],
    /// What it was called on.
    pub keys: &'h [KeyId],
    /// Its argument.
    pub inputs: &'h [ValueId],
    /// Its result.
    pub outputs: &'h [ValueId],
}

impl History {
    /// Its columns. O(1).
    pub fn columns(&self) -> Columns<'_> {
        let rows = self.len();
        Columns {
            processes: &self.process[..rows],
            functions: &self.function[..rows],
            outcomes: &self.outcome[..rows],
            invoked: &self.invoked[..rows],
            completed: &self.completed[..rows],
            keys: &self.key[..rows],
            inputs: &self.input[..rows],
            outputs: &self.output[..rows],
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{F, testing};

    #[test]
    fn columns_say_what_operations_say() {
        let history = testing::history("0 |w x 1|\n1  |r x -> 1|\n2   |w y 2 ?\n3   |w y 3 !|");
        let columns = history.columns();
        for (i, op) in history.operations().enumerate() {
            let f: &F = &history.functions()[usize::from(columns.functions[i])];
            assert_eq!((f, columns.outcomes[i]), (op.f(), op.outcome));
            assert_eq!(columns.processes[i], op.process);
            assert_eq!(
                (columns.invoked[i], columns.keys[i]),
                (op.invoked, op.key_id)
            );
            let values = (columns.inputs[i], columns.outputs[i]);
            assert_eq!(values, (op.input_id, op.output_id));
            let completed = columns.completed[i];
            assert_eq!(
                (completed != crate::Time::NEVER).then_some(completed),
                op.completed
            );
        }
        assert_eq!(columns.functions.len(), history.len());
    }
}
