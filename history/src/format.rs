//! History files of any format: which one a file has, and reading it whatever it is, compressed or not.

use std::collections::VecDeque;
use std::io::{BufRead, Cursor, ErrorKind, Read};

use crate::compression::{Again, Input};
use crate::history::Builder;
use crate::jepsen::{self, Notation, Options, Retimed};
use crate::sessions::{self, Guess};
use crate::{Event, F, Header, History, Kind, ReadError, Torn, Value, jsonl};

/// A format that histories are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `history.jsonl`, this crate's own: see [`jsonl`].
    Schism,
    /// Operation maps in EDN, as Jepsen, Knossos and Elle write them: see [`jepsen`].
    JepsenEdn,
    /// Operation maps in JSON, as elle-cli reads them: see [`jepsen`].
    JepsenJson,
    /// Operations on lines of a log, as Jepsen prints them: see [`jepsen::log`].
    JepsenLog,
    /// Plume's text: see [`sessions`].
    Plume,
    /// AWDIT's text: see [`sessions`].
    Awdit,
    /// dbcop's bincode: see [`sessions`].
    Dbcop,
    /// Cobra's log of a session: see [`sessions`].
    Cobra,
}

impl Format {
    /// What to call it to a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schism => "schism history",
            Self::JepsenEdn => "Jepsen history in EDN",
            Self::JepsenJson => "Jepsen history in JSON",
            Self::JepsenLog => "Jepsen log",
            Self::Plume => "Plume history",
            Self::Awdit => "AWDIT history",
            Self::Dbcop => "dbcop history",
            Self::Cobra => "Cobra log",
        }
    }

    /// Whether it says when operations ran; without, those of different sessions count as concurrent.
    pub const fn has_times(self) -> bool {
        match self {
            Self::Schism | Self::JepsenEdn | Self::JepsenJson | Self::JepsenLog => true,
            Self::Plume | Self::Awdit | Self::Dbcop | Self::Cobra => false,
        }
    }

    const fn of_sessions(notation: sessions::Notation) -> Self {
        match notation {
            sessions::Notation::Plume => Self::Plume,
            sessions::Notation::Awdit => Self::Awdit,
            sessions::Notation::Dbcop => Self::Dbcop,
            sessions::Notation::Cobra => Self::Cobra,
        }
    }
}

/// How much of a file is looked at, at most: a license or a story in comments may stand before the first operation.
const LOOKED_AT: usize = 64 << 10;

