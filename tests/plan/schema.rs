//! The JSON Schema agrees with what is read: right plans fit it, mistakes of shape do not.

use schism::plan::schema;
use serde_json::Value;

use crate::{plans, valid_plans};

/// Everything in which `value` does not fit `schema`. Knows the keywords that our schema uses, and refuses others, so
/// that none is overlooked.
fn misfits(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return found.push(format!("{at}: nothing may stand here")),
        Value::Object(keywords) => keywords,
        other => panic!("no schema: {other}"),
    };
    for (keyword, rule) in keywords {
        let fits = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" | "pattern" => {
                true
            }
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let target = root.pointer(pointer).unwrap_or_else(|| panic!("{rule}"));
                misfits(root, target, value, at, found);
                true
            }
            "type" => {
                let kinds = rule
                    .as_array()
                    .map_or(std::slice::from_ref(rule), Vec::as_slice);
                kinds.iter().any(|kind| is_a(value, kind.as_str().unwrap()))
            }
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "anyOf" | "oneOf" | "allOf" => {
                let alternatives = rule.as_array().unwrap();
                let fitting = alternatives
                    .iter()
                    .filter(|alternative| {
                        let mut found = Vec::new();
                        misfits(root, alternative, value, at, &mut found);
                        found.is_empty()
                    })
                    .count();
                match keyword.as_str() {
                    "anyOf" => fitting > 0,
                    "oneOf" => fitting == 1,
                    _ => fitting == alternatives.len(),
                }
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(key) {
                        misfits(root, schema, value, &format!("{at}.{key}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = keywords.get("properties");
                for (key, value) in value.as_object().into_iter().flatten() {
                    if known.and_then(|known| known.get(key)).is_none() {
                        misfits(root, rule, value, &format!("{at}.{key}"), found);
                    }
                }
                true
            }
            "required" => {
                let required = rule.as_array().unwrap();
                value.as_object().is_none_or(|object| {
                    required
                        .iter()
                        .all(|key| object.contains_key(key.as_str().unwrap()))
                })
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    misfits(root, rule, item, &format!("{at}[{i}]"), found);
                }
                true
            }
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 >= rule.as_u64().unwrap()),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 <= rule.as_u64().unwrap()),
            "minProperties" => value
                .as_object()
                .is_none_or(|of| of.len() as u64 >= rule.as_u64().unwrap()),
            "maxProperties" => value
                .as_object()
                .is_none_or(|of| of.len() as u64 <= rule.as_u64().unwrap()),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= rule.as_f64().unwrap()),
            "exclusiveMinimum" => value
                .as_f64()
                .is_none_or(|number| number > rule.as_f64().unwrap()),
            other => panic!("{at}: this test does not know the keyword {other}"),
        };
        if !fits {
            found.push(format!("{at}: {keyword} {rule} does not fit {value}"));
        }
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

fn misfits_of(schema: &Value, text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().unwrap();
    let value = serde_json::to_value(table).unwrap();
    let mut found = Vec::new();
    misfits(schema, schema, &value, "plan", &mut found);
    found
}

#[test]
fn right_plans_fit() {
    let schema = schema();
    for (name, text) in valid_plans() {
        assert_eq!(misfits_of(&schema, &text), [] as [&str; 0], "{name}");
        let resolved = crate::read_valid(&name, &text).to_toml();
        assert_eq!(
            misfits_of(&schema, &resolved),
            [] as [&str; 0],
            "{name} resolved:\n{resolved}"
        );
    }
}

#[test]
fn mistakes_of_shape_do_not_fit() {
    let schema = schema();
    let mut checked = 0;
    for (name, text) in plans("broken") {
        let is_of_shape = [
            "key-",
            "no-target",
            "no-workload",
            "type-seed-text",
            "type-time-number",
            "two-workloads",
        ]
        .iter()
        .any(|kind| name.starts_with(kind));
        if is_of_shape {
            checked += 1;
            assert!(
                !misfits_of(&schema, &text).is_empty(),
                "{name} fits:\n{text}"
            );
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    let mut undescribed = Vec::new();
    look_for_undescribed(&schema, "plan", &mut undescribed);
    assert_eq!(undescribed, [] as [&str; 0]);
}

fn look_for_undescribed(schema: &Value, at: &str, undescribed: &mut Vec<String>) {
    match schema {
        Value::Object(keywords) => {
            for (key, property) in keywords
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if property.get("description").is_none() && property.get("$ref").is_none() {
                    undescribed.push(format!("{at}.{key}"));
                }
            }
            for (key, value) in keywords {
                look_for_undescribed(value, &format!("{at}/{key}"), undescribed);
            }
        }
        Value::Array(items) => {
            for item in items {
                look_for_undescribed(item, at, undescribed);
            }
        }
        _ => {}
    }
}

#[test]
fn nothing_may_be_null() {
    let text = schema().to_string();
    assert!(!text.contains("null"), "{text}");
}
