use super::*;
use crate::format::{Format, Import, read_any};
use crate::jepsen::Options;
use crate::{History, Outcome};

const PLUME: &str = "w(1,5,0,0)\nw(2,0,0,0)\nr(1,0,1,1)\nr(2,0,1,1)\nr(1,5,0,2)\nw(1,9,1,-1)\n";
const AWDIT: &str = "w 1 5\nw 2 6\n---\nr 1 5\n=====\nr 2 0\n";

fn import(bytes: &[u8]) -> Import {
    read_any(bytes, Options::default()).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    read_any(bytes, Options::default()).unwrap_err().to_string()
}

fn told(history: &History) -> Vec<String> {
    let operations = history.operations();
    operations
        .map(|op| {
            let (input, output) = (op.input().to_string(), op.output().to_string());
            let said = if op.outcome == Outcome::Ok {
                output
            } else {
                input
            };
            format!(
                "{} {} {}",
                op.process,
                op.outcome.name(),
                said.replace('"', "")
            )
        })
        .collect()
}

/// Events (whether it is a write, key, value, whether it succeeded), and whether they were committed.
type Events<'a> = (&'a [[u64; 4]], u8);

fn dbcop(sessions: &[&[Events<'_>]]) -> Vec<u8> {
    let mut out = Vec::new();
    let number = |n: u64, out: &mut Vec<u8>| out.extend_from_slice(&n.to_le_bytes());
    for n in [3, 2, 2, 2, 2] {
        number(n, &mut out);
    }
    for text in ["a database", "now", ""] {
        number(text.len() as u64, &mut out);
        out.extend_from_slice(text.as_bytes());
    }
    number(sessions.len() as u64, &mut out);
    for session in sessions {
        number(session.len() as u64, &mut out);
        for (events, committed) in *session {
            number(events.len() as u64, &mut out);
            for [is_write, key, value, ok] in *events {
                out.push(*is_write as u8);
                number(*key, &mut out);
                number(*value, &mut out);
                out.push(*ok as u8);
            }
            out.push(*committed);
        }
    }
    out
}

fn small_dbcop() -> Vec<u8> {
    dbcop(&[
        &[(&[[1, 7, 1, 1], [0, 8, 0, 1]], 1)],
        &[(&[[0, 7, 1, 1], [1, 7, 2, 0]], 1), (&[[1, 7, 3, 1]], 0)],
    ])
}

fn cobra(parts: &[(u8, &[i64])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, numbers) in parts {
        out.push(*tag);
        for number in *numbers {
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
    out
}

fn small_cobra() -> Vec<u8> {
    cobra(&[
        (b'S', &[1]),
        (b'R', &[0xbebe_ebee, 0xbebe_ebee, 7, 0]),
        (b'W', &[100, 7, 9]),
        (b'C', &[1]),
        (b'S', &[2]),
        (b'R', &[1, 100, 7, 9]),
    ])
}

#[test]
fn plume_is_read() {
    let import = import(PLUME.as_bytes());
    assert_eq!(import.format, Format::Plume);
    assert_eq!(
        told(&import.history),
        [
            "0 ok [[w 1 5] [w 2 0]]",
            // Nobody wrote 0 to key 1, but somebody did to key 2.
            "1 ok [[r 1 nil] [r 2 0]]",
            "0 ok [[r 1 5]]",
            "1 fail [[w 1 9]]",
        ]
    );
}

#[test]
fn awdit_is_read() {
    let import = import(AWDIT.as_bytes());
    assert_eq!(import.format, Format::Awdit);
    assert_eq!(
        told(&import.history),
        ["0 ok [[w 1 5] [w 2 6]]", "0 ok [[r 1 5]]", "1 ok [[r 2 0]]"]
    );
}

#[test]
fn dbcop_is_read() {
    let import = import(&small_dbcop());
    assert_eq!(import.format, Format::Dbcop);
    assert_eq!(
        told(&import.history),
        [
            "0 ok [[w 7 1] [r 8 nil]]",
            "1 fail [[w 7 2]]",
            "1 ok [[r 7 1]]",
            "1 fail [[w 7 3]]",
        ]
    );
}

#[test]
fn cobra_is_read() {
    let log = small_cobra();
    let history = import(&log).history;
    assert_eq!(
        told(&history),
        ["0 ok [[r 7 nil] [w 7 100]]", "0 info [[r 7 nil]]"]
    );
    let other = cobra(&[(b'S', &[3]), (b'W', &[101, 7, 9]), (b'A', &[3])]);
    let mut reader = Reader::cobra([&log[..], &other]).unwrap();
    let events: Vec<Event> = std::iter::from_fn(|| reader.next_event()).collect();
    let history = History::from_events(crate::Header::default(), events).unwrap();
    assert_eq!(told(&history)[2], "1 fail [[w 7 101]]");
    let (log, error) = Reader::cobra([&log[..], &other[..20]]).unwrap_err();
    assert_eq!(log, 1);
    assert_eq!(
        error.to_string(),
        "byte 18: the file ends where a number should stand"
    );
}

#[test]
fn what_has_no_times_is_concurrent_and_in_the_order_of_its_session() {
    for bytes in [PLUME.as_bytes(), AWDIT.as_bytes()] {
        let history = import(bytes).history;
        assert!(!import(bytes).format.has_times());
        assert!(
            history
                .operations()
                .all(|op| op.invoked == Time::ZERO && op.completed == Some(Time::ZERO))
        );
    }
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let cases: [(Vec<u8>, &str); 7] = [
        (
            b"w(1,5,0,0)\nw(1,5,0)\n".to_vec(),
            "line 2, column 1: found \"w(1,5,0)\", but",
        ),
        (
            b"w 1 5\nr 1\n".to_vec(),
            "line 2, column 1: found \"r 1\", but",
        ),
        (b"w 1 5 6\n".to_vec(), "line 1, column 1: found \"w 1 5 6\""),
        (small_dbcop()[..80].to_vec(), "byte 77: the file ends where"),
        (
            [&small_dbcop()[..], b"x"].concat(),
            "something follows the last session",
        ),
        (
            cobra(&[(b'S', &[1]), (b'C', &[2])]),
            "transaction 2 ends, but 1 is open",
        ),
        (
            cobra(&[(b'S', &[1]), (b'C', &[1]), (b'X', &[])]),
            "the tag is 0x58",
        ),
    ];
    for (bytes, expected) in cases {
        let error = refusal(&bytes);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let absurd = dbcop(&[])
        .iter()
        .rev()
        .skip(8)
        .rev()
        .copied()
        .collect::<Vec<_>>();
    let error = refusal(&[&absurd[..], &u64::MAX.to_le_bytes()].concat());
    assert!(
        error.contains("there would be 18446744073709551615 sessions"),
        "{error}"
    );
}

#[test]
fn numbers_that_no_integer_holds_are_kept_as_text() {
    assert_eq!(number("-9223372036854775808"), Some(Value::from(i64::MIN)));
    assert_eq!(
        number("9223372036854775808"),
        Some(Value::from("9223372036854775808"))
    );
    assert_eq!(number("-"), None);
    assert_eq!(number("1.5"), None);
}

/// Files of all these formats, for tests that damage them.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    vec![
        PLUME.as_bytes().to_vec(),
        AWDIT.as_bytes().to_vec(),
        small_dbcop(),
        small_cobra(),
    ]
}
