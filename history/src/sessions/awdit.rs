//! AWDIT's text: a line an operation, lines of `-` between transactions, of `=` between sessions.

use std::io::BufRead;

use super::{MicroOperation, Transaction, number};
use crate::ReadError;
use crate::lines::Lines;

pub(super) fn read<R: BufRead>(input: R) -> Result<Vec<Transaction>, ReadError> {
    let mut lines = Lines::new(input);
    let mut transactions: Vec<Transaction> = Vec::new();
    let mut session = 0;
    let mut begins = true;
    while let Some(line) = lines.next_line()? {
        let line = line.trim_ascii();
        let is_of = |mark| line.iter().all(|&byte| byte == mark);
        if line.is_empty() {
            continue;
        }
        if is_of(b'-') {
            begins = true;
        } else if is_of(b'=') {
            begins = true;
            session += 1;
        } else if let Some(operation) = operation(line) {
            if begins {
                transactions.push(Transaction::new(session, lines.line()));
                begins = false;
            }
            if let Some(transaction) = transactions.last_mut() {
                transaction.operations.push(operation);
            }
        } else {
            let said: String = String::from_utf8_lossy(line).chars().take(40).collect();
            let reason = format!(
                "found {said:?}, but an operation of AWDIT is like w 1 5: key and value; ---- parts transactions, ==== sessions"
            );
            return Err(lines.error(0, reason));
        }
    }
    Ok(transactions)
}

fn operation(line: &[u8]) -> Option<MicroOperation> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let is_write = match words.next()? {
        "w" => true,
        "r" => false,
        _ => return None,
    };
    let operation = MicroOperation {
        is_write,
        key: number(words.next()?)?,
        value: number(words.next()?)?,
    };
    words.next().is_none().then_some(operation)
}
