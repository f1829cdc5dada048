//! Quantiles of measured values.

use schism_history::Value;

/// Measured values, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantiles(Vec<u64>);

impl Quantiles {
    /// O(n log n).
    pub(crate) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        Self(values)
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The value that `share` of all values (0 to 1) do not exceed: the nearest rank, a value that was measured. 0 when
    /// nothing was.
    pub(crate) fn at(&self, share: f64) -> u64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0
            .get(rank.saturating_sub(1))
            .or(self.0.last())
            .copied()
            .unwrap_or(0)
    }

    /// The largest value; 0 when nothing was measured.
    pub(crate) fn max(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    /// Nanoseconds as figures in seconds: `p50_s`, `p95_s`, `p99_s`, `p999_s`, `max_s`.
    pub(crate) fn in_seconds(&self) -> Vec<(&'static str, Value)> {
        [
            ("p50_s", self.at(0.5)),
            ("p95_s", self.at(0.95)),
            ("p99_s", self.at(0.99)),
            ("p999_s", self.at(0.999)),
            ("max_s", self.max()),
        ]
        .map(|(name, nanos)| (name, seconds(nanos)))
        .into()
    }
}

/// Nanoseconds as a figure in seconds.
pub(crate) fn seconds(nanos: u64) -> Value {
    Value::from(nanos as f64 / 1e9)
}

/// A part of a whole as a figure from 0 to 1; nil when there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> Value {
    if whole == 0 {
        Value::Nil
    } else {
        Value::from(part as f64 / whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values() {
        let quantiles = Quantiles::of((1..=100).rev().collect());
        assert_eq!(
            [0.0, 0.5, 0.95, 0.99, 0.999, 1.0].map(|share| quantiles.at(share)),
            [1, 50, 95, 99, 100, 100]
        );
        assert_eq!(Quantiles::of(vec![7]).at(0.5), 7);
        assert_eq!(Quantiles::default().at(0.5), 0);
    }
}
