//! Values in JSON, written.

use crate::Value;

/// Appends a value.
pub(crate) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(n) => out.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes()),
        Value::Float(x) if x.is_finite() => write_float(*x, out),
        Value::Float(x) => {
            let name = if x.is_nan() {
                "NaN"
            } else if *x > 0.0 {
                "inf"
            } else {
                "-inf"
            };
            out.extend_from_slice(b"{\"#float\":\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\"}");
        }
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Map(parts) => {
            out.push(b'{');
            for (i, (name, part)) in parts.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write_value(part, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends a finite float, in the fewest digits that read back as the same.
pub(crate) fn write_float(x: f64, out: &mut Vec<u8>) {
    serde_json::to_writer(out, &x).expect("a finite number is written to memory");
}

/// Appends text in quotes.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("text is written to memory");
    }
}
