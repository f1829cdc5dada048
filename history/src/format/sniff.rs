//! Which format a file has, by its first bytes.

use super::Format;
use crate::sessions::{self, Guess};
use crate::{ReadError, jepsen};

/// How much of a file is looked at, at most: a license or a story in comments may stand before the first operation.
pub(super) const LOOKED_AT: usize = 64 << 10;

/// What tables begin with. A stream's is the mark of its first message, the schema.
const TABLES: [(&[u8], Format); 3] = [
    (b"PAR1", Format::Parquet),
    (b"ARROW1", Format::ArrowFile),
    (&[0xff; 4], Format::ArrowStream),
];

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
pub(super) enum Seen {
    Format(Format),
    /// JSON, and its first line is not whole yet.
    Json,
    /// Nothing but what may stand before any operation.
    Nothing,
    /// Lines of a log, none of which says an operation yet.
    Text,
    Other,
}

pub(super) fn look(first: &[u8]) -> Seen {
    for (magic, format) in TABLES {
        if first.starts_with(magic) {
            return Seen::Format(format);
        }
        if !first.is_empty() && magic.starts_with(first) {
            return Seen::Nothing;
        }
    }
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
pub(super) fn has_operation(lines: &[u8]) -> bool {
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

/// It is none of those that can be read: what it is instead.
pub(super) fn unknown(first: &[u8]) -> ReadError {
    let reason = match first {
        [] => "the file is empty".to_owned(),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed twice".to_owned(),
        [b'J', b'E', b'P', b'S', b'E', b'N', 0, ..] => {
            "it is Jepsen's binary format; history.edn or history.txt beside it can be read"
                .to_owned()
        }
        [b'P', b'A', b'R', b'E', ..] => "it is an encrypted Parquet file".to_owned(),
        _ => {
            let begin = skip_blank(first).unwrap_or_default();
            let begin = String::from_utf8_lossy(&first[begin..first.len().min(begin + 64)]);
            let word: String = begin.chars().take(16).collect();
            format!("it begins with {word:?}")
        }
    };
    ReadError::NoHistory { reason }
}
