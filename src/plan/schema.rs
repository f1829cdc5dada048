//! The JSON Schema of plans, for editors.

use serde_json::{Map, Value};

use super::raw::RawPlan;

/// The JSON Schema (draft 2020-12) of a plan. Its descriptions are those of the keys.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(RawPlan).to_value();
    without_null(&mut schema);
    schema
}

/// The tables of a plan, as their headers are written, and the keys of each. The plan itself is the first, with an
/// empty name.
pub(super) fn sections() -> Vec<(String, Vec<String>)> {
    let schema = schema();
    let mut sections = vec![(String::new(), keys(&schema))];
    for (name, table) in tables(&schema, &schema) {
        if let Some(item) = table.get("items") {
            sections.push((format!("[[{name}]]"), keys(resolved(&schema, item))));
            continue;
        }
        sections.push((format!("[{name}]"), keys(table)));
        if name == "target" || name == "checkers" {
            for (kind, table) in tables(&schema, table) {
                sections.push((format!("[{name}.{kind}]"), keys(table)));
            }
        }
    }
    sections
}

/// What can be told to checkers, as it is written below `[checkers]` in a plan, each with what it means.
pub fn checker_options() -> Vec<(String, String)> {
    let schema = schemars::schema_for!(schism_checkers::Options).to_value();
    let mut options = Vec::new();
    for (checker, table) in tables(&schema, &schema) {
        for (option, told) in tables(&schema, table) {
            let own = table.pointer(&format!("/properties/{option}/description"));
            let text = own.or_else(|| told.get("description"));
            let text = text.and_then(Value::as_str).unwrap_or_default();
            options.push((format!("{checker}.{option}"), text.replace('\n', " ")));
        }
    }
    options
}

fn tables<'s>(root: &'s Value, table: &'s Value) -> Vec<(&'s str, &'s Value)> {
    let properties = table.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, table)| (name.as_str(), resolved(root, table)))
        .collect()
}

fn keys(table: &Value) -> Vec<String> {
    let properties = table.get("properties").and_then(Value::as_object);
    properties
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// What a `$ref` stands for, also inside a list of alternatives of one.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let only = ["anyOf", "allOf"]
        .into_iter()
        .find_map(|kind| schema.get(kind)?.as_array()?.first());
    let target = schema
        .get("$ref")
        .or_else(|| only?.get("$ref"))
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix('#'))
        .and_then(|pointer| root.pointer(pointer));
    target.unwrap_or(schema)
}

/// Optional keys come out as "or null", but TOML has no null: a key that is not wanted is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(values)) = object.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            alternatives_without_null(object);
            object.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

fn alternatives_without_null(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else {
        return;
    };
    alternatives.retain(|alternative| alternative.get("type").is_none_or(|kind| kind != "null"));
    // A `$ref` may stand beside other keys in this draft.
    if let [Value::Object(only)] = alternatives.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}
