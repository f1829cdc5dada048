//! The lists that transactions read, while a history is built.
//!
//! A list that only grows at its end is read again and again, each time with all that was read before. So each key keeps
//! the longest list that was read of it, a chain, and a read that saw a beginning of that is a chain and a length. What
//! fits no chain of its key begins another one, and beyond [`CHAINS`] stands for itself. A chain remembers how it was
//! written, too: then a read is compared byte by byte, and none of its elements is looked up.

use crate::micro_op::Draft;
use crate::{KeyId, Malformed, ValueId};

/// How many chains a key has at most.
const CHAINS: usize = 4;

/// Places from here on are among `loose`.
const LOOSE: u32 = 1 << 31;

/// How many elements a history can hold, in chains and outside of them.
const LIMIT: usize = LOOSE as usize - 1;

/// How many bytes of its text a chain remembers at most.
const LONGEST_TEXT: usize = 1 << 30;

/// All lists that were read so far.
pub(crate) struct Lists {
    chains: Vec<Chain>,
    /// The chains of each key, filled up with 0: the first chain is no key's, and empty.
    of_key: Vec<[u32; CHAINS]>,
    /// The elements of lists that are in no chain.
    loose: Vec<ValueId>,
    /// How many elements the chains have.
    chained: usize,
}

#[derive(Default)]
struct Chain {
    elements: Vec<ValueId>,
    /// The text of its first elements, without the bracket.
    text: Vec<u8>,
    /// Where in the text each of them ends.
    ends: Vec<u32>,
}

/// How the text of a list compares with what is known.
pub(crate) enum Seen {
    /// It is known; so many bytes stand before its closing bracket.
    Whole(Draft, usize),
    /// It is the whole text of this chain, a comma, and something more.
    More(Longer),
    /// Nothing of it is known.
    New,
}

/// A chain that may become longer, and how many elements and bytes of it are known to fit.
#[derive(Clone, Copy)]
pub(crate) struct Longer {
    chain: u32,
    pub(crate) elements: usize,
    pub(crate) bytes: usize,
}

impl Lists {
    pub(crate) fn new() -> Self {
        Self {
            chains: vec![Chain::default()],
            of_key: Vec::new(),
            loose: Vec::new(),
            chained: 0,
        }
    }

    fn chains_of(&self, key: KeyId) -> impl Iterator<Item = u32> + use<> {
        let chains = self.of_key.get(key.0 as usize).copied();
        let chains = chains.unwrap_or_default().into_iter();
        chains.take_while(|&chain| chain != 0)
    }

    /// Compares what follows the opening bracket of a list that was read of this key with the texts of its chains.
    /// O(length of the list in bytes), at the speed of comparing memory.
    pub(crate) fn look(&self, key: KeyId, rest: &[u8]) -> Seen {
        // Or a bracket in a text; then no element ends there.
        let Some(len) = memchr::memchr(b']', rest) else {
            return Seen::New;
        };
        for number in self.chains_of(key) {
            let chain = &self.chains[number as usize];
            let known = chain.text.len();
            if len <= known {
                if rest[..len] == chain.text[..len]
                    && let Ok(place) = chain.ends.binary_search(&(len as u32))
                {
                    let list = Draft::List {
                        place: number,
                        len: place as u32 + 1,
                    };
                    return Seen::Whole(list, len);
                }
            } else if known > 0 && rest[known] == b',' && rest[..known] == chain.text[..] {
                return Seen::More(Longer {
                    chain: number,
                    elements: chain.ends.len(),
                    bytes: known + 1,
                });
            }
        }
        Seen::New
    }

