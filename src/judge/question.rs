//! What is asked about a history that no plan stands behind.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use schism_checkers::{Budget, Checker, Level, ModelName, Options, asked, suited};
use schism_history::{Event, History, Kind, Process, Value};

use crate::plan::units::Bytes;

/// What is asked about a history.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The checkers to ask; without any, those that fit the operations.
    pub checkers: Vec<String>,
    /// What kind of object the operations are about, for linearizability; without one, their functions tell.
    pub model: Option<ModelName>,
    /// The level that the database claims to give: the answer is about this one alone.
    pub claim: Option<Level>,
    /// What else is told to checkers.
    pub options: Options,
    /// How much each checker may spend.
    pub limits: Limits,
}

/// The checker that a model is for.
const OF_MODELS: &str = "linearizable";

impl Question {
    /// Whether what is asked can be answered by somebody.
    ///
    /// # Errors
    /// A model, and nobody is asked for whom it means something; or a claim that no model has anything to do with.
    pub fn check(&self) -> Result<(), String> {
        let Some(model) = self.model else {
            return Ok(());
        };
        if !self.checkers.is_empty() && !self.checkers.iter().any(|name| name == OF_MODELS) {
            return Err(format!(
                "the model {model} is for the checker {OF_MODELS}, which --checker leaves out; name it too, or name no checker"
            ));
        }
        match self.claim {
            Some(claim) if !Level::Linearizable.implies(claim) => Err(format!(
                "the model {model} is for {}, which says nothing about {claim}; leave out --model or --level",
                Level::Linearizable
            )),
            _ => Ok(()),
        }
    }

    /// The names of the checkers to ask about a history.
    pub fn checkers_for(&self, history: &History) -> Vec<String> {
        if !self.checkers.is_empty() {
            return self.checkers.clone();
        }
        if self.model.is_some() {
            return vec![OF_MODELS.to_owned()];
        }
        let suited = suited(history).into_iter();
        suited.map(|listed| listed.name.to_owned()).collect()
    }

    /// The checker of a name, told what is asked.
    pub(super) fn checker(&self, name: &str) -> Option<Box<dyn Checker>> {
        let mut options = self.options.clone();
        if let Some(claim) = self.claim {
            options = options.claiming(claim);
        }
        if let Some(model) = self.model {
            options = options.about(model);
        }
        asked(name, &options)
    }
}

/// How much judging a history may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// From reading's end to the verdict. What is not decided then is unknown.
    pub time: Option<Duration>,
    /// Search steps of a checker.
    pub steps: Option<u64>,
    /// Bytes of a checker's own tables.
    pub bytes: Option<u64>,
}

impl Limits {
    /// These limits, and where `more` has one, that one.
    #[must_use]
    pub fn with(self, more: Self) -> Self {
        Self {
            time: more.time.or(self.time),
            steps: more.steps.or(self.steps),
            bytes: more.bytes.or(self.bytes),
        }
    }

    /// Does some work within these limits.
    pub(super) fn within<T>(self, work: impl FnOnce(&Budget) -> T) -> T {
        let stop = Arc::new(AtomicBool::new(false));
        let mut budget = Budget::default().stopped_by(Arc::clone(&stop));
        budget.steps = self.steps.unwrap_or(budget.steps);
        budget.bytes = self.bytes.unwrap_or(budget.bytes);
        let Some(time) = self.time else {
            return work(&budget);
        };
        let (done, ended) = mpsc::channel::<()>();
        thread::scope(|threads| {
            threads.spawn(move || {
                if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                    stop.store(true, Ordering::Relaxed);
                }
            });
            let result = work(&budget);
            drop(done);
            result
        })
    }
}

/// One limit: `30s`, `500M-steps`, `2GiB`.
impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(number) = text.strip_suffix("steps") {
            let number = number.trim_end_matches(['-', ' ']);
            let (digits, factor) = match number.char_indices().next_back() {
                Some((at, 'k')) => (&number[..at], 1_000),
                Some((at, 'M')) => (&number[..at], 1_000_000),
                Some((at, 'G')) => (&number[..at], 1_000_000_000),
                _ => (number, 1),
            };
            let steps = digits.trim_end().parse::<u64>().ok();
            let steps = steps.and_then(|steps| steps.checked_mul(factor));
            let steps = steps.filter(|steps| *steps > 0);
            return match steps {
                Some(steps) => Ok(Self {
                    steps: Some(steps),
                    ..Self::default()
                }),
                None => Err(format!(
                    "`{text}` is no number of steps: write it as in 500M-steps"
                )),
            };
        }
        if let Ok(Bytes(bytes)) = text.parse() {
            return Ok(Self {
                bytes: Some(bytes),
                ..Self::default()
            });
        }
        match humantime::parse_duration(text) {
            Ok(time) if !time.is_zero() => Ok(Self {
                time: Some(time),
                ..Self::default()
            }),
            _ => Err(format!(
                "`{text}` is no budget: write a time, steps or memory, as in 30s, 500M-steps, 2GiB"
            )),
        }
    }
}

