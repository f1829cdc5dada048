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

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Operation, Outcome, Value, ValueId};

use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::invariants::sums::{Amount, Bounds, Overdraft, Sums, overdraft};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "adding up all movements of this account again, one operation after the other";
const BY_ENTRY: &str = "looking for this entry in all operations again";

/// Nobody spends what is not there, and entries stay as they are.
#[derive(Clone, Copy, Debug, Default)]
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

/// One entry.
#[derive(Clone, Copy, Default)]
struct Entry {
    sent: Option<OpId>,
    acknowledged: bool,
    failed: Option<OpId>,
    /// The first read that shows it.
    seen: Option<OpId>,
    /// Whether a read that has the last word shows it.
    in_last_words: bool,
    /// The place of the last read that shows it, from 1.
    last: usize,
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

    fn judge_entries(&self, counts: &mut Counts, claims: &mut Claims<'h>) {
        if self.lists.is_empty() {
            return;
        }
        let mut entries: Vec<(&'h Value, Entry)> = Vec::new();
        let mut numbers: FxHashMap<&'h Value, usize> = FxHashMap::default();
        for &id in &self.ids {
            let op = self.history.operation(id);
            let Some(name) = entry_id(op.input()) else {
                continue;
            };
            let entry = entry(&mut entries, &mut numbers, name);
            match op.outcome {
                Outcome::Fail => entry.failed = entry.failed.or(Some(id)),
                outcome => {
                    entry.sent = entry.sent.or(Some(id));
                    counts.entries += u64::from(outcome == Outcome::Ok && !entry.acknowledged);
                    entry.acknowledged |= outcome == Outcome::Ok;
                }
            }
        }
        // Lists of something else.
        if entries.is_empty() {
            return;
        }
        let last = last_words(self.history, self.lists.iter().copied());
        for (place, &read) in self.lists.iter().enumerate() {
            let op = self.history.operation(read);
            for shown in op.output().as_list().unwrap_or_default() {
                let Some(name) = entry_id(shown) else {
                    continue;
                };
                let entry = entry(&mut entries, &mut numbers, name);
                if entry.last == place + 1 {
                    counts.duplicated += 1;
                    self.report(
                        "duplicate-entry",
                        "is shown twice by one read",
                        name,
                        None,
                        read,
                        claims,
                    );
                }
                entry.last = place + 1;
                entry.in_last_words |= last.binary_search(&read).is_ok();
                if entry.seen.is_none() {
                    entry.seen = Some(read);
                    let sent = entry
                        .sent
                        .filter(|&id| self.history.operation(id).invoked <= op.end());
                    if sent.is_none() {
                        if let (None, Some(failed)) = (entry.sent, entry.failed) {
                            counts.failed += 1;
                            let why = "is shown, although it surely failed";
                            self.report("failed-entry", why, name, Some(failed), read, claims);
                        } else {
                            counts.unexpected += 1;
                            let why = "is shown, although nobody had sent it by then";
                            self.report("unexpected-entry", why, name, None, read, claims);
                        }
                    }
                }
                let input = |id: &OpId| self.history.operation(*id).input();
                if let Some(sent) = entry.sent.filter(|sent| differs(input(sent), shown)) {
                    counts.altered += 1;
                    let why = "is shown otherwise than it was sent";
                    self.report("altered-entry", why, name, Some(sent), read, claims);
                }
            }
        }
        for &(name, entry) in entries.iter().filter(|(_, entry)| entry.acknowledged) {
            let Some(sent) = entry.sent else { continue };
            let known = self.history.operation(sent).end();
            let looked = last
                .iter()
                .find(|&&id| self.history.operation(id).invoked > known);
            match looked {
                Some(_) if entry.in_last_words => counts.decided += 1,
                Some(&read) => {
                    counts.lost += 1;
                    let why = "is lost: it was acknowledged, and no last read shows it";
                    self.report("lost-entry", why, name, Some(sent), read, claims);
                }
                None => {}
            }
        }
    }

    fn report(
        &self,
        kind: &'static str,
        why: &str,
        name: &Value,
        sent: Option<OpId>,
        read: OpId,
        claims: &mut Claims<'h>,
    ) {
        claims.report(
            kind,
            BY_ENTRY,
            || {
                let mut ids: Vec<OpId> = sent.into_iter().chain([read]).collect();
                ids.dedup();
                let sentence = format!("entry {name} {} {why}", of_key(self.key));
                Claim::new(sentence, self.key, ids)
            },
            |history, ids| recount_entry(history, ids, kind, name),
        );
    }
}

fn entry<'e, 'h>(
    entries: &'e mut Vec<(&'h Value, Entry)>,
    numbers: &mut FxHashMap<&'h Value, usize>,
    name: &'h Value,
) -> &'e mut Entry {
    let number = *numbers.entry(name).or_insert(entries.len());
    if number == entries.len() {
        entries.push((name, Entry::default()));
    }
    &mut entries[number].1
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

