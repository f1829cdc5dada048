//! A text that is appended to, replaced, and read as a whole.

use schism_history::{History, OpId, Outcome, Value};

use crate::model::{Action, Model};

/// `append` adds to the end of it, `put` replaces it, `get` returns it. It is empty at first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    /// What was found, sorted; `None`: anything may be.
    found: Option<Vec<String>>,
}

impl Text {
    /// A text of which these operations tell. What none of them found, nor the beginning of it, is never told apart: until
    /// another text is put in its place, nobody can find anything. O(length of what was found × log operations).
    pub(crate) fn of(history: &History, ids: &[OpId]) -> Self {
        let gets = ids.iter().map(|&id| history.operation(id));
        let gets = gets.filter(|op| op.f().name() == "get" && op.outcome == Outcome::Ok);
        let mut found: Vec<String> = gets
            .filter_map(|op| text_of(op.output()).map(str::to_owned))
            .collect();
        found.sort_unstable();
        found.dedup();
        Self { found: Some(found) }
    }

    /// The same, if it can be told apart.
    fn told(&self, written: Written) -> Written {
        let Some(found) = &self.found else {
            return written;
        };
        let is_found = match &written {
            Written::All(text) => {
                let place = found.partition_point(|other| other < text);
                found.get(place).is_some_and(|it| it.starts_with(text))
            }
            Written::End(text) => found.iter().any(|other| other.contains(text)),
            Written::Unfound => false,
        };
        if is_found { written } else { Written::Unfound }
    }
}

/// What is known about a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Written {
    /// It is this.
    All(String),
    /// It ends with this.
    End(String),
    /// It is none that is found.
    Unfound,
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
            ("append", Written::All(text), _) => Some(self.told(Written::All(longer(text)))),
            ("append", Written::End(text), _) => Some(self.told(Written::End(longer(text)))),
            ("append", Written::Unfound, _) => Some(Written::Unfound),
            ("put", ..) => Some(self.told(Written::All(text_of(&action.input)?.to_owned()))),
            ("get", _, None) => Some(state.clone()),
            ("get", _, Some(found)) => {
                let found = text_of(found)?;
                let fits = match state {
                    Written::All(text) => text == found,
                    Written::End(text) => found.ends_with(&text[..]),
                    Written::Unfound => false,
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
    use schism_history::{F, testing};

    fn action(f: F, input: impl Into<Value>, output: impl Into<Value>) -> Action {
        Action {
            f,
            input: input.into(),
            output: Some(output.into()),
        }
    }

    #[test]
    fn a_text_grows_and_is_replaced() {
        let text = Text::default();
        let append = |more: &str| action(F::Append, more, more);
        let put = |new: &str| action(F::from("put"), new, new);
        let get = |found: &str| action(F::from("get"), Value::Nil, found);
        let run = |mut state, actions: &[Action]| {
            for action in actions {
                assert!(text.knows(action));
                state = text.step(&state, action)?;
            }
            Some(state)
        };
        let all = |it: &str| Some(Written::All(it.to_owned()));
        let begin = text.init();
        let grown = [get(""), append("a"), append("b"), get("ab")];
        assert_eq!(run(begin.clone(), &grown), all("ab"));
        let of = |drawing: &str| {
            let history = testing::history(drawing);
            Text::of(&history, &history.by_key()[0].1)
        };
        let told = of("0 |append x a|\n1 |get x nil -> abc|");
        assert_eq!(told.step(&begin, &append("a")), all("a"));
        let unfound = told.step(&begin, &append("b"));
        assert_eq!(unfound, Some(Written::Unfound));
        assert_eq!(told.step(&Written::Unfound, &append("a")), unfound);
        assert_eq!(told.step(&Written::Unfound, &put("ab")), all("ab"));
        let end = told.step(&Written::End(String::new()), &append("b"));
        assert_eq!(end, Some(Written::End("b".to_owned())));
        assert_eq!(run(begin.clone(), &[append("a"), get("")]), None);
        assert_eq!(run(begin, &[append("a"), put("c"), get("c")]), all("c"));
        let anything = text.anything().unwrap();
        let later = [append("a"), get("xa"), append("b"), get("xab")];
        assert_eq!(run(anything.clone(), &later), all("xab"));
        assert_eq!(run(anything, &[append("a"), get("ax")]), None);
        assert!(!text.knows(&action(F::Append, 7, 7)));
    }
}
