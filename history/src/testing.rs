//! A small notation for histories in tests.
//!
//! One operation a line; time runs to the right, one column a millisecond. `|` marks the invocation and the completion,
//! what stands between them the operation:
//!
//! ```text
//! 0 |w x 1|
//! 1   |r x -> 1|
//! 2          |w x 2 ?      an operation that never ends: unknown
//! 0          |r x -> nil|
//! 3 |w x 3 !|              an operation that surely failed
//! ```
//!
//! The line begins with the process. `w` writes, `r` reads, `cas KEY OLD NEW` compares and sets; any other word is
//! taken as the function's name, with a key and, if there is one, a value behind it. `@n1` after the process names the
//! node. Lists are written `[1,2]` and maps `{a:1,b:2}`, without spaces; `nil`, `true` and `false` are what they say.

use std::sync::Arc;

use crate::history::Header;
use crate::{Event, F, History, Kind, Process, Time, Value};

/// The history that a drawing shows.
///
/// # Panics
/// When the drawing is wrong: it is part of a test.
pub fn history(drawing: &str) -> History {
    let mut ends: Vec<(usize, u8, Event)> = Vec::new();
    for line in drawing.lines().filter(|line| !line.trim().is_empty()) {
        let open = line
            .find('|')
            .unwrap_or_else(|| panic!("no invocation in {line:?}"));
        let (who, body) = (line[..open].trim(), &line[open + 1..]);
        let (who, node) = match who.split_once('@') {
            Some((who, node)) => (who.trim(), Some(Arc::from(node.trim()))),
            None => (who, None),
        };
        let process = Process::client(
            who.parse()
                .unwrap_or_else(|_| panic!("no process in {line:?}")),
        );
        let close = body.find('|').map(|end| open + 1 + end);
        let words = &body[..body.find('|').unwrap_or(body.len())];
        let (words, kind) = match (
            words.trim().strip_suffix('?'),
            words.trim().strip_suffix('!'),
        ) {
            (Some(words), _) => (words, Kind::Info),
            (_, Some(words)) => (words, Kind::Fail),
            _ => (words, Kind::Ok),
        };
        let (call, result) = match words.split_once("->") {
            Some((call, result)) => (call, Some(value(result.trim()))),
            None => (words, None),
        };
        let mut call = call.split_whitespace();
        let f = match call
            .next()
            .unwrap_or_else(|| panic!("no function in {line:?}"))
        {
            "w" => F::Write,
            "r" => F::Read,
            name => F::from(name),
        };
        let key = call.next().map(value).unwrap_or_default();
        let arguments: Vec<Value> = call.map(value).collect();
        let argument = match &arguments[..] {
            [] => Value::Nil,
            [one] => one.clone(),
            _ => Value::List(arguments.into()),
        };
        let event = |kind, value: Value| Event {
            key: key.clone(),
            value,
            node: node.clone(),
            ..Event::new(Time::ZERO, process, kind, f.clone())
        };
        ends.push((open, 1, event(Kind::Invoke, argument.clone())));
        match (close, kind) {
            (Some(close), kind) => ends.push((close, 0, event(kind, result.unwrap_or(argument)))),
            (None, Kind::Info) => {}
            (None, _) => panic!("{line:?} does not end; mark it with ?"),
        }
    }
    // At one moment, completions come before invocations: operations that only touch do not overlap.
    ends.sort_by_key(|(column, order, _)| (*column, *order));
    let events = ends.into_iter().map(|(column, order, event)| Event {
        time: Time::from_micros(column as u64 * 1_000 + u64::from(order)),
        ..event
    });
    History::from_events(Header::default(), events)
        .unwrap_or_else(|(place, malformed)| panic!("event {place}: {malformed}"))
}

fn value(word: &str) -> Value {
    match word {
        "nil" => return Value::Nil,
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if let Some(items) = word
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return Value::list(parts(items).into_iter().map(value));
    }
    if let Some(items) = word
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        return Value::map(parts(items).into_iter().map(|part| {
            let Some((name, part)) = part.split_once(':') else {
                panic!("{part:?} has no name");
            };
            (name, value(part))
        }));
    }
    word.parse::<i64>()
        .map_or_else(|_| Value::from(word), Value::from)
}

/// What stands between the commas, but for those inside lists and maps.
fn parts(items: &str) -> Vec<&str> {
    let mut depth = 0;
    let outside = |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    };
    items
        .split(outside)
        .filter(|item| !item.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    #[test]
    fn a_drawing_becomes_a_history() {
        let history = history(
            "
            0@n1 |w x 1|
            1      |r x -> 1|
            2               |cas x 1 2 ?
            0               |r x -> [1,2]|
            3      |w x 3 !|
            ",
        );
        let shown: Vec<_> = history
            .operations()
            .map(|op| {
                (
                    op.process.number().unwrap(),
                    op.f().name(),
                    op.input().to_string(),
                    op.outcome,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (0, "write", "1".to_owned(), Outcome::Ok),
                (1, "read", "nil".to_owned(), Outcome::Ok),
                (3, "write", "3".to_owned(), Outcome::Fail),
                (2, "cas", "[1 2]".to_owned(), Outcome::Info),
                (0, "read", "nil".to_owned(), Outcome::Ok),
            ]
        );
        let reads: Vec<_> = history
            .operations()
            .filter(|op| *op.f() == F::Read)
            .collect();
        assert_eq!(reads[0].output(), &Value::Int(1));
        assert_eq!(reads[1].output(), &Value::list([1, 2]));
        assert_eq!(
            &**history.operations().next().unwrap().node().unwrap(),
            "n1"
        );
    }

    #[test]
    fn lists_hold_lists() {
        let history = history("0 |txn nil [[append,x,1],[r,x,nil]] -> [[append,x,1],[r,x,[1,2]]]|");
        let op = history.operations().next().unwrap();
        let append = Value::list(["append".into(), "x".into(), Value::from(1)]);
        let read = |list| Value::list(["r".into(), "x".into(), list]);
        assert_eq!(op.input(), &Value::list([append.clone(), read(Value::Nil)]));
        assert_eq!(
            op.output(),
            &Value::list([append, read(Value::list([1, 2]))])
        );
    }

    #[test]
    fn maps_hold_lists_and_maps() {
        let history = history("0 |read nil -> {a:1,b:{c:[1,2]}}|");
        let inner = Value::map([("c", Value::list([1, 2]))]);
        assert_eq!(
            history.operations().next().unwrap().output(),
            &Value::map([("a", Value::from(1)), ("b", inner)])
        );
    }

    #[test]
    fn operations_that_touch_do_not_overlap() {
        let history = history(
            "
            0 |w x 1|
            1       |r x -> 1|
            ",
        );
        let [write, read] = history.operations().collect::<Vec<_>>()[..] else {
            panic!("two operations")
        };
        assert!(write.end() < read.invoked);
    }
}
