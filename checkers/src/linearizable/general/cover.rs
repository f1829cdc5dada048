//! Moments at which a collection cannot have been empty.

/// Times in open intervals, joined where they overlap. Two that only touch leave the moment at which they touch free.
pub(crate) struct Cover {
    /// Disjoint, in order.
    intervals: Vec<(u64, u64)>,
}

impl Cover {
    /// The union of these intervals; those that end before they begin, or at once, are empty. O(n log n).
    pub(crate) fn of(intervals: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut all: Vec<(u64, u64)> = intervals.filter(|(begin, end)| begin < end).collect();
        // Mostly in order, which a stable sort makes use of.
        all.sort_by_key(|&(begin, _)| begin);
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (begin, end) in all {
            match joined.last_mut() {
                Some(last) if begin < last.1 => last.1 = last.1.max(end),
                _ => joined.push((begin, end)),
            }
        }
        Self { intervals: joined }
    }

    /// The first moment from `time` on that is not covered. O(log n).
    pub(crate) fn first_free(&self, time: u64) -> u64 {
        self.around(time).map_or(time, |(_, end)| end)
    }

    /// The last moment up to `time` that is not covered. O(log n).
    pub(crate) fn last_free(&self, time: u64) -> u64 {
        self.around(time).map_or(time, |(begin, _)| begin)
    }

    /// The interval that covers a moment.
    fn around(&self, time: u64) -> Option<(u64, u64)> {
        let after = self.intervals.partition_point(|&(begin, _)| begin < time);
        let last = self.intervals[..after].last()?;
        (time < last.1).then_some(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_touch_leave_a_moment_free() {
        let cover = Cover::of([(5, 9), (1, 3), (3, 5), (8, 12), (4, 4)].into_iter());
        let free: Vec<u64> = [0, 1, 2, 3, 4, 5, 6, 12]
            .iter()
            .map(|&time| cover.first_free(time))
            .collect();
        assert_eq!(free, [0, 1, 3, 3, 5, 5, 12, 12]);
        assert_eq!(cover.last_free(11), 5);
        assert_eq!(cover.last_free(2), 1);
        assert_eq!(cover.last_free(3), 3);
    }
}
