//! What is written is read, and what is not so written is refused with its place.

use super::*;
use crate::{Argument, MicroOp, MicroOps, Operation, ValueId};
use proptest::prelude::*;

fn header() -> Header {
    Header {
        name: "t".to_owned(),
        nodes: vec![Arc::from("n1")],
        concurrency: 2,
    }
}

fn file(events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_header(&header(), &mut out);
    for (index, event) in events.iter().enumerate() {
        encode(index as u64, event, &mut out);
    }
    out
}

fn events() -> Vec<Event> {
    let mut invoke = Event::new(
        Time::from_nanos(12),
        Process::client(0),
        Kind::Invoke,
        F::Cas,
    )
    .key("k\"ey")
    .value(Value::list([1, 2]))
    .node("n1");
    invoke.due = Some(Time::from_nanos(10));
    let ok = Event {
        due: None,
        ..invoke.clone()
    };
    let ok = Event {
        time: Time::from_nanos(13),
        kind: Kind::Ok,
        revision: Some(-4),
        ..ok
    };
    let other = F::Other(Arc::from("odd \u{7} name"));
    let odd = Event::new(
        Time::from_nanos(14),
        Process::client(1),
        Kind::Invoke,
        other.clone(),
    );
    let lost = Event::new(Time::from_nanos(14), Process::client(1), Kind::Info, other)
        .error("line\nbreak");
    let nemesis = Event::new(
        Time::from_nanos(15),
        Process::NEMESIS,
        Kind::Info,
        F::Inject,
    )
    .value(Value::map([("fault", 1)]));
    vec![invoke, ok, odd, lost, nemesis]
}

fn read_events(bytes: &[u8]) -> Result<(Vec<Event>, Option<Torn>), ReadError> {
    let mut reader = Reader::new(bytes)?;
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        events.push(event);
    }
    Ok((events, reader.torn()))
}

#[test]
fn what_is_written_is_read() {
    let bytes = file(&events());
    let (read, torn) = read_events(&bytes).unwrap();
    assert_eq!(read, events());
    assert_eq!(torn, None);
    assert_eq!(Reader::new(&bytes[..]).unwrap().header(), &header());
}

#[test]
fn the_format_stays_as_documented() {
    let text = String::from_utf8(file(&events())).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        r#"{"schism":"history","version":1,"name":"t","nodes":["n1"],"concurrency":2}"#
    );
    assert_eq!(
        lines.next().unwrap(),
        r#"{"index":0,"time":12,"process":0,"type":"invoke","f":"cas","key":"k\"ey","value":[1,2],"node":"n1","due":10}"#
    );
}

