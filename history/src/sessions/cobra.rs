//! Cobra's logs, one a session: a tag and numbers of 64 bits, signed and big-endian.
//!
//! ```text
//! S id                          a transaction begins
//! W write key value             it writes; write is a number that no other write of the history has
//! R writer write key value      it reads what the transaction `writer` wrote
//! C id                          it commits
//! A id                          it aborts
//! ```
//!
//! `key` and `value` are hashes, so a write's number stands for its value here.

use std::io::BufRead;

use super::binary::Bytes;
use super::{Ending, Guess, MicroOperation, Notation, Transaction};
use crate::{ReadError, Value};

/// A read of a key that nobody wrote.
const INITIAL: i64 = 0xbebe_ebee;
/// A read of nothing.
const NULL: i64 = 0xdead_beef;

pub(super) fn read<R: BufRead>(input: R, session: u32) -> Result<Vec<Transaction>, ReadError> {
    let mut bytes = Bytes::new(input);
    let mut transactions = Vec::new();
    let mut open: Option<(i64, Transaction)> = None;
    while !bytes.is_at_end()? {
        let [tag] = bytes.take("a tag")?;
        match (tag, &mut open) {
            (b'S', None) => {
                let id = number(&mut bytes)?;
                open = Some((id, Transaction::new(session, 0)));
            }
            (b'W', Some((_, transaction))) => {
                let write = number(&mut bytes)?;
                let key = number(&mut bytes)?;
                number(&mut bytes)?;
                transaction.operations.push(MicroOperation {
                    is_write: true,
                    key: Value::from(key),
                    value: Value::from(write),
                });
            }
            (b'R', Some((_, transaction))) => {
                number(&mut bytes)?;
                let write = number(&mut bytes)?;
                let key = number(&mut bytes)?;
                number(&mut bytes)?;
                let saw_nothing = matches!(write, INITIAL | NULL);
                transaction.operations.push(MicroOperation {
                    is_write: false,
                    key: Value::from(key),
                    value: if saw_nothing {
                        Value::Nil
                    } else {
                        Value::from(write)
                    },
                });
            }
            (b'C' | b'A', Some((begun, _))) => {
                let (begun, id) = (*begun, number(&mut bytes)?);
                if id != begun {
                    return Err(bytes.error(format!("transaction {id} ends, but {begun} is open")));
                }
                if let Some((_, mut transaction)) = open.take() {
                    if tag == b'A' {
                        transaction.ending = Ending::Aborted;
                    }
                    transactions.push(transaction);
                }
            }
            (b'S', Some((id, _))) => {
                return Err(bytes.error(format!("a transaction begins while {id} is open")));
            }
            (b'W' | b'R' | b'C' | b'A', None) => {
                return Err(bytes.error("this belongs to a transaction, but none is open"));
            }
            _ => {
                let reason = format!("the tag is {tag:#04x}; it is one of S, W, R, C and A");
                return Err(bytes.error(reason));
            }
        }
    }
    if let Some((_, mut transaction)) = open {
        transaction.ending = Ending::Unknown;
        transactions.push(transaction);
    }
    transactions.retain(|transaction| !transaction.operations.is_empty());
    Ok(transactions)
}

fn number<R: BufRead>(bytes: &mut Bytes<R>) -> Result<i64, ReadError> {
    Ok(i64::from_be_bytes(bytes.take("a number")?))
}

/// Whether a file that begins so is one.
pub(super) fn sniff(first: &[u8]) -> Guess {
    let is_binary = |bytes: &[u8]| bytes.iter().any(|byte| *byte < b'\t' || !byte.is_ascii());
    match first {
        [b'S', id @ ..] if id.len() < 9 && is_binary(id) => Guess::Undecided,
        [b'S', id @ ..] if id.len() >= 9 && is_binary(&id[..8]) => match id[8] {
            b'R' | b'W' | b'C' | b'A' => Guess::Is(Notation::Cobra),
            _ => Guess::Other,
        },
        _ => Guess::Other,
    }
}
