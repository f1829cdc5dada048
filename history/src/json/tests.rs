//! What JSON can say, what it cannot, and that both are told apart.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Value, Fault> {
    let mut scratch = Scratch::default();
    let mut parser = Parser::new(text.as_bytes(), &mut scratch)?;
    let value = parser.value(0)?;
    parser.end()?;
    Ok(value)
}

#[test]
fn reads_what_json_can_say() {
    let cases = [
        (" null ", Value::Nil),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("1e3", Value::Float(1000.0)),
        ("-0.0", Value::Float(-0.0)),
        // Its shortest form needs all 17 digits.
        ("0.30000000000000004", Value::Float(0.1 + 0.2)),
        (
            r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#,
            Value::from("a\"\\/\u{8}\u{c}\n\r\té😀é"),
        ),
        ("[]", Value::list::<Value>([])),
        (
            "[1, [true,false] ,{}]",
            Value::list([
                Value::from(1),
                Value::list([true, false]),
                Value::Map([].into()),
            ]),
        ),
        (
            r#"{"a":{"b":[]},"a":1}"#,
            Value::map([
                ("a", Value::map([("b", Value::list::<Value>([]))])),
                ("a", Value::from(1)),
            ]),
        ),
        (r##"{"#float":"-inf"}"##, Value::Float(f64::NEG_INFINITY)),
        (r##"{"#float":"big"}"##, Value::map([("#float", "big")])),
    ];
    for (text, value) in cases {
        assert_eq!(read(text), Ok(value), "{text}");
    }
}

#[test]
fn refuses_what_json_cannot_say_and_shows_where() {
    let cases = [
        ("", 0, "found the end, but a value is"),
        ("nul", 0, "a value is null"),
        ("1 2", 2, "one on a line"),
        ("01", 0, "a digit"),
        ("-", 1, "a digit"),
        ("1.", 2, "a digit"),
        ("1e+", 3, "a digit"),
        ("9223372036854775808", 0, "integers go from"),
        ("1e999", 0, "numbers go to"),
        ("\"a", 0, "no closing quote"),
        ("\"a\n\"", 2, "control character"),
        (r#""\x""#, 1, "an escape is one of"),
        (r#""\ud83d""#, 1, "both halves"),
        (r#""\ud83dA""#, 1, "both halves"),
        (r#""\u12"#, 1, "four hexadecimal digits"),
        ("[1 2]", 3, "a comma or ]"),
        ("[1,", 3, "a value is"),
        ("[1", 0, "no closing ]"),
        ("{1:2}", 1, "text in quotes"),
        (r#"{"a" 2}"#, 5, "a colon"),
        (r#"{"a":2]"#, 6, "a comma or }"),
    ];
    for (text, at, reason) in cases {
        let fault = read(text).unwrap_err();
        assert!(fault.reason.contains(reason), "{text}: {fault:?}");
        assert_eq!(fault.at, at, "{text}: {fault:?}");
    }
    let mut scratch = Scratch::default();
    let fault = Parser::new(b"\"a\xff\"", &mut scratch).err().unwrap();
    assert_eq!(fault.at, 2);
}

#[test]
fn integers_that_are_not_negative_have_64_bits() {
    let read = |text: &str| {
        let mut scratch = Scratch::default();
        let mut parser = Parser::new(text.as_bytes(), &mut scratch)?;
        let n = parser.unsigned("time")?;
        parser.end().map(|()| n)
    };
    for n in [
        0,
        7,
        999_999_999_999_999_999,
        1_000_000_000_000_000_000,
        u64::MAX,
    ] {
        assert_eq!(read(&format!(" {n} ")), Ok(n));
    }
    for text in [
        "-1",
        "1.0",
        "1e3",
        "007",
        "18446744073709551616",
        "\"1\"",
        "",
    ] {
        assert_eq!(read(text).unwrap_err().at, 0, "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    let fault = read(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert!(fault.reason.contains("nested deeper"), "{fault:?}");
    assert!(read(&"[".repeat(1_000_000)).is_err());
    assert!(read(&"{\"a\":".repeat(1_000_000)).is_err());
}

#[test]
fn equal_short_texts_are_shared() {
    let Ok(Value::List(items)) = read(r#"["append","append"]"#) else {
        panic!("a list")
    };
    let [Value::Text(a), Value::Text(b)] = &items[..] else {
        panic!("two texts")
    };
    assert!(Arc::ptr_eq(a, b));
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in crate::arbitrary::value()) {
        let mut out = Vec::new();
        write_value(&value, &mut out);
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(read(&text), Ok(value));
    }

    #[test]
    fn agrees_with_another_parser(value in crate::arbitrary::value()) {
        let text = serde_json::to_string(&value).unwrap();
        let plain = read(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&plain).unwrap(), text);
    }

    #[test]
    fn arbitrary_text_never_panics(text in r#"[\[\]{}:,"\\u0-9a-e.\-+ \n]{0,40}"#) {
        let accepted = read(&text).is_ok();
        // What the other parser takes, this one takes, but for its floats that have no name here.
        if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
            prop_assert!(accepted || text.contains('e') || text.len() > 18, "{}", text);
        }
    }
}
