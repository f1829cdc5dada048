//! Events as Jepsen operations.

use rustc_hash::FxHashMap;

use super::error_text::{Error, Rest};
use super::{Notation, print};
use crate::{Event, F, Kind, Process, Value, json};

/// How a history is written for Jepsen and its relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// EDN or JSON.
    pub notation: Notation,
    /// Whether to write client operations' values as `[key value]`, as `jepsen.independent` does. Otherwise a key is
    /// written as a field of its own.
    pub keyed: bool,
    /// Whether to make the file one list, which readers of JSON such as elle-cli want, rather than one operation a line.
    pub list: bool,
}

/// Writes events one by one, in memory bounded by the operations that are open.
#[derive(Debug)]
pub struct Encoder {
    style: Style,
    index: u64,
    /// The keys of open operations: a completion may leave its key out.
    keys: FxHashMap<Process, Value>,
}

impl Encoder {
    /// An encoder at the begin of a history.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            index: 0,
            keys: FxHashMap::default(),
        }
    }

    /// Appends the line of the next event to `out`.
    pub fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.style.list {
            let separator: &[u8] = match (self.index, self.style.notation) {
                (0, _) => b"[",
                (_, Notation::Edn) => b"\n ",
                (_, Notation::Json) => b",\n ",
            };
            out.extend_from_slice(separator);
        }
        let (key, tuple) = self.key(event);
        match self.style.notation {
            Notation::Edn => write_edn(self.index, event, &key, tuple, out),
            Notation::Json => write_json(self.index, event, &key, tuple, out),
        }
        if !self.style.list {
            out.push(b'\n');
        }
        self.index += 1;
    }

    /// Appends what stands after the last event to `out`.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.style.list {
            out.extend_from_slice(if self.index == 0 { b"[]\n" } else { b"]\n" });
        }
    }

    /// The key of an event's operation, and whether it is written into the value.
    fn key(&mut self, event: &Event) -> (Value, bool) {
        let tuple = self.style.keyed && !event.process.is_nemesis();
        if !tuple {
            return (event.key.clone(), false);
        }
        let key = if event.kind == Kind::Invoke {
            if !event.key.is_nil() {
                self.keys.insert(event.process, event.key.clone());
            }
            event.key.clone()
        } else {
            let invoked = self.keys.remove(&event.process);
            match invoked {
                Some(key) if event.key.is_nil() => key,
                _ => event.key.clone(),
            }
        };
        (key, true)
    }
}

fn write_edn(index: u64, event: &Event, key: &Value, tuple: bool, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{:index ");
    out.extend_from_slice(digits.format(index).as_bytes());
    out.extend_from_slice(b", :time ");
    out.extend_from_slice(digits.format(event.time.as_nanos()).as_bytes());
    out.extend_from_slice(b", :type :");
    out.extend_from_slice(event.kind.name().as_bytes());
    out.extend_from_slice(b", :process ");
    match event.process.number() {
        Some(number) => out.extend_from_slice(digits.format(number).as_bytes()),
        None => out.extend_from_slice(b":nemesis"),
    }
    out.extend_from_slice(b", :f ");
    print::write_keyword(event.f.name(), out);
    out.extend_from_slice(b", :value ");
    if tuple {
        out.push(b'[');
        print::write_value(key, out);
        out.push(b' ');
        write_edn_value(event, out);
        out.push(b']');
    } else {
        write_edn_value(event, out);
        if !key.is_nil() {
            out.extend_from_slice(b", :key ");
            print::write_value(key, out);
        }
    }
    if let Some(node) = &event.node {
        out.extend_from_slice(b", :node ");
        print::write_string(node, out);
    }
    let rest = event.error.as_deref().map(Rest::from_text);
    let rest = rest.unwrap_or_default();
    if let Some(error) = &rest.error {
        out.extend_from_slice(b", :error ");
        match error {
            Error::Text(text) => print::write_string(text, out),
            Error::Form(form) => out.extend_from_slice(form.as_bytes()),
        }
    }
    if let Some(revision) = event.revision {
        out.extend_from_slice(b", :revision ");
        out.extend_from_slice(digits.format(revision).as_bytes());
    }
    if let Some(due) = event.due {
        out.extend_from_slice(b", :due ");
        out.extend_from_slice(digits.format(due.as_nanos()).as_bytes());
    }
    for (key, form) in &rest.unknown {
        out.extend_from_slice(b", ");
        out.extend_from_slice(key.as_bytes());
        out.push(b' ');
        out.extend_from_slice(form.as_bytes());
    }
    out.push(b'}');
}

/// A transaction's micro-operations begin with keywords: `[[:append 1 2] [:r 1 nil]]`.
fn write_edn_value(event: &Event, out: &mut Vec<u8>) {
    let (F::Txn, Value::List(operations)) = (&event.f, &event.value) else {
        return print::write_value(&event.value, out);
    };
    out.push(b'[');
    for (i, operation) in operations.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        match operation.as_list() {
            Some([Value::Text(name), arguments @ ..]) => {
                out.push(b'[');
                print::write_keyword(name, out);
                for argument in arguments {
                    out.push(b' ');
                    print::write_value(argument, out);
                }
                out.push(b']');
            }
            _ => print::write_value(operation, out),
        }
    }
    out.push(b']');
}

fn write_json(index: u64, event: &Event, key: &Value, tuple: bool, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{\"index\":");
    out.extend_from_slice(digits.format(index).as_bytes());
    out.extend_from_slice(b",\"time\":");
    out.extend_from_slice(digits.format(event.time.as_nanos()).as_bytes());
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(event.kind.name().as_bytes());
    out.extend_from_slice(b"\",\"process\":");
    match event.process.number() {
        Some(number) => out.extend_from_slice(digits.format(number).as_bytes()),
        None => out.extend_from_slice(b"\"nemesis\""),
    }
    out.extend_from_slice(b",\"f\":");
    json::write_text(event.f.name(), out);
    out.extend_from_slice(b",\"value\":");
    if tuple {
        out.push(b'[');
        json::write_value(key, out);
        out.push(b',');
        json::write_value(&event.value, out);
        out.push(b']');
    } else {
        json::write_value(&event.value, out);
        if !key.is_nil() {
            out.extend_from_slice(b",\"key\":");
            json::write_value(key, out);
        }
    }
    if let Some(node) = &event.node {
        out.extend_from_slice(b",\"node\":");
        json::write_text(node, out);
    }
    let rest = event.error.as_deref().map(Rest::values_from_text);
    let (error, unknown) = rest.unwrap_or_default();
    if !error.is_nil() {
        out.extend_from_slice(b",\"error\":");
        json::write_value(&error, out);
    }
    if let Some(revision) = event.revision {
        out.extend_from_slice(b",\"revision\":");
        out.extend_from_slice(digits.format(revision).as_bytes());
    }
    if let Some(due) = event.due {
        out.extend_from_slice(b",\"due\":");
        out.extend_from_slice(digits.format(due.as_nanos()).as_bytes());
    }
    for (name, value) in &unknown {
        out.push(b',');
        json::write_text(name, out);
        out.push(b':');
        json::write_value(value, out);
    }
    out.push(b'}');
}
