//! Calls of concurrent clients, each with the moment at which it takes effect: what a history is made of before anybody
//! knows what was called.

use rand::{Rng, RngExt};
use schism_history::{Event, F, Header, History, Kind, Process, Time, Value};

/// One call. What it does is for the caller to say.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) process: u32,
    pub(crate) f: F,
    pub(crate) key: Value,
    pub(crate) input: Value,
    pub(crate) output: Value,
    /// How it ends.
    pub(crate) kind: Kind,
    pub(crate) invoked: u64,
    /// When it takes effect; `None`: never.
    pub(crate) effect: Option<u64>,
    pub(crate) end: u64,
    pub(crate) node: u32,
    pub(crate) revision: Option<i64>,
}

impl Call {
    /// Says what is called.
    pub(crate) fn set(&mut self, f: &str, key: impl Into<Value>, input: impl Into<Value>) {
        self.f = F::from(f);
        self.key = key.into();
        self.input = input.into();
        self.output = self.input.clone();
    }

    /// Whether it takes effect.
    pub(crate) fn happens(&self) -> bool {
        self.effect.is_some()
    }

    /// Whether it ends as `ok`.
    pub(crate) fn is_ok(&self) -> bool {
        self.kind == Kind::Ok
    }
}

/// Calls of `clients` that each call one thing after the other, `count` in all, in order of effect; those that never
/// take effect stand where they are invoked. Some fail, and some end unknown: half of these take effect, some of them
/// after everything else.
pub(crate) fn calls(rng: &mut impl Rng, clients: u32, count: usize) -> Vec<Call> {
    draw(rng, clients, count, true)
}

/// The same, and all end as `ok`.
pub(crate) fn sure_calls(rng: &mut impl Rng, clients: u32, count: usize) -> Vec<Call> {
    draw(rng, clients, count, false)
}

fn draw(rng: &mut impl Rng, clients: u32, count: usize, unsure: bool) -> Vec<Call> {
    let mut free: Vec<(u64, u32)> = (0..clients).map(|client| (1, client)).collect();
    let mut calls = Vec::with_capacity(count);
    for _ in 0..count {
        let worker = rng.random_range(0..free.len());
        let (at, process) = free[worker];
        let invoked = at + rng.random_range(1..10);
        let end = invoked + rng.random_range(0..30);
        let (kind, effect) = match rng.random_range(0..20) {
            _ if !unsure => (Kind::Ok, Some(rng.random_range(invoked..=end))),
            0 => (Kind::Fail, None),
            1 => (Kind::Info, None),
            2 => (Kind::Info, Some(invoked + rng.random_range(0..100))),
            _ => (Kind::Ok, Some(rng.random_range(invoked..=end))),
        };
        calls.push(Call {
            process,
            f: F::Read,
            key: Value::Nil,
            input: Value::Nil,
            output: Value::Nil,
            kind,
            invoked,
            effect,
            end,
            node: worker as u32 % 3,
            revision: None,
        });
        let next = process + if kind == Kind::Info { clients } else { 0 };
        free[worker] = (end + 1, next);
    }
    calls.sort_by_key(|call| (call.effect.unwrap_or(call.invoked), call.process));
    calls
}

/// One more call, that ends as `ok`, after all that was called before.
pub(crate) fn after(calls: &[Call]) -> Call {
    let last = calls
        .iter()
        .map(|call| call.effect.unwrap_or(0).max(call.end));
    let invoked = last.max().unwrap_or(0) + 2;
    let process = calls.iter().map(|call| call.process).max().unwrap_or(0) + 1;
    Call {
        process,
        f: F::Read,
        key: Value::Nil,
        input: Value::Nil,
        output: Value::Nil,
        kind: Kind::Ok,
        invoked,
        effect: Some(invoked + 1),
        end: invoked + 2,
        node: 0,
        revision: None,
    }
}

/// The history of these calls.
pub(crate) fn history(calls: &[Call]) -> History {
    let mut events = Vec::with_capacity(calls.len() * 2);
    for call in calls {
        let event = |time: u64, kind, value: &Value| {
            Event::new(
                Time::from_nanos(time),
                Process::client(call.process),
                kind,
                call.f.clone(),
            )
            .key(call.key.clone())
            .value(value.clone())
            .node(format!("n{}", call.node + 1).as_str())
        };
        events.push((
            call.invoked,
            0,
            event(call.invoked, Kind::Invoke, &call.input),
        ));
        let value = if call.is_ok() {
            &call.output
        } else {
            &call.input
        };
        let mut end = event(call.end, call.kind, value);
        end.revision = call.revision;
        events.push((call.end, 1, end));
    }
    // A client's own events never share a moment, but for the two of one call.
    events.sort_by_key(|&(time, order, _)| (time, order));
    History::from_events(
        Header::default(),
        events.into_iter().map(|(.., event)| event),
    )
    .unwrap_or_else(|(place, malformed)| panic!("event {place}: {malformed}"))
}
