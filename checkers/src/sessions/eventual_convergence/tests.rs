//! Nodes that agree at the end, and nodes that do not.

use super::*;
use crate::measures::attempt::testing::figure;
use crate::proof::findings::testing::{broken, check};
use schism_history::{Event, Header, Kind, Process, testing};

/// The verdict on a drawing whose last operations, from this one on, are the final reads.
fn judged(drawing: &str, finals: u32) -> Verdict {
    let plain = testing::history(drawing);
    let mut events = Vec::new();
    for op in plain.operations() {
        let event = |time, kind, value: &Value| Event {
            node: op.node().cloned(),
            ..Event::new(time, op.process, kind, op.f().clone())
                .key(op.key().clone())
                .value(value.clone())
        };
        if op.id.0 == finals {
            let phase = Event::new(op.invoked, Process::NEMESIS, Kind::Info, F::Phase);
            events.push(phase.value("final-reads"));
        }
        events.push(event(op.invoked, Kind::Invoke, op.input()));
        let kind = match op.outcome {
            Outcome::Ok => Kind::Ok,
            _ => Kind::Info,
        };
        if op.end() != Time::NEVER {
            events.push(event(op.end(), kind, op.output()));
        }
    }
    events.sort_by_key(|event| event.time);
    let history = History::from_events(Header::default(), events).unwrap();
    let verdict = EventualConvergence.check(&history, &Budget::default());
    assert_eq!(verdict.disagreement, None);
    verdict
}

#[test]
fn nodes_that_agree_have_converged() {
    let verdict = check(
        &EventualConvergence,
        "
        0@n1 |w x 1|
        0@n1         |w x 2|
        1@n2                 |r x -> 1|
        1@n2                            |r x -> 2|
        0@n1                 |r x -> 2|
        ",
    );
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(verdict.levels.held, [Level::EventualConvergence]);
    // From the second write's answer to that of the read which did not know it.
    let time = figure(&verdict.figures, "time_to_converge_s");
    assert_eq!(time, &Value::from(0.011));
}

#[test]
fn nodes_that_differ_have_not() {
    let registers = "
        0@n1 |w x 1|
        0@n1         |w x 2|
        0@n1                 |r x -> 2|
        1@n2                 |r x -> 1|
        ";
    let verdict = judged(registers, 2);
    assert_eq!(broken(&verdict), [("divergence", vec![0, 1, 2, 3])]);
    assert_eq!(verdict.levels.refuted, [Level::EventualConvergence]);
    let verdict = judged(
        "
        0@n1 |add s 1|
        1@n2 |add s 2|
        0@n1           |r s -> [1]|
        1@n2                        |r s -> [1,2]|
        ",
        2,
    );
    assert_eq!(broken(&verdict), [("divergence", vec![1, 2, 3])]);
    assert_eq!(figure(&verdict.figures, "lost"), &Value::from(0));
    // Nobody says that these are the last words.
    let verdict = check(&EventualConvergence, registers);
    assert_eq!(verdict.validity, Validity::Unknown);
}

#[test]
fn what_may_still_be_on_its_way_proves_nothing() {
    for drawing in [
        "
        0@n1 |w x 1|
        2@n1         |w x 2 ?
        0@n1                 |r x -> 2|
        1@n2                 |r x -> 1|
        ",
        "
        0@n1 |w x 1|
        2@n1         |w x 2           |
        0@n1                 |r x -> 2|
        1@n2                 |r x -> 1|
        ",
        "
        0@n1 |w x 1|
        0@n1         |r x -> 1|
        0@n1                    |r x -> 1|
        ",
    ] {
        let verdict = judged(drawing, 2);
        assert_eq!(verdict.validity, Validity::Unknown, "{}", verdict.summary);
    }
}
