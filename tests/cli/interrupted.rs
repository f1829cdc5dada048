//! Ctrl-C and SIGTERM in the middle of a run.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// Begins a run that would take an hour, and sends a signal once the load is under way.
fn signalled(scratch: &Scratch, example_name: &str, signal: Signal) -> Said {
    let out = scratch.path("runs");
    let plan = example(example_name);
    let mut child: Child = command(&["run", &plan, "--time", "13h", "--seed", "1", "--out", &out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    // A line every ten seconds of the run's own time: with the second one something was done.
    while told.matches("main ").count() < 2 {
        assert!(err.read_line(&mut told).unwrap() > 0, "it ended: {told}");
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    err.read_to_string(&mut told).unwrap();
    let output = child.wait_with_output().unwrap();
    Said::of(Output {
        stderr: told.into_bytes(),
        ..output
    })
}

#[test]
fn a_run_that_is_interrupted_heals_and_reports() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let scratch = Scratch::new();
        let said = signalled(&scratch, "quorum-correct", signal);
        assert_eq!(said.code, code, "{said:?}");
        for phase in ["heal ", "recovery ", "final-reads ", "end "] {
            assert!(
                said.err.lines().any(|line| line.starts_with(phase)),
                "{phase}: {said:?}"
            );
        }
        assert!(said.out.starts_with("UNKNOWN  quorum-correct"), "{said:?}");
        assert!(said.out.contains("it was interrupted"), "{said:?}");
        let latest = scratch.path("runs/latest");
        assert!(Path::new(&latest).join("report.html").is_file());
        assert_eq!(schism(&["check", &latest]).code, code);
    }
}

#[test]
fn a_proved_anomaly_outweighs_an_interruption() {
    let scratch = Scratch::new();
    let said = signalled(&scratch, "lww-skew", Signal::INT);
    assert_eq!(said.code, 1, "{said:?}");
}
