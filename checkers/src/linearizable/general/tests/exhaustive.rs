//! Every history there is, up to a size.

use schism_history::{Event, F, History, Kind, Process, Time, Value};

use super::super::*;
use super::{judge, truth};
use crate::generate;

/// What an operation may be: its function, its argument, its result (`None`: it ends unknown).
type Choice = (&'static str, i64, Option<i64>);

/// A value of a choice: 0 is nil, -1 false, -2 true.
fn value(number: i64) -> Value {
    match number {
        0 => Value::Nil,
        -1 => Value::from(false),
        -2 => Value::from(true),
        other => Value::from(other),
    }
}

/// Every order of the invocations and returns of some operations, no more than three open at once: each step invokes the
/// next one (`None`) or returns one that is open.
fn shapes(operations: usize) -> Vec<Vec<Option<usize>>> {
    let mut shapes = Vec::new();
    let mut stack = vec![(Vec::new(), Vec::new(), 0)];
    while let Some((steps, open, invoked)) = stack.pop() {
        if steps.len() == 2 * operations {
            shapes.push(steps);
            continue;
        }
        if invoked < operations && open.len() < 3 {
            let mut steps = steps.clone();
            steps.push(None);
            let mut open: Vec<usize> = open.clone();
            open.push(invoked);
            stack.push((steps, open, invoked + 1));
        }
        for i in 0..open.len() {
            let (mut steps, mut open) = (steps.clone(), open.clone());
            steps.push(Some(open.remove(i)));
            stack.push((steps, open, invoked));
        }
    }
    shapes
}

fn history(shape: &[Option<usize>], choices: &[Choice]) -> History {
    let mut invoked = 0;
    let mut events = Vec::new();
    for (time, step) in shape.iter().enumerate() {
        let (i, begins) = match step {
            None => {
                invoked += 1;
                (invoked - 1, true)
            }
            Some(i) => (*i, false),
        };
        let (f, input, output) = choices[i];
        let kind = match (begins, output) {
            (true, _) => Kind::Invoke,
            (false, Some(_)) => Kind::Ok,
            (false, None) => Kind::Info,
        };
        let shown = if begins {
            input
        } else {
            output.unwrap_or(input)
        };
        let process = Process::client(i as u32);
        let time = Time::from_nanos(time as u64 + 1);
        events.push(Event::new(time, process, kind, F::from(f)).value(value(shown)));
    }
    generate::history(events)
}

#[test]
fn every_small_history_is_judged_right() {
    let queue: &[Choice] = &[
        ("enqueue", 1, Some(1)),
        ("enqueue", 2, Some(2)),
        ("dequeue", 0, Some(0)),
        ("dequeue", 0, Some(1)),
        ("dequeue", 0, Some(2)),
        ("enqueue", 1, None),
        ("dequeue", 0, None),
    ];
    let stack: &[Choice] = &[
        ("push", 1, Some(1)),
        ("push", 2, Some(2)),
        ("pop", 0, Some(0)),
        ("pop", 0, Some(1)),
        ("pop", 0, Some(2)),
        ("push", 1, None),
        ("pop", 0, None),
    ];
    let set: &[Choice] = &[
        ("add", 1, Some(1)),
        ("remove", 1, Some(1)),
        ("contains", 1, Some(-1)),
        ("contains", 1, Some(-2)),
        ("add", 1, None),
        ("remove", 1, None),
    ];
    let mutex: &[Choice] = &[
        ("acquire", 0, Some(0)),
        ("release", 0, Some(0)),
        ("acquire", 0, None),
        ("release", 0, None),
    ];
    let counter: &[Choice] = &[
        ("add", 1, Some(1)),
        ("add", 2, Some(2)),
        ("read", 0, Some(1)),
        ("read", 0, Some(2)),
        ("read", 0, Some(3)),
        ("add", 1, None),
    ];
    let models = [
        (ModelName::Queue, queue),
        (ModelName::UnorderedQueue, queue),
        (ModelName::PriorityQueue, queue),
        (ModelName::Stack, stack),
        (ModelName::Set, set),
        (ModelName::Mutex, mutex),
        (ModelName::Counter, counter),
    ];
    // A debug build looks at some of the largest only.
    let (largest, every) = if cfg!(debug_assertions) {
        (4, 101)
    } else {
        (4, 1)
    };
    for (model, choices) in models {
        let (mut judged, mut invalid) = (0_u32, 0_u32);
        for operations in 1..=largest {
            let mut next = 0;
            for shape in shapes(operations) {
                for number in 0..choices.len().pow(operations as u32) {
                    next += 1;
                    if operations > 2 && next % every != 0 {
                        continue;
                    }
                    let place = |i: usize| number / choices.len().pow(i as u32) % choices.len();
                    let chosen: Vec<Choice> = (0..operations).map(|i| choices[place(i)]).collect();
                    let history = history(&shape, &chosen);
                    let truth = truth(&history, model).expect("it is small");
                    let verdict = judge(&history, model);
                    match verdict.validity {
                        Validity::Valid => assert!(truth, "{model}: {history:?}"),
                        Validity::Invalid => assert!(!truth, "{model}: {history:?}"),
                        Validity::Unknown => assert!(truth && verdict.summary.contains("nothing")),
                    }
                    judged += 1;
                    invalid += u32::from(!truth);
                }
            }
        }
        println!("{model}: {judged} histories, {invalid} of them invalid");
        assert!(invalid > 0 && invalid < judged);
    }
}

/// Operations that are judged in every order, whatever the shapes: as many as there should be.
#[test]
fn shapes_are_complete() {
    // Of four operations all may be open at once in 4! of the 7!! ways.
    let counts: Vec<usize> = (1..=4).map(|operations| shapes(operations).len()).collect();
    assert_eq!(counts, [1, 3, 15, 81]);
}