/// Keeps the operations on one object, and what the nemesis did.
#[derive(Clone, Debug)]
pub struct OneKey {
    wanted: String,
    /// The client whose open operation is on the object.
    open: Vec<Process>,
    found: bool,
    others: Vec<String>,
}

impl OneKey {
    /// So many of the keys that are there are named when the one asked for is not.
    const NAMED: usize = 5;

    /// Operations on the object with this key, as it is written: `7`, `x`.
    pub fn new(key: &str) -> Self {
        Self {
            wanted: key.to_owned(),
            open: Vec::new(),
            found: false,
            others: Vec::new(),
        }
    }

    /// Whether the next event of the history is kept.
    pub fn keeps(&mut self, event: &Event) -> bool {
        if event.process.is_nemesis() {
            return true;
        }
        if event.kind != Kind::Invoke {
            let place = self.open.iter().position(|open| *open == event.process);
            return place.map(|place| self.open.swap_remove(place)).is_some();
        }
        let key = match &event.key {
            Value::Text(text) => text.to_string(),
            key => key.to_string(),
        };
        let keeps = !event.key.is_nil() && key == self.wanted;
        if keeps {
            self.found = true;
            self.open.push(event.process);
        } else if self.others.len() < Self::NAMED
            && !event.key.is_nil()
            && !self.others.contains(&key)
        {
            self.others.push(key);
        }
        keeps
    }

    /// What is wrong, once all events are seen: nothing was kept.
    ///
    /// # Errors
    /// No operation is on the object; says which objects there are.
    pub fn found(&self) -> Result<(), String> {
        if self.found {
            return Ok(());
        }
        let wanted = &self.wanted;
        Err(if self.others.is_empty() {
            format!(
                "no operation names a key, so --key {wanted} leaves nothing; keys inside transactions are no objects of \
                 their own"
            )
        } else {
            let others = self.others.join(", ");
            format!("no operation is on the key {wanted}; there are {others}, and perhaps more")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::{F, Time};

    #[test]
    fn budgets_are_times_steps_or_memory() {
        let limits = |text: &str| text.parse::<Limits>();
        let time = |seconds| Limits {
            time: Some(Duration::from_secs(seconds)),
            ..Limits::default()
        };
        let steps = |steps| Limits {
            steps: Some(steps),
            ..Limits::default()
        };
        assert_eq!(limits("30s"), Ok(time(30)));
        assert_eq!(limits("2m"), Ok(time(120)));
        assert_eq!(limits("500M-steps"), Ok(steps(500_000_000)));
        assert_eq!(limits("7 steps"), Ok(steps(7)));
        assert_eq!(limits("2GiB").unwrap().bytes, Some(2 << 30));
        let both = time(30).with(steps(7)).with(time(4));
        assert_eq!(
            (both.time, both.steps),
            (Some(Duration::from_secs(4)), Some(7))
        );
        for wrong in [
            "",
            "30",
            "0s",
            "-steps",
            "0-steps",
            "99999999999G-steps",
            "fast",
        ] {
            assert!(limits(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn work_is_told_when_its_time_is_over() {
        let limits = Limits {
            time: Some(Duration::from_millis(1)),
            ..Limits::default()
        };
        limits.within(|budget| {
            while !budget.is_stopped() {
                thread::yield_now();
            }
        });
        assert!(!Limits::default().within(Budget::is_stopped));
    }

    #[test]
    fn one_object_is_kept_with_its_completions() {
        let event = |process, kind, key: Value| {
            Event::new(Time::ZERO, Process::client(process), kind, F::Read).key(key)
        };
        let mut one = OneKey::new("7");
        assert!(one.keeps(&event(0, Kind::Invoke, Value::from(7))));
        assert!(!one.keeps(&event(1, Kind::Invoke, Value::from("x"))));
        assert!(!one.keeps(&event(1, Kind::Ok, Value::Nil)));
        assert!(one.keeps(&event(0, Kind::Ok, Value::Nil)));
        assert!(one.keeps(&event(2, Kind::Invoke, Value::from("7"))));
        assert_eq!(one.found(), Ok(()));
        let mut none = OneKey::new("8");
        none.keeps(&event(0, Kind::Invoke, Value::from(7)));
        assert!(none.found().unwrap_err().contains("there are 7"));
        assert!(
            OneKey::new("8")
                .found()
                .unwrap_err()
                .contains("names a key")
        );
    }
}
