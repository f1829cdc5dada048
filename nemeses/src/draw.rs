//! Random draws that stay the same for ever.
//!
//! A seed must yield the same timeline with every version of schism, so what is drawn from the generator's bits is
//! defined here and not left to a library that may change it.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A generator for one thing among many that share a seed: streams of different numbers are independent, so that
/// changing one entry of a plan leaves what the others draw as it was.
pub(crate) fn stream(seed: u64, number: u64) -> Pcg64Mcg {
    let mut state = [0; 16];
    state[..8].copy_from_slice(&mix(seed).to_le_bytes());
    state[8..].copy_from_slice(
        &mix(seed ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))).to_le_bytes(),
    );
    Pcg64Mcg::from_seed(state)
}

/// A number below `n`, all equally likely but for a bias of at most n / 2^64; 0 when `n` is 0.
pub(crate) fn below(rng: &mut Pcg64Mcg, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Puts the items in a random order (Fisher and Yates).
pub(crate) fn shuffle<T>(rng: &mut Pcg64Mcg, items: &mut [T]) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(rng, i + 1));
    }
}

/// A time between the two, both included, in whole milliseconds where they differ by at least one.
pub(crate) fn duration(rng: &mut Pcg64Mcg, min: Duration, max: Duration) -> Duration {
    let steps = max.saturating_sub(min).as_millis();
    let steps = usize::try_from(steps).unwrap_or(usize::MAX - 1);
    min.saturating_add(Duration::from_millis(below(rng, steps + 1) as u64))
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_pinned() {
        let mut rng = stream(7, 0);
        let drawn: Vec<usize> = (0..8).map(|_| below(&mut rng, 100)).collect();
        let mut order: Vec<u8> = (0..8).collect();
        shuffle(&mut rng, &mut order);
        assert_eq!(drawn, [90, 64, 10, 60, 96, 24, 52, 26]);
        assert_eq!(order, [5, 4, 6, 2, 1, 7, 0, 3]);
    }

    #[test]
    fn streams_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..10 {
            for number in 0..10 {
                seen.insert(stream(seed, number).next_u64());
            }
        }
        assert_eq!(seen.len(), 100);
    }

    #[test]
    fn bounds_are_kept() {
        let mut rng = stream(1, 1);
        assert_eq!(below(&mut rng, 0), 0);
        assert_eq!(below(&mut rng, 1), 0);
        let (min, max) = (Duration::from_millis(5), Duration::from_millis(7));
        let drawn: std::collections::BTreeSet<Duration> =
            (0..100).map(|_| duration(&mut rng, min, max)).collect();
        assert_eq!(drawn.len(), 3);
        assert_eq!(drawn.first(), Some(&min));
        assert_eq!(drawn.last(), Some(&max));
        assert_eq!(duration(&mut rng, max, min), max);
        duration(&mut rng, Duration::ZERO, Duration::MAX);
    }
}