    /// Takes a list that was read of this key. `text` is how it is written, without the brackets, and where in it each
    /// element ends. O(length of the list).
    pub(crate) fn take(
        &mut self,
        key: KeyId,
        list: &[ValueId],
        text: Option<(&[u8], &[u32])>,
    ) -> Result<Draft, Malformed> {
        if list.is_empty() {
            return Ok(Draft::List { place: 0, len: 0 });
        }
        let len = list.len() as u32;
        let mut count = 0;
        for number in self.chains_of(key) {
            count += 1;
            let chain = &mut self.chains[number as usize];
            let common = chain.elements.len().min(list.len());
            if list[..common] == chain.elements[..common] {
                self.chained += list.len() - common;
                self.bounded()?;
                let chain = &mut self.chains[number as usize];
                chain.elements.extend_from_slice(&list[common..]);
                if let Some((text, ends)) = text
                    && ends.len() > chain.ends.len()
                    && text.len() < LONGEST_TEXT
                {
                    chain.text.clear();
                    chain.text.extend_from_slice(text);
                    chain.ends.clear();
                    chain.ends.extend_from_slice(ends);
                }
                return Ok(Draft::List { place: number, len });
            }
        }
        if count < CHAINS {
            self.chained += list.len();
            self.bounded()?;
            let number = self.chains.len() as u32;
            let (text, ends) = text
                .filter(|(text, _)| text.len() < LONGEST_TEXT)
                .unwrap_or_default();
            self.chains.push(Chain {
                elements: list.to_vec(),
                text: text.to_vec(),
                ends: ends.to_vec(),
            });
            let key = key.0 as usize;
            if key >= self.of_key.len() {
                self.of_key.resize(key + 1, [0; CHAINS]);
            }
            self.of_key[key][count] = number;
            return Ok(Draft::List { place: number, len });
        }
        let place = LOOSE | self.loose.len() as u32;
        self.loose.extend_from_slice(list);
        self.bounded()?;
        Ok(Draft::List { place, len })
    }

    /// Takes a list that goes on after all the text of a chain: `tail` are its other elements, `text` how they are
    /// written, and where in that each of them ends. `None` when it is another list than the chain after all.
    /// O(length of the tail).
    pub(crate) fn take_longer(
        &mut self,
        longer: Longer,
        tail: &[ValueId],
        text: (&[u8], &[u32]),
    ) -> Result<Option<Draft>, Malformed> {
        let chain = &mut self.chains[longer.chain as usize];
        let known = &chain.elements[longer.elements..];
        let common = known.len().min(tail.len());
        if known[..common] != tail[..common] {
            return Ok(None);
        }
        chain.elements.extend_from_slice(&tail[common..]);
        if longer.bytes + text.0.len() < LONGEST_TEXT {
            chain.text.push(b',');
            chain.text.extend_from_slice(text.0);
            let base = longer.bytes as u32;
            chain.ends.extend(text.1.iter().map(|end| base + end));
        }
        self.chained += tail.len() - common;
        self.bounded()?;
        Ok(Some(Draft::List {
            place: longer.chain,
            len: (longer.elements + tail.len()) as u32,
        }))
    }

    /// The first elements of a chain, those that are known to fit.
    pub(crate) fn known(&self, longer: Longer) -> &[ValueId] {
        &self.chains[longer.chain as usize].elements[..longer.elements]
    }

    fn bounded(&self) -> Result<(), Malformed> {
        if self.chained < LIMIT && self.loose.len() < LIMIT {
            return Ok(());
        }
        Err(Malformed::TooMany {
            what: "elements of lists",
            limit: LIMIT,
        })
    }

