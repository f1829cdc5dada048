//! The load of a plan: its workload, drawn at its pace.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use schism_history::Event;
use schism_workloads::{Invocation, Invoker, Turn, Workload};

use crate::controller::Load;
use crate::generator::{Draw, Generator, delay, draws, limit, open_loop, time_limit};
use crate::plan::Pace;

/// A workload, and the generator that draws from it.
pub struct WorkloadLoad {
    workload: Rc<RefCell<Box<dyn Workload>>>,
    generator: Box<dyn Generator>,
}

impl WorkloadLoad {
    /// The workload at a pace, for so long and, if bounded, so many operations.
    pub fn new(
        workload: Box<dyn Workload>,
        pace: Pace,
        time: Duration,
        operations: Option<u64>,
        seed: u64,
    ) -> Self {
        let workload = Rc::new(RefCell::new(workload));
        let source = draws(Drawn {
            workload: Rc::clone(&workload),
            rng: Pcg64Mcg::seed_from_u64(seed),
        });
        let gap = |rate: f64| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        let paced: Box<dyn Generator> = match pace {
            Pace::AsFastAsPossible => Box::new(source),
            Pace::Throttled(rate) => Box::new(delay(gap(rate), source)),
            Pace::Open(rate) => Box::new(open_loop(gap(rate), source)),
        };
        let generator = Box::new(time_limit(
            time,
            limit(operations.unwrap_or(u64::MAX), paced),
        ));
        Self {
            workload,
            generator,
        }
    }
}

impl Load for WorkloadLoad {
    fn generator(&mut self) -> &mut dyn Generator {
        &mut *self.generator
    }

    fn final_reads(&self) -> Vec<Invocation> {
        self.workload.borrow().final_reads()
    }

    fn invoker(&self) -> Arc<dyn Invoker> {
        self.workload.borrow().invoker()
    }
}

struct Drawn {
    workload: Rc<RefCell<Box<dyn Workload>>>,
    rng: Pcg64Mcg,
}

impl Draw for Drawn {
    fn draw(&mut self, turn: &Turn) -> Invocation {
        self.workload.borrow_mut().draw(turn, &mut self.rng)
    }

    fn saw(&mut self, event: &Event) {
        self.workload.borrow_mut().saw(event);
    }
}
