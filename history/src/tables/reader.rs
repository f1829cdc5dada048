//! Reads tables out of files and streams.

use std::io::{Cursor, Read};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::guard::guarded;
use super::{Container, HEADER, Rows};
use crate::jepsen::{Options, Retimed};
use crate::{Event, Header, ReadError, jsonl};

/// So many rows of a Parquet file are made at once.
const ROWS: usize = 8 << 10;

/// Reads the events of a table one by one.
pub(crate) struct Reader<R: Read> {
    batches: Batches<R>,
    rows: Rows,
    header: Header,
    events: std::vec::IntoIter<Event>,
    /// How many events were given.
    given: u64,
}

enum Batches<R: Read> {
    Parquet(ParquetRecordBatchReader),
    File(FileReader<Cursor<Bytes>>),
    Stream(StreamReader<R>),
}

impl<R: Read> Reader<R> {
    /// A reader of what a container holds.
    ///
    /// # Errors
    /// It is no such container, or cannot be read.
    pub(crate) fn new(input: R, container: Container, options: Options) -> Result<Self, ReadError> {
        let (batches, schema) = match container {
            Container::Parquet => {
                let bytes = whole(input)?;
                guarded(|| {
                    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
                    // That of the reader has no metadata.
                    let schema = Arc::clone(builder.schema());
                    let reader = builder.with_batch_size(ROWS).build()?;
                    Ok::<_, ParquetError>((Batches::Parquet(reader), schema))
                })?
            }
            Container::ArrowFile => {
                let bytes = Cursor::new(whole(input)?);
                let reader = guarded(|| FileReader::try_new(bytes, None))?;
                let schema = reader.schema();
                (Batches::File(reader), schema)
            }
            Container::ArrowStream => {
                let reader = guarded(|| StreamReader::try_new(input, None))?;
                let schema = reader.schema();
                (Batches::Stream(reader), schema)
            }
        };
        let header = match schema.metadata().get(HEADER) {
            Some(line) => jsonl::header(line.as_bytes())?,
            None => Header::default(),
        };
        Ok(Self {
            batches,
            rows: Rows::new(options),
            header,
            events: Vec::new().into_iter(),
            given: 0,
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The row of the last event given, from 0.
    pub(crate) fn row(&self) -> u64 {
        self.given.saturating_sub(1)
    }

    pub(crate) fn retimed(&self) -> Option<Retimed> {
        self.rows.retimed()
    }

    /// The next event; `None` at the end.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            if let Some(event) = self.events.next() {
                self.given += 1;
                return Ok(Some(event));
            }
            let Some(batch) = guarded(|| self.batches.next().transpose())? else {
                return Ok(None);
            };
            self.events = self.rows.events(&batch)?.into_iter();
        }
    }
}

impl<R: Read> Batches<R> {
    fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        match self {
            Self::Parquet(reader) => reader.next(),
            Self::File(reader) => reader.next(),
            Self::Stream(reader) => reader.next(),
        }
    }
}

/// All of the input.
fn whole(mut input: impl Read) -> Result<Bytes, ReadError> {
    let mut bytes = Vec::new();
    let read = input.read_to_end(&mut bytes);
    read.map_err(|source| ReadError::Io { line: 1, source })?;
    Ok(bytes.into())
}
