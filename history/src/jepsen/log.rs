//! Operations as Jepsen prints them, one on a line: `history.txt`, `jepsen.log`, and the logs that Porcupine is tested
//! with.
//!
//! ```text
//! 0  :invoke  :write  3
//! INFO  jepsen.util - 0  :ok  :write  3
//! 2024-05-01 12:00:00,123{GMT}  INFO  [jepsen worker 1] jepsen.util: 1  :info  :cas  [1 2]  :timeout
//! ```
//!
//! A process, a type, a function, a value and perhaps an error, with anything before them. A log says other things as
//! well: lines without a process and a type side by side are passed over. The order of lines is the order of events; a
//! log's own times are those of its writer, and are not read. A keyword as the value of an operation that did not end as
//! `ok` is its error, as old versions of Jepsen wrote it.

use std::io::BufRead;

use super::draft::{Draft, Order};
use super::error_text::Error;
use super::{Options, edn};
use crate::field::Field;
use crate::json::Fault;
use crate::lines::Lines;
use crate::scratch::Scratch;
use crate::{Event, ReadError, Value};

/// Reads events one by one, in memory bounded by the longest line.
pub struct Reader<R> {
    lines: Lines<R>,
    options: Options,
    scratch: Scratch,
    order: Order,
    failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader at the begin of a file.
    pub fn new(input: R, options: Options) -> Self {
        Self {
            lines: Lines::new(input),
            options,
            scratch: Scratch::default(),
            order: Order::default(),
            failed: false,
        }
    }

    /// The line of the last event read, from 1.
    pub fn line(&self) -> u64 {
        self.lines.line()
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// A line with an operation cannot be read, or the input cannot. Nothing more is read after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        while !self.failed {
            let Some(line) = self.lines.next_line()? else {
                return Ok(None);
            };
            let Some(parts) = Parts::of(line) else {
                continue;
            };
            let event = read(&parts, &mut self.scratch, &self.options, &mut self.order);
            return match event {
                Ok(event) => Ok(Some(event)),
                Err(fault) => {
                    self.failed = true;
                    let at = parts.rest_at + fault.at;
                    Err(self.lines.error(at, fault.reason))
                }
            };
        }
        Ok(None)
    }
}

/// Whether a line says an operation.
pub(crate) fn is_operation(line: &[u8]) -> bool {
    Parts::of(line).is_some()
}

/// An operation's parts on a line.
struct Parts<'l> {
    process: &'l [u8],
    kind: &'l [u8],
    f: &'l [u8],
    /// Value and error.
    rest: &'l [u8],
    /// Where they begin on the line.
    rest_at: usize,
}

impl<'l> Parts<'l> {
    fn of(line: &'l [u8]) -> Option<Self> {
        let is_kind = |word: &[u8]| matches!(word, b":invoke" | b":ok" | b":fail" | b":info");
        let mut before: &[u8] = b"";
        let mut at = 0;
        loop {
            let (word, end) = next_word(line, at)?;
            if is_kind(word) && is_process(before) {
                let (f, end) = next_word(line, end)?;
                // Words of a sentence about an operation are none.
                let f = f.strip_prefix(b":").filter(|name| !name.is_empty())?;
                return Some(Self {
                    process: before,
                    kind: &word[1..],
                    f,
                    rest: &line[end..],
                    rest_at: end,
                });
            }
            before = word;
            at = end;
        }
    }
}

fn is_process(word: &[u8]) -> bool {
    let is_number = !word.is_empty() && word.len() < 11 && word.iter().all(u8::is_ascii_digit);
    is_number || matches!(word, b":nemesis" | b"nemesis")
}

/// The next word of a line from a place on, and where it ends.
fn next_word(line: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let rest = &line[from..];
    let begin = from + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let rest = &line[begin..];
    let len = rest.iter().position(u8::is_ascii_whitespace);
    let end = begin + len.unwrap_or(rest.len());
    Some((&line[begin..end], end))
}

/// The event on a line; faults are at bytes of its rest.
fn read(
    parts: &Parts<'_>,
    scratch: &mut Scratch,
    options: &Options,
    order: &mut Order,
) -> Result<Event, Fault> {
    let text = |bytes: &[u8]| Value::from(&*String::from_utf8_lossy(bytes));
    let fault = |reason| Fault::new(0, reason);
    let mut draft = Draft::new();
    let process = match std::str::from_utf8(parts.process).map(str::parse::<i64>) {
        Ok(Ok(number)) => Value::from(number),
        _ => Value::from("nemesis"),
    };
    let is_nemesis = process.as_int().is_none();
    let named = [
        (Field::Process, process),
        (Field::Type, text(parts.kind)),
        (Field::F, text(parts.f)),
    ];
    for (field, value) in named {
        draft.sees(field).map_err(fault)?;
        draft.set(field, value).map_err(fault)?;
    }
    if is_nemesis {
        // It says what it did in any way it likes, and nothing of it is judged.
        let said = text(parts.rest.trim_ascii());
        draft.set(Field::Value, said).map_err(fault)?;
    } else {
        let completed = matches!(parts.kind, b"fail" | b"info");
        read_rest(parts.rest, completed, &mut draft, scratch)?;
    }
    draft.finish(options, order).map_err(fault)
}

