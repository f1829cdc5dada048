//! Why a history file cannot be read, whichever format it has.

use std::io;

use crate::Malformed;
use crate::jsonl::VERSION;

/// Why a history file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read at all.
    #[error("line {line}: {source}")]
    Io {
        /// The line at which reading failed, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The first line is no header of ours.
    #[error("line 1: this is not the header of a schism history ({reason})")]
    NoHeader {
        /// What it is instead.
        reason: String,
    },
    /// It has none of the formats that this crate reads.
    #[error(
        "line 1: this is no history ({reason}); a history.jsonl of schism would be one, a history or log of Jepsen, Elle, Porcupine or Maelstrom, one of Plume, AWDIT, dbcop or Cobra, or a table in Parquet or Arrow"
    )]
    NoHistory {
        /// What it is instead.
        reason: String,
    },
    /// A newer program wrote it.
    #[error(
        "line 1: the history has format version {found}; this program reads up to version {VERSION}"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// A line is no event.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The column, in bytes, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A part of a binary file is not what should stand there.
    #[error("byte {at}: {reason}")]
    Binary {
        /// Where reading stopped, in bytes from the begin of the uncompressed file.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A table has not the columns of a history, or is damaged.
    #[error("{reason}")]
    Table {
        /// What is wrong.
        reason: String,
    },
    /// A cell of a table is not what its column holds.
    #[error("row {row}, column {column:?}: {reason}")]
    Cell {
        /// The row, from 0.
        row: u64,
        /// The column's name.
        column: String,
        /// What is wrong there.
        reason: String,
    },
    /// A row of a table is no event, or one that cannot follow the ones before it.
    #[error("row {row}: {reason}")]
    Row {
        /// The row, from 0.
        row: u64,
        /// What is wrong.
        reason: String,
    },
    /// This program was built without what reads the format.
    #[error(
        "this is a table ({format}), which this build of schism does not read; one with the feature parquet does: cargo install --path . --features parquet"
    )]
    NotBuilt {
        /// The format, by its name.
        format: &'static str,
    },
    /// An event that cannot follow the ones before it.
    #[error("line {line}: {malformed}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        malformed: Malformed,
    },
}

/// The last line of a file that was cut off while it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The line, from 1.
    pub line: u64,
    /// How many bytes of it there are.
    pub bytes: usize,
}
