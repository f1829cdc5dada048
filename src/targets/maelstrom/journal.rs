//! Every message of a run, written down: who sent what to whom, when, and whether it arrived.
//!
//! One JSON object a line in `messages.jsonl`, in the order of their times. A message has a number; it stands whole where
//! it is sent, and by its number where it arrives or is lost.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use schism_history::Time;
use serde_json::json;

use super::message::Message;

/// More messages than this are counted, but not written down.
const MOST: u64 = 1_000_000;

/// The journal cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the messages cannot be written: {source}", .path.display())]
pub struct JournalError {
    path: PathBuf,
    source: std::io::Error,
}

/// What became of a message that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The network lost it.
    Loss,
    /// A partition lies between the two.
    Cut,
    /// The receiver is not running.
    Down,
    /// The client has given up waiting, or never asked.
    Unawaited,
}

impl Lost {
    const fn reason(self) -> &'static str {
        match self {
            Self::Loss => "lost",
            Self::Cut => "cut off",
            Self::Down => "down",
            Self::Unawaited => "unawaited",
        }
    }
}

/// Writes messages down.
pub(super) struct Journal {
    path: PathBuf,
    writer: RefCell<Writer>,
}

struct Writer {
    file: BufWriter<File>,
    failure: Option<std::io::Error>,
}

impl Journal {
    /// A journal in a new file.
    pub(super) fn create(path: &Path) -> Result<Self, JournalError> {
        let file = File::create(path).map_err(|source| JournalError {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            writer: RefCell::new(Writer {
                file: BufWriter::new(file),
                failure: None,
            }),
        })
    }

    pub(super) fn sent(&self, time: Time, id: u64, message: &Message) {
        self.write(
            id,
            &json!({
                "time": time.as_nanos(), "event": "send", "message": id,
                "src": &*message.src, "dest": &*message.dest, "body": message.body,
            }),
        );
    }

    pub(super) fn arrived(&self, time: Time, id: u64) {
        let line = json!({ "time": time.as_nanos(), "event": "receive", "message": id });
        self.write(id, &line);
    }

    pub(super) fn lost(&self, time: Time, id: u64, lost: Lost) {
        let why = lost.reason();
        let line =
            json!({ "time": time.as_nanos(), "event": "drop", "message": id, "reason": why });
        self.write(id, &line);
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// This or anything before could not be written.
    pub(super) fn finish(&self) -> Result<(), JournalError> {
        let mut writer = self.writer.borrow_mut();
        let failed = writer.failure.take();
        let failure = failed.or_else(|| writer.file.flush().err());
        failure.map_or(Ok(()), |source| {
            Err(JournalError {
                path: self.path.clone(),
                source,
            })
        })
    }

    fn write(&self, id: u64, line: &serde_json::Value) {
        let mut writer = self.writer.borrow_mut();
        if id >= MOST || writer.failure.is_some() {
            return;
        }
        if let Err(error) = writeln!(writer.file, "{line}") {
            writer.failure = Some(error);
        }
    }
}
