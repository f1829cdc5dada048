//! Ledger: nobody spends what is not there, and no entry is lost, doubled or altered.
//!
//! Clients `open` accounts with `{account: balance}` (accounts that nobody opens begin at 0), and `transfer`
//! `{from, to, amount}`, `deposit` `{to, amount}` and `withdraw` `{from, amount}`, each with an `id` where there are
//! entries to read. `read` returns a map of balances, or the list of entries: each a map with at least an `id`, or an id
//! alone. Any of these may also be judged without the others: an audit log is a ledger of which entries are read, to which
//! clients `append` an id or a map with one. Each key is a ledger of its own. What must hold:
//!
//! - `double-spend`: more was acknowledged as paid from an account than can have been there, unless
//!   [`Ledger::overdraft`] allows it. A check of balances never sees this where a lost update hides it;
//! - `wrong-balance`: at the end, no read that has the last word (of the phase `final-reads`; in a history that names
//!   no phases, the last read of each node) shows a balance that acknowledged movements, with any of the unknown ones,
//!   can make;
//! - `lost-entry`: an acknowledged entry that no read that has the last word shows;
//! - `duplicate-entry`: one read shows an entry twice;
//! - `altered-entry`: a read shows an entry otherwise than it was sent;
//! - `unexpected-entry` and `failed-entry`: a read shows an entry that nobody had sent, or that surely failed.
//!
//! Figures: `movements` (acknowledged), `unknown_movements`, `accounts`, `double_spends` (accounts), `wrong_balances`
//! (accounts), `entries` (acknowledged, with an id), `lost`, `duplicated`, `altered`, `unexpected`, `failed`.
//!
//! O(n log n), and O(entries read).

mod entries;
mod recount;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use schism_history::{F, History, OpId, Operation, Outcome, Value, ValueId};
use serde::{Deserialize, Serialize};

use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::invariants::sums::{Amount, Bounds, Overdraft, Sums, overdraft};
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

use recount::{recount_balance, recount_spent};

const BY: &str = "adding up all movements of this account again, one operation after the other";
const BY_ENTRY: &str = "looking for this entry in all operations again";

/// Nobody spends what is not there, and entries stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// Whether an account may be overdrawn.
    pub overdraft: bool,
}

#[derive(Default)]
struct Counts {
    movements: u64,
    unknown: u64,
    accounts: u64,
    double_spends: u64,
    wrong_balances: u64,
    entries: u64,
    lost: u64,
    duplicated: u64,
    altered: u64,
    unexpected: u64,
    failed: u64,
    /// Accounts and entries that could be judged.
    decided: u64,
}

impl Checker for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        for (_, ids) in history.by_key() {
            if budget.is_stopped() {
                break;
            }
            let book = Book::of(history, &ids, &mut counts);
            book.judge_accounts(self.overdraft, &mut counts, &mut claims);
            book.judge_entries(&mut counts, &mut claims);
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.movements == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no transfer, deposit, withdrawal or entry was acknowledged".to_owned(),
                )
            } else if counts.decided == 0 {
                (
                    Validity::Unknown,
                    "nothing could be judged: nobody opened an account, and nobody read balances or entries at the end"
                        .to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!("{} add up", count(counts.movements, "acknowledged movement")),
                )
            }
        })
        .figures(counts.figures())
    }
}

/// What was done to one account.
#[derive(Default)]
struct Account {
    opening: i128,
    opened: bool,
    amounts: Vec<Amount>,
}

/// What there is to say about an account.
#[derive(Default)]
struct Judged {
    /// How many questions about it could be decided.
    decided: u64,
    overdraft: Option<Overdraft>,
    /// The read that is the least wrong, what it says, and what would be right.
    wrong: Option<(OpId, i64, Bounds)>,
}

/// One ledger.
struct Book<'h> {
    history: &'h History,
    key: &'h Value,
    /// In order of first use.
    accounts: Vec<(Cow<'h, str>, Account)>,
    numbers: FxHashMap<Cow<'h, str>, usize>,
    /// Reads of balances.
    balances: Vec<OpId>,
    /// Reads of entries.
    lists: Vec<OpId>,
    ids: Vec<OpId>,
}

impl<'h> Book<'h> {
    fn of(history: &'h History, ids: &[OpId], counts: &mut Counts) -> Self {
        let mut book = Self {
            history,
            key: history.operation(ids[0]).key(),
            accounts: Vec::new(),
            numbers: FxHashMap::default(),
            balances: Vec::new(),
            lists: Vec::new(),
            ids: Vec::new(),
        };
        let mut known: FxHashMap<ValueId, [Option<(usize, i64)>; 2]> = FxHashMap::default();
        for &id in ids {
            let op = history.operation(id);
            if *op.f() == F::Read {
                match op.output() {
                    Value::Map(_) if op.outcome == Outcome::Ok => book.balances.push(id),
                    Value::List(_) if op.outcome == Outcome::Ok => book.lists.push(id),
                    _ => {}
                }
            } else if op.f().name() == "open" {
                let Value::Map(parts) = op.input() else {
                    continue;
                };
                for (name, balance) in parts.iter().filter(|_| op.outcome == Outcome::Ok) {
                    let account = book.account(Cow::Borrowed(name));
                    let account = &mut book.accounts[account].1;
                    account.opened = true;
                    account.opening += i128::from(balance.as_int().unwrap_or_default());
                }
            } else if is_movement(op.f()) {
                book.ids.push(id);
                counts.movements += u64::from(op.outcome == Outcome::Ok);
                counts.unknown += u64::from(op.outcome == Outcome::Info);
                // Most movements are like another one, so that their parts need not be looked for again.
                let of_accounts = *known.entry(op.input_id).or_insert_with(|| {
                    moves(&op).map(|moved| moved.map(|(name, delta)| (book.account(name), delta)))
                });
                for (account, delta) in of_accounts.into_iter().flatten() {
                    let amount = Amount::of(&op, delta);
                    book.accounts[account].1.amounts.extend(amount);
                }
            }
        }
        counts.accounts += book.accounts.len() as u64;
        book
    }

