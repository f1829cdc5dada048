//! What an operation holds besides the fields of an event, as the event's one error text, and back again.
//!
//! Jepsen's errors are any form, and its operations have any keys. An event has one text:
//!
//! ```text
//! :error "no leader"                       no leader
//! :error :timeout                          :timeout
//! :error [:no-client "n1"]                 [:no-client "n1"]
//! :error :timeout, :exception {:via …}     :timeout :exception {:via …}
//! :op-index 5                              :op-index 5
//! ```
//!
//! So: a text as it is, any other error as EDN, and then each unknown key and its value as EDN. A text that reads like
//! that is taken apart again when it is written, but only if reading what is written gives the same text.

use super::{edn, plain, print};
use crate::Value;
use crate::field::Field;
use crate::scratch::Scratch;

/// An operation's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Error {
    Text(String),
    /// Anything else, as EDN.
    Form(String),
}

/// An operation's error and its keys that no event has a field for, each with its value, as EDN.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(super) error: Option<Error>,
    pub(super) unknown: Vec<(String, String)>,
}

impl Rest {
    /// The rest that JSON shows: its text may be meant as EDN, as this crate writes it.
    pub(crate) fn from_json(error: Option<&Value>, unknown: &[(String, Value)]) -> Self {
        let unknown: Vec<_> = unknown
            .iter()
            .map(|(name, value)| {
                let mut key = Vec::new();
                print::write_keyword(name, &mut key);
                (lossless(key), printed(value))
            })
            .collect();
        let error = match error {
            None | Some(Value::Nil) => None,
            Some(Value::Text(text)) if !unknown.is_empty() && is_form(text) => {
                Some(Error::Form(text.to_string()))
            }
            Some(Value::Text(text)) => Some(Error::Text(text.to_string())),
            Some(other) => Some(Error::Form(printed(other))),
        };
        Self { error, unknown }
    }

    /// The error text of an event; `None` when there is nothing to say.
    pub(super) fn text(&self) -> Option<String> {
        let mut text = match &self.error {
            None => String::new(),
            Some(Error::Form(form)) => form.clone(),
            Some(Error::Text(text)) if self.unknown.is_empty() => return Some(text.clone()),
            Some(Error::Text(text)) => quoted(text),
        };
        for (key, form) in &self.unknown {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(key);
            text.push(' ');
            text.push_str(form);
        }
        (self.error.is_some() || !self.unknown.is_empty()).then_some(text)
    }

    /// The rest that the error text of an event stands for.
    pub(super) fn from_text(text: &str) -> Self {
        let whole = || Self {
            error: Some(Error::Text(text.to_owned())),
            unknown: Vec::new(),
        };
        let Some(forms) = plain::forms(text) else {
            return whole();
        };
        if let [form] = forms[..] {
            return if is_form(form) {
                Self {
                    error: Some(Error::Form(form.to_owned())),
                    unknown: Vec::new(),
                }
            } else {
                whole()
            };
        }
        let (error, pairs) = forms.split_at(forms.len() % 2);
        let error = error.first().map(|form| match unquoted(form) {
            Some(text) => Error::Text(text),
            None => Error::Form((*form).to_owned()),
        });
        let unknown: Vec<_> = pairs
            .chunks_exact(2)
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect();
        let keys = |at: usize| unknown[..at].iter().map(|(key, _)| key);
        let keys_are_new = unknown.iter().enumerate().all(|(at, (key, _))| {
            let name = key.strip_prefix(':');
            name.is_some_and(|name| Field::from_name(name).is_none()) && !keys(at).any(|k| k == key)
        });
        let rest = Self { error, unknown };
        let is_nil = rest.error == Some(Error::Form("nil".to_owned()));
        if keys_are_new && !is_nil && rest.text().as_deref() == Some(text) {
            rest
        } else {
            whole()
        }
    }

    /// The same for JSON: error and unknown keys as values, if JSON can show them so that they read back as the same.
    pub(super) fn values_from_text(text: &str) -> (Value, Vec<(String, Value)>) {
        let whole = || (Value::from(text), Vec::new());
        let rest = Self::from_text(text);
        let error = match &rest.error {
            None => Value::Nil,
            Some(Error::Text(text)) => Value::from(&**text),
            Some(Error::Form(form)) => match value(form) {
                Some(value) if printed(&value) == *form => value,
                _ => Value::from(&**form),
            },
        };
        let mut unknown = Vec::new();
        for (key, form) in &rest.unknown {
            let (Some(name), Some(value)) = (key.strip_prefix(':'), value(form)) else {
                return whole();
            };
            unknown.push((name.to_owned(), value));
        }
        if Self::from_json(Some(&error), &unknown).text().as_deref() == Some(text) {
            (error, unknown)
        } else {
            whole()
        }
    }
}

