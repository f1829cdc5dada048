//! Queues, stacks and their kin as pairs: when each value was put in, and when it was taken out.

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Operation, Outcome, Time, Value};

/// When something happened, and which operation it was. Times are nanoseconds; an operation that may happen at any time
/// ends at `u64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) id: OpId,
}

/// The end of what never has to end.
pub(crate) const NEVER: u64 = u64::MAX;

impl Span {
    fn of(op: &Operation<'_>) -> Self {
        Self {
            begin: op.invoked.as_nanos(),
            end: op.end().as_nanos(),
            id: op.id,
        }
    }
}

/// A value that was put in once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// When it was put in.
    pub(crate) put: Span,
    /// When it was taken out, by somebody who said so.
    pub(crate) taken: Option<Span>,
    /// Its place among the values of a queue that gives back the largest first.
    pub(crate) priority: i64,
}

impl Item {
    /// The last moment before which it cannot have been in, and the first after which it need not be in any more. It was
    /// in for sure between the two, if they are in this order.
    pub(crate) fn surely_in(&self) -> (u64, u64) {
        let begin = self.put.end;
        match self.taken {
            // Whoever took it found it there.
            Some(taken) => (begin.min(taken.end), taken.begin),
            None => (begin, NEVER),
        }
    }
}

/// What was done to a collection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collection {
    /// Values that happened to be put in for sure, each once; in order of being put in.
    pub(crate) items: Vec<Item>,
    /// Operations that found nothing to take.
    pub(crate) empties: Vec<Span>,
    /// When operations began that may have taken something, nobody knows what, by time.
    pub(crate) loose: Vec<u64>,
}

/// A collection as far as its values tell it.
pub(crate) struct Reading {
    /// The values that were put in once, and what else is needed to judge them.
    pub(crate) collection: Collection,
    /// Values, and operations that are impossible by themselves because of them, a few: somebody took what nobody had put
    /// in, or more often than it was put in.
    pub(crate) impossible: Vec<(Value, Vec<OpId>)>,
    /// How many of those there are.
    pub(crate) impossible_count: u64,
    /// Values that were put in more than once: who took which is not known.
    pub(crate) ambiguous: Vec<Ambiguous>,
    /// Operations that may have taken something, nobody knows what.
    pub(crate) loose: Vec<OpId>,
    /// An operation that is none on such an object.
    pub(crate) unreadable: Option<OpId>,
    /// How many operations may have happened.
    pub(crate) operations: usize,
}

/// Sets of impossible operations that are kept.
const KEPT: usize = 8;
const NONE: u32 = u32::MAX;

/// Numbers values by the history's own numbers: an array where the object has a good part of all values, else a map.
enum Places {
    Dense(Vec<u32>),
    Sparse(FxHashMap<u32, u32>),
}

impl Places {
    fn new(history: &History, operations: usize) -> Self {
        if history.value_count() <= operations.saturating_mul(8) {
            Self::Dense(vec![NONE; history.value_count()])
        } else {
            Self::Sparse(FxHashMap::default())
        }
    }

    fn get(&self, value: u32) -> u32 {
        match self {
            Self::Dense(places) => places[value as usize],
            Self::Sparse(places) => places.get(&value).copied().unwrap_or(NONE),
        }
    }

    fn set(&mut self, value: u32, place: u32) {
        match self {
            Self::Dense(places) => places[value as usize] = place,
            Self::Sparse(places) => {
                places.insert(value, place);
            }
        }
    }
}

/// A value that was put in more than once.
pub(crate) struct Ambiguous {
    puts: Vec<Span>,
    takes: Vec<Span>,
    priority: i64,
}

/// A value while it is collected.
struct Draft {
    item: Item,
    /// How often it was put in and taken after the first time.
    more_puts: Vec<Span>,
    more_takes: Vec<Span>,
}

