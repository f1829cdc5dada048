//! `schism plan`: what a plan would do, without touching anything.

use std::fmt::Write as _;
use std::path::PathBuf;

use schism_history::Time;

use super::Terminal;
use super::plan_source::{Changes, read_file};
use crate::exit_code::ExitCode;
use crate::plan::target::hops;
use crate::plan::units::Span;
use crate::plan::{Gates, Levels, Pace, Plan, Routing, StopOn, Target, schema};

/// Check a plan and show what it would do, without touching anything
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The plan: a TOML file, or a folder with a plan.toml
    #[arg(value_name = "PLAN")]
    path: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// Print the plan as TOML with every default written out
    #[arg(long, requires = "path")]
    resolved: bool,
    /// Print the JSON Schema of plans
    #[arg(long, exclusive = true, required_unless_present = "path")]
    schema: bool,
}

/// Runs the command.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let Some(path) = &args.path else {
        return terminal.say(ExitCode::Valid, &format!("{:#}\n", schema()));
    };
    let plan = match read_file(path, &args.changes) {
        Ok(plan) => plan,
        Err(error) => {
            let text = error.render(terminal.err_look);
            return terminal.say(ExitCode::Usage, &text);
        }
    };
    let text = if args.resolved {
        plan.to_toml()
    } else {
        describe(&plan)
    };
    terminal.say(ExitCode::Valid, &text)
}

/// The plan in words, and its faults as a table.
pub fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    for (name, value) in facts(plan) {
        for (i, line) in wrapped(&value).iter().enumerate() {
            let name = if i == 0 { name } else { "" };
            let _ = writeln!(text, "{name:<10} {line}");
        }
    }
    let strikes = plan.timeline();
    text.push('\n');
    if strikes.is_empty() {
        text.push_str("faults     none\n");
        return text;
    }
    let rows = strikes.iter().map(|strike| {
        let until = if strike.until == strike.at {
            "at once".to_owned()
        } else {
            Time::from(strike.until).to_string()
        };
        [
            strike.id.to_string(),
            Time::from(strike.at).to_string(),
            until,
            strike.name().to_owned(),
            strike.label().to_owned(),
        ]
    });
    let header = ["#", "at", "until", "fault", "whom"].map(str::to_owned);
    let times = if strikes.len() == 1 { "time" } else { "times" };
    let _ = writeln!(text, "faults     strike {} {times}", strikes.len());
    text.push_str(&table(std::iter::once(header).chain(rows)));
    text
}

fn facts(plan: &Plan) -> Vec<(&'static str, String)> {
    let nodes = plan.nodes();
    let mut facts = vec![("plan", plan.name.clone())];
    facts.push(("target", target(plan)));
    facts.push((
        if nodes.len() == 1 { "node" } else { "nodes" },
        nodes.join(" "),
    ));
    if let Some(database) = &plan.database {
        let client = options(&toml::Value::try_from(&database.client));
        facts.push(("database", format!("{client}, port {}", database.port)));
    }
    facts.push(("workload", options(&toml::Value::try_from(&plan.workload))));
    facts.push(("load", load(plan)));
    facts.push((
        "time",
        format!(
            "{}; then heal all, recover within {}, settle {}, read all",
            Span(plan.time),
            Span(plan.recovery.within),
            Span(plan.recovery.settle)
        ),
    ));
    facts.push(("seed", plan.seed.to_string()));
    facts.push((
        "checkers",
        format!(
            "{}; at least {} successful calls{}",
            plan.checks.checkers.join(", "),
            plan.checks.minimum_ok,
            match plan.checks.stop_on {
                Some(StopOn::FirstViolation) => "; the run ends at the first violation",
                None => "",
            }
        ),
    ));
    for (i, gate) in gates(&plan.gates).into_iter().enumerate() {
        facts.push((if i == 0 { "gates" } else { "" }, gate));
    }
    facts
}

