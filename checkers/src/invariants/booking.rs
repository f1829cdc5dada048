//! Booking: nothing is sold twice, and no more than there is.
//!
//! Each key is something to be sold. `open` says how many pieces there are, `restock` adds some; a key that is never
//! opened, and of which no amounts are booked, is one piece: a seat. `book` takes a number of pieces (nil is one),
//! or names the seat of a house of many, as text or as part `seat` of a map; each seat of a key is one piece. `cancel`
//! gives back what a `book` like it took. `read` returns how many pieces are left; nil, false or text (who has it) where
//! it is about a single piece.
//!
//! - `double-booking`: a single piece was sold again before it was given back;
//! - `oversell`: more pieces were acknowledged as sold than can have been there;
//! - `negative-stock`: a read returned that fewer than no pieces are left;
//! - `wrong-stock`: at the end, no read that has the last word (of the phase `final-reads`; in a history that names no
//!   phases, the last read of each node) returns what all acknowledged operations, with any of the unknown ones, leave.
//!
//! Figures: `booked`, `refused`, `unknown`, `cancelled`, `articles` (keys and seats that somebody booked), `oversold`
//! (of these), `pieces_oversold`, `negative_stock`, `wrong_stock`.
//!
//! O(n log n).

use rustc_hash::FxHashMap;
use schism_history::{History, OpId, Operation, Outcome, Value};

use crate::final_read::last_words;
use crate::invariants::claim::{Claim, Claims};
use crate::invariants::keys::{Tally, judge_keys};
use crate::invariants::sums::{Amount, Bounds, Sums, overdraft};
use crate::proof::conclusion::conclude;
use crate::proof::story::{count, of_key};
use crate::{Budget, Checker, Validity, Verdict};

const BY: &str = "counting all pieces of this article again, one operation after the other";

/// Nothing is sold twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Booking;

#[derive(Default)]
struct Counts {
    booked: u64,
    refused: u64,
    unknown: u64,
    cancelled: u64,
    articles: u64,
    oversold: u64,
    pieces: u64,
    negative: u64,
    wrong: u64,
    /// Articles that more than one booking was tried of.
    contested: u64,
}

impl Tally for Counts {
    fn add(&mut self, other: Self) {
        self.booked += other.booked;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.cancelled += other.cancelled;
        self.articles += other.articles;
        self.oversold += other.oversold;
        self.pieces += other.pieces;
        self.negative += other.negative;
        self.wrong += other.wrong;
        self.contested += other.contested;
    }
}

/// What happened to one article: a key, or a seat of it.
#[derive(Default)]
struct Article {
    opening: Option<i128>,
    /// Pieces that were booked by number, so that there must have been more than one.
    numbered: bool,
    attempts: u64,
    credits: Vec<Amount>,
    debits: Vec<Amount>,
    reads: Vec<OpId>,
}

impl Checker for Booking {
    fn name(&self) -> &'static str {
        "booking"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let (mut counts, mut claims) = (Counts::default(), Claims::new(history));
        if history.functions().iter().any(|f| f.name() == "book") {
            (counts, claims) = judge_keys(history, budget, |ids, counts: &mut Counts, claims| {
                for (seat, article) in articles(history, ids, counts) {
                    let key = history.operation(ids[0]).key();
                    judge(history, key, seat, article, counts, claims);
                }
            });
        }
        let found = claims.count;
        conclude(self.name(), claims.cases, found, || {
            if budget.is_stopped() {
                (Validity::Unknown, "the check was stopped".to_owned())
            } else if counts.booked == 0 {
                (
                    Validity::Unknown,
                    "there is nothing to judge: nothing was booked".to_owned(),
                )
            } else if counts.contested == 0 {
                (
                    Validity::Unknown,
                    "nothing could be judged: nothing of which it is known how much there was was booked twice"
                        .to_owned(),
                )
            } else {
                (
                    Validity::Valid,
                    format!(
                        "{} of {} took no more than there was",
                        count(counts.booked, "booking"),
                        count(counts.articles, "article")
                    ),
                )
            }
        })
        .figures(counts.figures())
    }
}

