// Judges transactions on lists in schism's format with adya.
//
//     adya RUNS TIMEOUT_SECONDS FILE...
//
// Prints one line of JSON for each file: the verdict, how long reading took, and each run. `peer.py` builds it in a
// folder of its own.

use std::process::exit;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use adya::{History, Opts, Valid, Workload, check};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, timeout, files @ ..] = &arguments[..] else {
        eprintln!("adya RUNS TIMEOUT_SECONDS FILE...");
        exit(64);
    };
    let runs: usize = runs.parse().expect("a number of runs");
    let timeout = Duration::from_secs_f64(timeout.parse().expect("seconds"));
    for file in files {
        judge(file, runs, timeout);
    }
}

fn judge(file: &str, runs: usize, timeout: Duration) {
    let begin = Instant::now();
    let text = std::fs::read_to_string(file).expect("a file that can be read");
    // The first line is our header.
    let (_, events) = text.split_once('\n').expect("a header and events");
    let history = History::from_json(events).expect("a history");
    let read = begin.elapsed().as_secs_f64();
    drop(text);
    let mut times = Vec::new();
    let mut verdict = "unknown";
    for _ in 0..runs {
        let (done, is_done) = channel::<()>();
        let name = file.to_owned();
        // It has a limit for each search of cycles, but none for the whole.
        let watch = thread::spawn(move || {
            if is_done.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                tell(&name, "unknown", read, &[timeout.as_secs_f64()]);
                exit(0);
            }
        });
        let begin = Instant::now();
        let report = check(&history, Workload::ListAppend, &Opts::default());
        times.push(begin.elapsed().as_secs_f64());
        verdict = match report.valid {
            Valid::True => "valid",
            Valid::False => "invalid",
            Valid::Unknown => "unknown",
        };
        drop(done);
        watch.join().expect("the watch ends");
    }
    tell(file, verdict, read, &times);
}

fn tell(file: &str, verdict: &str, read: f64, times: &[f64]) {
    let times: Vec<String> = times.iter().map(ToString::to_string).collect();
    println!(
        "{{\"file\":{file:?},\"verdict\":\"{verdict}\",\"read_s\":{read},\"times_s\":[{}]}}",
        times.join(",")
    );
}
