//! Writes histories as tables.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field as Column, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{Container, HEADER, JSON};
use crate::field::Field;
use crate::json::write_value;
use crate::{Event, Header, Time, Value, jsonl};

/// So many events are kept in memory before they are written.
const ROWS: usize = 64 << 10;

/// Writes events one after another; the layout of the table stands on top of the [module](super).
pub struct Writer<W: Write + Send> {
    sink: Sink<W>,
    schema: Arc<Schema>,
    rows: usize,
    /// How many events were written.
    events: i64,
    index: Int64Builder,
    time: Int64Builder,
    process: Int64Builder,
    kind: StringBuilder,
    f: StringBuilder,
    key: StringBuilder,
    value: StringBuilder,
    node: StringBuilder,
    error: StringBuilder,
    revision: Int64Builder,
    due: Int64Builder,
    json: Vec<u8>,
}

enum Sink<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    File(FileWriter<W>),
    Stream(StreamWriter<W>),
}

impl<W: Write + Send> Writer<W> {
    /// Begins a table.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(out: W, container: Container, header: &Header) -> io::Result<Self> {
        let schema = Arc::new(schema(header));
        let sink = match container {
            Container::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .build();
                let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
                Sink::Parquet(Box::new(writer.map_err(io::Error::other)?))
            }
            Container::ArrowFile => {
                Sink::File(FileWriter::try_new(out, &schema).map_err(io::Error::other)?)
            }
            Container::ArrowStream => {
                Sink::Stream(StreamWriter::try_new(out, &schema).map_err(io::Error::other)?)
            }
        };
        Ok(Self {
            sink,
            schema,
            rows: 0,
            events: 0,
            index: Int64Builder::new(),
            time: Int64Builder::new(),
            process: Int64Builder::new(),
            kind: StringBuilder::new(),
            f: StringBuilder::new(),
            key: StringBuilder::new(),
            value: StringBuilder::new(),
            node: StringBuilder::new(),
            error: StringBuilder::new(),
            revision: Int64Builder::new(),
            due: Int64Builder::new(),
            json: Vec::new(),
        })
    }

    /// Writes the next event.
    ///
    /// # Errors
    /// The output cannot be written, or the event's time has more than 63 bits.
    pub fn push(&mut self, event: &Event) -> io::Result<()> {
        let process = event.process.number().map_or(-1, i64::from);
        let time = nanos(event.time)?;
        let due = event.due.map(nanos).transpose()?;
        self.index.append_value(self.events);
        self.time.append_value(time);
        self.process.append_value(process);
        self.kind.append_value(event.kind.name());
        self.f.append_value(event.f.name());
        append_json(&mut self.key, &event.key, &mut self.json);
        append_json(&mut self.value, &event.value, &mut self.json);
        self.node.append_option(event.node.as_deref());
        self.error.append_option(event.error.as_deref());
        self.revision.append_option(event.revision);
        self.due.append_option(due);
        self.events += 1;
        self.rows += 1;
        if self.rows == ROWS {
            self.write()?;
        }
        Ok(())
    }

    /// Ends the table.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.write()?;
        match self.sink {
            Sink::Parquet(writer) => writer.close().map(drop).map_err(io::Error::other),
            Sink::File(mut writer) => writer.finish().map_err(io::Error::other),
            Sink::Stream(mut writer) => writer.finish().map_err(io::Error::other),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.index.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.process.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.f.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.node.finish()),
            Arc::new(self.error.finish()),
            Arc::new(self.revision.finish()),
            Arc::new(self.due.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let batch = batch.expect("the columns are those of the schema, and equally long");
        match &mut self.sink {
            Sink::Parquet(writer) => writer.write(&batch).map_err(io::Error::other),
            Sink::File(writer) => writer.write(&batch).map_err(io::Error::other),
            Sink::Stream(writer) => writer.write(&batch).map_err(io::Error::other),
        }
    }
}

fn nanos(time: Time) -> io::Result<i64> {
    i64::try_from(time.as_nanos()).map_err(|_| {
        let reason = format!("a table has no place for the time {time}: it has 63 bits");
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })
}

fn append_json(column: &mut StringBuilder, value: &Value, json: &mut Vec<u8>) {
    if value.is_nil() {
        return column.append_null();
    }
    json.clear();
    write_value(value, json);
    column.append_value(std::str::from_utf8(json).expect("JSON of texts is text"));
}

fn schema(header: &Header) -> Schema {
    let fields: Vec<Column> = Field::ALL
        .iter()
        .map(|&field| {
            let name = field.name();
            match field {
                Field::Index | Field::Time | Field::Process => {
                    Column::new(name, DataType::Int64, false)
                }
                Field::Type | Field::F => Column::new(name, DataType::Utf8, false),
                Field::Revision | Field::Due => Column::new(name, DataType::Int64, true),
                Field::Node | Field::Error => Column::new(name, DataType::Utf8, true),
                Field::Key | Field::Value => {
                    let metadata = [
                        (EXTENSION_TYPE_NAME_KEY, JSON),
                        (EXTENSION_TYPE_METADATA_KEY, "{}"),
                    ];
                    let metadata =
                        metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
                    Column::new(name, DataType::Utf8, true).with_metadata(metadata.into())
                }
            }
        })
        .collect();
    let mut line = Vec::new();
    jsonl::encode_header(header, &mut line);
    let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
    Schema::new_with_metadata(fields, HashMap::from([(HEADER.to_owned(), line)]))
}
