//! Whole files, in the shapes in which Jepsen, Knossos, Elle and elle-cli write them, and as this crate does.

use std::io::BufReader;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::arbitrary;
use crate::{Kind, Outcome, Process, Time};

fn keyed() -> Options {
    Options {
        keyed: true,
        ..Options::default()
    }
}

fn read_events(text: &str, notation: Notation, options: &Options) -> Result<Vec<Event>, String> {
    let mut reader = Reader::new(text.as_bytes(), notation, options.clone());
    let mut events = Vec::new();
    loop {
        match reader.next_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return Ok(events),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn edn(text: &str) -> Result<Vec<Event>, String> {
    read_events(text, Notation::Edn, &Options::default())
}

fn json(text: &str) -> Result<Vec<Event>, String> {
    read_events(text, Notation::Json, &Options::default())
}

fn encoded(events: &[Event], style: Style) -> String {
    let mut encoder = Encoder::new(style);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn style(notation: Notation) -> Style {
    Style {
        notation,
        keyed: false,
        list: false,
    }
}

fn event(nanos: u64, process: u32, kind: Kind, f: F) -> Event {
    Event::new(Time::from_nanos(nanos), Process::client(process), kind, f)
}

/// The same four events in all the shapes below.
fn register() -> Vec<Event> {
    vec![
        event(3, 0, Kind::Invoke, F::Read),
        event(5, 1, Kind::Invoke, F::Cas).value(Value::list([0, 3])),
        event(8, 0, Kind::Ok, F::Read).value(3),
        event(9, 1, Kind::Info, F::Cas)
            .value(Value::list([0, 3]))
            .error(":timeout"),
    ]
}

#[test]
fn all_shapes_of_edn_are_the_same_history() {
    let shapes = [
        // As Jepsen writes a history now: records, in its order of fields.
        "#jepsen.history.Op{:index 0, :time 3, :type :invoke, :process 0, :f :read, :value nil}
         #jepsen.history.Op{:index 1, :time 5, :type :invoke, :process 1, :f :cas, :value [0 3]}
         #jepsen.history.Op{:index 2, :time 8, :type :ok, :process 0, :f :read, :value 3}
         #jepsen.history.Op{:index 3, :time 9, :type :info, :process 1, :f :cas, :value [0 3], :error :timeout}",
        // As one vector, with comments, in any order of fields, over several lines.
        "; a history
         [{:process 0, :type :invoke, :f :read, :time 3}
          {:process 1,
           :type :invoke, ; not yet
           :f :cas,
           :value [0 3],
           :time 5}
          #_ {:process 9, :type :ok, :f :write, :time 6}
          {:process 0, :time 8 :type :ok, :f :read, :value 3, :error nil}
          {:value (0 3N) :process 1, :time 9, :type :info, :f :cas, #_ 7 :error :timeout}]
         ; the end",
        // As one list, with names that are no keywords.
        r#"({"type" "invoke", :type :invoke, :process 0, :f "read", :time 3, :index -1}
            {:type invoke, :process 1, :f cas, :value [0 3], :time 5}
            {:type :ok, :process 0, :f read, :value 0x3, :time 8}
            {:type :info, :process 1, :f :cas, :value [0 3], :time 9, :error :timeout})"#,
    ];
    for (i, text) in shapes.iter().enumerate() {
        let mut expected = register();
        if i == 2 {
            expected[0] = expected[0].clone().error(r#""type" "invoke""#);
        }
        assert_eq!(edn(text), Ok(expected), "{text}");
    }
}

#[test]
fn both_shapes_of_json_are_the_same_history() {
    let lines = r#"{"index":0,"time":3,"type":"invoke","process":0,"f":"read","value":null}
        {"index":1,"time":5,"type":"invoke","process":1,"f":"cas","value":[0,3]}
        {"index":2,"time":8,"type":"ok","process":0,"f":"read","value":3}
        {"index":3,"time":9,"type":"info","process":1,"f":"cas","value":[0,3],"error":":timeout"}"#;
    let list = r#"[{"type":"invoke","f":"read","process":0,"time":3},
        {"type":"invoke","f":"cas","value":[0,3],
         "process":1,"time":5}, {"type":"ok","f":"read","value":3,"process":0,"time":8},
        {"type":"info","f":"cas","value":[0,3],"process":1,"time":9,"error":":timeout"}]"#;
    assert_eq!(json(lines), Ok(register()));
    assert_eq!(json(list), Ok(register()));
}

#[test]
fn a_history_comes_out_of_it() {
    let text = "[{:process :nemesis, :type :info, :f :start-partition, :value nil}
        {:process 0, :type :invoke, :f :txn, :value [[:append :x 1] [:r :y nil]]}
        {:process :nemesis, :type :info, :f :start-partition, :value {\"n1\" #{\"n3\" \"n2\"}}}
        {:process 0, :type :ok, :f :txn, :value [[:append :x 1] [:r :y [2]]]}
        {:process 1, :type :invoke, :f :txn, :value [[:r :x nil]]}]";
    let (history, retimed) = read(text.as_bytes(), Notation::Edn, Options::default()).unwrap();
    assert_eq!(retimed, None);
    let [first, second] = history.operations().collect::<Vec<_>>()[..] else {
        panic!("two operations")
    };
    assert_eq!((first.f(), first.outcome), (&F::Txn, Outcome::Ok));
    assert_eq!(
        first.output().to_string(),
        r#"[["append" "x" 1] ["r" "y" [2]]]"#
    );
    assert_eq!((second.outcome, second.completed), (Outcome::Info, None));
    let nemesis = edn(text).unwrap().swap_remove(2);
    assert_eq!(nemesis.process, Process::NEMESIS);
    assert_eq!(
        nemesis.value,
        Value::map([("n1", Value::list(["n2", "n3"]))])
    );
}

#[test]
fn order_stands_in_for_missing_times() {
    let times = |text: &str| -> Vec<u64> {
        let events = edn(text).unwrap();
        events.iter().map(|event| event.time.as_nanos()).collect()
    };
    let none = "{:type :invoke :process 0 :f :a} {:type :ok :process 0 :f :a}";
    assert_eq!(times(none), [0, 1]);
    let index = "{:index 10 :type :invoke :process 0 :f :a} {:index 12 :time nil :type :ok :process 0 :f :a}";
    assert_eq!(times(index), [10, 12]);
}

#[test]
fn times_that_contradict_the_order_are_raised_and_counted() {
    let text = "{:time 100 :type :invoke :process 0 :f :a}
        {:time 70 :type :invoke :process 1 :f :a}
        {:time 90 :type :ok :process 0 :f :a}
        {:time 100 :type :ok :process 1 :f :a}
        {:time 101 :type :invoke :process 2 :f :a}";
    let mut reader = Reader::new(text.as_bytes(), Notation::Edn, Options::default());
    let mut times = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        times.push(event.time.as_nanos());
    }
    assert_eq!(times, [100, 100, 100, 100, 101]);
    let retimed = Retimed {
        events: 2,
        most: Duration::from_nanos(30),
    };
    assert_eq!(reader.retimed(), Some(retimed));
}

#[test]
fn independent_keys_are_taken_out_of_values() {
    let expected = vec![
        event(0, 0, Kind::Invoke, F::Cas)
            .key("x")
            .value(Value::list([1, 2])),
        event(1, 0, Kind::Ok, F::Cas)
            .key("x")
            .value(Value::list([1, 2])),
        event(2, 1, Kind::Invoke, F::Read).key(7),
        Event::new(Time::from_nanos(3), Process::NEMESIS, Kind::Info, F::Heal),
    ];
    let pairs = "{:type :invoke :process 0 :f :cas :value [:x [1 2]]}
        {:type :ok :process 0 :f :cas :value [:x [1 2]]}
        {:type :invoke :process 1 :f :read :value [7 nil]}
        {:type :info :process :nemesis :f :heal :value nil}";
    assert_eq!(
        read_events(pairs, Notation::Edn, &keyed()),
        Ok(expected.clone())
    );
    let tagged = "{:type :invoke :process 0 :f :cas :value #jepsen.independent.Tuple[:x [1 2]]}
        {:type :ok :process 0 :f :cas :value #jepsen.independent.Tuple {:key :x, :value [1 2]}}
        {:type :invoke :process 1 :f :read :value #jepsen.independent.Tuple (7 nil)}
        {:type :info :process :nemesis :f :heal :value nil}";
    assert_eq!(edn(tagged), Ok(expected.clone()));
    assert_eq!(read_events(tagged, Notation::Edn, &keyed()), Ok(expected));
    // Without the option a pair is a pair, and a key may be a field of its own.
    let key = r#"{:type :invoke :process 0 :f :read :key "x" :value [7 nil]}"#;
    let pair = Value::list([Value::from(7), Value::Nil]);
    let plain = event(0, 0, Kind::Invoke, F::Read).key("x").value(pair);
    assert_eq!(edn(key), Ok(vec![plain]));
}

#[test]
fn operations_without_a_function_get_the_one_given() {
    let text = "{:index 0 :process 1 :type :invoke :value [[:append 253 1] [:r 255 nil]]}";
    // What it does tells that it is a transaction.
    assert_eq!(edn(text).unwrap()[0].f, F::Txn);
    let text = "{:index 0 :process 1 :type :invoke :value [1 2]}";
    let options = Options {
        f: Some(F::Cas),
        ..Options::default()
    };
    let read = read_events(text, Notation::Edn, &options).unwrap();
    assert_eq!(read[0].f, F::Cas);
    assert!(edn(text).unwrap_err().contains("has no f"));
}

#[test]
fn errors_and_unknown_keys_are_kept() {
    let operation = |rest: &str| format!("{{:type :fail, :process 0, :f :a{rest}}}");
    let cases = [
        ("", None),
        (", :error nil", None),
        (", :error \"no leader\"", Some("no leader")),
        (", :error :timeout", Some(":timeout")),
        (
            ", :error [:no-client \"a; b\"]",
            Some("[:no-client \"a; b\"]"),
        ),
        (", :error 1/2", Some("1/2")),
        (", :op-index 5", Some(":op-index 5")),
        (
            ", :error :timeout, :exception #error {:via\n [{:type a.b.C}] ; deep\n}, :n \\a",
            Some(":timeout :exception #error {:via [{:type a.b.C}] } :n \\a"),
        ),
        (
            ", :clock {\"n1\" 5}, :error \"no \\\"leader\\\"\"",
            Some("\"no \\\"leader\\\"\" :clock {\"n1\" 5}"),
        ),
    ];
    for (rest, error) in cases {
        let nemesis = operation(rest);
        let open = operation("").replace(":fail", ":invoke");
        let read = edn(&format!("{open}\n{nemesis}")).unwrap();
        assert_eq!(read[1].error.as_deref(), error, "{rest}");
    }
    let text = r#"{"type":"fail","process":0,"f":"a","op-index":5,"error":["no-client",null],"odd key":{"b":[]}}"#;
    assert_eq!(
        json(text).unwrap()[0].error.as_deref(),
        Some(r#"["no-client" nil] :op-index 5 "odd key" {:b []}"#)
    );
}

#[test]
fn what_jepsen_wrote_is_written_as_it_was() {
    let text = "\
{:index 0, :time 12, :type :invoke, :process 0, :f :write, :value 3}
{:index 1, :time 15, :type :ok, :process 0, :f :write, :value 3, :node \"n1\"}
{:index 2, :time 16, :type :invoke, :process 1, :f :cas, :value [3 4]}
{:index 3, :time 17, :type :fail, :process 1, :f :cas, :value [3 4], :error [:precondition \"3\"]}
{:index 4, :time 18, :type :invoke, :process 2, :f :txn, :value [[:r 7 nil] [:append 8 1.5]]}
{:index 5, :time 19, :type :info, :process 2, :f :txn, :value nil, :error :timeout, :exception {:via [#inst \"2024\"]}}
{:index 6, :time 20, :type :invoke, :process 3, :f :read-all, :value nil}
{:index 7, :time 21, :type :ok, :process 3, :f :read-all, :value {0 10, 1 -10}, :op-index 4}
{:index 8, :time 22, :type :info, :process :nemesis, :f :start, :value {:targets [\"n1\" \"n2\"], :at #inst \"2024\"}}
";
    let read = edn(text).unwrap();
    assert_eq!(encoded(&read, style(Notation::Edn)), text);
    // And through JSON, which has no other way to say it.
    let through = encoded(&read, style(Notation::Json));
    assert_eq!(json(&through).as_ref(), Ok(&read));
    assert_eq!(
        encoded(&json(&through).unwrap(), style(Notation::Edn)),
        text
    );
}

#[test]
fn our_own_events_are_written_for_jepsen() {
    let mut invoke = event(7, 0, Kind::Invoke, F::Txn)
        .key("x")
        .value(Value::list([
            Value::list([Value::from("r"), "a b".into(), Value::Nil]),
            Value::list([Value::from("append"), "k".into(), Value::from(1)]),
        ]))
        .node("n1");
    invoke.due = Some(Time::from_nanos(5));
    let ok = Event {
        time: Time::from_nanos(9),
        kind: Kind::Ok,
        due: None,
        key: Value::Nil,
        ..invoke.clone()
    };
    let ok = ok.revision(-12);
    let fault = Value::map([
        ("fault", Value::from(1)),
        ("label", "n1 | n2".into()),
        ("n 1", Value::Bool(true)),
    ]);
    let nemesis = Event::new(Time::from_nanos(9), Process::NEMESIS, Kind::Info, F::Inject);
    let events = [invoke, ok, nemesis.value(fault).error("boom")];
    let write = |notation, keyed, list| {
        encoded(
            &events,
            Style {
                notation,
                keyed,
                list,
            },
        )
    };
    assert_eq!(
        write(Notation::Edn, false, false),
        r#"{:index 0, :time 7, :type :invoke, :process 0, :f :txn, :value [[:r "a b" nil] [:append "k" 1]], :key "x", :node "n1", :due 5}
{:index 1, :time 9, :type :ok, :process 0, :f :txn, :value [[:r "a b" nil] [:append "k" 1]], :node "n1", :revision -12}
{:index 2, :time 9, :type :info, :process :nemesis, :f :inject, :value {:fault 1, :label "n1 | n2", "n 1" true}, :error "boom"}
"#
    );
    assert_eq!(
        write(Notation::Edn, true, true),
        r#"[{:index 0, :time 7, :type :invoke, :process 0, :f :txn, :value ["x" [[:r "a b" nil] [:append "k" 1]]], :node "n1", :due 5}
 {:index 1, :time 9, :type :ok, :process 0, :f :txn, :value ["x" [[:r "a b" nil] [:append "k" 1]]], :node "n1", :revision -12}
 {:index 2, :time 9, :type :info, :process :nemesis, :f :inject, :value {:fault 1, :label "n1 | n2", "n 1" true}, :error "boom"}]
"#
    );
    assert_eq!(
        write(Notation::Json, true, true),
        r#"[{"index":0,"time":7,"type":"invoke","process":0,"f":"txn","value":["x",[["r","a b",null],["append","k",1]]],"node":"n1","due":5},
 {"index":1,"time":9,"type":"ok","process":0,"f":"txn","value":["x",[["r","a b",null],["append","k",1]]],"node":"n1","revision":-12},
 {"index":2,"time":9,"type":"info","process":"nemesis","f":"inject","value":{"fault":1,"label":"n1 | n2","n 1":true},"error":"boom"}]
"#
    );
    let empty = Style {
        notation: Notation::Json,
        keyed: false,
        list: true,
    };
    assert_eq!(encoded(&[], empty), "[]\n");
}

#[test]
fn what_is_no_operation_is_refused_with_place_and_remedy() {
    let cases = [
        (
            "{:process 0 :f :a}",
            "line 1, column 1: this operation has no type",
        ),
        (
            "\n {:type :ok :f :a}",
            "line 2, column 2: this operation has no process",
        ),
        (
            "{:type :maybe :process 0 :f :a}",
            "line 1, column 8: type is \"maybe\"; it is one of invoke, ok, fail, info",
        ),
        (
            "{:type :ok\n :process :n1 :f :a}",
            "line 2, column 11: process is \"n1\"; it is a number from 0 to 4294967294, or nemesis",
        ),
        (
            "{:type :ok :process 4294967295 :f :a}",
            "line 1, column 21: process is 4294967295",
        ),
        (
            "{:type :ok :process 0 :f [1]}",
            "line 1, column 26: f is [1]; it is a name",
        ),
        (
            "{:type :ok :process 0 :f :a :time 1.5}",
            "line 1, column 35: time is 1.5; it is an integer, and not negative",
        ),
        (
            "{:type :ok :process 0 :f :a :node 5}",
            "line 1, column 35: node is 5; it is a name",
        ),
        (
            "{:type :ok :process 0 :f :a :revision \"a\"}",
            "line 1, column 39: revision is \"a\"; it is an integer",
        ),
        (
            "{:type :ok :process 0 :f :a :f :b}",
            "line 1, column 29: a second f in one operation",
        ),
        (
            "{:type :ok :process 0 :f :a :value}",
            "line 1, column 29: this key has no value",
        ),
        (
            "{:type :ok :process 0 :f :a :value 1/2}",
            "line 1, column 36: 1/2 is a ratio",
        ),
        (
            "{:type :ok :process 0 :f :a :value [\n1 \\b]}",
            "line 2, column 3: \\b is a character",
        ),
        (
            "{:type :ok :process 0 :f :a :value [1}",
            "line 1, column 38: found }, but ] closes what is open here",
        ),
        (
            "#my.Thing{:type :ok}",
            "line 1, column 1: #my.Thing is no operation; #jepsen.history.Op or",
        ),
        ("#my.Op[1]", "line 1, column 7: an operation is a map"),
        (
            "{:index 5 :type :invoke :process 0 :f :a}\n{:index 5 :type :ok :process 0 :f :a}",
            "line 2, column 1: its index is 5, but 5 came before; operations stand in the order of their indices",
        ),
        (
            "{:type :ok :process 0 :f :a :value #jepsen.independent.Tuple[1 2 3]}",
            "line 1, column 1: its value is [1 2 3]; with independent keys it is a pair [key value]",
        ),
        (
            "{:type :ok :process 0 :f :a :key 1 :value #jepsen.independent.Tuple[1 2]}",
            "line 1, column 1: its value is a pair [key value], but it has a key as well",
        ),
    ];
    for (text, expected) in cases {
        let error = edn(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let cases = [
        (
            r#"{"type":"ok","process":0}"#,
            "line 1, column 1: this operation has no f",
        ),
        (
            r#"[{"type":"ok","process":null,"f":"a"}]"#,
            "line 1, column 25: process is nil; it is a number",
        ),
        (
            "{\"type\":\"ok\",\n\"type\":\"ok\"}",
            "line 2, column 8: a second type",
        ),
        (
            r#"{"type":"ok" "process":0}"#,
            "line 1, column 14: found '\"', but a member is followed by a comma or }",
        ),
    ];
    for (text, expected) in cases {
        let error = json(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let long = format!("{{:type :ok :process 0 :f {:?}}}", vec![7; 1000]);
    assert!(edn(&long).unwrap_err().len() < 200);
}

#[test]
fn what_is_no_history_is_refused_with_line_and_reason() {
    let cases = [
        (
            "{:type :invoke :process 3 :f :write}\n{:type :info :process 3 :f :write}\n\n{:type :invoke :process 3 :f :read}",
            "line 4: process 3 invokes read after its write ended as info: it must go on as another process",
        ),
        (
            "{:type :invoke :process 3 :f :write}\n{:type :invoke :process 3 :f :read}",
            "line 2: process 3 invokes read while its write is still open: a process is sequential",
        ),
        (
            "[{:type :ok :process 3 :f :write}]",
            "line 1: process 3 completes write, but it has no operation open",
        ),
        (
            "{:type :invoke :process 3 :f :write}\n{:type :ok :process 3 :f :read}",
            "line 2: process 3 completes read of key nil, but its open operation is write of key nil",
        ),
    ];
    for (text, expected) in cases {
        let result = read(text.as_bytes(), Notation::Edn, Options::default());
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

#[test]
fn nothing_is_read_after_an_error() {
    let text = "[{:type :invoke :process 0 :f :a} {:type] {:type :ok :process 0 :f :a}]";
    let mut reader = Reader::new(text.as_bytes(), Notation::Edn, Options::default());
    assert!(reader.next_event().unwrap().is_some());
    assert!(reader.next_event().is_err());
    assert_eq!(reader.next_event().unwrap(), None);
}

#[test]
fn no_prefix_of_a_file_panics() {
    for notation in [Notation::Edn, Notation::Json] {
        let list = Style {
            list: true,
            ..style(notation)
        };
        let whole = encoded(&register(), list);
        for cut in 0..whole.len() {
            let read = read_events(&whole[..cut], notation, &Options::default());
            // Without its end a list is no list.
            let blank = whole[..cut].trim().is_empty() || cut >= whole.trim_end().len();
            assert_eq!(read.is_ok(), blank, "cut at {cut}: {read:?}");
        }
    }
}

proptest! {
    #[test]
    fn our_events_come_back(events in arbitrary::events(), list: bool) {
        for notation in [Notation::Edn, Notation::Json] {
            let text = encoded(&events, Style { list, ..style(notation) });
            let read = read_events(&text, notation, &Options::default());
            prop_assert_eq!(read.as_ref(), Ok(&events), "{}", text);
            prop_assert_eq!(encoded(&read.unwrap(), Style { list, ..style(notation) }), text);
        }
    }

    #[test]
    fn our_events_come_back_with_independent_keys(events in arbitrary::events(), list: bool) {
        for notation in [Notation::Edn, Notation::Json] {
            let text = encoded(&events, Style { notation, keyed: true, list });
            let read = read_events(&text, notation, &keyed());
            prop_assert_eq!(read.as_ref(), Ok(&events), "{}", text);
        }
    }

    #[test]
    fn the_size_of_chunks_does_not_matter(events in arbitrary::events(), chunk in 1..50_usize) {
        for notation in [Notation::Edn, Notation::Json] {
            let text = encoded(&events, style(notation));
            let input = BufReader::with_capacity(chunk, text.as_bytes());
            let mut reader = Reader::new(input, notation, Options::default());
            for event in &events {
                let read = reader.next_event().unwrap();
                prop_assert_eq!(read.as_ref(), Some(event));
            }
            prop_assert_eq!(reader.next_event().unwrap(), None);
        }
    }

    #[test]
    fn damage_never_panics(
        events in arbitrary::events(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for notation in [Notation::Edn, Notation::Json] {
            let mut bytes = encoded(&events, style(notation)).into_bytes();
            for (at, byte) in &damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let _ = read(&bytes[..], notation, keyed());
            let _ = read(&bytes[..], notation, Options::default());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut operation = b"{:type :ok, :process 0, :f :a, :value ".to_vec();
        operation.extend_from_slice(&bytes);
        for notation in [Notation::Edn, Notation::Json] {
            let _ = read(&bytes[..], notation, Options::default());
            let _ = read(&operation[..], notation, Options::default());
        }
    }
}
