//! History files of any format: which one a file has, and reading it whatever it is.

use std::io::{BufRead, Chain, Cursor, ErrorKind, Read};

use crate::history::Builder;
use crate::jepsen::{self, Notation, Options, Retimed};
use crate::{Event, Header, History, ReadError, Torn, jsonl};

/// A format that histories are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `history.jsonl`, this crate's own: see [`jsonl`].
    Schism,
    /// Operation maps in EDN, as Jepsen, Knossos and Elle write them: see [`jepsen`].
    JepsenEdn,
    /// Operation maps in JSON, as elle-cli reads them: see [`jepsen`].
    JepsenJson,
}

impl Format {
    /// What to call it to a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schism => "schism history",
            Self::JepsenEdn => "Jepsen history in EDN",
            Self::JepsenJson => "Jepsen history in JSON",
        }
    }
}

/// How much of a file is looked at, at most: a license or a story in comments may stand before the first operation.
const LOOKED_AT: usize = 64 << 10;

/// The format of a file that begins with these bytes: its first line, or the first few thousand bytes.
///
/// `None` when it is none of these, or when there is nothing but white space and comments.
pub fn sniff(first: &[u8]) -> Option<Format> {
    match look(first) {
        Seen::Format(format) => Some(format),
        // As far as it goes, this is the first line.
        Seen::Json => Some(Format::JepsenJson),
        Seen::Nothing | Seen::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Format(Format),
    /// JSON, and its first line is not whole yet.
    Json,
    /// Nothing but what may stand before any operation.
    Nothing,
    Other,
}

fn look(first: &[u8]) -> Seen {
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
pub enum Reader<R> {
    /// Of our own format.
    Schism(jsonl::Reader<Sniffed<R>>),
    /// Of Jepsen's.
    Jepsen(jepsen::Reader<Sniffed<R>>, Notation),
}

/// The input again, with the bytes that were looked at.
type Sniffed<R> = Chain<Cursor<Vec<u8>>, R>;

impl<R: BufRead> Reader<R> {
    /// Looks which format the input has, and reads its begin. The options are for Jepsen's formats.
    ///
    /// # Errors
    /// It has none of the formats, or cannot be read.
    pub fn new(mut input: R, options: Options) -> Result<Self, ReadError> {
        let mut first = Vec::new();
        let io_error = |source| ReadError::Io { line: 1, source };
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
                Seen::Json | Seen::Nothing if len > 0 && first.len() < LOOKED_AT => {}
                Seen::Json => break Format::JepsenJson,
                Seen::Nothing | Seen::Other => return Err(unknown(&first)),
            }
        };
        let input = Cursor::new(first).chain(input);
        Ok(match format {
            Format::Schism => Self::Schism(jsonl::Reader::new(input)?),
            Format::JepsenEdn => Self::jepsen(input, Notation::Edn, options),
            Format::JepsenJson => Self::jepsen(input, Notation::Json, options),
        })
    }

    fn jepsen(input: Sniffed<R>, notation: Notation, options: Options) -> Self {
        Self::Jepsen(jepsen::Reader::new(input, notation, options), notation)
    }

    /// The format of the input.
    pub fn format(&self) -> Format {
        match self {
            Self::Schism(_) => Format::Schism,
            Self::Jepsen(_, Notation::Edn) => Format::JepsenEdn,
            Self::Jepsen(_, Notation::Json) => Format::JepsenJson,
        }
    }

    /// What the history says about itself; Jepsen's say nothing.
    pub fn header(&self) -> Header {
        match self {
            Self::Schism(reader) => reader.header().clone(),
            Self::Jepsen(..) => Header::default(),
        }
    }

    /// The line of the last event read, from 1.
    pub fn line(&self) -> u64 {
        match self {
            Self::Schism(reader) => reader.line(),
            Self::Jepsen(reader, _) => reader.line(),
        }
    }

    /// The cut-off last line, once all events are read. Of our own format only: others that are cut off are refused.
    pub fn torn(&self) -> Option<Torn> {
        match self {
            Self::Schism(reader) => reader.torn(),
            Self::Jepsen(..) => None,
        }
    }

    /// How many times were raised to keep the order, once all events are read. Of Jepsen's formats only.
    pub fn retimed(&self) -> Option<Retimed> {
        match self {
            Self::Schism(_) => None,
            Self::Jepsen(reader, _) => reader.retimed(),
        }
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// What comes next is no event, or the input cannot be read. Reading can not go on after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        match self {
            Self::Schism(reader) => reader.next_event(),
            Self::Jepsen(reader, _) => reader.next_event(),
        }
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
    while let Some(event) = reader.next_event()? {
        let line = reader.line();
        builder
            .push(event)
            .map_err(|malformed| ReadError::Malformed { line, malformed })?;
    }
    Ok(Import {
        history: builder.finish(),
        format: reader.format(),
        torn: reader.torn(),
        retimed: reader.retimed(),
    })
}

fn unknown(first: &[u8]) -> ReadError {
    let reason = match first {
        [] => "the file is empty".to_owned(),
        [0x1f, 0x8b, ..] => "it is compressed by gzip; uncompress it first".to_owned(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed by zstd; uncompress it first".to_owned(),
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
        use Format::{JepsenEdn, JepsenJson, Schism};
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
        let cases: [(&[u8], &str); 5] = [
            (b"", "the file is empty"),
            (b"\x1f\x8b\x08", "compressed by gzip"),
            (b"\x28\xb5\x2f\xfd\x04", "compressed by zstd"),
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
}
