//! Jepsen's histories, and those of its relatives (Knossos, Elle, elle-cli): read and written.
//!
//! A file holds operation maps, in EDN or in JSON, one after another or as one list:
//!
//! ```text
//! {:index 0, :time 12, :type :invoke, :process 0, :f :write, :value 3}
//! #jepsen.history.Op{:index 1, :time 15, :type :ok, :process 0, :f :write, :value 3}
//! [{"type":"invoke","process":0,"f":"txn","value":[["append",1,2],["r",1,null]]}]
//! ```
//!
//! **Fields** may come in any order. `type`, `process` and `f` must be there (`f` may be given by [`Options::f`],
//! and an operation whose value is a list of micro-operations is a `txn`).
//! Without a `time`, the `index` counts as nanoseconds; without either, the place in the file. The order in the file is
//! the order of events, as Jepsen means it: a time before that of the event before it, as old versions of Jepsen wrote
//! them, is raised to that one and counted in [`Retimed`], so that two operations whose times contradict their order
//! count as concurrent. An `index` or `time` of -1 is none.
//!
//! **Errors** may be any form, and operations may have any other keys. Both are kept in the event's error, and written
//! again from there as they were: a text as it is, any other error as EDN, then each other key and its value as EDN. So
//! `:error :timeout, :exception {:via 1}` is the error `:timeout :exception {:via 1}`. `key`, `node`, `revision` and
//! `due` are this crate's own fields.
//!
//! **Values**: keywords, symbols and strings all become text, so that `:x`, `x` and `"x"` are the same. Vectors and lists
//! both become lists, sets sorted lists. A tagged form `#inst "2024"` is the map `{"#inst": "2024"}`. Ratios, characters
//! and decimals of more than 15 digits are refused: no value holds them. Keys of maps become text. Nesting is bounded by
//! [`MAX_DEPTH`](crate::MAX_DEPTH).
//!
//! **Independent keys**: a value tagged `#jepsen.independent.Tuple` is a key and a value; Jepsen's own files have a plain
//! pair there, so [`Options::keyed`] says that all client operations have one.
//!
//! **Written** are plain maps, in Jepsen's order of fields; the names of functions, micro-operations and keys of maps as
//! keywords where they can be, keys of maps that look like integers as integers. What is written is read back as equal
//! events; and what Jepsen wrote is written as it was, if its maps have keyword or integer keys, and keywords stand
//! nowhere else but as function, micro-operation or error.
//!
//! **Not a history**: a process that invokes while it has an operation open, or goes on after one that ended as `info`,
//! and a completion without an invocation. Files with such are refused with the line and the reason; no repair would be
//! sure not to change the verdict.

mod draft;
mod edn;
mod encode;
mod error_text;
mod forms;
pub mod log;
mod place;
mod plain;
mod print;
#[cfg(test)]
mod tests;

use std::io::BufRead;
use std::time::Duration;

pub(crate) use draft::{Draft, Order};
pub use encode::{Encoder, Style};
use error_text::Error;
pub(crate) use error_text::Rest;
use forms::Forms;

use crate::field::Field;
use crate::history::Builder;
use crate::json::{self, Fault};
use crate::scratch::Scratch;
use crate::{Event, F, Header, History, ReadError, Value};

/// The tag of a pair of key and value.
const TUPLE: &str = "#jepsen.independent.Tuple";

/// How the operations of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// The extensible data notation of Clojure.
    Edn,
    /// JSON.
    Json,
}

/// What a file does not say about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every client operation's value is a pair `[key value]`, as `jepsen.independent` writes them.
    pub keyed: bool,
    /// The function of operations that name none and are no transactions.
    pub f: Option<F>,
}

/// How many times were raised to keep the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retimed {
    /// How many events have another time than the file says.
    pub events: u64,
    /// The largest difference.
    pub most: Duration,
}

/// Reads events one by one, in memory bounded by the longest operation (at most 256 MiB).
pub struct Reader<R> {
    forms: Forms<R>,
    notation: Notation,
    options: Options,
    scratch: Scratch,
    order: Order,
    /// After an error it is not known where the next operation begins.
    failed: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader at the begin of a file.
    pub fn new(input: R, notation: Notation, options: Options) -> Self {
        Self {
            forms: Forms::new(input, notation),
            notation,
            options,
            scratch: Scratch::default(),
            order: Order::default(),
            failed: false,
        }
    }

    /// The line at which the last event read begins, from 1.
    pub fn line(&self) -> u64 {
        self.forms.line()
    }

    /// How many times were raised to keep the order, once all events are read.
    pub fn retimed(&self) -> Option<Retimed> {
        self.order.retimed()
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The operation is none, or the input cannot be read. Nothing more is read after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        if self.failed {
            return Ok(None);
        }
        let event = self.read_event();
        self.failed = event.is_err();
        event
    }