impl Reading {
    /// Reads the operations on one collection; `integers` if only those can be put in. O(operations + values).
    pub(crate) fn of(history: &History, ids: &[OpId], integers: bool) -> Self {
        let mut places = Places::new(history, ids.len());
        let mut drafts: Vec<Draft> = Vec::new();
        let mut this = Self {
            collection: Collection::default(),
            impossible: Vec::new(),
            impossible_count: 0,
            ambiguous: Vec::new(),
            loose: Vec::new(),
            unreadable: None,
            operations: 0,
        };
        let mut drains = false;
        for &id in ids {
            let op = history.operation(id);
            if op.outcome == Outcome::Fail {
                continue;
            }
            this.operations += 1;
            match op.f() {
                F::Enqueue | F::Push => {
                    let input = op.input();
                    if input.is_nil() || integers && input.as_int().is_none() {
                        this.unreadable = this.unreadable.or(Some(id));
                        continue;
                    }
                    let place = places.get(op.input_id.0);
                    if place == NONE {
                        places.set(op.input_id.0, drafts.len() as u32);
                        drafts.push(Draft {
                            item: Item {
                                put: Span::of(&op),
                                taken: None,
                                priority: input.as_int().unwrap_or_default(),
                            },
                            more_puts: Vec::new(),
                            more_takes: Vec::new(),
                        });
                    } else {
                        drafts[place as usize].more_puts.push(Span::of(&op));
                    }
                }
                F::Dequeue | F::Pop => {
                    let wrong = integers && !matches!(op.output(), Value::Nil | Value::Int(_));
                    if op.outcome == Outcome::Ok && wrong {
                        this.unreadable = this.unreadable.or(Some(id));
                    }
                }
                F::Drain => drains = true,
                _ => this.unreadable = this.unreadable.or(Some(id)),
            }
        }
        // Elements of a drained list have no number in the history.
        let mut by_value: FxHashMap<&Value, u32> = FxHashMap::default();
        if drains {
            for (place, draft) in drafts.iter().enumerate() {
                let put = history.operation(draft.item.put.id);
                by_value.insert(put.input(), place as u32);
            }
        }
        for &id in ids {
            let op = history.operation(id);
            let known = op.outcome == Outcome::Ok;
            match op.f() {
                F::Dequeue | F::Pop if known && op.output().is_nil() => {
                    this.collection.empties.push(Span::of(&op));
                }
                F::Dequeue | F::Pop if known => {
                    let place = places.get(op.output_id.0);
                    this.take(&mut drafts, place, Span::of(&op), op.output());
                }
                F::Drain if known => {
                    for item in op.output().as_list().unwrap_or_default() {
                        let place = by_value.get(item).copied().unwrap_or(NONE);
                        this.take(&mut drafts, place, Span::of(&op), item);
                    }
                }
                F::Dequeue | F::Pop if op.outcome == Outcome::Info => {
                    this.loose.push(id);
                    this.collection.loose.push(op.invoked.as_nanos());
                }
                F::Drain if op.outcome == Outcome::Info => {
                    this.loose.push(id);
                    let begin = op.invoked.as_nanos();
                    let all = std::iter::repeat_n(begin, drafts.len());
                    this.collection.loose.extend(all);
                }
                _ => {}
            }
        }
        this.finish(history, drafts);
        this
    }

    fn take(&mut self, drafts: &mut [Draft], place: u32, span: Span, value: &Value) {
        let Some(draft) = drafts.get_mut(place as usize) else {
            self.blame(value, vec![span.id]);
            return;
        };
        if draft.item.taken.is_none() {
            draft.item.taken = Some(span);
        } else {
            draft.more_takes.push(span);
        }
    }

    fn blame(&mut self, value: &Value, ids: Vec<OpId>) {
        self.impossible_count += 1;
        if self.impossible.len() < KEPT {
            self.impossible.push((value.clone(), ids));
        }
    }

