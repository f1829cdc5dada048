//! What a person sees while a run goes on: a line that is redrawn on a terminal, a line every ten seconds elsewhere.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{number, phrase};

/// How far a run is. Numbers only: whoever runs it fills it in, several times a second or seldom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the run is doing: `main`, `recovery`, `final reads`, `checking`.
    pub phase: String,
    /// Since the run began, on the run's own clock.
    pub elapsed: Duration,
    /// How long it will take in all, if that is known.
    pub planned: Option<Duration>,
    /// Operations that happened.
    pub ok: u64,
    /// Operations that surely did not.
    pub fail: u64,
    /// Operations of which nobody knows.
    pub info: u64,
    /// The faults that are there now.
    pub faults: Vec<String>,
}

/// Between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);
/// The rate is taken over at least so long.
const RATE_OVER: Duration = Duration::from_secs(1);
/// So many faults are named.
const FAULTS_MOST: usize = 3;

impl Progress {
    fn operations(&self) -> u64 {
        self.ok + self.fail + self.info
    }

    /// How long it will still take; `None` when that is not known.
    pub fn remaining(&self) -> Option<Duration> {
        self.planned
            .map(|planned| planned.saturating_sub(self.elapsed))
    }

    /// All of it in a line: `main 12 s of 60 s, 4,210/s, 50,412 ok, 12 unknown, faults: partition`.
    pub fn line(&self, rate: f64) -> String {
        let mut line = phrase::clean(&self.phase);
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&whole_seconds(self.elapsed));
        if let Some(planned) = self.planned {
            let _ = write!(line, " of {}", whole_seconds(planned));
        }
        let _ = write!(line, ", {}, {}", number::rate(rate), self.outcomes());
        if !self.faults.is_empty() {
            let _ = write!(line, ", faults: {}", self.named_faults());
        }
        line
    }

    fn outcomes(&self) -> String {
        let mut text = format!("{} ok", number::count(self.ok));
        for (n, name) in [(self.info, "unknown"), (self.fail, "failed")] {
            if n > 0 {
                let _ = write!(text, ", {} {name}", number::count(n));
            }
        }
        text
    }

    fn named_faults(&self) -> String {
        let named: Vec<String> = self
            .faults
            .iter()
            .take(FAULTS_MOST)
            .map(|fault| phrase::shortened(&phrase::clean(fault), 40))
            .collect();
        let mut text = named.join(", ");
        if self.faults.len() > FAULTS_MOST {
            let _ = write!(text, " and {} more", self.faults.len() - FAULTS_MOST);
        }
        text
    }
}

fn whole_seconds(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{}:{:02} min", seconds / 60, seconds % 60)
    }
}

/// Operations a second, from one look at the numbers to the next.
#[derive(Debug, Default)]
struct Rate {
    since: Duration,
    operations: u64,
    last: f64,
}

impl Rate {
    fn update(&mut self, progress: &Progress) -> f64 {
        let over = progress.elapsed.saturating_sub(self.since);
        let operations = progress.operations();
        if over >= RATE_OVER {
            self.last = operations.saturating_sub(self.operations) as f64 / over.as_secs_f64();
            (self.since, self.operations) = (progress.elapsed, operations);
        } else if self.since.is_zero() && !over.is_zero() {
            self.last = operations as f64 / over.as_secs_f64();
        }
        self.last
    }
}

/// Shows progress. Never fails: a run does not end because nobody could watch it.
pub struct Display {
    rate: Rate,
    way: Way,
}

enum Way {
    Bar(ProgressBar),
    Lines {
        out: Box<dyn Write + Send>,
        next: Duration,
        phase: String,
    },
}

impl Display {
    /// A line on standard error that is redrawn in place. For terminals.
    pub fn bar() -> Self {
        Self::bar_on(ProgressDrawTarget::stderr_with_hz(8))
    }

