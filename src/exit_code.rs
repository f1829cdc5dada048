//! What the exit status of schism says.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | valid |
//! | 1 | anomaly, proved |
//! | 2 | unknown: a budget was spent, too little was done, a fault had no effect, or nothing ran |
//! | 3 | valid, but a gate missed: latency, availability, recovery, a regression against a baseline |
//! | 64 | usage or plan |
//! | 69 | environment: preflight failed, a node or the database cannot be reached |
//! | 70 | a bug of schism, a panic included |
//! | 74 | cannot write |
//! | 75 | the cluster was left dirty: `schism heal` restores it |
//! | 130 | interrupted (Ctrl-C); healed first, history kept |
//! | 143 | terminated (SIGTERM, or its terminal closed); healed first, history kept |
//!
//! When several apply, a proved anomaly always wins; then our own trouble, the worst for the user first; then an
//! interruption, which means that the run was not the one that was asked for; then 2, 3, 0.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::{self, Termination};

use schism_checkers::Validity;

use crate::gates::GateResult;

/// The exit status of schism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Valid.
    Valid = 0,
    /// An anomaly, proved.
    Anomaly = 1,
    /// It is not known: a budget was spent, too little was done, a fault had no effect, or nothing ran.
    Unknown = 2,
    /// Valid, but a gate was missed.
    GateMissed = 3,
    /// The command line or the plan is wrong. Nothing was done.
    Usage = 64,
    /// The environment: preflight failed, a node or the database cannot be reached.
    Environment = 69,
    /// A bug of schism.
    Bug = 70,
    /// Something cannot be written: the history, the report, standard output.
    CannotWrite = 74,
    /// The cluster was left dirty.
    LeftDirty = 75,
    /// Interrupted from the keyboard; healed first, history kept.
    Interrupted = 130,
    /// Terminated; healed first, history kept.
    Terminated = 143,
}

