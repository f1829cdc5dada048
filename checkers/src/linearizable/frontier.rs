//! A set of configurations, packed into words, in which a worse one does not survive a better one.

use rustc_hash::FxHasher;
use std::hash::Hasher;

/// How a configuration is packed: the object's state and which open updates are done, then which operations that change
/// nothing are done, which blind ones are done and which are free, then how many operations of unknown outcome were used,
/// by class.
///
/// The first word holds the state (low half) and updates 0 to 31 (high half); each further word 64 updates, then 64 pure
/// operations, then 64 blind ones, twice; the counters follow, four to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// State and updates: what configurations must share to be compared.
    mask_words: usize,
    /// Where the done ones of the blind operations begin.
    blind: usize,
    blind_words: usize,
    /// Where the counters begin.
    counters: usize,
    /// Where the counters end.
    counted: usize,
    words: usize,
}

/// The most that a counter holds.
pub(crate) const MOST_USED: u16 = u16::MAX;

/// The state of an entry that a better one has replaced.
const DEAD: u32 = u32::MAX;

/// How many operations of each kind are open at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Those of which a configuration knows only whether they are done.
    pub(crate) updates: u32,
    /// Those that change nothing: it is never worse that one is done.
    pub(crate) pure: u32,
    /// Those that happen in every state and leave a fixed one: each is not done, done, or free: it may count as done, and
    /// may still be done.
    pub(crate) blind: u32,
}

impl Layout {
    /// A layout for this many operations open at once, and this many classes.
    pub(crate) fn new(slots: Slots, classes: usize) -> Self {
        let words = |slots: u32| slots.div_ceil(64) as usize;
        let mask_words = 1 + words(slots.updates.saturating_sub(32));
        let blind = mask_words + words(slots.pure);
        let blind_words = words(slots.blind);
        let counters = blind + 2 * blind_words;
        let counted = counters + classes.div_ceil(4);
        Self {
            mask_words,
            blind,
            blind_words,
            counters,
            counted,
            words: counted,
        }
    }

    /// The same with one more word, for where the configuration came from. Two that differ only in that are the same.
    pub(crate) const fn with_trail(self) -> Self {
        Self {
            words: self.counted + 1,
            ..self
        }
    }

    /// Where a configuration came from.
    pub(crate) fn trail(self, config: &[u64]) -> u64 {
        config[self.counted]
    }

    /// Sets where a configuration came from.
    pub(crate) fn set_trail(self, config: &mut [u64], trail: u64) {
        config[self.counted] = trail;
    }

    /// How many words a configuration takes.
    pub(crate) const fn words(self) -> usize {
        self.words
    }

    /// How many words the state and the updates take.
    pub(crate) const fn mask_words(self) -> usize {
        self.mask_words
    }

    /// How many words tell which pure operations are done.
    pub(crate) const fn pure_words(self) -> usize {
        self.blind - self.mask_words
    }

    /// How many words tell which blind operations are done; as many tell which are free.
    pub(crate) const fn blind_words(self) -> usize {
        self.blind_words
    }

    /// Which pure operations are done.
    pub(crate) fn pure(self, config: &[u64]) -> &[u64] {
        &config[self.mask_words..self.blind]
    }

    /// The same, to be changed.
    pub(crate) fn pure_mut(self, config: &mut [u64]) -> &mut [u64] {
        &mut config[self.mask_words..self.blind]
    }

    /// Which blind operations are done.
    pub(crate) fn blind(self, config: &[u64]) -> &[u64] {
        &config[self.blind..self.blind + self.blind_words]
    }

