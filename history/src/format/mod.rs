//! History files of any format: which one a file has, and reading it whatever it is, compressed or not.

mod reader;
mod sniff;
#[cfg(test)]
mod tests;

use std::io::BufRead;

use crate::history::Builder;
use crate::jepsen::{Options, Retimed};
use crate::{History, ReadError, Torn, sessions};

pub use reader::Reader;
pub use sniff::sniff;

/// A format that histories are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `history.jsonl`, this crate's own: see [`jsonl`](crate::jsonl).
    Schism,
    /// Operation maps in EDN, as Jepsen, Knossos and Elle write them: see [`jepsen`](crate::jepsen).
    JepsenEdn,
    /// Operation maps in JSON, as elle-cli reads them: see [`jepsen`](crate::jepsen).
    JepsenJson,
    /// Operations on lines of a log, as Jepsen prints them: see [`jepsen::log`](crate::jepsen::log).
    JepsenLog,
    /// Plume's text: see [`sessions`].
    Plume,
    /// AWDIT's text: see [`sessions`].
    Awdit,
    /// dbcop's bincode: see [`sessions`].
    Dbcop,
    /// Cobra's log of a session: see [`sessions`].
    Cobra,
    /// A table in a Parquet file; read and written with the feature `parquet`, as the next two.
    Parquet,
    /// A table in an Arrow IPC file, also called Feather.
    ArrowFile,
    /// A table in an Arrow IPC stream.
    ArrowStream,
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
            Self::Parquet => "Parquet file",
            Self::ArrowFile => "Arrow file",
            Self::ArrowStream => "Arrow stream",
        }
    }

    /// Whether it says when operations ran; without, those of different sessions count as concurrent.
    pub const fn has_times(self) -> bool {
        !matches!(self, Self::Plume | Self::Awdit | Self::Dbcop | Self::Cobra)
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
