//! What was put into one queue, and what came out.

use rustc_hash::FxHashMap;
use schism_history::{F, History, KeyId, OpId, Operation, Outcome, Time, Value, ValueId};

use super::recount::{recount_lost, recount_order, recount_source};
use super::{BY, Counts, Queue};
use crate::final_read::final_phase;
use crate::invariants::claim::{Claim, Claims};
use crate::proof::story::{count, of_key};

/// One value of one queue.
#[derive(Clone, Debug)]
pub(super) struct Message<'h> {
    value: &'h Value,
    attempts: u32,
    acknowledged: u32,
    failed: Option<OpId>,
    /// The first that may have put it in.
    put: Option<OpId>,
    /// When it was surely in, at the latest; of the last one that put it in.
    known: Time,
    /// Who got it first, in order of invocation, and how often it came out.
    got: Option<OpId>,
    times: u32,
}

/// Which message a value is, by the history's own number of the value: in which queue, and its place there.
pub(super) type Numbers = Vec<(u32, u32)>;

impl<'h> Message<'h> {
    fn new(value: &'h Value) -> Self {
        Self {
            value,
            attempts: 0,
            acknowledged: 0,
            failed: None,
            put: None,
            known: Time::ZERO,
            got: None,
            times: 0,
        }
    }
}

/// All values of one queue.
pub(super) struct Contents<'h> {
    history: &'h History,
    key: &'h Value,
    messages: Vec<Message<'h>>,
    /// Dequeues that may have taken a value.
    unknown: Vec<OpId>,
    /// A drain that may have taken anything.
    unknown_drain: bool,
    /// The last one that found the queue empty.
    empty: Option<OpId>,
    /// Who got a value that somebody had got before, in order of invocation.
    again: Vec<(usize, OpId)>,
}

impl<'h> Contents<'h> {
    pub(super) fn of(history: &'h History, ids: &[OpId], numbers: &mut Numbers) -> Self {
        let mut contents = Self {
            history,
            key: history.operation(ids[0]).key(),
            messages: Vec::new(),
            unknown: Vec::new(),
            unknown_drain: false,
            empty: None,
            again: Vec::new(),
        };
        // What drains return are lists, whose elements the history does not number.
        let drains = |id: &OpId| *history.operation(*id).f() == F::Drain;
        let mut by_value: FxHashMap<&'h Value, usize> = FxHashMap::default();
        if ids.iter().any(drains) {
            for &id in ids {
                let op = history.operation(id);
                let (value_id, value) = match op.f() {
                    F::Enqueue => (op.input_id, op.input()),
                    F::Dequeue if op.outcome == Outcome::Ok && !op.output().is_nil() => {
                        (op.output_id, op.output())
                    }
                    _ => continue,
                };
                let number = contents.number(numbers, op.key_id, value_id, value);
                by_value.insert(value, number);
            }
        }
        let begin = final_phase(history);
        for &id in ids {
            let op = history.operation(id);
            let last_word = begin.is_none_or(|begin| op.invoked >= begin);
            match (op.f(), op.outcome) {
                (F::Enqueue, outcome) => {
                    let number = contents.number(numbers, op.key_id, op.input_id, op.input());
                    let message = &mut contents.messages[number];
                    if outcome == Outcome::Fail {
                        message.failed = message.failed.or(Some(id));
                        continue;
                    }
                    message.attempts += 1;
                    message.put = message.put.or(Some(id));
                    if outcome == Outcome::Ok {
                        message.acknowledged += 1;
                        message.known = message.known.max(op.end());
                    }
                }
                (F::Dequeue, Outcome::Ok) if op.output().is_nil() => {
                    contents.empty = last_word.then_some(id).or(contents.empty);
                }
                (F::Dequeue, Outcome::Ok) => {
                    let number = contents.number(numbers, op.key_id, op.output_id, op.output());
                    contents.got(number, id);
                }
                (F::Drain, Outcome::Ok) => {
                    for value in op.output().as_list().unwrap_or_default() {
                        let next = contents.messages.len();
                        let number = *by_value.entry(value).or_insert(next);
                        if number == next {
                            contents.messages.push(Message::new(value));
                        }
                        contents.got(number, id);
                    }
                    contents.empty = last_word.then_some(id).or(contents.empty);
                }
                (F::Dequeue, Outcome::Info) => contents.unknown.push(id),
                (F::Drain, Outcome::Info) => contents.unknown_drain = true,
                _ => {}
            }
        }
        contents
    }

