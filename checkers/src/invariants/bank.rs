//! Bank: money only moves, so all accounts together always hold the same.
//!
//! Source: the bank test of Jepsen, whose histories are taken as they are. Clients `transfer`
//! `{from, to, amount}` and `read` all accounts in one snapshot: a map from account to balance, or a list of
//! `[account, balance]`. An operation `open`, if there is one, names the opening balances: a map like that of a read.
//! The same is judged on transactions (`txn`) of `["r", account, balance]` and `["w", account, balance]`: one that reads
//! every account before it writes it is a read of the bank. Each key of the history is a bank of its own.
//!
//! The right total is [`Bank::total`]; else what `open` put in; else what most reads hold. Reads with another total
//! than that are anomalies:
//!
//! - `read-skew`: later reads hold the right total again, so the read saw a transfer half done;
//! - `wrong-total`: none does, so money appeared or vanished.
//!
//! And so are, whatever the total is:
//!
//! - `negative-balance`, unless [`Bank::negative`] allows it;
//! - `nil-balance`: an account without a balance;
//! - `missing-account` and `unexpected-account`: a read without an account that is known, or with one that is not.
//!   Known are those of `open`, else those that most reads name; and those that transfers name.
//!
//! A transfer from an account to itself changes nothing; a bank that gets it wrong shows a wrong total. Where other
//! operations bring money in or take it out (`deposit`, `withdraw`, `add`, `write`), totals are not judged; the checker
//! `ledger` judges those.
//!
//! Figures: `reads`, `transfers` (acknowledged), `self_transfers` (of these, from an account to itself), `total`
//! (the right one), `lowest_total`, `highest_total`, `read_skew`, `wrong_total`, `negative_balance`, `nil_balance`,
//! `missing_account`, `unexpected_account`.
//!
//! O(balances read).

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Operation, Outcome, Value};

use crate::invariants::claim::{Claim, Claims};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "adding up the balances of these operations again";

/// The total of all accounts is constant, and no account is overdrawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bank {
    /// What all accounts hold together; `None`: what `open` says, else what most reads say.
    pub total: Option<i64>,
    /// Whether balances may be negative.
    pub negative: bool,
}

/// The balances that one operation names.
type Balances<'h> = Vec<(Cow<'h, str>, &'h Value)>;

/// What was found, by kind.
#[derive(Default)]
struct Counts {
    reads: u64,
    judged: u64,
    transfers: u64,
    moved: u64,
    self_transfers: u64,
    total: Option<i128>,
    lowest: Option<i128>,
    highest: Option<i128>,
    skew: u64,
    wrong: u64,
    negative: u64,
    nil: u64,
    missing: u64,
    unexpected: u64,
}

impl Checker for Bank {
    fn name(&self) -> &'static str {
        "bank"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let mut counts = Counts::default();
        let mut claims = Claims::new(history);
        for (_, ids) in history.by_key() {
            if budget.is_stopped() {
                break;
            }
            self.judge(history, &ids, &mut counts, &mut claims);
        }
        let Claims {
            count: found,
            cases,
            ..
        } = claims;
        conclude(self.name(), cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.moved == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no money was moved".to_owned(),
                )
            } else if counts.judged == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: no two reads of all accounts, or of one whose total is known"
                        .to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "the total is the same in {} of all accounts",
                        count(counts.judged, "read")
                    ),
                )
            }
        })
        .figures(counts.figures())
    }
}

impl Bank {
    fn judge<'h>(
        &self,
        history: &'h History,
        ids: &[OpId],
        counts: &mut Counts,
        claims: &mut Claims<'h>,
    ) {
        let mut bank = Statements::of(history, ids, counts);
        if bank.reads.is_empty() {
            return;
        }
        counts.reads += bank.reads.len() as u64;
        bank.judge_accounts(counts, claims);
        bank.judge_balances(self.negative, counts, claims);
        if bank.is_closed {
            bank.judge_totals(self.total, counts, claims);
        }
    }
}