    /// Whether the blind operation in a slot is done.
    pub(crate) const fn is_blind_done(self, config: &[u64], slot: u32) -> bool {
        config[self.blind + slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    /// Whether the blind operation in a slot is free.
    pub(crate) const fn is_free(self, config: &[u64], slot: u32) -> bool {
        config[self.blind + self.blind_words + slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    /// Marks the blind operation in a slot as done.
    pub(crate) const fn set_blind(self, config: &mut [u64], slot: u32) {
        config[self.blind + slot as usize / 64] |= 1 << (slot % 64);
    }

    /// Makes free those of `open` (a mask) that are not done, and no others.
    pub(crate) fn free(self, config: &mut [u64], open: &[u64]) {
        let (done, free) = config[self.blind..self.counters].split_at_mut(self.blind_words);
        for ((free, done), open) in free.iter_mut().zip(done).zip(open) {
            *free = open & !*done;
        }
    }

    /// The slot of a blind operation is free again.
    pub(crate) const fn clear_blind(self, config: &mut [u64], slot: u32) {
        let bit = !(1 << (slot % 64));
        config[self.blind + slot as usize / 64] &= bit;
        config[self.blind + self.blind_words + slot as usize / 64] &= bit;
    }

    /// The first configuration in a state: nothing done, nothing used.
    pub(crate) fn start(self, state: u32) -> Vec<u64> {
        let mut config = vec![0; self.words];
        config[0] = u64::from(state);
        config
    }

    /// The counter of a class.
    pub(crate) fn used(self, config: &[u64], class: usize) -> u16 {
        (config[self.counters + class / 4] >> (class % 4 * 16)) as u16
    }

    /// The counters of all classes together.
    pub(crate) fn used_in_all(self, config: &[u64]) -> u64 {
        let counters = |word: &u64| (0..4).map(|i| *word >> (i * 16) & 0xffff).sum::<u64>();
        config[self.counters..self.counted]
            .iter()
            .map(counters)
            .sum()
    }

    /// Counts one more use of a class.
    pub(crate) fn add_use(self, config: &mut [u64], class: usize) {
        config[self.counters + class / 4] += 1 << (class % 4 * 16);
    }

    /// Whether `a` has done at least the pure operations of `b`, and can do at least as much with the blind ones: each is
    /// free in `a`, or done in both, or in neither.
    fn is_as_free(self, a: &[u64], b: &[u64]) -> bool {
        let pure = self.pure(a).iter().zip(self.pure(b));
        if pure.fold(0, |lacks, (a, b)| lacks | (b & !a)) != 0 {
            return false;
        }
        let (done, free) = (self.blind, self.blind + self.blind_words);
        (0..self.blind_words).all(|i| {
            let differs = (a[done + i] ^ b[done + i]) | b[free + i];
            differs & !a[free + i] == 0
        })
    }
}

/// The object's state in a configuration.
pub(crate) const fn state(config: &[u64]) -> u32 {
    config[0] as u32
}

/// Sets the object's state.
pub(crate) const fn set_state(config: &mut [u64], state: u32) {
    config[0] = config[0] >> 32 << 32 | state as u64;
}

/// The word and the bit of an operation's slot.
pub(crate) const fn place(slot: u32) -> (usize, u64) {
    if slot < 32 {
        (0, 1 << (32 + slot))
    } else {
        (1 + (slot - 32) as usize / 64, 1 << ((slot - 32) % 64))
    }
}

/// Whether the operation in a slot is done.
pub(crate) const fn has(config: &[u64], slot: u32) -> bool {
    let (word, bit) = place(slot);
    config[word] & bit != 0
}

/// Marks the operation in a slot as done.
pub(crate) const fn set(config: &mut [u64], slot: u32) {
    let (word, bit) = place(slot);
    config[word] |= bit;
}

/// Marks the operation in a slot as not done: the slot is free again.
pub(crate) const fn clear(config: &mut [u64], slot: u32) {
    let (word, bit) = place(slot);
    config[word] &= !bit;
}

/// Classes of operations of unknown outcome that lead to the same state. The first, if there is one, can happen
/// anywhere, so that it can stand for any of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    /// The class that can happen in every state.
    pub(crate) anywhere: Option<usize>,
    /// Classes that can happen in some states only.
    pub(crate) somewhere: Vec<usize>,
}

/// A set of configurations. Of two that differ only in what they used, one that leaves at least as much unused as the
/// other is enough: whatever the other can still do, it can do too.
pub(crate) struct Frontier {
    layout: Layout,
    words: Vec<u64>,
    /// Open addressing over state and mask: the newest entry with these, plus 1; 0 is free.
    table: Vec<u32>,
    /// The entry before, with the same state and mask, plus 1.
    older: Vec<u32>,
    distinct: usize,
    live: usize,
    comparisons: u64,
}

impl Frontier {
    /// An empty set.
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            words: Vec::new(),
            table: vec![0; 16],
            older: Vec::new(),
            distinct: 0,
            live: 0,
            comparisons: 0,
        }
    }

    /// How many configurations were compared since this was last asked.
    pub(crate) fn take_comparisons(&mut self) -> u64 {
        std::mem::take(&mut self.comparisons)
    }

    /// How many configurations there are.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// How many entries there are, replaced ones included: the bound for [`Frontier::entry`].
    pub(crate) fn entries(&self) -> usize {
        self.words.len() / self.layout.words
    }

    /// The configuration of an entry; `None` when a better one has replaced it.
    pub(crate) fn entry(&self, i: usize) -> Option<&[u64]> {
        let config = &self.words[i * self.layout.words..(i + 1) * self.layout.words];
        (state(config) != DEAD).then_some(config)
    }

    /// The configurations, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u64]> {
        self.words
            .chunks_exact(self.layout.words)
            .filter(|config| state(config) != DEAD)
    }