/// Whether a text is one form that is no mere word, number or text: `:timeout`, `[…]`, `#inst …`.
fn is_form(text: &str) -> bool {
    text.starts_with([':', '[', '(', '{', '#'])
        && plain::forms(text).is_some_and(|forms| forms.len() == 1)
}

fn value(form: &str) -> Option<Value> {
    let mut scratch = Scratch::default();
    let mut parser = edn::Parser::new(form.as_bytes(), &mut scratch).ok()?;
    // It will stand in an operation.
    parser.value(1).ok()
}

fn unquoted(form: &str) -> Option<String> {
    match value(form)? {
        Value::Text(text) if form.starts_with('"') => Some(text.to_string()),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    print::write_string(text, &mut out);
    lossless(out)
}

fn printed(value: &Value) -> String {
    let mut out = Vec::new();
    print::write_value(value, &mut out);
    lossless(out)
}

fn lossless(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text is printed as text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text, the form or text that its error is, and its unknown keys.
    type Case = (
        &'static str,
        Option<Error>,
        &'static [(&'static str, &'static str)],
    );

    #[test]
    fn texts_and_what_they_stand_for() {
        let form = |form: &str| Some(Error::Form(form.to_owned()));
        let text = |text: &str| Some(Error::Text(text.to_owned()));
        let cases: [Case; 14] = [
            ("no leader", text("no leader"), &[]),
            ("", text(""), &[]),
            ("boom", text("boom"), &[]),
            ("7", text("7"), &[]),
            (":timeout", form(":timeout"), &[]),
            ("[:no-client \"n1\"]", form("[:no-client \"n1\"]"), &[]),
            (
                ":timeout :exception {:via [1]} :n 5",
                form(":timeout"),
                &[(":exception", "{:via [1]}"), (":n", "5")],
            ),
            (":op-index 5", None, &[(":op-index", "5")]),
            ("\"no leader\" :n 5", text("no leader"), &[(":n", "5")]),
            ("boom :n 5", form("boom"), &[(":n", "5")]),
            // What would not read back as the same stays a text.
            ("nil :n 5", text("nil :n 5"), &[]),
            (":n 5 :n 6", text(":n 5 :n 6"), &[]),
            (":type 5", text(":type 5"), &[]),
            ("1 2", text("1 2"), &[]),
        ];
        for (error_text, error, unknown) in cases {
            let rest = Rest {
                error,
                unknown: unknown
                    .iter()
                    .map(|&(key, form)| (key.to_owned(), form.to_owned()))
                    .collect(),
            };
            assert_eq!(Rest::from_text(error_text), rest, "{error_text}");
            assert_eq!(rest.text().as_deref(), Some(error_text));
        }
        assert_eq!(Rest::default().text(), None);
    }

    #[test]
    fn json_shows_values_where_it_can() {
        let unknown = |pairs: &[(&str, Value)]| -> Vec<(String, Value)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect()
        };
        let cases = [
            ("no leader", Value::from("no leader"), unknown(&[])),
            (":timeout", Value::from(":timeout"), unknown(&[])),
            (
                "[1 \"n1\"]",
                Value::list([Value::from(1), "n1".into()]),
                unknown(&[]),
            ),
            (
                ":timeout :n {:a [5]}",
                Value::from(":timeout"),
                unknown(&[("n", Value::map([("a", Value::list([5]))]))]),
            ),
            (":n 5", Value::Nil, unknown(&[("n", Value::from(5))])),
            // A keyword would come back as text.
            (":a 1 :n :b", Value::from(":a 1 :n :b"), unknown(&[])),
        ];
        for (text, error, unknown) in cases {
            assert_eq!(Rest::values_from_text(text), (error, unknown), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in crate::arbitrary::text(), more in crate::arbitrary::value()) {
            for text in [text.clone(), format!("{text} :n {}", printed(&more)), format!(":a/b {}", printed(&more))] {
                prop_assert_eq!(Rest::from_text(&text).text(), Some(text.clone()));
                let (error, unknown) = Rest::values_from_text(&text);
                prop_assert_eq!(Rest::from_json(Some(&error), &unknown).text(), Some(text));
            }
        }
    }
}
