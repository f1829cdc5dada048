//! What each kind of object allows, written down once more, as plainly as can be, for the second opinion.
//!
//! It shares nothing with the models that the checkers use.

use schism_history::Value;

use crate::linearizable::ModelName;
use crate::model::Action;
use crate::proof::object_orders::Spec;

/// A named model, for a proof that begins at the beginning, or later, when the object may be in any state.
#[derive(Clone, Debug)]
pub(crate) struct Sequential {
    /// Which.
    pub(crate) model: ModelName,
    /// Whether the proof begins later.
    pub(crate) later: bool,
    /// Of a text, all that is ever found: what is none of it, nor a part, need not be told apart. `None`: anything may be.
    pub(crate) found: Option<Vec<Value>>,
}

/// What an object holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holds {
    /// Items, in the order in which they came.
    Items(Vec<Value>),
    /// A number.
    Number(i128),
    /// A value; `None`: any.
    Value(Option<Value>),
    /// Keys with their values; of any other key nothing is known, or it is nil.
    Keys(Vec<(Value, Value)>, bool),
    /// A lock: whether it is held, its token if it is known, and the largest token so far.
    Lock(bool, Option<i64>, i64),
    /// A text; with `true` there may be more before it.
    Text(bool, String),
    /// Nothing is known.
    Unknown,
}

impl Spec for Sequential {
    type State = Holds;

    fn starts(&self) -> Vec<Holds> {
        let later = self.later;
        let lock = |held| Holds::Lock(held, None, i64::MIN);
        match self.model {
            ModelName::Counter if later => vec![Holds::Unknown],
            ModelName::Counter => vec![Holds::Number(0)],
            ModelName::Map | ModelName::Register | ModelName::CasRegister if later => {
                vec![Holds::Value(None)]
            }
            ModelName::Map | ModelName::Register | ModelName::CasRegister => {
                vec![Holds::Value(Some(Value::Nil))]
            }
            ModelName::MultiRegister => vec![Holds::Keys(Vec::new(), later)],
            ModelName::Text => vec![Holds::Text(later, String::new())],
            ModelName::Mutex | ModelName::FencedLock if later => vec![lock(false), lock(true)],
            ModelName::Mutex | ModelName::FencedLock => vec![lock(false)],
            ModelName::Set if later => vec![Holds::Items(Vec::new()), Holds::Unknown],
            _ => vec![Holds::Items(Vec::new())],
        }
    }

    fn next(&self, state: &Holds, action: &Action) -> Vec<Holds> {
        match self.model {
            ModelName::Queue
            | ModelName::UnorderedQueue
            | ModelName::Stack
            | ModelName::PriorityQueue => self.collection(state, action),
            ModelName::Set => set(state, action),
            ModelName::AppendLog => log(state, action),
            ModelName::Text => self.text(state, action),
            ModelName::UniqueIds => ids(state, action),
            ModelName::Counter => counter(state, action),
            ModelName::Mutex | ModelName::FencedLock => self.lock(state, action),
            ModelName::MultiRegister => keys(state, action),
            ModelName::Map | ModelName::Register | ModelName::CasRegister => cell(state, action),
        }
    }
}

impl Sequential {
    fn collection(&self, state: &Holds, action: &Action) -> Vec<Holds> {
        let Holds::Items(items) = state else {
            return Vec::new();
        };
        if matches!(action.f.name(), "enqueue" | "push") {
            let mut items = items.clone();
            items.push(action.input.clone());
            return vec![Holds::Items(items)];
        }
        if action.output == Some(Value::Nil) {
            return if items.is_empty() {
                vec![state.clone()]
            } else {
                Vec::new()
            };
        }
        let mut after = Vec::new();
        for i in 0..items.len() {
            let next = match self.model {
                ModelName::Queue => i == 0,
                ModelName::Stack => i + 1 == items.len(),
                ModelName::PriorityQueue => items.iter().all(|other| *other <= items[i]),
                _ => true,
            };
            let fits = match &action.output {
                Some(output) => *output == items[i],
                None => true,
            };
            if next && fits {
                let mut items = items.clone();
                items.remove(i);
                if self.model == ModelName::UnorderedQueue {
                    // Without an order, the same items are the same state.
                    items.sort();
                }
                after.push(Holds::Items(items));
            }
        }
        after
    }

    fn lock(&self, state: &Holds, action: &Action) -> Vec<Holds> {
        let Holds::Lock(held, token, last) = *state else {
            return Vec::new();
        };
        let fenced = self.model == ModelName::FencedLock;
        if action.f.name() == "acquire" {
            let new = action.output.as_ref().and_then(Value::as_int);
            return match (held, new.filter(|_| fenced)) {
                (true, _) => Vec::new(),
                (false, Some(new)) if new <= last => Vec::new(),
                (false, Some(new)) => vec![Holds::Lock(true, Some(new), new)],
                (false, None) => vec![Holds::Lock(true, None, last)],
            };
        }
        let given = action.input.as_int().filter(|_| fenced);
        let after = match (held, token, given) {
            (true, _, None) => last,
            (true, Some(token), Some(given)) if token == given => last,
            (true, None, Some(given)) if given > last => given,
            _ => return Vec::new(),
        };
        vec![Holds::Lock(false, None, after)]
    }

