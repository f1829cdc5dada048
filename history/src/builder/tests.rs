//! What histories are built from, and what none is built from.

use super::*;
use crate::{FaultOutcome, Value};

fn event(millis: u64, process: u32, kind: Kind, f: F) -> Event {
    Event::new(Time::from_millis(millis), Process::client(process), kind, f)
}

#[test]
fn an_operation_is_an_invocation_and_its_completion() {
    let mut builder = History::builder();
    builder
        .push(
            event(1, 0, Kind::Invoke, F::Write)
                .key("x")
                .value(1)
                .node("n1"),
        )
        .unwrap();
    builder
        .push(event(2, 1, Kind::Invoke, F::Read).key("x"))
        .unwrap();
    builder
        .push(event(3, 1, Kind::Ok, F::Read).value(1).revision(9))
        .unwrap();
    builder
        .push(event(4, 0, Kind::Info, F::Write).value(1).error("timeout"))
        .unwrap();
    let history = builder.finish();

    let [write, read] = history.operations().collect::<Vec<_>>()[..] else {
        panic!("two operations")
    };
    assert_eq!(write.outcome, Outcome::Info);
    assert_eq!(write.end(), Time::NEVER);
    assert_eq!(write.completed, Some(Time::from_millis(4)));
    assert_eq!(&**write.node().unwrap(), "n1");
    assert_eq!(&**write.error().unwrap(), "timeout");
    assert_eq!(read.output_id, write.input_id);
    assert_eq!(read.key(), &Value::from("x"));
    assert_eq!(read.revision(), Some(9));
    assert_eq!(read.node(), None);
    assert_eq!(
        write.to_string(),
        r#"#0 process 0 on n1: write "x" 1 -> info, 0.001 s..0.004 s"#
    );
}

#[test]
fn the_error_of_a_completion_comes_before_that_of_its_invocation() {
    let mut builder = History::builder();
    for process in [0, 1] {
        let invoke = event(1, process, Kind::Invoke, F::Write).error("asked");
        builder.push(invoke).unwrap();
    }
    let fail = event(2, 0, Kind::Fail, F::Write).error("refused");
    builder.push(fail).unwrap();
    builder.push(event(2, 1, Kind::Ok, F::Write)).unwrap();
    let history = builder.finish();
    let errors: Vec<_> = history
        .operations()
        .map(|op| op.error().map(ToString::to_string))
        .collect();
    assert_eq!(errors, [Some("refused".into()), Some("asked".into())]);
}

#[test]
fn what_the_history_leaves_open_is_unknown() {
    let mut builder = History::builder();
    builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
    let history = builder.finish();
    let write = history.operation(OpId(0));
    assert_eq!(
        (write.outcome, write.completed, write.end()),
        (Outcome::Info, None, Time::NEVER)
    );
}

#[test]
fn a_process_is_sequential() {
    let mut builder = History::builder();
    builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
    let error = builder
        .push(event(2, 0, Kind::Invoke, F::Read))
        .unwrap_err();
    assert!(matches!(error, Malformed::StillOpen { .. }), "{error}");
}

#[test]
fn a_process_ends_with_an_unknown_operation() {
    let mut builder = History::builder();
    builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
    builder.push(event(2, 0, Kind::Info, F::Write)).unwrap();
    let error = builder
        .push(event(3, 0, Kind::Invoke, F::Read))
        .unwrap_err();
    assert!(matches!(error, Malformed::AfterInfo { .. }), "{error}");
}

#[test]
fn a_completion_fits_its_invocation() {
    let mut builder = History::builder();
    let error = builder.push(event(1, 0, Kind::Ok, F::Write)).unwrap_err();
    assert!(matches!(error, Malformed::NotOpen { .. }), "{error}");
    builder
        .push(event(1, 0, Kind::Invoke, F::Write).key(1))
        .unwrap();
    let error = builder
        .push(event(2, 0, Kind::Ok, F::Write).key(2))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "process 0 completes write of key 2, but its open operation is write of key 1"
    );
}

#[test]
fn time_does_not_run_backwards() {
    let mut builder = History::builder();
    builder.push(event(2, 0, Kind::Invoke, F::Write)).unwrap();
    let error = builder
        .push(event(1, 1, Kind::Invoke, F::Read))
        .unwrap_err();
    assert!(matches!(error, Malformed::Backwards { .. }), "{error}");
}

#[test]
fn operations_are_grouped_by_key() {
    let mut builder = History::builder();
    for (process, key) in [(0, 5), (1, 6), (2, 5)] {
        builder
            .push(event(1, process, Kind::Invoke, F::Read).key(key))
            .unwrap();
    }
    let history = builder.finish();
    let groups: Vec<_> = history
        .by_key()
        .into_iter()
        .map(|(key, ops)| (history.key(key).clone(), ops))
        .collect();
    assert_eq!(
        groups,
        [
            (Value::from(5), vec![OpId(0), OpId(2)]),
            (Value::from(6), vec![OpId(1)])
        ]
    );
}

#[test]
fn faults_and_phases_come_out_as_spans() {
    let nemesis = |millis, f, value: Value| {
        Event::new(Time::from_millis(millis), Process::NEMESIS, Kind::Info, f).value(value)
    };
    let mut builder = History::builder();
    builder.push(nemesis(0, F::Phase, "main".into())).unwrap();
    let begin = Value::map([
        ("fault", Value::from(1)),
        ("name", "partition".into()),
        ("label", "leader".into()),
        ("nodes", Value::list(["n1"])),
    ]);
    builder.push(nemesis(1, F::Inject, begin)).unwrap();
    let done = Value::map([
        ("fault", Value::from(1)),
        ("label", "leader: n2 | n1 n3".into()),
        ("nodes", Value::list(["n2"])),
        (
            "sides",
            Value::list([Value::list(["n2"]), Value::list(["n1", "n3"])]),
        ),
        ("outcome", "installed".into()),
    ]);
    builder.push(nemesis(2, F::Inject, done)).unwrap();
    builder
        .push(nemesis(3, F::Heal, Value::map([("fault", 1)])))
        .unwrap();
    let healed = Value::map([("fault", Value::from(1)), ("outcome", "installed".into())]);
    builder.push(nemesis(4, F::Heal, healed)).unwrap();
    builder
        .push(nemesis(5, F::Phase, "final-reads".into()))
        .unwrap();
    let history = builder.finish();

    let [fault] = history.faults() else {
        panic!("one fault")
    };
    assert_eq!(
        (&*fault.name, &*fault.label, &*fault.nodes[0]),
        ("partition", "leader: n2 | n1 n3", "n2")
    );
    assert_eq!(fault.sides.len(), 2);
    assert_eq!(fault.window(), (Time::from_millis(1), Time::from_millis(4)));
    assert_eq!(
        (fault.outcome, fault.heal_outcome),
        (FaultOutcome::Installed, FaultOutcome::Installed)
    );
    assert_eq!(history.phases()[0].to, Time::from_millis(5));
    assert!(history.is_empty());
}
