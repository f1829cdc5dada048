//! Judging while the run goes on: the same promises, one event at a time, in bounded memory.
//!
//! [`Online`] takes the events of a run as they are recorded and says at once when one of them breaks a promise. What it
//! keeps is bounded by the operations that are open, the keys that are in use and, where outcomes are unknown, by those;
//! what a judge keeps of the past besides has a limit that its module states, and a key that was forgotten is not judged
//! again. It never changes its mind, and it never says more than the checker of the same name would say about the events so
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
mod elements;
mod lists;
mod order;
mod ranges;
mod recent;
mod registers;
mod sessions;
mod sets;
#[cfg(test)]
mod tests;
mod unique_ids;

use schism_history::{Event, Time, Value};

use calls::{Call, Calls, Ended, Taken};

use crate::transactions::DEFAULT_CLAIM;
use crate::{ListAppend, Options};

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
    /// Makes all that there are of it, one for each kind of object.
    new: fn() -> Vec<Box<dyn Judge>>,
}

/// Every judge, by the name of its checker, in alphabetical order.
const JUDGES: &[Listed] = &[
    Listed {
        name: "bank",
        new: || vec![Box::new(bank::Bank::new(crate::Bank::default()))],
    },
    Listed {
        name: "counter",
        new: || vec![Box::new(counter::Counters::default())],
    },
    Listed {
        name: "linearizable",
        new: || {
            vec![
                Box::new(registers::Registers::default()),
                Box::new(sets::Sets::default()),
            ]
        },
    },
    Listed {
        name: "list-append",
        new: || vec![Box::new(lists::Lists::without_cycles())],
    },
    Listed {
        name: "list-order",
        new: || vec![Box::new(lists::Lists::in_order())],
    },
    Listed {
        name: "lost-updates",
        new: || vec![Box::new(elements::Elements::of_growing_sets())],
    },
    Listed {
        name: "monotonic-reads",
        new: || vec![Box::new(sessions::Sessions::of_reads())],
    },
    Listed {
        name: "read-your-writes",
        new: || vec![Box::new(sessions::Sessions::of_writes())],
    },
    Listed {
        name: "set-full",
        new: || vec![Box::new(elements::Elements::of_all_sets())],
    },
    Listed {
        name: "unique-ids",
        new: || vec![Box::new(unique_ids::UniqueIds::default())],
    },
];

/// Whether it claims less than its judge takes for granted.
fn is_weak(told: ListAppend) -> bool {
    !told.claim.implies(DEFAULT_CLAIM)
}

/// Judges of the events of one run, as they come.
pub struct Online {
    judges: Judges,
    calls: Calls,
    now: Time,
}

/// The judges, by the names of their checkers, and how much they found.
#[derive(Default)]
struct Judges {
    all: Vec<(&'static str, Box<dyn Judge>)>,
    found: u64,
}

impl Judges {
    /// Asks all of them at this moment, and keeps the first of what they find.
    fn ask(
        &mut self,
        time: Time,
        mut ask: impl FnMut(&mut dyn Judge) -> Option<Broken>,
    ) -> Option<Finding> {
        let mut first = None;
        for (checker, judge) in &mut self.all {
            let Some(Broken { sentence, key }) = ask(&mut **judge) else {
                continue;
            };
            self.found += 1;
            first.get_or_insert(Finding {
                checker,
                sentence,
                key,
                time,
            });
        }
        first
    }
}

impl Online {
    /// The names of the checkers that have an online judge.
    pub fn names() -> impl Iterator<Item = &'static str> {
        JUDGES.iter().map(|listed| listed.name)
    }

    /// The judges of these checkers, those that there are.
    pub fn of<'n>(checkers: impl IntoIterator<Item = &'n str>) -> Self {
        Self::told(checkers, &Options::default())
    }

    /// As [`Online::of`], of a database that promises what the checkers are told. A checker that is told something that
    /// no judge understands has none.
    pub fn told<'n>(checkers: impl IntoIterator<Item = &'n str>, options: &Options) -> Self {
        let mut judges = Judges::default();
        for name in checkers {
            let listed = JUDGES.iter().find(|listed| listed.name == name);
            let is_new =
                |listed: &&Listed| judges.all.iter().all(|(known, _)| *known != listed.name);
            if let Some(listed) = listed.filter(is_new) {
                let new = match listed.name {
                    "bank" => vec![Box::new(bank::Bank::new(options.bank.unwrap_or_default()))
                        as Box<dyn Judge>],
                    "linearizable" if options.linearizable.is_some() => Vec::new(),
                    "list-append" if options.list_append.is_some_and(is_weak) => Vec::new(),
                    _ => (listed.new)(),
                };
                let new = new.into_iter();
                judges.all.extend(new.map(|judge| (listed.name, judge)));
            }
        }
        Self {
            judges,
            calls: Calls::default(),
            now: Time::ZERO,
        }
    }

    /// Whether it judges anything.
    pub fn is_empty(&self) -> bool {
        self.judges.all.is_empty()
    }

    /// How many violations were found.
    pub fn found(&self) -> u64 {
        self.judges.found
    }

    /// Takes the next event, and tells if it makes a violation certain. An event that cannot follow the others (a
    /// completion without an invocation) is passed over. Amortised O(log n) in what is remembered of the event's key.
    pub fn push(&mut self, event: &Event) -> Option<Finding> {
        let mut first = None;
        if event.time > self.now {
            self.now = event.time;
            first = self.judges.ask(self.now, |judge| judge.at(event.time));
        }
        if event.process.is_nemesis() {
            return first;
        }
        let second = match self.calls.take(event) {
            Taken::Sent(call) => self.judges.ask(self.now, |judge| judge.sent(call)),
            Taken::Ended(call) => {
                let ended = Ended {
                    event,
                    open: &self.calls,
                };
                self.judges
                    .ask(self.now, |judge| judge.ended(&call, &ended))
            }
            Taken::Nothing => None,
        };
        first.or(second)
    }

    /// No event follows: what is still to be told.
    pub fn finish(&mut self) -> Option<Finding> {
        self.judges.ask(self.now, |judge| judge.at(Time::NEVER))
    }

    /// How many things are remembered: open operations, versions, floors, elements and amounts, of about 100 bytes each,
    /// besides large values.
    pub fn remembered(&self) -> usize {
        let judges = self.judges.all.iter().map(|(_, judge)| judge.remembered());
        self.calls.len() + judges.sum::<usize>()
    }
}
