//! The reads that settle what became of a run: each once to every node, until it is answered.

use std::collections::VecDeque;
use std::time::Duration;

use schism_history::{Event, Kind, Time};
use schism_workloads::Invocation;

use crate::generator::{Context, Emitted, Generator, Next};

/// How long an unanswered read waits before it is sent again.
const RETRY: Duration = Duration::from_millis(250);

/// Sends each read to each node until it is `ok`, or the time is over.
pub(super) struct FinalReads {
    /// What is to be sent, not before when. In order of time.
    waiting: VecDeque<(Time, usize, Invocation)>,
    /// By worker: what it has open.
    open: Vec<Option<(usize, Invocation)>>,
    deadline: Time,
}

impl FinalReads {
    pub(super) fn new(reads: Vec<Invocation>, nodes: usize, deadline: Time) -> Self {
        let waiting = reads
            .into_iter()
            .flat_map(|read| (0..nodes).map(move |node| (Time::ZERO, node, read.clone())))
            .collect();
        Self {
            waiting,
            open: Vec::new(),
            deadline,
        }
    }
}

impl Generator for FinalReads {
    fn ready(&mut self, context: &Context<'_>) -> Next {
        match self.waiting.front() {
            None if self.open.iter().all(Option::is_none) => Next::Done,
            _ if context.time >= self.deadline => Next::Done,
            None => Next::Pending,
            Some(_) if context.free().is_empty() => Next::Pending,
            Some((time, ..)) => Next::At((*time).max(context.time).min(self.deadline)),
        }
    }

    fn emit(&mut self, context: &Context<'_>) -> Emitted {
        let (_, node, invocation) = self
            .waiting
            .pop_front()
            .expect("ready said that something waits");
        let worker = context
            .free()
            .next_from(0)
            .expect("ready said that somebody is free");
        self.open.resize(self.open.len().max(worker + 1), None);
        self.open[worker] = Some((node, invocation.clone()));
        Emitted {
            worker,
            invocation,
            due: context.time,
            node: Some(node),
        }
    }

    fn saw(&mut self, context: &Context<'_>, worker: usize, event: &Event) {
        if event.kind == Kind::Invoke {
            return;
        }
        if let Some((node, invocation)) = self.open.get_mut(worker).and_then(Option::take)
            && event.kind != Kind::Ok
        {
            self.waiting
                .push_back((context.time + RETRY, node, invocation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::fleet;
    use schism_history::{F, Value};

    fn reads() -> FinalReads {
        let reads = vec![
            Invocation::new(F::Read, 1, Value::Nil),
            Invocation::new(F::Read, 2, Value::Nil),
        ];
        FinalReads::new(reads, 3, Time::from_secs(5))
    }

    #[test]
    fn each_is_sent_to_each_node_once_when_all_is_well() {
        let events = fleet::run(2, 1000, reads(), &mut fleet::perfect);
        assert_eq!(
            events.iter().filter(|event| event.kind == Kind::Ok).count(),
            6
        );
        assert_eq!(events.len(), 12);
    }

    #[test]
    fn what_is_not_answered_is_sent_again_until_it_is() {
        let events = fleet::run(2, 1000, reads(), &mut fleet::imperfect());
        assert_eq!(
            events.iter().filter(|event| event.kind == Kind::Ok).count(),
            6
        );
        assert!(events.len() > 12);
    }

    #[test]
    fn a_node_that_never_answers_does_not_hold_the_run() {
        let mut never = |_: &Invocation| (Duration::from_millis(10), Kind::Info);
        let events = fleet::run(2, 10_000, reads(), &mut never);
        let last = events.last().expect("it was tried");
        assert!(
            last.time >= Time::from_secs(4) && last.time < Time::from_secs(6),
            "{}",
            last.time
        );
    }
}
