//! Which operations of unknown outcome can matter to anybody.

use crate::models::RegisterAction;
use crate::object::Call;

/// The calls without those of unknown outcome that wrote a value which nobody found.
///
/// Why that is fair: take an order of all calls that explains them. While such a value is the register's, nobody reads
/// it or compares successfully with it; take the call out, and what follows it, up to the next call that leaves a
/// value, does not notice. Compare-and-sets of unknown outcome that would find such a value fall with it. The other way
/// round, a call of unknown outcome may always be left out.
///
/// It is not fair where a call says what the register did *not* hold: the value nobody read may be why. Then all stay.
///
/// O(calls).
pub(crate) fn relevant(calls: &[Call<RegisterAction>], values: u32) -> Vec<Call<RegisterAction>> {
    if calls
        .iter()
        .any(|call| matches!(call.action, RegisterAction::Unlike(_)))
    {
        return calls.to_vec();
    }
    let found = found_values(calls, values);
    let keep = |call: &&Call<RegisterAction>| {
        call.is_certain() || call.action.left().is_some_and(|left| found[left as usize])
    };
    calls.iter().filter(keep).copied().collect()
}

/// For each value, whether somebody found it: a read or a compare-and-set that happened, or a compare-and-set of unknown
/// outcome that must have happened because the value it left was found.
fn found_values(calls: &[Call<RegisterAction>], values: u32) -> Vec<bool> {
    let mut found = vec![false; values as usize];
    // Values to go on from: what led to them must have happened.
    let mut fresh: Vec<u32> = Vec::new();
    let mut mark = |value: u32, fresh: &mut Vec<u32>| {
        if !std::mem::replace(&mut found[value as usize], true) {
            fresh.push(value);
        }
    };
    for call in calls.iter().filter(|call| call.is_certain()) {
        if let Some(value) = call.action.found() {
            mark(value, &mut fresh);
        }
    }
    // Unknown compare-and-sets, by the value they leave.
    let mut unknown: Vec<(u32, u32)> = calls
        .iter()
        .filter(|call| !call.is_certain())
        .filter_map(|call| match call.action {
            RegisterAction::Cas(old, new) => Some((new, old)),
            _ => None,
        })
        .collect();
    unknown.sort_unstable();
    while let Some(value) = fresh.pop() {
        let begin = unknown.partition_point(|&(new, _)| new < value);
        for &(_, old) in unknown[begin..]
            .iter()
            .take_while(|&&(new, _)| new == value)
        {
            mark(old, &mut fresh);
        }
    }
    found
}
