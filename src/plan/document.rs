//! The text of a plan with its overrides, as one spanned tree.
//!
//! The file and the arguments that override it are laid one after the other in one text, and an override puts its
//! value into the tree with the place it has there. So whatever is found wrong with the tree, by serde or by us, points
//! at the file or at the argument without further ado.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::lower::Complaint;
use super::path::{KeyPath, Segment};
use super::put::put;
use super::set::Override;
use super::texts::{Finding, LISTED_MAX, Texts};
use super::wording::Meaning;

/// Knows the plan's shape as a whole, which an error of serde does not.
pub(super) trait Guide {
    /// Where a key that is unknown at this path would be at home.
    fn home_of(&self, path: &KeyPath, key: &str) -> Option<String>;

    /// What could stand in an empty table that needs exactly one key.
    fn choices(&self, path: &KeyPath) -> Option<String>;
}

/// A parsed plan with its overrides put in.
pub(super) struct Document<'t> {
    root: DeTable<'t>,
    text: &'t str,
}

impl<'t> Document<'t> {
    /// Parses the plan and puts the overrides in.
    pub(super) fn parse(texts: &'t Texts, overrides: &[Override]) -> Result<Self, Vec<Finding>> {
        let text = texts.all();
        let (root, errors) = DeTable::parse_recoverable(&text[texts.range(0)]);
        // One broken line often gives several complaints: the first one is the cause.
        let mut findings: Vec<_> = errors.iter().map(|error| Finding::of(error, 0)).collect();
        findings.sort_by_key(|finding| finding.span.start);
        findings.truncate(LISTED_MAX * 4);
        findings.dedup_by_key(|finding| text[..finding.span.start].matches('\n').count());

        let mut root = root.into_inner();
        for (i, argument) in overrides.iter().enumerate() {
            let at = texts.range(i + 1);
            if let Err(finding) = put(&mut root, argument, text, at.start) {
                findings.push(finding);
            }
        }
        if findings.is_empty() {
            Ok(Self { root, text })
        } else {
            Err(findings)
        }
    }

    /// Reads a value from the tree. After a mistake it goes on without the offending entry, so that the next ones are
    /// found as well.
    pub(super) fn read<T: DeserializeOwned>(&self, guide: &dyn Guide) -> Result<T, Vec<Finding>> {
        let mut root = self.root.clone();
        let mut findings = Vec::new();
        let mut cut: Vec<KeyPath> = Vec::new();
        // Each round but the last removes an entry, so a plan of any size ends; the bound keeps a hostile one short.
        for _ in 0..=LISTED_MAX * 2 {
            let source = toml::Deserializer::from(Spanned::new(0..0, root.clone()));
            let error = match T::deserialize(source) {
                Ok(value) if findings.is_empty() => return Ok(value),
                Ok(_) => return Err(findings),
                Err(error) => error,
            };
            let span = error.span().unwrap_or(0..0);
            let meaning = Meaning::of(error.message());
            let owner = owner(&root, &span);
            let is_aftermath = matches!(
                meaning,
                Meaning::MissingKey { .. } | Meaning::NotExactlyOne { none: true }
            ) && cut.iter().any(|path| {
                owner
                    .as_ref()
                    .is_none_or(|owner| path.segments().starts_with(owner.segments()))
            });
            let strays = match (&meaning, &owner) {
                (Meaning::NotExactlyOne { none: false }, Some(owner)) => {
                    strays(&root, owner, guide)
                }
                _ => Vec::new(),
            };
            for (path, stray) in &strays {
                findings.push(stray.clone());
                remove(&mut root, path.segments());
            }
            if !strays.is_empty() {
                cut.extend(strays.into_iter().map(|(path, _)| path));
                continue;
            }
            if !is_aftermath {
                let (message, help) = advised(&root, &meaning, owner.as_ref(), guide);
                findings.push(Finding {
                    span: self.shown(&root, owner.as_ref(), span),
                    message,
                    help,
                });
            }
            let Some(owner) = owner else {
                return Err(findings);
            };
            remove(&mut root, owner.segments());
            cut.push(owner);
        }
        Err(findings)
    }

