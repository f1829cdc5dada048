//! Sets that only grow, and logs, when they are read as a whole: the reads fix the order.
//!
//! Of a set to which elements are only added, the reads form a chain: of any two, one holds the other. So they come in
//! the order of their sizes; the elements that a read holds and the one before does not were added between the two, and
//! what no read holds came after the last one. Of a log the longest read says in which order its elements were appended,
//! and every other one is a beginning of it. Either way all operations fall into blocks that follow each other, and
//! within a block any order will do. An order exists exactly if no operation had to end before one of an earlier block
//! began (compare how Elle traces lists: Kingsbury and Alvaro, "Elle", 2020).
//!
//! Asking whether a set contains an element says that it was added before, or was not: it narrows the time of its first
//! adding. Adding an element again changes nothing, and so does not matter but that it must not come before the first.
//!
//! O(operations + total length of the reads).

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Value};

use super::collection::{NEVER, Span, nanos};

/// An element, and everything that tells when it was first put in.
struct Element {
    /// Operations that put it in, perhaps.
    puts: Vec<Span>,
}

/// A read of the whole, as elements.
struct Read {
    span: Span,
    elements: Vec<u32>,
}

/// A question for one element, and whether it was there.
struct Look {
    span: Span,
    element: u32,
    there: bool,
}

/// What was done to a set or a log.
pub(crate) struct Chain<'h> {
    /// Elements come one after the other, as the reads say; else only the reads are in order.
    ordered: bool,
    elements: Vec<Element>,
    reads: Vec<Read>,
    looks: Vec<Look>,
    /// Elements, and operations that are impossible by themselves because of them, a few: somebody saw what nobody had
    /// put in, or twice.
    pub(crate) impossible: Vec<(&'h Value, Vec<OpId>)>,
    pub(crate) impossible_count: u64,
    pub(crate) operations: usize,
}

/// Why a history of a set or a log is not judged here.
pub(crate) enum NotRead {
    /// Elements are removed, or a log's element is appended twice.
    OtherShape,
    /// An operation that is none on such an object.
    Unreadable(OpId),
}

/// Sets of impossible operations that are kept.
const KEPT: usize = 8;

impl<'h> Chain<'h> {
    /// Reads the operations on one set or (if `ordered`) log. O(operations + total length of the reads).
    pub(crate) fn of(history: &'h History, ids: &[OpId], ordered: bool) -> Result<Self, NotRead> {
        let mut this = Self {
            ordered,
            elements: Vec::new(),
            reads: Vec::new(),
            looks: Vec::new(),
            impossible: Vec::new(),
            impossible_count: 0,
            operations: 0,
        };
        let mut number: FxHashMap<&Value, u32> = FxHashMap::default();
        let span = |id| {
            let op = history.operation(id);
            Span {
                begin: nanos(op.invoked),
                end: nanos(op.end()),
                id,
            }
        };
        for &id in ids {
            let op = history.operation(id);
            if op.outcome == Outcome::Fail {
                continue;
            }
            this.operations += 1;
            match op.f() {
                F::Add | F::Append => {
                    let next = this.elements.len() as u32;
                    let place = *number.entry(op.input()).or_insert(next);
                    if place == next {
                        this.elements.push(Element { puts: Vec::new() });
                    } else if ordered {
                        return Err(NotRead::OtherShape);
                    }
                    this.elements[place as usize].puts.push(span(id));
                }
                F::Remove => return Err(NotRead::OtherShape),
                F::Read => {}
                f if f.name() == "contains" => {}
                _ => return Err(NotRead::Unreadable(id)),
            }
        }
        let mut seen_in: Vec<u32> = vec![u32::MAX; this.elements.len()];
        for &id in ids {
            let op = history.operation(id);
            if op.outcome != Outcome::Ok {
                continue;
            }
            match (op.f(), op.output()) {
                (F::Read, Value::List(list)) => {
                    let read = this.reads.len() as u32;
                    let mut elements = Vec::with_capacity(list.len());
                    for value in list.iter() {
                        match number.get(value) {
                            Some(&element) if seen_in[element as usize] != read => {
                                seen_in[element as usize] = read;
                                elements.push(element);
                            }
                            Some(&element) => {
                                let puts = this.elements[element as usize].puts.iter();
                                let mut ids: Vec<OpId> = puts.map(|put| put.id).collect();
                                ids.push(id);
                                this.blame(value, ids);
                            }
                            None => this.blame(value, vec![id]),
                        }
                    }
                    this.reads.push(Read {
                        span: span(id),
                        elements,
                    });
                }
                (F::Read, Value::Nil) => this.reads.push(Read {
                    span: span(id),
                    elements: Vec::new(),
                }),
                (F::Read, _) => return Err(NotRead::Unreadable(id)),
                (F::Add | F::Append, _) => {}
                (_, Value::Bool(there)) => match number.get(op.input()) {
                    Some(&element) => this.looks.push(Look {
                        span: span(id),
                        element,
                        there: *there,
                    }),
                    None if *there => this.blame(op.input(), vec![id]),
                    None => {}
                },
                _ => return Err(NotRead::Unreadable(id)),
            }
        }
        Ok(this)
    }

