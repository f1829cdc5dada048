//! `schism doctor`: whether a plan can run here, without disturbing anything.

use std::fmt::Write as _;

use super::{PlanSource, Terminal};
use crate::exit_code::ExitCode;
use crate::lab::{Labs, Options};
use crate::plan::{Plan, Target};
use crate::run::runtime;
use crate::targets::site::preflight::{Finding, Weight};
use crate::targets::site::{OpenError, Site};

/// Say whether a plan can run here, and what is missing, without disturbing anything
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: PlanSource,
}

/// Runs the command. It ends with [`ExitCode::Environment`] when the plan cannot run.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let plan = match args.source.read() {
        Ok(plan) => plan,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(ExitCode::Usage, &text);
        }
    };
    match look(&plan) {
        Ok((text, code)) => terminal.print(&text).and(code),
        Err(error) => terminal.say(error.exit_code(), &format!("error: {error}\n")),
    }
}

/// What was found out, in words, and the exit code that says so.
fn look(plan: &Plan) -> Result<(String, ExitCode), OpenError> {
    match (&plan.target, &plan.database) {
        (Target::Sim(_), _) => {
            let text = "the cluster is simulated: nothing is needed\nthe plan can run\n";
            return Ok((text.to_owned(), ExitCode::Valid));
        }
        (Target::Maelstrom(_), _) => {
            let text = "the nodes are programs of this machine: nothing else is needed\nthe plan can run\n";
            return Ok((text.to_owned(), ExitCode::Valid));
        }
        (Target::Lab(wanted), Some(database)) => {
            let labs = Labs::of_this_machine();
            let is_up = labs.open(&wanted.name).is_ok_and(|lab| lab.is_ready());
            if !is_up {
                labs.can_bring_up(&Options {
                    binary: wanted.binary.clone(),
                    ..Options::new(database.client.listed().name)
                })?;
                let name = &wanted.name;
                let text = format!(
                    "lab {name}: not up; this machine can bring it up, and `schism run` does\n\
                     the plan can run, as far as can be seen without the lab\n\
                     for the nodes' part: schism lab up {} --nodes {} --name {name}, then ask again\n",
                    database.client.listed().name,
                    wanted.nodes
                );
                return Ok((text, ExitCode::Valid));
            }
        }
        _ => {}
    }
    let site = Site::open(plan, &plan.name)?;
    let is_guarded = matches!(plan.target, Target::Ssh(_));
    let runtime = runtime().map_err(OpenError::Runtime)?;
    let findings = runtime.block_on(site.preflight(&plan.faults, is_guarded));
    let code = if findings
        .iter()
        .any(|finding| finding.weight == Weight::Prevents)
    {
        ExitCode::Environment
    } else {
        ExitCode::Valid
    };
    Ok((described(&findings), code))
}

/// The findings as a table, the nodes in their order, and what follows from them.
fn described(findings: &[Finding]) -> String {
    let node = |finding: &Finding| finding.node.as_deref().unwrap_or("all").to_owned();
    let width = |of: &dyn Fn(&Finding) -> usize| findings.iter().map(of).max().unwrap_or_default();
    let nodes = width(&|finding| node(finding).chars().count());
    let subjects = width(&|finding| finding.subject.chars().count());
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.weight {
            Weight::Well => "ok",
            Weight::Doubtful => "doubt",
            Weight::Prevents => "NO",
        };
        let (name, subject) = (node(finding), &finding.subject);
        let _ = writeln!(
            text,
            "{mark:<5}  {name:<nodes$}  {subject:<subjects$}  {}",
            finding.text
        );
    }
    let prevents = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Prevents)
        .count();
    let _ = match prevents {
        0 => writeln!(text, "the plan can run"),
        1 => writeln!(text, "the plan cannot run: 1 thing prevents it"),
        n => writeln!(text, "the plan cannot run: {n} things prevent it"),
    };
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_prevents_the_plan_is_marked_and_counted() {
        let find = |node: &str, subject: &str, weight, text: &str| Finding {
            node: Some(Arc::from(node)),
            subject: subject.to_owned(),
            weight,
            text: text.to_owned(),
        };
        let findings = [
            find("n1", "ssh", Weight::Well, "reached"),
            find("n10", "clock", Weight::Doubtful, "2.0 s apart"),
            find("n10", "root", Weight::Prevents, "refused"),
        ];
        assert_eq!(
            described(&findings),
            "ok     n1   ssh    reached\n\
             doubt  n10  clock  2.0 s apart\n\
             NO     n10  root   refused\n\
             the plan cannot run: 1 thing prevents it\n"
        );
        assert!(described(&findings[..2]).ends_with("the plan can run\n"));
    }
}