#[test]
fn a_cut_anywhere_loses_the_last_line_only() {
    let bytes = file(&events());
    let header_end = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in header_end..bytes.len() {
        let (read, torn) = read_events(&bytes[..cut]).unwrap();
        assert_eq!(read[..], events()[..read.len()]);
        let begin = bytes[..cut]
            .iter()
            .rposition(|&byte| byte == b'\n')
            .unwrap()
            + 1;
        // A line that lacks nothing but its line feed is whole.
        let whole = cut > begin && bytes[cut] == b'\n';
        assert_eq!(torn.is_some(), cut > begin && !whole, "cut at {cut}");
    }
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_place() {
    let mut bytes = file(&events());
    let second_line = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    bytes[second_line + 8] = b'#';
    let error = read_events(&bytes).unwrap_err();
    assert!(
        matches!(
            error,
            ReadError::Syntax {
                line: 2,
                column: 9,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn errors_say_what_would_be_right() {
    let cases = [
        ("", "the file is empty"),
        ("{\"a\":1}\n", "missing field `schism`"),
        ("{\"schism\":\"plan\",\"version\":1}\n", "not \"history\""),
        (
            "{\"schism\":\"history\",\"version\":9}\n",
            "reads up to version 1",
        ),
    ];
    for (text, expected) in cases {
        let error = read_events(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let line = |line: &str| format!("{{\"schism\":\"history\",\"version\":1}}\n{line}\n");
    let cases = [
        (
            r#"{"time":1,"process":"nobody","type":"ok","f":"read"}"#,
            "or \"nemesis\"",
        ),
        (
            r#"{"time":1,"process":0,"type":"maybe","f":"read"}"#,
            "one of invoke, ok, fail, info",
        ),
        (
            r#"{"time":1,"process":0,"type":"ok","f":"read","colour":1}"#,
            "unknown field \"colour\"; the fields are index, time,",
        ),
        (
            r#"{"index":1,"time":1,"process":0,"type":"ok","f":"read"}"#,
            "line 2, column 10: index is 1, and 0 follows: lines are missing",
        ),
        (
            r#"{"time":-1,"process":0,"type":"ok","f":"read"}"#,
            "column 9: time is -1; it is an integer from 0",
        ),
        (
            r#"{"time":1,"process":0,"type":"ok"}"#,
            "this line has no \"f\"",
        ),
        (
            r#"{"time":1,"process":0,"type":"ok","f":"read","f":"read"}"#,
            "column 50: a second \"f\"",
        ),
        (
            r#"{"time":1,"process":4294967295,"type":"ok","f":"read"}"#,
            "a number from 0 to 4294967294",
        ),
        (
            r#"{"time":1,"process":0,"type":"ok","f":7}"#,
            "f is 7; it is text",
        ),
    ];
    for (text, expected) in cases {
        let error = read_events(line(text).as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with("line 2") && error.contains(expected),
            "{error}"
        );
    }
    let orphan = line(r#"{"time":1,"process":0,"type":"ok","f":"read"}"#);
    let error = read(orphan.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 2: process 0 completes read, but it has no operation open"
    );
}

/// All that a history says of its operations, faults and phases.
fn told(history: &History) -> Vec<String> {
    let operations = history.operations().map(|op| {
        format!(
            "{op:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
            op.input(),
            op.output(),
            op.key(),
            op.outcome,
            op.error(),
            op.revision(),
            op.due(),
            op.invocation_index()
        )
    });
    let steps = |micro_ops: Option<MicroOps<'_>>| {
        let micro_ops = micro_ops?;
        let value = |id: &ValueId| history.value(*id).clone();
        let tell = |step: MicroOp<'_>| {
            let argument = match step.argument {
                Argument::One(one) => value(&one),
                Argument::List(list) => Value::List(list.iter().map(value).collect()),
            };
            let parts = (step.kind, history.key(step.key), argument, step.version);
            format!("{parts:?}")
        };
        Some(micro_ops.map(tell).collect::<Vec<_>>())
    };
    let transactions = history
        .operations()
        .map(|op| (steps(op.input_micro_ops()), steps(op.output_micro_ops())))
        .map(|steps| format!("{steps:?}"));
    let rest = [
        format!("{:?}", history.faults()),
        format!("{:?}", history.phases()),
        format!("{:?} {:?}", history.nodes(), history.end()),
    ];
    operations.chain(transactions).chain(rest).collect()
}

/// A file as another program would write it: with a space behind each comma and each colon.
fn spaced(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for &byte in bytes {
        out.push(byte);
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' | b':' if !quoted => out.push(b' '),
            _ => {}
        }
    }
    out
}

proptest! {
    #[test]
    fn a_file_is_the_history_of_its_events(events in crate::arbitrary::events()) {
        let expected = History::from_events(header(), events.clone());
        let bytes = file(&events);
        for bytes in [spaced(&bytes), bytes] {
            for chunk in [1 << 16, 50] {
                let input = std::io::BufReader::with_capacity(chunk, &bytes[..]);
                match (read(input), &expected) {
                    (Ok((history, None)), Ok(expected)) => {
                        prop_assert_eq!(told(&history), told(expected));
                    }
                    (Err(ReadError::Malformed { line, malformed }), Err((place, expected))) => {
                        prop_assert_eq!(line, *place as u64 + 2);
                        prop_assert_eq!(&malformed, expected);
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }

    #[test]
    fn transactions_come_out_as_they_went_in(events in crate::arbitrary::events()) {
        if let Ok(history) = History::from_events(header(), events.clone()) {
            let mut operations: Vec<_> = history.operations().collect();
            operations.sort_by_key(Operation::invocation_index);
            let clients = || events.iter().filter(|event| !event.process.is_nemesis());
            let invocations = clients().filter(|event| event.kind == Kind::Invoke);
            for (event, op) in invocations.zip(&operations) {
                prop_assert_eq!(&event.value, op.input());
            }
            for event in clients().filter(|event| event.kind != Kind::Invoke) {
                let mut candidates = operations.iter().filter(|op| {
                    op.process == event.process && op.completed == Some(event.time)
                });
                prop_assert!(candidates.any(|op| *op.output() == event.value), "{event:?}");
            }
        }
    }

    #[test]
    fn any_events_round_trip(events in crate::arbitrary::events()) {
        let (read, torn) = read_events(&file(&events)).unwrap();
        prop_assert_eq!(read, events);
        prop_assert_eq!(torn, None);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"{\"schism\":\"history\",\"version\":1}\n".to_vec();
        file.extend_from_slice(&bytes);
        let _ = read_events(&file);
        let _ = read_events(&bytes);
    }
}