    /// The place of a value's message; a new one when the value is new in this queue.
    fn number(
        &mut self,
        numbers: &mut Numbers,
        key: KeyId,
        id: ValueId,
        value: &'h Value,
    ) -> usize {
        let (queue, number) = &mut numbers[id.0 as usize];
        if *queue != key.0 {
            *queue = key.0;
            *number = self.messages.len() as u32;
            self.messages.push(Message::new(value));
        }
        *number as usize
    }

    /// Somebody got it.
    fn got(&mut self, number: usize, id: OpId) {
        let message = &mut self.messages[number];
        message.times += 1;
        if message.got.is_some() {
            self.again.push((number, id));
        } else {
            message.got = Some(id);
        }
    }

    fn op(&self, id: OpId) -> Operation<'h> {
        self.history.operation(id)
    }

    pub(super) fn judge(&self, queue: Queue, counts: &mut Counts, claims: &mut Claims<'h>) {
        counts.unknown_dequeues += self.unknown.len() as u64 + u64::from(self.unknown_drain);
        let mut missing = Vec::new();
        for (number, message) in self.messages.iter().enumerate() {
            let got = u64::from(message.times);
            counts.attempted += u64::from(message.attempts) + u64::from(message.failed.is_some());
            counts.acknowledged += u64::from(message.acknowledged);
            counts.dequeued += got;
            counts.recovered +=
                u64::from(message.acknowledged == 0 && message.put.is_some() && got > 0);
            if let Some(first) = message.got {
                self.judge_source(message, first, counts, claims);
            }
            if got > u64::from(message.attempts.max(1)) {
                counts.duplicated += 1;
                if !queue.at_least_once {
                    self.report_duplicate(number, message, claims);
                }
            }
            if message.acknowledged > 0 && got == 0 {
                counts.missing += 1;
                missing.push(message);
            } else if let Some(first) = message.got.filter(|_| message.acknowledged > 0) {
                counts.decided += 1;
                let answered = self.op(first).end().as_nanos();
                let waited = answered.saturating_sub(message.known.as_nanos());
                counts.delivery.push(waited);
            }
        }
        self.judge_lost(&missing, counts, claims);
        self.judge_order(queue, counts, claims);
    }

    fn judge_source(
        &self,
        message: &Message<'h>,
        first: OpId,
        counts: &mut Counts,
        claims: &mut Claims<'h>,
    ) {
        let end = self.op(first).end();
        let value = message.value;
        if message.put.is_some_and(|put| self.op(put).invoked <= end) {
            return;
        }
        if let (None, Some(failed)) = (message.put, message.failed) {
            counts.failed += 1;
            claims.report(
                "failed-message",
                BY,
                || {
                    let sentence = format!(
                        "{value} came out {}, although putting it in surely failed",
                        of_key(self.key)
                    );
                    Claim::new(sentence, self.key, vec![failed, first])
                },
                |history, ids| recount_source(history, ids, value),
            );
            return;
        }
        counts.unexpected += 1;
        claims.report(
            "unexpected-message",
            BY,
            || {
                let sentence = format!(
                    "{value} came out {}, which nobody had put in by then",
                    of_key(self.key)
                );
                Claim::new(sentence, self.key, vec![first])
            },
            |history, ids| recount_source(history, ids, value),
        );
    }

    fn report_duplicate(&self, number: usize, message: &Message<'h>, claims: &mut Claims<'h>) {
        let puts = message.attempts.max(1);
        claims.report(
            "duplicate-message",
            BY,
            || {
                let again = self.again.iter().filter(|(other, _)| *other == number);
                let again = again.map(|&(_, id)| id).take(puts as usize);
                let mut ids: Vec<OpId> = message.got.into_iter().chain(again).collect();
                ids.dedup();
                let sentence = format!(
                    "{} came out {} {}, but was put in {}",
                    message.value,
                    of_key(self.key),
                    times(puts + 1),
                    times(message.attempts)
                );
                Claim::new(sentence, self.key, ids)
            },
            |history, ids| {
                let holds = |id: OpId| {
                    let op = history.operation(id);
                    let drained = op.output().as_list().filter(|_| *op.f() == F::Drain);
                    match drained {
                        Some(values) => values
                            .iter()
                            .filter(|value| *value == message.value)
                            .count(),
                        None => usize::from(op.output() == message.value),
                    }
                };
                let came_out: usize = ids.iter().map(|&id| holds(id)).sum();
                let put_in = history.operations().filter(|op| {
                    let same = op.key() == self.key && op.input() == message.value;
                    *op.f() == F::Enqueue && op.outcome != Outcome::Fail && same
                });
                let put_in = put_in.count();
                if came_out > put_in.max(1) {
                    Ok(())
                } else {
                    Err(format!(
                        "it came out {came_out} times and was put in {put_in} times"
                    ))
                }
            },
        );
    }

    fn judge_lost(&self, missing: &[&Message<'h>], counts: &mut Counts, claims: &mut Claims<'h>) {
        let Some(empty) = self.empty.filter(|_| !self.unknown_drain) else {
            return;
        };
        let found = self.op(empty);
        let missing: Vec<&Message<'h>> = missing
            .iter()
            .copied()
            .filter(|message| message.known < found.invoked)
            .collect();
        let takers: Vec<OpId> = self
            .unknown
            .iter()
            .copied()
            .filter(|&id| self.op(id).invoked <= found.end())
            .collect();
        if missing.len() <= takers.len() {
            return;
        }
        let lost = missing.len() - takers.len();
        counts.lost += lost as u64;
        // Each by itself where nobody else can have taken it; else as few as cannot all have been taken.
        let each = if takers.is_empty() {
            1
        } else {
            takers.len() + 1
        };
        let groups = if takers.is_empty() { lost } else { 1 };
        claims.count += (lost - groups) as u64;
        for group in missing.chunks(each).take(groups) {
            claims.report(
                "lost-message",
                BY,
                || self.lost(group, &takers, empty),
                recount_lost,
            );
        }
    }

    fn lost(&self, group: &[&Message<'h>], takers: &[OpId], empty: OpId) -> Claim {
        let mut ids: Vec<OpId> = group.iter().filter_map(|message| message.put).collect();
        ids.extend(takers);
        ids.sort_unstable();
        ids.push(empty);
        let sentence = match group {
            [one] => format!(
                "{} {} is lost: it was acknowledged before the queue was found empty, and nobody got it",
                one.value,
                of_key(self.key)
            ),
            _ => format!(
                "at least one of {} values {} is lost: all were acknowledged before the queue was found empty, \
                 nobody got any, and only {} of unknown outcome can have taken one",
                group.len(),
                of_key(self.key),
                count(takers.len() as u64, "dequeue")
            ),
        };
        Claim::new(sentence, self.key, ids).because(empty, ": then the queue was empty")
    }

    /// Values that came out after one that was put in later.
    fn judge_order(&self, queue: Queue, counts: &mut Counts, claims: &mut Claims<'h>) {
        // Where a value was put in or came out more than once, nobody knows which is which.
        let once: Vec<(&Message<'h>, Operation<'h>, Operation<'h>)> = self
            .messages
            .iter()
            .filter(|message| message.attempts == 1 && message.times == 1)
            .filter_map(|message| {
                let put = self.op(message.put?);
                let got = self.op(message.got?);
                // Within a drain, the list has an order of its own.
                (*got.f() == F::Dequeue).then_some((message, put, got))
            })
            .collect();
        let mut later: Vec<usize> = (0..once.len()).collect();
        later.sort_unstable_by_key(|&i| once[i].1.invoked);
        // For each place in `later`: of all from there on, the one that came out first.
        let mut first: Vec<usize> = later.clone();
        for place in (0..first.len().saturating_sub(1)).rev() {
            if once[first[place + 1]].2.end() < once[first[place]].2.end() {
                first[place] = first[place + 1];
            }
        }
        for (message, put, got) in &once {
            let place = later.partition_point(|&i| once[i].1.invoked <= put.end());
            let Some(&overtaker) = first.get(place) else {
                continue;
            };
            let (other, other_put, other_got) = &once[overtaker];
            if other_got.end() >= got.invoked {
                continue;
            }
            counts.reordered += 1;
            if queue.fifo {
                claims.report(
                    "reordered-message",
                    "comparing the times of these four operations",
                    || {
                        let sentence = format!(
                            "{} {} was put in before {}, but came out after it",
                            message.value,
                            of_key(self.key),
                            other.value
                        );
                        let ids = vec![put.id, other_put.id, other_got.id, got.id];
                        Claim::new(sentence, self.key, ids)
                    },
                    recount_order,
                );
            }
        }
    }
}

pub(super) fn times(number: u32) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}