    /// A complaint about the value at a path, or about the deepest part of the path that there is.
    pub(super) fn at(&self, complaint: Complaint) -> Finding {
        let path = &complaint.path;
        let mut key = None;
        let mut span = 0..0;
        let mut value: Option<&DeValue<'_>> = None;
        for segment in path.segments() {
            let next = match segment {
                Segment::Key(name) => value
                    .map_or(Some(&self.root), DeValue::as_table)
                    .and_then(|table| table.get_key_value(name.as_str()))
                    .map(|(name, value)| {
                        key = Some(name.span());
                        value
                    }),
                Segment::Index(index) => value
                    .and_then(DeValue::as_array)
                    .and_then(|items| items.get(*index)),
            };
            let Some(next) = next else { break };
            span = next.span();
            value = Some(next.get_ref());
        }
        // A table, and whatever takes several lines, is shown by its key.
        let is_keyed_table = matches!(path.segments().last(), Some(Segment::Key(_)))
            && value.is_some_and(DeValue::is_table);
        match key {
            Some(key) if complaint.is_about_key || is_keyed_table || self.spans_lines(&span) => {
                span = key;
            }
            _ => {}
        }
        Finding {
            span,
            message: complaint.message,
            help: complaint.help,
        }
    }

    /// The span to underline for an error of serde: the key rather than a value of several lines.
    fn shown(
        &self,
        root: &DeTable<'_>,
        owner: Option<&KeyPath>,
        span: Range<usize>,
    ) -> Range<usize> {
        if !self.spans_lines(&span) {
            return span;
        }
        let key = owner.and_then(|owner| key_span(root, owner.segments()));
        key.unwrap_or(span)
    }

    fn spans_lines(&self, span: &Range<usize>) -> bool {
        self.text
            .get(span.clone())
            .is_some_and(|text| text.contains('\n'))
    }
}

/// What is wrong and what would be right, in view of the whole plan.
fn advised(
    root: &DeTable<'_>,
    meaning: &Meaning,
    owner: Option<&KeyPath>,
    guide: &dyn Guide,
) -> (String, Option<String>) {
    let (mut message, mut help) = meaning.words();
    let Some(owner) = owner else {
        return (message, help);
    };
    match meaning {
        Meaning::UnknownKey { key, .. } if !meaning.has_near_key() => {
            help = guide.home_of(owner, key).or(help);
        }
        Meaning::UnknownName { name, .. } => {
            if let Some(Segment::Key(key)) = owner.segments().last()
                && key != name
            {
                message = format!("`{key}` cannot be `{name}`");
            }
        }
        Meaning::NotExactlyOne { none: true } => help = guide.choices(owner).or(help),
        Meaning::NotExactlyOne { none: false } => {
            let keys: Vec<_> = table_at(root, owner)
                .into_iter()
                .flat_map(DeTable::keys)
                .map(|key| format!("`{}`", key.get_ref()))
                .collect();
            message = format!("only one of {} is possible here", keys.join(", "));
        }
        _ => {}
    }
    (message, help)
}

/// The entries of a table that are at home elsewhere.
fn strays(root: &DeTable<'_>, at: &KeyPath, guide: &dyn Guide) -> Vec<(KeyPath, Finding)> {
    table_at(root, at)
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| {
            let path = at.key(key.get_ref().as_ref());
            let help = guide.home_of(&path, key.get_ref())?;
            let finding = Finding {
                span: key.span(),
                message: format!("there is no key `{}` here", key.get_ref()),
                help: Some(help),
            };
            Some((path, finding))
        })
        .collect()
}

fn table_at<'d, 't>(root: &'d DeTable<'t>, path: &KeyPath) -> Option<&'d DeTable<'t>> {
    let mut table = Some(root);
    let mut value: Option<&DeValue<'t>> = None;
    for segment in path.segments() {
        let next = match segment {
            Segment::Key(key) => table?.get(key.as_str())?,
            Segment::Index(index) => value?.as_array()?.get(*index)?,
        };
        value = Some(next.get_ref());
        table = next.get_ref().as_table();
    }
    table
}

