//! Queue: what is put in comes out, once, and nothing else does.
//!
//! Clients `enqueue` a value, `dequeue` (the result is a value, or nil when the queue is empty; a `fail` tells nothing)
//! and `drain` (the result is the list of all that was left). Each key is a queue. The source is total-queue of Jepsen;
//! other than there, a dequeue of unknown outcome may have taken any one value, so that as many missing values are no
//! proof of a loss.
//!
//! - `lost-message`: a value was acknowledged before somebody found the queue empty (by `drain`, or by a dequeue with
//!   the result nil; where the history has the phase `final-reads`, in that phase), nobody ever got it, and more such
//!   values are missing than dequeues of unknown outcome can have taken;
//! - `duplicate-message`: a value came out more often than it was put in, unless [`Queue::at_least_once`] allows it;
//! - `unexpected-message`: a value came out that nobody had put in by then;
//! - `failed-message`: a value came out of which it was said that putting it in surely failed;
//! - `reordered-message`, only where [`Queue::fifo`] is asked for: one value was put in before another, but came out
//!   after it.
//!
//! Figures: `attempted`, `acknowledged`, `dequeued`, `unknown_dequeues`, `lost`, `duplicated`, `unexpected`, `failed`,
//! `recovered` (came out, although putting them in ended unknown), `missing` (acknowledged, but nobody got them),
//! `reordered` (values that came out after one that was put in later; counted whether it is asked for or not), and
//! `delivery` (`p50_s` to `max_s`: from the acknowledgement of a value to the answer of the dequeue that got it).
//!
//! O(n log n).

use rustc_hash::FxHashMap;
use schism_history::{F, History, KeyId, OpId, Operation, Outcome, Time, Value, ValueId};

use crate::final_read::final_phase;
use crate::invariants::claim::{Claim, Claims};
use crate::measures::quantile::Quantiles;
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "going through all operations on this value again";

/// What is put into a queue comes out once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// Whether a value may come out more than once: what queues with redelivery promise.
    pub at_least_once: bool,
    /// Whether values must come out in the order in which they were put in.
    pub fifo: bool,
}

/// One value of one queue.
#[derive(Clone, Debug)]
struct Message<'h> {
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
type Numbers = Vec<(u32, u32)>;

#[derive(Default)]
struct Counts {
    attempted: u64,
    acknowledged: u64,
    dequeued: u64,
    unknown_dequeues: u64,
    lost: u64,
    duplicated: u64,
    unexpected: u64,
    failed: u64,
    recovered: u64,
    missing: u64,
    reordered: u64,
    delivery: Vec<u64>,
    /// Values of which it is known that they are not lost.
    decided: u64,
}

