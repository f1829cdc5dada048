//! Judging while the run goes on: the same promises, one event at a time, in bounded memory.
//!
//! [`Online`] takes the events of a run as they are recorded and says at once when one of them breaks a promise. What it
//! keeps is bounded by the operations that are open, the keys that are in use and, where outcomes are unknown, by those.
//! It never changes its mind, and it never says more than the checker of the same name would say about the events so
//! far; so a run can be ended on its word, and the checker then gives the proof. It may say less: what each judge leaves
//! to its checker stands in its module's documentation.
//!
//! ```
//! use schism_checkers::online::Online;
//! use schism_history::{Event, F, Kind, Process, Time};
//!
//! let mut online = Online::of(["linearizable"]);
//! let event = |millis, process, kind, f| Event::new(Time::from_millis(millis), Process::client(process), kind, f).key("x");
//! assert!(online.push(&event(1, 0, Kind::Invoke, F::Write).value(5)).is_none());
//! assert!(online.push(&event(2, 0, Kind::Ok, F::Write).value(5)).is_none());
//! assert!(online.push(&event(3, 1, Kind::Invoke, F::Read)).is_none());
//! // Nil was what the register held before 5, which had been acknowledged.
//! let finding = online.push(&event(4, 1, Kind::Ok, F::Read)).expect("a stale read");
//! assert_eq!(finding.checker, "linearizable");
//! ```

mod bank;
mod calls;
mod counter;
mod lists;
mod registers;
mod sessions;
#[cfg(test)]
mod tests;
mod unique_ids;

use schism_history::{Event, Time, Value};

use calls::{Call, Calls, Ended};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The checker whose promise it is.
    pub checker: &'static str,
    /// What happened, in one sentence.
    pub sentence: String,
    /// The object it happened to; nil when there is only one.
    pub key: Value,
    /// When the event came that makes it certain.
    pub time: Time,
}

/// One promise, judged event by event.
trait Judge: Send {
    /// An operation was sent.
    fn sent(&mut self, _call: &Call) -> Option<Broken> {
        None
    }

    /// An operation came to an end.
    fn ended(&mut self, call: &Call, ended: &Ended<'_>) -> Option<Broken>;

    /// Time has come to `now`: all events before that are known.
    fn at(&mut self, _now: Time) -> Option<Broken> {
        None
    }

    /// How many things it remembers: versions, floors, elements, amounts.
    fn remembered(&self) -> usize;
}

/// What a judge found: what happened, and to which object.
struct Broken {
    sentence: String,
    key: Value,
}

struct Listed {
    name: &'static str,
    new: fn() -> Box<dyn Judge>,
}

/// Every judge, by the name of its checker, in alphabetical order.
const JUDGES: &[Listed] = &[
    Listed {
        name: "bank",
        new: || Box::new(bank::Bank::default()),
    },
    Listed {
        name: "counter",
        new: || Box::new(counter::Counters::default()),
    },
    Listed {
        name: "linearizable",
        new: || Box::new(registers::Registers::default()),
    },
    Listed {
        name: "list-order",
        new: || Box::new(lists::Lists::default()),
    },
    Listed {
        name: "monotonic-reads",
        new: || Box::new(sessions::Sessions::of_reads()),
    },
    Listed {
        name: "read-your-writes",
        new: || Box::new(sessions::Sessions::of_writes()),
    },
    Listed {
        name: "unique-ids",
        new: || Box::new(unique_ids::UniqueIds::default()),
    },
];

/// Judges of the events of one run, as they come.
pub struct Online {
    judges: Vec<(&'static str, Box<dyn Judge>)>,
    calls: Calls,
    now: Time,
    found: u64,
}

impl Online {
    /// The names of the checkers that have an online judge.
    pub fn names() -> impl Iterator<Item = &'static str> {
        JUDGES.iter().map(|listed| listed.name)
    }

    /// The judges of these checkers, those that there are.
    pub fn of<'n>(checkers: impl IntoIterator<Item = &'n str>) -> Self {
        let mut judges: Vec<(&'static str, Box<dyn Judge>)> = Vec::new();
        for name in checkers {
            let listed = JUDGES.iter().find(|listed| listed.name == name);
            if let Some(listed) =
                listed.filter(|listed| judges.iter().all(|(known, _)| *known != listed.name))
            {
                judges.push((listed.name, (listed.new)()));
            }
        }
        Self {
            judges,
            calls: Calls::default(),
            now: Time::ZERO,
            found: 0,
        }
    }

    /// Whether it judges anything.
    pub fn is_empty(&self) -> bool {
        self.judges.is_empty()
    }

    /// How many violations were found.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Takes the next event, and tells if it makes a violation certain. An event that cannot follow the others (a
    /// completion without an invocation) is passed over. Amortised O(log n) in what is remembered of the event's key.
    pub fn push(&mut self, event: &Event) -> Option<Finding> {
        let mut first = None;
        if event.time > self.now {
            self.now = event.time;
            for (name, judge) in &mut self.judges {
                keep(
                    &mut first,
                    &mut self.found,
                    name,
                    self.now,
                    judge.at(self.now),
                );
            }
        }
        if event.process.is_nemesis() {
            return first;
        }
        match self.calls.take(event) {
            calls::Taken::Sent(call) => {
                for (name, judge) in &mut self.judges {
                    keep(
                        &mut first,
                        &mut self.found,
                        name,
                        event.time,
                        judge.sent(call),
                    );
                }
            }
            calls::Taken::Ended(call) => {
                let ended = Ended {
                    event,
                    open: &self.calls,
                };
                for (name, judge) in &mut self.judges {
                    keep(
                        &mut first,
                        &mut self.found,
                        name,
                        event.time,
                        judge.ended(&call, &ended),
                    );
                }
            }
            calls::Taken::Nothing => {}
        }
        first
    }

    /// No event follows: what is still to be told.
    pub fn finish(&mut self) -> Option<Finding> {
        let mut first = None;
        for (name, judge) in &mut self.judges {
            keep(
                &mut first,
                &mut self.found,
                name,
                self.now,
                judge.at(Time::NEVER),
            );
        }
        first
    }

    /// How many things are remembered: open operations, versions, floors, elements and amounts, of about 100 bytes each,
    /// besides large values.
    pub fn remembered(&self) -> usize {
        let judges = self.judges.iter().map(|(_, judge)| judge.remembered());
        self.calls.len() + judges.sum::<usize>()
    }
}

fn keep(
    first: &mut Option<Finding>,
    found: &mut u64,
    checker: &'static str,
    time: Time,
    broken: Option<Broken>,
) {
    let Some(Broken { sentence, key }) = broken else {
        return;
    };
    *found += 1;
    first.get_or_insert(Finding {
        checker,
        sentence,
        key,
        time,
    });
}