/// All reads of one bank.
struct Statements<'h> {
    history: &'h History,
    key: &'h Value,
    ids: Vec<OpId>,
    opened: Vec<OpId>,
    reads: Vec<OpId>,
    /// Accounts that `open` or a transfer names, or, in a bank of transactions, any of them.
    named: BTreeSet<Cow<'h, str>>,
    /// Whether money only moves.
    is_closed: bool,
    /// For each read, its total; `None` where it does not hold every account with a number.
    totals: Vec<Option<i128>>,
}

/// Reads that name the same accounts.
struct Shape<'h> {
    names: BTreeSet<Cow<'h, str>>,
    reads: Vec<OpId>,
}

impl<'h> Statements<'h> {
    fn of(history: &'h History, ids: &[OpId], counts: &mut Counts) -> Self {
        let mut bank = Self {
            history,
            key: history.operation(ids[0]).key(),
            ids: ids.to_vec(),
            opened: Vec::new(),
            reads: Vec::new(),
            named: BTreeSet::new(),
            is_closed: true,
            totals: Vec::new(),
        };
        let mut transactions = Vec::new();
        for &id in ids {
            let op = history.operation(id);
            match op.f() {
                F::Read if op.outcome == Outcome::Ok => {
                    if balances(&op).is_some() {
                        bank.reads.push(id);
                    }
                }
                F::Transfer if op.outcome != Outcome::Fail => {
                    counts.moved += 1;
                    let (from, to) = (op.input().get("from"), op.input().get("to"));
                    if op.outcome == Outcome::Ok {
                        counts.transfers += 1;
                        counts.self_transfers += u64::from(from.is_some() && from == to);
                    }
                }
                F::Txn if op.outcome == Outcome::Ok => transactions.push(id),
                F::Add | F::Write if op.outcome != Outcome::Fail => bank.is_closed = false,
                f => match f.name() {
                    "open" if op.outcome == Outcome::Ok => bank.opened.push(id),
                    "open" | "deposit" | "withdraw" if op.outcome != Outcome::Fail => {
                        bank.is_closed = false;
                    }
                    _ => {}
                },
            }
        }
        for &id in &bank.opened {
            let op = history.operation(id);
            bank.named.extend(names(op.input()));
        }
        if bank.reads.is_empty() && !bank.opened.is_empty() {
            bank.add_transactions(&transactions, counts);
        }
        bank
    }

    /// A bank of transactions: those that read every account are its reads.
    fn add_transactions(&mut self, transactions: &[OpId], counts: &mut Counts) {
        for &id in transactions {
            let op = self.history.operation(id);
            let writes = crate::micro_op::names(&op).any(|name| name == "w");
            counts.moved += u64::from(writes);
            let balances = balances(&op).unwrap_or_default();
            let known = balances
                .iter()
                .filter(|(name, _)| self.named.contains(name));
            if known.count() >= self.named.len() {
                self.reads.push(id);
            }
        }
        self.reads.sort_unstable();
    }

    /// Which accounts the reads hold: all those that are known, and no others.
    fn judge_accounts(&mut self, counts: &mut Counts, claims: &mut Claims<'h>) {
        let shapes = self.shapes();
        let (known, first) = match self.opened.first() {
            Some(&open) => (self.named.clone(), open),
            None => match shapes.iter().rev().max_by_key(|shape| shape.reads.len()) {
                Some(shape) => (shape.names.clone(), shape.reads[0]),
                None => return,
            },
        };
        let also = self.transferred();
        for shape in &shapes {
            if let Some(account) = known.difference(&shape.names).next() {
                for &id in &shape.reads {
                    let invoked = self.history.operation(id).invoked;
                    let mut opened = self.opened.iter();
                    if opened.all(|&open| self.history.operation(open).end() < invoked) {
                        counts.missing += 1;
                        report_account(claims, self.key, "missing-account", account, first, id);
                    }
                }
            }
            let mut others = shape.names.difference(&known);
            if let Some(account) = others.find(|name| !also.contains(*name)) {
                for &id in &shape.reads {
                    counts.unexpected += 1;
                    report_account(claims, self.key, "unexpected-account", account, first, id);
                }
            }
        }
        self.named = known;
    }

