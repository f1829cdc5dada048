//! `schism list`: what plans can name.

use std::fmt::Write as _;

use schism_checkers::CHECKERS;
use schism_nemeses::Spec;
use schism_simulator::STORES;
use schism_workloads::clients::DATABASES;
use schism_workloads::{Capability, WORKLOADS};

use super::Terminal;
use crate::exit_code::ExitCode;
use crate::plan::checker_options;
use crate::targets::maelstrom::PROTOCOLS;
use crate::targets::sim::offered;

/// List workloads, databases and which of them fit, simulated stores, faults and checkers
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    terminal.print(&all())
}

fn all() -> String {
    let mut text = String::new();
    section(
        &mut text,
        "workloads",
        WORKLOADS.iter().map(|w| (w.name, w.summary)),
    );
    section(
        &mut text,
        "databases",
        DATABASES.iter().map(|d| (d.name, d.summary)),
    );
    section(
        &mut text,
        "simulated stores, correct",
        STORES
            .iter()
            .filter(|s| s.good)
            .map(|s| (s.name, s.summary)),
    );
    section(
        &mut text,
        "simulated stores, broken",
        STORES
            .iter()
            .filter(|s| !s.good)
            .map(|s| (s.name, s.summary)),
    );
    section(
        &mut text,
        "protocols of programs (schism run --bin)",
        PROTOCOLS.iter().map(|p| (p.name, p.summary)),
    );
    matrix(&mut text);
    section(&mut text, "faults", Spec::KINDS.into_iter());
    section(
        &mut text,
        "checkers",
        CHECKERS.iter().map(|c| (c.name, c.summary)),
    );
    let options = checker_options();
    section(
        &mut text,
        "what checkers can be told, below [checkers] in a plan",
        options.iter().map(|(name, told)| (&**name, &**told)),
    );
    text.push_str("their options: schism plan --schema\n");
    text
}

fn section<'a>(text: &mut String, name: &str, lines: impl Iterator<Item = (&'a str, &'a str)>) {
    let lines: Vec<_> = lines.collect();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let _ = writeln!(text, "{name}");
    for (name, summary) in lines {
        let _ = writeln!(text, "  {name:<width$}  {summary}");
    }
    text.push('\n');
}

/// Which workload runs on what.
fn matrix(text: &mut String) {
    let databases = DATABASES.iter().map(|d| (d.name, d.capabilities));
    let stores = STORES.iter().map(|s| (s.name, offered(s)));
    let programs = PROTOCOLS.iter().map(|p| (p.name, p.offers));
    let rows: Vec<(&str, &[Capability])> = databases.chain(stores).chain(programs).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let _ = write!(text, "what runs on what\n  {:width$}", "");
    for workload in WORKLOADS {
        let _ = write!(text, "  {}", workload.name);
    }
    text.push('\n');
    for (name, capabilities) in rows {
        let mut line = format!("  {name:width$}");
        for workload in WORKLOADS {
            let fits = (workload.spec)().missing(capabilities).is_empty();
            let mark = if fits { "yes" } else { "-" };
            let _ = write!(line, "  {mark:<0$}", workload.name.len());
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_plan_can_name_is_listed() {
        let text = all();
        let names = WORKLOADS.iter().map(|w| w.name);
        let names = names.chain(DATABASES.iter().map(|d| d.name));
        let names = names.chain(STORES.iter().map(|s| s.name));
        let names = names.chain(PROTOCOLS.iter().map(|p| p.name));
        let names = names.chain(CHECKERS.iter().map(|c| c.name));
        for name in names.chain(Spec::KINDS.map(|(name, _)| name)) {
            assert!(text.contains(&format!("  {name}")), "{name}: {text}");
        }
        for told in [
            "bank.negative",
            "queue.fifo",
            "linearizable.model",
            "list-append.claim",
        ] {
            assert!(text.contains(&format!("  {told} ")), "{told}: {text}");
        }
        let row = |name: &str| {
            let line = text
                .lines()
                .rev()
                .find(|line| line.split_whitespace().next() == Some(name));
            line.unwrap().split_whitespace().skip(1).collect::<Vec<_>>()
        };
        assert_eq!(row("etcd"), ["yes", "yes", "yes"]);
        assert_eq!(row("kg-abd")[0], "-", "it has no transactions: {text}");
    }
}
