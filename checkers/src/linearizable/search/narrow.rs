//! Which configurations a search of limited width keeps.

use super::{Search, Slot, pure_bit};
use crate::linearizable::frontier::{self, Layout};
use crate::models::Model;

/// Open operations by what they are worth, as masks.
struct Weighed {
    assets: Vec<u64>,
    debts: Vec<u64>,
    reads: Vec<u64>,
    blind: Vec<u64>,
}

impl<M: Model> Search<'_, M> {
    /// Keeps as many configurations as the width allows: those that used the fewest unknown operations, of equals those
    /// that owe the least, of equals those that came first.
    pub(super) fn narrow(&mut self) {
        self.dropped = true;
        let weighed = self.weighed();
        let mut order: Vec<(u64, i64, usize)> = (0..self.current.entries())
            .filter_map(|i| {
                let config = self.current.entry(i)?;
                let used = self.layout.used_in_all(config);
                Some((used, owed(self.layout, config, &weighed), i))
            })
            .collect();
        order.select_nth_unstable(self.width);
        order.truncate(self.width);
        order.sort_unstable_by_key(|&(.., i)| i);
        self.next.clear();
        for (.., i) in order {
            if let Some(config) = self.current.entry(i) {
                self.next.insert(config, &self.families);
            }
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }

    fn weighed(&self) -> Weighed {
        let mask_words = self.layout.mask_words();
        let mut weighed = Weighed {
            assets: vec![0; mask_words],
            debts: vec![0; mask_words],
            reads: vec![0; self.layout.pure_words()],
            blind: self.blind_open.clone(),
        };
        for open in &self.open {
            if let Slot::Update(slot) = open.place {
                let (word, bit) = frontier::place(slot);
                if self.model.fits_anywhere(open.action) {
                    weighed.assets[word] |= bit;
                } else {
                    weighed.debts[word] |= bit;
                }
            }
        }
        for &(slot, _) in &self.reads {
            let (word, bit) = pure_bit(slot);
            weighed.reads[word] |= bit;
        }
        weighed
    }
}

/// What a configuration still has to do before the open operations return: an operation that needs a certain state
/// is a debt, the larger when it changes the state too; one that can happen in any state is an asset, since it can
/// make the state that somebody needs. The weights are the result of trying some on busy registers: with them, a
/// narrow search hardly ever loses its way.
fn owed(layout: Layout, config: &[u64], weighed: &Weighed) -> i64 {
    let left = |mask: &[u64], done: &[u64]| -> i64 {
        let words = mask.iter().zip(done);
        words
            .map(|(mask, done)| i64::from((mask & !done).count_ones()))
            .sum()
    };
    let assets = left(&weighed.assets, config) + left(&weighed.blind, layout.blind(config));
    2 * left(&weighed.debts, config) - 2 * assets + left(&weighed.reads, layout.pure(config))
}
