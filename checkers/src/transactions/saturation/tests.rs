//! The levels against their definitions.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};

use super::Answer;
use super::Order;
use super::certificate::{Certificate, verify_serial, verify_snapshots};
use super::committed::{Builder, Committed, INITIAL};
use super::levels::{JUDGED, judge, judge_all};
use crate::proof::commit_orders::{Found, Transaction, search};
use crate::{Budget, Level};

/// What a random history is like.
#[derive(Clone, Copy)]
struct Size {
    transactions: u32,
    sessions: u32,
    keys: u32,
    steps: u32,
    timed: bool,
}

/// Transactions that read and write at random: most levels are violated.
fn random(size: Size, rng: &mut impl Rng) -> Committed {
    let mut session: Vec<u32> = (0..size.transactions)
        .map(|_| rng.random_range(0..size.sessions))
        .collect();
    session.sort_unstable();
    // First who writes what, then who reads it.
    let steps: Vec<Vec<(bool, u32)>> = (0..size.transactions)
        .map(|_| {
            let count = rng.random_range(1..=size.steps);
            (0..count)
                .map(|_| (rng.random_bool(0.5), rng.random_range(0..size.keys)))
                .collect()
        })
        .collect();
    let mut clock = 0;
    let mut builder = Builder::default();
    for t in 0..size.transactions {
        if t == 0 || session[t as usize] != session[t as usize - 1] {
            clock = rng.random_range(0..3);
        }
        let invoked = clock + rng.random_range(0..2);
        let completed = invoked + rng.random_range(1..4);
        clock = completed;
        if size.timed && rng.random_bool(0.9) {
            builder.begin(session[t as usize], invoked, completed);
        } else {
            builder.begin(session[t as usize], invoked, u64::MAX);
        }
        let mut written = Vec::new();
        for &(reads, key) in &steps[t as usize] {
            if !reads {
                builder.write(key);
                written.push(key);
            } else if !written.contains(&key) {
                let sources: Vec<u32> = (0..size.transactions)
                    .filter(|&other| other != t && steps[other as usize].contains(&(false, key)))
                    .collect();
                let choice = rng.random_range(0..=sources.len());
                builder.read(key, sources.get(choice).copied());
            }
        }
    }
    builder.finish()
}

/// The same, for the search by definition.
fn plain(committed: &Committed) -> Vec<Transaction> {
    (0..committed.len() as u32)
        .map(|t| Transaction {
            session: committed.session[t as usize],
            invoked: committed.invoked[t as usize],
            completed: committed.completed[t as usize],
            reads: committed
                .reads(t)
                .map(|r| {
                    let slot = committed.read_slot[r];
                    let source =
                        (slot != INITIAL).then(|| committed.writer[slot as usize] as usize);
                    (committed.read_key[r], source)
                })
                .collect(),
            writes: committed
                .writes(t)
                .map(|w| committed.write_key[w])
                .collect(),
        })
        .collect()
}

fn respects(level: Level) -> Order {
    match level {
        Level::StrictSerializable | Level::StrongSnapshotIsolation => Order::RealTime,
        Level::StrongSessionSerializable | Level::StrongSessionSnapshotIsolation => Order::Session,
        _ => Order::None,
    }
}

