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

mod balances;
mod recount;
mod statements;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use schism_history::{History, OpId, Value};
use serde::{Deserialize, Serialize};

use crate::invariants::claim::Claims;
use crate::proof::conclusion::conclude;
use crate::proof::story::count;
use crate::{Budget, Checker, Validity, Verdict};

use statements::Statements;

const BY: &str = "adding up the balances of these operations again";

/// The total of all accounts is constant, and no account is overdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bank {
    /// What all accounts hold together. When absent: what `open` says, else what most reads say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Whether balances may be negative.
    pub negative: bool,
}

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