    /// Changes every configuration in place. The changes must keep different ones different, and nothing is inserted
    /// afterwards until the set is emptied.
    pub(crate) fn update(&mut self, mut change: impl FnMut(&mut [u64])) {
        for config in self.words.chunks_exact_mut(self.layout.words) {
            if state(config) != DEAD {
                change(config);
            }
        }
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> u64 {
        (self.words.capacity() * 8 + self.table.capacity() * 4 + self.older.capacity() * 4) as u64
    }

    /// Empties the set. A table that was much too large shrinks, so that one wide moment does not slow the rest down.
    pub(crate) fn clear(&mut self) {
        if self.table.len() > 1024 && self.distinct * 16 < self.table.len() {
            let smaller = self.table.len() / 4;
            self.table.truncate(smaller);
            self.table.shrink_to_fit();
            self.words = Vec::new();
            self.older = Vec::new();
        }
        self.table.fill(0);
        self.words.clear();
        self.older.clear();
        self.distinct = 0;
        self.live = 0;
    }

    /// Adds a configuration, unless one that is at least as good is there; whether it was added.
    pub(crate) fn insert(&mut self, config: &[u64], families: &[Family]) -> bool {
        if (self.distinct + 1) * 2 > self.table.len() {
            self.grow();
        }
        let place = self.find(config);
        let mut entry = self.table[place];
        if entry == 0 {
            self.distinct += 1;
        }
        let mut dead = Vec::new();
        while entry != 0 {
            let i = (entry - 1) as usize;
            self.comparisons += 1;
            if let Some(there) = self.entry(i) {
                if self.is_as_good(there, config, families) {
                    return false;
                }
                if self.is_as_good(config, there, families) {
                    dead.push(i);
                }
            }
            entry = self.older[i];
        }
        for i in dead {
            set_state(&mut self.words[i * self.layout.words..], DEAD);
            self.live -= 1;
        }
        self.words.extend_from_slice(config);
        self.older.push(self.table[place]);
        self.table[place] = self.older.len() as u32;
        self.live += 1;
        true
    }

    /// Whether `a` leaves at least as much to be done as `b` and owes no more, given that state and updates are equal.
    fn is_as_good(&self, a: &[u64], b: &[u64], families: &[Family]) -> bool {
        if !self.layout.is_as_free(a, b) {
            return false;
        }
        let used = |config: &[u64], class: usize| u64::from(self.layout.used(config, class));
        families.iter().all(|family| {
            // What `a` used more of, `b` must have saved among those that can stand for it.
            let extra: u64 = family
                .somewhere
                .iter()
                .map(|&class| used(a, class).saturating_sub(used(b, class)))
                .sum();
            match family.anywhere {
                Some(class) => used(a, class) + extra <= used(b, class),
                None => extra == 0,
            }
        })
    }

    /// Where in the table the configurations with this one's state and mask begin, or would begin.
    fn find(&self, config: &[u64]) -> usize {
        let key = &config[..self.layout.mask_words];
        let last = self.table.len() - 1;
        let mut place = hash(key) as usize & last;
        loop {
            let entry = self.table[place];
            if entry == 0 || self.key(entry) == key {
                return place;
            }
            place = (place + 1) & last;
        }
    }

    /// State and mask of a table entry. A replaced entry has lost its state, but never its whole chain: what replaced
    /// it is newer and stands before it.
    fn key(&self, entry: u32) -> &[u64] {
        let begin = (entry - 1) as usize * self.layout.words;
        &self.words[begin..begin + self.layout.mask_words]
    }

    fn grow(&mut self) {
        let larger = vec![0; self.table.len() * 2];
        let entries = std::mem::replace(&mut self.table, larger);
        for entry in entries.into_iter().filter(|&entry| entry != 0) {
            let begin = (entry - 1) as usize * self.layout.words;
            let place = self.find(&self.words[begin..begin + self.layout.words]);
            self.table[place] = entry;
        }
    }
}

fn hash(words: &[u64]) -> u64 {
    let mut hasher = FxHasher::default();
    for &word in words {
        hasher.write_u64(word);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updates(updates: u32) -> Slots {
        Slots {
            updates,
            ..Slots::default()
        }
    }

    #[test]
    fn what_is_free_replaces_what_is_done_and_what_is_owed() {
        let slots = Slots {
            updates: 3,
            pure: 70,
            blind: 70,
        };
        let layout = Layout::new(slots, 0);
        let open = [u64::MAX, 0b11_1111];
        let mut owed = layout.start(1);
        let mut done = owed.clone();
        layout.set_blind(&mut done, 69);
        let mut frontier = Frontier::new(layout);
        assert!(frontier.insert(&owed, &[]));
        assert!(
            frontier.insert(&done, &[]),
            "one owes it, one cannot do it again"
        );
        assert_eq!(frontier.len(), 2);
        let mut free = owed.clone();
        layout.free(&mut free, &open);
        assert!(layout.is_free(&free, 69) && !layout.is_blind_done(&free, 69));
        assert!(frontier.insert(&free, &[]));
        assert_eq!(frontier.len(), 1);
        assert!(!frontier.insert(&owed, &[]));
        // A read that is done is worth something.
        layout.pure_mut(&mut owed)[1] |= 1;
        assert!(frontier.insert(&owed, &[]));
        layout.pure_mut(&mut free)[1] |= 1;
        assert!(frontier.insert(&free, &[]));
        assert_eq!(frontier.len(), 1);
        layout.clear_blind(&mut free, 69);
        assert!(!layout.is_free(&free, 69));
    }

    #[test]
    fn a_configuration_is_packed_without_overlap() {
        for slots in [1, 31, 32, 33, 64, 96, 97, 200] {
            let layout = Layout::new(updates(slots), 5);
            let mut config = layout.start(7);
            for slot in 0..slots {
                assert!(!has(&config, slot));
                set(&mut config, slot);
                assert!(has(&config, slot));
            }
            for class in 0..5 {
                for _ in 0..=class {
                    layout.add_use(&mut config, class);
                }
            }
            set_state(&mut config, 9);
            for slot in 0..slots {
                assert!(has(&config, slot), "{slot} of {slots}");
                clear(&mut config, slot);
            }
            assert_eq!((state(&config), config[0] >> 32), (9, 0));
            for class in 0..5 {
                assert_eq!(layout.used(&config, class), class as u16 + 1);
            }
        }
    }

    fn config(layout: Layout, state: u32, used: &[u16]) -> Vec<u64> {
        let mut config = layout.start(state);
        for (class, &times) in used.iter().enumerate() {
            for _ in 0..times {
                layout.add_use(&mut config, class);
            }
        }
        config
    }

    #[test]
    fn what_used_less_replaces_what_used_more() {
        let layout = Layout::new(updates(4), 2);
        let families = [
            Family {
                anywhere: Some(0),
                somewhere: vec![],
            },
            Family {
                anywhere: Some(1),
                somewhere: vec![],
            },
        ];
        let mut frontier = Frontier::new(layout);
        assert!(frontier.insert(&config(layout, 1, &[2, 1]), &families));
        assert!(!frontier.insert(&config(layout, 1, &[2, 2]), &families));
        assert!(frontier.insert(&config(layout, 1, &[1, 2]), &families));
        assert!(frontier.insert(&config(layout, 2, &[2, 2]), &families));
        assert_eq!(frontier.len(), 3);
        assert!(frontier.insert(&config(layout, 1, &[1, 1]), &families));
        assert_eq!(frontier.len(), 2);
        assert_eq!(frontier.entries(), 4);
        assert!(frontier.entry(0).is_none() && frontier.entry(3).is_some());
    }

    #[test]
    fn a_write_can_stand_for_a_compare_and_set_but_not_the_other_way_round() {
        let layout = Layout::new(updates(4), 2);
        let families = [Family {
            anywhere: Some(0),
            somewhere: vec![1],
        }];
        let mut frontier = Frontier::new(layout);
        // Used: one write. Better: one compare-and-set, the write is left.
        assert!(frontier.insert(&config(layout, 1, &[1, 0]), &families));
        assert!(frontier.insert(&config(layout, 1, &[0, 1]), &families));
        assert_eq!(frontier.len(), 1);
        assert!(!frontier.insert(&config(layout, 1, &[1, 0]), &families));
    }

    #[test]
    fn many_configurations_are_found_again() {
        let layout = Layout::new(updates(40), 0);
        let mut frontier = Frontier::new(layout);
        for round in 0..2 {
            for state in 0..5_000 {
                let mut config = layout.start(state);
                set(&mut config, state % 40);
                assert_eq!(frontier.insert(&config, &[]), round == 0);
            }
        }
        assert_eq!(frontier.len(), 5_000);
        frontier.clear();
        assert_eq!((frontier.len(), frontier.entries()), (0, 0));
    }
}
