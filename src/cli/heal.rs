//! `schism heal`: undo everything of ours on a plan's nodes, whatever run left it, and prove it.

use std::fmt::Write as _;

use schism_history::{FaultOutcome, Value};
use schism_nemeses::Report;

use super::{PlanSource, Terminal};
use crate::exit_code::ExitCode;
use crate::plan::{Plan, Target};
use crate::run::runtime;
use crate::targets::site::{OpenError, Site};

/// Undo every fault of ours on a plan's nodes, whatever run left it, and prove it
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: PlanSource,
}

/// Runs the command. It ends with [`ExitCode::LeftDirty`] when something is left, or cannot be seen.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let plan = match args.source.read() {
        Ok(plan) => plan,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(ExitCode::Usage, &text);
        }
    };
    match plan.target {
        Target::Sim(_) => {
            return terminal.print("the cluster is simulated: there is nothing to heal\n");
        }
        Target::Maelstrom(_) => {
            return terminal.print("the nodes end with the run: there is nothing to heal\n");
        }
        Target::Lab(_) | Target::Ssh(_) => {}
    }
    match heal(&plan) {
        Ok(report) => {
            let code = if report.outcome == FaultOutcome::Installed {
                ExitCode::Valid
            } else {
                ExitCode::LeftDirty
            };
            terminal
                .print(&described(&report, plan.nodes().len()))
                .and(code)
        }
        Err(error) => terminal.say(error.exit_code(), &format!("error: {error}\n")),
    }
}

fn heal(plan: &Plan) -> Result<Report, OpenError> {
    let site = Site::open(plan, &plan.name)?;
    let runtime = runtime().map_err(OpenError::Runtime)?;
    Ok(runtime.block_on(site.heal_all()))
}

/// What was undone, what is left, and the answer.
fn described(report: &Report, nodes: usize) -> String {
    let mut text = String::new();
    if let Some(Value::Map(undone)) = report.evidence.get("undone") {
        for (node, what) in undone.iter() {
            for item in what.as_list().unwrap_or_default() {
                let _ = writeln!(text, "undone     {node}: {}", shown(item));
            }
        }
    }
    for (part, name) in [
        ("left", "LEFT"),
        ("errors", "ERROR"),
        ("unreached", "no answer"),
    ] {
        let items = report.evidence.get(part).and_then(Value::as_list);
        for item in items.unwrap_or_default() {
            let _ = writeln!(text, "{name:<9}  {}", shown(item));
        }
    }
    let nodes = if nodes == 1 {
        "1 node".to_owned()
    } else {
        format!("{nodes} nodes")
    };
    let _ = if report.outcome == FaultOutcome::Installed {
        writeln!(text, "{nodes}: nothing of ours is left")
    } else {
        writeln!(
            text,
            "{nodes}: not healed; see above, put it right and run schism heal again"
        )
    };
    text
}

fn shown(item: &Value) -> String {
    item.as_text()
        .map_or_else(|| item.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_and_what_is_left_is_told() {
        let evidence = Value::map([
            (
                "undone",
                Value::map([("n1", Value::list(["partition of run x"]))]),
            ),
            ("left", Value::list(["node n2: process 7 stands still"])),
        ]);
        let mut report = Report {
            outcome: FaultOutcome::Indeterminate,
            evidence,
        };
        assert_eq!(
            described(&report, 2),
            "undone     n1: partition of run x\n\
             LEFT       node n2: process 7 stands still\n\
             2 nodes: not healed; see above, put it right and run schism heal again\n"
        );
        report.outcome = FaultOutcome::Installed;
        report.evidence = Value::map([("undone", Value::map::<&str, Value>([]))]);
        assert_eq!(described(&report, 1), "1 node: nothing of ours is left\n");
    }
}
