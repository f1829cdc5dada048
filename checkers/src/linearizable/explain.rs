//! Why no order exists, in words that need no theory.

use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use super::states;
use crate::models::RegisterAction;
use crate::object::{self, Call};
use crate::proof::all_orders::{self, Answer};
use crate::proof::conclusion::Case;
use crate::proof::story::{self, Story, remark, step};
use crate::proof::witness::{Part, Role, Witness};
use crate::verdict::{Anomaly, Confirmation, Picture, Step};

type RegisterCall = Call<RegisterAction>;

/// How the second search is called in reports.
const SECOND_SEARCH: &str = "search over all orders of these operations";

/// An anomaly from calls that are impossible together, confirmed by the search over all orders.
pub(crate) fn anomaly(
    history: &History,
    calls: &[RegisterCall],
    since: Option<Time>,
    steps: u64,
) -> Case {
    let parts: Vec<Part> = calls.iter().map(|call| part(history, call)).collect();
    let witness = Witness {
        parts: parts.clone(),
        since,
        ..Witness::registers([])
    };
    let answer = all_orders::search(history, &witness, steps);
    let told = Told {
        history,
        story: Story::of(history, witness.ids()),
        parts: &parts,
        since,
    };
    let (name, sentence, steps) = told
        .thin_air()
        .or_else(|| told.stale())
        .or_else(|| told.overwritten())
        .unwrap_or_else(|| told.no_order(&answer));
    let key = calls
        .first()
        .map(|call| history.operation(call.id).key().clone())
        .unwrap_or_default();
    let mut operations: Vec<OpId> = Vec::new();
    for operation in steps.iter().filter_map(|step| step.operation) {
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    let anomaly = Anomaly {
        name,
        sentence,
        key,
        operations,
        steps,
        confirmation: Confirmation {
            by: SECOND_SEARCH,
            agrees: matches!(answer, Answer::NoOrder(_)),
        },
        picture: if name == "no-order" {
            states::states(history, calls, since.is_some())
                .map_or(Picture::Intervals, Picture::States)
        } else {
            Picture::Intervals
        },
    };
    (anomaly, answer.into())
}

/// The part of an operation that a call stands for.
fn part(history: &History, call: &RegisterCall) -> Part {
    let op = history.operation(call.id);
    let role = match (op.f(), call.action) {
        (F::Cas, RegisterAction::Write(_)) => Role::WriteOnly,
        (F::Cas, RegisterAction::Read(_)) => Role::ReadOnly,
        _ => Role::Whole,
    };
    Part {
        id: call.id,
        role,
        open: op.outcome == Outcome::Ok && !call.is_certain(),
    }
}

type Telling = (&'static str, String, Vec<Step>);

struct Told<'a> {
    history: &'a History,
    story: Story<'a>,
    parts: &'a [Part],
    since: Option<Time>,
}

/// The first operation to return and the last one to be invoked, of those that wrote or found a value.
struct Group<'a> {
    value: &'a Value,
    writer: Option<Part>,
    first: Option<Part>,
    last: Option<Part>,
}