/// The id of an entry.
fn entry_id(value: &Value) -> Option<&Value> {
    match value {
        Value::Map(_) => value.get("id"),
        Value::Nil => None,
        other => Some(other),
    }
}

/// Whether two maps name a part otherwise.
fn differs(sent: &Value, shown: &Value) -> bool {
    let Value::Map(parts) = sent else {
        return false;
    };
    let other = |name: &str, part: &Value| shown.get(name).is_some_and(|shown| shown != part);
    parts.iter().any(|(name, part)| other(name, part))
}

/// Adds up again what a history says about an account: at the beginning, certain and possible.
fn add_up(history: &History, like: OpId, account: &str) -> Vec<(OpId, i128)> {
    let key = history.operation(like).key();
    let is = |value: Option<&Value>| {
        value.is_some_and(|value| match value {
            Value::Text(name) => **name == *account,
            other => other.to_string() == account,
        })
    };
    let mut found = Vec::new();
    for op in history.operations() {
        if op.key() != key || op.outcome == Outcome::Fail {
            continue;
        }
        let amount = i128::from(
            op.input()
                .get("amount")
                .and_then(Value::as_int)
                .unwrap_or(0),
        );
        let mut delta = 0;
        match op.f().name() {
            "open" if op.outcome == Outcome::Ok => {
                delta += i128::from(op.input().get(account).and_then(Value::as_int).unwrap_or(0));
            }
            "transfer" | "deposit" | "withdraw" => {
                delta -= if is(op.input().get("from")) {
                    amount
                } else {
                    0
                };
                delta += if is(op.input().get("to")) { amount } else { 0 };
            }
            _ => {}
        }
        if delta != 0 {
            found.push((op.id, delta));
        }
    }
    found
}

fn recount_spent(history: &History, ids: &[OpId], account: &str) -> Result<(), String> {
    let Some(&first) = ids.first() else {
        return Err("it names no operation".to_owned());
    };
    let last = ids
        .iter()
        .filter_map(|&id| history.operation(id).completed)
        .max();
    let all = add_up(history, first, account);
    let mut spent = 0;
    let mut there = 0;
    for (id, delta) in all {
        let op = history.operation(id);
        if ids.contains(&id) && op.outcome == Outcome::Ok {
            spent -= delta;
        } else if op.f().name() == "open" || delta > 0 && Some(op.invoked) <= last {
            there += delta;
        }
    }
    if spent > there {
        Ok(())
    } else {
        Err(format!("{spent} was paid, and {there} was there"))
    }
}

fn recount_balance(history: &History, ids: &[OpId], account: &str) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no read".to_owned());
    };
    let read_op = history.operation(read);
    let balance = read_op.output().get(account).and_then(Value::as_int);
    let (mut lowest, mut highest) = (0, 0);
    for (id, delta) in add_up(history, read, account) {
        let op = history.operation(id);
        let before = op.outcome == Outcome::Ok && op.completed < Some(read_op.invoked);
        if before || op.f().name() == "open" {
            lowest += delta;
            highest += delta;
        } else if Some(op.invoked) <= read_op.completed {
            lowest += delta.min(0);
            highest += delta.max(0);
        }
    }
    match balance.map(i128::from) {
        Some(balance) if balance < lowest || balance > highest => Ok(()),
        _ => Err(format!(
            "any balance from {lowest} to {highest} is possible"
        )),
    }
}

