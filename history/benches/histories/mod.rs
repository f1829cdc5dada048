//! Histories to measure with, as the files that hold them.

use std::collections::VecDeque;
use std::sync::Arc;

use schism_history::{Event, F, Header, Kind, Process, Time, Value, jsonl};

/// A file of so many operations of ten clients on a hundred registers: writes of values that were never written before,
/// and reads; every operation with its node, every `ok` with its revision.
pub(crate) fn registers(operations: u64) -> Vec<u8> {
    let mut last = vec![Value::Nil; 100];
    file(operations, |n| {
        let key = (n * 7 % 100) as usize;
        if n % 2 == 0 {
            last[key] = Value::from(n / 2);
            let value = last[key].clone();
            (F::Write, Value::from(key as u64), value.clone(), value)
        } else {
            (
                F::Read,
                Value::from(key as u64),
                Value::Nil,
                last[key].clone(),
            )
        }
    })
}

/// A file of so many transactions of ten clients, each of which reads a list and appends to one; ten lists are in use at a
/// time, and another takes the place of one that has 72 elements. A read sees 36 elements on average.
pub(crate) fn lists(transactions: u64) -> Vec<u8> {
    let mut lists: Vec<(u64, Vec<Value>)> = (0..10).map(|key| (key, Vec::new())).collect();
    let mut next_key = 10;
    file(transactions, |n| {
        let step = |name: &str, key: u64, value: Value| {
            Value::list([Value::from(name), Value::from(key), value])
        };
        let (read, append) = ((n % 10) as usize, (n * 3 % 10) as usize);
        let (read_key, list) = &lists[read];
        let (read_key, list) = (*read_key, Value::List(list.clone().into()));
        let append_key = lists[append].0;
        let element = Value::from(n + 1);
        let write = step("append", append_key, element.clone());
        let input = Value::list([step("r", read_key, Value::Nil), write.clone()]);
        let output = Value::list([step("r", read_key, list), write]);
        lists[append].1.push(element);
        if lists[append].1.len() > 72 {
            lists[append] = (next_key, Vec::new());
            next_key += 1;
        }
        (F::Txn, Value::Nil, input, output)
    })
}

/// Ten clients, of whom each waits for nine others before its own operation ends.
fn file(operations: u64, mut draw: impl FnMut(u64) -> (F, Value, Value, Value)) -> Vec<u8> {
    let nodes: Vec<Arc<str>> = (1..=5).map(|n| Arc::from(format!("n{n}"))).collect();
    let mut out = Vec::new();
    let header = Header {
        nodes: nodes.clone(),
        concurrency: 10,
        ..Header::default()
    };
    jsonl::encode_header(&header, &mut out);
    let mut open: VecDeque<Event> = VecDeque::new();
    let mut index = 0;
    let mut write = |event: &mut Event| {
        event.time = Time::from_nanos(1_000_000_000 + index * 730);
        jsonl::encode(index, event, &mut out);
        index += 1;
    };
    for n in 0..operations + 10 {
        if n >= 10 {
            write(&mut open.pop_front().expect("ten are open"));
        }
        if n < operations {
            let process = Process::client((n % 10) as u32);
            let (f, key, input, output) = draw(n);
            let mut invoke = Event::new(Time::ZERO, process, Kind::Invoke, f)
                .key(key)
                .value(input)
                .node(Arc::clone(&nodes[n as usize % 5]));
            write(&mut invoke);
            open.push_back(Event {
                kind: Kind::Ok,
                value: output,
                revision: Some(n as i64 + 1_000),
                ..invoke
            });
        }
    }
    out
}
