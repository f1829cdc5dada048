//! Who loses sight of whom: pure functions from places to severed pairs.
//!
//! A severed pair is ordered; the first place is on the side that a partition isolates (the smaller group, the first
//! group of a list), so that a one-way cut knows which way is in.

use rand_pcg::Pcg64Mcg;

use crate::draw;
use crate::fault::Link;
use crate::partition::Direction;
use crate::targets::majority;

/// Pairs of places that no longer reach each other; the first of each is on the isolated side.
pub(crate) type Severed<T> = Vec<(T, T)>;

/// Every place of a group loses every place of the groups after it.
pub(crate) fn between_groups<T: Clone>(groups: &[Vec<T>]) -> Severed<T> {
    let mut severed = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        for a in group {
            for b in groups[i + 1..].iter().flatten() {
                severed.push((a.clone(), b.clone()));
            }
        }
    }
    severed
}

/// Every place sees a majority or one more (itself counted), and no two see the same places; pairs that see each other do so both
/// ways. `None` below 3 places, where there is no such thing.
///
/// For 3 places this is a path, for 4 and 5 a ring in which each sees its two neighbours. For more, links are taken
/// away in random order as long as both ends keep a majority, and the result is verified; should 100 orders fail, a
/// ring in which each sees as many neighbours on either side as a majority needs serves (verified by the tests up to
/// 99 places). `places` are in random order already.
pub(crate) fn majorities_ring<T: Clone>(places: &[T], rng: &mut Pcg64Mcg) -> Option<Severed<T>> {
    let n = places.len();
    let sees = match n {
        0..=2 => return None,
        3 => Sight::from_pairs(3, [(0, 1), (1, 2)]),
        4 | 5 => Sight::ring(n, 1),
        _ => (0..100)
            .map(|_| Sight::sparse(n, majority(n), rng))
            .find(Sight::is_majorities_ring)
            .unwrap_or_else(|| Sight::ring(n, (majority(n) - 1).div_ceil(2))),
    };
    let mut severed = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            if !sees.0[i][j] {
                severed.push((places[i].clone(), places[j].clone()));
            }
        }
    }
    Some(severed)
}

/// The links of severed pairs, in the directions that are cut, sorted.
pub(crate) fn links(severed: &Severed<crate::Endpoint>, direction: Direction) -> Vec<Link> {
    let mut links = Vec::with_capacity(severed.len() * 2);
    for (inner, outer) in severed {
        let inward = Link {
            from: outer.clone(),
            to: inner.clone(),
        };
        let outward = Link {
            from: inner.clone(),
            to: outer.clone(),
        };
        match direction {
            Direction::Both => links.extend([inward, outward]),
            Direction::In => links.push(inward),
            Direction::Out => links.push(outward),
        }
    }
    links.sort_unstable();
    links.dedup();
    links
}

/// Who sees whom; everyone sees themselves.
struct Sight(Vec<Vec<bool>>);

impl Sight {
    fn from_pairs(n: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut sees = vec![vec![false; n]; n];
        for (i, row) in sees.iter_mut().enumerate() {
            row[i] = true;
        }
        for (a, b) in pairs {
            sees[a][b] = true;
            sees[b][a] = true;
        }
        Self(sees)
    }

    /// Each sees `reach` neighbours on either side.
    fn ring(n: usize, reach: usize) -> Self {
        Self::from_pairs(
            n,
            (0..n).flat_map(|i| (1..=reach).map(move |step| (i, (i + step) % n))),
        )
    }

    /// Takes sight away in random order while both ends keep `at_least`.
    fn sparse(n: usize, at_least: usize, rng: &mut Pcg64Mcg) -> Self {
        let mut sees = vec![vec![true; n]; n];
        let mut degree = vec![n; n];
        let mut pairs: Vec<(usize, usize)> = (0..n)
            .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
            .collect();
        draw::shuffle(rng, &mut pairs);
        for (i, j) in pairs {
            if degree[i] > at_least && degree[j] > at_least {
                sees[i][j] = false;
                sees[j][i] = false;
                degree[i] -= 1;
                degree[j] -= 1;
            }
        }
        Self(sees)
    }

    fn is_majorities_ring(&self) -> bool {
        let n = self.0.len();
        // One more than a majority cannot be helped: seven cannot all see exactly three others.
        let fitting = majority(n)..=majority(n) + 1;
        let enough = self
            .0
            .iter()
            .all(|row| fitting.contains(&row.iter().filter(|sees| **sees).count()));
        let distinct: std::collections::BTreeSet<&Vec<bool>> = self.0.iter().collect();
        enough && distinct.len() == n
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Whom each place sees after the pairs are severed.
    fn views(n: usize, severed: &Severed<usize>) -> Vec<BTreeSet<usize>> {
        let mut views = vec![(0..n).collect::<BTreeSet<_>>(); n];
        for &(a, b) in severed {
            views[a].remove(&b);
            views[b].remove(&a);
        }
        views
    }

    fn ring(n: usize, seed: u64) -> Option<Severed<usize>> {
        majorities_ring(&(0..n).collect::<Vec<_>>(), &mut draw::stream(seed, 0))
    }

    proptest! {
        #[test]
        fn in_a_majorities_ring_everyone_sees_another_majority(n in 3usize..16, seed: u64) {
            let severed = ring(n, seed).unwrap();
            let views = views(n, &severed);
            for view in &views {
                prop_assert!(view.len() >= majority(n), "{views:?}");
            }
            let distinct: BTreeSet<_> = views.iter().collect();
            prop_assert_eq!(distinct.len(), n, "{:?}", views);
        }

        #[test]
        fn groups_keep_themselves_and_lose_the_others(sizes in prop::collection::vec(0usize..4, 0..5)) {
            let mut next = 0;
            let groups: Vec<Vec<usize>> = sizes
                .iter()
                .map(|&size| {
                    next += size;
                    (next - size..next).collect()
                })
                .collect();
            let views = views(next, &between_groups(&groups));
            for group in &groups {
                for &member in group {
                    prop_assert_eq!(&views[member], &group.iter().copied().collect());
                }
            }
        }
    }

    #[test]
    fn five_see_exactly_three_each() {
        let severed = ring(5, 0).unwrap();
        assert!(views(5, &severed).iter().all(|view| view.len() == 3));
        assert_eq!(severed.len(), 5);
    }

    #[test]
    fn seven_see_four_or_five() {
        for seed in 0..50 {
            let views = views(7, &ring(7, seed).unwrap());
            let sizes: Vec<usize> = views.iter().map(BTreeSet::len).collect();
            assert!(sizes.iter().all(|size| (4..=5).contains(size)), "{sizes:?}");
        }
        let shapes: BTreeSet<_> = (0..50).map(|seed| ring(7, seed)).collect();
        assert!(shapes.len() > 10, "more than one ring is drawn");
    }

    #[test]
    fn two_have_no_majorities_ring() {
        assert_eq!(ring(2, 0), None);
        assert_eq!(ring(1, 0), None);
        assert_eq!(ring(0, 0), None);
    }

    #[test]
    fn the_fallback_ring_holds() {
        for n in 6..100 {
            let sees = Sight::ring(n, (majority(n) - 1).div_ceil(2));
            assert!(sees.is_majorities_ring(), "{n}");
        }
    }

    #[test]
    fn a_ring_in_which_two_see_the_same_is_refused() {
        assert!(
            !Sight::from_pairs(4, [(0, 1), (2, 3), (0, 2), (0, 3), (1, 2), (1, 3)])
                .is_majorities_ring()
        );
    }
}
