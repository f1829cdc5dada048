//! Every kind of mistake, one plan each: what is shown is beside it. Regenerate with `INSTA_UPDATE=always`, then read
//! what changed.

use std::path::PathBuf;

use schism::plan::{Look, Override, Reading, read};

use crate::{plans, reading};

#[test]
fn every_broken_plan_is_refused_with_place_and_remedy() {
    let plans = plans("broken");
    assert!(plans.len() > 100, "{} plans", plans.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(PathBuf::from("../plans/broken"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, text) in plans {
        // Lines that begin with `#!` are arguments of `--set`.
        let overrides: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#! "))
            .map(Override::set)
            .collect();
        let source = format!("{name}.toml");
        let reading = Reading {
            look_at_files: true,
            ..reading(&source, &overrides)
        };
        let error = match read(&text, &reading) {
            Ok(plan) => panic!("{name} was read: {plan:#?}"),
            Err(error) => error,
        };
        let shown = error.render(Look::PLAIN);
        assert!(!error.mistakes().is_empty(), "{name}");
        for mistake in error.mistakes() {
            let (line, column) = mistake.position();
            let place = format!("[{}:{line}:{column}]", mistake.source.name);
            assert!(shown.contains(&place), "{name}: no {place} in\n{shown}");
            assert!(!mistake.message.is_empty(), "{name}");
        }
        assert!(shown.is_ascii(), "{name}: {shown}");
        for secret in ["hunter2", "c2VjcmV0"] {
            assert!(!shown.contains(secret), "{name}: {shown}");
            assert!(!error.to_string().contains(secret), "{name}: {error}");
        }
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }
}
