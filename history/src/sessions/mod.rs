//! Histories of transactions by session, without times: those of Plume, AWDIT, dbcop and Cobra, read.
//!
//! **Times.** These files say in which order each session sent its transactions, and nothing about real time. So all
//! events have the same time, 0: transactions of different sessions overlap, and a checker cannot take one to have ended
//! before another one began.
//!
//! **Transactions** are operations `txn` of micro-operations `["w", key, value]` and `["r", key, value]`. One that was
//! aborted ends as `fail`, one whose end is not written as `info`.
//!
//! **Initial values.** Plume and dbcop read 0 for a key that nobody wrote, Cobra two marks of its own; here that is nil.
//! A 0 that some transaction wrote to the key stays 0.
//!
//! | format | looks like |
//! |---|---|
//! | Plume | a line `w(key,value,session,transaction)` or `r(…)` an operation; transaction −1 is an aborted one |
//! | AWDIT | a line `w key value` or `r key value` an operation, a line of `-` between transactions, of `=` between sessions |
//! | dbcop | bincode: five numbers, three texts, then sessions of transactions of events; little-endian |
//! | Cobra | a binary log a session: `S` id, `W` write key value, `R` writer write key value, `C` id; big-endian |

mod awdit;
mod binary;
mod cobra;
mod dbcop;
mod plume;
#[cfg(test)]
pub(crate) mod tests;

use std::io::BufRead;

use rustc_hash::FxHashSet;

use crate::{Event, F, Kind, Process, ReadError, Time, Value};

/// Which of these formats a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    Plume,
    Awdit,
    Dbcop,
    Cobra,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Committed,
    Aborted,
    Unknown,
}

/// A read or a write of a transaction.
#[derive(Clone, Debug)]
struct MicroOperation {
    is_write: bool,
    key: Value,
    value: Value,
}

/// A transaction of a session.
#[derive(Debug)]
struct Transaction {
    session: u32,
    ending: Ending,
    /// The line at which it begins; 0 in a binary file.
    line: u64,
    operations: Vec<MicroOperation>,
}

impl Transaction {
    fn new(session: u32, line: u64) -> Self {
        Self {
            session,
            ending: Ending::Committed,
            line,
            operations: Vec::new(),
        }
    }

    /// What the client asked for, or was told.
    fn value(&self, is_told: bool) -> Value {
        let operations = self.operations.iter().map(|operation| {
            let (name, value) = match (operation.is_write, is_told) {
                (true, _) => ("w", operation.value.clone()),
                (false, true) => ("r", operation.value.clone()),
                (false, false) => ("r", Value::Nil),
            };
            Value::list([Value::from(name), operation.key.clone(), value])
        });
        Value::list(operations)
    }
}

/// Gives the events of a history of sessions. It was read whole: its transactions may stand in any order in the file.
#[derive(Debug)]
pub struct Reader {
    transactions: std::vec::IntoIter<Transaction>,
    /// The completion of the transaction that was invoked last.
    completion: Option<Event>,
    line: u64,
}

impl Reader {
    /// Reads a whole file. O(bytes).
    ///
    /// # Errors
    /// The first part of it that cannot be read.
    pub(crate) fn read<R: BufRead>(input: R, notation: Notation) -> Result<Self, ReadError> {
        let mut transactions = match notation {
            Notation::Plume => plume::read(input)?,
            Notation::Awdit => awdit::read(input)?,
            Notation::Dbcop => dbcop::read(input)?,
            Notation::Cobra => cobra::read(input, 0)?,
        };
        if matches!(notation, Notation::Plume | Notation::Dbcop) {
            name_initial_values(&mut transactions);
        }
        Ok(Self::new(transactions))
    }

    /// Reads the logs of Cobra, one a session. O(bytes).
    ///
    /// # Errors
    /// The first log of which some part cannot be read, by its place among them.
    pub fn cobra<R: BufRead>(
        logs: impl IntoIterator<Item = R>,
    ) -> Result<Self, (usize, ReadError)> {
        let mut transactions = Vec::new();
        for (session, log) in logs.into_iter().enumerate() {
            let read = cobra::read(log, session as u32);
            transactions.extend(read.map_err(|error| (session, error))?);
        }
        Ok(Self::new(transactions))
    }

    fn new(transactions: Vec<Transaction>) -> Self {
        Self {
            transactions: transactions.into_iter(),
            completion: None,
            line: 0,
        }
    }

    /// The line at which the last event's transaction begins, from 1; 0 in a binary file.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next event; `None` at the end.
    pub fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.completion.take() {
            return Some(event);
        }
        let transaction = self.transactions.next()?;
        self.line = transaction.line;
        let process = Process::client(transaction.session);
        let event = |kind, value| Event::new(Time::ZERO, process, kind, F::Txn).value(value);
        self.completion = match transaction.ending {
            Ending::Committed => Some(event(Kind::Ok, transaction.value(true))),
            Ending::Aborted => Some(event(Kind::Fail, transaction.value(true))),
            // It stays open; its session ends with it.
            Ending::Unknown => None,
        };
        Some(event(Kind::Invoke, transaction.value(false)))
    }
}

/// A read of 0 saw nothing, unless somebody wrote 0.
fn name_initial_values(transactions: &mut [Transaction]) {
    const INITIAL: Value = Value::Int(0);
    let zeros: FxHashSet<Value> = transactions
        .iter()
        .flat_map(|transaction| &transaction.operations)
        .filter(|operation| operation.is_write && operation.value == INITIAL)
        .map(|operation| operation.key.clone())
        .collect();
    let reads = transactions
        .iter_mut()
        .flat_map(|transaction| &mut transaction.operations)
        .filter(|operation| !operation.is_write && operation.value == INITIAL);
    for read in reads {
        if !zeros.contains(&read.key) {
            read.value = Value::Nil;
        }
    }
}

/// A number of these files; as text where no integer holds it.
fn number(digits: &str) -> Option<Value> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    if unsigned.is_empty() || unsigned.len() > 40 || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(match digits.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => Value::from(digits),
    })
}

/// What the first bytes of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    Is(Notation),
    /// They are too few.
    Undecided,
    /// It has none of these formats.
    Other,
}

/// Looks at the first bytes of a file.
pub(crate) fn sniff(first: &[u8]) -> Guess {
    for guess in [cobra::sniff(first), dbcop::sniff(first)] {
        if guess != Guess::Other {
            return guess;
        }
    }
    match first.trim_ascii_start() {
        [b'r' | b'w', rest @ ..] => match rest.trim_ascii_start() {
            [] => Guess::Undecided,
            [b'(', ..] => Guess::Is(Notation::Plume),
            [b'0'..=b'9' | b'-', ..] => Guess::Is(Notation::Awdit),
            _ => Guess::Other,
        },
        _ => Guess::Other,
    }
}