    fn text(&self, state: &Holds, action: &Action) -> Vec<Holds> {
        let given = action.input.as_text().unwrap_or_default();
        let (more, text) = match (action.f.name(), &action.output, state) {
            ("put", ..) => (false, given.to_owned()),
            ("append", _, Holds::Text(more, text)) => (*more, format!("{text}{given}")),
            ("append", ..) | (_, None, _) => return vec![state.clone()],
            (_, Some(found), Holds::Text(more, text)) => {
                let found = found.as_text().unwrap_or_default();
                if found != text && !(*more && found.ends_with(text)) {
                    return Vec::new();
                }
                (false, found.to_owned())
            }
            (_, Some(_), _) => return Vec::new(),
        };
        // Whatever is found later has it in it: at the beginning, or, with more before it, somewhere.
        let leads = |found: &Value| {
            let found = found.as_text().unwrap_or_default();
            found.find(&text).is_some_and(|at| more || at == 0)
        };
        match &self.found {
            Some(found) if !found.iter().any(leads) => vec![Holds::Unknown],
            _ => vec![Holds::Text(more, text)],
        }
    }
}

fn set(state: &Holds, action: &Action) -> Vec<Holds> {
    let element = &action.input;
    let Holds::Items(items) = state else {
        // Only one element is looked at, and it is in.
        return set(&Holds::Items(vec![element.clone()]), action);
    };
    let there = items.contains(element);
    let mut after = items.clone();
    match action.f.name() {
        "add" => {
            if !there {
                after.push(element.clone());
                after.sort();
            }
        }
        "remove" => after.retain(|item| item != element),
        "read" => {
            if let Some(output) = &action.output {
                let mut read = output.as_list().unwrap_or_default().to_vec();
                read.sort();
                if read != *items {
                    return Vec::new();
                }
            }
        }
        _ => {
            if action.output.is_some() && action.output != Some(Value::Bool(there)) {
                return Vec::new();
            }
        }
    }
    vec![Holds::Items(after)]
}

fn log(state: &Holds, action: &Action) -> Vec<Holds> {
    let Holds::Items(items) = state else {
        return Vec::new();
    };
    if action.f.name() == "append" {
        let mut items = items.clone();
        items.push(action.input.clone());
        return vec![Holds::Items(items)];
    }
    match &action.output {
        Some(read) if read.as_list().unwrap_or_default() != &items[..] => Vec::new(),
        _ => vec![state.clone()],
    }
}

fn ids(state: &Holds, action: &Action) -> Vec<Holds> {
    let (Holds::Items(items), Some(id)) = (state, &action.output) else {
        return vec![state.clone()];
    };
    if items.contains(id) {
        return Vec::new();
    }
    let mut items = items.clone();
    items.push(id.clone());
    items.sort();
    vec![Holds::Items(items)]
}

fn counter(state: &Holds, action: &Action) -> Vec<Holds> {
    let amount = match &action.input {
        Value::Int(amount) => i128::from(*amount),
        _ => 1,
    };
    let change = match action.f.name() {
        "read" => 0,
        "decrement" => -amount,
        _ => amount,
    };
    let read = match (action.f.name(), &action.output) {
        ("read", Some(Value::Int(read))) => Some(i128::from(*read)),
        _ => None,
    };
    match (state, read) {
        (Holds::Number(sum), Some(read)) if *sum != read => Vec::new(),
        (_, Some(read)) => vec![Holds::Number(read)],
        (Holds::Number(sum), None) => vec![Holds::Number(sum + change)],
        (other, None) => vec![other.clone()],
    }
}

fn keys(state: &Holds, action: &Action) -> Vec<Holds> {
    let Holds::Keys(held, open) = state else {
        return Vec::new();
    };
    let mut held = held.clone();
    let micros = action.output.as_ref().unwrap_or(&action.input);
    for micro in micros.as_list().unwrap_or_default() {
        let Some([name, key, rest @ ..]) = micro.as_list() else {
            return Vec::new();
        };
        let value = rest.first().cloned().unwrap_or_default();
        let place = held.iter().position(|(known, _)| known == key);
        match (name.as_text(), place) {
            (Some("w"), Some(place)) => held[place].1 = value,
            (Some("w"), None) => held.push((key.clone(), value)),
            _ if action.output.is_none() => {}
            (_, Some(place)) if held[place].1 != value => return Vec::new(),
            (_, None) if *open => held.push((key.clone(), value)),
            (_, None) if !value.is_nil() => return Vec::new(),
            _ => {}
        }
    }
    held.sort();
    vec![Holds::Keys(held, *open)]
}

fn cell(state: &Holds, action: &Action) -> Vec<Holds> {
    let Holds::Value(held) = state else {
        return Vec::new();
    };
    let holds = |value: &Value| held.as_ref().is_none_or(|held| held == value);
    let now = |value: &Value| vec![Holds::Value(Some(value.clone()))];
    match (action.f.name(), action.input.as_list(), &action.output) {
        ("put", Some([_, value]), _) => now(value),
        ("write", ..) => now(&action.input),
        ("remove", ..) => now(&Value::Nil),
        ("cas", Some([old, _]), Some(Value::Bool(false))) => {
            if held.as_ref() == Some(old) {
                Vec::new()
            } else {
                vec![state.clone()]
            }
        }
        ("cas", Some([old, new]), _) => {
            if holds(old) {
                now(new)
            } else {
                Vec::new()
            }
        }
        ("get" | "read", _, Some(found)) => {
            if holds(found) {
                now(found)
            } else {
                Vec::new()
            }
        }
        _ => vec![state.clone()],
    }
}
