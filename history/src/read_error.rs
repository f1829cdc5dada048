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
        "line 1: this is no history ({reason}); a history.jsonl of schism would be one, a history or log of Jepsen, Elle, Porcupine or Maelstrom, or one of Plume, AWDIT, dbcop or Cobra"
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
