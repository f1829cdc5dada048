//! Writes the histories on which checkers are compared with other programs, and times ours on them.
//!
//! ```text
//! peers list                      each history: its name, the checker, the peers' word for what it is
//! peers write NAME FILE           writes one
//! peers judge CHECKER RUNS FILE…  one line of JSON for each file: the verdict, how long reading took, and each run;
//!                                 CHECKER:LEVEL asks for a level
//! ```
//!
//! `benches/peers/run` calls this. A new area is a file beside this one, and a line in `CASES`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures time and prints it"
)]

#[path = "../../src/generate.rs"]
#[expect(dead_code, reason = "histories are written as events")]
mod generate;
#[path = "../../src/generate_lists.rs"]
mod generate_lists;
mod lists;
mod registers;

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::time::Instant;

use schism_checkers::Request;
use schism_history::{Event, Header, jsonl};

/// A history that ours and peers judge.
struct Case {
    name: &'static str,
    checker: &'static str,
    /// What its operations are about: the peers that understand it are asked.
    about: &'static str,
    /// Hands over its events, one after the other.
    events: fn(&mut dyn FnMut(Event)),
}

/// All areas.
const CASES: [&[Case]; 2] = [registers::CASES, lists::CASES];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => {
            for case in CASES.iter().copied().flatten() {
                println!("{}\t{}\t{}", case.name, case.checker, case.about);
            }
            Ok(())
        }
        ["write", name, file] => write(name, file),
        ["judge", checker, runs, ref files @ ..] => {
            let runs: usize = runs.parse()?;
            files.iter().try_for_each(|file| judge(checker, runs, file))
        }
        _ => Err("peers list | write NAME FILE | judge CHECKER RUNS FILE…".into()),
    }
}

fn write(name: &str, file: &str) -> Result<(), Box<dyn Error>> {
    let mut cases = CASES.iter().copied().flatten();
    let case = cases
        .find(|case| case.name == name)
        .ok_or_else(|| format!("there is no history {name}"))?;
    let mut out = BufWriter::new(File::create(file)?);
    let mut line = Vec::new();
    let header = Header {
        name: name.to_owned(),
        ..Header::default()
    };
    jsonl::encode_header(&header, &mut line);
    out.write_all(&line)?;
    let mut index = 0;
    let mut written = Ok(());
    (case.events)(&mut |event| {
        line.clear();
        jsonl::encode(index, &event, &mut line);
        index += 1;
        if written.is_ok() {
            written = out.write_all(&line);
        }
    });
    written?;
    out.flush()?;
    // Makes sure that it is a history.
    jsonl::read(BufReader::new(File::open(file)?))?;
    Ok(())
}

fn judge(checker: &str, runs: usize, file: &str) -> Result<(), Box<dyn Error>> {
    let (checker, level) = match checker.split_once(':') {
        Some((checker, level)) => (checker, Some(level.to_owned())),
        None => (checker, None),
    };
    let request = Request {
        checkers: vec![checker.to_owned()],
        level,
        ..Request::default()
    };
    let begin = Instant::now();
    let (history, _) = jsonl::read(BufReader::new(File::open(file)?))?;
    let read = begin.elapsed().as_secs_f64();
    let mut times = Vec::new();
    let mut verdict = "";
    for _ in 0..runs {
        let begin = Instant::now();
        let judged = request.judge(&history)?;
        times.push(begin.elapsed().as_secs_f64());
        verdict = judged[0].validity.name();
    }
    let line = serde_json::json!({
        "file": file,
        "verdict": verdict,
        "read_s": read,
        "times_s": times,
        "operations": history.len(),
    });
    println!("{line}");
    Ok(())
}
