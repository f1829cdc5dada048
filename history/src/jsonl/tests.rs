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

/// What reading this file says, after its first line.
fn error_of(lines: &[&str]) -> String {
    let file = format!(
        "{{\"schism\":\"history\",\"version\":1}}\n{}\n",
        lines.join("\n")
    );
    read(file.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_absurd_is_refused_with_its_line() {
    let invoke = r#"{"time":5,"process":0,"type":"invoke","f":"write","key":1,"value":3}"#;
    let ok = r#"{"time":6,"process":0,"type":"ok","f":"write","key":1,"value":3}"#;
    let deep = format!(
        r#"{{"time":6,"process":0,"type":"ok","f":"write","key":1,"value":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let with = |from: &str, to: &str| ok.replacen(from, to, 1);
    let cases = [
        (
            with("6", "-6"),
            "column 9: time is -6; it is an integer from 0",
        ),
        (with("6", "1e3"), "time is 1e3"),
        (with("6", "NaN"), "time is 'N'"),
        (with("6", "4"), "its time, 0.000 s, is before"),
        (with("6", "18446744073709551615"), "stands for never"),
        (
            with("6", "18446744073709551616"),
            "time is 18446744073709551616",
        ),
        (
            with("\"process\":0", "\"process\":1"),
            "process 1 completes write, but it has no operation open",
        ),
        (with("\"process\":0", "\"process\":-1"), "process is -1"),
        (
            with("\"process\":0", "\"process\":99999999999999999999"),
            "does not fit",
        ),
        (
            with("ok", "invoke"),
            "process 0 invokes write while its write is still open",
        ),
        (
            with("ok", "okay"),
            "type is \"okay\"; it is one of invoke, ok, fail, info",
        ),
        (
            with("write", "read"),
            "completes read of key 1, but its open operation is write of key 1",
        ),
        (with("\"key\":1", "\"key\":2"), "completes write of key 2"),
        (
            with("3", "NaN"),
            "column 63: found 'N', but a value is null",
        ),
        (with("3", "Infinity"), "found 'I', but a value is null"),
        (with("3", "1e999"), "1e999 does not fit"),
        (
            with("3", "9223372036854775808"),
            "9223372036854775808 does not fit",
        ),
        (with("3", "[1,"), "found '}', but a value is null"),
        (with("3", "\"a"), "no closing quote"),
        (with("3", "\"\u{0}\""), "a control character in text"),
        (with("3", "3,\"value\":3"), "a second \"value\""),
        (with("\"f\":\"write\",", ""), "this line has no \"f\""),
        (deep, "nested deeper than 128"),
        (String::new(), "found the end, but it begins with {"),
        ("null".to_owned(), "found 'n', but it begins with {"),
        ("[]".to_owned(), "found '[', but it begins with {"),
        (format!("{ok}{ok}"), "this follows a whole value"),
        (format!("\u{feff}{ok}"), "but it begins with {"),
    ];
    let mut wrong = Vec::new();
    for (line, expected) in cases {
        let error = error_of(&[invoke, &line]);
        if !(error.starts_with("line 3") && error.contains(expected)) {
            wrong.push(format!("{line:.100}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let error = error_of(&[invoke, &with("ok", "info"), &invoke.replace(":5", ":7")]);
    assert_eq!(
        error,
        "line 4: process 0 invokes write after its write ended as info: it must go on as another process"
    );
    let mut bytes = file(&events());
    let at = bytes.len() - 3;
    bytes[at] = 0xff;
    let error = read(&bytes[..]).unwrap_err().to_string();
    assert!(
        error.contains("line 6") && error.contains("not UTF-8"),
        "{error}"
    );
}

#[test]
fn an_endless_line_is_refused_and_not_kept() {
    let header = &b"{\"schism\":\"history\",\"version\":1}\n{\"time\":1"[..];
    for byte in [b' ', b'1', b'[', b'"', 0] {
        let mut reader =
            Reader::new(std::io::BufReader::new(header.chain(std::io::repeat(byte)))).unwrap();
        let mut builder = Builder::new(Header::default());
        let error = reader.next_into(&mut builder).unwrap_err().to_string();
        assert!(
            error.starts_with("line 2, column 1: this line is longer than"),
            "{error}"
        );
        assert!(reader.line.capacity() as u64 <= 2 * LONGEST);
        assert!(reader.bytes() <= 2 * LONGEST);
    }
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    assert!(Reader::new(endless).is_err());
}

#[test]
fn an_unknown_function_is_kept() {
    let lines = [
        r#"{"time":5,"process":0,"type":"invoke","f":"defragment","value":3}"#,
        r#"{"time":6,"process":0,"type":"ok","f":"defragment","value":{"freed":7}}"#,
    ];
    let file = format!(
        "{{\"schism\":\"history\",\"version\":1}}\n{}\n",
        lines.join("\n")
    );
    let (history, _) = read(file.as_bytes()).unwrap();
    let op = history.operations().next().unwrap();
    assert_eq!(*op.f(), F::from("defragment"));
    assert_eq!(*op.output(), Value::map([("freed", 7)]));
}

/// The lines that are read without an event in between: all that a run writes in numbers, once their functions and
/// nodes were seen.
#[test]
fn usual_lines_are_read_directly() {
    let lines = [
        r#"{"index":0,"time":5,"process":0,"type":"invoke","f":"txn","value":[["r",1,null],["append",1,3]],"node":"n1"}"#,
        r#"{"index":1,"time":6,"process":0,"type":"ok","f":"txn","value":[["r",1,[1,2]],["append",1,3]],"node":"n1","revision":4}"#,
        r#"{"index":2,"time":6,"process":1,"type":"invoke","f":"read","key":"x"}"#,
        r#"{"index":3,"time":7,"process":1,"type":"fail","f":"read","key":"x","error":"refused"}"#,
        r#"{"index":4,"time":8,"process":0,"type":"invoke","f":"txn","value":[["r",1,null]],"node":"n1"}"#,
        r#"{"index":5,"time":9,"process":0,"type":"ok","f":"txn","value":[["r",1,[1,2,3]]],"node":"n1"}"#,
        r#"{"index": 6, "time": 9, "process": 0, "type": "invoke", "f": "txn", "value": [["w", "k", true, 7]], "due": 8}"#,
        r#"{"index":7,"time":9,"process":0,"type":"info","f":"txn","error":"timeout"}"#,
        r#"{"index":8,"time":10,"process":1,"type":"invoke","f":"read","key":-5,"value":[1,"a"]}"#,
    ];
    let mut builder = Builder::new(header());
    let mut scratch = Scratch::default();
    for (index, line) in lines.iter().enumerate() {
        let taken = direct::take(line.as_bytes(), index as u64, &mut builder, &mut scratch);
        // The first to invoke a function names it.
        assert_eq!(taken, index != 0 && index != 2, "{line}");
        if !taken {
            let event = read_event(line.as_bytes(), index as u64, &mut scratch).unwrap();
            builder.push(event).unwrap();
        }
    }
    let history = builder.finish();
    let shown: Vec<_> = history.operations().map(|op| op.to_string()).collect();
    assert_eq!(
        shown,
        [
            "#0 process 0 on n1: txn [[\"r\" 1 nil] [\"append\" 1 3]] -> [[\"r\" 1 [1 2]] [\"append\" 1 3]], 0.000 s..0.000 s",
            "#1 process 1: read \"x\" -> fail, 0.000 s..0.000 s",
            "#2 process 0 on n1: txn [[\"r\" 1 nil]] -> [[\"r\" 1 [1 2 3]]], 0.000 s..0.000 s",
            "#3 process 0: txn [[\"w\" \"k\" true 7]] -> info, 0.000 s..0.000 s",
            "#4 process 1: read -5 [1 \"a\"] -> info, 0.000 s..",
        ]
    );
    // Both reads are beginnings of one list.
    let lists: Vec<_> = history
        .operations()
        .filter_map(|op| op.output_micro_ops()?.next()?.list())
        .collect();
    assert_eq!([2, 3], [lists[0].len(), lists[1].len()]);
    assert!(std::ptr::eq(lists[0].as_ptr(), lists[1].as_ptr()));
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
    fn a_transaction_that_is_a_list_has_steps(events in crate::arbitrary::events()) {
        if let Ok(history) = History::from_events(header(), events) {
            for op in history.operations() {
                let has_steps = |value: &Value| *op.f() == F::Txn && value.as_list().is_some();
                prop_assert_eq!(op.input_micro_ops().is_some(), has_steps(op.input()));
                prop_assert_eq!(op.output_micro_ops().is_some(), has_steps(op.output()));
                let steps = op.output_micro_ops().map_or(0, |steps| steps.len());
                prop_assert!(steps == op.output().as_list().map_or(0, <[Value]>::len) || *op.f() != F::Txn);
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
