//! A text that is appended to, replaced, and read as a whole.

use schism_history::Value;

use crate::model::{Action, Model};

/// `append` adds to the end of it, `put` replaces it, `get` returns it. It is empty at first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text;

/// What is known about a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Written {
    /// It is this.
    All(String),
    /// It ends with this.
    End(String),
}

impl Model for Text {
    type State = Written;

    fn name(&self) -> &'static str {
        "text"
    }

    fn init(&self) -> Written {
        Written::All(String::new())
    }

    fn step(&self, state: &Written, action: &Action) -> Option<Written> {
        let longer = |text: &str| [text, text_of(&action.input).unwrap_or_default()].concat();
        match (action.f.name(), state, &action.output) {
            ("append", Written::All(text), _) => Some(Written::All(longer(text))),
            ("append", Written::End(text), _) => Some(Written::End(longer(text))),
            ("put", ..) => Some(Written::All(text_of(&action.input)?.to_owned())),
            ("get", _, None) => Some(state.clone()),
            ("get", _, Some(found)) => {
                let found = text_of(found)?;
                let fits = match state {
                    Written::All(text) => text == found,
                    Written::End(text) => found.ends_with(&text[..]),
                };
                fits.then(|| Written::All(found.to_owned()))
            }
            _ => None,
        }
    }

    fn is_pure(&self, action: &Action) -> bool {
        action.f.name() == "get"
    }

    fn knows(&self, action: &Action) -> bool {
        match (action.f.name(), &action.output) {
            ("append" | "put", _) => text_of(&action.input).is_some(),
            ("get", output) => output.as_ref().is_none_or(|it| text_of(it).is_some()),
            _ => false,
        }
    }

    fn anything(&self) -> Option<Written> {
        Some(Written::End(String::new()))
    }
}

/// A text; nil is the empty one.
pub(crate) fn text_of(value: &Value) -> Option<&str> {
    if value.is_nil() {
        Some("")
    } else {
        value.as_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::F;

    fn action(f: F, input: impl Into<Value>, output: impl Into<Value>) -> Action {
        Action {
            f,
            input: input.into(),
            output: Some(output.into()),
        }
    }

    #[test]
    fn a_text_grows_and_is_replaced() {
        let append = |text: &str| action(F::Append, text, text);
        let put = |text: &str| action(F::from("put"), text, text);
        let get = |text: &str| action(F::from("get"), Value::Nil, text);
        let run = |mut state, actions: &[Action]| {
            for action in actions {
                assert!(Text.knows(action));
                state = Text.step(&state, action)?;
            }
            Some(state)
        };
        let all = |text: &str| Some(Written::All(text.to_owned()));
        let begin = Text.init();
        let grown = [get(""), append("a"), append("b"), get("ab")];
        assert_eq!(run(begin.clone(), &grown), all("ab"));
        assert_eq!(run(begin.clone(), &[append("a"), get("")]), None);
        assert_eq!(run(begin, &[append("a"), put("c"), get("c")]), all("c"));
        let anything = Text.anything().unwrap();
        let later = [append("a"), get("xa"), append("b"), get("xab")];
        assert_eq!(run(anything.clone(), &later), all("xab"));
        assert_eq!(run(anything, &[append("a"), get("ax")]), None);
        assert!(!Text.knows(&action(F::Append, 7, 7)));
    }
}