/// The entry that an error's span is about: the deepest one whose key or value has exactly this span, else the deepest
/// one that contains it. `None` for the root.
fn owner(root: &DeTable<'_>, span: &Range<usize>) -> Option<KeyPath> {
    let mut best: Option<(bool, KeyPath)> = None;
    let mut consider = |path: &KeyPath, key: Option<Range<usize>>, value: Range<usize>| {
        let is_exact = key.as_ref() == Some(span) || value == *span;
        let contains = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
        let is_inside = span.end > 0 && (contains(&value) || key.as_ref().is_some_and(contains));
        let is_better = match &best {
            None => true,
            Some((best_is_exact, best)) => {
                (is_exact, path.segments().len()) >= (*best_is_exact, best.segments().len())
            }
        };
        if (is_exact || is_inside) && is_better {
            best = Some((is_exact, path.clone()));
        }
    };
    visit_table(root, &KeyPath::root(), &mut consider);
    best.map(|(_, path)| path)
}

type Visit<'v> = dyn FnMut(&KeyPath, Option<Range<usize>>, Range<usize>) + 'v;

fn visit_table(table: &DeTable<'_>, at: &KeyPath, visit: &mut Visit<'_>) {
    for (key, value) in table {
        let path = at.key(key.get_ref().as_ref());
        visit(&path, Some(key.span()), value.span());
        visit_value(value.get_ref(), &path, visit);
    }
}

fn visit_value(value: &DeValue<'_>, at: &KeyPath, visit: &mut Visit<'_>) {
    match value {
        DeValue::Table(table) => visit_table(table, at, visit),
        DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = at.index(i);
                visit(&path, None, item.span());
                visit_value(item.get_ref(), &path, visit);
            }
        }
        _ => {}
    }
}

fn key_span(table: &DeTable<'_>, path: &[Segment]) -> Option<Range<usize>> {
    let (Segment::Key(first), rest) = path.split_first()? else {
        return None;
    };
    let (key, mut value) = table.get_key_value(first.as_str())?;
    let mut span = key.span();
    for segment in rest {
        value = match segment {
            Segment::Key(key) => {
                let (key, value) = value.get_ref().as_table()?.get_key_value(key.as_str())?;
                span = key.span();
                value
            }
            Segment::Index(index) => value.get_ref().as_array()?.get(*index)?,
        };
    }
    Some(span)
}

/// Takes an entry out of the tree.
fn remove(table: &mut DeTable<'_>, path: &[Segment]) {
    match path {
        [Segment::Key(key)] => {
            table.remove(key.as_str());
        }
        [Segment::Key(key), rest @ ..] => {
            if let Some(value) = table.get_mut(key.as_str()) {
                remove_in(value.get_mut(), rest);
            }
        }
        _ => {}
    }
}

fn remove_in(value: &mut DeValue<'_>, path: &[Segment]) {
    match (value, path) {
        (DeValue::Table(table), path) => remove(table, path),
        (DeValue::Array(items), [Segment::Index(index)]) => {
            let mut at = 0;
            *items = std::mem::replace(items, DeArray::new())
                .into_iter()
                .filter(|_| {
                    at += 1;
                    at - 1 != *index
                })
                .collect();
        }
        (DeValue::Array(items), [Segment::Index(index), rest @ ..]) => {
            if let Some(item) = items.get_mut(*index) {
                remove_in(item.get_mut(), rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_taken_out_wherever_it_is() {
        let mut root = DeTable::parse("a = [{ b = 1, c = 2 }, { b = 3 }]\nd.e = 5")
            .unwrap()
            .into_inner();
        for path in ["a[0].c", "d.e", "a[1]", "a[7].x", "nowhere"] {
            remove(&mut root, path.parse::<KeyPath>().unwrap().segments());
        }
        let left: toml::Table =
            serde::Deserialize::deserialize(toml::Deserializer::from(Spanned::new(0..0, root)))
                .unwrap();
        assert_eq!(left.to_string(), "[[a]]\nb = 1\n\n[d]\n");
    }
}