    /// The place of an account.
    fn account(&mut self, name: Cow<'h, str>) -> usize {
        let next = self.accounts.len();
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.accounts.push((name, Account::default()));
        }
        number
    }

    fn judge_accounts(&self, allowed: bool, counts: &mut Counts, claims: &mut Claims<'h>) {
        let last = last_words(self.history, self.balances.iter().copied());
        let accounts = self.accounts.par_iter();
        let judged: Vec<Judged> = accounts
            .map(|(name, account)| self.judge_account(allowed, name, account, &last))
            .collect();
        for ((name, account), judged) in self.accounts.iter().zip(judged) {
            counts.decided += judged.decided;
            if let Some(found) = judged.overdraft {
                counts.double_spends += 1;
                claims.report(
                    "double-spend",
                    BY,
                    || {
                        let sentence = format!(
                            "{} was paid from account {name}, in which there were never more than {} by then",
                            found.taken, found.there
                        );
                        Claim::new(sentence, self.key, found.taken_by.clone()).remark(format!(
                            "with all that was put into {name} by then, acknowledged or not, there were {} \
                             ({} at the beginning)",
                            found.there, account.opening
                        ))
                    },
                    |history, ids| recount_spent(history, ids, name),
                );
            }
            if let Some((id, balance, right)) = judged.wrong {
                counts.wrong_balances += 1;
                claims.report(
                    "wrong-balance",
                    BY,
                    || {
                        let range = if right.lowest == right.highest {
                            format!("{}", right.lowest)
                        } else {
                            format!("{} to {}", right.lowest, right.highest)
                        };
                        let sentence = format!(
                            "account {name} must hold {range} at the end, but it is read as {balance}"
                        );
                        Claim::new(sentence, self.key, vec![id]).remark(format!(
                            "{} at the beginning, with every acknowledged movement and any of unknown outcome, make {range}",
                            account.opening
                        ))
                    },
                    |history, ids| recount_balance(history, ids, name),
                );
            }
        }
    }

    /// One account, if there is anything to judge. What nobody opened may have had money before.
    fn judge_account(&self, allowed: bool, name: &str, account: &Account, last: &[OpId]) -> Judged {
        let mut judged = Judged::default();
        if account.amounts.is_empty() || !account.opened {
            return judged;
        }
        if !allowed {
            judged.decided += 1;
            let (mut credits, mut debits) = (Vec::new(), Vec::new());
            for amount in &account.amounts {
                match amount.delta {
                    0 => {}
                    1.. => credits.push(*amount),
                    _ => debits.push(Amount {
                        delta: amount.delta.saturating_neg(),
                        ..*amount
                    }),
                }
            }
            judged.overdraft = overdraft(account.opening, &mut credits, &mut debits);
        }
        let read: Vec<(OpId, i64)> = last
            .iter()
            .filter_map(|&id| {
                let balance = self.history.operation(id).output().get(name)?;
                Some((id, balance.as_int()?))
            })
            .collect();
        if read.is_empty() {
            return judged;
        }
        judged.decided += 1;
        let sums = Sums::of(&account.amounts);
        let bounds = |id: OpId| {
            let op = self.history.operation(id);
            let Bounds { lowest, highest } = sums.at(op.invoked, op.end());
            Bounds {
                lowest: lowest + account.opening,
                highest: highest + account.opening,
            }
        };
        let off = |&&(id, balance): &&(OpId, i64)| bounds(id).off(i128::from(balance)).abs();
        if let Some(&(id, balance)) = read.iter().min_by_key(off) {
            let right = bounds(id);
            judged.wrong = (right.off(i128::from(balance)) != 0).then_some((id, balance, right));
        }
        judged
    }
}

/// Whether this function moves money, or records something.
fn is_movement(f: &F) -> bool {
    matches!(f, F::Transfer | F::Append) || matches!(f.name(), "deposit" | "withdraw")
}

/// What an operation moves, by account.
fn moves<'h>(op: &Operation<'h>) -> [Option<(Cow<'h, str>, i64)>; 2] {
    let input = op.input();
    let Some(amount) = input.get("amount").and_then(Value::as_int) else {
        return [None, None];
    };
    let name = |part: &str| match input.get(part)? {
        Value::Text(name) => Some(Cow::Borrowed(&**name)),
        Value::Nil => None,
        other => Some(Cow::Owned(other.to_string())),
    };
    let (from, to) = (name("from"), name("to"));
    // To itself, it moves nothing.
    if from == to {
        return [None, None];
    }
    [
        from.map(|from| (from, amount.saturating_neg())),
        to.map(|to| (to, amount)),
    ]
}

impl Counts {
    fn figures(&self) -> Value {
        Value::map([
            ("movements", Value::from(self.movements)),
            ("unknown_movements", self.unknown.into()),
            ("accounts", self.accounts.into()),
            ("double_spends", self.double_spends.into()),
            ("wrong_balances", self.wrong_balances.into()),
            ("entries", self.entries.into()),
            ("lost", self.lost.into()),
            ("duplicated", self.duplicated.into()),
            ("altered", self.altered.into()),
            ("unexpected", self.unexpected.into()),
            ("failed", self.failed.into()),
        ])
    }
}