    /// The reads by which accounts they name.
    fn shapes(&self) -> Vec<Shape<'h>> {
        let mut shapes: Vec<Shape<'h>> = Vec::new();
        let mut last: Balances<'h> = Vec::new();
        let mut place = 0;
        for &id in &self.reads {
            let op = self.history.operation(id);
            let balances = balances(&op).unwrap_or_default();
            // Mostly all reads name the same accounts in the same order.
            let same = !shapes.is_empty()
                && balances.len() == last.len()
                && balances
                    .iter()
                    .zip(&last)
                    .all(|(one, other)| one.0 == other.0);
            if !same {
                let names = balances.iter().map(|(name, _)| name.clone()).collect();
                place = shapes
                    .iter()
                    .position(|shape| shape.names == names)
                    .unwrap_or(shapes.len());
                if place == shapes.len() {
                    let reads = Vec::new();
                    shapes.push(Shape { names, reads });
                }
                last = balances;
            }
            shapes[place].reads.push(id);
        }
        shapes
    }

    /// The accounts that transfers name.
    fn transferred(&self) -> BTreeSet<Cow<'h, str>> {
        let transfers = self.ids.iter().map(|&id| self.history.operation(id));
        transfers
            .filter(|op| *op.f() == F::Transfer && op.outcome != Outcome::Fail)
            .flat_map(|op| [op.input().get("from"), op.input().get("to")])
            .flatten()
            .map(name_of)
            .collect()
    }

    /// Each balance by itself, and the totals.
    fn judge_balances(&mut self, negative: bool, counts: &mut Counts, claims: &mut Claims<'h>) {
        for &id in &self.reads {
            let op = self.history.operation(id);
            let mut total = Some(0_i128);
            let mut accounts = 0;
            for (account, balance) in balances(&op).unwrap_or_default() {
                if let Some(balance) = balance.as_int() {
                    total = total.map(|total| total + i128::from(balance));
                    accounts += 1;
                    if balance < 0 && !negative {
                        counts.negative += 1;
                        let sentence =
                            format!("the balance of account {account} is negative: {balance}");
                        report_balance(
                            claims,
                            self.key,
                            "negative-balance",
                            sentence,
                            &account,
                            id,
                        );
                    }
                    continue;
                }
                total = None;
                if balance.is_nil() {
                    counts.nil += 1;
                    let sentence = format!("account {account} has no balance");
                    report_balance(claims, self.key, "nil-balance", sentence, &account, id);
                }
            }
            self.totals
                .push(total.filter(|_| accounts == self.named.len()));
        }
    }

    fn judge_totals(&self, given: Option<i64>, counts: &mut Counts, claims: &mut Claims<'h>) {
        let opened = self.opened.iter().map(|&id| self.history.operation(id));
        let opened_at = opened.clone().map(|op| op.end()).max();
        let put_in: Option<i128> = opened
            .map(|op| total_of(op.input()))
            .sum::<Option<i128>>()
            .filter(|_| !self.opened.is_empty());
        // Reads while accounts are being opened hold less.
        let judged = |read: &usize| {
            let invoked = self.history.operation(self.reads[*read]).invoked;
            self.totals[*read].is_some() && opened_at.is_none_or(|at| at < invoked)
        };
        let judged: Vec<usize> = (0..self.reads.len()).filter(judged).collect();
        let seen = || judged.iter().filter_map(|&read| self.totals[read]);
        let Some(right) = given.map(i128::from).or(put_in).or_else(|| most(seen())) else {
            return;
        };
        counts.total = counts.total.or(Some(right));
        counts.lowest = counts.lowest.into_iter().chain(seen()).min();
        counts.highest = counts.highest.into_iter().chain(seen()).max();
        // One read alone says what the total is, and proves nothing.
        if given.is_some() || put_in.is_some() || judged.len() > 1 {
            counts.judged += judged.len() as u64;
        }
        let last_right = judged
            .iter()
            .rev()
            .find(|&&read| self.totals[read] == Some(right))
            .map(|&read| self.reads[read]);
        for &read in &judged {
            let Some(total) = self.totals[read].filter(|&total| total != right) else {
                continue;
            };
            let op = self.history.operation(self.reads[read]);
            let back = last_right.filter(|&id| self.history.operation(id).invoked > op.end());
            let name = if back.is_some() {
                counts.skew += 1;
                "read-skew"
            } else {
                counts.wrong += 1;
                "wrong-total"
            };
            let reference = if given.is_some() {
                Vec::new()
            } else if put_in.is_some() {
                self.opened.clone()
            } else {
                let rights = judged
                    .iter()
                    .filter(|&&read| self.totals[read] == Some(right));
                rights.take(1).map(|&read| self.reads[read]).collect()
            };
            claims.report(
                name,
                BY,
                || self.wrong_total(op, &reference, right, total, name),
                |history, ids| recount_total(history, ids, op.id, given),
            );
        }
    }

    fn wrong_total(
        &self,
        op: Operation<'h>,
        reference: &[OpId],
        right: i128,
        total: i128,
        name: &'static str,
    ) -> Claim {
        let (off, way) = if total < right {
            (right - total, "less")
        } else {
            (total - right, "more")
        };
        let but = match name {
            "read-skew" => "; later reads are right again, so it saw a transfer half done",
            _ => ", and no later read is right again",
        };
        let mut operations = reference.to_vec();
        operations.push(op.id);
        operations.sort_unstable();
        let mut claim = Claim::new(
            format!(
                "the accounts {} hold {total} together, {off} {way} than the {right} that they must hold{but}",
                of_key(self.key)
            ),
            self.key,
            operations,
        )
        .because(op.id, format!(": together {total}"));
        for &id in reference {
            claim = claim.because(id, format!(": together {right}"));
        }
        let mut halves = self
            .ids
            .iter()
            .map(|&id| self.history.operation(id))
            .filter(|transfer| {
                let amount = transfer.input().get("amount").and_then(Value::as_int);
                *transfer.f() == F::Transfer
                    && transfer.outcome != Outcome::Fail
                    && amount.map(i128::from) == Some(off)
                    && transfer.invoked <= op.end()
                    && transfer.end() >= op.invoked
            });
        if let (Some(half), None) = (halves.next(), halves.next()) {
            claim = claim.remark(format!(
                "the difference is the amount of {}, a transfer of {} which was under way then",
                half.id,
                half.input()
            ));
        }
        claim
    }
}

