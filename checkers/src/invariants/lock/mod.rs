//! Lock: one holder at a time, and fencing tokens that only rise.
//!
//! Clients `acquire` and `release` a lock, each key one of its own; a failed `acquire` did not get it. The result of an
//! `acquire` is nil, a fencing token (an integer), or a map `{token, lease_s}`: `lease_s` is for how many seconds the
//! lock is granted. `renew` prolongs the lease. Who holds a lock may `write` to some key `{token, value}`, which the
//! storage must refuse when it has seen a higher token. A process surely holds a lock from the answer of its `acquire`
//! until it sends the next `release` or `acquire`, whatever comes of that, or until its lease can have run out at the
//! earliest. So the test of Jepsen on etcd's locks, and M. Kleppmann, "How to do distributed locking" (2016).
//!
//! - `two-holders`: two processes surely hold one lock at the same moment. Where both hold fencing tokens, and no
//!   leases are given, that is allowed: the tokens decide then;
//! - `token-not-rising`: an `acquire` that was sent after another one had returned got a token that is no higher;
//! - `stale-token-accepted`: a `write` was accepted although one with a higher token had been accepted before.
//!
//! Figures: `acquired`, `released`, `failed` (acquires that were refused), `unknown` (acquires), `fenced_writes`
//! (acknowledged writes with a token), `overlaps` (moments
//! at which a lock got a second sure holder, allowed or not), `two_holders`, `token_not_rising`,
//! `stale_token_accepted`, and `held` (`p50_s` to `max_s`: for how long it was surely held).
//!
//! O(n log n).

#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Operation, Outcome, Process, Time, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::invariants::keys::{Tally, judge_keys};
use crate::measures::quantile::Quantiles;
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

/// One holder at a time, and tokens that rise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lock;

/// A lock, surely held.
#[derive(Clone, Copy, Debug)]
struct Hold {
    acquire: OpId,
    process: Process,
    from: Time,
    /// Exclusive.
    to: Time,
    /// What ended it: a release, or the next acquire.
    ended_by: Option<OpId>,
    token: Option<i64>,
    lease: Option<u64>,
}

/// A token, and the operation that got it or showed it.
#[derive(Clone, Copy, Debug)]
struct Shown {
    id: OpId,
    token: i64,
    invoked: Time,
    end: Time,
}

#[derive(Default)]
struct Counts {
    acquired: u64,
    released: u64,
    failed: u64,
    unknown: u64,
    overlaps: u64,
    two_holders: u64,
    not_rising: u64,
    stale_accepted: u64,
    held: Vec<u64>,
    writes: u64,
}

impl Tally for Counts {
    fn add(&mut self, other: Self) {
        self.acquired += other.acquired;
        self.released += other.released;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.overlaps += other.overlaps;
        self.two_holders += other.two_holders;
        self.not_rising += other.not_rising;
        self.stale_accepted += other.stale_accepted;
        self.held.extend(other.held);
        self.writes += other.writes;
    }
}

impl Checker for Lock {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (mut counts, mut claims) = (Counts::default(), Claims::new(history));
        if history.functions().contains(&F::Acquire) {
            (counts, claims) = judge_keys(history, budget, |ids, counts: &mut Counts, claims| {
                let holds = holds(history, ids, counts);
                judge_holders(history, holds, counts, claims);
                judge_tokens(history, ids, counts, claims);
            });
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.acquired < 2 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no lock was acquired twice".to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "a lock was acquired {}, and never had two holders",
                        count(counts.acquired, "time")
                    ),
                )
            }
        })
        .figures(counts.figures())
    }
}

/// Who surely held the lock, and when.
fn holds(history: &History, ids: &[OpId], counts: &mut Counts) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::new();
    let mut open: FxHashMap<Process, usize> = FxHashMap::default();
    for &id in ids {
        let op = history.operation(id);
        match op.f() {
            F::Acquire | F::Release => {
                if let Some(hold) = open.remove(&op.process) {
                    let hold = &mut holds[hold];
                    if op.invoked < hold.to {
                        hold.to = op.invoked;
                        hold.ended_by = Some(id);
                    }
                }
            }
            F::Other(name) if **name == *"renew" => {
                if let Some(&hold) = open.get(&op.process) {
                    let hold = &mut holds[hold];
                    let again = lease(op.output()).or(hold.lease);
                    if let (Outcome::Ok, Some(lease)) = (op.outcome, again) {
                        // Renewed too late is held anew.
                        if op.invoked <= hold.to {
                            hold.to = hold.to.max(after(op.invoked, lease));
                        }
                    }
                }
            }
            _ => {}
        }
        match (op.f(), op.outcome) {
            (F::Acquire, Outcome::Ok) if *op.output() != Value::Bool(false) => {
                counts.acquired += 1;
                let lease = lease(op.output()).or_else(|| lease(op.input()));
                open.insert(op.process, holds.len());
                holds.push(Hold {
                    acquire: id,
                    process: op.process,
                    from: op.end(),
                    to: lease.map_or(Time::NEVER, |lease| after(op.invoked, lease)),
                    ended_by: None,
                    token: token(op.output()),
                    lease,
                });
            }
            (F::Acquire, Outcome::Info) => counts.unknown += 1,
            (F::Acquire, _) => counts.failed += 1,
            (F::Release, Outcome::Ok) => counts.released += 1,
            _ => {}
        }
    }
    holds
}

