//! Values in EDN, as Jepsen and Clojure would print them.

use std::io::Write;

use super::{TUPLE, plain};
use crate::Value;
use crate::json::write_float;

/// Appends a value.
pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend_from_slice(b"nil"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(n) => out.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes()),
        Value::Float(x) if x.is_nan() => out.extend_from_slice(b"##NaN"),
        Value::Float(f64::INFINITY) => out.extend_from_slice(b"##Inf"),
        Value::Float(f64::NEG_INFINITY) => out.extend_from_slice(b"##-Inf"),
        Value::Float(x) => write_float(*x, out),
        Value::Text(text) => write_string(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Map(parts) => match &parts[..] {
            // At the top of a value that tag would be read as a key and a value.
            [(tag, value)] if plain::is_tag(tag) && **tag != *TUPLE => {
                out.extend_from_slice(tag.as_bytes());
                out.push(b' ');
                write_value(value, out);
            }
            parts => {
                out.push(b'{');
                for (i, (name, part)) in parts.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice(b", ");
                    }
                    write_name(name, out);
                    out.push(b' ');
                    write_value(part, out);
                }
                out.push(b'}');
            }
        },
    }
}

/// Appends a key of a map: an integer if it looks like one, a keyword if it can be one, else text.
fn write_name(name: &str, out: &mut Vec<u8>) {
    let integer = name
        .parse::<i64>()
        .is_ok_and(|n| itoa::Buffer::new().format(n) == name);
    if integer {
        out.extend_from_slice(name.as_bytes());
    } else {
        write_keyword(name, out);
    }
}

/// Appends a keyword if the name can be one, else text.
pub(super) fn write_keyword(name: &str, out: &mut Vec<u8>) {
    if plain::is_name(name) {
        out.push(b':');
        out.extend_from_slice(name.as_bytes());
    } else {
        write_string(name, out);
    }
}

/// Appends text in quotes.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x00..0x20 | 0x7f => "",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            write!(out, "\\u{byte:04x}").expect("memory takes all that is written");
        } else {
            out.extend_from_slice(escape.as_bytes());
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}
