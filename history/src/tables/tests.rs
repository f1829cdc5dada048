//! Tables there and back, tables that others made, and damaged ones.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, LargeStringArray, ListArray,
    RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field as Column, Fields, Schema};
use proptest::prelude::*;

use super::{Container, Writer};
use crate::format::{Format, Reader, read_any};
use crate::jepsen::Options;
use crate::{Event, F, Header, Kind, Process, ReadError, Time, Value, arbitrary};

const CONTAINERS: [(Container, Format); 3] = [
    (Container::Parquet, Format::Parquet),
    (Container::ArrowFile, Format::ArrowFile),
    (Container::ArrowStream, Format::ArrowStream),
];

fn written(events: &[Event], container: Container, header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, container, header).unwrap();
    for event in events {
        writer.push(event).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<(Format, Header, Vec<Event>), ReadError> {
    let mut reader = Reader::new(bytes, Options::default())?;
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        assert_eq!(reader.line(), events.len() as u64);
        events.push(event);
    }
    Ok((reader.format(), reader.header(), events))
}

fn header() -> Header {
    Header {
        name: "a \"name\"".to_owned(),
        nodes: vec![Arc::from("n1"), Arc::from("n2")],
        concurrency: 4,
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(events in arbitrary::events()) {
        for (container, format) in CONTAINERS {
            let bytes = written(&events, container, &header());
            let (found, header, again) = read(&bytes).unwrap();
            prop_assert_eq!((found, header), (format, self::header()));
            prop_assert_eq!(&again, &events, "{:?}", container);
        }
    }
}

#[test]
fn a_table_of_many_batches_is_read_whole() {
    let events: Vec<Event> = (0..200_000_u64)
        .map(|i| {
            let kind = if i % 2 == 0 { Kind::Invoke } else { Kind::Ok };
            Event::new(Time::from_nanos(i / 3), Process::client(0), kind, F::Write)
                .key(7)
                .value(i / 2)
        })
        .collect();
    for (container, _) in CONTAINERS {
        let bytes = written(&events, container, &Header::default());
        assert!(read(&bytes).unwrap().2 == events, "{container:?}");
    }
}

/// A stream of one batch.
fn stream(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let fields: Vec<Column> = columns
        .iter()
        .map(|(name, cells)| Column::new(*name, cells.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let columns = columns.into_iter().map(|(_, cells)| cells).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    bytes
}

fn texts<const N: usize>(texts: [&str; N]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn process_and_type_are_enough_with_a_function() {
    let bytes = stream(vec![
        ("type", texts(["invoke", "ok"])),
        ("f", texts(["read", "read"])),
        ("process", Arc::new(UInt64Array::from(vec![3, 3]))),
    ]);
    let event = |time, kind| Event::new(Time::from_nanos(time), Process::client(3), kind, F::Read);
    let events = [event(0, Kind::Invoke), event(1, Kind::Ok)];
    assert_eq!(read(&bytes).unwrap().2, events);
}

#[test]
fn columns_have_the_types_that_other_tools_give_them() {
    let times = [5_000_000, 5_000_002, 5_000_007];
    let f: DictionaryArray<Int8Type> = ["write", "write", "start"].into_iter().collect();
    let bytes = stream(vec![
        (
            "due",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(5_000_000),
                None,
                None,
            ])),
        ),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec())),
        ),
        ("process", texts(["1", "1", "nemesis"])),
        (
            "type",
            Arc::new(LargeStringArray::from(vec!["invoke", "ok", "info"])),
        ),
        ("f", Arc::new(f)),
        // Integers with a gap, as pandas has them.
        (
            "key",
            Arc::new(Float64Array::from(vec![Some(7.0), Some(7.0), None])),
        ),
        (
            "value",
            Arc::new(Float64Array::from(vec![Some(0.5), Some(2.0), None])),
        ),
        (
            "revision",
            Arc::new(Float64Array::from(vec![None, Some(12.0), None])),
        ),
        (
            "__index_level_0__",
            Arc::new(Int64Array::from(vec![4, 5, 6])),
        ),
        (
            "latency",
            Arc::new(Int32Array::from(vec![None, Some(2), None])),
        ),
    ]);
    let event = |micros, process, kind, f| Event::new(Time::from_micros(micros), process, kind, f);
    let client = Process::client(1);
    let invoke = event(0, client, Kind::Invoke, F::Write).key(7).value(0.5);
    let events = [
        Event {
            due: Some(Time::ZERO),
            ..invoke
        },
        event(2, client, Kind::Ok, F::Write)
            .key(7)
            .value(2)
            .revision(12)
            .error(":latency 2"),
        event(7, Process::NEMESIS, Kind::Info, F::from("start")),
    ];
    assert_eq!(read(&bytes).unwrap().2, events);
}