impl<'a> Told<'a> {
    fn op(&self, part: Part) -> Operation<'a> {
        self.history.operation(part.id)
    }

    /// One operation found a value that nobody can have written.
    fn thin_air(&self) -> Option<Telling> {
        let [part] = *self.parts else { return None };
        let op = self.op(part);
        let value = found(&op, part).filter(|_| op.outcome == Outcome::Ok)?;
        let (who, key) = (self.story.who(part.id), story::of_key(op.key()));
        let attempts = || {
            self.history.operations().filter(|other| {
                other.key_id == op.key_id && wrote(other, Role::Whole) == Some(value)
            })
        };
        let real = |other: &Operation<'_>| other.outcome != Outcome::Fail;
        if let Some(later) = attempts().find(real) {
            if later.invoked <= op.end() {
                return None;
            }
            let story = Story::of(self.history, [later.id, part.id]);
            return Some((
                "read-before-write",
                format!("{who} found {value} {key} before anybody had begun to write it"),
                vec![
                    step(part.id, story.sentence(part)),
                    step(
                        later.id,
                        format!(
                            "{} was the first to write {value}, and began only at {}",
                            story.who(later.id),
                            story.time(later.invoked)
                        ),
                    ),
                ],
            ));
        }
        let seen = step(part.id, self.story.sentence(part));
        let Some(failed) = attempts().next() else {
            return Some((
                "never-written",
                format!("{who} found {value} {key}, which nobody ever tried to write"),
                vec![
                    seen,
                    remark(format!("no operation of this history writes {value} there")),
                ],
            ));
        };
        let story = Story::of(self.history, [failed.id, part.id]);
        let attempt = format!(
            "{} tried to write {value} {}, and was told that it did not happen",
            story.who(failed.id),
            story.when(failed.id)
        );
        Some((
            "failed-write-read",
            format!("{who} found {value} {key}, although every attempt to write it surely failed"),
            vec![
                step(failed.id, attempt),
                step(part.id, story.sentence(part)),
                remark(format!("nobody else tried to write {value}")),
            ],
        ))
    }

    /// Two values, each of which must have come before the other.
    fn stale(&self) -> Option<Telling> {
        if self.since.is_some() || self.parts.iter().any(|part| part.open) {
            return None;
        }
        let [mut old, mut new] = self.groups()?;
        let invoked = |group: &Group<'_>| group.last.map(|part| self.op(part).invoked);
        if invoked(&old) < invoked(&new) {
            std::mem::swap(&mut old, &mut new);
        }
        // The last operation of all found `old`, at which `new` had come; `new` cannot have come before `old`.
        let (late, arrived) = (old.last?, new.first?);
        let begun = new.last?;
        if self.op(arrived).end() >= self.op(late).invoked {
            return None;
        }
        if let Some(first) = old.first
            && self.op(first).end() >= self.op(begun).invoked
        {
            return None;
        }
        let mut steps = Vec::new();
        self.tell_old(&old, late, &mut steps);
        let replaced = self.tell_new(&old, &new, begun, arrived, &mut steps);
        let (late_op, key) = (self.op(late), story::of_key(self.op(late).key()));
        steps.push(step(
            late.id,
            format!(
                "{} began {} after that, at {}, and {}, although nobody wrote {} again",
                self.story.who(late.id),
                match late_op.f() {
                    F::Read => "to read",
                    F::Write => "to write",
                    _ => "a compare-and-set",
                },
                self.story.time(late_op.invoked),
                self.story.act(late),
                old.value,
            ),
        ));
        let who = self.story.who(late.id);
        Some(if replaced {
            (
                "stale-read",
                format!(
                    "{who} read {} {key} after {} had replaced it",
                    old.value, new.value
                ),
                steps,
            )
        } else {
            (
                "contradicting-reads",
                format!(
                    "what was read {key} puts {} both before and after {}",
                    old.value, new.value
                ),
                steps,
            )
        })
    }

    /// That the old value was there.
    fn tell_old(&self, old: &Group<'_>, late: Part, steps: &mut Vec<Step>) {
        let Some(first) = old.first else {
            steps.push(remark(format!(
                "at the beginning the value is {}",
                old.value
            )));
            return;
        };
        if let Some(writer) = old.writer
            && writer != first
        {
            steps.push(step(writer.id, self.story.sentence(writer)));
        }
        if first != late {
            let end = self.story.time(self.op(first).end());
            steps.push(step(
                first.id,
                if old.writer == Some(first) {
                    format!(
                        "{}: by {end}, {} was written",
                        self.story.sentence(first),
                        old.value
                    )
                } else {
                    format!(
                        "{}: so {} had been written by {end}",
                        self.story.sentence(first),
                        old.value
                    )
                },
            ));
        }
    }

    /// That the new value came after the old one was there; whether it replaced the old one for sure.
    fn tell_new(
        &self,
        old: &Group<'_>,
        new: &Group<'_>,
        begun: Part,
        arrived: Part,
        steps: &mut Vec<Step>,
    ) -> bool {
        let replaced = old.first.is_none() || new.writer == Some(begun);
        let began_at = self.story.time(self.op(begun).invoked);
        let end = self.story.time(self.op(arrived).end());
        let after_old = if old.first.is_some() {
            format!(", after {} was written", old.value)
        } else {
            String::new()
        };
        if let Some(writer) = new.writer
            && writer != begun
            && writer != arrived
        {
            steps.push(step(writer.id, self.story.sentence(writer)));
        }
        if begun == arrived {
            let consequence = if replaced {
                format!("so by {end}, {} had replaced {}", new.value, old.value)
            } else {
                format!("so {} was there after {}", new.value, old.value)
            };
            steps.push(step(
                begun.id,
                format!("{}{after_old}: {consequence}", self.story.sentence(begun)),
            ));
            return replaced;
        }
        if old.first.is_some() {
            let what = if new.writer == Some(begun) {
                "to write it"
            } else {
                "to read it"
            };
            steps.push(step(
                begun.id,
                format!(
                    "{}; it began {what} at {began_at}{after_old}: so {} was there after {}",
                    self.story.sentence(begun),
                    new.value,
                    old.value
                ),
            ));
        }
        steps.push(step(
            arrived.id,
            format!(
                "{}: so {} had been written by {end}",
                self.story.sentence(arrived),
                new.value
            ),
        ));
        replaced
    }

    /// The operations by the value they wrote or found, if these are two values, each written at most once here.
    fn groups(&self) -> Option<[Group<'a>; 2]> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for &part in self.parts {
            let op = self.op(part);
            let (found, written) = (found(&op, part), wrote(&op, part.role));
            let ((Some(value), None) | (None, Some(value))) = (found, written) else {
                return None;
            };
            let place = groups.iter().position(|group| group.value == value);
            let place = place.unwrap_or_else(|| {
                groups.push(Group {
                    value,
                    writer: None,
                    first: None,
                    last: None,
                });
                groups.len() - 1
            });
            let group = &mut groups[place];
            if written.is_some() && group.writer.replace(part).is_some() {
                return None;
            }
            if group
                .first
                .is_none_or(|first| op.end() < self.op(first).end())
            {
                group.first = Some(part);
            }
            if group
                .last
                .is_none_or(|last| op.invoked > self.op(last).invoked)
            {
                group.last = Some(part);
            }
        }
        for group in &mut groups {
            if group.writer.is_none() {
                if !group.value.is_nil() {
                    return None;
                }
                group.first = None;
            }
        }
        groups.try_into().ok()
    }

    /// A write, and a read of another value after it: whatever was before does not matter.
    fn overwritten(&self) -> Option<Telling> {
        let mut parts = self.parts.to_vec();
        parts.sort_by_key(|part| self.op(*part).invoked);
        let [writer, reader] = parts[..] else {
            return None;
        };
        let (write, read) = (self.op(writer), self.op(reader));
        let (written, old) = (wrote(&write, writer.role)?, found(&read, reader)?);
        if writer.open || found(&write, writer).is_some() || write.end() >= read.invoked {
            return None;
        }
        let (key, who) = (story::of_key(read.key()), self.story.who(reader.id));
        let end = self.story.time(write.end());
        Some((
            "stale-read",
            format!(
                "{who} {} {key} after {written} had replaced it",
                self.story.act(reader)
            ),
            vec![
                step(
                    writer.id,
                    format!(
                        "{}: so whatever the value was before, {written} had replaced it by {end}",
                        self.story.sentence(writer)
                    ),
                ),
                step(
                    reader.id,
                    format!(
                        "{} after that, although nobody wrote {old} in the meantime",
                        self.story.sentence(reader)
                    ),
                ),
            ],
        ))
    }

    /// Every other case: what was done, and how far one can get.
    fn no_order(&self, answer: &Answer) -> Telling {
        let mut steps = Vec::new();
        if let Some(since) = self.since {
            steps.push(remark(format!(
                "whatever the value was at {}, and whatever was done before",
                self.story.time(since)
            )));
        }
        let mut parts = self.parts.to_vec();
        parts.sort_by_key(|part| (self.op(*part).end(), part.id));
        for &part in &parts {
            let doubt = if part.open {
                " (it overlaps the edge, so it may count or not)"
            } else {
                ""
            };
            steps.push(step(
                part.id,
                format!("{}{doubt}", self.story.sentence(part)),
            ));
        }
        if let Answer::NoOrder(longest) = answer {
            let told: Vec<String> = longest
                .iter()
                .filter_map(|id| parts.iter().find(|part| part.id == *id))
                .map(|&part| {
                    let process = self.op(part).process;
                    format!("process {process} {}", self.story.act(part))
                })
                .collect();
            let left: Vec<String> = parts
                .iter()
                .filter(|part| !longest.contains(&part.id))
                .filter(|part| !part.open && self.op(**part).outcome == Outcome::Ok)
                .map(|&part| {
                    let process = self.op(part).process;
                    format!("process {process} {}", self.story.act(part))
                })
                .collect();
            let begin = if told.is_empty() {
                "no operation can come first".to_owned()
            } else {
                format!("the longest beginning that works is: {}", told.join("; "))
            };
            steps.push(remark(format!(
                "operations that do not overlap must keep their order. Of all orders that do so, none gives every \
                 operation what it found; {begin}; then there is no place for: {}",
                left.join("; ")
            )));
        }
        let key = self
            .parts
            .first()
            .map(|&part| story::of_key(self.op(part).key()))
            .unwrap_or_default();
        (
            "no-order",
            format!(
                "no order of these {} operations {key} explains what they found",
                self.parts.len()
            ),
            steps,
        )
    }
}

/// The value that a part of an operation found.
fn found<'h>(op: &Operation<'h>, part: Part) -> Option<&'h Value> {
    if part.role == Role::WriteOnly {
        None
    } else {
        object::found(op)
    }
}

/// The value that a part of an operation wrote.
fn wrote<'h>(op: &Operation<'h>, role: Role) -> Option<&'h Value> {
    if role == Role::ReadOnly {
        None
    } else {
        object::written(op)
    }
}