    fn read_event(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            let Some((form, begin)) = self.forms.next_form()? else {
                return Ok(None);
            };
            let scratch = &mut self.scratch;
            let draft = match self.notation {
                Notation::Edn => read_edn(form, scratch),
                Notation::Json => read_json(form, scratch).map(Some),
            };
            let event = draft.and_then(|draft| {
                let event = draft.map(|draft| draft.finish(&self.options, &mut self.order));
                event.transpose().map_err(|reason| Fault::new(0, reason))
            });
            match event {
                Ok(Some(event)) => return Ok(Some(event)),
                // All of it was discarded.
                Ok(None) => {}
                Err(fault) => return Err(begin.after(&form[..fault.at]).error(fault.reason)),
            }
        }
    }
}

/// Reads a whole history. O(bytes).
///
/// # Errors
/// The first operation that is none or cannot follow the ones before it.
pub fn read<R: BufRead>(
    input: R,
    notation: Notation,
    options: Options,
) -> Result<(History, Option<Retimed>), ReadError> {
    let mut reader = Reader::new(input, notation, options);
    let mut builder = Builder::new(Header::default());
    while let Some(event) = reader.next_event()? {
        let line = reader.line();
        builder
            .push(event)
            .map_err(|malformed| ReadError::Malformed { line, malformed })?;
    }
    Ok((builder.finish(), reader.retimed()))
}

/// Reads an operation map; `None` when the form discards itself.
fn read_edn(form: &[u8], scratch: &mut Scratch) -> Result<Option<Draft>, Fault> {
    let mut parser = edn::Parser::new(form, scratch)?;
    if parser.peek()?.is_none() {
        return Ok(None);
    }
    let begin = parser.at();
    if let Some(tag) = parser.tag()
        && !tag.ends_with(".Op")
    {
        let reason = format!("{tag} is no operation; #jepsen.history.Op or a plain map would be");
        return Err(Fault::new(begin, reason));
    }
    if parser.peek()? != Some(b'{') {
        return Err(Fault::new(parser.at(), "an operation is a map"));
    }
    let mut draft = Draft::new();
    parser.map(|parser| {
        let begin = parser.at();
        let Some(field) = parser.keyword().and_then(Field::from_name) else {
            parser.rewind(begin);
            let key = edn::squeeze(parser.form()?).into_owned();
            parser.value_of(begin)?;
            let form = edn::squeeze(parser.form()?).into_owned();
            draft.rest.unknown.push((key, form));
            return Ok(());
        };
        let fault = |at| move |reason| Fault::new(at, reason);
        draft.sees(field).map_err(fault(begin))?;
        parser.value_of(begin)?;
        let begin = parser.at();
        match field {
            Field::Error => draft.rest.error = edn_error(parser)?,
            Field::Value if parser.take(TUPLE) => {
                draft.tuple = true;
                let tuple = parser.value(1)?;
                let pair = (tuple.get("key"), tuple.get("value"));
                let value = match pair {
                    (Some(key), Some(value)) => Value::list([key.clone(), value.clone()]),
                    _ => tuple,
                };
                draft.set(field, value).map_err(fault(begin))?;
            }
            _ => {
                let value = parser.value(1)?;
                draft.set(field, value).map_err(fault(begin))?;
            }
        }
        Ok(())
    })?;
    match parser.peek()? {
        None => Ok(Some(draft)),
        Some(_) => Err(Fault::new(parser.at(), "this follows a whole operation")),
    }
}

fn edn_error(parser: &mut edn::Parser<'_, '_>) -> Result<Option<Error>, Fault> {
    if parser.peek()? == Some(b'"') {
        return Ok(Some(Error::Text(parser.string()?.into_owned())));
    }
    let form = edn::squeeze(parser.form()?);
    Ok((form != "nil").then(|| Error::Form(form.into_owned())))
}

fn read_json(form: &[u8], scratch: &mut Scratch) -> Result<Draft, Fault> {
    let mut parser = json::Parser::new(form, scratch)?;
    let mut draft = Draft::new();
    let mut error = Value::Nil;
    let mut unknown = Vec::new();
    parser.object(|parser, name| {
        let begin = parser.at();
        let Some(field) = Field::from_name(&name) else {
            unknown.push((name.into_owned(), parser.value(1)?));
            return Ok(());
        };
        let fault = |reason| Fault::new(begin, reason);
        draft.sees(field).map_err(fault)?;
        let value = parser.value(1)?;
        if field == Field::Error {
            error = value;
            return Ok(());
        }
        draft.set(field, value).map_err(fault)
    })?;
    parser.end()?;
    draft.rest = Rest::from_json(Some(&error), &unknown);
    Ok(draft)
}
