//! What a token of EDN can be, told strictly: only what Clojure surely reads back as the same.

use super::edn::escape;
use crate::MAX_DEPTH;

/// A number, by the parts that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number<'a> {
    /// The digits with their sign, without an `N`.
    Integer(&'a str),
    Hexadecimal {
        negative: bool,
        digits: &'a str,
    },
    Float(&'a str),
    /// The digits without their `M`.
    Decimal(&'a str),
    Ratio,
}

/// The integer, if it has at most 18 digits and so surely fits.
pub(super) fn small_integer(token: &[u8]) -> Option<i64> {
    let (negative, digits) = match token {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut n = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        n = n * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -n } else { n })
}

/// The number that a token is, if it is one.
pub(super) fn number(token: &str) -> Option<Number<'_>> {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    if let Some(digits) = unsigned.strip_prefix("0x") {
        let negative = token.starts_with('-');
        let hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return hexadecimal.then_some(Number::Hexadecimal { negative, digits });
    }
    let (whole, rest) = split_digits(unsigned);
    if whole.is_empty() || has_leading_zero(token) {
        return None;
    }
    if let Some(denominator) = rest.strip_prefix('/') {
        let (digits, end) = split_digits(denominator);
        return (!digits.is_empty() && end.is_empty()).then_some(Number::Ratio);
    }
    if let "" | "N" = rest {
        return Some(Number::Integer(&token[..token.len() - rest.len()]));
    }
    let rest = rest
        .strip_prefix('.')
        .map_or(rest, |fraction| split_digits(fraction).1);
    let rest = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let (digits, rest) = split_digits(exponent);
            if digits.is_empty() {
                return None;
            }
            rest
        }
        None => rest,
    };
    match rest {
        "" => Some(Number::Float(token)),
        "M" => Some(Number::Decimal(&token[..token.len() - 1])),
        _ => None,
    }
}

/// How many digits of a decimal mean something.
pub(super) fn significant(decimal: &str) -> usize {
    let mantissa = decimal.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    digits.skip_while(|&digit| digit == b'0').count()
}

/// Whether a number begins with a zero too much, as octal numbers do in Clojure.
pub(super) fn has_leading_zero(token: &str) -> bool {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    matches!(unsigned.as_bytes(), [b'0', b'0'..=b'9', ..])
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// Whether a text can be a keyword's or a symbol's name: `read`, `my.ns/key`, `start!`.
pub(super) fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        let begins = |byte: &u8| byte.is_ascii_alphabetic() || b"*!_?$%&=<>".contains(byte);
        part.bytes().next().is_some_and(|byte| begins(&byte))
            && part
                .bytes()
                .all(|byte| begins(&byte) || byte.is_ascii_digit() || b"+-.".contains(&byte))
    };
    match text.split_once('/') {
        Some((namespace, name)) => part(namespace) && part(name),
        None => part(text),
    }
}

/// Whether a text is a tag: `#inst`, `#my.ns/tag`.
pub(super) fn is_tag(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()) && is_name(name))
}

/// The forms that a text consists of, if that is all that it is: each on one line and written as Clojure would, with
/// one space between them.
pub(super) fn forms(text: &str) -> Option<Vec<&str>> {
    let mut forms = Vec::new();
    let mut begin = 0;
    loop {
        let end = form(text, begin, 0)?;
        forms.push(&text[begin..end]);
        match text.as_bytes().get(end) {
            None => return Some(forms),
            Some(b' ') => begin = end + 1,
            Some(_) => return None,
        }
    }
}

