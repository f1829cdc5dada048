//! Revocation: who has lost a right cannot use it any more.
//!
//! Each key is a right of somebody: an administrator, a session, a key of an API. `grant` gives it, `revoke` takes it;
//! `use` tries to act by it. A `use` that is `ok` was allowed, unless its result is false; one that is `fail` was denied.
//! Whoever was never granted anything had the right from the beginning.
//!
//! - `used-after-revocation`: a `use` was sent after a `revoke` had been acknowledged, and allowed, although no `grant`
//!   can have come in between.
//!
//! Figures: `grants`, `revocations` (acknowledged), `uses`, `allowed`, `denied`, `judged` (uses after an acknowledged
//! revocation), `used_after_revocation`, `window` (`p50_s` to `max_s`: of each revocation, for how long after its
//! acknowledgement uses were still sent that were allowed; 0 where none was), `window_s` (the longest).
//!
//! O(n log n).

use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::invariants::keys::{Tally, judge_keys};
use crate::measures::quantile::{Quantiles, seconds};
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

/// Who has lost a right cannot use it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revocation;

#[derive(Default)]
struct Counts {
    grants: u64,
    revocations: u64,
    uses: u64,
    allowed: u64,
    denied: u64,
    judged: u64,
    after: u64,
    windows: Vec<u64>,
}

impl Tally for Counts {
    fn add(&mut self, other: Self) {
        self.grants += other.grants;
        self.revocations += other.revocations;
        self.uses += other.uses;
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.judged += other.judged;
        self.after += other.after;
        self.windows.extend(other.windows);
    }
}

impl Checker for Revocation {
    fn name(&self) -> &'static str {
        "revocation"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (mut counts, mut claims) = (Counts::default(), Claims::new(history));
        if history.functions().iter().any(|f| f.name() == "revoke") {
            (counts, claims) = judge_keys(history, budget, |ids, counts: &mut Counts, claims| {
                judge(history, ids, counts, claims);
            });
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.judged == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: nobody tried to use a right after it had been revoked"
                        .to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!("{} after a revocation denied", count(counts.judged, "use")),
                )
            }
        })
        .figures(counts.figures())
    }
}

fn judge<'h>(history: &'h History, ids: &[OpId], counts: &mut Counts, claims: &mut Claims<'h>) {
    let mut grants: Vec<Operation<'h>> = Vec::new();
    let mut revoked: Vec<Operation<'h>> = Vec::new();
    let mut uses: Vec<Operation<'h>> = Vec::new();
    for &id in ids {
        let op = history.operation(id);
        match (op.f().name(), op.outcome) {
            ("grant", outcome) if outcome != Outcome::Fail => {
                counts.grants += u64::from(outcome == Outcome::Ok);
                grants.push(op);
            }
            ("revoke", Outcome::Ok) => revoked.push(op),
            ("use", _) => uses.push(op),
            _ => {}
        }
    }
    counts.revocations += revoked.len() as u64;
    counts.uses += uses.len() as u64;
    revoked.sort_unstable_by_key(|op| (op.end(), op.id));
    // For each place: of all that had ended by then, the one that was sent last. The fewest grants can have come after it.
    let mut latest: Vec<usize> = (0..revoked.len()).collect();
    for place in 1..latest.len() {
        if revoked[latest[place - 1]].invoked > revoked[place].invoked {
            latest[place] = latest[place - 1];
        }
    }
    // For each place among the grants: the latest end of all up to it.
    let mut ends: Vec<Time> = grants.iter().map(Operation::end).collect();
    for place in 1..ends.len() {
        ends[place] = ends[place].max(ends[place - 1]);
    }
    let mut windows = vec![0; revoked.len()];
    for op in uses {
        let allowed = is_allowed(&op);
        counts.allowed += u64::from(allowed);
        counts.denied += u64::from(is_denied(&op));
        let Some(place) = revoked
            .partition_point(|revoke| revoke.end() < op.invoked)
            .checked_sub(1)
        else {
            continue;
        };
        if op.outcome == Outcome::Info {
            continue;
        }
        counts.judged += 1;
        let place = latest[place];
        let revoke = revoked[place];
        let sent = grants.partition_point(|grant| grant.invoked <= op.end());
        let granted_again = sent > 0 && ends[sent - 1] >= revoke.invoked;
        if !allowed || granted_again {
            continue;
        }
        counts.after += 1;
        let window = op.invoked.as_nanos() - revoke.end().as_nanos();
        windows[place] = windows[place].max(window);
        claims.report(
            "used-after-revocation",
            "looking for a grant between these two operations again",
            || {
                let whose = match op.key() {
                    Value::Nil => "the right".to_owned(),
                    key => format!("the right of {key}"),
                };
                let sentence = format!(
                    "{whose} was used {:.3} s after its revocation had been acknowledged",
                    window as f64 / 1e9
                );
                Claim::new(sentence, op.key(), vec![revoke.id, op.id])
                    .because(op.id, ": it was allowed")
            },
            recount,
        );
    }
    counts.windows.extend(windows);
}

