//! The lists of a history as version orders, and what is wrong with them before any cycle is looked for.
//!
//! A list shows all that was appended to it, in order. So the longest read of a key is the order of its versions, and
//! every other read is a version: how many elements it saw.

use schism_history::Outcome;

use crate::transactions::columns::{Content, NONE, Step, StepKind, Transactions};
use crate::transactions::versions::Versions;

/// Two transactions appended the same element: nobody knows whose it is.
const AMBIGUOUS: u32 = NONE - 1;

/// Something wrong that is no cycle. Transactions, keys and values by number; values within their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direct {
    /// `reader` saw an element that only the failed `writer` appended.
    Aborted {
        reader: u32,
        writer: u32,
        key: u32,
        value: u32,
    },
    /// `reader` saw an element that nobody appended.
    Garbage { reader: u32, key: u32, value: u32 },
    /// `reader` saw `value` of `writer` as the last element, and not what `writer` appended next.
    Intermediate {
        reader: u32,
        writer: u32,
        key: u32,
        value: u32,
        next: u32,
    },
    /// `reader` saw an element twice; `writer` is the only one who appended it, once.
    Duplicate {
        reader: u32,
        writer: u32,
        key: u32,
        value: u32,
    },
    /// The lists that two transactions read have different elements at one place.
    Incompatible {
        one: u32,
        other: u32,
        key: u32,
        values: (u32, u32),
    },
    /// `reader` saw the second of two elements that `writer` appended one after the other, and not the first before it.
    Misplaced {
        reader: u32,
        writer: u32,
        key: u32,
        values: (u32, u32),
    },
    /// What `transaction` read at its step does not follow from its own steps before.
    Internal {
        transaction: u32,
        key: u32,
        step: u32,
    },
    /// `transaction` read an element that it appended only later.
    Future {
        transaction: u32,
        key: u32,
        value: u32,
    },
    /// `writer` appended `value` right behind what the failed `aborted` had appended; `reader` saw both.
    DirtyUpdate {
        reader: u32,
        aborted: u32,
        writer: u32,
        key: u32,
        values: (u32, u32),
    },
    /// Both read the same version of a key, and appended to it.
    LostUpdate { one: u32, other: u32, key: u32 },
}

impl Direct {
    /// What the catalogue calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aborted { .. } => "G1a",
            Self::Garbage { .. } => "garbage-read",
            Self::Intermediate { .. } => "G1b",
            Self::Duplicate { .. } => "duplicate-elements",
            Self::Incompatible { .. } | Self::Misplaced { .. } => "incompatible-order",
            Self::Internal { .. } => "internal",
            Self::Future { .. } => "future-read",
            Self::DirtyUpdate { .. } => "dirty-update",
            Self::LostUpdate { .. } => "lost-update",
        }
    }
}

/// The lists of a history.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Their version orders.
    pub(crate) versions: Versions,
    /// Whether each transaction is taken to have happened: it is known to have, or somebody saw what it appended.
    pub(crate) is_committed: Vec<bool>,
    /// What is wrong.
    pub(crate) direct: Vec<Direct>,
    /// For each value of each key (see `value_base`), its slot; [`NONE`] where its place is not known.
    pub(crate) slot: Vec<u32>,
    /// Where the values of each key begin.
    pub(crate) value_base: Vec<u32>,
    /// Whether all that is known about the order of versions is in `versions`: if not, no level is surely kept.
    pub(crate) is_complete: bool,
    /// Reads of lists whose result is known.
    pub(crate) reads: u64,
    /// Appends of transactions that did not fail.
    pub(crate) appends: u64,
}

/// Finds the lists. O(steps + elements of branches) time.
pub(crate) fn lists(transactions: &Transactions<'_>) -> Lists {
    let mut finder = Finder::new(transactions);
    finder.writers();
    let views = finder.views();
    finder.commit();
    finder.orders();
    finder.unordered();
    finder.reads(&views);
    finder.branches(&views);
    let Finder {
        mut lists,
        value_base,
        slot,
        ..
    } = finder;
    lists.value_base = value_base;
    lists.slot = slot;
    lists
}