    fn bar_on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1_000), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24.cyan/dim} {msg}") {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self {
            rate: Rate::default(),
            way: Way::Bar(bar),
        }
    }

    /// A plain line every ten seconds of the run, and at each new phase. For logs.
    pub fn lines(out: impl Write + Send + 'static) -> Self {
        Self {
            rate: Rate::default(),
            way: Way::Lines {
                out: Box::new(out),
                next: Duration::ZERO,
                phase: String::new(),
            },
        }
    }

    /// Nothing at all.
    pub fn hidden() -> Self {
        Self::lines(io::sink())
    }

    /// Shows the numbers, if it is time to.
    pub fn update(&mut self, progress: &Progress) {
        let rate = self.rate.update(progress);
        match &mut self.way {
            Way::Bar(bar) => {
                bar.set_prefix(phrase::clean(&progress.phase));
                bar.set_position(position(progress));
                bar.set_message(message(progress, rate));
            }
            Way::Lines { out, next, phase } => {
                if progress.elapsed < *next && *phase == progress.phase {
                    return;
                }
                if *phase != progress.phase {
                    phase.clone_from(&progress.phase);
                }
                // Nobody to tell when it cannot be written.
                let _ = writeln!(out, "{}", progress.line(rate)).and_then(|()| out.flush());
                *next = progress.elapsed + INTERVAL;
            }
        }
    }

    /// Prints a line above the bar, or between the lines.
    pub fn note(&mut self, text: &str) {
        match &mut self.way {
            Way::Bar(bar) => bar.println(phrase::clean(text)),
            Way::Lines { out, .. } => {
                let _ = writeln!(out, "{}", phrase::clean(text)).and_then(|()| out.flush());
            }
        }
    }

    /// Removes the bar.
    pub fn finish(self) {
        if let Way::Bar(bar) = self.way {
            bar.finish_and_clear();
        }
    }
}

/// Thousandths of the way.
fn position(progress: &Progress) -> u64 {
    progress.planned.map_or(0, |planned| {
        let part = progress.elapsed.as_secs_f64() / planned.as_secs_f64().max(1e-9);
        (part * 1_000.0).clamp(0.0, 1_000.0) as u64
    })
}

/// What stands behind the bar.
fn message(progress: &Progress, rate: f64) -> String {
    let mut text = String::new();
    match progress.remaining() {
        Some(remaining) => {
            let _ = write!(text, "{} left", whole_seconds(remaining));
        }
        None => text.push_str(&whole_seconds(progress.elapsed)),
    }
    let _ = write!(text, "  {}  {}", number::rate(rate), progress.outcomes());
    if !progress.faults.is_empty() {
        let _ = write!(text, "  ⚡ {}", progress.named_faults());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn progress(seconds: u64, ok: u64) -> Progress {
        Progress {
            phase: "main".to_owned(),
            elapsed: Duration::from_secs(seconds),
            planned: Some(Duration::from_mins(1)),
            ok,
            ..Progress::default()
        }
    }

    #[test]
    fn a_log_gets_a_line_every_ten_seconds_and_at_each_phase() {
        let out = Shared::default();
        let mut display = Display::lines(out.clone());
        for second in 0..=25 {
            let mut progress = progress(second, second * 100);
            if second > 12 {
                progress.faults = vec!["partition n1 | n2".to_owned()];
                progress.info = 3;
            }
            if second == 25 {
                progress.phase = "final reads".to_owned();
            }
            display.update(&progress);
        }
        display.finish();
        assert_eq!(
            out.text(),
            "main 0 s of 60 s, 0/s, 0 ok\n\
             main 10 s of 60 s, 100/s, 1,000 ok\n\
             main 20 s of 60 s, 100/s, 2,000 ok, 3 unknown, faults: partition n1 | n2\n\
             final reads 25 s of 60 s, 100/s, 2,500 ok, 3 unknown, faults: partition n1 | n2\n"
        );
    }

    #[test]
    fn the_rate_is_the_present_one() {
        let mut rate = Rate::default();
        assert!((rate.update(&progress(1, 100)) - 100.0).abs() < 1e-9);
        assert!((rate.update(&progress(2, 1_100)) - 1_000.0).abs() < 1e-9);
        let mut same = progress(2, 1_100);
        same.elapsed += Duration::from_millis(10);
        assert!(
            (rate.update(&same) - 1_000.0).abs() < 1e-9,
            "too short to tell"
        );
    }

    #[test]
    fn the_bar_says_what_is_left_and_what_is_broken() {
        let mut progress = progress(45, 12_000);
        progress.fail = 2;
        progress.faults = ["a", "b", "c", "d\u{1b}[2J"].map(str::to_owned).to_vec();
        assert_eq!(
            message(&progress, 4_210.4),
            "15 s left  4,210/s  12,000 ok, 2 failed  ⚡ a, b, c and 1 more"
        );
        assert_eq!(position(&progress), 750);
        progress.planned = None;
        assert_eq!(position(&progress), 0);
        assert!(message(&progress, 0.0).starts_with("45 s  "));
    }

    #[test]
    fn a_writer_that_fails_does_not_end_the_run() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("disk full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::Error::other("disk full"))
            }
        }
        let mut display = Display::lines(Broken);
        display.update(&progress(0, 0));
        display.note("hello");
        display.finish();
    }

    #[test]
    fn a_bar_can_be_driven_without_a_terminal() {
        let mut display = Display::bar_on(ProgressDrawTarget::hidden());
        display.update(&progress(30, 10));
        if let Way::Bar(bar) = &display.way {
            assert_eq!(bar.position(), 500);
        }
        display.finish();
    }
}
