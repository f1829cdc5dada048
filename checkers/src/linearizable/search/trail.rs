//! The way to a configuration: what took effect, in which order.

use super::{Search, Slot};
use crate::linearizable::frontier::Frontier;
use crate::models::Model;

use super::notice::is_blind;

/// Marks a class in a trail.
pub(super) const CLASS: u32 = 1 << 31;

/// Where configurations came from.
pub(super) struct Trails {
    steps: Vec<Step>,
}

/// What took effect last.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The place of the step before; 0 at the beginning.
    before: u32,
    /// The call, or [`CLASS`] and the class.
    what: u32,
    /// The call at whose return it took effect.
    at: u32,
}

impl Trails {
    fn new() -> Self {
        Self {
            steps: vec![Step::default()],
        }
    }

    /// The place of the next step.
    pub(super) const fn next(&self) -> u64 {
        self.steps.len() as u64
    }

    pub(super) fn push(&mut self, before: u32, what: u32, at: usize) {
        let at = at as u32;
        self.steps.push(Step { before, what, at });
    }

    /// Bytes taken.
    pub(super) const fn bytes(&self) -> u64 {
        (self.steps.capacity() * size_of::<Step>()) as u64
    }
}

impl<M: Model> Search<'_, M> {
    /// Remembers from now on where configurations come from.
    pub(super) fn trace(&mut self) {
        self.layout = self.layout.with_trail();
        self.current = Frontier::new(self.layout);
        self.next = Frontier::new(self.layout);
        self.seen = Frontier::new(self.layout);
        self.trails = Some(Trails::new());
    }

    /// The updates that led to one of the configurations at the end.
    pub(super) fn updates(&self) -> Vec<u32> {
        let (Some(trails), Some(config)) = (&self.trails, self.current.iter().next()) else {
            return Vec::new();
        };
        let mut steps = Vec::new();
        let mut at = self.layout.trail(config) as usize;
        while at != 0 {
            let step = trails.steps[at];
            steps.push(step);
            at = step.before as usize;
        }
        steps.reverse();
        let unseen = self.unseen(&steps);
        let mut unseen = unseen.into_iter().peekable();
        // Of a class, those that were invoked first.
        let mut of_class: Vec<Vec<u32>> = vec![Vec::new(); self.classes.len()];
        for (i, place) in self.places.iter().enumerate().rev() {
            if let Slot::Class(class) = place {
                of_class[*class as usize].push(i as u32);
            }
        }
        let mut updates = Vec::new();
        for (place, Step { what, .. }) in steps.into_iter().enumerate() {
            while let Some((_, call)) = unseen.next_if(|&(before, _)| before == place) {
                updates.push(call);
            }
            if what & CLASS == 0 {
                updates.push(what);
            } else {
                let next = of_class[(what & !CLASS) as usize].pop();
                updates.push(next.expect("no more of a class are used than were invoked"));
            }
        }
        updates
    }

    /// The writes that returned without having taken effect: each was free, since another one did while it was open. The
    /// first such, as a place among the steps, and the write, which stands right before it.
    fn unseen(&self, steps: &[Step]) -> Vec<(usize, u32)> {
        let mut seen = vec![false; self.calls.len()];
        let mut blind = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            let action = if step.what & CLASS == 0 {
                seen[step.what as usize] = true;
                self.calls[step.what as usize].action
            } else {
                self.classes[(step.what & !CLASS) as usize].action
            };
            if is_blind(self.model, action) {
                blind.push((self.calls[step.at as usize].end, place));
            }
        }
        let mut unseen = Vec::new();
        for (i, place) in self.places.iter().enumerate() {
            if matches!(place, Slot::Blind(_)) && !seen[i] {
                let first = blind.partition_point(|&(end, _)| end < self.calls[i].invoked);
                let &(_, before) = blind
                    .get(first)
                    .expect("it returned free, so another write took effect while it was open");
                unseen.push((before, i as u32));
            }
        }
        unseen.sort_unstable();
        unseen
    }
}
