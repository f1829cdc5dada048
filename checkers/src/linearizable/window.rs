//! Where a violation was found, and how little of what came before is needed to see it.

use std::time::Duration;

use schism_history::Time;

use super::relevant::relevant;
use super::search::{EVERYTHING, Found, search};
use crate::Budget;
use crate::models::{Register, RegisterAction};
use crate::object::Call;

type RegisterCall = Call<RegisterAction>;

/// Calls that are impossible by themselves.
pub(crate) struct Window {
    /// The calls, in order of invocation. Those that were still open where the window begins or ends are as good as of
    /// unknown outcome.
    pub(crate) calls: Vec<RegisterCall>,
    /// Where it begins; the register may hold any value there. `None`: at the beginning.
    pub(crate) since: Option<Time>,
}

/// A window that ends at the return of call `at`, where a search of all the calls found nothing left. It begins as late
/// as is enough, by doubling; `impossible` decides what is.
pub(crate) fn window(
    calls: &[RegisterCall],
    at: usize,
    impossible: impl Fn(&[RegisterCall], Option<Time>) -> bool,
) -> Window {
    let end = calls[at].end;
    // What is invoked later cannot have helped, and what returns later need not have happened yet.
    let ended: Vec<RegisterCall> = calls
        .iter()
        .filter(|call| call.invoked <= end)
        .filter_map(|&call| {
            if call.end > end {
                opened(call)
            } else {
                Some(call)
            }
        })
        .collect();
    let mut returns: Vec<Time> = ended
        .iter()
        .filter(|call| call.is_certain())
        .map(|call| call.end)
        .collect();
    returns.sort_unstable();
    let mut size = 4;
    while size < returns.len() {
        let begin = returns[returns.len() - 1 - size];
        let within: Vec<RegisterCall> = ended
            .iter()
            .filter(|call| call.end > begin)
            .filter_map(|&call| {
                if call.invoked <= begin {
                    opened(call)
                } else {
                    Some(call)
                }
            })
            .collect();
        let since = Some(begin + Duration::from_nanos(1));
        if impossible(&within, since) {
            return Window {
                calls: within,
                since,
            };
        }
        size *= 2;
    }
    Window {
        calls: ended,
        since: None,
    }
}

/// Whether no order explains the calls, as far as the budget goes; and how many steps that took.
pub(crate) fn is_impossible(
    calls: &[RegisterCall],
    since: Option<Time>,
    budget: &Budget,
) -> (bool, u64) {
    let (calls, values) = renumbered(calls);
    let calls = relevant(&calls, values);
    // One value more than is mentioned: any other.
    let model = Register { values: values + 1 };
    let start = match since {
        None => 0..1,
        Some(_) => 0..values + 1,
    };
    let (found, steps) = search(&model, &calls, start, EVERYTHING, budget);
    (matches!(found, Found::Impossible { .. }), steps)
}

/// A call that may have taken effect or not; a read then says nothing.
fn opened(call: RegisterCall) -> Option<RegisterCall> {
    call.action.left().map(|_| Call {
        end: Time::NEVER,
        ..call
    })
}

/// The same calls, with their values numbered without gaps. The initial value keeps its number.
fn renumbered(calls: &[RegisterCall]) -> (Vec<RegisterCall>, u32) {
    let mut values: Vec<u32> = vec![0];
    for call in calls {
        values.extend(call.action.found());
        values.extend(call.action.left());
        if let RegisterAction::Unlike(value) = call.action {
            values.push(value);
        }
    }
    values.sort_unstable();
    values.dedup();
    let number = |value: u32| values.partition_point(|&other| other < value) as u32;
    let renumber = |action: RegisterAction| match action {
        RegisterAction::Read(value) => RegisterAction::Read(number(value)),
        RegisterAction::Unlike(value) => RegisterAction::Unlike(number(value)),
        RegisterAction::Write(value) => RegisterAction::Write(number(value)),
        RegisterAction::Cas(old, new) => RegisterAction::Cas(number(old), number(new)),
    };
    let calls = calls
        .iter()
        .map(|&call| Call {
            action: renumber(call.action),
            ..call
        })
        .collect();
    (calls, values.len() as u32)
}
