//! `schism lab`: real local clusters.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::{Args, Subcommand};
use schism_nemeses::quote;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::lab::{DatabaseState, Lab, LabError, Labs, NodeStatus, Options, last_lines, need_root};

/// Real local clusters, reached over SSH like any other (needs root)
#[derive(Clone, Debug, Args)]
pub struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum LabCommand {
    /// Make a cluster and wait until its database is ready on every node
    Up(UpArgs),
    /// Show labs, their nodes and how their databases are
    Status(StatusArgs),
    /// Remove a lab, whatever is left of it
    Down(DownArgs),
    /// Log in to a node, or run a command there
    Ssh(SshArgs),
    /// Show the database's log on a node
    Logs(LogsArgs),
}

#[derive(Clone, Debug, Args)]
struct UpArgs {
    /// The database: etcd
    database: String,
    /// How many nodes
    #[arg(long, short, default_value_t = 5)]
    nodes: usize,
    /// The lab's name [default: the database's]
    #[arg(long)]
    name: Option<String>,
    /// The database's program [default: the one in PATH]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// How long the database may take to become ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Leave a lab that does not become ready as it is
    #[arg(long)]
    keep: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Args)]
struct StatusArgs {
    /// The lab [default: all]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Args)]
struct DownArgs {
    /// The lab [default: the only one]
    name: Option<String>,
    /// Remove all labs
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

#[derive(Clone, Debug, Args)]
struct SshArgs {
    /// The node: n1
    node: String,
    /// The lab [default: the only one]
    #[arg(long)]
    lab: Option<String>,
    /// One argument is a line for the node's shell, several are a program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[derive(Clone, Debug, Args)]
struct LogsArgs {
    /// The node: n1
    node: String,
    /// The lab [default: the only one]
    #[arg(long)]
    lab: Option<String>,
    /// How many lines from the end
    #[arg(long, short = 'n', default_value_t = 200)]
    lines: usize,
    /// Go on showing what is written
    #[arg(long, short)]
    follow: bool,
}

/// A lab as `--json` shows it.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    /// `ready`, `busy` (being made or removed just now), `half-finished`, `unreadable`, `orphaned` (its directory is
    /// gone), or `elsewhere` (made with another `SCHISM_LABS`).
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(flatten)]
    lab: Option<ShownLab>,
}

#[derive(Debug, Serialize)]
struct ShownLab {
    database: String,
    version: Option<String>,
    binary: PathBuf,
    directory: PathBuf,
    ssh_config: PathBuf,
    nodes: Vec<NodeStatus>,
}

/// Carries the command out. `lab ssh` and `lab logs` become another program and return only when that fails.
///
/// # Errors
/// See [`LabError`]; its [`trouble`](LabError::trouble) decides the exit code.
pub fn run(args: &LabArgs, out: &mut dyn Write) -> Result<(), LabError> {
    need_root()?;
    let labs = Labs::of_this_machine();
    match &args.command {
        LabCommand::Up(args) => up(&labs, args, out),
        LabCommand::Status(args) => status(&labs, args, out),
        LabCommand::Down(args) => down(&labs, args, out),
        LabCommand::Ssh(args) => ssh(&labs, args),
        LabCommand::Logs(args) => logs(&labs, args, out),
    }
}

fn up(labs: &Labs, args: &UpArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let defaults = Options::new(&args.database);
    let options = Options {
        name: args.name.clone().unwrap_or(defaults.name),
        nodes: args.nodes,
        binary: args.binary.clone(),
        ready_within: Duration::from_secs(args.timeout),
        keep_on_failure: args.keep,
        database: defaults.database,
    };
    runtime()?.block_on(async {
        let began = Instant::now();
        // Whichever future is dropped here has removed what it had made.
        let lab = tokio::select! {
            lab = labs.up(&options) => lab?,
            interruption = interruption() => return Err(interruption),
        };
        let seconds = began.elapsed().as_secs_f64();
        if args.json {
            return print_json(out, &show(lab).await);
        }
        print(out, &announcement(&lab, seconds))
    })
}

fn status(labs: &Labs, args: &StatusArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let mut all = labs.names();
    all.extend(labs.strays());
    let names = match &args.name {
        None => all,
        Some(name) if all.contains(name) => vec![name.clone()],
        Some(name) => {
            return Err(LabError::NoSuchLab {
                name: name.clone(),
                known: all,
            });
        }
    };
    runtime()?.block_on(async {
        let mut shown = Vec::new();
        for name in names {
            shown.push(match labs.open(&name) {
                Ok(lab) => show(lab).await,
                Err(error) => {
                    let state = match error {
                        LabError::Elsewhere { .. } => "elsewhere",
                        LabError::Orphans { .. } | LabError::NoSuchLab { .. } => "orphaned",
                        LabError::Record { .. } => "unreadable",
                        _ => "half-finished",
                    };
                    Shown {
                        name,
                        state,
                        problem: Some(error.to_string()),
                        lab: None,
                    }
                }
            });
        }
        if args.json {
            return print_json(out, &serde_json::json!({ "labs": shown }));
        }
        if shown.is_empty() {
            return print(out, "no labs\n");
        }
        print(out, &shown.iter().map(table).collect::<Vec<_>>().join("\n"))
    })
}

fn down(labs: &Labs, args: &DownArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let names = match &args.name {
        Some(name) => vec![name.clone()],
        None if args.all => labs.names(),
        None => vec![labs.only()?],
    };
    if names.is_empty() {
        return print(out, "no labs\n");
    }
    // One that resists must not keep the others from being removed.
    let mut failure = Ok(());
    for name in names {
        match labs.down(&name) {
            Ok(()) => print(out, &format!("lab {name}: removed\n"))?,
            Err(error) if failure.is_ok() => failure = Err(error),
            Err(error) => print(out, &format!("lab {name}: {error}\n"))?,
        }
    }
    failure
}

fn ssh(labs: &Labs, args: &SshArgs) -> Result<(), LabError> {
    let lab = labs.open_or_only(args.lab.as_deref())?;
    let node = lab.node(&args.node)?;
    let line = match args.command.as_slice() {
        [] => None,
        [line] => Some(line.clone()),
        words => Some(
            words
                .iter()
                .map(|word| quoted(word))
                .collect::<Vec<_>>()
                .join(" "),
        ),
    };
    Err(become_ssh(&lab, &node.name, line.as_deref()))
}

fn logs(labs: &Labs, args: &LogsArgs, out: &mut dyn Write) -> Result<(), LabError> {
    let lab = labs.open_or_only(args.lab.as_deref())?;
    let node = lab.node(&args.node)?;
    let files = lab.service(&node.name)?.logs;
    if lab.is_up(&node.name) {
        let files: Vec<_> = files.iter().map(|file| quoted(file)).collect();
        let follow = if args.follow { "-F " } else { "" };
        let line = format!("tail -n {} {follow}-- {}", args.lines, files.join(" "));
        return Err(become_ssh(&lab, &node.name, Some(&line)));
    }
    let mut text = format!("the node {} is down; this is what it left\n", node.name);
    for file in files {
        let Some(here) = node.on_this_machine(&file) else {
            continue;
        };
        let _ = writeln!(text, "==> {} <==", here.display());
        for line in last_lines(&here, args.lines) {
            let _ = writeln!(text, "{line}");
        }
    }
    print(out, &text)
}

/// One word of a line for the node's shell.
fn quoted(word: &str) -> String {
    quote(word).expect("no argument of a program holds a NUL, and no recipe does")
}

/// Replaces this process by `ssh`, so that its terminal, its signals and its exit status are the user's.
fn become_ssh(lab: &Lab, node: &str, line: Option<&str>) -> LabError {
    let mut command = Command::new("ssh");
    command.arg("-F").arg(lab.ssh().config).arg(node);
    if let Some(line) = line {
        command.arg("--").arg(line);
    }
    let error = command.exec();
    LabError::Tool {
        command: "ssh".to_owned(),
        reason: format!("it does not start: {error}"),
    }
}

async fn show(lab: Lab) -> Shown {
    let state = match (lab.is_busy(), lab.is_ready()) {
        (true, _) => "busy",
        (false, true) => "ready",
        (false, false) => "half-finished",
    };
    let shown = ShownLab {
        database: lab.database().to_owned(),
        version: lab.database_version().map(str::to_owned),
        binary: lab.binary().to_owned(),
        directory: lab.directory().to_owned(),
        ssh_config: lab.ssh().config,
        nodes: lab.status().await,
    };
    Shown {
        name: lab.name().to_owned(),
        state,
        problem: None,
        lab: Some(shown),
    }
}

/// What `lab up` says when all is well.
fn announcement(lab: &Lab, seconds: f64) -> String {
    let count = lab.nodes().len();
    let nodes = if count == 1 { "node" } else { "nodes" };
    let version = lab.database_version().unwrap_or("(version unknown)");
    let name = lab.name();
    let mut text = format!(
        "lab {name}: {count} {nodes} of {} {version}, ready in {seconds:.1} s\n",
        lab.database()
    );
    for node in lab.nodes() {
        let addresses: Vec<_> = node.addresses().iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  {:<4}{}", node.name, addresses.join("  "));
    }
    let _ = write!(
        text,
        "log in:  schism lab ssh --lab {name} n1\nremove:  schism lab down {name}\n"
    );
    text
}

/// A lab for people.
fn table(shown: &Shown) -> String {
    let mut text = format!("lab {}: {}", shown.name, shown.state);
    let Some(lab) = &shown.lab else {
        let _ = writeln!(
            text,
            "\n  {}",
            shown
                .problem
                .as_deref()
                .unwrap_or("nothing is known about it")
        );
        return text;
    };
    let _ = writeln!(
        text,
        ", {} {}, in {}",
        lab.database,
        lab.version.as_deref().unwrap_or("(version unknown)"),
        lab.directory.display()
    );
    for NodeStatus { node, up, database } in &lab.nodes {
        let addresses: Vec<_> = node.addresses().iter().map(ToString::to_string).collect();
        let state = match database {
            _ if !up => "down".to_owned(),
            DatabaseState::Ready => "ready".to_owned(),
            DatabaseState::NotReady { reason } => format!("not ready: {reason}"),
            DatabaseState::Stopped => format!("{} is stopped", lab.database),
            DatabaseState::Unknown { reason } => format!("unknown: {reason}"),
        };
        let _ = writeln!(
            text,
            "  {:<4}{:<46}{state}",
            node.name,
            addresses.join("  ")
        );
    }
    text
}

fn print(out: &mut dyn Write, text: &str) -> Result<(), LabError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(cannot_print)
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), LabError> {
    let text = serde_json::to_string_pretty(value).expect("it has string keys only");
    print(out, &(text + "\n"))
}

