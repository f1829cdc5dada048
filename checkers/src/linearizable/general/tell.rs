//! Violations in words.

use schism_history::{F, History, OpId, Operation, Outcome, Value};

use super::named::ModelName;
use super::objects::Object;
use crate::proof::object_orders::ObjectWitness;
use crate::proof::story::{Story, remark, short, step};
use crate::verdict::Step;

/// A violation, told.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) sentence: String,
    pub(crate) steps: Vec<Step>,
}

/// What an operation did, as the middle of a sentence: `dequeued 5`. Of one that may not have happened: `tried to`.
fn act(op: &Operation<'_>, happened: bool, scope: Option<&Vec<Value>>) -> String {
    let input = short(op.input());
    let tried = |done: String, doing: String| {
        if happened {
            done
        } else {
            format!("tried to {doing}")
        }
    };
    match (op.f(), op.f().name()) {
        (F::Enqueue, _) => tried(format!("enqueued {input}"), format!("enqueue {input}")),
        (F::Push, _) => tried(format!("pushed {input}"), format!("push {input}")),
        (F::Append, _) => tried(format!("appended {input}"), format!("append {input}")),
        (F::Add, _) => tried(format!("added {input}"), format!("add {input}")),
        (F::Remove, _) => tried(format!("removed {input}"), format!("remove {input}")),
        (F::Dequeue | F::Pop, verb) if happened && op.output().is_nil() => {
            format!("called {verb} and found nothing")
        }
        (F::Dequeue, _) => tried(
            format!("dequeued {}", short(op.output())),
            "dequeue something".to_owned(),
        ),
        (F::Pop, _) => tried(
            format!("popped {}", short(op.output())),
            "pop something".to_owned(),
        ),
        (F::Drain, _) => tried(
            format!("drained {}", short(op.output())),
            "drain it".to_owned(),
        ),
        (F::Acquire, _) => match op.output() {
            Value::Int(token) if happened => format!("acquired it with token {token}"),
            _ => tried("acquired it".to_owned(), "acquire it".to_owned()),
        },
        (F::Release, _) => tried("released it".to_owned(), "release it".to_owned()),
        (F::Generate, _) => format!("was given {}", short(op.output())),
        (F::Read, _) => match (op.output().as_list(), scope) {
            (Some(items), Some(scope)) => {
                let seen = items.iter().filter(|item| scope.contains(item));
                format!(
                    "read, of these elements, {}",
                    short(&Value::list(seen.cloned()))
                )
            }
            _ => format!("read {}", short(op.output())),
        },
        (_, "contains") => match op.output() {
            Value::Bool(true) => format!("found {input} in it"),
            _ => format!("did not find {input} in it"),
        },
        (_, "put") => match op.input().as_pair() {
            Some((_, value)) => tried(format!("put {value}"), format!("put {value}")),
            None => tried(format!("put {input}"), format!("put {input}")),
        },
        (_, "get") => format!("got {}", short(op.output())),
        (_, "increment" | "decrement") => {
            let by = if op.input().is_nil() {
                "1".to_owned()
            } else {
                input
            };
            let verb = op.f().name();
            tried(format!("{verb}ed it by {by}"), format!("{verb} it by {by}"))
        }
        (F::Txn, _) if happened => format!("ran the transaction {}", short(op.output())),
        (F::Txn, _) => format!("tried the transaction {input}"),
        (_, verb) => {
            let argument = if op.input().is_nil() {
                String::new()
            } else {
                format!(" with {input}")
            };
            let result = if op.output_id == op.input_id || op.output().is_nil() {
                String::new()
            } else {
                format!(" and got {}", short(op.output()))
            };
            if happened {
                format!("called {verb}{argument}{result}")
            } else {
                format!("tried to call {verb}{argument}")
            }
        }
    }
}

/// The violation that these operations are. `longest` is an order that goes as far as any does.
pub(crate) fn tell(
    history: &History,
    object: &Object<'_>,
    called: &str,
    witness: &ObjectWitness,
    longest: &[OpId],
) -> Told {
    let ops: Vec<Operation<'_>> = witness
        .ids
        .iter()
        .map(|&id| history.operation(id))
        .collect();
    let happened = |op: &Operation<'_>| {
        op.outcome == Outcome::Ok
            && witness.since.is_none_or(|since| op.invoked >= since)
            && witness.until.is_none_or(|until| op.end() <= until)
    };
    let story = Story::of(history, witness.ids.iter().copied());
    let mut steps = Vec::new();
    if let Some(since) = witness.since {
        steps.push(remark(format!(
            "whatever was before {}, the following cannot be",
            story.time(since)
        )));
    }
    for op in &ops {
        let act = act(op, happened(op), witness.scope.as_ref());
        let mut sentence = format!("{} {act} {}", story.who(op.id), story.when(op.id));
        if op.outcome == Outcome::Ok && !happened(op) {
            sentence.push_str(", which may have taken effect before or after what matters here");
        }
        steps.push(step(op.id, sentence));
    }
    let place = place(history, object, called);
    let who = |op: &Operation<'_>| format!("process {}", op.process);
    let certain: Vec<&Operation<'_>> = ops.iter().filter(|op| happened(op)).collect();
    let finding = Finding {
        history,
        object,
        called,
        certain: &certain,
        whole: &ops,
    };
    let (name, what, why) = finding.of(witness, &who);
    steps.push(remark(why));
    if name == "no-order" && !longest.is_empty() {
        let order: Vec<String> = longest.iter().map(ToString::to_string).collect();
        steps.push(remark(format!(
            "the longest order that works begins with {}; nothing can follow it",
            order.join(" ")
        )));
    }
    Told {
        name,
        sentence: format!("{what} {place}"),
        steps,
    }
}

