//! From calls that are impossible together to as few of them as can be.
//!
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002) with one rule
//! that keeps every part a proof about the whole: whoever found a value stays only as long as everybody who may have
//! written it for him stays. Without that rule, taking out a write would leave a read of a value from nowhere.

use schism_history::Time;

use crate::models::RegisterAction;
use crate::object::Call;

type RegisterCall = Call<RegisterAction>;

/// As few of the calls as can be such that `impossible` still holds, of which it must be true. Taking out any one call
/// more (and the readers that depend on it) would make it false. Compare-and-sets are weakened to the write or the read
/// of them that is needed.
///
/// O(n²) trials in the worst case, each O(n log n) besides what `impossible` costs.
pub(crate) fn shrink(
    calls: &[RegisterCall],
    mut impossible: impl FnMut(&[RegisterCall]) -> bool,
) -> Vec<RegisterCall> {
    let all = calls;
    let mut calls = calls.to_vec();
    loop {
        let mut chunk = calls.len().div_ceil(2);
        while chunk > 0 {
            let mut at = 0;
            while at < calls.len() {
                let end = (at + chunk).min(calls.len());
                let mut fewer = calls.clone();
                fewer.drain(at..end);
                let fewer = close(fewer, all);
                if impossible(&fewer) {
                    calls = fewer;
                } else {
                    at = end;
                }
            }
            chunk /= 2;
        }
        if !weaken(&mut calls, all, &mut impossible) {
            return calls;
        }
    }
}

/// Weakens compare-and-sets as far as possible; whether there were any.
fn weaken(
    calls: &mut Vec<RegisterCall>,
    all: &[RegisterCall],
    impossible: &mut impl FnMut(&[RegisterCall]) -> bool,
) -> bool {
    let mut weakened = false;
    let mut at = 0;
    while at < calls.len() {
        if let RegisterAction::Cas(old, new) = calls[at].action {
            let reads = calls[at].is_certain().then_some(RegisterAction::Read(old));
            for action in [Some(RegisterAction::Write(new)), reads]
                .into_iter()
                .flatten()
            {
                let mut weaker = calls.clone();
                weaker[at].action = action;
                let weaker = close(weaker, all);
                if impossible(&weaker) {
                    *calls = weaker;
                    weakened = true;
                    break;
                }
            }
        }
        at += 1;
    }
    weakened
}

/// Takes out readers of values whose writers are not all there any more.
fn close(mut calls: Vec<RegisterCall>, all: &[RegisterCall]) -> Vec<RegisterCall> {
    // For each value, when the first of its missing writers was invoked. Both lists are in order of invocation.
    let mut missing: Vec<(u32, Time)> = Vec::new();
    let mut there = calls.iter().peekable();
    for call in all {
        let Some(left) = call.action.left() else {
            continue;
        };
        while there.next_if(|other| other.id < call.id).is_some() {}
        let still_writes = there
            .peek()
            .is_some_and(|other| other.id == call.id && other.action.left() == Some(left));
        if !still_writes {
            missing.push((left, call.invoked));
        }
    }
    let first_missing = missing.iter().map(|&(_, invoked)| invoked).min();
    missing.sort_unstable();
    missing.dedup_by_key(|&mut (value, _)| value);
    let lacks = |value: u32, end: Time| {
        missing
            .binary_search_by_key(&value, |&(value, _)| value)
            .is_ok_and(|i| missing[i].1 <= end)
    };
    calls.retain_mut(|call| match call.action {
        RegisterAction::Read(value) => !lacks(value, call.end),
        RegisterAction::Unlike(value) => {
            first_missing.is_none_or(|first| first > call.end) && !lacks(value, call.end)
        }
        RegisterAction::Cas(old, new) => {
            if lacks(old, call.end) {
                call.action = RegisterAction::Write(new);
            }
            true
        }
        RegisterAction::Write(_) => true,
    });
    calls
}
