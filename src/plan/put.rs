//! Puts the value of an override into the tree of a plan.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::path::{KeyPath, Segment};
use super::set::Override;
use super::texts::Finding;

/// Puts an override into the tree. Tables on the way are made where they are missing; a list grows by one at its end.
pub(super) fn put<'t>(
    root: &mut DeTable<'t>,
    argument: &Override,
    all: &'t str,
    base: usize,
) -> Result<(), Finding> {
    let shift = |span: &Range<usize>| span.start + base..span.end + base;
    let parts = argument.parts().map_err(|wrong| Finding {
        span: shift(&wrong.span),
        message: wrong.message,
        help: wrong.help,
    })?;
    let key_at = shift(&parts.key);
    let value = value(all, shift(&parts.value))?;
    let wrong = |message: String, help: &str| Finding {
        span: key_at.clone(),
        message,
        help: (!help.is_empty()).then(|| help.to_owned()),
    };

    let Some((Segment::Key(first), rest)) = parts.path.segments().split_first() else {
        return Err(wrong("a key was expected here".to_owned(), ""));
    };
    let mut so_far = KeyPath::root().key(first);
    let mut slot = root
        .entry(Spanned::new(key_at.clone(), first.clone().into()))
        .or_insert_with(|| Spanned::new(key_at.clone(), DeValue::Table(DeTable::new())));
    for segment in rest {
        // What was just made takes the shape that the next step needs.
        let is_empty_table = slot.get_ref().as_table().is_some_and(DeTable::is_empty);
        slot = match segment {
            Segment::Key(key) => {
                let DeValue::Table(table) = slot.get_mut() else {
                    return Err(wrong(
                        format!("`{so_far}` is no table, so it has no `{key}`"),
                        "",
                    ));
                };
                table
                    .entry(Spanned::new(key_at.clone(), key.clone().into()))
                    .or_insert_with(|| Spanned::new(key_at.clone(), DeValue::Table(DeTable::new())))
            }
            Segment::Index(index) => {
                if is_empty_table {
                    *slot.get_mut() = DeValue::Array(DeArray::new());
                }
                let DeValue::Array(items) = slot.get_mut() else {
                    return Err(wrong(
                        format!("`{so_far}` is no list, so it has no item [{index}]"),
                        "",
                    ));
                };
                let count = items.len();
                if *index > count {
                    let items = if count == 1 { "item" } else { "items" };
                    return Err(wrong(
                        format!("`{so_far}` has {count} {items}, so there is no item [{index}]"),
                        "items are counted from 0, and the next free one may be set too",
                    ));
                }
                if *index == count {
                    items.push(Spanned::new(key_at.clone(), DeValue::Table(DeTable::new())));
                }
                items
                    .get_mut(*index)
                    .expect("the list was just made long enough")
            }
        };
        so_far = match segment {
            Segment::Key(key) => so_far.key(key),
            Segment::Index(index) => so_far.index(*index),
        };
    }
    *slot = value;
    Ok(())
}

/// The value of an override: TOML, or plain text where it cannot be meant as TOML.
fn value(all: &str, at: Range<usize>) -> Result<Spanned<DeValue<'_>>, Finding> {
    let text = &all[at.clone()];
    match DeValue::parse(text) {
        Ok(value) if !value.get_ref().is_datetime() => Ok(shifted(value, at.start)),
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => Err(Finding::of(&error, at.start)),
        _ => Ok(Spanned::new(at, DeValue::String(text.into()))),
    }
}

fn shifted(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let moved = |span: Range<usize>| span.start + by..span.end + by;
    let span = moved(value.span());
    let inner = match value.into_inner() {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| shifted(item, by)).collect())
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let at = moved(key.span());
                    (Spanned::new(at, key.into_inner()), shifted(value, by))
                })
                .collect(),
        ),
        other => other,
    };
    Spanned::new(span, inner)
}
