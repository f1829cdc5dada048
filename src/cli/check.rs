//! `schism check`: judge runs again from their folders, or histories from anywhere.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use schism_checkers::{CHECKERS, Level, ModelName, Options, Validity};
use schism_history::format::Import;

use super::Terminal;
use super::source::Source;
use crate::exit_code::ExitCode;
use crate::judge::question::{Limits, Question};
use crate::judge::{Judgement, NoCertificate, judge_at};
use crate::report::{Files, json, number, text, witness};
use crate::run_folder::{FolderError, write_whole};

/// Judge runs again from their folders, or histories from anywhere
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Runs' folders, or histories: of schism, Jepsen, Knossos, Elle, Porcupine, Maelstrom, Plume, AWDIT, dbcop or Cobra,
    /// compressed or not; - is standard input
    #[arg(value_name = "RUN|FILE", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    asked: Asked,
    /// Write the report into this folder; of several histories, into a folder of its own each
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Of a history of registers that is linearizable, or of transactions that is serializable, write an order that shows
    /// it into this file, as JSON
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Print the smallest proof only
    #[arg(long)]
    witness: bool,
    /// Print verdicts as JSON
    #[arg(long)]
    json: bool,
}

/// What is asked about a history; a run's plan says it for the run.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Asked {
    /// The checkers to ask; may be given again [default: those that fit the operations]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(CHECKERS.iter().map(|listed| listed.name)))]
    checker: Vec<String>,
    /// What kind of object the operations are about, for linearizability [default: found by their functions]
    #[arg(long, value_name = "MODEL", value_parser = model)]
    model: Option<ModelName>,
    /// The level that the database claims to give: judge this claim alone
    #[arg(long, value_name = "LEVEL", value_parser = level, hide_possible_values = true)]
    level: Option<Level>,
    /// What else the database promises, as in the table `checkers` of a plan: queue.fifo=true; may be given again
    #[arg(long, value_name = "CHECKER.OPTION=VALUE")]
    tell: Vec<String>,
    /// Judge the operations on this object only
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// What judging may take: a time, steps or memory, as 30s, 500M-steps, 2GiB; may be given again
    #[arg(long, value_name = "LIMIT", value_delimiter = ',')]
    budget: Vec<Limits>,
    /// Of a Jepsen history: each client operation's value is a pair of key and value [default: found by the first read]
    #[arg(long)]
    keyed: bool,
}

fn level(name: &str) -> Result<Level, String> {
    let names = Level::ALL.iter().map(|level| level.name());
    Level::by_name(name).ok_or_else(|| unknown("level", name, &names.collect::<Vec<_>>()))
}

fn model(name: &str) -> Result<ModelName, String> {
    let names = ModelName::ALL.iter().map(|model| model.name());
    ModelName::by_name(name).ok_or_else(|| unknown("model", name, &names.collect::<Vec<_>>()))
}

/// There is none of this name: which may be meant, and which there are.
fn unknown(what: &str, name: &str, names: &[&str]) -> String {
    let near = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let near = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
    let names = names.join(", ");
    format!("there is no such {what}{near} The {what}s are {names}")
}