/// Where the form that begins at `begin` ends.
fn form(text: &str, begin: usize, depth: usize) -> Option<usize> {
    if depth > MAX_DEPTH {
        return None;
    }
    let bytes = text.as_bytes();
    match bytes.get(begin)? {
        b'"' => string(bytes, begin),
        b'[' => items(text, begin + 1, b']', depth).map(|(end, _)| end),
        b'(' => items(text, begin + 1, b')', depth).map(|(end, _)| end),
        b'{' => {
            let (end, count) = items(text, begin + 1, b'}', depth)?;
            (count % 2 == 0).then_some(end)
        }
        b'#' => match bytes.get(begin + 1)? {
            b'{' => items(text, begin + 2, b'}', depth).map(|(end, _)| end),
            b'#' => {
                let end = token(bytes, begin);
                matches!(&text[begin..end], "##NaN" | "##Inf" | "##-Inf").then_some(end)
            }
            _ => {
                let end = token(bytes, begin);
                let next = match bytes.get(end)? {
                    b' ' => end + 1,
                    b'[' | b'{' | b'(' => end,
                    _ => return None,
                };
                is_tag(&text[begin..end])
                    .then(|| form(text, next, depth + 1))
                    .flatten()
            }
        },
        _ => {
            let end = token(bytes, begin);
            let token = &text[begin..end];
            let name = token.strip_prefix(':').unwrap_or(token);
            (is_name(name) || number(token).is_some()).then_some(end)
        }
    }
}

/// Where the collection ends whose items begin at `at`, and how many it has.
fn items(text: &str, mut at: usize, close: u8, depth: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut count = 0;
    loop {
        while let Some(b' ' | b',') = bytes.get(at) {
            at += 1;
        }
        if bytes.get(at) == Some(&close) {
            return Some((at + 1, count));
        }
        at = form(text, at, depth + 1)?;
        count += 1;
        let separated = matches!(bytes.get(at), Some(b' ' | b',')) || bytes.get(at) == Some(&close);
        if !separated {
            return None;
        }
    }
}

fn string(bytes: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += escape(&bytes[at..])?.1,
            0x00..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn token(bytes: &[u8], begin: usize) -> usize {
    let rest = &bytes[begin..];
    let end = rest
        .iter()
        .position(|byte| byte.is_ascii_control() || b" ,\";()[]{}".contains(byte));
    begin + end.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart() {
        use Number::{Decimal, Float, Integer, Ratio};
        let cases = [
            ("0", Some(Integer("0"))),
            ("-7N", Some(Integer("-7"))),
            ("1.5e-3", Some(Float("1.5e-3"))),
            ("1.", Some(Float("1."))),
            ("1e3", Some(Float("1e3"))),
            ("10M", Some(Decimal("10"))),
            ("1/2", Some(Ratio)),
            (
                "-0x1f",
                Some(Number::Hexadecimal {
                    negative: true,
                    digits: "1f",
                }),
            ),
            ("", None),
            ("-", None),
            ("01", None),
            ("1/", None),
            ("1e", None),
            ("1NM", None),
            ("0x", None),
            ("10ms", None),
            (".5", None),
        ];
        for (token, expected) in cases {
            assert_eq!(number(token), expected, "{token}");
        }
        assert_eq!(significant("-0.00120e55"), 3);
    }

    #[test]
    fn names_and_tags_are_strict() {
        for name in ["read", "my.ns/key", "start!", "a-1+", "*"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", "1", "-1", ":a", "a b", "a/", "/a", "a/b/c", "é", "a:", "#a",
        ] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_tag("#inst") && is_tag("#a.b/c-d"));
        assert!(!is_tag("#") && !is_tag("#_") && !is_tag("inst") && !is_tag("##NaN"));
    }

    #[test]
    fn only_what_clojure_would_print_is_plain() {
        let cases: [(&str, Option<&[&str]>); 18] = [
            (":timeout", Some(&[":timeout"])),
            (
                "[:a \"b c\" #{1 2}] {:d (e)}",
                Some(&["[:a \"b c\" #{1 2}]", "{:d (e)}"]),
            ),
            (
                "#inst \"2024\" #a[1/2 0x1f ##Inf]",
                Some(&["#inst \"2024\"", "#a[1/2 0x1f ##Inf]"]),
            ),
            ("boom", Some(&["boom"])),
            ("", None),
            (":a  :b", None),
            (" :a", None),
            ("connection refused: n1", None),
            ("{\"a\":true}", None),
            ("{:a}", None),
            ("[1", None),
            ("[1\n2]", None),
            ("\"a\nb\"", None),
            ("[1][2]", None),
            ("[a\"b\"]", None),
            ("#_ a", None),
            ("#a", None),
            ("10ms", None),
        ];
        for (text, expected) in cases {
            assert_eq!(forms(text).as_deref(), expected, "{text}");
        }
        assert_eq!(forms(&"[".repeat(100_000)), None);
    }
}