fn judge_holders<'h>(
    history: &'h History,
    mut holds: Vec<Hold>,
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    for hold in &holds {
        let to = hold.to.min(history.end());
        let held = to.as_nanos().saturating_sub(hold.from.as_nanos());
        counts.held.push(held);
    }
    holds.sort_unstable_by_key(|hold| (hold.from, hold.acquire));
    let mut longest: Option<Hold> = None;
    for hold in holds {
        if hold.from >= hold.to {
            continue;
        }
        if let Some(other) = longest.filter(|other| other.to > hold.from) {
            counts.overlaps += 1;
            let fenced = other.token.is_some() && hold.token.is_some();
            let leased = other.lease.is_some() && hold.lease.is_some();
            if other.process != hold.process && (leased || !fenced) {
                counts.two_holders += 1;
                claims.report(
                    "two-holders",
                    "comparing the times of these operations again",
                    || tell_two(history, &other, &hold),
                    recount_two,
                );
            }
        }
        if longest.is_none_or(|other| other.to < hold.to) {
            longest = Some(hold);
        }
    }
}

fn tell_two(history: &History, one: &Hold, other: &Hold) -> Claim {
    let op = history.operation(other.acquire);
    let both = |verb: &str, hold: &Hold| match (hold.ended_by, hold.lease) {
        (Some(by), _) => format!(": it {verb} the lock from then on, until it sent {by}"),
        (None, Some(lease)) => format!(
            ": its lease lasts {} s, so it {verb} the lock until then at least",
            lease as f64 / 1e9
        ),
        (None, None) => format!(": it {verb} the lock from then on, and never released it"),
    };
    let mut ids = vec![one.acquire, other.acquire];
    ids.extend(one.ended_by);
    ids.extend(other.ended_by);
    ids.sort_unstable();
    ids.dedup();
    let sentence = format!(
        "the lock {} has two holders: process {} acquired it while process {} held it",
        of_key(op.key()),
        other.process,
        one.process
    );
    Claim::new(sentence, op.key(), ids)
        .because(one.acquire, both("holds", one))
        .because(other.acquire, both("holds", other))
}

/// Of the two acquires of a claim: each had returned before the other process let go, or could lose its lease.
fn recount_two(history: &History, ids: &[OpId]) -> Result<(), String> {
    let ops: Vec<Operation<'_>> = ids.iter().map(|&id| history.operation(id)).collect();
    let mut acquires = ops
        .iter()
        .filter(|op| *op.f() == F::Acquire && op.outcome == Outcome::Ok);
    let (Some(a), Some(b)) = (acquires.next(), acquires.next()) else {
        return Err("it does not name two acquires".to_owned());
    };
    let lets_go = |acquire: &Operation<'_>| {
        let seconds = |value: &Value| match value.get("lease_s") {
            Some(Value::Int(seconds)) => Some(*seconds as f64),
            Some(Value::Float(seconds)) => Some(*seconds),
            _ => None,
        };
        let mine = || {
            let mine = |op: &Operation<'_>| {
                op.process == acquire.process && op.key() == acquire.key() && op.id > acquire.id
            };
            history.operations().filter(mine)
        };
        let released = mine()
            .filter(|op| matches!(op.f(), F::Release | F::Acquire))
            .map(|op| op.invoked.as_nanos())
            .min()
            .unwrap_or(u64::MAX);
        let lease = seconds(acquire.output()).or_else(|| seconds(acquire.input()));
        let Some(first) = lease else { return released };
        let renewed = mine()
            .filter(|op| op.f().name() == "renew" && op.outcome == Outcome::Ok)
            .filter(|op| op.invoked.as_nanos() < released)
            .map(|op| (op.invoked, seconds(op.output()).unwrap_or(first)));
        let mut runs_out = acquire.invoked.as_nanos() as f64 + first * 1e9;
        for (at, seconds) in renewed {
            if at.as_nanos() as f64 <= runs_out {
                runs_out = runs_out.max(at.as_nanos() as f64 + seconds * 1e9);
            }
        }
        released.min(runs_out as u64)
    };
    let returned = |op: &Operation<'_>| op.completed.map_or(u64::MAX, Time::as_nanos);
    let same = a.process == b.process || a.key() != b.key();
    if !same && returned(a) < lets_go(b) && returned(b) < lets_go(a) {
        Ok(())
    } else {
        Err("one of them can have let go before the other one acquired it".to_owned())
    }
}