fn is_allowed(op: &Operation<'_>) -> bool {
    op.outcome == Outcome::Ok && *op.output() != Value::Bool(false)
}

fn is_denied(op: &Operation<'_>) -> bool {
    op.outcome == Outcome::Fail || op.outcome == Outcome::Ok && *op.output() == Value::Bool(false)
}

fn recount(history: &History, ids: &[OpId]) -> Result<(), String> {
    let &[revoke, used] = ids else {
        return Err("it does not name two operations".to_owned());
    };
    let [revoke, used] = [revoke, used].map(|id| history.operation(id));
    let later = revoke.outcome == Outcome::Ok && revoke.completed < Some(used.invoked);
    let refused = used.outcome != Outcome::Ok || used.output() == &Value::from(false);
    if !later || refused || revoke.key() != used.key() {
        return Err("it was not used after the revocation".to_owned());
    }
    for op in history.operations() {
        let grants = op.f() == &F::from("grant") && op.key() == used.key();
        let over = op.outcome == Outcome::Ok && op.completed < Some(revoke.invoked);
        if grants && op.outcome != Outcome::Fail && Some(op.invoked) <= used.completed && !over {
            return Err(format!("{} can have given it back", op.id));
        }
    }
    Ok(())
}

impl Counts {
    fn figures(self) -> Value {
        let windows = Quantiles::of(self.windows);
        Value::map([
            ("grants", Value::from(self.grants)),
            ("revocations", self.revocations.into()),
            ("uses", self.uses.into()),
            ("allowed", self.allowed.into()),
            ("denied", self.denied.into()),
            ("judged", self.judged.into()),
            ("used_after_revocation", self.after.into()),
            ("window", Value::map(windows.in_seconds())),
            ("window_s", seconds(windows.max())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&Revocation, lines)
    }

    #[test]
    fn a_revoked_right_is_denied() {
        let verdict = judge(
            "
            0 |use eve|
            1 |revoke eve|
            & 0 |use eve|
            0 |use eve !|
            1 |grant eve ?
            0 |use eve|
            2 |use bob|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "judged"), 2);
    }

    #[test]
    fn a_window_is_found_and_measured() {
        let verdict = judge(
            "
            1 |grant eve|
            1 |revoke eve|
            0 |use eve|
            0 |use eve|
            0 |use eve nil -> false|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [
                ("used-after-revocation", vec![1, 2]),
                ("used-after-revocation", vec![1, 3])
            ]
        );
        assert_eq!(
            verdict.summary,
            "the right of \"eve\" was used 0.002 s after its revocation had been acknowledged (2 anomalies in all)"
        );
        let window = verdict.figures.get("window_s");
        assert!(matches!(window, Some(Value::Float(window)) if *window > 0.01 && *window < 0.03));
    }

    #[test]
    fn without_a_use_nothing_is_known() {
        assert_eq!(judge("0 |revoke eve|").validity, Validity::Unknown);
    }
}