#[test]
fn lists_and_structs_are_values_and_text_is_no_json() {
    let lists = ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>([
        Some(vec![Some(1), None]),
        Some(vec![]),
    ]);
    let parts = StructArray::new(
        Fields::from(vec![Column::new("a", DataType::Utf8, true)]),
        vec![texts(["[1]", "7"])],
        None,
    );
    let bytes = stream(vec![
        ("process", Arc::new(Int64Array::from(vec![0, 0]))),
        ("type", texts(["invoke", "ok"])),
        ("f", texts(["add", "add"])),
        ("key", Arc::new(parts)),
        ("value", Arc::new(lists)),
    ]);
    let events = read(&bytes).unwrap().2;
    assert_eq!(events[0].value, Value::list([Value::from(1), Value::Nil]));
    assert_eq!(events[1].value, Value::List([].into()));
    assert_eq!(events[0].key, Value::map([("a", "[1]")]));
    assert_eq!(events[1].key, Value::map([("a", "7")]));
}

#[test]
fn mistakes_are_told_with_row_and_column() {
    let process: ArrayRef = Arc::new(Int64Array::from(vec![0, 0]));
    let kinds = || texts(["invoke", "ok"]);
    let f = || texts(["read", "read"]);
    let good = vec![
        ("process", Arc::clone(&process)),
        ("type", kinds()),
        ("f", f()),
    ];
    assert!(read(&stream(good.clone())).is_ok());
    let with = |place: usize, name: &'static str, cells: ArrayRef| {
        let mut columns = good.clone();
        if place < columns.len() {
            columns[place] = (name, cells);
        } else {
            columns.push((name, cells));
        }
        stream(columns)
    };
    let ints = |ints: [i64; 2]| -> ArrayRef { Arc::new(Int64Array::from(ints.to_vec())) };
    let binary = Arc::new(arrow_array::BinaryArray::from_vec(vec![b"a", b"b"]));
    let json = HashMap::from([("ARROW:extension:name".to_owned(), super::JSON.to_owned())]);
    let column = Column::new("value", DataType::Utf8, true).with_metadata(json);
    let mut fields: Vec<Column> = vec![column];
    let mut cells = vec![texts(["{}", "[1"])];
    for (name, column) in &good {
        fields.push(Column::new(*name, column.data_type().clone(), true));
        cells.push(Arc::clone(column));
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), cells).unwrap();
    let mut bad_json = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bad_json, &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    for (bytes, expected) in [
        (
            with(0, "proc", ints([0, 0])),
            "there is no column \"process\"; a history has one row an event",
        ),
        (with(3, "f", f()), "there are two columns \"f\""),
        (
            with(0, "process", ints([0, -2])),
            "row 1, column \"process\": process is -2; it is a number from 0",
        ),
        (
            with(1, "type", texts(["invoke", "done"])),
            "row 1, column \"type\": type is \"done\"; it is one of invoke",
        ),
        (
            with(2, "f", ints([1, 1])),
            "row 0, column \"f\": f is 1; it is a name",
        ),
        (with(2, "g", f()), "row 0: this operation has no f"),
        (
            with(3, "time", ints([4, -1])),
            "row 1, column \"time\": time is -1; it is an integer, and not negative",
        ),
        (
            with(3, "value", binary),
            "row 0, column \"value\": values of type Binary are not understood",
        ),
        (
            with(3, "index", ints([4, 4])),
            "row 1: its index is 4, but 4 came before",
        ),
        (
            bad_json,
            "row 1, column \"value\": its JSON, at byte 0: this list has no closing",
        ),
    ] {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{expected}: {error}");
    }
    let twice = stream(vec![
        ("process", process),
        ("type", texts(["invoke", "invoke"])),
        ("f", f()),
    ]);
    let error = read_any(&twice[..], Options::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("row 1: process 0 invokes read while"),
        "{error}"
    );
}

#[test]
fn a_time_that_no_column_holds_is_not_written() {
    let late = Event::new(
        Time::from_nanos(1 << 63),
        Process::client(0),
        Kind::Invoke,
        F::Read,
    );
    let mut writer = Writer::new(Vec::new(), Container::Parquet, &Header::default()).unwrap();
    let error = writer.push(&late).unwrap_err().to_string();
    assert!(error.contains("63 bits"), "{error}");
}

fn example() -> Vec<Event> {
    let txn = Value::list([Value::list([
        Value::from("append"),
        Value::from("x"),
        Value::from(1),
    ])]);
    let event = |time, kind| Event::new(Time::from_nanos(time), Process::client(0), kind, F::Txn);
    (0..6)
        .flat_map(|i| [event(2 * i, Kind::Invoke), event(2 * i + 1, Kind::Ok)])
        .map(|event| event.value(txn.clone()).node("n1").revision(3))
        .collect()
}

proptest! {
    /// Whatever happens to a file on its way, it is read or refused.
    #[test]
    fn no_damage_makes_a_reader_panic(
        which in 0..3_usize,
        changes in prop::collection::vec((0..3_usize, any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = written(&example(), CONTAINERS[which].0, &header());
        for (what, at, byte) in changes {
            let at = at.index(bytes.len().max(1));
            match what {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        if let Err(error) = read_any(&bytes[..], Options::default()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