fn report_account(
    claims: &mut Claims<'_>,
    key: &Value,
    name: &'static str,
    account: &str,
    first: OpId,
    read: OpId,
) {
    let missing = name == "missing-account";
    claims.report(
        name,
        "looking for the account in these operations again",
        || {
            let (sentence, here, there) = if missing {
                (
                    format!("a read lacks account {account}, which the bank has"),
                    ": it is there",
                    ": it is not there",
                )
            } else {
                (
                    format!("a read holds account {account}, which nobody opened"),
                    ": it is not there",
                    ": it is there",
                )
            };
            Claim::new(sentence, key, vec![first, read])
                .because(first, here)
                .because(read, there)
        },
        |history, ids| {
            let holds = |id: OpId| {
                let op = history.operation(id);
                let opens = op.f().name() == "open";
                let text = if opens { op.input() } else { op.output() }.to_string();
                text.contains(account)
            };
            match ids {
                &[first, read] if holds(first) == missing && holds(read) != missing => Ok(()),
                _ => Err(format!("these operations agree on account {account}")),
            }
        },
    );
}

fn report_balance(
    claims: &mut Claims<'_>,
    key: &Value,
    name: &'static str,
    sentence: String,
    account: &str,
    read: OpId,
) {
    claims.report(
        name,
        "looking up the balance in this operation again",
        || Claim::new(sentence, key, vec![read]).because(read, format!(": see account {account}")),
        |history, ids| {
            let op = history.operation(ids[0]);
            let wrong = |balance: &Value| match name {
                "nil-balance" => balance.is_nil(),
                _ => balance.as_int().is_some_and(i64::is_negative),
            };
            let found = match op.output() {
                Value::Map(parts) => parts
                    .iter()
                    .any(|(name, balance)| **name == *account && wrong(balance)),
                other => other
                    .as_list()
                    .unwrap_or_default()
                    .iter()
                    .any(|item| item.as_list().and_then(<[Value]>::last).is_some_and(wrong)),
            };
            if found {
                Ok(())
            } else {
                Err(format!("the balance of account {account} is in order"))
            }
        },
    );
}

