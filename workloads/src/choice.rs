//! Weighted choices, in whole numbers only: the same random numbers give the same choice on every machine.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one of several keys is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// The first takes half of the choices, the second a quarter, and so on.
    #[default]
    Exponential,
    /// The second is chosen half as often as the first, the third a third as often, and so on.
    Zipf,
}

impl Distribution {
    /// This choice among `count` things.
    pub fn over(self, count: u32) -> Weighted {
        Weighted::new((0..u64::from(count)).map(|rank| match self {
            Self::Uniform => 1,
            // The tail is flat: nothing is so rare that a long run would never choose it.
            Self::Exponential => (1 << 40 >> rank.min(40)).max(1 << 24),
            Self::Zipf => (1 << 40) / (rank + 1),
        }))
    }
}

/// A choice of an index by weight. Drawing takes one random number and O(log n).
#[derive(Clone, Debug)]
pub struct Weighted {
    /// Where each index's share ends.
    ends: Vec<u64>,
}

impl Weighted {
    /// A choice among as many things as there are weights. A weight of 0 is never chosen, unless all are 0: then the
    /// first one always is.
    pub fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let ends = weights
            .into_iter()
            .scan(0_u64, |end, weight| {
                *end = end.saturating_add(weight);
                Some(*end)
            })
            .collect();
        Self { ends }
    }

    /// The index chosen.
    pub fn draw(&self, rng: &mut Pcg64Mcg) -> usize {
        let total = self.ends.last().copied().unwrap_or(0).max(1);
        let point = rng.random_range(0..total);
        let index = self.ends.partition_point(|end| *end <= point);
        // Only when all weights are 0 does the point lie behind every end.
        if index < self.ends.len() { index } else { 0 }
    }
}

/// A number of operations around `mean`: up to a tenth more or less, so that not all keys end at once.
pub(crate) fn about(mean: u32, rng: &mut Pcg64Mcg) -> u32 {
    let spread = mean / 10;
    rng.random_range(mean - spread..=mean.saturating_add(spread))
        .max(1)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn counts(choice: &Weighted, draws: u32) -> Vec<u32> {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let mut counts = vec![0; choice.ends.len()];
        for _ in 0..draws {
            counts[choice.draw(&mut rng)] += 1;
        }
        counts
    }

    /// Whether a count is within 5 % of what is expected (over 4 standard deviations at these sizes).
    fn near(count: u32, expected: u32) -> bool {
        count.abs_diff(expected) * 20 <= expected
    }

    #[test]
    fn shares_follow_the_weights() {
        let counts = counts(&Weighted::new([5, 0, 3, 2]), 100_000);
        assert!(near(counts[0], 50_000), "{counts:?}");
        assert_eq!(counts[1], 0);
        assert!(near(counts[2], 30_000), "{counts:?}");
        assert!(near(counts[3], 20_000), "{counts:?}");
    }

    #[test]
    fn each_distribution_has_its_shape() {
        let uniform = counts(&Distribution::Uniform.over(4), 100_000);
        assert!(uniform.iter().all(|n| near(*n, 25_000)), "{uniform:?}");
        let exponential = counts(&Distribution::Exponential.over(4), 150_000);
        for (count, expected) in exponential.iter().zip([80_000, 40_000, 20_000, 10_000]) {
            assert!(near(*count, expected), "{exponential:?}");
        }
        let zipf = counts(&Distribution::Zipf.over(4), 250_000);
        for (count, expected) in zipf.iter().zip([120_000, 60_000, 40_000, 30_000]) {
            assert!(near(*count, expected), "{zipf:?}");
        }
    }

    #[test]
    fn nothing_to_choose_from_is_no_panic() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        assert_eq!(Weighted::new([]).draw(&mut rng), 0);
        assert_eq!(Weighted::new([0, 0]).draw(&mut rng), 0);
        assert!(Distribution::Exponential.over(1000).draw(&mut rng) < 1000);
    }

    #[test]
    fn about_stays_within_a_tenth() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let drawn: Vec<u32> = (0..10_000).map(|_| about(200, &mut rng)).collect();
        assert_eq!(drawn.iter().min(), Some(&180));
        assert_eq!(drawn.iter().max(), Some(&220));
        assert_eq!(about(1, &mut rng), 1);
        assert!(about(u32::MAX, &mut rng) > u32::MAX / 10 * 8);
    }
}
