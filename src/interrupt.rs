//! Ctrl-C, SIGTERM and a terminal that closes; and a signal that must not end the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// How urgently the user wants the run to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Not at all.
    None,
    /// Stop generating; heal, read once more, collect, check, report.
    Finish,
    /// Heal and stop.
    Stop,
}

/// How often the user interrupted. Cloned freely: all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Interrupts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU8,
    /// The first signal; 0 before.
    first: AtomicU8,
    /// Set as soon as the user wants the run to stop.
    stop: Arc<AtomicBool>,
    waker: AtomicWaker,
}

impl Interrupts {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on, in a thread of its own. A SIGHUP that whoever started us has
    /// us ignore (`nohup`) stays ignored.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn listen() -> io::Result<Self> {
        let interrupts = Self::default();
        let mut wanted = vec![SIGINT, SIGTERM];
        if !is_ignored(SIGHUP) {
            wanted.push(SIGHUP);
        }
        let mut signals = Signals::new(wanted)?;
        let told = interrupts.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in &mut signals {
                    told.interrupt(signal as u8);
                }
            })?;
        Ok(interrupts)
    }

    /// Counts one interruption by this signal.
    pub fn interrupt(&self, signal: u8) {
        let _ = self
            .0
            .first
            .compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
        // Saturates: somebody who leans on the keys means "stop", not "start over".
        let _ = self
            .0
            .count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
                count.checked_add(1)
            });
        if self.urgency() == Urgency::Stop {
            self.0.stop.store(true, Ordering::SeqCst);
        }
        self.0.waker.wake();
    }

    /// A flag that is set as soon as the user wants the run to [stop](Urgency::Stop), for work that looks now and then.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.stop)
    }

    /// How urgently the user wants the run to end.
    pub fn urgency(&self) -> Urgency {
        match self.0.count.load(Ordering::SeqCst) {
            0 => Urgency::None,
            1 => Urgency::Finish,
            _ => Urgency::Stop,
        }
    }

    /// The first signal that came, if one did.
    pub fn signal(&self) -> Option<u8> {
        Some(self.0.first.load(Ordering::SeqCst)).filter(|&signal| signal != 0)
    }

    /// Completes at the first interruption, or at once when there was one.
    pub async fn raised(&self) -> Urgency {
        std::future::poll_fn(|context| self.poll_beyond(Urgency::None, context)).await
    }

    /// Ready when the urgency is more than `known`.
    pub fn poll_beyond(&self, known: Urgency, context: &mut Context<'_>) -> Poll<Urgency> {
        self.0.waker.register(context.waker());
        let urgency = self.urgency();
        if urgency > known {
            Poll::Ready(urgency)
        } else {
            Poll::Pending
        }
    }
}

/// Makes a write beyond the limit on the size of files (`ulimit -f`) fail as one on a full disk does. Otherwise the
/// system ends the program in the middle of a run, with its faults still installed.
///
/// # Errors
/// The handler cannot be installed.
pub fn outlive_file_size_limits() -> io::Result<()> {
    // Nobody reads the flag: that there is a handler is what counts.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Whether this process ignores a signal, as the kernel shows it; no where it does not.
fn is_ignored(signal: i32) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, signal))
}

/// Whether the mask of ignored signals in a `/proc/PID/status` has this one.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_interruption_is_more_urgent_and_the_first_signal_counts() {
        let interrupts = Interrupts::default();
        let stop = interrupts.stop_flag();
        assert_eq!(
            (interrupts.urgency(), interrupts.signal()),
            (Urgency::None, None)
        );
        interrupts.interrupt(15);
        assert_eq!(interrupts.urgency(), Urgency::Finish);
        assert!(!stop.load(Ordering::SeqCst));
        for _ in 0..300 {
            interrupts.interrupt(2);
        }
        assert_eq!(
            (interrupts.urgency(), interrupts.signal()),
            (Urgency::Stop, Some(15))
        );
        assert!(stop.load(Ordering::SeqCst));
    }

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "Name:\tschism\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, SIGHUP));
        assert!(!ignores(status, SIGINT));
        assert!(ignores(status, 13));
        assert!(!ignores("no mask", SIGHUP));
    }
}
