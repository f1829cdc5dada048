//! What each transaction saw of what others appended, and whether its reads agree with its own steps.

use schism_history::Outcome;

use super::{Direct, Finder};
use crate::transactions::columns::{NONE, Step, StepKind};

/// What a transaction saw of a list, its own elements at the end left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Who.
    pub(super) transaction: u32,
    /// The place of the step that read it.
    pub(super) step: u32,
    /// How many elements, of the branch that the step read.
    pub(super) seen: u32,
    /// Whether the transaction appended to the list, too.
    pub(super) updates: bool,
    /// Whether what it appended is not in the view: then it appended to that version.
    pub(super) is_base: bool,
}

impl Finder<'_, '_> {
    /// What each transaction saw of what others appended, and whether its reads agree with its own steps.
    pub(super) fn views(&mut self) -> Vec<View> {
        let transactions = self.transactions;
        let mut views: Vec<View> = Vec::new();
        let mut own = Own::new(transactions.keys.len());
        for &t in &transactions.by_time {
            if transactions.outcome[t as usize] != Outcome::Ok {
                continue;
            }
            own.begin(t);
            for (place, step) in transactions.step_range(t).zip(transactions.steps(t)) {
                match step.kind {
                    StepKind::Append => {
                        let state = own.of(step.key);
                        if state.appended.is_empty()
                            && let Some(first) = state.view
                        {
                            for view in &mut views[first..] {
                                let key = transactions.key[view.step as usize];
                                view.updates |= key == step.key;
                            }
                        }
                        state.appended.push(step.value);
                    }
                    StepKind::ReadList => {
                        self.lists.reads += 1;
                        let view = self.view(&mut own, t, place as u32, step);
                        if let Some(view) = view {
                            if step.branch != NONE {
                                let seen = &mut self.seen[step.branch as usize];
                                *seen = (*seen).max(view.seen);
                            }
                            own.of(step.key).view.get_or_insert(views.len());
                            views.push(view);
                        }
                    }
                    _ => {}
                }
            }
        }
        views
    }

    /// What a read says about what others appended: nothing, when it follows from what its transaction did before.
    fn view(&mut self, own: &mut Own, t: u32, place: u32, step: Step) -> Option<View> {
        let transactions = self.transactions;
        let list = transactions.list(step);
        let state = own.of(step.key);
        let since = &state.appended[state.until..];
        let mut view = View {
            transaction: t,
            step: place,
            seen: step.value,
            updates: !state.appended.is_empty(),
            is_base: list.ends_with(&state.appended),
        };
        // Before its own elements stands what it read before, if it read.
        let others = list
            .len()
            .checked_sub(since.len())
            .filter(|&others| list[others..] == *since);
        let is_expected = match (others, state.read) {
            (None, _) => false,
            (Some(others), None) => {
                view.seen = others as u32;
                true
            }
            (Some(others), Some(before)) => {
                others == before.value as usize
                    && (before.branch == step.branch
                        || transactions.list(before) == &list[..others])
            }
        };
        if !is_expected && list.ends_with(&state.appended) {
            view.seen = (list.len() - state.appended.len()) as u32;
        }
        let is_first = state.read.is_none();
        state.read = Some(step);
        state.until = state.appended.len();
        if !is_expected {
            self.lists.direct.push(Direct::Internal {
                transaction: t,
                key: step.key,
                step: place,
            });
        }
        (is_first || !is_expected).then_some(view)
    }
}

/// What the transaction that is looked at did to each key.
struct Own {
    transaction: u32,
    /// For each key: the transaction that the state is of, and its place in `states`.
    place: Vec<(u32, u32)>,
    states: Vec<OwnKey>,
    used: usize,
}

/// What a transaction did to a key so far.
#[derive(Default)]
struct OwnKey {
    /// What it read last.
    read: Option<Step>,
    /// Its first view.
    view: Option<usize>,
    /// What it appended.
    appended: Vec<u32>,
    /// How many of those it had appended when it read last.
    until: usize,
}

impl Own {
    fn new(keys: usize) -> Self {
        Self {
            transaction: NONE,
            place: vec![(NONE, 0); keys],
            states: Vec::new(),
            used: 0,
        }
    }

    fn begin(&mut self, transaction: u32) {
        self.transaction = transaction;
        self.used = 0;
    }

    fn of(&mut self, key: u32) -> &mut OwnKey {
        let (transaction, place) = &mut self.place[key as usize];
        if *transaction != self.transaction {
            *transaction = self.transaction;
            *place = self.used as u32;
            if self.used == self.states.len() {
                self.states.push(OwnKey::default());
            }
            let state = &mut self.states[self.used];
            state.appended.clear();
            (state.read, state.view, state.until) = (None, None, 0);
            self.used += 1;
        }
        &mut self.states[*place as usize]
    }
}
