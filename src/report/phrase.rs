//! Operations in words, and text from outside made fit to be shown.

use schism_history::{F, Operation, Outcome, Value};

/// `text` without what would move a terminal's cursor or break a line: control characters are spelled out.
pub(crate) fn clean(text: &str) -> String {
    if !text.chars().any(must_go) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if must_go(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Control characters, and those that make text run the other way.
fn must_go(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// An anomaly's name as people read it: `stale read`, but `G-single`, which is a name by itself.
pub(crate) fn anomaly_name(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_uppercase()) {
        name.to_owned()
    } else {
        name.replace('-', " ")
    }
}

/// `text` cut in its middle to at most `most` characters: the ends of a list tell more than its start.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept - kept / 3, kept / 3);
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(length - tail));
    out
}

/// A value as text, cut to at most `most` characters without writing all of a huge one first.
pub(crate) fn value(value: &Value, most: usize) -> String {
    shortened(&clean(&value.to_string()), most)
}

/// A sentence that begins as one. A first word that is a name with digits stays as it is.
pub(crate) fn sentence(text: &str) -> String {
    let text = clean(text);
    let first = text.split(' ').next().unwrap_or_default();
    if !first.bytes().all(|byte| byte.is_ascii_lowercase()) || first.is_empty() {
        return text;
    }
    let (head, rest) = text.split_at(1);
    format!("{}{rest}", head.to_ascii_uppercase())
}

/// What an operation did, in words, its key left out: `write 5`, `read → 4`, `cas 1 to 2`.
pub(crate) fn action(operation: &Operation<'_>, most: usize) -> String {
    let ok = operation.outcome == Outcome::Ok;
    let text = match operation.f() {
        F::Read if ok => format!("read → {}", operation.output()),
        F::Cas => match operation.input().as_pair() {
            // A store that answers "no" instead of failing.
            Some((old, new)) if ok && *operation.output() == Value::Bool(false) => {
                format!("cas {old} to {new} → no")
            }
            Some((old, new)) => format!("cas {old} to {new}"),
            None => format!("cas {}", operation.input()),
        },
        F::Txn => {
            let shown = if ok && !operation.output().is_nil() {
                operation.output()
            } else {
                operation.input()
            };
            transaction(shown)
        }
        f => {
            let mut text = f.name().to_owned();
            if !operation.input().is_nil() {
                text.push(' ');
                text.push_str(&operation.input().to_string());
            }
            if ok && !operation.output().is_nil() && operation.output_id != operation.input_id {
                text.push_str(" → ");
                text.push_str(&operation.output().to_string());
            }
            text
        }
    };
    let ending = match operation.outcome {
        Outcome::Ok => "",
        Outcome::Fail => " ✗ failed",
        Outcome::Info => " ? unknown",
    };
    let most = most.saturating_sub(ending.chars().count());
    format!("{}{ending}", shortened(&clean(&text), most))
}

/// The same with its key before it, `x: write 5`, where an anomaly spans several keys.
pub(crate) fn action_on(operation: &Operation<'_>, names_key: bool, most: usize) -> String {
    if !names_key || operation.key().is_nil() {
        return action(operation, most);
    }
    let key = shortened(&bare(operation.key()), (most / 3).max(4));
    let most = most.saturating_sub(key.chars().count() + 2);
    format!("{key}: {}", action(operation, most))
}

/// What an operation did, a line for each micro-operation of a transaction, each cut to at most `most` characters.
pub(crate) fn parts(operation: &Operation<'_>, most: usize) -> Vec<String> {
    let ok = operation.outcome == Outcome::Ok;
    let shown = if ok && !operation.output().is_nil() {
        operation.output()
    } else {
        operation.input()
    };
    match shown.as_list() {
        Some(list) if *operation.f() == F::Txn && !list.is_empty() => micro_operations(list)
            .iter()
            .map(|part| shortened(&clean(part), most))
            .collect(),
        _ => vec![action_on(operation, true, most)],
    }
}

/// Micro-operations: `r x → 3, append x 4`.
fn transaction(transaction: &Value) -> String {
    let Some(list) = transaction.as_list() else {
        return format!("txn {transaction}");
    };
    micro_operations(list).join(", ")
}

fn micro_operations(list: &[Value]) -> Vec<String> {
    list.iter()
        .map(|micro| match micro.as_list() {
            Some([Value::Text(name), key, value]) if name.starts_with('r') && !value.is_nil() => {
                format!("{name} {} → {value}", bare(key))
            }
            Some([Value::Text(name), key, value]) => {
                if value.is_nil() {
                    format!("{name} {}", bare(key))
                } else {
                    format!("{name} {} {value}", bare(key))
                }
            }
            _ => micro.to_string(),
        })
        .collect()
}

/// A key without the quotes of text.
pub(crate) fn bare(key: &Value) -> String {
    match key {
        Value::Text(text) => clean(text),
        other => clean(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing::history;

    #[test]
    fn operations_are_told_in_words() {
        let history = history(
            "
            0 |w x 1|
            1   |r x -> 1|
            2               |cas x 1 2 ?
            0               |r x -> [1,2]|
            3      |w x 3 !|
            4                     |enqueue q 7|
            ",
        );
        let told: Vec<_> = history.operations().map(|op| action(&op, 40)).collect();
        let write = history.operations().next().unwrap();
        assert_eq!(action_on(&write, true, 40), "x: write 1");
        assert_eq!(
            told,
            [
                "write 1",
                "read → 1",
                "write 3 ✗ failed",
                "cas 1 to 2 ? unknown",
                "read → [1 2]",
                "enqueue 7",
            ]
        );
    }

    #[test]
    fn transactions_are_told_by_their_parts() {
        let txn = Value::list([
            Value::list([Value::from("r"), "x".into(), Value::list([1, 2])]),
            Value::list([Value::from("append"), "x".into(), Value::from(3)]),
            Value::list([Value::from("r"), "y".into(), Value::Nil]),
        ]);
        assert_eq!(transaction(&txn), "r x → [1 2], append x 3, r y");
        assert_eq!(transaction(&Value::from(3)), "txn 3");
    }

    #[test]
    fn sentences_begin_as_sentences() {
        assert_eq!(sentence("process 3 read 5"), "Process 3 read 5");
        assert_eq!(sentence("n3 read 5"), "n3 read 5");
        assert_eq!(sentence("Key x"), "Key x");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn long_text_keeps_both_ends() {
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abcdefghijk", 10), "abcdef…ijk");
        assert_eq!(shortened("ääääää", 4), "ää…ä");
        assert_eq!(shortened("abc", 0), "…");
    }

    #[test]
    fn a_terminal_is_not_at_the_mercy_of_values() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\n\u{202e}c\td"),
            "a\\u{1b}[2Jb\\r\\n\\u{202e}c d"
        );
    }
}