/// Every level by both ways; counts (kept, violated) by level.
fn agree(committed: &Committed, counts: &mut BTreeMap<Level, (u32, u32)>) {
    let plain = plain(committed);
    let budget = Budget::default();
    let mut truth = BTreeMap::new();
    for level in JUDGED {
        let found = search(&plain, level, u64::MAX);
        let holds = matches!(found, Found::Order(_));
        truth.insert(level, holds);
        let answer = judge(committed, level, &budget).unwrap();
        let count = counts.entry(level).or_default();
        match &answer {
            Answer::Holds(certificate) => {
                count.0 += 1;
                assert!(holds, "{level} holds, it is said: {committed:?}");
                let verified = match certificate {
                    Certificate::Serial(order) => verify_serial(committed, order, respects(level)),
                    Certificate::Snapshots(points) => {
                        let exclusive = level != Level::Prefix;
                        verify_snapshots(committed, points, respects(level), exclusive)
                    }
                    Certificate::None => Ok(()),
                };
                assert_eq!(verified, Ok(()), "{level}: {committed:?}");
            }
            Answer::Refuted(core) => {
                count.1 += 1;
                assert!(!holds, "{level} is violated, it is said: {committed:?}");
                assert!(core.is_sorted() && !core.is_empty());
                let again = judge(&committed.only(core), level, &budget).unwrap();
                assert!(
                    matches!(again, Answer::Refuted(_)),
                    "{level}: {core:?} of {committed:?}"
                );
            }
            Answer::Unknown(why) => {
                assert_eq!(level, Level::UpdateSerializable, "{why}");
            }
        }
    }
    // What a level implies holds where it does.
    for (&strong, &holds) in &truth {
        for (&weak, &weaker_holds) in &truth {
            if holds && strong.implies(weak) {
                assert!(weaker_holds, "{strong} implies {weak}: {committed:?}");
            }
        }
    }
    let judged = judge_all(committed, &[], &budget);
    for (&level, &holds) in &truth {
        if holds {
            assert!(!judged.refutes(level), "{level}: {committed:?}");
        } else {
            assert!(!judged.holds(level), "{level}: {committed:?}");
        }
        if level != Level::UpdateSerializable {
            assert!(
                judged.refutes(level) || judged.holds(level),
                "{level}: {committed:?}"
            );
        }
    }
}

#[test]
fn levels_are_what_their_definitions_say() {
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(1);
    let mut counts = BTreeMap::new();
    let rounds = if cfg!(debug_assertions) {
        1_500
    } else {
        100_000
    };
    for round in 0..rounds {
        let size = Size {
            transactions: rng.random_range(2..=5),
            sessions: rng.random_range(1..=4),
            keys: rng.random_range(1..=3),
            steps: rng.random_range(1..=4),
            timed: round % 2 == 0,
        };
        agree(&random(size, &mut rng), &mut counts);
    }
    for (level, (kept, violated)) in counts {
        assert!(kept > 20 && violated > 20, "{level}: {kept}, {violated}");
    }
}

/// All histories of three transactions of two steps on two keys, in all sessions, at two kinds of times. In a debug build
/// only some of them: all take a minute.
#[test]
fn all_small_histories_have_the_levels_of_their_definitions() {
    const SESSIONS: [[u32; 3]; 4] = [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 2]];
    let stride = if cfg!(debug_assertions) { 211 } else { 1 };
    let mut counts = BTreeMap::new();
    let mut histories = 0;
    for code in (0..16_u32.pow(3) * 8).step_by(stride) {
        let session = SESSIONS[(code % 4) as usize];
        let one_by_one = code / 4 % 2 == 0;
        let steps: Vec<Vec<(bool, u32)>> = (0..3)
            .map(|t| {
                let code = code / 8 / 16_u32.pow(t) % 16;
                vec![
                    (code & 1 == 0, code >> 1 & 1),
                    (code & 4 == 0, code >> 3 & 1),
                ]
            })
            .collect();
        // Reads of what others wrote, and whom each can have seen.
        let mut sources: Vec<Vec<Option<u32>>> = Vec::new();
        for (t, own) in steps.iter().enumerate() {
            for (i, &(reads, key)) in own.iter().enumerate() {
                if reads && !own[..i].contains(&(false, key)) {
                    let writers = (0..3_u32).filter(|&other| {
                        other as usize != t && steps[other as usize].contains(&(false, key))
                    });
                    sources.push(std::iter::once(None).chain(writers.map(Some)).collect());
                }
            }
        }
        let choices: usize = sources.iter().map(Vec::len).product();
        for choice in 0..choices {
            let mut left = choice;
            let mut chosen = sources.iter().map(|sources| {
                let source = sources[left % sources.len()];
                left /= sources.len();
                source
            });
            let mut builder = Builder::default();
            for (t, own) in steps.iter().enumerate() {
                let at = if one_by_one {
                    t as u64 * 10
                } else {
                    t as u64 % 2
                };
                builder.begin(session[t], at, at + 5);
                for (i, &(reads, key)) in own.iter().enumerate() {
                    if !reads {
                        builder.write(key);
                    } else if !own[..i].contains(&(false, key)) {
                        builder.read(key, chosen.next().expect("one for each read"));
                    }
                }
            }
            drop(chosen);
            histories += 1;
            agree(&builder.finish(), &mut counts);
        }
    }
    assert!(histories > 100, "{histories}");
}
