//! How much memory a history takes, and how fast it is read, whatever else this machine does: resident bytes and
//! processor time by the kernel's own count.
//!
//! `cargo bench -p schism-history --bench memory`

#![expect(clippy::print_stdout, reason = "a table for who runs it")]

mod histories;

use std::env;
use std::fs;
use std::process::Command;

use schism_history::jsonl;

const OPERATIONS: u64 = 1_000_000;

fn main() {
    match env::var("MEASURE").as_deref() {
        Ok("registers") => measure("registers", &histories::registers(OPERATIONS)),
        Ok(_) => measure("lists", &histories::lists(OPERATIONS)),
        // Each in a process of its own: what an allocator keeps of one would count for the other.
        Err(_) => {
            println!(
                "{OPERATIONS} operations   file   MB/s of a processor   resident bytes an operation"
            );
            for name in ["registers", "lists"] {
                let this = env::current_exe().expect("this program has a place");
                let status = Command::new(this).env("MEASURE", name).status();
                assert!(status.expect("this program runs").success());
            }
        }
    }
}

fn measure(name: &str, bytes: &[u8]) {
    let (memory, time) = (resident(), processor_time());
    let (history, _) = jsonl::read(bytes).expect("our own file");
    let (memory, time) = (resident() - memory, processor_time() - time);
    let megabytes = bytes.len() as f64 / 1e6;
    let each = memory / history.len() as f64;
    let speed = megabytes / time;
    println!("{name:<18} {megabytes:>4.0} MB {speed:>21.0} {each:>29.1}");
}

/// The resident bytes of this process.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).expect("the resident pages");
    pages.parse::<f64>().expect("a number") * 4096.0
}

/// The seconds that this process has computed.
fn processor_time() -> f64 {
    let schedstat = fs::read_to_string("/proc/self/schedstat").expect("Linux");
    let nanos = schedstat
        .split(' ')
        .next()
        .expect("the time on the processor");
    nanos.parse::<f64>().expect("a number") / 1e9
}
