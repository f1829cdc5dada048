use std::fmt::Write as _;

use schism_history::{Event, F, Header, History, Kind, testing};

use super::*;
use crate::invariants::claim::testing::figure;
use crate::proof::findings::testing::broken;

/// Three writes to x, y and x at the revisions 2, 3 and 4, and then these watches.
fn watch(watches: &[&str]) -> Verdict {
    let mut drawing = "0 |w x 1|\n0        |w y 2|\n0               |w x 3|".to_owned();
    for (i, watch) in watches.iter().enumerate() {
        let _ = write!(drawing, "\n{} {:40}|{watch}|", i + 1, "");
    }
    let plain = testing::history(&drawing);
    let mut events = Vec::new();
    for op in plain.operations() {
        let event = |time, kind, value: &Value| {
            let event = Event::new(time, op.process, kind, op.f().clone());
            event.key(op.key().clone()).value(value.clone())
        };
        events.push(event(op.invoked, Kind::Invoke, op.input()));
        let mut end = event(op.end(), Kind::Ok, op.output());
        end.revision = (*op.f() == F::Write).then_some(i64::from(op.id.0) + 2);
        events.push(end);
    }
    events.sort_by_key(|event| event.time);
    let history = History::from_events(Header::default(), events).unwrap();
    let verdict = Watch.check(&history, &Budget::default());
    assert_eq!(verdict.disagreement, None);
    verdict
}

fn event(revision: i64, key: &str, value: i64) -> String {
    format!("{{type:put,key:{key},value:{value},revision:{revision}}}")
}

fn stream(input: &str, responses: &[Vec<String>]) -> String {
    let responses: Vec<String> = responses
        .iter()
        .map(|events| format!("{{events:[{}]}}", events.join(",")))
        .collect();
    format!("watch nil {input} -> [{}]", responses.join(","))
}

fn all() -> [String; 3] {
    [event(2, "x", 1), event(3, "y", 2), event(4, "x", 3)]
}

fn only(watch_: &str, name: &str, operations: &[u32]) {
    let verdict = watch(&[watch_]);
    assert_eq!(
        broken(&verdict),
        [(name, operations.to_vec())],
        "{}",
        verdict.summary
    );
    assert_eq!(figure(&verdict, &name.replace('-', "_")), 1);
}

#[test]
fn a_watch_that_tells_everything_is_valid() {
    let [a, b, c] = all();
    let verdict = watch(&[
        &stream("{from:1}", &[vec![a.clone()], vec![b.clone(), c.clone()]]),
        &stream("{from:2,key:x}", &[vec![a], vec![c.clone()]]),
        &stream("{from:3,prefix:x}", &[vec![c]]),
        &stream("{from:3,key:y}", &[vec![b]]),
    ]);
    assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    assert_eq!(
        (figure(&verdict, "streams"), figure(&verdict, "events")),
        (4, 7)
    );
}

#[test]
fn revisions_never_go_back() {
    let [a, b, c] = all();
    only(
        &stream("{from:1}", &[vec![a, c, b]]),
        "unordered-events",
        &[3],
    );
}

#[test]
fn a_gap_is_proved_by_who_knows_of_it() {
    let [a, b, c] = all();
    only(
        &stream("{from:1}", &[vec![a.clone()], vec![c.clone()]]),
        "missing-event",
        &[1, 3],
    );
    only(
        &stream("{}", &[vec![a], vec![c.clone()]]),
        "missing-event",
        &[1, 3],
    );
    only(
        &stream("{from:2}", &[vec![b], vec![c]]),
        "not-resumed",
        &[0, 3],
    );
}

#[test]
fn revisions_come_once_whole_and_from_where_they_are_wanted() {
    let [a, b, c] = all();
    only(
        &stream("{from:4}", &[vec![c.clone(), c.clone()]]),
        "duplicate-event",
        &[3],
    );
    only(
        &stream("{from:3}", &[vec![a, b, c.clone()]]),
        "early-event",
        &[3],
    );
    let z = event(4, "z", 9);
    only(
        &stream("{from:4}", &[vec![c], vec![z]]),
        "split-transaction",
        &[3],
    );
}

#[test]
fn only_what_is_watched_is_told() {
    let [a, b, c] = all();
    only(
        &stream("{from:1,key:x}", &[vec![a, b, c]]),
        "unwanted-event",
        &[3],
    );
}

#[test]
fn what_nobody_wrote_is_garbage() {
    let [a, b, _] = all();
    let verdict = watch(&[&stream("{from:1}", &[vec![a, b, event(4, "x", 7)]])]);
    let names: Vec<&str> = broken(&verdict).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["garbage-event", "inconsistent-events"]);
}

#[test]
fn a_bookmark_is_a_promise() {
    let [a, b, c] = all();
    let bookmark = "{revision:3,bookmark:true},";
    let told = |first: Vec<String>, later: Vec<String>| {
        let text = stream("{from:1}", &[first, later]);
        let second = text.rfind("{events").expect("there are two responses");
        format!("{}{bookmark}{}", &text[..second], &text[second..])
    };
    assert_eq!(
        watch(&[&told(vec![a.clone(), b.clone()], vec![c.clone()])]).validity,
        Validity::Valid
    );
    only(&told(vec![a], vec![b, c]), "event-before-bookmark", &[3]);
}

#[test]
fn previous_values_and_creations_are_true() {
    let [a, b, _] = all();
    let c = |more: &str| format!("{{type:put,key:x,value:3,revision:4,{more}}}");
    let told = |more: &str| stream("{from:1}", &[vec![a.clone(), b.clone(), c(more)]]);
    assert_eq!(
        watch(&[&told("previous:1,create:false")]).validity,
        Validity::Valid
    );
    only(&told("previous:2"), "wrong-previous-value", &[0, 3]);
    only(&told("create:true"), "wrong-create", &[0, 3]);
}

#[test]
fn nothing_is_unknown() {
    let history: History = testing::history("0 |w x 1|\n1        |watch nil {from:1} -> []|");
    assert_eq!(
        Watch.check(&history, &Budget::default()).validity,
        Validity::Unknown
    );
}
