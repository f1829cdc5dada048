//! Stacks whose values are put in once: judged from the outside in.
//!
//! In the spirit of Lee and Mathur, "Efficient Decrease-and-Conquer Linearizability Monitoring", 2025: find a value
//! whose removal changes nothing, remove it, go on. Each value is pushed at some moment p and popped at some moment q; a
//! stack allows an order exactly if of any two values the intervals [p, q] are disjoint or one lies in the other.
//!
//! - A value whose push and pop overlap can be pushed and popped at one moment, and disturbs nobody: it is removed.
//! - Every other value is surely in between the end b of its push and the beginning c of its pop. Where these open
//!   intervals leave a moment free, the stack can be cut: no operation on the one side has to come before that moment's
//!   other side. So each *component*, a stretch of time without such a moment, is judged by itself.
//! - Within a component the stack is never empty, so one value x lies below all others: pushed before all of them and
//!   popped after them. It can be every x whose push began before every other push of the component had to end, and whose
//!   pop may end after every other pop had begun. None: no order. Else any will do: pushes that would come before x was
//!   pushed can be moved to that moment, for no pop of the component comes so early; and the other way round at its end.
//!   So it is removed, and what is left falls into components again.
//!
//! Operations of unknown outcome: a push happened if somebody popped its value, else it may be left out. A pop of unknown
//! outcome may have popped any value that nobody else did. If there is an order without these, it is one. If there is
//! none even when each value that is left may have been popped as soon as the first of them was sent, there is none.
//! Between the two it is not known.

use super::collection::{Collection, Item, Judgement, NEVER};

/// Judges a stack. O(n log n).
pub(crate) fn judge(collection: &Collection) -> Judgement {
    if is_stack(collection, NEVER) {
        return Judgement::Fine;
    }
    let left = collection.items.iter().any(|item| item.taken.is_none());
    match collection.loose.first() {
        Some(&first) if left && is_stack(collection, first) => Judgement::Unsure,
        _ => Judgement::Broken,
    }
}

/// A value that is surely in for some time.
struct Value {
    push: (u64, u64),
    pop: (u64, u64),
}

/// Whether there is an order, if values that nobody is known to have popped may be popped from a moment on.
fn is_stack(collection: &Collection, popped_from: u64) -> bool {
    let surely_in = |item: &Item| {
        let push = (item.put.begin, item.put.end);
        let pop = match item.taken {
            Some(taken) => (taken.begin, taken.end),
            None => (popped_from, NEVER),
        };
        (push.1 < pop.0).then_some(Value { push, pop })
    };
    let values: Vec<Value> = collection.items.iter().filter_map(surely_in).collect();
    let mut times: Vec<u64> = values
        .iter()
        .flat_map(|value| [value.push.1, value.pop.0])
        .collect();
    times.sort_unstable();
    times.dedup();
    // Moments and the stretches between them: 2i is the i-th moment, 2i + 1 what follows it.
    let place = |time: u64| 2 * times.partition_point(|&other| other < time);
    let mut covered = Coverage::new(2 * times.len());
    let spans: Vec<(usize, usize)> = values
        .iter()
        .map(|value| (place(value.push.1) + 1, place(value.pop.0)))
        .collect();
    covered.add_all(&spans);
    // The place of any moment; before the first one of the list nothing is covered.
    let place_of = |time: u64| match times.binary_search(&time) {
        Ok(at) => Some(2 * at),
        Err(at) => (2 * at).checked_sub(1),
    };
    let free = |begin: u64, end: u64| match (place_of(begin), place_of(end)) {
        (Some(first), Some(last)) => covered.next(first, false).is_none_or(|at| at <= last),
        _ => true,
    };
    if !collection
        .empties
        .iter()
        .all(|empty| free(empty.begin, empty.end))
    {
        return false;
    }
    has_bottoms(&values, &times, &spans, covered)
}

/// Whether each component has a value that lies below all others, again and again until none is left.
fn has_bottoms(
    values: &[Value],
    times: &[u64],
    spans: &[(usize, usize)],
    mut covered: Coverage,
) -> bool {
    // By the place at which they are surely in; candidates for the bottom once a component begins late enough.
    let mut by_place: Vec<u32> = (0..values.len() as u32).collect();
    by_place.sort_unstable_by_key(|&i| spans[i as usize].0);
    let mut rank = vec![0_u32; values.len()];
    for (place, &i) in by_place.iter().enumerate() {
        rank[i as usize] = place as u32;
    }
    let mut by_begin: Vec<u32> = (0..values.len() as u32).collect();
    by_begin.sort_unstable_by_key(|&i| values[i as usize].push.0);
    let mut begun = by_begin.into_iter().peekable();
    let mut candidates = Latest::new(values.len());
    let mut from = 0;
    // Components come up in order of time, for what is left of one begins where it began or later.
    while let Some(begin) = covered.next(from, true) {
        let end = covered.next(begin, false).unwrap_or(covered.len());
        // It lies between the end of the first push and the beginning of the last pop.
        let first_push = times[(begin - 1) / 2];
        let last_pop = times[end / 2];
        while let Some(i) = begun.next_if(|&i| values[i as usize].push.0 <= first_push) {
            let value = &values[i as usize];
            candidates.set(rank[i as usize] as usize, value.pop.1);
        }
        let within = by_place.partition_point(|&i| spans[i as usize].0 < begin)
            ..by_place.partition_point(|&i| spans[i as usize].0 < end);
        let Some((at, latest)) = candidates.latest(within) else {
            return false;
        };
        if latest < last_pop {
            return false;
        }
        candidates.set(at, 0);
        covered.remove(spans[by_place[at] as usize]);
        from = begin;
    }
    true
}