/// The articles of a key, in order of first use; nil is the key itself.
fn articles<'h>(
    history: &'h History,
    ids: &[OpId],
    counts: &mut Counts,
) -> Vec<(&'h Value, Article)> {
    let mut articles: Vec<(&'h Value, Article)> = Vec::new();
    let mut numbers: FxHashMap<&'h Value, usize> = FxHashMap::default();
    for &id in ids {
        let op = history.operation(id);
        let f = op.f().name();
        if !matches!(f, "open" | "restock" | "book" | "cancel" | "read") {
            continue;
        }
        let seat = seat_of(&op);
        let number = *numbers.entry(seat).or_insert(articles.len());
        if number == articles.len() {
            articles.push((seat, Article::default()));
        }
        let article = &mut articles[number].1;
        let pieces = op.input().as_int().unwrap_or(1);
        let refused = op.outcome == Outcome::Ok && *op.output() == Value::Bool(false);
        match f {
            "open" if op.outcome == Outcome::Ok => {
                article.opening = Some(article.opening.unwrap_or(0) + i128::from(pieces));
            }
            // It may be there, or not.
            "open" | "restock" => article.credits.extend(Amount::of(&op, pieces)),
            "book" => {
                article.attempts += 1;
                article.numbered |= op.input().as_int().is_some();
                match op.outcome {
                    Outcome::Fail => counts.refused += 1,
                    Outcome::Info => counts.unknown += 1,
                    Outcome::Ok if refused => counts.refused += 1,
                    Outcome::Ok => counts.booked += 1,
                }
                if !refused {
                    article.debits.extend(Amount::of(&op, pieces));
                }
            }
            "cancel" if !refused => {
                counts.cancelled += u64::from(op.outcome == Outcome::Ok);
                article.credits.extend(Amount::of(&op, pieces));
            }
            "read" if op.outcome == Outcome::Ok => article.reads.push(id),
            _ => {}
        }
    }
    articles.retain(|(_, article)| article.attempts > 0);
    articles
}

fn judge<'h>(
    history: &'h History,
    key: &'h Value,
    seat: &'h Value,
    mut article: Article,
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    counts.articles += 1;
    let mut amounts = article.credits.clone();
    amounts.extend(article.debits.iter().map(|debit| Amount {
        delta: debit.delta.saturating_neg(),
        ..*debit
    }));
    let single = article.opening.is_none() && !article.numbered;
    let Some(opening) = article.opening.or(single.then_some(1)) else {
        return;
    };
    counts.contested += u64::from(article.attempts > 1);
    let name = match (seat, key) {
        (Value::Nil, Value::Nil) => "the only article".to_owned(),
        (Value::Nil, key) => format!("{key}"),
        (seat, key) => format!("seat {seat} {}", of_key(key)),
    };
    if let Some(found) = overdraft(opening, &mut article.credits, &mut article.debits) {
        counts.oversold += 1;
        let kind = if single { "double-booking" } else { "oversell" };
        claims.report(
            kind,
            BY,
            || {
                let sentence = if single {
                    format!("{name} was sold again before it was given back")
                } else {
                    format!(
                        "{} of {name} were sold, but there were never more than {} by then",
                        count(u64::try_from(found.taken).unwrap_or_default(), "piece"),
                        found.there
                    )
                };
                Claim::new(sentence, key, found.taken_by.clone()).remark(format!(
                    "with all that was there, put there or given back by then, acknowledged or not, there were {}",
                    found.there
                ))
            },
            |history, ids| recount(history, ids, opening),
        );
        counts.pieces += u64::try_from(found.taken - found.there).unwrap_or_default();
    }
    if single {
        return;
    }
    for &id in &article.reads {
        if let Some(left) = history
            .operation(id)
            .output()
            .as_int()
            .filter(|&left| left < 0)
        {
            counts.negative += 1;
            claims.report(
                "negative-stock",
                "looking at the result of this operation again",
                || Claim::new(format!("{left} of {name} are left"), key, vec![id]),
                |history, ids| match history.operation(ids[0]).output() {
                    Value::Int(..=-1) => Ok(()),
                    other => Err(format!("{other} are left")),
                },
            );
        }
    }
    judge_stock(
        history,
        key,
        &name,
        opening,
        &amounts,
        &article.reads,
        counts,
        claims,
    );
}

/// What is left at the end.
#[expect(clippy::too_many_arguments, reason = "one article, in its parts")]
fn judge_stock<'h>(
    history: &'h History,
    key: &'h Value,
    name: &str,
    opening: i128,
    amounts: &[Amount],
    reads: &[OpId],
    counts: &mut Counts,
    claims: &mut Claims<'h>,
) {
    let read: Vec<(OpId, i64)> = last_words(history, reads.iter().copied())
        .into_iter()
        .filter_map(|id| Some((id, history.operation(id).output().as_int()?)))
        .collect();
    let sums = Sums::of(amounts);
    let bounds = |id: OpId| {
        let op = history.operation(id);
        let Bounds { lowest, highest } = sums.at(op.invoked, op.end());
        Bounds {
            lowest: lowest + opening,
            highest: highest + opening,
        }
    };
    let off = |&&(id, left): &&(OpId, i64)| bounds(id).off(i128::from(left)).abs();
    let Some(&(id, left)) = read.iter().min_by_key(off) else {
        return;
    };
    let right = bounds(id);
    if right.off(i128::from(left)) == 0 {
        return;
    }
    counts.wrong += 1;
    claims.report(
        "wrong-stock",
        BY,
        || {
            let range = if right.lowest == right.highest {
                format!("{}", right.lowest)
            } else {
                format!("{} to {}", right.lowest, right.highest)
            };
            let sentence = format!("of {name} must be left {range} at the end, but a read says {left}");
            Claim::new(sentence, key, vec![id]).remark(format!(
                "{opening} at the beginning, with all acknowledged bookings and cancellations and any of unknown \
                 outcome, leave {range}"
            ))
        },
        |history, ids| recount_stock(history, ids, opening),
    );
}

