//! Events and values from Python's objects.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use schism_history::{Event, F, Kind, Process, Time, Value};

/// Lists in lists, at most.
const MAX_DEPTH: usize = 100;

/// An event from a map. Errors say which part is wrong.
pub(crate) fn event(object: &Bound<'_, PyAny>) -> Result<Event, String> {
    let map = object
        .cast::<PyMapping>()
        .map_err(|_| "an event is a map, as {\"time\": 1, \"process\": 0, \"type\": \"invoke\", \"f\": \"read\"}")?;
    let part = |name: &str| match map.get_item(name) {
        Ok(part) if !part.is_none() => Some(part),
        _ => None,
    };
    let needed = |name: &str| part(name).ok_or_else(|| format!("it has no {name:?}"));
    let text = |name: &str| -> Result<Option<String>, String> {
        part(name)
            .map(|part| {
                part.extract::<String>()
                    .map_err(|_| format!("{name:?} is no text"))
            })
            .transpose()
    };
    let number = |name: &str| -> Result<Option<i64>, String> {
        part(name)
            .map(|part| {
                part.extract::<i64>()
                    .map_err(|_| format!("{name:?} is no integer of 64 bits"))
            })
            .transpose()
    };
    let time = needed("time")?
        .extract::<u64>()
        .map_err(|_| "\"time\" is not in nanoseconds, from 0 on".to_owned())?;
    let process = needed("process")?
        .extract::<u32>()
        .map_err(|_| "\"process\" is no number from 0 on".to_owned())?;
    let kind = text("type")?.ok_or("it has no \"type\"")?;
    let kind = Kind::from_name(&kind)
        .ok_or_else(|| format!("\"type\" is {kind:?}, and neither invoke, ok, fail nor info"))?;
    let f = text("f")?.ok_or("it has no \"f\"")?;
    let of = |name: &str| match part(name) {
        Some(part) => value(&part, MAX_DEPTH).map_err(|error| format!("{name:?}: {error}")),
        None => Ok(Value::Nil),
    };
    Ok(Event {
        key: of("key")?,
        value: of("value")?,
        node: text("node")?.map(Arc::from),
        error: text("error")?.map(Arc::from),
        revision: number("revision")?,
        ..Event::new(
            Time::from_nanos(time),
            Process::client(process),
            kind,
            F::from(&*f),
        )
    })
}

fn value(object: &Bound<'_, PyAny>, depth: usize) -> Result<Value, String> {
    if object.is_none() {
        return Ok(Value::Nil);
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(format!("it is deeper than {MAX_DEPTH} lists in lists"));
    };
    // Before integers: in Python, True is one.
    if let Ok(object) = object.cast::<PyBool>() {
        return Ok(Value::Bool(object.is_true()));
    }
    if object.is_instance_of::<PyInt>() {
        return object
            .extract::<i64>()
            .map(Value::Int)
            .map_err(|_| "the integer has more than 64 bits".to_owned());
    }
    if let Ok(object) = object.cast::<PyFloat>() {
        return Ok(Value::Float(object.value()));
    }
    if let Ok(object) = object.cast::<PyString>() {
        let text = object.to_cow().map_err(|error| error.to_string())?;
        return Ok(Value::from(&*text));
    }
    let items = |items: Vec<Bound<'_, PyAny>>| -> Result<Value, String> {
        let items: Result<Vec<Value>, String> =
            items.iter().map(|item| value(item, depth)).collect();
        Ok(Value::List(items?.into()))
    };
    if let Ok(object) = object.cast::<PyList>() {
        return items(object.iter().collect());
    }
    if let Ok(object) = object.cast::<PyTuple>() {
        return items(object.iter().collect());
    }
    if let Ok(object) = object.cast::<PyDict>() {
        let parts: Result<Vec<(Arc<str>, Value)>, String> = object
            .iter()
            .map(|(name, part)| {
                let name = name
                    .extract::<String>()
                    .map_err(|_| "a map's names are texts".to_owned())?;
                Ok((Arc::from(name), value(&part, depth)?))
            })
            .collect();
        return Ok(Value::Map(parts?.into()));
    }
    let kind = object
        .get_type()
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    Err(format!(
        "a {kind} is no value: pass None, bool, int, float, str, list, tuple or dict"
    ))
}
