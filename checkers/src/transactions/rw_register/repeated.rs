//! Repeated values: each level against all writers and all orders, and what is planted.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use schism_history::testing;

use super::RwRegister;
use crate::proof::commit_orders::{self, Found, Transaction};
use crate::transactions::saturation::levels::JUDGED;
use crate::{Budget, Checker, Level, Validity, Verdict};

const SEEDS: u64 = 300;

/// A step: whether it writes, the key, the value (0: nil).
type Step = (bool, u32, u32);

fn judge(claim: Level, drawing: &str) -> Verdict {
    RwRegister { claim }.check(&testing::history(drawing), &Budget::default())
}

/// A few transactions on one or two keys and two values; each reads before it writes, and only what another one wrote.
fn draw(rng: &mut Pcg64Mcg) -> Vec<Vec<Step>> {
    let count = rng.random_range(3..=5);
    let keys = rng.random_range(1..=2);
    let mut made: Vec<Vec<Step>> = vec![Vec::new(); count];
    for steps in &mut made {
        for key in 0..keys {
            if rng.random_bool(0.7) {
                steps.push((true, key, rng.random_range(1..=2)));
            }
        }
    }
    let writes = made.clone();
    for (t, steps) in made.iter_mut().enumerate() {
        for key in 0..keys {
            let mut seen: Vec<u32> = (writes.iter().enumerate())
                .filter(|&(other, _)| other != t)
                .flat_map(|(_, steps)| steps.iter().filter(|step| step.1 == key))
                .map(|step| step.2)
                .collect();
            seen.push(0);
            if rng.random_bool(0.7) {
                steps.insert(0, (false, key, seen[rng.random_range(0..seen.len())]));
            }
        }
    }
    made
}

/// Sessions of two transactions each.
fn drawing(transactions: &[Vec<Step>]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (t, steps) in transactions.iter().enumerate() {
        let steps: Vec<String> = (steps.iter())
            .map(|&(writes, key, value)| {
                let value = if value == 0 {
                    "nil".to_owned()
                } else {
                    value.to_string()
                };
                format!("[{},k{key},{value}]", if writes { "w" } else { "r" })
            })
            .collect();
        let text = format!("txn nil [] -> [{}]", steps.join(","));
        lines.push(format!(
            "{} {:indent$}|{text:<90}|",
            t / 2,
            "",
            indent = t % 2 * 100
        ));
    }
    lines.join("\n")
}

/// Whether some writers and some order keep a level, by its definition.
fn kept(transactions: &[Vec<Step>], level: Level) -> bool {
    let reads: Vec<(usize, Step)> = (transactions.iter().enumerate())
        .flat_map(|(t, steps)| steps.iter().filter(|s| !s.0).map(move |&s| (t, s)))
        .collect();
    let sources: Vec<Vec<Option<usize>>> = (reads.iter())
        .map(|&(reader, (_, key, value))| {
            if value == 0 {
                return vec![None];
            }
            let wrote = |&t: &usize| t != reader && transactions[t].contains(&(true, key, value));
            (0..transactions.len()).filter(wrote).map(Some).collect()
        })
        .collect();
    let count: usize = sources.iter().map(Vec::len).product();
    (0..count).any(|mut choice| {
        let mut plain: Vec<Transaction> = (transactions.iter().enumerate())
            .map(|(t, steps)| Transaction {
                session: t as u32 / 2,
                invoked: t as u64 % 2 * 100,
                completed: t as u64 % 2 * 100 + 95,
                reads: Vec::new(),
                writes: steps.iter().filter(|s| s.0).map(|s| s.1).collect(),
            })
            .collect();
        for (&(reader, (_, key, _)), sources) in reads.iter().zip(&sources) {
            let source = sources[choice % sources.len()];
            choice /= sources.len();
            plain[reader].reads.push((key, source));
        }
        matches!(
            commit_orders::search(&plain, level, u64::MAX),
            Found::Order(_)
        )
    })
}

#[test]
fn every_level_is_what_trying_all_writers_and_orders_says() {
    let mut refuted_by_choice = 0;
    for seed in 0..SEEDS {
        let transactions = draw(&mut Pcg64Mcg::seed_from_u64(seed));
        let drawing = drawing(&transactions);
        let verdict = judge(Level::StrictSerializable, &drawing);
        assert_eq!(verdict.disagreement, None, "seed {seed}\n{drawing}");
        if (transactions.iter().flatten()).all(|step| step.0 || step.2 == 0) {
            continue;
        }
        refuted_by_choice += u64::from(verdict.anomalies.iter().any(|a| a.name == "no-order"));
        for level in JUDGED {
            let kept = kept(&transactions, level);
            let held = (verdict.levels.held.iter()).any(|held| held.implies(level));
            let refuted = (verdict.levels.refuted.iter()).any(|&weak| level.implies(weak));
            assert!(!held || kept, "seed {seed}: {level} held\n{drawing}");
            assert!(!refuted || !kept, "seed {seed}: {level} refuted\n{drawing}");
            assert!(
                held || refuted || level == Level::UpdateSerializable,
                "seed {seed}: {level} open\n{drawing}"
            );
        }
    }
    assert!(refuted_by_choice > 3, "{refuted_by_choice}");
}

/// Two write 1, and two read 1 and replace it: each of those may have its own writer. A third one is one too many.
#[test]
fn more_updates_than_versions_are_lost_whoever_wrote_what() {
    let two = "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[w,x,1]]|
        2 |txn nil [] -> [[r,x,1],[w,x,2]]|
        3 |txn nil [] -> [[r,x,1],[w,x,3]]|
        ";
    let verdict = judge(Level::Serializable, two);
    assert_eq!(verdict.validity, Validity::Valid, "{verdict:#?}");
    let three = format!("{two}\n4 |txn nil [] -> [[r,x,1],[w,x,4]]|");
    let verdict = judge(Level::Serializable, &three);
    assert_eq!(verdict.validity, Validity::Invalid, "{verdict:#?}");
    assert_eq!(verdict.disagreement, None);
    assert_eq!(verdict.anomalies[0].name, "no-order");
    assert!(verdict.anomalies[0].confirmation.agrees);
    assert_eq!(verdict.anomalies[0].operations.len(), 5);
}

/// The budget is spent: nothing is said.
#[test]
fn a_spent_budget_leaves_the_level_open() {
    let drawing = "
        0 |txn nil [] -> [[w,x,1]]|
        1 |txn nil [] -> [[w,x,1]]|
        2 |txn nil [] -> [[r,x,1],[w,x,2]]|
        3 |txn nil [] -> [[r,x,1],[w,x,3]]|
        4 |txn nil [] -> [[r,x,1],[w,x,4]]|
        ";
    let budget = Budget::default().part(64, 1 << 30);
    let verdict = RwRegister::default().check(&testing::history(drawing), &budget);
    assert_eq!(verdict.validity, Validity::Unknown, "{verdict:#?}");
}