impl Checker for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        let is_queue = |f: &F| matches!(f, F::Enqueue | F::Dequeue | F::Drain);
        if history.functions().iter().any(is_queue) {
            let mut numbers = vec![(u32::MAX, 0); history.value_count()];
            for (_, ids) in history.by_key() {
                if budget.is_stopped() {
                    break;
                }
                Contents::of(history, &ids, &mut numbers).judge(*self, &mut counts, &mut claims);
            }
        }
        let found = claims.count;
        let undecided = counts.missing - counts.lost;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.decided == 0 {
                let why = if counts.acknowledged == 0 {
                    "nothing was put into a queue"
                } else {
                    "nothing that was put in came out"
                };
                (
                    Validity::Unknown,
                    format!("there is nothing to judge: {why}"),
                )
            } else if undecided > 0 {
                (
                    Validity::Unknown,
                    format!(
                        "{} did not come out: nobody found the queue empty later, or dequeues of unknown outcome took them",
                        count(undecided, "acknowledged value")
                    ),
                )
            } else {
                (
                    Validity::Valid,
                    format!("{} came out once", count(counts.decided, "value")),
                )
            }
        })
        .figures(counts.figures())
    }
}

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
struct Contents<'h> {
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
    fn of(history: &'h History, ids: &[OpId], numbers: &mut Numbers) -> Self {
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

    fn judge(&self, queue: Queue, counts: &mut Counts, claims: &mut Claims<'h>) {
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

fn times(number: u32) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

/// Looks for anybody who can have put the value in before the last operation of the claim answered.
fn recount_source(history: &History, ids: &[OpId], value: &Value) -> Result<(), String> {
    let Some(&got) = ids.last() else {
        return Err("it names no operation".to_owned());
    };
    let got = history.operation(got);
    let mut source = history.operations().filter(|op| {
        *op.f() == F::Enqueue
            && op.key() == got.key()
            && op.input() == value
            && op.outcome != Outcome::Fail
            && Some(op.invoked) <= got.completed
    });
    match source.next() {
        None => Ok(()),
        Some(source) => Err(format!("{} can have put it in", source.id)),
    }
}

/// Counts the values of a claim that nobody got, and the dequeues that can have taken some of them.
fn recount_lost(history: &History, ids: &[OpId]) -> Result<(), String> {
    let Some((&empty, others)) = ids.split_last() else {
        return Err("it names no operation".to_owned());
    };
    let empty = history.operation(empty);
    let mut values: Vec<&Value> = Vec::new();
    for &id in others {
        let op = history.operation(id);
        let acknowledged = op.outcome == Outcome::Ok && op.completed < Some(empty.invoked);
        if *op.f() == F::Enqueue && acknowledged && !values.contains(&op.input()) {
            values.push(op.input());
        }
    }
    let mut takers = 0;
    for op in history.operations().filter(|op| op.key() == empty.key()) {
        match (op.f(), op.outcome) {
            (F::Dequeue, Outcome::Ok) => values.retain(|value| *value != op.output()),
            (F::Drain, Outcome::Ok) => {
                let got = op.output().as_list().unwrap_or_default();
                values.retain(|value| !got.contains(value));
            }
            (F::Dequeue, Outcome::Info) if Some(op.invoked) <= empty.completed => takers += 1,
            (F::Drain, Outcome::Info) => return Err(format!("{} can have taken it", op.id)),
            _ => {}
        }
    }
    if values.len() > takers {
        Ok(())
    } else {
        Err(format!(
            "{} are missing and {takers} can have been taken",
            values.len()
        ))
    }
}

/// Put in one after the other, and got in the other order.
fn recount_order(history: &History, ids: &[OpId]) -> Result<(), String> {
    let [put, other_put, other_got, got] = ids else {
        return Err("it does not name four operations".to_owned());
    };
    let [put, other_put, other_got, got] =
        [put, other_put, other_got, got].map(|&id| history.operation(id));
    let same = put.input() == got.output() && other_put.input() == other_got.output();
    let put_in_order = put.completed < Some(other_put.invoked) && put.outcome == Outcome::Ok;
    let got_in_order = other_got.completed < Some(got.invoked);
    if same && put_in_order && got_in_order {
        Ok(())
    } else {
        Err("these operations can have been in order".to_owned())
    }
}

impl Counts {
    fn figures(self) -> Value {
        Value::map([
            ("attempted", Value::from(self.attempted)),
            ("acknowledged", self.acknowledged.into()),
            ("dequeued", self.dequeued.into()),
            ("unknown_dequeues", self.unknown_dequeues.into()),
            ("lost", self.lost.into()),
            ("duplicated", self.duplicated.into()),
            ("unexpected", self.unexpected.into()),
            ("failed", self.failed.into()),
            ("recovered", self.recovered.into()),
            ("missing", self.missing.into()),
            ("reordered", self.reordered.into()),
            (
                "delivery",
                Value::map(Quantiles::of(self.delivery).in_seconds()),
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&Queue::default(), lines)
    }

    #[test]
    fn what_comes_out_once_is_valid() {
        let verdict = judge(
            "
            0 |enqueue q 1|
            0 |enqueue q 2 ?
            1 |enqueue q 3|
            2 |dequeue q -> 2|
            2 |dequeue q -> 1|
            2 |dequeue q !|
            2 |drain q -> [3]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "recovered"), 1);
        assert_eq!(figure(&verdict, "dequeued"), 3);
    }

    #[test]
    fn what_does_not_come_out_is_lost() {
        let lines = "
            0 |enqueue q 1|
            0 |enqueue q 2|
            2 |dequeue q -> 2|
            ";
        assert_eq!(judge(lines).validity, Validity::Unknown);
        let verdict = judge(&format!("{lines}\n2 |dequeue q -> nil|"));
        assert_eq!(broken(&verdict), [("lost-message", vec![0, 3])]);
        assert_eq!(
            verdict.summary,
            "1 of key \"q\" is lost: it was acknowledged before the queue was found empty, and nobody got it"
        );
    }

    #[test]
    fn an_unknown_dequeue_excuses_one_value() {
        let one = judge(
            "
            0 |enqueue q 1|
            0 |enqueue q 2|
            1 |dequeue q -> 2|
            2 |dequeue q ?
            3 |drain q -> []|
            ",
        );
        assert_eq!(one.validity, Validity::Unknown, "{}", one.summary);
        let two = judge(
            "
            0 |enqueue q 1|
            0 |enqueue q 2|
            2 |dequeue q ?
            3 |drain q -> []|
            ",
        );
        assert_eq!(broken(&two), [("lost-message", vec![0, 1, 2, 3])]);
    }

    #[test]
    fn duplicates_and_strangers_are_found() {
        let lines = "
            0 |enqueue q 1|
            0 |enqueue q 5 !|
            2 |dequeue q -> 1|
            2 |dequeue q -> 5|
            2 |dequeue q -> 9|
            2 |drain q -> [1]|
            ";
        let mut names: Vec<&str> = judge(lines)
            .anomalies
            .iter()
            .map(|found| found.name)
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["duplicate-message", "failed-message", "unexpected-message"]
        );
        let again = Queue {
            at_least_once: true,
            ..Queue::default()
        };
        assert_eq!(testing::judge(&again, lines).anomaly_count, 2);
        let early = judge("2 |dequeue q -> 1|\n0 |enqueue q 1|");
        assert_eq!(broken(&early), [("unexpected-message", vec![0])]);
    }

    #[test]
    fn order_matters_where_it_is_asked_for() {
        let lines = "
            0 |enqueue q 1|
            0 |enqueue q 2|
            2 |dequeue q -> 2|
            2 |dequeue q -> 1|
            ";
        let verdict = judge(lines);
        assert_eq!(verdict.validity, Validity::Valid);
        assert_eq!(figure(&verdict, "reordered"), 1);
        let fifo = Queue {
            fifo: true,
            ..Queue::default()
        };
        let verdict = testing::judge(&fifo, lines);
        assert_eq!(broken(&verdict), [("reordered-message", vec![0, 1, 2, 3])]);
    }
}