/// The object, as the end of a sentence: `of queue "q"`.
fn place(history: &History, object: &Object<'_>, called: &str) -> String {
    let key = history.key(object.key);
    let whole = if key.is_nil() {
        format!("of the {called}")
    } else {
        format!("of {called} {key}")
    };
    match object.part {
        Some(part) if called == "map" => format!("of key {part} {whole}"),
        Some(part) => format!("of element {part} {whole}"),
        None => whole,
    }
}

struct Finding<'a, 'h> {
    history: &'h History,
    object: &'a Object<'h>,
    called: &'a str,
    certain: &'a [&'a Operation<'h>],
    whole: &'a [Operation<'h>],
}

type Words = (&'static str, String, String);

impl<'h> Finding<'_, 'h> {
    /// Its name, what happened, and why it cannot be.
    fn of(&self, witness: &ObjectWitness, who: &dyn Fn(&Operation<'h>) -> String) -> Words {
        let found = match witness.model {
            Some(model) if model.is_collection() => self.collection(witness, who),
            Some(ModelName::Set | ModelName::AppendLog) => self.elements(who),
            Some(ModelName::Mutex | ModelName::FencedLock) => self.lock(who),
            Some(ModelName::UniqueIds) => self.certain.last().map(|last| {
                let id = last.output();
                (
                    "duplicate-id",
                    format!("{} was given {id}, which had been given before", who(last)),
                    format!("so {id} was given twice"),
                )
            }),
            Some(ModelName::Counter) => self.last(&F::Read).map(|read| {
                (
                    "impossible-count",
                    format!("{} read {}, which no order of the additions gives", who(read), read.output()),
                    "no order of the additions, each at a moment while it ran, leaves what was read".to_owned(),
                )
            }),
            Some(ModelName::Map) => self.certain.last().map(|last| {
                (
                    "stale-read",
                    format!("{} {}, which no order explains", who(last), act(last, true, None)),
                    "no order of these operations, each at a moment while it ran, gives what was found".to_owned(),
                )
            }),
            _ => None,
        };
        found.unwrap_or_else(|| {
            let count = self.whole.len();
            (
                "no-order",
                format!("no order explains {count} operations"),
                format!(
                    "a {} allows no order of these operations, each at a moment while it ran",
                    self.called
                ),
            )
        })
    }

    fn last(&self, f: &F) -> Option<&Operation<'h>> {
        self.certain.iter().rev().find(|op| op.f() == f).copied()
    }

    fn collection(
        &self,
        witness: &ObjectWitness,
        who: &dyn Fn(&Operation<'h>) -> String,
    ) -> Option<Words> {
        let is_put = |op: &&Operation<'h>| matches!(op.f(), F::Enqueue | F::Push);
        let puts: Vec<&Operation<'h>> = self.whole.iter().filter(is_put).collect();
        let takes: Vec<&Operation<'h>> = self
            .certain
            .iter()
            .copied()
            .filter(|op| !is_put(op))
            .collect();
        let scope = witness.scope.as_deref().unwrap_or_default();
        let last = takes.last()?;
        let took = act(last, true, None);
        if let Some(empty) = takes.iter().find(|op| op.output().is_nil()) {
            let verb = act(empty, true, None);
            return Some((
                "false-empty",
                format!("{} {verb}, although something was in it all the while", who(empty)),
                "at every moment at which it looked, something that had been put in had not been taken out".to_owned(),
            ));
        }
        let [value] = scope else {
            let has_left = |value: &Value| {
                let all = self.object.ids.iter().map(|&id| self.history.operation(id));
                all.filter(|op| op.outcome == Outcome::Ok && !is_put(&op))
                    .any(|op| takes_value(&op, value))
            };
            let loose = self
                .whole
                .iter()
                .any(|op| op.outcome != Outcome::Ok && !is_put(&op));
            if let Some(lost) = scope.iter().find(|value| !has_left(value)) {
                let enough = if loose {
                    ", and too few others of unknown outcome could have taken it"
                } else {
                    ""
                };
                return Some((
                    "lost-value",
                    format!(
                        "{lost} was put in and nobody took it, although others were taken that come after it{enough},"
                    ),
                    format!("{lost} had to be taken before"),
                ));
            }
            return Some((
                "reordered",
                format!("{} {took} out of order, at the end", who(last)),
                format!(
                    "a {} would have given back its values in another order",
                    self.called
                ),
            ));
        };
        if puts.is_empty() {
            let failed = self.object.ids.iter().map(|&id| self.history.operation(id));
            let failed = failed
                .filter(|op| op.outcome == Outcome::Fail && is_put(&op) && op.input() == value)
                .count();
            let why = if failed > 0 {
                format!("putting {value} in had failed, so it never was in")
            } else {
                format!("nobody put {value} in, so it never was in")
            };
            return Some((
                "phantom-value",
                format!("{} took {value}, which nobody had put in,", who(last)),
                why,
            ));
        }
        if takes.len() > puts.len() {
            return Some((
                "duplicate-value",
                format!("{} took {value} again, after it had been taken,", who(last)),
                format!(
                    "{value} was put in {} and taken {}",
                    times(puts.len()),
                    times(takes.len())
                ),
            ));
        }
        if takes.len() == 1 && puts.len() == 1 && last.end() < puts[0].invoked {
            return Some((
                "future-value",
                format!("{} took {value} before it was put in,", who(last)),
                format!("when {value} was taken, nobody had begun to put it in"),
            ));
        }
        None
    }

    fn elements(&self, who: &dyn Fn(&Operation<'h>) -> String) -> Option<Words> {
        let is_put = |op: &&Operation<'h>| matches!(op.f(), F::Add | F::Append | F::Remove);
        let puts: Vec<&Operation<'h>> = self.whole.iter().filter(is_put).collect();
        let looks: Vec<&Operation<'h>> = self
            .certain
            .iter()
            .copied()
            .filter(|op| !is_put(op))
            .collect();
        let saw = |op: &Operation<'h>, value: &Value| match op.output() {
            Value::Bool(there) => usize::from(*there),
            output => {
                let items = output.as_list().unwrap_or_default();
                items.iter().filter(|item| *item == value).count()
            }
        };
        match (&puts[..], &looks[..]) {
            ([], [look]) => Some((
                "phantom-element",
                format!("{} saw an element that nobody had put in, in a read", who(look)),
                "nobody put it in".to_owned(),
            )),
            ([put], [look]) if *put.f() != F::Remove => {
                let element = put.input();
                Some(match saw(look, element) {
                    0 => (
                        "stale-read",
                        format!("{} did not see {element}, which had been put in before, in a read", who(look)),
                        format!("{element} was in when the looking began, and nobody took it out"),
                    ),
                    1 => (
                        "future-read",
                        format!("{} saw {element} before it was put in, in a read", who(look)),
                        format!("nobody had begun to put {element} in when the looking ended"),
                    ),
                    _ => (
                        "duplicate-element",
                        format!("{} saw {element} more than once in a read", who(look)),
                        format!("{element} was put in once"),
                    ),
                })
            }
            (_, []) => None,
            _ if puts.iter().all(|op| *op.f() != F::Remove) => Some((
                "contradicting-reads",
                format!("{} saw what contradicts what others saw or did, in a read", who(looks[looks.len() - 1])),
                "no order of these operations, each at a moment while it ran, gives all that was seen".to_owned(),
            )),
            _ => None,
        }
    }

    fn lock(&self, who: &dyn Fn(&Operation<'h>) -> String) -> Option<Words> {
        let is = |f: &F| -> Vec<&Operation<'h>> {
            self.certain
                .iter()
                .copied()
                .filter(|op| op.f() == f)
                .collect()
        };
        let (acquires, releases) = (is(&F::Acquire), is(&F::Release));
        // Who says that a token had been given: who was given it, or who gave it back.
        let token = |op: &Operation<'h>| match op.f() {
            F::Acquire => op.output().as_int(),
            _ => op.input().as_int(),
        };
        for later in &acquires {
            let Some(new) = token(later) else { continue };
            let older = self.certain.iter().filter(|op| op.end() < later.invoked);
            let largest = older.filter_map(|op| token(op)).max();
            if let Some(old) = largest.filter(|&old| old >= new) {
                return Some((
                    "token-back",
                    format!(
                        "{} was given token {new}, although {old} had been given before,",
                        who(later)
                    ),
                    format!("tokens grow, and {new} is not larger than {old}"),
                ));
            }
        }
        match (&acquires[..], &releases[..]) {
            ([.., first, second], _) if acquires.len() > releases.len() => Some((
                "two-holders",
                format!(
                    "{} and {} held the lock at the same time,",
                    who(first),
                    who(second)
                ),
                "nobody had released it in between".to_owned(),
            )),
            (_, [.., release]) => Some((
                "not-held",
                format!(
                    "{} released the lock although nobody could have held it,",
                    who(release)
                ),
                "no acquire can stand before each release".to_owned(),
            )),
            _ => None,
        }
    }
}

/// Whether an operation took this value.
fn takes_value(op: &Operation<'_>, value: &Value) -> bool {
    match op.f() {
        F::Drain => op.output().as_list().unwrap_or_default().contains(value),
        _ => op.output() == value,
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}
