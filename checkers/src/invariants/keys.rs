//! Judging key by key, many keys at a time.

use rayon::prelude::*;
use schism_history::{History, OpId};

use crate::Budget;
use crate::invariants::claim::Claims;

/// Into how many parts the keys are split, to be judged at the same time.
const PARTS: usize = 256;

/// What is counted on each key.
pub(crate) trait Tally: Default + Send {
    /// Adds what was counted on another one.
    fn add(&mut self, other: Self);
}

/// Calls `judge` for each key that has any operations, with these, in order of invocation, until the budget is stopped.
///
/// Keys are judged at the same time, and violations only counted; those with any are then judged again, one after the
/// other in order of first use, so that what is told does not depend on who was first.
pub(crate) fn judge_keys<'h, T: Tally>(
    history: &'h History,
    budget: &Budget,
    judge: impl Fn(&[OpId], &mut T, &mut Claims<'h>) + Sync,
) -> (T, Claims<'h>) {
    let groups = history.by_key();
    let size = (groups.len() / PARTS).clamp(1, PARTS);
    let parts: Vec<(T, Vec<&[OpId]>)> = groups
        .par_chunks(size)
        .map(|groups| {
            let (mut all, mut broken) = (T::default(), Vec::new());
            for (_, ids) in groups {
                if budget.is_stopped() {
                    break;
                }
                let (mut tally, mut claims) = (T::default(), Claims::counted(history));
                judge(ids, &mut tally, &mut claims);
                if claims.count > 0 {
                    broken.push(&ids[..]);
                } else {
                    all.add(tally);
                }
            }
            (all, broken)
        })
        .collect();
    let (mut all, mut claims) = (T::default(), Claims::new(history));
    for (tally, broken) in parts {
        all.add(tally);
        for ids in broken {
            if !budget.is_stopped() {
                judge(ids, &mut all, &mut claims);
            }
        }
    }
    (all, claims)
}
