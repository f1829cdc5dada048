//! Reading a file whatever format it has, compressed or not.

use std::collections::VecDeque;
use std::io::{BufRead, Cursor, ErrorKind, Read};

use super::sniff::{LOOKED_AT, Seen, has_operation, look, unknown};
use super::{Format, Import};
use crate::compression::{Again, Input};
use crate::history::Builder;
use crate::jepsen::{self, Notation, Options, Retimed};
#[cfg(feature = "parquet")]
use crate::tables::{self, Container};
use crate::{Event, F, Header, History, Kind, Malformed, ReadError, Torn, Value, jsonl, sessions};

/// Reads the events of a file of any format, one by one.
pub struct Reader<R: BufRead> {
    source: Source<R>,
    format: Format,
    /// Events that were read to find out whether values hold keys, with their lines.
    ahead: VecDeque<(Event, u64)>,
    keys: Keys,
    /// The line of the last event given.
    line: u64,
}

enum Source<R: BufRead> {
    Schism(jsonl::Reader<Again<Input<R>>>),
    Jepsen(jepsen::Reader<Again<Input<R>>>),
    Log(jepsen::log::Reader<Again<Input<R>>>),
    Sessions(sessions::Reader),
    #[cfg(feature = "parquet")]
    Table(Box<tables::Reader<Again<Input<R>>>>),
}

#[cfg(feature = "parquet")]
fn table<R: BufRead>(
    input: Again<Input<R>>,
    format: Format,
    options: Options,
) -> Result<Source<R>, ReadError> {
    let container = match format {
        Format::Parquet => Container::Parquet,
        Format::ArrowFile => Container::ArrowFile,
        _ => Container::ArrowStream,
    };
    let reader = tables::Reader::new(input, container, options)?;
    Ok(Source::Table(Box::new(reader)))
}

#[cfg(not(feature = "parquet"))]
fn table<R: BufRead>(
    _: Again<Input<R>>,
    format: Format,
    _: Options,
) -> Result<Source<R>, ReadError> {
    let format = format.name();
    Err(ReadError::NotBuilt { format })
}

/// Whether client operations' values are pairs of key and value, as `jepsen.independent` writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// They are not, or the reader of Jepsen's operations takes them apart.
    Settled,
    /// That is to be found out.
    Unknown,
    /// They are: told by the first read that was invoked.
    InValues,
}

/// So many events are looked at for the first read.
const AHEAD_MOST: usize = 20_000;