/// Reads value and error; either may be absent.
fn read_rest(
    rest: &[u8],
    did_not_succeed: bool,
    draft: &mut Draft,
    scratch: &mut Scratch,
) -> Result<(), Fault> {
    let mut parser = edn::Parser::new(rest, scratch)?;
    match parser.peek()? {
        None => return Ok(()),
        Some(b':') if did_not_succeed => {}
        Some(_) => {
            draft.tuple = parser.take(super::TUPLE);
            let begin = parser.at();
            let value = parser.value(1)?;
            let value = match (draft.tuple, value.get("key"), value.get("value")) {
                (true, Some(key), Some(value)) => Value::list([key.clone(), value.clone()]),
                _ => value,
            };
            let set = draft.set(Field::Value, value);
            set.map_err(|reason| Fault::new(begin, reason))?;
        }
    }
    if parser.peek()?.is_some() {
        // The error is the last thing on the line, whatever its form.
        let said = String::from_utf8_lossy(&rest[parser.at()..]);
        let said = said.trim();
        let mut scratch = Scratch::default();
        let mut form = edn::Parser::new(said.as_bytes(), &mut scratch)?;
        let is_form = form.form().is_ok() && matches!(form.peek(), Ok(None));
        draft.rest.error = Some(if is_form && !said.starts_with('"') {
            Error::Form(edn::squeeze(said).into_owned())
        } else {
            Error::Text(said.trim_matches('"').to_owned())
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{F, Kind, Process};

    fn events(text: &str) -> Result<Vec<Event>, String> {
        let mut reader = Reader::new(text.as_bytes(), Options::default());
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().map_err(|error| error.to_string())? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn lines_of_every_age_are_read_and_others_passed_over() {
        let text = "\
INFO  jepsen.core - nodes :up 5
INFO  jepsen.util - 0\t:invoke\t:read\tnil
0\t:ok\t:read\t4
2024-05-01 12:00:00,123{GMT}\tINFO\t[jepsen worker 1] jepsen.util: 1\t:invoke\t:cas\t[1 2]

INFO  jepsen.util - 1\t:info\t:cas\t:timed-out
:nemesis\t:info\t:start\t#object[a.B \"x\"]
2  :invoke  :txn  [[:append 5 1] [:r 5 nil]]
2  :fail  :txn  [[:append 5 1] [:r 5 nil]]  [:conflict \"no\"]
3\t:invoke\t:write\t#jepsen.independent.Tuple{:key 7, :value 1}
3\t:info\t:write\t#jepsen.independent.Tuple{:key 7, :value 1}\t\"no route\"
";
        let events = events(text).unwrap();
        let told: Vec<String> = events
            .iter()
            .map(|event| {
                format!(
                    "{} {} {} {} {} {} {}",
                    event.time.as_nanos(),
                    event.process,
                    event.kind,
                    event.f,
                    event.key,
                    event.value,
                    event.error.as_deref().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "0 0 invoke read nil nil -",
                "1 0 ok read nil 4 -",
                "2 1 invoke cas nil [1 2] -",
                "3 1 info cas nil nil :timed-out",
                "4 nemesis info start nil \"#object[a.B \\\"x\\\"]\" -",
                "5 2 invoke txn nil [[\"append\" 5 1] [\"r\" 5 nil]] -",
                "6 2 fail txn nil [[\"append\" 5 1] [\"r\" 5 nil]] [:conflict \"no\"]",
                "7 3 invoke write 7 1 -",
                "8 3 info write 7 1 no route",
            ]
        );
        assert_eq!(
            (events[0].process, &events[0].f),
            (Process::client(0), &F::Read)
        );
        assert_eq!(events[3].kind, Kind::Info);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_refused_at_its_place() {
        let error = events("0\t:invoke\t:read\tnil\n0\t:ok\t:read\t[1 2\n").unwrap_err();
        assert!(error.starts_with("line 2, column 13: "), "{error}");
        let error = events("4294967295\t:invoke\t:read\tnil\n").unwrap_err();
        assert!(error.contains("process is 4294967295"), "{error}");
    }
}