    fn finish(&mut self, history: &History, drafts: Vec<Draft>) {
        let mut items = Vec::with_capacity(drafts.len());
        for draft in drafts {
            // The first taking is not among the others.
            if draft.more_takes.len() > draft.more_puts.len() {
                let puts = [draft.item.put].into_iter().chain(draft.more_puts);
                let takes = draft.item.taken.into_iter().chain(draft.more_takes);
                let value = history.operation(draft.item.put.id).input();
                self.blame(value, puts.chain(takes).map(|span| span.id).collect());
                continue;
            }
            if !draft.more_puts.is_empty() {
                self.ambiguous.push(Ambiguous {
                    puts: [draft.item.put]
                        .into_iter()
                        .chain(draft.more_puts)
                        .collect(),
                    takes: draft
                        .item
                        .taken
                        .into_iter()
                        .chain(draft.more_takes)
                        .collect(),
                    priority: draft.item.priority,
                });
                continue;
            }
            let mut item = draft.item;
            match item.taken {
                Some(taken) if taken.end < item.put.begin => {
                    let value = history.operation(item.put.id).input();
                    self.blame(value, vec![item.put.id, taken.id]);
                    continue;
                }
                // It happened, before it was taken.
                Some(taken) => item.put.end = item.put.end.min(taken.end),
                // It may as well not have happened: nobody saw it.
                None if item.put.end == NEVER => continue,
                None => {}
            }
            items.push(item);
        }
        self.collection.items = items;
        self.collection.loose.sort_unstable();
    }

    /// The collection, with equal values told apart by a guess: the first to be put in is the first to be taken, in the
    /// order in which that began or ended. An order of what comes out is one of the whole; where there is none, nothing is
    /// known. `None` when the guess is impossible.
    pub(crate) fn told_apart(&self, key: impl Fn(&Span) -> u64) -> Option<Collection> {
        let mut collection = self.collection.clone();
        for ambiguous in &self.ambiguous {
            let mut puts = ambiguous.puts.clone();
            let mut takers = ambiguous.takes.clone();
            puts.sort_by_key(|put| (put.end == NEVER, key(put)));
            takers.sort_by_key(&key);
            for (i, mut put) in puts.into_iter().enumerate() {
                let taken = takers.get(i).copied();
                match taken {
                    Some(taken) if taken.end < put.begin => return None,
                    Some(taken) => put.end = put.end.min(taken.end),
                    None if put.end == NEVER => continue,
                    None => {}
                }
                collection.items.push(Item {
                    put,
                    taken,
                    priority: ambiguous.priority,
                });
            }
        }
        Some(collection)
    }
}

impl Collection {
    /// How many values and fruitless operations there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len() + self.empties.len()
    }

    /// Only those of the values and fruitless operations (counted in this order) that are kept.
    pub(crate) fn only(&self, kept: &[u32]) -> Self {
        let items = self.items.len() as u32;
        let split = kept.partition_point(|&i| i < items);
        Self {
            items: kept[..split]
                .iter()
                .map(|&i| self.items[i as usize])
                .collect(),
            empties: kept[split..]
                .iter()
                .map(|&i| self.empties[(i - items) as usize])
                .collect(),
            loose: self.loose.clone(),
        }
    }

    /// All but those that are left out, which are counted as in [`Collection::only`].
    pub(crate) fn without(&self, left_out: &[u32]) -> Self {
        let all = 0..self.len() as u32;
        let kept: Vec<u32> = all.filter(|i| left_out.binary_search(i).is_err()).collect();
        self.only(&kept)
    }

    /// The operations of the values and of those that found nothing.
    pub(crate) fn ids(&self) -> Vec<OpId> {
        let items = self.items.iter();
        let mut ids: Vec<OpId> = items
            .flat_map(|item| [Some(item.put.id), item.taken.map(|taken| taken.id)])
            .flatten()
            .chain(self.empties.iter().map(|empty| empty.id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// A moment as nanoseconds, for comparison with a [`Span`].
pub(crate) fn nanos(time: Time) -> u64 {
    time.as_nanos()
}

/// What a monitor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// An order exists.
    Fine,
    /// None exists.
    Broken,
    /// It cannot tell.
    Unsure,
}