impl<R: BufRead> Reader<R> {
    /// Looks which format the input has, and reads its begin. The options are for Jepsen's formats; there, values are
    /// taken to hold keys also when the first read is invoked with a value `[key nil]`.
    ///
    /// # Errors
    /// It has none of the formats, or cannot be read.
    pub fn new(input: R, options: Options) -> Result<Self, ReadError> {
        let io_error = |source| ReadError::Io { line: 1, source };
        let mut input = Input::new(input).map_err(io_error)?;
        let mut first = Vec::new();
        let format = loop {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_error(error)),
            };
            let len = chunk.len();
            first.extend_from_slice(chunk);
            input.consume(len);
            match look(&first) {
                Seen::Format(format) => break format,
                Seen::Json | Seen::Nothing | Seen::Text if len > 0 && first.len() < LOOKED_AT => {}
                Seen::Json => break Format::JepsenJson,
                Seen::Text if has_operation(&first) => break Format::JepsenLog,
                Seen::Nothing | Seen::Text | Seen::Other => return Err(unknown(&first)),
            }
        };
        let input = Cursor::new(first).chain(input);
        let keys = if options.keyed {
            Keys::Settled
        } else {
            Keys::Unknown
        };
        let by_session = |input, notation| {
            let reader = sessions::Reader::read(input, notation)?;
            Ok((Source::Sessions(reader), Keys::Settled))
        };
        let jepsen =
            |input, notation| Source::Jepsen(jepsen::Reader::new(input, notation, options.clone()));
        let (source, keys) = match format {
            Format::Schism => (Source::Schism(jsonl::Reader::new(input)?), Keys::Settled),
            Format::JepsenEdn => (jepsen(input, Notation::Edn), keys),
            Format::JepsenJson => (jepsen(input, Notation::Json), keys),
            Format::JepsenLog => (Source::Log(jepsen::log::Reader::new(input, options)), keys),
            Format::Plume => by_session(input, sessions::Notation::Plume)?,
            Format::Awdit => by_session(input, sessions::Notation::Awdit)?,
            Format::Dbcop => by_session(input, sessions::Notation::Dbcop)?,
            Format::Cobra => by_session(input, sessions::Notation::Cobra)?,
            Format::Parquet | Format::ArrowFile | Format::ArrowStream => {
                (table(input, format, options)?, Keys::Settled)
            }
        };
        Ok(Self {
            source,
            format,
            ahead: VecDeque::new(),
            keys,
            line: 1,
        })
    }

    /// A reader of the logs of Cobra, one a session.
    ///
    /// # Errors
    /// The first log of which some part cannot be read, by its place among them.
    pub fn cobra(logs: impl IntoIterator<Item = R>) -> Result<Self, (usize, ReadError)> {
        Ok(Self {
            source: Source::Sessions(sessions::Reader::cobra(logs)?),
            format: Format::Cobra,
            ahead: VecDeque::new(),
            keys: Keys::Settled,
            line: 0,
        })
    }

    /// The format of the input.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What the history says about itself; others than our own say nothing.
    pub fn header(&self) -> Header {
        match &self.source {
            Source::Schism(reader) => reader.header().clone(),
            #[cfg(feature = "parquet")]
            Source::Table(reader) => reader.header().clone(),
            _ => Header::default(),
        }
    }

    /// The line of the last event read, from 1; 0 in a binary file; in a table its row, from 0.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The cut-off last line, once all events are read. Of our own format only: others that are cut off are refused.
    pub fn torn(&self) -> Option<Torn> {
        match &self.source {
            Source::Schism(reader) => reader.torn(),
            _ => None,
        }
    }

    /// How many times were raised to keep the order, once all events are read. Of Jepsen's formats only.
    pub fn retimed(&self) -> Option<Retimed> {
        match &self.source {
            Source::Jepsen(reader) => reader.retimed(),
            #[cfg(feature = "parquet")]
            Source::Table(reader) => reader.retimed(),
            _ => None,
        }
    }

    /// Whether each client operation's value was a pair of key and value, which the file does not say itself.
    pub fn found_keys(&self) -> bool {
        self.keys == Keys::InValues
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// What comes next is no event, or the input cannot be read. Reading can not go on after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        if self.keys == Keys::Unknown {
            self.look_for_keys()?;
        }
        let next = match self.ahead.pop_front() {
            Some(next) => Some(next),
            None => self.read()?,
        };
        let Some((event, line)) = next else {
            return Ok(None);
        };
        self.line = line;
        if self.keys != Keys::InValues || event.process.is_nemesis() || !event.key.is_nil() {
            return Ok(Some(event));
        }
        let pair = event.value.as_pair().map(|(k, v)| (k.clone(), v.clone()));
        match pair {
            Some((key, value)) => Ok(Some(Event {
                key,
                value,
                ..event
            })),
            // What did not succeed may say nothing but why.
            None if event.value.is_nil() && matches!(event.kind, Kind::Fail | Kind::Info) => {
                Ok(Some(event))
            }
            None => Err(ReadError::Syntax {
                line,
                column: 1,
                reason: format!(
                    "its value is {}, but the values before are pairs of key and value",
                    event.value
                ),
            }),
        }
    }

    /// Reads the next event into a history; false at the end. Our own format is read much faster this way than by
    /// [`Reader::next_event`] and [`Builder::push`].
    ///
    /// # Errors
    /// What comes next is no event, or cannot follow the ones before it, or the input cannot be read. Reading can not go
    /// on after that.
    pub fn next_into(&mut self, builder: &mut Builder) -> Result<bool, ReadError> {
        if let Source::Schism(reader) = &mut self.source {
            let more = reader.next_into(builder)?;
            self.line = reader.line();
            return Ok(more);
        }
        let Some(event) = self.next_event()? else {
            return Ok(false);
        };
        let pushed = builder.push(event);
        pushed.map_err(|malformed| self.refusal(malformed))?;
        Ok(true)
    }

    /// Why reading ends when the last event given cannot follow the ones before it.
    pub fn refusal(&self, malformed: Malformed) -> ReadError {
        match self.format {
            Format::Parquet | Format::ArrowFile | Format::ArrowStream => ReadError::Row {
                row: self.line,
                reason: malformed.to_string(),
            },
            _ => ReadError::Malformed {
                line: self.line,
                malformed,
            },
        }
    }

    fn read(&mut self) -> Result<Option<(Event, u64)>, ReadError> {
        let event = match &mut self.source {
            Source::Schism(reader) => reader.next_event()?,
            Source::Jepsen(reader) => reader.next_event()?,
            Source::Log(reader) => reader.next_event()?,
            Source::Sessions(reader) => reader.next_event(),
            #[cfg(feature = "parquet")]
            Source::Table(reader) => reader.next_event()?,
        };
        let line = match &self.source {
            Source::Schism(reader) => reader.line(),
            Source::Jepsen(reader) => reader.line(),
            Source::Log(reader) => reader.line(),
            Source::Sessions(reader) => reader.line(),
            #[cfg(feature = "parquet")]
            Source::Table(reader) => reader.row(),
        };
        Ok(event.map(|event| (event, line)))
    }

    /// What was read, with what is particular about the file; once all events are read and the history is built.
    pub fn import(&self, history: History) -> Import {
        Import {
            history,
            format: self.format(),
            torn: self.torn(),
            retimed: self.retimed(),
            found_keys: self.found_keys(),
        }
    }

    /// Reads up to the first read that is invoked: with a value `[key nil]`, values hold keys.
    fn look_for_keys(&mut self) -> Result<(), ReadError> {
        self.keys = Keys::Settled;
        while self.ahead.len() < AHEAD_MOST {
            let Some((event, line)) = self.read()? else {
                return Ok(());
            };
            let is_read = event.kind == Kind::Invoke && event.f == F::Read;
            let is_read = is_read && !event.process.is_nemesis();
            if is_read && event.key.is_nil() {
                let pair = event.value.as_pair();
                if matches!(pair, Some((key, Value::Nil)) if !key.is_nil()) {
                    self.keys = Keys::InValues;
                }
            }
            self.ahead.push_back((event, line));
            if is_read {
                return Ok(());
            }
        }
        Ok(())
    }
}