/// How many values cover each place: a tree over the places, with sums that are added to whole branches.
struct Coverage {
    size: usize,
    len: usize,
    least: Vec<u32>,
    most: Vec<u32>,
    added: Vec<u32>,
}

impl Coverage {
    fn new(len: usize) -> Self {
        let size = len.next_power_of_two().max(1);
        Self {
            size,
            len,
            least: vec![0; 2 * size],
            most: vec![0; 2 * size],
            added: vec![0; 2 * size],
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    /// Covers all of these spans, each from its first place to before its second. O(places + spans).
    fn add_all(&mut self, spans: &[(usize, usize)]) {
        let mut changes = vec![0_i64; self.len + 1];
        for &(begin, end) in spans {
            changes[begin] += 1;
            changes[end] -= 1;
        }
        let mut covering = 0;
        for (place, change) in changes.iter().take(self.len).enumerate() {
            covering += change;
            self.least[self.size + place] = covering as u32;
            self.most[self.size + place] = covering as u32;
        }
        for node in (1..self.size).rev() {
            self.pull(node);
        }
    }

    fn pull(&mut self, node: usize) {
        let (left, right) = (2 * node, 2 * node + 1);
        self.least[node] = self.least[left].min(self.least[right]) - self.added[node];
        self.most[node] = self.most[left].max(self.most[right]) - self.added[node];
    }

    /// Covers a span once less. O(log n).
    fn remove(&mut self, (begin, end): (usize, usize)) {
        // `added` counts what was taken away from a whole branch.
        let (mut left, mut right) = (self.size + begin, self.size + end);
        let (first, last) = (left, right - 1);
        while left < right {
            if left & 1 == 1 {
                self.take(left);
                left += 1;
            }
            if right & 1 == 1 {
                right -= 1;
                self.take(right);
            }
            left /= 2;
            right /= 2;
        }
        for mut node in [first, last] {
            node /= 2;
            while node >= 1 {
                self.pull(node);
                node /= 2;
            }
        }
    }

    fn take(&mut self, node: usize) {
        self.least[node] -= 1;
        self.most[node] -= 1;
        if node < self.size {
            self.added[node] += 1;
        }
    }

    /// The first place from `from` on that is covered, or that is not. O(log n).
    fn next(&self, from: usize, covered: bool) -> Option<usize> {
        if from >= self.len {
            return None;
        }
        // What was taken away from the branches above a node, added up on the way down.
        let holds = |node: usize, taken: u32| {
            if covered {
                self.most[node] > taken
            } else {
                self.least[node] == taken
            }
        };
        let mut stack = vec![(1_usize, 0_usize, self.size, 0_u32)];
        while let Some((node, begin, width, taken)) = stack.pop() {
            if begin + width <= from || begin >= self.len || !holds(node, taken) {
                continue;
            }
            if width == 1 {
                return Some(begin);
            }
            let taken = taken + self.added[node];
            let half = width / 2;
            stack.push((2 * node + 1, begin + half, half, taken));
            stack.push((2 * node, begin, half, taken));
        }
        None
    }
}

/// Times by place, and the latest of a range: a tree. 0 stands for none.
struct Latest {
    size: usize,
    tree: Vec<u64>,
}

impl Latest {
    fn new(len: usize) -> Self {
        let size = len.next_power_of_two().max(1);
        Self {
            size,
            tree: vec![0; 2 * size],
        }
    }

    fn set(&mut self, place: usize, time: u64) {
        let mut node = self.size + place;
        self.tree[node] = time;
        while node > 1 {
            node /= 2;
            self.tree[node] = self.tree[2 * node].max(self.tree[2 * node + 1]);
        }
    }

    /// The latest within a range, and its place.
    fn latest(&self, range: std::ops::Range<usize>) -> Option<(usize, u64)> {
        let (mut left, mut right) = (self.size + range.start, self.size + range.end);
        let mut best = (0, 0);
        while left < right {
            if left & 1 == 1 {
                best = best.max((self.tree[left], left));
                left += 1;
            }
            if right & 1 == 1 {
                right -= 1;
                best = best.max((self.tree[right], right));
            }
            left /= 2;
            right /= 2;
        }
        let (time, mut node) = best;
        if time == 0 {
            return None;
        }
        while node < self.size {
            node *= 2;
            if self.tree[node] != time {
                node += 1;
            }
        }
        Some((node - self.size, time))
    }
}