/// The lines of a text; each fits beside the name of its fact, unless a single word does not.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 88;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn target(plan: &Plan) -> String {
    match &plan.target {
        Target::Sim(config) => format!("simulated cluster, store {}", config.store),
        Target::Maelstrom(maelstrom) => format!(
            "nodes that run {} and answer {}",
            maelstrom.bin.display(),
            maelstrom.protocol.name
        ),
        Target::Lab(lab) => format!("local cluster {}", lab.name),
        Target::Ssh(ssh) => {
            let mut text = "cluster over SSH".to_owned();
            if let Some(user) = &ssh.user {
                let _ = write!(text, ", as {user}");
            }
            if !ssh.jump.is_empty() {
                let _ = write!(text, ", through {}", hops(&ssh.jump));
            }
            text.push_str("; faults do harm there");
            text
        }
    }
}

/// A name with its options, as TOML writes them: `register { keys = 5 }`.
fn options(spec: &Result<toml::Value, toml::ser::Error>) -> String {
    let entry = spec
        .as_ref()
        .ok()
        .and_then(toml::Value::as_table)
        .and_then(|table| table.iter().next());
    match entry {
        Some((name, options)) => match options.as_table() {
            Some(table) if !table.is_empty() => {
                let options: Vec<_> = table
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{name} {{ {} }}", options.join(", "))
            }
            _ => name.clone(),
        },
        None => String::new(),
    }
}

fn load(plan: &Plan) -> String {
    let load = &plan.load;
    let processes = plan.processes();
    let who = if processes == 1 {
        "1 process".to_owned()
    } else {
        format!("{processes} processes")
    };
    let routing = match load.routing {
        Routing::Pinned => "each keeps to one node",
        Routing::Roaming => "each moves from node to node",
        Routing::Moving => "each moves to the next node now and then",
        Routing::Random => "each call to a node drawn",
        Routing::Nearest => "each keeps to a node near the clients",
        Routing::Ring => "each object on its node by a ring of hashes",
        Routing::Hash => "each object on its node by its hash",
    };
    let pace = match load.pace {
        Pace::AsFastAsPossible => "as fast as answers come".to_owned(),
        Pace::Throttled(rate) => format!("at most {rate} calls a second"),
        Pace::Open(rate) => format!("{rate} calls a second, whatever the database does"),
    };
    let timeout = Span(load.timeout);
    let mut text = format!("{who}, {routing}; {pace}; timeout {timeout}");
    if let Some(operations) = load.operations {
        let _ = write!(text, "; at most {operations} calls");
    }
    text
}

fn gates(gates: &Gates) -> Vec<String> {
    let mut lines: Vec<String> = gates
        .require
        .iter()
        .map(|checker| format!("{checker} is valid"))
        .collect();
    let mut add = |name: String, side: &str, levels: Option<Levels<String>>| {
        let Some(levels) = levels else { return };
        let mut line = format!("{name} {side}");
        match (levels.critical, levels.warning) {
            (Some(critical), Some(warning)) => {
                let _ = write!(line, " {critical}, warning beyond {warning}");
            }
            (Some(critical), None) => {
                let _ = write!(line, " {critical}");
            }
            (None, Some(warning)) => {
                let _ = write!(line, " {warning}, warning only");
            }
            (None, None) => {}
        }
        lines.push(line);
    };
    let (least, most) = ("at least", "at most");
    add("availability".to_owned(), least, shown(gates.availability));
    add("errors".to_owned(), most, shown(gates.errors));
    add("stale reads".to_owned(), most, shown(gates.stale_reads));
    let spans = |levels: Levels<_>| Levels {
        warning: levels.warning.map(Span),
        critical: levels.critical.map(Span),
    };
    add(
        "recovery".to_owned(),
        most,
        shown(gates.recovery.map(spans)),
    );
    for (function, quantiles) in &gates.latency {
        for (quantile, levels) in quantiles {
            let name = format!("latency of {function}, {}", quantile.name());
            add(name, most, shown(Some(spans(*levels))));
        }
    }
    lines
}

fn shown<T: ToString>(levels: Option<Levels<T>>) -> Option<Levels<String>> {
    levels.map(|levels| Levels {
        warning: levels.warning.map(|level| level.to_string()),
        critical: levels.critical.map(|level| level.to_string()),
    })
}

/// Rows in columns as wide as they need. The first three hold numbers, which end at the same place.
fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            if i < 3 {
                let _ = write!(line, "{cell:>width$}  ");
            } else {
                let _ = write!(line, "{cell:<width$}  ");
            }
        }
        text.push_str("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