    fn blame(&mut self, value: &'h Value, ids: Vec<OpId>) {
        self.impossible_count += 1;
        if self.impossible.len() < KEPT {
            self.impossible.push((value, ids));
        }
    }

    /// How many elements, reads and questions there are.
    pub(crate) fn len(&self) -> usize {
        self.elements.len() + self.reads.len() + self.looks.len()
    }

    /// Whether an order exists of those of the elements, reads and questions (counted in this order) that are kept.
    pub(crate) fn is_fine(&self, kept: &[u32]) -> bool {
        let (elements, reads) = (self.elements.len(), self.reads.len());
        let mut is_kept = vec![false; elements];
        let mut chain: Vec<(u64, u64, Vec<u32>)> = Vec::new();
        let mut looks = Vec::new();
        for &i in kept {
            let i = i as usize;
            if i < elements {
                is_kept[i] = true;
            } else if i < elements + reads {
                let read = &self.reads[i - elements];
                let seen = read.elements.iter().copied();
                let seen = seen.filter(|&element| is_kept[element as usize]);
                chain.push((read.span.begin, read.span.end, seen.collect()));
            } else {
                looks.push(&self.looks[i - elements - reads]);
            }
        }
        chain.sort_by_key(|(.., seen)| seen.len());
        if !self.nests(&chain) {
            return false;
        }
        // When each element was first put in.
        let mut windows: Vec<Option<(u64, u64)>> = vec![None; elements];
        for (i, element) in self
            .elements
            .iter()
            .enumerate()
            .filter(|&(i, _)| is_kept[i])
        {
            let begin = element.puts.iter().map(|put| put.begin).min();
            let end = element.puts.iter().map(|put| put.end).min();
            windows[i] = begin.zip(end);
        }
        let mut seen = vec![false; elements];
        for look in looks {
            let Some((begin, end)) = &mut windows[look.element as usize] else {
                continue;
            };
            if look.there {
                seen[look.element as usize] = true;
                *end = (*end).min(look.span.end);
            } else {
                *begin = (*begin).max(look.span.begin);
            }
        }
        let mut blocks = Blocks::default();
        let mut placed = vec![false; elements];
        for (begin, end, elements) in &chain {
            for &element in elements {
                if !std::mem::replace(&mut placed[element as usize], true) {
                    blocks.put(windows[element as usize]);
                    if self.ordered {
                        blocks.end();
                    }
                }
            }
            blocks.end();
            blocks.put(Some((*begin, *end)));
            blocks.end();
        }
        for (i, &window) in windows.iter().enumerate().filter(|&(i, _)| !placed[i]) {
            // Of those that nobody saw, one that may not have happened may be left out.
            if seen[i] || window.is_some_and(|(_, end)| end != NEVER) {
                blocks.put(window);
            }
        }
        blocks.fit
    }

    /// Whether each read holds the one before it; as a beginning, if the order matters.
    fn nests(&self, chain: &[(u64, u64, Vec<u32>)]) -> bool {
        let mut held = vec![u32::MAX; self.elements.len()];
        for (i, pair) in chain.windows(2).enumerate() {
            let [(.., smaller), (.., larger)] = pair else {
                continue;
            };
            if self.ordered {
                if !larger.starts_with(smaller) {
                    return false;
                }
                continue;
            }
            for &element in larger {
                held[element as usize] = i as u32;
            }
            if smaller
                .iter()
                .any(|&element| held[element as usize] != i as u32)
            {
                return false;
            }
        }
        true
    }

    /// The operations of those that are kept.
    pub(crate) fn ids(&self, kept: &[u32]) -> Vec<OpId> {
        let (elements, reads) = (self.elements.len(), self.reads.len());
        let mut ids = Vec::new();
        for &i in kept {
            let i = i as usize;
            if i < elements {
                ids.extend(self.elements[i].puts.iter().map(|put| put.id));
            } else if i < elements + reads {
                ids.push(self.reads[i - elements].span.id);
            } else {
                ids.push(self.looks[i - elements - reads].span.id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Blocks of operations that follow each other: whether each operation can find a moment.
struct Blocks {
    fit: bool,
    /// The latest beginning in the blocks before this one, and with this one.
    before: u64,
    latest: u64,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            fit: true,
            before: 0,
            latest: 0,
        }
    }
}

impl Blocks {
    /// One more operation in this block, by the moments between which it takes effect.
    fn put(&mut self, window: Option<(u64, u64)>) {
        let Some((begin, end)) = window else { return };
        self.fit &= begin <= end && self.before <= end;
        self.latest = self.latest.max(begin);
    }

    /// The block is over.
    fn end(&mut self) {
        self.before = self.latest;
    }
}
