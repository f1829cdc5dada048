//! The circumstances of a run in the words of a report.

use jiff::Timestamp;

use crate::plan::{Plan, Target};
use crate::report::RunFacts;
use crate::run_folder::Facts;

/// Where, when and with what a run was made; `plan_text` is its plan as recorded.
pub(super) fn circumstances(plan: &Plan, plan_text: String, facts: &Facts) -> RunFacts {
    RunFacts {
        name: plan.name.clone(),
        started: to_the_second(&facts.started),
        target: target(plan, facts),
        seed: facts.seed,
        command: command(facts),
        plan: plan_text,
        versions: part(facts, false),
        environment: part(facts, true),
    }
}

/// A moment as people read it; the file has it to the nanosecond.
fn to_the_second(moment: &str) -> String {
    match moment.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => moment.to_owned(),
    }
}

/// What was tested, in words: `etcd 3.4.23 on 5 nodes (lab)`.
fn target(plan: &Plan, facts: &Facts) -> String {
    let nodes = plan.nodes().len();
    let nodes = if nodes == 1 {
        "1 node".to_owned()
    } else {
        format!("{nodes} nodes")
    };
    match (&plan.target, &plan.database) {
        (Target::Sim(config), _) => format!("{} on {nodes} (simulated)", config.store),
        (Target::Maelstrom(maelstrom), _) => {
            let bin = maelstrom
                .bin
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            format!("{bin} as {} on {nodes}", maelstrom.protocol.name)
        }
        (target, Some(database)) => {
            let name = database.client.listed().name;
            let own = format!("{name} of ");
            let version = facts
                .environment
                .iter()
                .find(|(what, _)| what.starts_with(&own));
            let version = version
                .map(|(_, version)| format!(" {version}"))
                .unwrap_or_default();
            format!("{name}{version} on {nodes} ({})", target.name())
        }
        (target, None) => format!("{nodes} ({})", target.name()),
    }
}

/// The command line that repeats the run: the recorded one, with the seed it drew.
fn command(facts: &Facts) -> String {
    let mut words: Vec<String> = facts.command.iter().map(|word| shell_word(word)).collect();
    let seeded = facts
        .command
        .iter()
        .any(|word| word == "--seed" || word.starts_with("--seed="));
    if !seeded && !words.is_empty() {
        words.push(format!("--seed {}", facts.seed));
    }
    words.join(" ")
}

/// A word as a shell takes it, quoted only where it must be.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The facts about machines, or those about everything else.
fn part(facts: &Facts, machines: bool) -> Vec<(String, String)> {
    facts
        .environment
        .iter()
        .filter(|(what, _)| what.starts_with("system of") == machines)
        .map(|(what, value)| (what.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_repeats_the_seed_that_was_drawn() {
        let facts = |words: &[&str]| Facts {
            seed: 7,
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            ..Facts::default()
        };
        assert_eq!(
            command(&facts(&["schism", "run", "my plan.toml"])),
            "schism run 'my plan.toml' --seed 7"
        );
        assert_eq!(
            command(&facts(&["schism", "run", "p", "--seed", "9"])),
            "schism run p --seed 9"
        );
        assert_eq!(command(&facts(&["it's"])), "'it'\\''s' --seed 7");
        assert_eq!(command(&facts(&[])), "");
    }
}
