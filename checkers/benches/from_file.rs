//! From a file to verdicts: a million operations, read and judged, by the kernel's own count of processor time and of
//! memory. By every checker that suits them, or by those that are named:
//! `cargo bench -p schism-checkers --bench from_file -- linearizable list-append`.

#![expect(clippy::print_stdout, reason = "a table for who runs it")]

#[path = "../../history/benches/histories/mod.rs"]
mod histories;

use std::env;
use std::fs;
use std::process::Command;

use schism_checkers::{Budget, by_name, suited};
use schism_history::jsonl;

const OPERATIONS: u64 = 1_000_000;

fn main() {
    let named: Vec<String> = env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    match env::var("MEASURE").as_deref() {
        Ok("registers") => measure("registers", &histories::registers(OPERATIONS), &named),
        Ok(_) => measure("lists", &histories::lists(OPERATIONS), &named),
        // Each in a process of its own: what an allocator keeps of one would count for the other.
        Err(_) => {
            for name in ["registers", "lists"] {
                let this = env::current_exe().expect("this program has a place");
                let status = Command::new(this)
                    .args(&named)
                    .env("MEASURE", name)
                    .status();
                assert!(status.expect("this program runs").success());
            }
        }
    }
}

fn measure(name: &str, file: &[u8], named: &[String]) {
    let (memory, begin) = (peak(), processor_time());
    let (history, _) = jsonl::read(file).expect("our own file");
    let read = processor_time() - begin;
    let used = || (peak() - memory) / 1e6;
    println!(
        "{name}: {OPERATIONS} operations, {:.0} MB, read in {read:.2} s; {:.0} MB of memory",
        file.len() as f64 / 1e6,
        used()
    );
    let checkers: Vec<_> = suited(&history)
        .into_iter()
        .filter(|listed| named.is_empty() || named.iter().any(|name| *name == listed.name))
        .collect();
    for listed in checkers {
        let begin = processor_time();
        let checker = by_name(listed.name).expect("it is listed");
        let verdict = checker.check(&history, &Budget::default());
        let check = processor_time() - begin;
        let summary: String = verdict.summary.chars().take(80).collect();
        println!(
            "  {:<22} {check:>6.2} s {:>6.0} MB  {summary}",
            listed.name,
            used()
        );
    }
}

/// The most memory that this process has had, in bytes.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes
        .and_then(|n| n.parse::<f64>().ok())
        .expect("a number")
        * 1024.0
}

/// The seconds that all threads of this process have computed.
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = &stat[stat.rfind(')').expect("the name stands in brackets")..];
    // User and system time, in hundredths of a second.
    let ticks = after_name.split(' ').skip(12).take(2);
    ticks
        .map(|n| n.parse::<f64>().expect("a number"))
        .sum::<f64>()
        / 100.0
}
