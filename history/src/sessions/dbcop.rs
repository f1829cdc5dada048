//! dbcop's bincode, as `PolySI`, `IsoVista` and `VeriStrong` keep histories.
//!
//! All numbers are unsigned, of 64 bits and little-endian; a text is its length and its bytes, a list its length and its
//! items; a truth value is a byte:
//!
//! ```text
//! history     = id nodes keys transactions events, info start end (texts), sessions
//! session     = list of transactions
//! transaction = list of events, committed
//! event       = is a write, key, value, succeeded
//! ```

use std::io::BufRead;

use super::binary::Bytes;
use super::{Ending, Guess, MicroOperation, Notation, Transaction};
use crate::{ReadError, Value};

/// The longest text that stands before the sessions, in bytes.
const TEXT_LONGEST: u64 = 1 << 20;
/// The five numbers before the first text, and its length.
const BEGIN: usize = 48;

pub(super) fn read<R: BufRead>(input: R) -> Result<Vec<Transaction>, ReadError> {
    let mut bytes = Bytes::new(input);
    for what in ["the id", "nodes", "keys", "transactions", "events"] {
        number(&mut bytes, what)?;
    }
    for what in ["the description", "the start", "the end"] {
        let len = number(&mut bytes, what)?;
        if len > TEXT_LONGEST {
            return Err(bytes.error(format!("{what} would be a text of {len} bytes")));
        }
        bytes.skip(len, what)?;
    }
    let mut transactions = Vec::new();
    let sessions = number(&mut bytes, "the number of sessions")?;
    if sessions >= u64::from(u32::MAX) {
        return Err(bytes.error(format!("there would be {sessions} sessions")));
    }
    for session in 0..sessions as u32 {
        for _ in 0..number(&mut bytes, "a session's number of transactions")? {
            transaction(&mut bytes, session, &mut transactions)?;
        }
    }
    if !bytes.is_at_end()? {
        return Err(bytes.error("something follows the last session"));
    }
    Ok(transactions)
}

fn transaction<R: BufRead>(
    bytes: &mut Bytes<R>,
    session: u32,
    transactions: &mut Vec<Transaction>,
) -> Result<(), ReadError> {
    let mut transaction = Transaction::new(session, 0);
    let mut refused = Transaction::new(session, 0);
    refused.ending = Ending::Aborted;
    for _ in 0..number(bytes, "a transaction's number of events")? {
        let is_write = truth(bytes)?;
        let operation = MicroOperation {
            is_write,
            key: value(number(bytes, "a key")?),
            value: value(number(bytes, "a value")?),
        };
        match (truth(bytes)?, is_write) {
            (true, _) => transaction.operations.push(operation),
            // The database refused it; nobody may see what it would have written.
            (false, true) => refused.operations.push(operation),
            (false, false) => {}
        }
    }
    if !truth(bytes)? {
        transaction.ending = Ending::Aborted;
    }
    if !refused.operations.is_empty() {
        transactions.push(refused);
    }
    if !transaction.operations.is_empty() {
        transactions.push(transaction);
    }
    Ok(())
}

fn number<R: BufRead>(bytes: &mut Bytes<R>, what: &str) -> Result<u64, ReadError> {
    Ok(u64::from_le_bytes(bytes.take(what)?))
}

fn truth<R: BufRead>(bytes: &mut Bytes<R>) -> Result<bool, ReadError> {
    match bytes.take("a truth value")? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(bytes.error(format!("a truth value is {other}; it is 0 or 1"))),
    }
}

/// A number; as text where no integer holds it.
fn value(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number.to_string()), Value::from)
}

/// Whether a file that begins so is one.
pub(super) fn sniff(first: &[u8]) -> Guess {
    // The numbers are small, so that their highest bytes are 0, which no text has.
    let is_small = |word: &[u8]| word.get(6..8).is_none_or(|high| high == [0, 0]);
    let begin = &first[..first.len().min(BEGIN)];
    // A first byte alone may be text.
    let is_binary = begin.iter().skip(1).any(|&byte| byte == 0);
    if !is_binary || !begin.chunks(8).all(is_small) {
        return Guess::Other;
    }
    if begin.len() < BEGIN {
        return Guess::Undecided;
    }
    let len = begin[40..]
        .iter()
        .rev()
        .fold(0, |n, &byte| n << 8 | u64::from(byte));
    if len <= TEXT_LONGEST {
        Guess::Is(Notation::Dbcop)
    } else {
        Guess::Other
    }
}
