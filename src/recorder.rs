//! Writes the history to disk while the run goes on.
//!
//! Events are encoded by the controller's own thread and written by another one, so that a slow disk delays no
//! operation until the buffers are full. Memory is bounded by `BUFFERS` times `BUFFER_BYTES`, whatever the length of
//! the run; the disk is at most [`FLUSH_EVERY`] behind, so that a killed run loses no more.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use schism_history::{Event, Header, Time, jsonl};

use crate::run_folder::remedy;

/// How full a buffer is when it is handed to the disk.
const BUFFER_BYTES: usize = 256 * 1024;
/// How many buffers wait for the disk at most, before operations do.
const BUFFERS: usize = 8;
/// How far the disk may be behind, in the time of the run.
pub const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// The history cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: the history cannot be written after event {events}: {source}{}; what was written before can be judged: \
     schism check {}",
    path.display(),
    remedy(source),
    path.parent().unwrap_or(path).display()
)]
pub struct RecordError {
    path: PathBuf,
    /// How many events were handed over before.
    events: u64,
    source: io::Error,
}

/// Writes events to a file, in the order in which they are handed over.
pub struct Recorder {
    path: PathBuf,
    buffer: Vec<u8>,
    events: u64,
    last_flush: Time,
    full: Option<SyncSender<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Recorder {
    /// Makes the file, which must not be there yet, and writes the header.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn create(path: &Path, header: &Header) -> Result<Self, RecordError> {
        let failed = |source| RecordError {
            path: path.to_owned(),
            events: 0,
            source,
        };
        let file = File::create_new(path).map_err(failed)?;
        Self::to_file(path, file, header).map_err(failed)
    }

    pub(crate) fn to_file(path: &Path, mut file: File, header: &Header) -> io::Result<Self> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 4096);
        jsonl::encode_header(header, &mut buffer);
        file.write_all(&buffer)?;
        buffer.clear();
        let (full, to_write) = sync_channel::<Vec<u8>>(BUFFERS);
        let (recycle, empty) = sync_channel(BUFFERS);
        let writer = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                for mut bytes in to_write {
                    file.write_all(&bytes)?;
                    bytes.clear();
                    // Nobody waits for an empty buffer: when there are enough, this one is dropped.
                    let _ = recycle.try_send(bytes);
                }
                file.sync_all()
            })?;
        Ok(Self {
            path: path.to_owned(),
            buffer,
            events: 0,
            last_flush: Time::ZERO,
            full: Some(full),
            empty,
            writer: Some(writer),
        })
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// The disk is full, or gone. What was written before stays readable.
    pub fn record(&mut self, event: &Event) -> Result<(), RecordError> {
        jsonl::encode(self.events, event, &mut self.buffer);
        self.events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.hand_over(event.time)
        } else {
            Ok(())
        }
    }

    /// How many events were taken.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// When [`Recorder::flush`] is due.
    pub fn flush_due(&self) -> Time {
        if self.buffer.is_empty() {
            Time::NEVER
        } else {
            self.last_flush + FLUSH_EVERY
        }
    }

    /// Hands what there is to the disk, if that is due.
    ///
    /// # Errors
    /// As for [`Recorder::record`].
    pub fn flush(&mut self, now: Time) -> Result<(), RecordError> {
        if now >= self.flush_due() {
            self.hand_over(now)
        } else {
            Ok(())
        }
    }

    fn hand_over(&mut self, now: Time) -> Result<(), RecordError> {
        self.last_flush = now;
        let next = match self.empty.try_recv() {
            Ok(buffer) => buffer,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                Vec::with_capacity(BUFFER_BYTES + 4096)
            }
        };
        let bytes = std::mem::replace(&mut self.buffer, next);
        let sent = self
            .full
            .as_ref()
            .is_some_and(|full| full.send(bytes).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    /// Why the writer ended.
    fn failure(&mut self) -> RecordError {
        let outcome = self.writer.take().map(JoinHandle::join);
        let source = match outcome {
            Some(Ok(Err(error))) => error,
            _ => io::Error::other("the writer ended before"),
        };
        RecordError {
            path: self.path.clone(),
            events: self.events,
            source,
        }
    }

    /// Writes what is left, and waits until it is on the disk. How many events there are.
    ///
    /// # Errors
    /// As for [`Recorder::record`].
    pub fn finish(mut self) -> Result<u64, RecordError> {
        if !self.buffer.is_empty() {
            self.hand_over(Time::NEVER)?;
        }
        self.full = None;
        let Some(writer) = self.writer.take() else {
            return Err(self.failure());
        };
        match writer.join() {
            Ok(Ok(())) => Ok(self.events),
            Ok(Err(source)) => Err(RecordError {
                path: self.path.clone(),
                events: self.events,
                source,
            }),
            Err(_) => Err(self.failure()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::{F, Kind, Process};

    fn events(count: u64) -> impl Iterator<Item = Event> {
        (0..count).flat_map(|i| {
            let event = Event::new(
                Time::from_micros(i),
                Process::client(0),
                Kind::Invoke,
                F::Write,
            )
            .key(i)
            .value(i);
            [
                event.clone(),
                Event {
                    kind: Kind::Ok,
                    ..event
                },
            ]
        })
    }

    #[test]
    fn what_is_recorded_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut recorder = Recorder::create(&path, &Header::default()).unwrap();
        for event in events(20_000) {
            recorder.record(&event).unwrap();
        }
        assert_eq!(recorder.finish().unwrap(), 40_000);
        let (history, torn) = jsonl::read(io::BufReader::new(File::open(&path).unwrap())).unwrap();
        assert_eq!((history.len(), torn), (20_000, None));
    }

    #[test]
    fn a_history_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, "old").unwrap();
        let error = Recorder::create(&path, &Header::default())
            .err()
            .expect("it is there already");
        assert!(error.to_string().contains("history.jsonl"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_flush_is_due_only_when_something_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut recorder = Recorder::create(&path, &Header::default()).unwrap();
        assert_eq!(recorder.flush_due(), Time::NEVER);
        recorder.record(&events(1).next().unwrap()).unwrap();
        assert_eq!(recorder.flush_due(), Time::ZERO + FLUSH_EVERY);
        recorder.flush(Time::from_secs(1)).unwrap();
        assert_eq!(recorder.flush_due(), Time::NEVER);
    }

    #[test]
    fn a_full_disk_is_reported() {
        let file = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has /dev/full");
        let header = Header::default();
        // The header already does not fit.
        assert!(Recorder::to_file(Path::new("/dev/full"), file, &header).is_err());
        // A pipe whose reader is gone fails later, as a disk does that fills up in the run.
        let (reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut recorder = Recorder::to_file(Path::new("history.jsonl"), file, &header).unwrap();
        drop(reader);
        let error = events(1_000_000)
            .find_map(|event| recorder.record(&event).err())
            .expect("nobody reads");
        assert!(
            error
                .to_string()
                .starts_with("history.jsonl: the history cannot be written after event"),
            "{error}"
        );
    }
}