impl Asked {
    /// The first option that was given.
    fn given(&self) -> Option<&'static str> {
        [
            (!self.checker.is_empty()).then_some("--checker"),
            self.model.is_some().then_some("--model"),
            self.level.is_some().then_some("--level"),
            (!self.tell.is_empty()).then_some("--tell"),
            self.key.is_some().then_some("--key"),
            (!self.budget.is_empty()).then_some("--budget"),
            self.keyed.then_some("--keyed"),
        ]
        .into_iter()
        .flatten()
        .next()
    }

    /// What is told to checkers.
    fn options(&self) -> Result<Options, String> {
        toml::from_str(&self.tell.join("\n")).map_err(|error| {
            let told = error.span().map_or(0, |span| span.start);
            let text = self.tell.join("\n");
            let line = text[..told.min(text.len())].matches('\n').count();
            let told = self.tell.get(line).map_or("", String::as_str);
            format!(
                "--tell {told}: {}\n  help: write it as in a plan, as in bank.negative=true or linearizable.model='\"queue\"'; \
                 schism list shows what can be told",
                error.message()
            )
        })
    }

    /// All limits that were given, as one.
    fn limits(&self) -> Limits {
        let limits = self.budget.iter().copied();
        limits.fold(Limits::default(), Limits::with)
    }

    /// Reads a history.
    pub(super) fn read(&self, source: &Source) -> Result<Import, (ExitCode, String)> {
        source.read(self.keyed, self.key.as_deref())
    }

    /// Reads and judges a history.
    pub(super) fn judge(&self, source: &Source) -> Result<Judgement, (ExitCode, String)> {
        let question = Question {
            checkers: self.checker.clone(),
            model: self.model,
            claim: self.level,
            options: self.options().map_err(|error| (ExitCode::Usage, error))?,
            limits: self.limits(),
        };
        question.check().map_err(|error| (ExitCode::Usage, error))?;
        let import = self.read(source)?;
        let checkers = question.checkers_for(&import.history).len();
        let judging = source.judging(checkers);
        let judged = |checker| judging.ended(checker);
        Ok(Judgement::of_history(
            import,
            &source.name(),
            &question,
            &judged,
        ))
    }
}

/// A judged run or history.
struct Judged {
    name: String,
    judgement: Judgement,
    /// The path of its page, if one was written.
    report: Option<PathBuf>,
    /// What came of writing reports.
    written: ExitCode,
}

/// Runs the command.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    if let [path] = &args.paths[..] {
        return match judge(args, path, args.out.as_deref(), terminal) {
            Ok(judged) => tell(args, &judged, terminal),
            Err((code, error)) => terminal.say(code, &error),
        };
    }
    if args.certificate.is_some() {
        let text = "error: --certificate is for one history, and several are given\n";
        return terminal.say(ExitCode::Usage, text);
    }
    if let Some(twice) = args
        .paths
        .iter()
        .filter(|path| path.as_os_str() == "-")
        .nth(1)
    {
        let text = format!(
            "error: {}: standard input can be read once only\n",
            twice.display()
        );
        return terminal.say(ExitCode::Usage, &text);
    }
    several(args, terminal)
}

/// Says what came of one history.
fn tell(args: &Args, judged: &Judged, terminal: &mut Terminal<'_>) -> ExitCode {
    let judgement = &judged.judgement;
    let code = judgement.exit_code().and(judged.written);
    if args.witness {
        let input = judgement.input();
        let said = if args.json {
            terminal.print(&witness::json(&input))
        } else {
            let look = terminal.out_look;
            terminal.print(&witness::text(&input, look))
        };
        return code.and(said);
    }
    let report = judged.report.as_ref().map(|path| path.to_string_lossy());
    code.and(terminal.verdict(judgement, args.json, report.as_deref()))
}

/// Judges one after another: a line each, and what came of all.
fn several(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let mut all = ExitCode::Valid;
    let mut counts = [0_usize; 3];
    let mut unreadable = 0;
    let mut verdicts = Vec::new();
    let mut names = Vec::new();
    for path in &args.paths {
        let out = args
            .out
            .as_ref()
            .map(|out| out.join(folder_name(path, &mut names)));
        let judged = match judge(args, path, out.as_deref(), terminal) {
            Ok(judged) => judged,
            Err((code, error)) => {
                all = all.and(terminal.say(code, &error));
                unreadable += 1;
                continue;
            }
        };
        let input = judged.judgement.input();
        let conclusion = input.conclusion;
        counts[conclusion.validity as usize] += 1;
        all = all.and(judged.judgement.exit_code()).and(judged.written);
        let said = if args.json {
            let text = if args.witness {
                witness::json(&input)
            } else {
                json::verdict(&input)
            };
            verdicts.push(text);
            ExitCode::Valid
        } else {
            let look = terminal.out_look;
            terminal.print(&text::row(&input, look, &judged.name, args.witness))
        };
        all = all.and(said);
    }
    if unreadable == args.paths.len() {
        return all;
    }
    let said = if args.json {
        terminal.print(&format!("[\n{}]\n", verdicts.join(",\n")))
    } else {
        let [valid, unknown, invalid] = counts;
        let parts: Vec<String> = [
            (valid, Validity::Valid.name()),
            (invalid, Validity::Invalid.name()),
            (unknown, Validity::Unknown.name()),
            (unreadable, "not readable"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{} {name}", number::count(n as u64)))
        .collect();
        let histories = number::counted(args.paths.len() as u64, "history");
        terminal.print(&format!("{histories}: {}\n", parts.join(", ")))
    };
    all.and(said)
}

/// The folder of a history's report among others: its name, and a number where that is taken.
fn folder_name(path: &Path, taken: &mut Vec<String>) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    let stem = match stem.to_string_lossy() {
        name if name == "-" => "stdin".into(),
        name => name,
    };
    let mut name = stem.to_string();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{stem}-{number}");
        number += 1;
    }
    taken.push(name.clone());
    name
}

