//! Whatever is written, reading it ends, without a panic and with a place for every mistake.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use schism::plan::{Look, PlanError, read};

use crate::{plans, read_set, reading, valid_plans};

/// Reads, and looks at all that is said about it. A plan that is accepted reads back.
fn must_not_panic(text: &str) -> Result<(), TestCaseError> {
    match read(text, &reading("plan.toml", &[])) {
        Ok(plan) => {
            let resolved = plan.to_toml();
            let again = read(&resolved, &reading("plan.toml", &[]));
            prop_assert_eq!(again.as_ref(), Ok(&plan), "{}", resolved);
        }
        Err(error) => must_have_places(&error)?,
    }
    Ok(())
}

fn must_have_places(error: &PlanError) -> Result<(), TestCaseError> {
    prop_assert!(!error.mistakes().is_empty());
    for mistake in error.mistakes() {
        let text = &mistake.source.text;
        prop_assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?}");
    }
    prop_assert!(!error.render(Look::PLAIN).is_empty());
    Ok(())
}

fn all_plans() -> Vec<String> {
    let mut texts: Vec<_> = valid_plans().into_iter().map(|(_, text)| text).collect();
    texts.extend(plans("broken").into_iter().map(|(_, text)| text));
    texts
}

const PIECES: [&str; 30] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\"",
    "\n",
    "#",
    "-1",
    "0",
    "nan",
    "1e999",
    "99999999999999999999",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"0s\"",
    "\"n\"",
    "faults",
    "target",
    "workload",
    "é",
    "\u{0}",
    "\r",
    "2024-01-01",
];

/// So many cases, the same ones each time.
fn always_the_same(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(always_the_same(300))]

    #[test]
    fn arbitrary_text(text: String) {
        must_not_panic(&text)?;
    }

    #[test]
    fn arbitrary_pieces(pieces in prop::collection::vec(select(&PIECES[..]), 0..40)) {
        must_not_panic(&pieces.concat())?;
    }

    #[test]
    fn plans_with_a_change(
        text in select(all_plans()),
        at: prop::sample::Index,
        length in 0..12_usize,
        piece in select(&PIECES[..]),
    ) {
        let start = text.floor_char_boundary(at.index(text.len() + 1));
        let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
        let changed = format!("{}{piece}{}", &text[..start], &text[end..]);
        must_not_panic(&changed)?;
    }

    #[test]
    fn arbitrary_arguments(
        text in select(all_plans()),
        path in select(vec![
            "seed", "time", "load", "load.rate", "faults", "faults[0]", "faults[1].kill", "target.sim", "a.b[0].c",
            "workload.register.keys", "gates.latency.read.p99", "checks.use[0]", "",
        ]),
        value: String,
    ) {
        let argument = format!("{path}={value}");
        for argument in [argument.as_str(), value.as_str()] {
            if let Err(error) = read_set(&text, &[argument]) {
                must_have_places(&error)?;
            }
        }
    }
}

#[test]
fn deep_nesting_and_long_texts_are_bounded() {
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        format!("a.{}b = 1", "a.".repeat(100_000)),
        "x = 1\n".repeat(20_000),
        "x = yes\n".repeat(20_000),
        format!(
            "[workload]\n{}",
            (0..2_000).fold(String::new(), |text, i| text + &format!("key{i} = {i}\n"))
        ),
        (0..2_000).fold(String::new(), |text, i| text + &format!("key{i} = {i}\n")),
    ] {
        let error = read(&text, &reading("plan.toml", &[])).unwrap_err();
        assert!(error.mistakes().len() <= 20);
    }
}
