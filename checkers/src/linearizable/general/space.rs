//! The states of a model, numbered as they come up, and what leads from one to the other.

use rustc_hash::FxHashMap;

use crate::model::{Action, Model};

/// Numbers for states; steps are remembered. A state takes what it takes, a remembered step about 24 bytes.
pub(crate) struct Space<'m, M: Model> {
    model: &'m M,
    actions: &'m [Action],
    states: Vec<M::State>,
    number: FxHashMap<M::State, u32>,
    /// By state and action: where the results begin in `results`, and how many there are.
    steps: FxHashMap<(u32, u32), (u32, u32)>,
    results: Vec<u32>,
}

impl<'m, M: Model> Space<'m, M> {
    pub(crate) fn new(model: &'m M, actions: &'m [Action]) -> Self {
        Self {
            model,
            actions,
            states: Vec::new(),
            number: FxHashMap::default(),
            steps: FxHashMap::default(),
            results: Vec::new(),
        }
    }

    /// The number of a state.
    pub(crate) fn number(&mut self, state: M::State) -> u32 {
        if let Some(&number) = self.number.get(&state) {
            return number;
        }
        let number = self.states.len() as u32;
        self.number.insert(state.clone(), number);
        self.states.push(state);
        number
    }

    /// The states after an action in a state, for [`Space::result`].
    pub(crate) fn steps(&mut self, state: u32, action: u32) -> std::ops::Range<u32> {
        if let Some(&(begin, count)) = self.steps.get(&(state, action)) {
            return begin..begin + count;
        }
        let after = self
            .model
            .steps(&self.states[state as usize], &self.actions[action as usize]);
        let begin = self.results.len() as u32;
        for state in after {
            let number = self.number(state);
            self.results.push(number);
        }
        let count = self.results.len() as u32 - begin;
        self.steps.insert((state, action), (begin, count));
        begin..begin + count
    }

    /// One of the states that [`Space::steps`] found.
    pub(crate) fn result(&self, place: u32) -> u32 {
        self.results[place as usize]
    }

    /// Whether an action can happen in a state.
    pub(crate) fn allows(&mut self, state: u32, action: u32) -> bool {
        !self.steps(state, action).is_empty()
    }

    /// How many states there are.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// About how many bytes they take, besides what a state keeps elsewhere.
    pub(crate) fn bytes(&self) -> u64 {
        let state = size_of::<M::State>() as u64;
        self.states.len() as u64 * (2 * state + 16)
            + self.steps.len() as u64 * 24
            + self.results.len() as u64 * 4
    }

    /// Forgets all states but these, which get new numbers in this order.
    pub(crate) fn keep(&mut self, live: &[u32]) {
        let states: Vec<M::State> = live
            .iter()
            .map(|&state| self.states[state as usize].clone())
            .collect();
        self.states.clear();
        self.number.clear();
        self.steps.clear();
        self.results.clear();
        for state in states {
            self.number(state);
        }
    }
}