fn judge_tokens<'h>(
    history: &'h History,
    ids: &[OpId],
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    let shown = |f: &F, value: fn(&Operation<'h>) -> &'h Value| -> Vec<Shown> {
        let ops = ids.iter().map(|&id| history.operation(id));
        ops.filter(|op| op.f() == f && op.outcome == Outcome::Ok)
            .filter_map(|op| {
                Some(Shown {
                    id: op.id,
                    token: token(value(&op))?,
                    invoked: op.invoked,
                    end: op.end(),
                })
            })
            .collect()
    };
    for (before, after) in falling(shown(&F::Acquire, Operation::output), true) {
        counts.not_rising += 1;
        claims.report(
            "token-not-rising",
            "comparing times and tokens of these two operations again",
            || {
                let key = history.operation(after.id).key();
                let sentence = format!(
                    "the lock {} gave out token {} after token {}: fencing tokens must rise",
                    of_key(key),
                    after.token,
                    before.token
                );
                Claim::new(sentence, key, vec![before.id, after.id])
            },
            |history, ids| recount_tokens(history, ids, true),
        );
    }
    let writes = shown(&F::Write, Operation::input);
    counts.writes += writes.len() as u64;
    for (before, after) in falling(writes, false) {
        counts.stale_accepted += 1;
        claims.report(
            "stale-token-accepted",
            "comparing times and tokens of these two operations again",
            || {
                let key = history.operation(after.id).key();
                let sentence = format!(
                    "a write {} with token {} was accepted, although one with token {} had been accepted before",
                    of_key(key),
                    after.token,
                    before.token
                );
                Claim::new(sentence, key, vec![before.id, after.id])
            },
            |history, ids| recount_tokens(history, ids, false),
        );
    }
}

/// Those that came after one with a higher token had ended (or one with the same, if `equal`), each with that one.
fn falling(mut shown: Vec<Shown>, equal: bool) -> Vec<(Shown, Shown)> {
    let mut ended = shown.clone();
    ended.sort_unstable_by_key(|shown| (shown.end, shown.id));
    shown.sort_unstable_by_key(|shown| (shown.invoked, shown.id));
    let mut found = Vec::new();
    let mut highest: Option<Shown> = None;
    let mut next = 0;
    for after in shown {
        while let Some(&before) = ended.get(next).filter(|before| before.end < after.invoked) {
            if highest.is_none_or(|highest| highest.token < before.token) {
                highest = Some(before);
            }
            next += 1;
        }
        let falls =
            |before: &Shown| after.token < before.token || equal && after.token == before.token;
        if let Some(before) = highest.filter(falls) {
            found.push((before, after));
        }
    }
    found
}

fn recount_tokens(history: &History, ids: &[OpId], equal: bool) -> Result<(), String> {
    let token = |op: &Operation<'_>| {
        let value = if *op.f() == F::Write {
            op.input()
        } else {
            op.output()
        };
        value.get("token").unwrap_or(value).as_int()
    };
    let [before, after] = ids else {
        return Err("it does not name two operations".to_owned());
    };
    let [before, after] = [before, after].map(|&id| history.operation(id));
    let later = before.completed < Some(after.invoked);
    let ok = before.outcome == Outcome::Ok && after.outcome == Outcome::Ok;
    match (token(&before), token(&after)) {
        (Some(before), Some(after)) if later && ok => {
            if after < before || equal && after == before {
                Ok(())
            } else {
                Err(format!("token {after} follows token {before}"))
            }
        }
        _ => Err("they have no tokens, or ran at once".to_owned()),
    }
}

/// The fencing token that a value is, or names.
fn token(value: &Value) -> Option<i64> {
    value.get("token").unwrap_or(value).as_int()
}

/// For how many nanoseconds the lock is granted.
fn lease(value: &Value) -> Option<u64> {
    let seconds = match value.get("lease_s")? {
        Value::Int(seconds) => *seconds as f64,
        Value::Float(seconds) => *seconds,
        _ => return None,
    };
    (seconds >= 0.0).then_some((seconds * 1e9) as u64)
}

fn after(time: Time, nanos: u64) -> Time {
    Time::from_nanos(time.as_nanos().saturating_add(nanos))
}

impl Counts {
    fn figures(self) -> Value {
        Value::map([
            ("acquired", Value::from(self.acquired)),
            ("released", self.released.into()),
            ("failed", self.failed.into()),
            ("unknown", self.unknown.into()),
            ("fenced_writes", self.writes.into()),
            ("overlaps", self.overlaps.into()),
            ("two_holders", self.two_holders.into()),
            ("token_not_rising", self.not_rising.into()),
            ("stale_token_accepted", self.stale_accepted.into()),
            ("held", Value::map(Quantiles::of(self.held).in_seconds())),
        ])
    }
}