/// Adds up again: the wrong read against the others of the claim, or against the total that was given.
fn recount_total(
    history: &History,
    ids: &[OpId],
    wrong: OpId,
    given: Option<i64>,
) -> Result<(), String> {
    let mut right = given.map(i128::from);
    let mut seen = 0_i128;
    for &id in ids {
        let op = history.operation(id);
        let value = if op.f().name() == "open" {
            op.input()
        } else {
            op.output()
        };
        let sum = add_up_again(value);
        if id == wrong {
            seen = sum;
        } else {
            *right.get_or_insert(0) += sum;
        }
    }
    match right {
        Some(right) if right != seen => Ok(()),
        _ => Err(format!("both totals are {seen}")),
    }
}

/// The sum of a map's or a list's balances; of a transaction, of what it read before it touched it otherwise.
fn add_up_again(value: &Value) -> i128 {
    let int = |balance: &Value| i128::from(balance.as_int().unwrap_or_default());
    if let Value::Map(parts) = value {
        return parts.iter().map(|(_, balance)| int(balance)).sum();
    }
    let items = value.as_list().unwrap_or_default();
    let mut sum = 0;
    for (place, item) in items.iter().enumerate() {
        sum += match item.as_list() {
            Some([_, balance]) => int(balance),
            Some([what, account, balance, ..]) => {
                let before = items[..place].iter();
                let touched = before.filter_map(|step| step.as_list()?.get(1));
                let is_first = touched.into_iter().all(|other| other != account);
                let counts = is_first && what.as_text() == Some("r");
                if counts { int(balance) } else { 0 }
            }
            _ => 0,
        };
    }
    sum
}

/// The balances that an operation saw; `None` when it is no read of accounts. Of a transaction, what it read of each
/// account before it wrote it.
fn balances<'h>(op: &Operation<'h>) -> Option<Balances<'h>> {
    if *op.f() == F::Txn {
        let mut balances: Balances<'h> = Vec::new();
        let mut touched: Vec<&Value> = Vec::new();
        for step in op.output().as_list()? {
            if let Some([what, account, balance, ..]) = step.as_list() {
                if what.as_text() == Some("r") && !touched.contains(&account) {
                    balances.push((name_of(account), balance));
                }
                touched.push(account);
            }
        }
        return Some(balances);
    }
    pairs(op.output())
}

/// The accounts and balances that a value names.
fn pairs(value: &Value) -> Option<Balances<'_>> {
    match value {
        Value::Map(parts) => Some(
            parts
                .iter()
                .map(|(name, balance)| (Cow::Borrowed(&**name), balance))
                .collect(),
        ),
        Value::List(items) => items
            .iter()
            .map(|item| {
                let (account, balance) = item.as_pair()?;
                Some((name_of(account), balance))
            })
            .collect(),
        _ => None,
    }
}

fn names(value: &Value) -> impl Iterator<Item = Cow<'_, str>> {
    pairs(value)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| name)
}

fn total_of(value: &Value) -> Option<i128> {
    let pairs = pairs(value)?;
    pairs
        .iter()
        .map(|(_, balance)| balance.as_int().map(i128::from))
        .sum()
}

/// An account's name: a number and its digits as text are the same account.
fn name_of(account: &Value) -> Cow<'_, str> {
    match account {
        Value::Text(name) => Cow::Borrowed(&**name),
        other => Cow::Owned(other.to_string()),
    }
}

/// The total that comes up most; the one seen first where they are equal.
fn most(totals: impl Iterator<Item = i128>) -> Option<i128> {
    let mut counts: FxHashMap<i128, usize> = FxHashMap::default();
    let mut seen: Vec<(i128, u64)> = Vec::new();
    for total in totals {
        let place = *counts.entry(total).or_insert(seen.len());
        if place == seen.len() {
            seen.push((total, 0));
        }
        seen[place].1 += 1;
    }
    let most = seen.iter().map(|&(_, times)| times).max()?;
    let first = seen.iter().find(|&&(_, times)| times == most)?;
    Some(first.0)
}