fn recount_entry(history: &History, ids: &[OpId], kind: &str, name: &Value) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no read".to_owned());
    };
    let read = history.operation(read);
    let names = |value: &Value| value == name || value.get("id") == Some(name);
    let shown: Vec<&Value> = read.output().as_list().unwrap_or_default().iter().collect();
    let shown: Vec<&Value> = shown.into_iter().filter(|value| names(value)).collect();
    let sent: Vec<Operation<'_>> = history
        .operations()
        .filter(|op| *op.f() != F::Read && op.key() == read.key() && names(op.input()))
        .collect();
    let can_be_there = || {
        sent.iter()
            .any(|op| op.outcome != Outcome::Fail && Some(op.invoked) <= read.completed)
    };
    let proved = match kind {
        "duplicate-entry" => shown.len() > 1,
        "lost-entry" => {
            let acknowledged =
                |op: &Operation<'_>| op.outcome == Outcome::Ok && op.completed < Some(read.invoked);
            shown.is_empty() && sent.iter().any(acknowledged)
        }
        "altered-entry" => ids.first().is_some_and(|&id| {
            let sent = history.operation(id).input().to_string();
            shown.iter().any(|value| value.to_string() != sent)
        }),
        _ => !shown.is_empty() && !can_be_there(),
    };
    if proved {
        Ok(())
    } else {
        Err(format!("entry {name} is as it must be"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing;
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&Ledger::default(), lines)
    }

    #[test]
    fn movements_that_add_up_are_valid() {
        let verdict = judge(
            "
            0 |open nil {a:10,b:0}|
            0 |transfer nil {from:a,to:b,amount:4}|
            1 |withdraw nil {from:a,amount:6} ?
            2 |deposit nil {to:b,amount:1}|
            0 |transfer nil {from:b,to:b,amount:100}|
            3 |read nil -> {a:0,b:5}|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
    }

    /// Two withdrawals of 80 from 100: one overwrites the other, so that the balance is never negative.
    #[test]
    fn money_that_is_paid_twice_is_found_though_no_balance_is_negative() {
        let lines = "
            0 |open nil {a:100}|
            1 |withdraw nil {from:a,amount:80}|
            & 2 |withdraw nil {from:a,amount:80}|
            3 |read nil -> {a:20}|
            ";
        let verdict = judge(lines);
        assert_eq!(
            broken(&verdict),
            [("wrong-balance", vec![3]), ("double-spend", vec![1, 2])]
        );
        let allowed = Ledger { overdraft: true };
        let verdict = testing::judge(&allowed, lines);
        assert_eq!(broken(&verdict), [("wrong-balance", vec![3])]);
        assert_eq!(
            verdict.summary,
            "account a must hold -60 at the end, but it is read as 20"
        );
    }

    #[test]
    fn entries_stay_as_they_are() {
        let verdict = judge(
            "
            0 |append log {id:1,what:a}|
            0 |append log {id:2,what:b}|
            1 |append log {id:3,what:c} !|
            1 |append log {id:4,what:d}|
            2 |read log -> [{id:1,what:x},{id:1,what:x},{id:3,what:c},{id:9}]|
            2 |read log -> [{id:1,what:a},{id:4,what:d}]|
            ",
        );
        let mut names: Vec<&str> = verdict.anomalies.iter().map(|found| found.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names,
            [
                "altered-entry",
                "duplicate-entry",
                "failed-entry",
                "lost-entry",
                "unexpected-entry"
            ]
        );
    }

    #[test]
    fn an_entry_that_was_there_and_is_gone_is_lost() {
        let verdict = judge(
            "
            0 |append log 1|
            0 |append log 2|
            1 |read log -> [1,2]|
            1 |read log -> [2]|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-entry", vec![0, 3])]);
    }

    #[test]
    fn accounts_that_nobody_opened_are_not_judged() {
        let verdict = judge(
            "
            1 |withdraw nil {from:a,amount:80}|
            3 |read nil -> {a:20}|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
