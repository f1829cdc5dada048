//! Plume's text: a line an operation, `w(key,value,session,transaction)`.

use std::io::BufRead;

use rustc_hash::FxHashMap;

use super::{Ending, MicroOperation, Transaction, number};
use crate::lines::Lines;
use crate::{ReadError, Value};

pub(super) fn read<R: BufRead>(input: R) -> Result<Vec<Transaction>, ReadError> {
    let mut lines = Lines::new(input);
    let mut transactions: Vec<Transaction> = Vec::new();
    let mut known: FxHashMap<(u32, i64), usize> = FxHashMap::default();
    while let Some(line) = lines.next_line()? {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let Some((operation, session, id)) = operation(line) else {
            let said: String = String::from_utf8_lossy(line).chars().take(40).collect();
            let reason = format!(
                "found {said:?}, but an operation of Plume is like w(1,5,0,3): key, value, session, transaction"
            );
            return Err(lines.error(0, reason));
        };
        if id == -1 {
            // All aborted transactions have this number; of each write, only that nobody may see it is known.
            if operation.is_write {
                transactions.push(Transaction {
                    ending: Ending::Aborted,
                    operations: vec![operation],
                    ..Transaction::new(session, lines.line())
                });
            }
            continue;
        }
        let at = *known.entry((session, id)).or_insert_with(|| {
            transactions.push(Transaction::new(session, lines.line()));
            transactions.len() - 1
        });
        transactions[at].operations.push(operation);
    }
    Ok(transactions)
}

/// The operation on a line, its session and its transaction.
fn operation(line: &[u8]) -> Option<(MicroOperation, u32, i64)> {
    let line = std::str::from_utf8(line).ok()?;
    let (is_write, rest) = match line.split_at_checked(1)? {
        ("w", rest) => (true, rest),
        ("r", rest) => (false, rest),
        _ => return None,
    };
    let inside = rest.trim_start().strip_prefix('(')?.strip_suffix(')')?;
    let mut parts = inside.split(',').map(str::trim);
    let mut next = || parts.next();
    let (key, value) = (number(next()?)?, next()?);
    let value = match value {
        "null" | "nil" if !is_write => Value::Nil,
        digits => number(digits)?,
    };
    let session = next()?.parse::<u32>().ok().filter(|n| *n < u32::MAX)?;
    let transaction = next()?.parse().ok()?;
    let operation = MicroOperation {
        is_write,
        key,
        value,
    };
    next()
        .is_none()
        .then_some((operation, session, transaction))
}