/// The seat that an operation is about; nil where it is about the key itself.
fn seat_of<'h>(op: &Operation<'h>) -> &'h Value {
    match op.input() {
        seat @ Value::Text(_) => seat,
        input => input.get("seat").unwrap_or(&Value::Nil),
    }
}

/// The same article as that of one of the operations: what was taken by them, what may have been there by then.
fn recount(history: &History, ids: &[OpId], opening: i128) -> Result<(), String> {
    let Some(&first) = ids.first() else {
        return Err("it names no operation".to_owned());
    };
    let like = history.operation(first);
    let last = ids
        .iter()
        .filter_map(|&id| history.operation(id).completed)
        .max();
    let (mut sold, mut there) = (0_i128, opening);
    for op in history.operations() {
        if op.key() != like.key() || seat_of(&op) != seat_of(&like) || op.outcome == Outcome::Fail {
            continue;
        }
        let pieces = i128::from(op.input().as_int().unwrap_or(1));
        match op.f().name() {
            "book" if ids.contains(&op.id) && op.outcome == Outcome::Ok => sold += pieces,
            "open" if op.outcome == Outcome::Ok => {}
            "open" | "restock" | "cancel" if Some(op.invoked) <= last => there += pieces,
            _ => {}
        }
    }
    if sold > there {
        Ok(())
    } else {
        Err(format!("{sold} were sold, and {there} were there"))
    }
}

fn recount_stock(history: &History, ids: &[OpId], opening: i128) -> Result<(), String> {
    let Some(&read) = ids.last() else {
        return Err("it names no read".to_owned());
    };
    let read = history.operation(read);
    let (mut lowest, mut highest) = (opening, opening);
    for op in history.operations() {
        let same = op.key() == read.key() && seat_of(&op).is_nil();
        let refused = op.outcome == Outcome::Ok && *op.output() == Value::Bool(false);
        if !same || refused || op.outcome == Outcome::Fail || Some(op.invoked) > read.completed {
            continue;
        }
        let pieces = i128::from(op.input().as_int().unwrap_or(1));
        let delta = match op.f().name() {
            "book" => -pieces,
            "open" if op.outcome == Outcome::Ok => 0,
            "open" | "restock" | "cancel" => pieces,
            _ => 0,
        };
        let before = op.outcome == Outcome::Ok && op.completed < Some(read.invoked);
        lowest += if before { delta } else { delta.min(0) };
        highest += if before { delta } else { delta.max(0) };
    }
    match read.output().as_int().map(i128::from) {
        Some(left) if left < lowest || left > highest => Ok(()),
        _ => Err(format!("anything from {lowest} to {highest} can be left")),
    }
}

impl Counts {
    fn figures(&self) -> Value {
        Value::map([
            ("booked", self.booked),
            ("refused", self.refused),
            ("unknown", self.unknown),
            ("cancelled", self.cancelled),
            ("articles", self.articles),
            ("oversold", self.oversold),
            ("pieces_oversold", self.pieces),
            ("negative_stock", self.negative),
            ("wrong_stock", self.wrong),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::claim::testing::{self, figure};
    use crate::proof::findings::testing::broken;

    fn judge(lines: &str) -> Verdict {
        testing::judge(&Booking, lines)
    }

    #[test]
    fn a_seat_is_sold_once() {
        let verdict = judge(
            "
            0 |book A1|
            1 |book A1 !|
            2 |book A1 nil -> false|
            0 |cancel A1|
            & 1 |book A1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "refused"), 2);
        let verdict = judge("0 |book A1|\n& 1 |book A1|\n2 |cancel A1|");
        assert_eq!(broken(&verdict), [("double-booking", vec![0, 1])]);
        assert_eq!(
            verdict.summary,
            "\"A1\" was sold again before it was given back"
        );
    }

    #[test]
    fn each_seat_of_a_house_is_one_piece() {
        let verdict = judge(
            "
            0 |book hall {seat:A1,customer:x}|
            1 |book hall {seat:A2,customer:y}|
            2 |book hall {seat:A2,customer:z}|
            ",
        );
        assert_eq!(broken(&verdict), [("double-booking", vec![1, 2])]);
    }

    #[test]
    fn no_more_is_sold_than_there_is() {
        let verdict = judge(
            "
            0 |open mug 5|
            0 |book mug 2|
            1 |book mug 3 ?
            2 |book mug 3|
            3 |read mug -> 0|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        let verdict = judge(
            "
            0 |open mug 5|
            0 |book mug 2|
            2 |book mug 3|
            2 |book mug 3|
            3 |read mug -> -3|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [("negative-stock", vec![4]), ("oversell", vec![2, 3])]
        );
        let verdict = judge("0 |open mug 5|\n0 |book mug 2|\n2 |read mug -> 4|");
        assert_eq!(broken(&verdict), [("wrong-stock", vec![2])]);
    }

    #[test]
    fn where_nobody_says_how_much_there_is_nothing_is_judged() {
        let verdict = judge("0 |book mug 2|\n0 |book mug 2|");
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
