//! Time to pixels, with breaks: operations that prove an anomaly can be seconds apart and a millisecond long each.
//!
//! Between breaks the scale is the same everywhere, so lengths can be compared; a break says how much it leaves out.

/// Pixels that a break takes.
pub(crate) const BREAK: f64 = 46.0;
/// The whole is at most this many times as long as the middle one of the operations, breaks left out.
const STRETCH: f64 = 60.0;
/// No gap shorter than this many operations is broken.
const SHORTEST_GAP: f64 = 4.0;

/// A piecewise linear map from seconds to pixels.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Time and place of each end of each piece, ascending.
    knots: Vec<(f64, f64)>,
    breaks: Vec<Break>,
}

/// A stretch of time in which nothing begins or ends, drawn short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Break {
    /// Where it begins, in pixels.
    pub(crate) from: f64,
    /// Where it ends, in pixels.
    pub(crate) to: f64,
    /// How much time it leaves out, in seconds.
    pub(crate) seconds: f64,
}

impl Scale {
    /// A scale on which all intervals (begin, end; in seconds) are seen between two places. Intervals without an end
    /// have none: `None`.
    pub(crate) fn new(intervals: &[(f64, Option<f64>)], left: f64, right: f64) -> Self {
        let mut ends: Vec<f64> = intervals
            .iter()
            .flat_map(|(from, to)| [Some(*from), *to])
            .flatten()
            .filter(|time| time.is_finite())
            .collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let (Some(&first), Some(&last)) = (ends.first(), ends.last()) else {
            return Self {
                knots: vec![(0.0, left), (1.0, right)],
                breaks: Vec::new(),
            };
        };
        let mut lengths: Vec<f64> = intervals
            .iter()
            .filter_map(|(from, to)| Some((*to)? - from))
            .filter(|length| *length > 0.0)
            .collect();
        lengths.sort_by(f64::total_cmp);
        let middle = lengths
            .get(lengths.len() / 2)
            .copied()
            .unwrap_or_else(|| ((last - first) / STRETCH).max(1e-9));
        let gaps: Vec<f64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let is_broken = broken(&gaps, middle);

        let unbroken: f64 = gaps
            .iter()
            .zip(&is_broken)
            .filter(|(_, is_broken)| !**is_broken)
            .map(|(gap, _)| gap)
            .sum();
        let breaks = is_broken.iter().filter(|is_broken| **is_broken).count() as f64;
        // A little air on both sides; more when there is only one moment to show.
        let air = (unbroken * 0.04).max(middle * 0.5);
        let begin = (first - air).max(0.0);
        let total = unbroken + air + (first - begin);
        let per_second = (right - left - breaks * BREAK).max(1.0) / total.max(1e-12);

        let mut x = left;
        let mut knots = vec![(begin, x)];
        x += (first - begin) * per_second;
        knots.push((first, x));
        let mut places = Vec::new();
        for ((pair, gap), is_broken) in ends.windows(2).zip(&gaps).zip(&is_broken) {
            let from = x;
            x += if *is_broken { BREAK } else { gap * per_second };
            if *is_broken {
                places.push(Break {
                    from,
                    to: x,
                    seconds: *gap,
                });
            }
            knots.push((pair[1], x));
        }
        knots.push((last + air, right.max(x)));
        knots.dedup_by(|b, a| b.0 <= a.0);
        Self {
            knots,
            breaks: places,
        }
    }

    /// Where a moment is; at the ends of the scale for moments beyond them.
    pub(crate) fn place(&self, time: f64) -> f64 {
        let after = self.knots.partition_point(|(knot, _)| *knot <= time);
        match (
            after.checked_sub(1).map(|i| &self.knots[i]),
            self.knots.get(after),
        ) {
            (None, Some((_, x))) | (Some((_, x)), None) => *x,
            (Some((t0, x0)), Some((t1, x1))) => x0 + (x1 - x0) * (time - t0) / (t1 - t0),
            (None, None) => 0.0,
        }
    }