struct Finder<'a, 'h> {
    transactions: &'a Transactions<'h>,
    lists: Lists,
    value_base: Vec<u32>,
    /// For each value: who appended it, [`NONE`], or [`AMBIGUOUS`]. One who did not fail goes before one who did.
    writer: Vec<u32>,
    /// For each value: the next one that its writer appended to the same key; 0 for the last one.
    overwritten_by: Vec<u32>,
    /// For each value: the one that its writer appended to the same key before; 0 for the first one.
    follows: Vec<u32>,
    /// For each value: its slot.
    slot: Vec<u32>,
    /// For each branch, how many of its elements somebody saw that were not all their own at the end.
    seen: Vec<u32>,
    /// For each key, the branch of which most was seen; [`NONE`] if nobody saw an element.
    main: Vec<u32>,
    /// For each key, how many elements of the longest branch are beyond doubt.
    trusted: Vec<u32>,
}

impl<'a, 'h> Finder<'a, 'h> {
    fn new(transactions: &'a Transactions<'h>) -> Self {
        let mut value_base = Vec::with_capacity(transactions.values.len() + 1);
        let mut count = 0;
        for values in &transactions.values {
            value_base.push(count);
            count += values.len() as u32;
        }
        value_base.push(count);
        let count = count as usize;
        let keys = transactions.keys.len();
        Self {
            transactions,
            lists: Lists {
                is_complete: transactions.unreadable.is_none(),
                ..Lists::default()
            },
            writer: vec![NONE; count],
            overwritten_by: vec![0; count],
            follows: vec![0; count],
            slot: vec![NONE; count],
            seen: vec![0; transactions.branches.len()],
            main: vec![NONE; keys],
            trusted: vec![0; keys],
            value_base,
        }
    }

    fn place(&self, key: u32, value: u32) -> usize {
        (self.value_base[key as usize] + value) as usize
    }

    fn failed(&self, transaction: u32) -> bool {
        self.transactions.outcome[transaction as usize] == Outcome::Fail
    }

    /// Who appended each element.
    fn writers(&mut self) {
        let transactions = self.transactions;
        // For each key, the transaction that appended to it last, and what.
        let mut last = vec![(NONE, 0_u32); transactions.keys.len()];
        for t in 0..transactions.len() as u32 {
            let failed = self.failed(t);
            for step in transactions.steps(t) {
                if step.kind != StepKind::Append {
                    continue;
                }
                let place = self.place(step.key, step.value);
                self.lists.appends += u64::from(!failed);
                let known = self.writer[place];
                self.writer[place] = match known {
                    NONE => t,
                    AMBIGUOUS => AMBIGUOUS,
                    known if self.failed(known) == failed => AMBIGUOUS,
                    known if failed => known,
                    _ => t,
                };
                if self.writer[place] == AMBIGUOUS && !failed {
                    self.lists.is_complete = false;
                }
                let (before, value) = &mut last[step.key as usize];
                if *before == t {
                    self.follows[place] = *value;
                    let place = (self.value_base[step.key as usize] + *value) as usize;
                    self.overwritten_by[place] = step.value;
                }
                (*before, *value) = (t, step.value);
            }
        }
    }

    /// Who is taken to have happened.
    fn commit(&mut self) {
        let outcome = &self.transactions.outcome;
        let mut committed: Vec<bool> = outcome.iter().map(|&o| o == Outcome::Ok).collect();
        for branch in &self.transactions.branches {
            if self.transactions.content[branch.key as usize] != Content::List {
                continue;
            }
            for &element in &branch.elements {
                let writer = self.writer[self.place(branch.key, element)];
                if writer < AMBIGUOUS && outcome[writer as usize] == Outcome::Info {
                    committed[writer as usize] = true;
                }
            }
        }
        self.lists.is_committed = committed;
    }