    /// All elements in one piece, and for each place of a list where it begins there.
    pub(crate) fn settle(self) -> (Vec<ValueId>, impl Fn(u32) -> u32) {
        let Self { chains, loose, .. } = self;
        let mut elements = loose;
        elements.reserve_exact(self.chained);
        let mut begins = Vec::with_capacity(chains.len());
        for chain in chains {
            begins.push(elements.len() as u32);
            elements.extend_from_slice(&chain.elements);
        }
        elements.shrink_to_fit();
        let begin = move |place: u32| {
            if place < LOOSE {
                begins[place as usize]
            } else {
                place - LOOSE
            }
        };
        (elements, begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes a list as a reader of text does.
    fn take(lists: &mut Lists, key: KeyId, list: &[u32]) -> Draft {
        let text: Vec<String> = list.iter().map(ToString::to_string).collect();
        let text = text.join(",");
        let rest = format!("{text}],7]");
        let ids = |list: &[u32]| list.iter().map(|&n| ValueId(n)).collect::<Vec<_>>();
        let ends = |begin: usize| -> Vec<u32> {
            let text = &text[begin..];
            let ends = text.match_indices(',').map(|(at, _)| at as u32);
            ends.chain([text.len() as u32]).collect()
        };
        match lists.look(key, rest.as_bytes()) {
            Seen::Whole(list, len) => {
                assert_eq!(len, text.len());
                list
            }
            Seen::More(longer) => {
                let tail = &ids(list)[longer.elements..];
                let ends = ends(longer.bytes);
                let found = lists
                    .take_longer(longer, tail, (&text.as_bytes()[longer.bytes..], &ends))
                    .unwrap();
                found.unwrap_or_else(|| {
                    let mut whole = lists.known(longer).to_vec();
                    whole.extend_from_slice(tail);
                    lists.take(key, &whole, None).unwrap()
                })
            }
            Seen::New => {
                let ends = if list.is_empty() { Vec::new() } else { ends(0) };
                let text = Some((text.as_bytes(), &ends[..]));
                lists.take(key, &ids(list), text).unwrap()
            }
        }
    }

    #[test]
    fn a_list_that_grows_is_kept_once() {
        let mut lists = Lists::new();
        let key = KeyId(3);
        for len in [1, 5, 2, 0, 100, 99, 100] {
            let list: Vec<u32> = (0..len).collect();
            let draft = take(&mut lists, key, &list);
            assert!(matches!(draft, Draft::List { len: l, .. } if l == len));
        }
        assert_eq!(lists.settle().0.len(), 100);
    }

    #[test]
    fn numbers_are_compared_as_a_whole() {
        let mut lists = Lists::new();
        let key = KeyId(0);
        let taken: Vec<_> = [&[1, 23][..], &[1, 2], &[12], &[1], &[1, 2, 3], &[1, 23, 4]]
            .into_iter()
            .map(|list| (list, take(&mut lists, key, list)))
            .collect();
        let (elements, place) = lists.settle();
        for (list, draft) in taken {
            assert_eq!(resolve(&elements, &place, draft), list);
        }
    }

    fn resolve(elements: &[ValueId], place: impl Fn(u32) -> u32, draft: Draft) -> Vec<u32> {
        let Draft::List { place: at, len } = draft else {
            panic!("a list")
        };
        let begin = place(at) as usize;
        let list = &elements[begin..begin + len as usize];
        list.iter().map(|id| id.0).collect()
    }

    proptest! {
        #[test]
        fn every_list_is_what_it_was(
            reads in prop::collection::vec((0..2_u32, 0..8_u32, 0..12_u32, any::<bool>()), 0..80)
        ) {
            let mut lists = Lists::new();
            let mut taken = Vec::new();
            for (key, fork, len, by_text) in reads {
                // Eight lists that have more or less of their beginnings in common.
                let list: Vec<u32> = (0..len).map(|i| if i < fork { i } else { i + fork * 10 }).collect();
                let key = KeyId(key);
                let draft = if by_text {
                    take(&mut lists, key, &list)
                } else {
                    let ids: Vec<ValueId> = list.iter().map(|&n| ValueId(n)).collect();
                    lists.take(key, &ids, None).unwrap()
                };
                taken.push((list, draft));
            }
            let (elements, place) = lists.settle();
            for (list, draft) in taken {
                prop_assert_eq!(resolve(&elements, &place, draft), list);
            }
        }
    }
}
