//! What EDN can say, what of it no value can hold, and that both are told apart.

use proptest::prelude::*;

use super::*;
use crate::jepsen::print;

fn read(text: &str) -> Result<Value, Fault> {
    let mut scratch = Scratch::default();
    let mut parser = Parser::new(text.as_bytes(), &mut scratch)?;
    let value = parser.value(0)?;
    match parser.peek()? {
        None => Ok(value),
        Some(_) => Err(Fault::new(parser.at(), "more follows")),
    }
}

fn form(text: &str) -> Result<String, Fault> {
    let mut scratch = Scratch::default();
    let mut parser = Parser::new(text.as_bytes(), &mut scratch)?;
    Ok(parser.form()?.to_owned())
}

#[test]
fn reads_what_operations_hold() {
    let list = |items: &[i64]| Value::list(items.iter().copied());
    let cases = [
        (" , nil ; nothing", Value::Nil),
        ("true", Value::from(true)),
        ("-7", Value::from(-7)),
        ("+7", Value::from(7)),
        ("123N", Value::from(123)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("0x1F", Value::from(31)),
        ("-0x8000000000000000", Value::Int(i64::MIN)),
        ("0.5", Value::from(0.5)),
        ("1.", Value::from(1.0)),
        ("-1.5E+3", Value::from(-1500.0)),
        ("10.25M", Value::from(10.25)),
        ("##-Inf", Value::Float(f64::NEG_INFINITY)),
        ("##NaN", Value::Float(f64::NAN)),
        (
            r#""a\"\\ \u00e9\n
b""#,
            Value::from("a\"\\ é\n\nb"),
        ),
        (":append", Value::from("append")),
        (":my.ns/key", Value::from("my.ns/key")),
        ("sym-bol", Value::from("sym-bol")),
        ("-", Value::from("-")),
        ("[1 2,3]", list(&[1, 2, 3])),
        ("(1 (2))", Value::list([Value::from(1), list(&[2])])),
        ("#{3 1 2}", list(&[1, 2, 3])),
        ("[#_ 1 2 #_[3 #_ 4] #_ #_ 5 6 7 #_#a {8 9}]", list(&[2, 7])),
        ("[1 ; ]\n 2]", list(&[1, 2])),
        (
            "{:a 1, \"b\" 2 c 3 4 5}",
            Value::map([("a", 1), ("b", 2), ("c", 3), ("4", 5)]),
        ),
        ("{nil 1 [2  3] 4}", Value::map([("nil", 1), ("[2  3]", 4)])),
        (
            "#inst \"2024-01-01\"",
            Value::map([("#inst", "2024-01-01")]),
        ),
        (
            "#a.b.C{:x 1}",
            Value::map([("#a.b.C", Value::map([("x", 1)]))]),
        ),
    ];
    for (text, value) in cases {
        assert_eq!(read(text), Ok(value), "{text}");
    }
}

#[test]
fn refuses_what_no_value_can_hold_and_shows_where() {
    let cases = [
        ("", 0, "missing at the end"),
        ("]", 0, "found ], but a form"),
        ("[1 2", 0, "no closing ]"),
        ("[1 }", 3, "found }, but a form"),
        ("{:a}", 1, "this key has no value"),
        ("{:a 1", 0, "no closing }"),
        ("\"a", 0, "no closing quote"),
        (r#""\q""#, 1, "an escape is one of"),
        ("[1/2]", 1, "a ratio"),
        ("[\\a]", 1, "a character"),
        ("\\é", 0, "\\é is a character"),
        ("017", 0, "no number"),
        ("1x", 0, "no number"),
        ("12e", 0, "no number"),
        ("2r101", 0, "no number"),
        ("9223372036854775808N", 0, "integers go from"),
        ("0xffffffffffffffff", 0, "64 bits"),
        ("1e999", 0, "numbers go to"),
        ("0.1234567890123456M", 0, "more than 15 digits"),
        (":", 0, "no keyword"),
        ("::a", 0, "no keyword"),
        ("^{:a 1} [2]", 0, "Clojure's own notation"),
        ("#\"a\"", 0, "# begins a set"),
        ("##Infinity", 0, "##NaN"),
        ("[#inst]", 1, "a form is missing after #inst"),
        ("[1 #_]", 5, "the form that #_ discards is missing"),
        ("#_", 0, "the form that #_ discards has no end"),
        ("1 2", 2, "more follows"),
    ];
    for (text, at, reason) in cases {
        let fault = read(text).unwrap_err();
        assert!(fault.reason.contains(reason), "{text}: {fault:?}");
        assert_eq!(fault.at, at, "{text}: {fault:?}");
    }
}

#[test]
fn any_form_can_be_passed_over_and_kept() {
    for text in [
        "1/2",
        "\\{",
        "\\newline",
        "[:no-client \"a ] b\"]",
        "#object[a.b$c 0x1f {:status :pending, :val nil}]",
        "#{1 #_ 2}",
        "##Inf",
        "{:a #b [\\] ;]\n]}",
    ] {
        assert_eq!(form(&format!(" {text} :next")), Ok(text.to_owned()));
    }
    assert!(form("[1").is_err());
    assert!(form("[1 }").is_err());
}

#[test]
fn a_form_is_squeezed_onto_one_line() {
    assert_eq!(squeeze("[1  2]"), "[1  2]");
    assert_eq!(
        squeeze("{:a\n\t 1 ; one\n  :b \"x\n ;y\" :c \\;}"),
        "{:a 1 :b \"x\n ;y\" :c \\;}"
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    let fault = read(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert!(fault.reason.contains("nested deeper"), "{fault:?}");
    for open in ["[", "{", "{[] ", "#{", "#a ", "#_ ", "#_[", "(#_"] {
        assert!(read(&open.repeat(200_000)).is_err(), "{open}");
    }
    assert!(form(&nested(200_000)).is_ok());
}

proptest! {
    #[test]
    fn what_is_printed_is_read(value in crate::arbitrary::value()) {
        let mut out = Vec::new();
        print::write_value(&value, &mut out);
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(read(&text), Ok(value), "{}", text);
        prop_assert_eq!(form(&text), Ok(text));
    }

    #[test]
    fn arbitrary_text_never_panics(text in r#"[\[\](){}#_:,"\\u0-9a-eNM.\-+/; \né]{0,40}"#) {
        if read(&text).is_ok() {
            prop_assert!(form(&text).is_ok());
        }
        let _ = squeeze(&text);
    }
}
