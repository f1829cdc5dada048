//! Who may do what: locks, leaders, rights.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schism_checkers::{LeaderElection, Lock, Revocation};
use schism_history::{Kind, Value};

use super::{any, oks, planted};
use crate::calls::{Call, calls, sure_calls};
use crate::trial::trial;

/// A lock with fencing tokens that is passed on, and writes under it. Tokens only where `fenced`.
fn lock_with(rng: &mut Pcg64Mcg, fenced: bool) -> Vec<Call> {
    let mut holder = None;
    let mut token = 0;
    let mut calls = sure_calls(rng, 4, 60);
    for call in &mut calls {
        let worker = call.process as usize % 4;
        match holder {
            None => {
                holder = Some(worker);
                token += 1;
                call.set("acquire", "k", Value::Nil);
                call.output = if fenced {
                    Value::from(token)
                } else {
                    Value::Nil
                };
            }
            Some(held) if held == worker => {
                if fenced && rng.random_bool(0.5) {
                    let shown = Value::map([("token", Value::from(token)), ("value", 1.into())]);
                    call.set("write", "x", shown);
                } else {
                    holder = None;
                    call.set("release", "k", Value::Nil);
                }
            }
            Some(_) => {
                call.set("acquire", "k", Value::Nil);
                call.kind = Kind::Fail;
            }
        }
    }
    calls
}

pub(crate) fn lock(rng: &mut Pcg64Mcg) -> Vec<Call> {
    lock_with(rng, false)
}

pub(crate) fn fenced_lock(rng: &mut Pcg64Mcg) -> Vec<Call> {
    lock_with(rng, true)
}

#[test]
fn lock_finds_what_is_planted() {
    trial(
        &Lock,
        "two-holders",
        planted(lock, |rng, calls| {
            // A refused acquire is granted while somebody else surely holds the lock.
            let granted = oks(calls, "acquire");
            let one = any(rng, &granted)?;
            let release = |call: &&Call| {
                call.process == calls[one].process
                    && call.f.name() == "release"
                    && call.invoked > calls[one].end
            };
            let until = calls.iter().find(release)?.invoked;
            let from = calls[one].end;
            let refused: Vec<usize> = (0..calls.len())
                .filter(|&i| {
                    let call = &calls[i];
                    let other = call.process != calls[one].process;
                    call.kind == Kind::Fail && other && call.invoked > from && call.end < until
                })
                .collect();
            let refused = any(rng, &refused)?;
            calls[refused].kind = Kind::Ok;
            Some(())
        }),
    );
    trial(
        &Lock,
        "token-not-rising",
        planted(fenced_lock, |rng, calls| {
            let granted = oks(calls, "acquire");
            let (one, other) = (any(rng, &granted)?, any(rng, &granted)?);
            calls[other].output = calls[one].output.clone();
            (calls[one].end < calls[other].invoked).then_some(())
        }),
    );
    trial(
        &Lock,
        "stale-token-accepted",
        planted(fenced_lock, |rng, calls| {
            let writes = oks(calls, "write");
            let (one, other) = (any(rng, &writes)?, any(rng, &writes)?);
            calls[other].input = Value::map([("token", Value::from(0)), ("value", 1.into())]);
            (calls[one].end < calls[other].invoked).then_some(())
        }),
    );
}

/// Three nodes that elect a leader now and then, and learn of it late.
pub(crate) fn election(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut terms = vec![Value::from("n1")];
    let mut known = [0; 3];
    let mut calls = calls(rng, 4, 30);
    for call in &mut calls {
        let node = call.node as usize;
        if rng.random_bool(0.2) && call.happens() {
            terms.push(Value::from(format!("n{}", node + 1)));
            known[node] = terms.len() - 1;
            call.set("elect", Value::Nil, Value::Nil);
        } else {
            known[node] = rng.random_range(known[node]..terms.len());
            call.set("leader", Value::Nil, Value::Nil);
        }
        let term = known[node];
        call.output = Value::map([
            ("term", Value::from(term as i64)),
            ("leader", terms[term].clone()),
        ]);
    }
    calls
}

#[test]
fn leader_election_finds_what_is_planted() {
    let checker = LeaderElection;
    trial(
        &checker,
        "two-leaders",
        planted(election, |rng, calls| {
            let told: Vec<usize> = (0..calls.len()).filter(|&i| calls[i].is_ok()).collect();
            let (one, other) = (any(rng, &told)?, any(rng, &told)?);
            let term = calls[other].output.get("term")?.clone();
            calls[one].output = Value::map([("term", term), ("leader", "n9".into())]);
            (one != other).then_some(())
        }),
    );
    trial(
        &checker,
        "term-falls",
        planted(election, |rng, calls| {
            let told: Vec<usize> = (0..calls.len()).filter(|&i| calls[i].is_ok()).collect();
            let (one, other) = (any(rng, &told)?, any(rng, &told)?);
            calls[other].output = Value::map([("term", Value::from(-1)), ("leader", Value::Nil)]);
            (calls[one].node == calls[other].node && calls[one].end < calls[other].invoked)
                .then_some(())
        }),
    );
}

/// Rights of two people, granted and revoked, and used all the time.
pub(crate) fn rights(rng: &mut Pcg64Mcg) -> Vec<Call> {
    let mut allowed = [true; 2];
    let mut calls = calls(rng, 4, 60);
    for call in &mut calls {
        let who = rng.random_range(0..2);
        let f = ["use", "use", "use", "grant", "revoke"][rng.random_range(0..5)];
        call.set(f, ["eve", "bob"][who], Value::Nil);
        if f == "use" {
            call.output = allowed[who].into();
        } else if call.happens() {
            allowed[who] = f == "grant";
        }
    }
    calls
}

#[test]
fn revocation_finds_what_is_planted() {
    trial(
        &Revocation,
        "used-after-revocation",
        planted(rights, |rng, calls| {
            let used = any(rng, &oks(calls, "use"))?;
            let revoked = |revoke: &usize| {
                let revoke = &calls[*revoke];
                let between = |call: &&Call| {
                    let over = call.is_ok() && call.end < revoke.invoked;
                    let grants = call.f.name() == "grant"
                        && call.kind != Kind::Fail
                        && call.key == revoke.key;
                    grants && call.invoked <= calls[used].end && !over
                };
                revoke.key == calls[used].key
                    && revoke.end < calls[used].invoked
                    && !calls.iter().any(|call| between(&call))
            };
            if !oks(calls, "revoke").iter().any(revoked) {
                return None;
            }
            calls[used].output = true.into();
            Some(())
        }),
    );
}
