//! What checkers measured, found by name and laid out for tables.

use schism_checkers::Verdict;
use schism_history::Value;

use super::{number, phrase};

/// The figure with this name, `<checker>.<part>.<part>`: `latency.read.p99_s`. Parts may be nested maps, or one name
/// with dots in it.
pub(crate) fn find(verdicts: &[Verdict], name: &str) -> Option<f64> {
    let (checker, rest) = name.split_once('.')?;
    let verdict = verdicts.iter().find(|verdict| verdict.checker == checker)?;
    as_number(descend(&verdict.figures, rest)?)
}

fn descend<'v>(figures: &'v Value, name: &str) -> Option<&'v Value> {
    if let Some(value) = figures.get(name) {
        return Some(value);
    }
    name.match_indices('.')
        .find_map(|(dot, _)| descend(figures.get(&name[..dot])?, &name[dot + 1..]))
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// A figure for a table: its name with dots, and its value in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// `read.p99`.
    pub(crate) name: String,
    /// `4.21 ms`.
    pub(crate) text: String,
}

/// Figures, or any other value with named parts, as rows. At most `most` of them; the second part says how many were
/// left out. Names that end in `_s` are seconds, in `_share` parts of a whole.
pub(crate) fn rows(figures: &Value, most: usize) -> (Vec<Row>, usize) {
    let mut all = Vec::new();
    let mut left_out = 0;
    flatten("", figures, 0, most, &mut all, &mut left_out);
    (all, left_out)
}

fn flatten(
    name: &str,
    value: &Value,
    depth: usize,
    most: usize,
    rows: &mut Vec<Row>,
    left_out: &mut usize,
) {
    match value {
        Value::Map(parts) if depth < 8 => {
            for (part, value) in parts.iter() {
                let name = if name.is_empty() {
                    part.to_string()
                } else {
                    format!("{name}.{part}")
                };
                flatten(&name, value, depth + 1, most, rows, left_out);
            }
        }
        Value::Nil if name.is_empty() => {}
        // A row for each: classes of errors, worst elements.
        Value::List(items)
            if !items.is_empty() && items.iter().all(|item| matches!(item, Value::Map(_))) =>
        {
            for (i, item) in items.iter().enumerate() {
                if rows.len() >= most {
                    *left_out += 1;
                    continue;
                }
                rows.push(Row {
                    name: phrase::clean(&format!("{name} {}", i + 1)),
                    text: parts_in_words(item),
                });
            }
        }
        _ if rows.len() >= most => *left_out += 1,
        _ => rows.push(Row {
            text: in_words(name, value),
            name: phrase::clean(
                name.strip_suffix("_s")
                    .or_else(|| name.strip_suffix("_share"))
                    .unwrap_or(name),
            ),
        }),
    }
}

/// The parts of a map on one line: `class timeout, count 64, first 9.02 s`.
fn parts_in_words(map: &Value) -> String {
    let (rows, _) = rows(map, 12);
    let parts: Vec<String> = rows
        .into_iter()
        .map(|row| format!("{} {}", row.name, row.text))
        .collect();
    phrase::shortened(&parts.join(", "), 400)
}

/// A figure in words, by what its name says it is.
pub(crate) fn in_words(name: &str, value: &Value) -> String {
    match (value, as_number(value)) {
        (_, Some(x)) if name.ends_with("_s") => number::seconds(x),
        (_, Some(x)) if name.ends_with("_share") => number::share(x),
        (_, Some(x)) => number::plain(x),
        (Value::Nil, _) => "none".to_owned(),
        (Value::Bool(yes), _) => if *yes { "yes" } else { "no" }.to_owned(),
        (Value::Text(text), _) => phrase::shortened(&phrase::clean(text), 400),
        (Value::List(items), _)
            if items
                .iter()
                .all(|item| matches!(item, Value::Text(_) | Value::Int(_))) =>
        {
            let items: Vec<String> = items.iter().take(64).map(phrase::bare).collect();
            phrase::shortened(&items.join(", "), 400)
        }
        (other, _) => phrase::value(other, 400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_checkers::Validity;

    fn verdicts() -> Vec<Verdict> {
        vec![
            Verdict::new("latency", Validity::Valid, "").figures(Value::map([
                (
                    "read",
                    Value::map([("p99_s", Value::from(0.004)), ("count", Value::from(12))]),
                ),
                ("write.p99_s", Value::from(0.25)),
            ])),
            Verdict::new("availability", Validity::Valid, "")
                .figures(Value::map([("ok_share", Value::from(0.995))])),
        ]
    }

    #[test]
    fn figures_are_found_by_name() {
        let verdicts = verdicts();
        assert_eq!(find(&verdicts, "latency.read.p99_s"), Some(0.004));
        assert_eq!(find(&verdicts, "latency.write.p99_s"), Some(0.25));
        assert_eq!(find(&verdicts, "latency.read.count"), Some(12.0));
        assert_eq!(find(&verdicts, "availability.ok_share"), Some(0.995));
        assert_eq!(find(&verdicts, "availability.nines"), None);
        assert_eq!(find(&verdicts, "stats.ok"), None);
        assert_eq!(find(&verdicts, "nonsense"), None);
    }

    #[test]
    fn figures_become_rows_with_units() {
        let (rows, left_out) = rows(&verdicts()[0].figures, 2);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.text.as_str()))
            .collect();
        assert_eq!(rows, [("read.p99", "4.00 ms"), ("read.count", "12")]);
        assert_eq!(left_out, 1);
    }

    #[test]
    fn lists_of_things_become_a_row_each() {
        let classes = Value::list([
            Value::map([("class", Value::from("timeout")), ("first_s", 9.02.into())]),
            Value::map([("class", Value::from("cas")), ("first_s", 0.5.into())]),
        ]);
        let (rows, left_out) = rows(&Value::map([("classes", classes)]), 9);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.text.as_str()))
            .collect();
        assert_eq!(
            rows,
            [
                ("classes 1", "class timeout, first 9.02 s"),
                ("classes 2", "class cas, first 500 ms")
            ]
        );
        assert_eq!(left_out, 0);
    }

    #[test]
    fn a_deep_value_ends_as_text() {
        let mut value = Value::from(1);
        for _ in 0..100 {
            value = Value::map([("a", value)]);
        }
        let (rows, _) = rows(&value, 10);
        assert_eq!(rows.len(), 1);
    }
}
