//! Unique ids: no identifier is given out twice.
//!
//! Clients `generate` (or Maelstrom's `generate` with the id as result); any value is an id. Each key is a space of ids
//! of its own. The source is the unique-ids test of Jepsen and Maelstrom.
//!
//! - `duplicate-id`: two acknowledged operations of one key returned the same id.
//!
//! Figures: `attempted`, `acknowledged`, `unknown`, `duplicated` (ids that came up more than once), `nil` (operations
//! without an id: not judged), `lowest` and `highest` (of ids that are integers; nil when there are none).
//!
//! O(operations).

use schism_history::{F, History, OpId, Outcome, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

/// No identifier is given out twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct UniqueIds;

/// Who got a value as an id first, and in which space.
#[derive(Clone, Copy)]
struct Owner {
    space: u32,
    first: OpId,
    again: bool,
}

impl Checker for UniqueIds {
    fn name(&self) -> &'static str {
        "unique-ids"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (mut attempted, mut acknowledged, mut unknown) = (0_u64, 0_u64, 0_u64);
        let (mut duplicated, mut nil) = (0_u64, 0_u64);
        let (mut lowest, mut highest) = (None, None);
        let mut claims = Claims::new(history);
        let nobody = Owner {
            space: u32::MAX,
            first: OpId(0),
            again: false,
        };
        let mut owners = Vec::new();
        if history.functions().contains(&F::Generate) {
            owners.resize(history.value_count(), nobody);
        }
        let spaces = if owners.is_empty() {
            Vec::new()
        } else {
            history.by_key()
        };
        for (key, ids) in spaces {
            if budget.is_stopped() {
                break;
            }
            for id in ids {
                let op = history.operation(id);
                if *op.f() != F::Generate {
                    continue;
                }
                attempted += 1;
                unknown += u64::from(op.outcome == Outcome::Info);
                if op.outcome != Outcome::Ok {
                    continue;
                }
                acknowledged += 1;
                if op.output().is_nil() {
                    nil += 1;
                    continue;
                }
                if let Some(number) = op.output().as_int() {
                    lowest = lowest.into_iter().chain([number]).min();
                    highest = highest.into_iter().chain([number]).max();
                }
                let owner = &mut owners[op.output_id.0 as usize];
                if owner.space != key.0 {
                    *owner = Owner {
                        space: key.0,
                        first: id,
                        again: false,
                    };
                    continue;
                }
                duplicated += u64::from(!owner.again);
                owner.again = true;
                let first = owner.first;
                claims.report(
                    "duplicate-id",
                    "comparing the results of these two operations",
                    || {
                        let sentence = format!("the id {} was given out twice", op.output());
                        Claim::new(sentence, op.key(), vec![first, id])
                    },
                    |history, ids| {
                        let [a, b] = [ids[0], ids[1]].map(|id| history.operation(id));
                        let same = a.output() == b.output() && a.key() == b.key() && a.id != b.id;
                        let ok = a.outcome == Outcome::Ok && b.outcome == Outcome::Ok;
                        if same && ok {
                            Ok(())
                        } else {
                            Err("the two ids are not the same".to_owned())
                        }
                    },
                );
            }
        }
        let found = claims.count;
        let judged = acknowledged - nil;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if judged < 2 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: fewer than two ids were given out".to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!("all of {} differ", count(judged, "id")),
                )
            }
        })
        .figures(Value::map([
            ("attempted", Value::from(attempted)),
            ("acknowledged", acknowledged.into()),
            ("unknown", unknown.into()),
            ("duplicated", duplicated.into()),
            ("nil", nil.into()),
            ("lowest", lowest.map_or(Value::Nil, Value::from)),
            ("highest", highest.map_or(Value::Nil, Value::from)),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{figure, judge};
    use crate::proof::findings::testing::broken;

    #[test]
    fn an_id_is_given_out_once() {
        let verdict = judge(
            &UniqueIds,
            "
            0 |generate nil -> 7|
            1 |generate nil -> 9|
            2 |generate other -> 7|
            3 |generate nil ?
            0 |generate nil -> 7|
            1 |generate nil -> 7|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [("duplicate-id", vec![0, 4]), ("duplicate-id", vec![0, 5])]
        );
        assert_eq!(
            verdict.summary,
            "the id 7 was given out twice (2 anomalies in all)"
        );
        assert_eq!(figure(&verdict, "duplicated"), 1);
        assert_eq!(figure(&verdict, "highest"), 9);
    }

    #[test]
    fn one_id_proves_nothing() {
        let verdict = judge(&UniqueIds, "0 |generate nil -> 7|\n1 |generate nil -> nil|");
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