impl ExitCode {
    /// Every code, the one that wins a merge first.
    pub const BY_PRECEDENCE: [Self; 11] = [
        Self::Anomaly,
        Self::LeftDirty,
        Self::Bug,
        Self::Environment,
        Self::CannotWrite,
        Self::Usage,
        Self::Terminated,
        Self::Interrupted,
        Self::Unknown,
        Self::GateMissed,
        Self::Valid,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in half a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Anomaly => "anomaly, proved",
            Self::Unknown => "unknown",
            Self::GateMissed => "valid, but a gate missed",
            Self::Usage => "usage or plan",
            Self::Environment => "environment: a node or the database cannot be used",
            Self::Bug => "a bug of schism",
            Self::CannotWrite => "cannot write",
            Self::LeftDirty => "the cluster was left dirty: run schism heal",
            Self::Interrupted => "interrupted; healed first, history kept",
            Self::Terminated => "terminated; healed first, history kept",
        }
    }

    /// The one of the two that a user must hear of.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.rank() < self.rank() {
            other
        } else {
            self
        }
    }

    /// Of a verdict and the gates. Gates count only where the verdict is valid.
    pub fn of_verdict(validity: Validity, gates: &[GateResult]) -> Self {
        match validity {
            Validity::Invalid => Self::Anomaly,
            Validity::Unknown => Self::Unknown,
            Validity::Valid if gates.iter().any(|gate| gate.level.is_missed()) => Self::GateMissed,
            Validity::Valid => Self::Valid,
        }
    }

    /// Of a run that this signal ended.
    pub fn of_signal(signal: u8) -> Self {
        if i32::from(signal) == signal_hook::consts::SIGINT {
            Self::Interrupted
        } else {
            Self::Terminated
        }
    }

    /// Of what clap says about a command line: asking for help or the version is no mistake.
    pub fn of_clap(error: &clap::Error) -> Self {
        use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
        match error.kind() {
            DisplayHelp | DisplayVersion => Self::Valid,
            _ => Self::Usage,
        }
    }

    fn rank(self) -> usize {
        Self::BY_PRECEDENCE
            .iter()
            .position(|code| *code == self)
            .expect("the list is complete")
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

impl Termination for ExitCode {
    fn report(self) -> process::ExitCode {
        self.into()
    }
}

/// Runs the program and turns a panic of its main thread into [`ExitCode::Bug`], so that Rust's own 101 never shows.
///
/// `main` is this and nothing more: `fn main() -> ExitCode { exit_code::guarded(cli::main) }`. Nothing in schism calls
/// `exit`, so destructors run on every path: that is what heals faults and flushes the history. A panic in a task is
/// the controller's to catch; it merges [`ExitCode::Bug`] into the code of the run. Panics must unwind: no profile may
/// set `panic = "abort"`.
pub fn guarded(main: impl FnOnce() -> ExitCode) -> ExitCode {
    // Whatever state the panic broke is dropped with the closure; nothing of it is used again.
    panic::catch_unwind(AssertUnwindSafe(main)).unwrap_or(ExitCode::Bug)
}

/// What a panic said, for the one line that reports it.
pub fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Makes every panic, in any thread, say that it is a bug of schism, where it is, and what to send. Standard error is
/// written in one piece. Called once, before anything else.
pub fn report_panics_as_bugs() {
    panic::set_hook(Box::new(|info| {
        use std::io::Write as _;
        // A damaged table: told as such by whoever reads it.
        #[cfg(feature = "parquet")]
        if schism_history::tables::is_reading() {
            return;
        }
        let place = info
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let report = format!(
            "error: this is a bug of schism {}: {} (at {place})\n  help: please report it with this message and the \
             run's folder; RUST_BACKTRACE=1 shows more\n",
            env!("CARGO_PKG_VERSION"),
            panic_message(info.payload()),
        );
        let backtrace = std::backtrace::Backtrace::capture();
        let mut stderr = std::io::stderr().lock();
        // When standard error is gone there is nobody left to tell.
        let _ = stderr.write_all(report.as_bytes());
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            let _ = writeln!(stderr, "{backtrace}");
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::Level;

    #[test]
    fn the_list_is_complete_and_codes_are_those_of_the_contract() {
        let mut codes: Vec<_> = ExitCode::BY_PRECEDENCE.iter().map(|c| c.code()).collect();
        assert_eq!(codes, [1, 75, 70, 69, 74, 64, 143, 130, 2, 3, 0]);
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ExitCode::BY_PRECEDENCE.len());
        for code in ExitCode::BY_PRECEDENCE {
            assert_eq!(code.rank(), code.and(code).rank());
            assert!(!code.meaning().is_empty());
        }
    }

    #[test]
    fn a_proved_anomaly_beats_all_and_silence_loses_to_all() {
        use ExitCode::{Bug, Environment, GateMissed, Interrupted, LeftDirty, Unknown};
        for code in ExitCode::BY_PRECEDENCE {
            assert_eq!(ExitCode::Anomaly.and(code), ExitCode::Anomaly);
            assert_eq!(code.and(ExitCode::Anomaly), ExitCode::Anomaly);
            assert_eq!(ExitCode::Valid.and(code), code);
            assert_eq!(code.and(ExitCode::Valid), code);
        }
        assert_eq!(Environment.and(LeftDirty), LeftDirty);
        assert_eq!(Environment.and(Bug), Bug);
        assert_eq!(GateMissed.and(Unknown), Unknown);
        assert_eq!(Interrupted.and(Unknown), Interrupted);
        assert_eq!(Interrupted.and(LeftDirty), LeftDirty);
    }

    #[test]
    fn merging_is_independent_of_order() {
        for a in ExitCode::BY_PRECEDENCE {
            for b in ExitCode::BY_PRECEDENCE {
                assert_eq!(a.and(b), b.and(a));
                for c in ExitCode::BY_PRECEDENCE {
                    assert_eq!(a.and(b).and(c), a.and(b.and(c)));
                }
            }
        }
    }

    fn gate(level: Level) -> GateResult {
        GateResult {
            name: "errors".into(),
            measured: None,
            warning: None,
            critical: None,
            level,
            reason: None,
        }
    }

    #[test]
    fn gates_count_only_where_the_verdict_is_valid() {
        let missed = [gate(Level::Passed), gate(Level::NotMeasured)];
        let of = ExitCode::of_verdict;
        assert_eq!(of(Validity::Valid, &missed), ExitCode::GateMissed);
        assert_eq!(of(Validity::Invalid, &missed), ExitCode::Anomaly);
        assert_eq!(of(Validity::Unknown, &missed), ExitCode::Unknown);
        assert_eq!(
            of(Validity::Valid, &[gate(Level::Warning)]),
            ExitCode::Valid
        );
        assert_eq!(of(Validity::Valid, &[]), ExitCode::Valid);
    }

    #[test]
    fn help_is_no_mistake_and_a_wrong_option_is() {
        let command = || clap::Command::new("schism").version("1");
        let code = |arguments: &[&str]| {
            ExitCode::of_clap(&command().try_get_matches_from(arguments).unwrap_err())
        };
        assert_eq!(code(&["schism", "--help"]), ExitCode::Valid);
        assert_eq!(code(&["schism", "--version"]), ExitCode::Valid);
        assert_eq!(code(&["schism", "--nothing"]), ExitCode::Usage);
    }

    #[test]
    fn a_panic_is_a_bug() {
        assert_eq!(guarded(|| ExitCode::Unknown), ExitCode::Unknown);
        assert_eq!(guarded(|| panic!("planted")), ExitCode::Bug);
        let payload = panic::catch_unwind(|| panic!("planted {}", 7)).unwrap_err();
        assert_eq!(panic_message(payload.as_ref()), "planted 7");
    }
}