    /// The elements of a branch that somebody saw who had not appended them.
    fn elements(&self, branch: u32) -> &'a [u32] {
        let seen = self.seen[branch as usize] as usize;
        &self.transactions.branches[branch as usize].elements[..seen]
    }

    /// The order of each key, as far as all of its branches agree.
    fn orders(&mut self) {
        let transactions = self.transactions;
        for (number, branch) in transactions.branches.iter().enumerate() {
            let key = branch.key as usize;
            let seen = self.seen[number];
            if seen > self.trusted[key] && transactions.content[key] == Content::List {
                self.trusted[key] = seen;
                self.main[key] = number as u32;
            }
        }
        for (number, branch) in transactions.branches.iter().enumerate() {
            let key = branch.key as usize;
            let main = self.main[key];
            if number as u32 == main || self.seen[number] == 0 || main == NONE {
                continue;
            }
            let elements = self.elements(number as u32);
            let pairs = elements.iter().zip(self.elements(main));
            let same = pairs.take_while(|(a, b)| a == b).count();
            if same < elements.len() {
                self.trusted[key] = self.trusted[key].min(same as u32);
                self.lists.is_complete = false;
            }
        }
        self.lists
            .versions
            .base
            .reserve(transactions.keys.len() + 1);
        for key in 0..transactions.keys.len() as u32 {
            let versions = &mut self.lists.versions;
            versions.base.push(versions.writer.len() as u32);
            versions.writer.push(NONE);
            let main = self.main[key as usize];
            if main == NONE {
                continue;
            }
            let elements = self.elements(main);
            for (i, &element) in elements.iter().enumerate() {
                let place = self.place(key, element);
                if self.slot[place] != NONE {
                    // It stands there twice: where it belongs is not known, nor what is behind it.
                    let first = self.slot[place] - self.lists.versions.base[key as usize] - 1;
                    self.trusted[key as usize] = self.trusted[key as usize].min(first);
                    self.lists.is_complete = false;
                    continue;
                }
                self.slot[place] = self.lists.versions.base[key as usize] + 1 + i as u32;
            }
            let trusted = self.trusted[key as usize] as usize;
            for &element in &elements[..trusted] {
                let writer = self.writer[self.place(key, element)];
                let is_known = writer < AMBIGUOUS && self.lists.is_committed[writer as usize];
                let versions = &mut self.lists.versions;
                versions.writer.push(if is_known { writer } else { NONE });
            }
            for &element in &elements[trusted..] {
                let place = self.place(key, element);
                self.slot[place] = NONE;
            }
        }
        let versions = &mut self.lists.versions;
        versions.base.push(versions.writer.len() as u32);
    }

    /// Appends that surely happened and that nobody saw: they come after all that was seen.
    fn unordered(&mut self) {
        let transactions = self.transactions;
        let mut seen = vec![false; self.writer.len()];
        for (number, branch) in transactions.branches.iter().enumerate() {
            for &element in self.elements(number as u32) {
                seen[self.place(branch.key, element)] = true;
            }
        }
        for t in 0..transactions.len() as u32 {
            if !self.lists.is_committed[t as usize] {
                continue;
            }
            for step in transactions.steps(t) {
                if step.kind != StepKind::Append {
                    continue;
                }
                let place = self.place(step.key, step.value);
                let key = step.key as usize;
                let whole = match self.main[key] {
                    NONE => 0,
                    main => self.seen[main as usize],
                };
                if !seen[place] && self.writer[place] == t && self.trusted[key] == whole {
                    self.lists.versions.unordered.push((step.key, t));
                }
            }
        }
        let unordered = &mut self.lists.versions.unordered;
        unordered.sort_unstable();
        unordered.dedup();
    }

    /// What each transaction saw of what others appended, and whether its reads agree with its own steps.
    fn views(&mut self) -> Vec<View> {
        let transactions = self.transactions;
        let mut views: Vec<View> = Vec::new();
        let mut own = Own::new(transactions.keys.len());
        for t in 0..transactions.len() as u32 {
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

    /// Which version each view is, and what is wrong with it.
    fn reads(&mut self, views: &[View]) {
        let transactions = self.transactions;
        let mut updated_by = vec![NONE; self.lists.versions.writer.len()];
        self.lists.versions.reads.reserve(views.len());
        for view in views {
            let t = view.transaction;
            let step = transactions.step(view.step as usize);
            let key = step.key as usize;
            let list = &transactions.list(step)[..view.seen as usize];
            let slot =
                (view.seen <= self.trusted[key]).then(|| self.lists.versions.base[key] + view.seen);
            if let Some(slot) = slot {
                self.lists.versions.reads.push((t, slot));
            }
            if view.updates {
                self.future(view, step);
                if let Some(slot) = slot.filter(|_| view.is_base) {
                    self.update(&mut updated_by[slot as usize], t, step.key);
                }
            }
            let Some(&end) = list.last() else { continue };
            let place = self.place(step.key, end);
            let (writer, next) = (self.writer[place], self.overwritten_by[place]);
            if writer >= AMBIGUOUS || writer == t {
                continue;
            }
            if slot.is_none() && self.lists.is_committed[writer as usize] {
                self.lists.versions.read_from.push((writer, t, step.key));
            }
            if next != 0 && !self.failed(writer) {
                self.lists.direct.push(Direct::Intermediate {
                    reader: t,
                    writer,
                    key: step.key,
                    value: end,
                    next,
                });
            }
        }
    }

    /// A transaction that appends to the version that it saw.
    fn update(&mut self, updated_by: &mut u32, t: u32, key: u32) {
        if *updated_by == NONE {
            *updated_by = t;
        } else if *updated_by != t {
            self.lists.direct.push(Direct::LostUpdate {
                one: *updated_by,
                other: t,
                key,
            });
        }
    }

    /// Whether a view holds what its transaction appends only later.
    fn future(&mut self, view: &View, step: Step) {
        let transactions = self.transactions;
        let list = transactions.list(step);
        let end = transactions.step_range(view.transaction).end;
        for place in view.step as usize + 1..end {
            let later = transactions.step(place);
            if later.kind != StepKind::Append || later.key != step.key {
                continue;
            }
            let slot = self.slot[self.place(later.key, later.value)];
            let is_seen = if view.seen <= self.trusted[step.key as usize] {
                slot <= self.lists.versions.base[step.key as usize] + view.seen
            } else {
                list.contains(&later.value)
            };
            if is_seen {
                self.lists.direct.push(Direct::Future {
                    transaction: view.transaction,
                    key: step.key,
                    value: later.value,
                });
            }
        }
    }

    /// What is wrong with the elements of branches, each in itself and against the longest one of its key.
    fn branches(&mut self, views: &[View]) {
        let transactions = self.transactions;
        // For each branch, the first who saw most of it.
        let mut readers = vec![NONE; transactions.branches.len()];
        for view in views {
            let branch = transactions.step(view.step as usize).branch;
            if branch != NONE && self.seen[branch as usize] == view.seen {
                let reader = &mut readers[branch as usize];
                *reader = (*reader).min(view.transaction);
            }
        }
        // For each value, the branch in which it was seen last.
        let mut seen_in = vec![NONE; self.writer.len()];
        // For each value, whether it has been found to be garbage, aborted or twice there.
        let mut told = vec![false; self.writer.len()];
        for (number, branch) in transactions.branches.iter().enumerate() {
            let key = branch.key;
            let reader = readers[number];
            if reader == NONE || transactions.content[key as usize] != Content::List {
                continue;
            }
            let elements = self.elements(number as u32);
            let main = self.main[key as usize];
            if main == NONE {
                continue;
            }
            let mut pairs = elements.iter().zip(self.elements(main));
            if let Some((&here, &there)) = pairs.find(|(here, there)| here != there) {
                self.lists.direct.push(Direct::Incompatible {
                    one: readers[main as usize],
                    other: reader,
                    key,
                    values: (there, here),
                });
            }
            let mut before: Option<u32> = None;
            for &value in elements {
                let place = self.place(key, value);
                let writer = self.writer[place];
                let is_second = seen_in[place] == number as u32;
                seen_in[place] = number as u32;
                let direct = match writer {
                    NONE => Some(Direct::Garbage { reader, key, value }),
                    AMBIGUOUS => None,
                    writer if self.failed(writer) => Some(Direct::Aborted {
                        reader,
                        writer,
                        key,
                        value,
                    }),
                    writer if is_second => Some(Direct::Duplicate {
                        reader,
                        writer,
                        key,
                        value,
                    }),
                    writer => {
                        self.dirty_update(reader, writer, key, before, value);
                        let first = self.follows[place];
                        let is_there =
                            first == 0 || seen_in[self.place(key, first)] == number as u32;
                        (!is_there).then_some(Direct::Misplaced {
                            reader,
                            writer,
                            key,
                            values: (first, value),
                        })
                    }
                };
                if let Some(direct) = direct
                    && !std::mem::replace(&mut told[place], true)
                {
                    self.lists.direct.push(direct);
                }
                before = Some(value);
            }
        }
    }

    fn dirty_update(
        &mut self,
        reader: u32,
        writer: u32,
        key: u32,
        before: Option<u32>,
        value: u32,
    ) {
        let Some(before) = before else { return };
        let aborted = self.writer[self.place(key, before)];
        if aborted < AMBIGUOUS && self.failed(aborted) {
            self.lists.direct.push(Direct::DirtyUpdate {
                reader,
                aborted,
                writer,
                key,
                values: (before, value),
            });
        }
    }
}

/// What a transaction saw of a list, its own elements at the end left out.
#[derive(Clone, Copy, Debug)]
struct View {
    transaction: u32,
    /// The place of the step that read it.
    step: u32,
    /// How many elements, of the branch that the step read.
    seen: u32,
    /// Whether the transaction appended to the list, too.
    updates: bool,
    /// Whether what it appended is not in the view: then it appended to that version.
    is_base: bool,
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