/// The format of a file that begins with these bytes: its first line, or the first few thousand bytes.
///
/// `None` when it is none of these, or when there is nothing but white space and comments. A compressed file must be
/// uncompressed first.
pub fn sniff(first: &[u8]) -> Option<Format> {
    match look(first) {
        Seen::Format(format) => Some(format),
        // As far as it goes, this is the first line.
        Seen::Json => Some(Format::JepsenJson),
        Seen::Text if has_operation(first) => Some(Format::JepsenLog),
        Seen::Nothing | Seen::Text | Seen::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Format(Format),
    /// JSON, and its first line is not whole yet.
    Json,
    /// Nothing but what may stand before any operation.
    Nothing,
    /// Lines of a log, none of which says an operation yet.
    Text,
    Other,
}

fn look(first: &[u8]) -> Seen {
    match sessions::sniff(first) {
        Guess::Is(notation) => return Seen::Format(Format::of_sessions(notation)),
        Guess::Undecided => return Seen::Nothing,
        Guess::Other => {}
    }
    match look_for_maps(first) {
        Seen::Other => match first.iter().rposition(|&byte| byte == b'\n') {
            Some(end) if has_operation(&first[..end]) => Seen::Format(Format::JepsenLog),
            _ if first.contains(&0) => Seen::Other,
            _ => Seen::Text,
        },
        seen => seen,
    }
}

/// Whether some line is an operation of a log.
fn has_operation(lines: &[u8]) -> bool {
    let mut lines = lines.split(|&byte| byte == b'\n');
    lines.any(jepsen::log::is_operation)
}

fn look_for_maps(first: &[u8]) -> Seen {
    let edn = Seen::Format(Format::JepsenEdn);
    let Some(begin) = skip_blank(first) else {
        return Seen::Nothing;
    };
    let rest = &first[begin..];
    match rest[0] {
        // Comments stand in EDN only, whatever follows them.
        _ if first[..begin].contains(&b';') => match rest[0] {
            b'{' | b'[' | b'(' | b'#' => edn,
            _ => Seen::Other,
        },
        b'#' => edn,
        b'(' => match skip_blank(&rest[1..]).map(|next| rest[1 + next]) {
            None => Seen::Nothing,
            Some(b'{' | b')' | b'#') => edn,
            Some(_) => Seen::Other,
        },
        b'[' => match skip_blank(&rest[1..]).map(|next| &rest[1 + next..]) {
            None => Seen::Nothing,
            Some(map @ [b'{', ..]) => {
                look_into_map(map).unwrap_or(Seen::Format(Format::JepsenJson))
            }
            Some([b']' | b'#', ..]) => edn,
            Some(_) => Seen::Other,
        },
        b'{' => look_into_map(rest).unwrap_or_else(|| look_for_header(rest)),
        _ => Seen::Other,
    }
}

/// Looks at the first key of a map; `None` when it is JSON.
fn look_into_map(map: &[u8]) -> Option<Seen> {
    let inside = &map[1..];
    match skip_blank(inside).map(|next| inside[next]) {
        None => Some(Seen::Nothing),
        Some(b'"') => None,
        Some(b'}') => Some(Seen::Format(Format::JepsenJson)),
        Some(_) => Some(Seen::Format(Format::JepsenEdn)),
    }
}

/// Looks for the name in the header of our own format, wherever on the first line it stands.
fn look_for_header(bytes: &[u8]) -> Seen {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let line = &bytes[..end.unwrap_or(bytes.len())];
    let name = b"\"schism\"";
    let is_header = line.windows(name.len()).enumerate().any(|(at, window)| {
        let rest = &line[at + window.len()..];
        let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
        window == name && next == Some(&b':')
    });
    match (is_header, end) {
        (true, _) => Seen::Format(Format::Schism),
        (false, Some(_)) => Seen::Format(Format::JepsenJson),
        (false, None) => Seen::Json,
    }
}

/// Where the first byte stands that is neither white space nor in a comment of EDN.
fn skip_blank(bytes: &[u8]) -> Option<usize> {
    let mut in_comment = false;
    bytes.iter().position(|&byte| match byte {
        b'\n' => {
            in_comment = false;
            false
        }
        b';' => {
            in_comment = true;
            false
        }
        b' ' | b'\t' | b'\r' | b',' => false,
        _ => !in_comment,
    })
}

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
            _ => Header::default(),
        }
    }

    /// The line of the last event read, from 1; 0 in a binary file.
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

    /// Reads the next event into a builder, which for our own format is faster than to push it; false at the end.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event), or the event cannot follow the ones before it.
    pub fn next_into(&mut self, builder: &mut Builder) -> Result<bool, ReadError> {
        if let Source::Schism(reader) = &mut self.source {
            let more = reader.next_into(builder);
            self.line = reader.line();
            return more;
        }
        let Some(event) = self.next_event()? else {
            return Ok(false);
        };
        let line = self.line;
        let pushed = builder.push(event);
        pushed.map_err(|malformed| ReadError::Malformed { line, malformed })?;
        Ok(true)
    }

    fn read(&mut self) -> Result<Option<(Event, u64)>, ReadError> {
        let event = match &mut self.source {
            Source::Schism(reader) => reader.next_event()?,
            Source::Jepsen(reader) => reader.next_event()?,
            Source::Log(reader) => reader.next_event()?,
            Source::Sessions(reader) => reader.next_event(),
        };
        let line = match &self.source {
            Source::Schism(reader) => reader.line(),
            Source::Jepsen(reader) => reader.line(),
            Source::Log(reader) => reader.line(),
            Source::Sessions(reader) => reader.line(),
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

/// A history that was read, and what was particular about its file.
#[derive(Debug)]
pub struct Import {
    /// The history.
    pub history: History,
    /// The format that the file has.
    pub format: Format,
    /// The last line, if it was cut off.
    pub torn: Option<Torn>,
    /// The times that were raised to keep the order, if any were.
    pub retimed: Option<Retimed>,
    /// Whether client operations' values were found to be pairs of key and value.
    pub found_keys: bool,
}

/// Reads a whole history of any format. O(bytes).
///
/// # Errors
/// It has none of the formats, or an event that is none or cannot follow the ones before it.
///
/// ```
/// use schism_history::format::{self, Format};
///
/// let file = b"{:type :invoke, :process 0, :f :read, :value nil}
///              {:type :ok,     :process 0, :f :read, :value 7}";
/// let import = format::read_any(&file[..], Default::default())?;
/// assert_eq!(import.format, Format::JepsenEdn);
/// assert_eq!(import.history.len(), 1);
/// # Ok::<(), schism_history::ReadError>(())
/// ```
pub fn read_any<R: BufRead>(input: R, options: Options) -> Result<Import, ReadError> {
    let mut reader = Reader::new(input, options)?;
    let mut builder = Builder::new(reader.header());
    while reader.next_into(&mut builder)? {}
    Ok(reader.import(builder.finish()))
}

fn unknown(first: &[u8]) -> ReadError {
    let reason = match first {
        [] => "the file is empty".to_owned(),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed twice".to_owned(),
        [b'J', b'E', b'P', b'S', b'E', b'N', 0, ..] => {
            "it is Jepsen's binary format; history.edn or history.txt beside it can be read"
                .to_owned()
        }
        [b'P', b'A', b'R', b'1', ..] => "it is a Parquet file".to_owned(),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => "it is an Arrow file".to_owned(),
        _ => {
            let begin = skip_blank(first).unwrap_or_default();
            let begin = String::from_utf8_lossy(&first[begin..first.len().min(begin + 64)]);
            let word: String = begin.chars().take(16).collect();
            format!("it begins with {word:?}")
        }
    };
    ReadError::NoHistory { reason }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::{Malformed, Outcome};

    const SCHISM: &str = r#"{"schism":"history","version":1,"nodes":["n1"]}
{"index":0,"time":5,"process":0,"type":"invoke","f":"read","node":"n1"}
{"index":1,"time":9,"process":0,"type":"ok","f":"read","value":7}
"#;
    const EDN: &str = "; a read\n{:type :invoke, :process 0, :f :read, :time 5}
        {:type :ok, :process 0, :f :read, :value 7, :time 9}";
    const JSON: &str = r#"[{"type":"invoke","process":0,"f":"read","time":5},
        {"type":"ok","process":0,"f":"read","value":7,"time":9}]"#;

    #[test]
    fn the_first_bytes_tell_the_format() {
        use Format::{Awdit, Cobra, JepsenEdn, JepsenJson, JepsenLog, Plume, Schism};
        let cases = [
            (SCHISM, Some(Schism)),
            (
                r#" { "version": 1, "name": "a", "schism" : "history" }"#,
                Some(Schism),
            ),
            (EDN, Some(JepsenEdn)),
            (JSON, Some(JepsenJson)),
            ("{:type :ok}", Some(JepsenEdn)),
            (" , [\n{:type :ok}", Some(JepsenEdn)),
            ("[ ; {\"a\": 1}\n {:type :ok}", Some(JepsenEdn)),
            ("({:type :ok})", Some(JepsenEdn)),
            ("#jepsen.history.Op{:type :ok}", Some(JepsenEdn)),
            ("[#jepsen.history.Op{:type :ok}", Some(JepsenEdn)),
            ("; {\"type\": 1}\n{\"type\" 1}", Some(JepsenEdn)),
            ("[]", Some(JepsenEdn)),
            (r#"{"type":"ok"}"#, Some(JepsenJson)),
            (r#"{"type":"ok","value":"schism"}"#, Some(JepsenJson)),
            ("{\"type\":\"ok\"}\n{\"schism\":1}", Some(JepsenJson)),
            ("{\n\"type\":\"ok\"}", Some(JepsenJson)),
            ("", None),
            (" \n; nothing yet", None),
            ("( {:type :ok})", Some(JepsenEdn)),
            ("(", None),
            ("(defn a [])", None),
            ("[", None),
            ("{", None),
            ("INFO  jepsen.util - 0 :invoke", None),
            (
                "INFO jepsen.core - up\nINFO  jepsen.util - 0\t:invoke\t:read\tnil",
                Some(JepsenLog),
            ),
            ("0 :invoke :write 3", Some(JepsenLog)),
            ("w(1,5,0,3)", Some(Plume)),
            ("r 1 5\n", Some(Awdit)),
            ("S\0\0\0\0\0\0\x10\0R", Some(Cobra)),
            ("time,process", None),
            ("[1, 2]", None),
            ("; a\n7", None),
        ];
        for (text, format) in cases {
            assert_eq!(sniff(text.as_bytes()), format, "{text}");
        }
    }

    #[test]
    fn every_format_is_read_whatever_the_size_of_chunks() {
        let cases = [
            (SCHISM, Format::Schism),
            (EDN, Format::JepsenEdn),
            (JSON, Format::JepsenJson),
        ];
        for (text, format) in cases {
            for chunk in [1, 7, 10_000] {
                let input = BufReader::with_capacity(chunk, text.as_bytes());
                let import = read_any(input, Options::default()).unwrap();
                assert_eq!(import.format, format);
                assert_eq!((import.torn, import.retimed), (None, None));
                let read = import.history.operations().next().unwrap();
                assert_eq!(read.outcome, Outcome::Ok);
                assert_eq!(read.output().as_int(), Some(7));
                assert_eq!(read.latency().unwrap().as_nanos(), 4);
            }
        }
        let import = read_any(SCHISM.as_bytes(), Options::default()).unwrap();
        assert_eq!(import.history.header().nodes.len(), 1);
    }

    #[test]
    fn what_is_particular_about_a_file_is_told() {
        let torn = &SCHISM.as_bytes()[..SCHISM.len() - 5];
        let import = read_any(torn, Options::default()).unwrap();
        assert_eq!(import.torn.map(|torn| torn.line), Some(3));
        let late = EDN.replace(":time 9", ":time 4");
        let import = read_any(late.as_bytes(), Options::default()).unwrap();
        assert_eq!(import.retimed.map(|retimed| retimed.events), Some(1));
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "the file is empty"),
            (b"JEPSEN\0\0\0\x01", "history.edn or history.txt beside it"),
            (b"PAR1\x15\x04", "it is a Parquet file"),
            (b"hello\nworld", "it begins with \"hello"),
            (
                b"\n\ntime,process,value\n",
                "it begins with \"time,process,val\"",
            ),
            (b"\xff\xfe", "it begins with"),
        ];
        for (bytes, expected) in cases {
            let error = read_any(bytes, Options::default()).unwrap_err().to_string();
            assert!(
                error.starts_with("line 1: this is no history (") && error.contains(expected),
                "{error}"
            );
        }
        let endless = BufReader::new(std::io::repeat(b' '));
        assert!(read_any(endless, Options::default()).is_err());
        let twice = format!("{EDN}{EDN}").replace(":ok", ":invoke");
        let error = read_any(twice.as_bytes(), Options::default()).unwrap_err();
        let ReadError::Malformed { line, malformed } = error else {
            panic!("{error}")
        };
        assert_eq!(line, 3);
        assert!(matches!(malformed, Malformed::StillOpen { .. }));
    }

    #[test]
    fn a_compressed_file_is_read_as_it_is() {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(EDN.as_bytes()).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(EDN.as_bytes(), level);
        for bytes in [gzip.finish().unwrap(), zstd] {
            let import = read_any(&bytes[..], Options::default()).unwrap();
            assert_eq!(
                (import.format, import.history.len()),
                (Format::JepsenEdn, 1)
            );
        }
    }

    const KEYED: &str = "{:type :invoke, :process 0, :f :write, :value [7 1]}
        {:type :ok, :process 0, :f :write, :value [7 1]}
        {:type :invoke, :process 1, :f :read, :value [7 nil]}
        {:type :ok, :process 1, :f :read, :value [7 1]}
        {:type :info, :process :nemesis, :f :start, :value nil}
        {:type :invoke, :process 1, :f :cas, :value [7 [1 2]]}
        {:type :info, :process 1, :f :cas, :value nil, :error :timeout}";

    #[test]
    fn keys_in_values_are_found() {
        let import = read_any(KEYED.as_bytes(), Options::default()).unwrap();
        assert!(import.found_keys);
        for operation in import.history.operations() {
            assert_eq!(operation.key().as_int(), Some(7), "{operation}");
        }
        let asked = Options {
            keyed: true,
            f: None,
        };
        let keyed = KEYED.replace(":value nil, :error", ":value [7 [1 2]], :error");
        assert!(!read_any(keyed.as_bytes(), asked).unwrap().found_keys);
        let other = KEYED.replace(":cas, :value [7 [1 2]]", ":cas, :value 9");
        let error = read_any(other.as_bytes(), Options::default()).unwrap_err();
        let expected = "line 6, column 1: its value is 9, but the values before are pairs";
        assert!(error.to_string().starts_with(expected), "{error}");
        // A compare-and-set is no pair of key and value.
        let plain = KEYED.replace("[7 nil]", "nil");
        assert!(
            !read_any(plain.as_bytes(), Options::default())
                .unwrap()
                .found_keys
        );
    }

    #[test]
    fn a_transaction_needs_no_function() {
        let text = "{:index 0 :process 1 :type :invoke :value [[:append 5 1]]}
            {:index 1 :process 1 :type :ok :value [[:append 5 1]]}";
        let import = read_any(text.as_bytes(), Options::default()).unwrap();
        assert_eq!(*import.history.operations().next().unwrap().f(), F::Txn);
        let text = text.replace("[[:append 5 1]]", "7");
        let error = read_any(text.as_bytes(), Options::default()).unwrap_err();
        assert!(
            error.to_string().contains("this operation has no f"),
            "{error}"
        );
    }

    /// A history of each format.
    fn examples() -> Vec<Vec<u8>> {
        let log = "0\t:invoke\t:read\tnil\n0\t:ok\t:read\t4\n1\t:invoke\t:cas\t[1 2]\n1\t:info\t:cas\t:x\n";
        let texts = [SCHISM, EDN, JSON, KEYED, log].map(|text| text.as_bytes().to_vec());
        let mut examples = Vec::from(texts);
        examples.extend(sessions::tests::examples());
        examples
    }

    proptest::proptest! {
        /// Whatever happens to a file on its way, it is read or refused.
        #[test]
        fn no_damage_makes_a_reader_panic(
            which in 0..examples().len(),
            changes in proptest::collection::vec((0..3_usize, 0..400_usize, proptest::num::u8::ANY), 1..6),
            chunk in 1..40_usize,
        ) {
            let mut bytes = examples().swap_remove(which);
            for (what, at, byte) in changes {
                let at = at % bytes.len().max(1);
                match what {
                    0 if at < bytes.len() => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => bytes.truncate(at),
                }
            }
            let input = BufReader::with_capacity(chunk, &bytes[..]);
            if let Err(error) = read_any(input, Options::default()) {
                proptest::prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