    /// The first and the last moment.
    pub(crate) fn range(&self) -> (f64, f64) {
        let first = self.knots.first().map_or(0.0, |knot| knot.0);
        (first, self.knots.last().map_or(first, |knot| knot.0))
    }

    /// The stretches between breaks: (begin, end) in seconds.
    pub(crate) fn pieces(&self) -> Vec<(f64, f64)> {
        let mut pieces = Vec::new();
        let (mut from, end) = self.range();
        for gap in &self.breaks {
            let at = |x: f64| self.knots.iter().find(|knot| (knot.1 - x).abs() < 1e-9);
            if let (Some(begin), Some(resume)) = (at(gap.from), at(gap.to)) {
                pieces.push((from, begin.0));
                from = resume.0;
            }
        }
        pieces.push((from, end));
        pieces
    }

    /// The breaks, in order.
    pub(crate) fn breaks(&self) -> &[Break] {
        &self.breaks
    }
}

/// Which gaps are broken: the longest, until the rest is short enough for the operations to be seen.
fn broken(gaps: &[f64], middle: f64) -> Vec<bool> {
    let mut longest: Vec<usize> = (0..gaps.len()).collect();
    longest.sort_by(|a, b| gaps[*b].total_cmp(&gaps[*a]));
    let mut rest: f64 = gaps.iter().sum();
    let mut is_broken = vec![false; gaps.len()];
    for i in longest {
        if rest <= middle * STRETCH || gaps[i] <= middle * SHORTEST_GAP {
            break;
        }
        is_broken[i] = true;
        rest -= gaps[i];
    }
    is_broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_operations_share_one_scale() {
        let scale = Scale::new(&[(1.0, Some(1.2)), (1.1, Some(1.4))], 0.0, 100.0);
        assert!(scale.breaks().is_empty());
        let width = |from, to| scale.place(to) - scale.place(from);
        assert!((width(1.0, 1.2) - width(1.1, 1.3)).abs() < 1e-9);
        assert!(scale.place(1.0) > 0.0 && scale.place(1.4) < 100.0);
        assert!(scale.place(0.0).abs() < 1e-9, "clamped");
        assert!((scale.place(99.0) - 100.0).abs() < 1e-9, "clamped");
    }

    #[test]
    fn a_long_gap_is_broken_and_says_so() {
        let scale = Scale::new(
            &[
                (1.0, Some(1.002)),
                (1.001, Some(1.004)),
                (50.0, Some(50.002)),
            ],
            0.0,
            500.0,
        );
        let [gap] = scale.breaks() else {
            panic!("one break: {scale:?}")
        };
        assert!((gap.seconds - 48.996).abs() < 1e-9);
        assert!((gap.to - gap.from - BREAK).abs() < 1e-9);
        let width = |from, to| scale.place(to) - scale.place(from);
        assert!((width(1.0, 1.002) - width(50.0, 50.002)).abs() < 1e-6);
        assert!(width(1.0, 1.002) > 80.0, "operations are seen");
        assert_eq!(scale.pieces().len(), 2);
    }

    #[test]
    fn an_open_operation_is_broken_where_nothing_happens() {
        let scale = Scale::new(
            &[(1.0, None), (1.001, Some(1.002)), (9.0, Some(9.001))],
            0.0,
            500.0,
        );
        assert_eq!(scale.breaks().len(), 1);
        assert!(scale.place(1.0) < scale.place(1.001));
    }

    #[test]
    fn places_never_run_backwards() {
        for intervals in [
            vec![],
            vec![(0.0, None)],
            vec![(3.0, Some(3.0))],
            vec![(0.0, Some(0.0)), (0.0, None), (1e9, Some(1e9 + 1e-9))],
            vec![(f64::NAN, None)],
        ] {
            let scale = Scale::new(&intervals, 10.0, 90.0);
            let (from, to) = scale.range();
            let mut before = scale.place(from);
            for i in 0..=200 {
                let x = scale.place(from + (to - from) * f64::from(i) / 200.0);
                assert!(
                    x >= before - 1e-9 && (9.9..=90.1).contains(&x),
                    "{intervals:?}: {x}"
                );
                before = x;
            }
        }
    }
}