impl Counts {
    fn figures(&self) -> Value {
        let amount = |total: Option<i128>| {
            total.map_or(Value::Nil, |total| {
                i64::try_from(total).map_or_else(|_| Value::from(total as f64), Value::from)
            })
        };
        Value::map([
            ("reads", Value::from(self.reads)),
            ("transfers", self.transfers.into()),
            ("self_transfers", self.self_transfers.into()),
            ("total", amount(self.total)),
            ("lowest_total", amount(self.lowest)),
            ("highest_total", amount(self.highest)),
            ("read_skew", self.skew.into()),
            ("wrong_total", self.wrong.into()),
            ("negative_balance", self.negative.into()),
            ("nil_balance", self.nil.into()),
            ("missing_account", self.missing.into()),
            ("unexpected_account", self.unexpected.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing;
    use crate::proof::findings::testing::broken;

    fn judge(drawing: &str) -> Verdict {
        testing::judge(&Bank::default(), drawing)
    }

    #[test]
    fn totals_that_stay_are_valid() {
        let verdict = judge(
            "
            0 |open nil {a:10,b:0}|
            1 |transfer nil {from:a,to:b,amount:4}|
            & 2 |r nil -> {b:4,a:6}|
            2 |r nil -> {a:6,b:4}|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(verdict.figures.get("total"), Some(&Value::from(10)));
    }

    #[test]
    fn a_transfer_seen_half_done_is_read_skew() {
        let verdict = judge(
            "
            0 |r nil -> {a:10,b:0}|
            1 |transfer nil {from:a,to:b,amount:4}|
            & 2 |r nil -> {a:6,b:0}|
            2 |r nil -> {a:6,b:4}|
            ",
        );
        assert_eq!(broken(&verdict), [("read-skew", vec![0, 2])]);
        assert_eq!(
            verdict.summary,
            "the accounts of the only object hold 6 together, 4 less than the 10 that they must hold; \
             later reads are right again, so it saw a transfer half done"
        );
        assert_eq!(verdict.anomalies[0].steps.len(), 3);
    }

    #[test]
    fn money_that_stays_away_is_a_wrong_total() {
        let verdict = judge(
            "
            0 |open nil [[a,10],[b,0]]|
            1 |transfer nil {from:a,to:a,amount:4}|
            2 |r nil -> [[a,14],[b,0]]|
            ",
        );
        assert_eq!(broken(&verdict), [("wrong-total", vec![0, 2])]);
        assert_eq!(verdict.figures.get("self_transfers"), Some(&Value::from(1)));
    }

    #[test]
    fn single_balances_are_judged() {
        let drawing = "
            0 |r nil -> {a:10,b:0}|
            1 |transfer nil {from:b,to:a,amount:4}|
            2 |r nil -> {a:14,b:-4}|
            2 |r nil -> {a:10,b:nil}|
            2 |r nil -> {a:10}|
            2 |r nil -> {a:5,b:3,c:2}|
            ";
        let verdict = judge(drawing);
        let mut names: Vec<&str> = verdict.anomalies.iter().map(|found| found.name).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "missing-account",
                "negative-balance",
                "nil-balance",
                "unexpected-account"
            ]
        );
        let allowed = Bank {
            negative: true,
            ..Bank::default()
        };
        let verdict = testing::judge(&allowed, drawing);
        assert_eq!(verdict.anomaly_count, 3);
    }

    #[test]
    fn transactions_that_read_all_accounts_are_reads() {
        let verdict = judge(
            "
            0 |open nil {1:10,2:0}|
            1 |txn nil [[r,1,nil],[r,2,nil],[w,1,6],[w,2,4]] -> [[r,1,10],[r,2,0],[w,1,6],[w,2,4]]|
            2 |txn nil [[r,1,nil],[r,2,nil]] -> [[r,1,6],[r,2,0]]|
            ",
        );
        assert_eq!(broken(&verdict), [("wrong-total", vec![0, 2])]);
    }

    #[test]
    fn money_that_comes_and_goes_is_not_added_up() {
        let verdict = judge(
            "
            0 |open nil {a:10,b:0}|
            1 |deposit nil {to:b,amount:4}|
            2 |r nil -> {b:4,a:10}|
            1 |transfer nil {from:a,to:b,amount:4} !|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
