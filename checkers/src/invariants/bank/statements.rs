//! All reads of one bank, and what they say.

use std::borrow::Cow;
use std::collections::BTreeSet;

use schism_history::{F, History, OpId, Operation, Outcome, Value};

use super::balances::{Balances, balances, most, name_of, names, total_of};
use super::recount::recount_total;
use super::{BY, Counts};
use crate::invariants::claim::{Claim, Claims};
use crate::proof::story::of_key;

/// All reads of one bank.
pub(super) struct Statements<'h> {
    history: &'h History,
    key: &'h Value,
    ids: Vec<OpId>,
    opened: Vec<OpId>,
    pub(super) reads: Vec<OpId>,
    /// Accounts that `open` or a transfer names, or, in a bank of transactions, any of them.
    named: BTreeSet<Cow<'h, str>>,
    /// Whether money only moves.
    pub(super) is_closed: bool,
    /// For each read, its total; `None` where it does not hold every account with a number.
    totals: Vec<Option<i128>>,
}

/// Reads that name the same accounts.
pub(super) struct Shape<'h> {
    names: BTreeSet<Cow<'h, str>>,
    reads: Vec<OpId>,
}

impl<'h> Statements<'h> {
    pub(super) fn of(history: &'h History, ids: &[OpId], counts: &mut Counts) -> Self {
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
    pub(super) fn judge_accounts(&mut self, counts: &mut Counts, claims: &mut Claims<'h>) {
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
    pub(super) fn judge_balances(
        &mut self,
        negative: bool,
        counts: &mut Counts,
        claims: &mut Claims<'h>,
    ) {
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

    pub(super) fn judge_totals(
        &self,
        given: Option<i64>,
        counts: &mut Counts,
        claims: &mut Claims<'h>,
    ) {
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

pub(super) fn report_account(
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

pub(super) fn report_balance(
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
