//! Which values of an axis get a label. The page's script has the same rules for times.

use super::chart::Tick;
use crate::report::number;

/// About `wanted` round times between two times, in seconds.
pub(crate) fn times(from: f64, to: f64, wanted: usize) -> Vec<Tick> {
    let span = to - from;
    // Not a number is no span either.
    if span.is_nan() || span <= 0.0 || wanted == 0 {
        return Vec::new();
    }
    let step = time_step(span / wanted as f64);
    let first = (from / step - 1e-9).ceil() as i64;
    (first..)
        .map(|i| i as f64 * step)
        .take_while(|at| *at <= to + step * 1e-9)
        .take(wanted * 3 + 3)
        .map(|at| Tick {
            at,
            label: time(at, step, to),
        })
        .collect()
}

/// The smallest round step that is at least `least` seconds.
pub(crate) fn time_step(least: f64) -> f64 {
    const MINUTES: [f64; 11] = [
        10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0,
    ];
    if least > 7_200.0 {
        return 3_600.0 * one_two_five(least / 3_600.0);
    }
    if least <= 5.0 {
        return one_two_five(least);
    }
    MINUTES
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(7_200.0)
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn one_two_five(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// A time, as precise as the step between labels needs: `12 s`, `41.25 s`, and in longer runs `3:05`, `1:00:30`.
fn time(at: f64, step: f64, end: f64) -> String {
    let decimals = if step >= 1.0 {
        0
    } else {
        (-step.log10() - 1e-9).ceil() as usize
    };
    if end <= 180.0 {
        return format!("{at:.decimals$} s");
    }
    let whole = (at + 1e-9).floor() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut text = if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    };
    if decimals > 0 {
        let fraction = format!("{:.decimals$}", (at - whole as f64).max(0.0));
        text.push_str(fraction.trim_start_matches('0'));
    }
    text
}

/// The ends and labels of a logarithmic axis for durations from `least` to `most` seconds.
pub(crate) fn durations(least: f64, most: f64) -> (f64, f64, Vec<Tick>) {
    let least = least.clamp(1e-7, 1e6);
    let most = most.clamp(least, 1e7);
    let steps: Vec<f64> = (-8..8)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
        .collect();
    let from = steps
        .iter()
        .rev()
        .copied()
        .find(|step| *step <= least * (1.0 + 1e-9))
        .unwrap_or(1e-8);
    let to = steps
        .iter()
        .copied()
        .find(|step| *step >= most && *step >= from * 5.0)
        .unwrap_or(5e7);
    let decades = (to / from).log10();
    let ticks = steps
        .iter()
        .copied()
        .filter(|step| *step >= from * (1.0 - 1e-9) && *step <= to * (1.0 + 1e-9))
        .filter(|step| decades < 2.1 || (step.log10() - step.log10().round()).abs() < 1e-6)
        .map(|at| Tick {
            at,
            label: short_duration(at),
        })
        .collect();
    (from, to, ticks)
}

/// A round duration: `1 ms`, `20 s`.
fn short_duration(s: f64) -> String {
    let (x, unit) = if s < 0.95e-6 {
        (s * 1e9, "ns")
    } else if s < 0.95e-3 {
        (s * 1e6, "µs")
    } else if s < 0.95 {
        (s * 1e3, "ms")
    } else {
        (s, "s")
    };
    format!("{x:.0} {unit}")
}

/// The upper end and labels of an axis from 0 to at least `most` per second.
pub(crate) fn rates(most: f64) -> (f64, Vec<Tick>) {
    let step = one_two_five((most / 4.0).max(0.25));
    let steps = (most / step).ceil().max(1.0) as u64;
    let ticks = (0..=steps)
        .map(|i| Tick {
            at: i as f64 * step,
            label: number::plain(i as f64 * step),
        })
        .collect();
    (steps as f64 * step, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn times_are_round_and_as_precise_as_needed() {
        assert_eq!(
            labels(&times(0.0, 60.0, 6)),
            ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]
        );
        assert_eq!(
            labels(&times(41.2312, 41.2329, 4)),
            ["41.2315 s", "41.2320 s", "41.2325 s"]
        );
        assert_eq!(
            labels(&times(0.0, 600.0, 5)),
            ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"]
        );
        assert_eq!(
            labels(&times(3_599.0, 3_600.5, 3)),
            ["59:59.0", "59:59.5", "1:00:00.0", "1:00:00.5"]
        );
        assert!(times(1.0, 1.0, 5).is_empty());
        assert!(times(0.0, f64::NAN, 5).is_empty());
    }

    #[test]
    fn durations_span_what_was_measured() {
        let (from, to, ticks) = durations(0.0013, 4.2);
        assert!((from - 0.001).abs() < 1e-12 && (to - 5.0).abs() < 1e-12);
        assert_eq!(labels(&ticks), ["1 ms", "10 ms", "100 ms", "1 s"]);
        let (from, to, ticks) = durations(0.003, 0.003);
        assert!(from < to);
        assert_eq!(labels(&ticks), ["2 ms", "5 ms", "10 ms"]);
        let (from, to, _) = durations(0.0, 0.0);
        assert!(0.0 < from && from < to);
    }

    #[test]
    fn rates_begin_at_zero() {
        let (to, ticks) = rates(870.0);
        assert!((to - 1_000.0).abs() < 1e-9);
        assert_eq!(labels(&ticks), ["0", "500", "1,000"]);
        let (to, ticks) = rates(0.0);
        assert!(to > 0.0 && !ticks.is_empty());
    }
}
