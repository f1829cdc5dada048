//! Numbers as people read them.

/// A count with its thousands set apart: `1,204,117`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 operation`, `2 operations`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    let (stem, plural) = match (noun.strip_suffix('y'), n) {
        (Some(stem), 0 | 2..) if !noun.ends_with("ay") => (stem, "ies"),
        _ => (noun, plural),
    };
    format!("{} {stem}{plural}", count(n))
}

/// A duration in the unit that fits it, three figures: `12.0 µs`, `4.21 ms`, `1.50 s`, `3 min 5 s`.
pub(crate) fn seconds(s: f64) -> String {
    if !s.is_finite() {
        return "unknown".to_owned();
    }
    let (sign, s) = if s < 0.0 { ("-", -s) } else { ("", s) };
    let text = if s == 0.0 {
        "0 s".to_owned()
    } else if s < 999.5e-9 {
        format!("{:.0} ns", s * 1e9)
    } else if s < 999.5e-6 {
        format!("{} µs", three_figures(s * 1e6))
    } else if s < 999.5e-3 {
        format!("{} ms", three_figures(s * 1e3))
    } else if s < 119.5 {
        format!("{} s", three_figures(s))
    } else {
        let whole = s.round() as u64;
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
        match (hours, rest) {
            (0, 0) => format!("{minutes} min"),
            (0, _) => format!("{minutes} min {rest} s"),
            _ => format!("{hours} h {minutes} min"),
        }
    };
    format!("{sign}{text}")
}

fn three_figures(x: f64) -> String {
    if x < 9.995 {
        format!("{x:.2}")
    } else if x < 99.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

/// A part of a whole. Never rounded up to all, nor down to nothing: `99.99 %` is less than `100 %`.
pub(crate) fn share(part: f64) -> String {
    if !part.is_finite() {
        return "unknown".to_owned();
    }
    let percent = part * 100.0;
    if part == 0.0 {
        "0 %".to_owned()
    } else if (part - 1.0).abs() < f64::EPSILON {
        "100 %".to_owned()
    } else if percent > 0.0 && percent < 0.01 {
        "< 0.01 %".to_owned()
    } else if percent < 1.0 {
        format!("{percent:.2} %")
    } else if percent < 99.0 {
        format!("{percent:.1} %")
    } else if percent < 100.0 {
        // More nines are shown as long as there are any to tell apart.
        let decimals = if percent < 99.99 { 2 } else { 4 };
        let scale = 10_f64.powi(decimals);
        format!(
            "{:.1$} %",
            (percent * scale).floor() / scale,
            decimals as usize
        )
    } else {
        format!("{percent:.1} %")
    }
}

/// A rate: `4,210/s`, `12.5/s`.
pub(crate) fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        "unknown".to_owned()
    } else if per_second == 0.0 {
        "0/s".to_owned()
    } else if per_second < 99.5 {
        format!("{per_second:.1}/s")
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// A number that may be anything, without useless decimals.
pub(crate) fn plain(x: f64) -> String {
    if x.is_finite() && x.fract() == 0.0 && x.abs() < 1e15 {
        let whole = count(x.abs() as u64);
        return if x < 0.0 { format!("-{whole}") } else { whole };
    }
    let magnitude = x.abs();
    if (0.001..1e6).contains(&magnitude) {
        let text = format!("{x:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{x:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(counted(1, "operation"), "1 operation");
        assert_eq!(counted(0, "anomaly"), "0 anomalies");
        assert_eq!(counted(1, "anomaly"), "1 anomaly");
        assert_eq!(counted(2, "gateway"), "2 gateways");
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        for (s, text) in [
            (0.0, "0 s"),
            (2.4e-7, "240 ns"),
            (9.999e-7, "1.00 µs"),
            (12e-6, "12.0 µs"),
            (0.004_213, "4.21 ms"),
            (0.999_4, "999 ms"),
            (0.999_6, "1.00 s"),
            (61.0, "61.0 s"),
            (120.0, "2 min"),
            (185.2, "3 min 5 s"),
            (7_260.0, "2 h 1 min"),
            (-0.5, "-500 ms"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(seconds(s), text, "{s}");
        }
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        for (part, text) in [
            (0.0, "0 %"),
            (0.000_01, "< 0.01 %"),
            (0.005, "0.50 %"),
            (0.5, "50.0 %"),
            (0.999, "99.90 %"),
            (0.999_96, "99.9960 %"),
            (0.999_999_99, "99.9999 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(share(part), text, "{part}");
        }
    }

    #[test]
    fn plain_numbers_have_no_useless_decimals() {
        assert_eq!(plain(3.0), "3");
        assert_eq!(plain(-1_200.0), "-1,200");
        assert_eq!(plain(0.25), "0.25");
        assert_eq!(plain(1.0 / 3.0), "0.3333");
        assert_eq!(plain(1e-9), "1.000e-9");
        assert_eq!(rate(4_210.4), "4,210/s");
        assert_eq!(rate(12.52), "12.5/s");
    }
}