fn cannot_print(source: io::Error) -> LabError {
    LabError::File {
        path: "standard output".into(),
        source,
    }
}

fn runtime() -> Result<Runtime, LabError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LabError::File {
            path: "event loop".into(),
            source,
        })
}

/// Ends when the user, a closing terminal or a service manager wants us to end.
async fn interruption() -> LabError {
    let wanted = async |kind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wanted(SignalKind::interrupt()) => LabError::Interrupted,
        () = wanted(SignalKind::terminate()) => LabError::Terminated,
        () = wanted(SignalKind::hangup()) => LabError::Terminated,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        lab: LabArgs,
    }

    fn parsed(line: &str) -> LabCommand {
        Cli::try_parse_from(line.split(' ')).unwrap().lab.command
    }

    #[test]
    fn a_command_for_a_node_is_taken_as_it_is() {
        for line in ["lab ssh n1 -- ls -l", "lab ssh n1 ls -l"] {
            let LabCommand::Ssh(args) = parsed(line) else {
                panic!("{line}")
            };
            assert_eq!((args.node.as_str(), args.lab), ("n1", None));
            assert_eq!(args.command, ["ls", "-l"], "{line}");
        }
        let LabCommand::Ssh(args) = parsed("lab ssh --lab b n1") else {
            panic!()
        };
        assert_eq!((args.lab.as_deref(), args.command.len()), (Some("b"), 0));
    }

    #[test]
    fn all_and_a_name_exclude_each_other() {
        assert!(Cli::try_parse_from(["lab", "down", "--all", "x"]).is_err());
        assert!(Cli::try_parse_from(["lab", "up"]).is_err());
    }

    #[test]
    fn a_table_shows_every_node_and_why_it_is_not_ready() {
        let node = |number: u8, up, database| NodeStatus {
            node: crate::lab::LabNode {
                name: format!("n{number}"),
                address: [10, 213, 0, number].into(),
                address6: None,
                ssh_port: 22,
                directory: PathBuf::new(),
            },
            up,
            database,
        };
        let lab = ShownLab {
            database: "etcd".to_owned(),
            version: Some("3.4.23".to_owned()),
            binary: PathBuf::new(),
            directory: Path::new("/labs/a").to_owned(),
            ssh_config: PathBuf::new(),
            nodes: vec![
                node(1, true, DatabaseState::Ready),
                node(2, true, DatabaseState::Stopped),
                node(
                    3,
                    false,
                    DatabaseState::Unknown {
                        reason: "the node is down".to_owned(),
                    },
                ),
            ],
        };
        let shown = Shown {
            name: "a".to_owned(),
            state: "ready",
            problem: None,
            lab: Some(lab),
        };
        let lines: Vec<_> = table(&shown)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "lab a: ready, etcd 3.4.23, in /labs/a",
                "n1 10.213.0.1 ready",
                "n2 10.213.0.2 etcd is stopped",
                "n3 10.213.0.3 down",
            ]
        );
    }
}
