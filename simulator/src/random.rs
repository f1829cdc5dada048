//! Random numbers that are the same on every machine.
//!
//! Only whole numbers are drawn, and by our own reductions: no other crate's new version can change a run.

use std::convert::Infallible;
use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::TryRng;

use crate::Share;

/// A seeded source of random numbers.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The numbered stream of a seed. Streams of one seed have nothing to do with each other, so that one more draw in
    /// one place changes nothing in another.
    pub fn new(seed: u64, stream: u64) -> Self {
        let high = mix(seed ^ mix(stream));
        let low = mix(high ^ seed.rotate_left(32));
        Self(Pcg64Mcg::new(u128::from(high) << 64 | u128::from(low)))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        let Ok::<_, Infallible>(number) = self.0.try_next_u64();
        number
    }

    /// A number below `bound`, all alike; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product (Lemire 2019, without the rejection step): the bias is below bound / 2^64.
        ((u128::from(self.any()) * u128::from(bound)) >> 64) as u64
    }

    /// A time from zero to `bound`, to the nanosecond.
    pub fn up_to(&mut self, bound: Duration) -> Duration {
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanos.saturating_add(1)))
    }

    /// True with this probability. Draws nothing when the answer is certain.
    pub fn chance(&mut self, share: Share) -> bool {
        match share {
            Share::NONE => false,
            Share::ALL => true,
            share => self.below(u64::from(Share::ALL.ppm())) < u64::from(share.ppm()),
        }
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): near inputs get far outputs.
fn mix(input: u64) -> u64 {
    let z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut random = Random::new(7, 0);
        assert_eq!(
            [random.any(), random.any(), random.below(1_000)],
            [5_062_822_594_658_578_000, 2_461_382_811_531_565_614, 426]
        );
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Random::new(seed, stream).any();
        let firsts = [
            first(1, 0),
            first(1, 1),
            first(0, 1),
            first(0, 0),
            first(2, 0),
        ];
        for (i, a) in firsts.iter().enumerate() {
            for b in &firsts[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut random = Random::new(1, 0);
        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[random.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (850..1_150).contains(n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.up_to(Duration::ZERO), Duration::ZERO);
        assert!((0..100).all(|_| !random.chance(Share::NONE) && random.chance(Share::ALL)));
        let hits = (0..10_000)
            .filter(|_| random.chance(Share::from_percent(10)))
            .count();
        assert!((850..1_150).contains(&hits), "{hits}");
    }
}