/// Judges a run or a history; what went wrong is a text that can be shown.
fn judge(
    args: &Args,
    path: &Path,
    out: Option<&Path>,
    terminal: &mut Terminal<'_>,
) -> Result<Judged, (ExitCode, String)> {
    if ["plan.toml", "run.json", "history.jsonl"]
        .iter()
        .any(|name| path.join(name).is_file())
    {
        return run_folder(args, path, terminal);
    }
    let source = Source::new(path, terminal);
    let as_error = |(code, error): (ExitCode, String)| (code, format!("error: {error}\n"));
    let judgement = args.asked.judge(&source).map_err(as_error)?;
    let mut written = ExitCode::Valid;
    if let Some(file) = &args.certificate {
        match judgement.certificate(args.asked.limits()) {
            Ok(text) => write_whole(file, &text)
                .map_err(|error| (error.exit_code(), format!("error: {error}\n")))?,
            Err(NoCertificate::None(reason)) => {
                terminal.note(&format!("no certificate of {}: {reason}", source.name()));
            }
            Err(error @ NoCertificate::Wrong(_)) => {
                written = terminal.say(ExitCode::Bug, &format!("error: {error}\n"));
            }
        }
    }
    let mut report = None;
    if let Some(out) = out {
        let error = |error: FolderError| (error.exit_code(), format!("error: {error}\n"));
        for (name, text) in Files::new(&judgement.input()).iter() {
            write_whole(&out.join(name), text).map_err(error)?;
        }
        report = Some(out.join("report.html"));
    }
    Ok(Judged {
        name: source.name(),
        judgement,
        report,
        written,
    })
}

fn run_folder(
    args: &Args,
    path: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<Judged, (ExitCode, String)> {
    let out = args.out.is_some().then_some("--out");
    let certificate = args.certificate.is_some().then_some("--certificate");
    if let Some(option) = args.asked.given().or(out).or(certificate) {
        let text = format!(
            "error: {option} is for history files, and {} is a folder: its plan says what is judged; give {} for its \
             history alone\n",
            path.display(),
            path.join("history.jsonl").display()
        );
        return Err((ExitCode::Usage, text));
    }
    let (folder, judgement) =
        judge_at(path).map_err(|error| (error.exit_code(), error.render(terminal.err_look)))?;
    let written = terminal.write_reports(&judgement, &folder);
    Ok(Judged {
        name: path.display().to_string(),
        judgement,
        report: Some(folder.file("report.html")),
        written,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_history_has_a_folder_of_its_own() {
        let mut taken = Vec::new();
        let names: Vec<String> = ["a/h.edn", "b/h.edn", "-", "b/h.jsonl"]
            .iter()
            .map(|path| folder_name(Path::new(path), &mut taken))
            .collect();
        assert_eq!(names, ["h", "h-2", "stdin", "h-3"]);
    }

    #[test]
    fn a_level_that_is_none_is_told_with_the_nearest() {
        assert_eq!(level("serializable"), Ok(Level::Serializable));
        let error = level("serialisable").unwrap_err();
        assert!(error.contains("did you mean serializable?"), "{error}");
    }
}
