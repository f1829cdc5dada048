//! What a hunt without a violation says about the share of seeds that have one.

/// How sure the bound is.
const CONFIDENCE: f64 = 0.95;

/// The largest share of violating seeds that is compatible, at 95 %, with none among so many: the one with which that
/// would happen in one of twenty hunts, `1 - 0.05^(1/n)`, which the rule of three calls 3/n. 1 for no seed at all.
pub fn failure_rate_bound(clean: u64) -> f64 {
    if clean == 0 {
        return 1.0;
    }
    // Precise also where it is near to 0.
    -((1.0 - CONFIDENCE).ln() / clean as f64).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_where_a_clean_hunt_has_a_chance_of_one_in_twenty() {
        for n in [1, 2, 20, 300, 1_000_000] {
            let bound = failure_rate_bound(n);
            let chance = (1.0 - bound).powf(n as f64);
            assert!((chance - 0.05).abs() < 1e-6, "{n}: {bound}");
        }
        assert!((failure_rate_bound(1) - 0.95).abs() < 1e-12);
        assert!((failure_rate_bound(1_000) * 1_000.0 - 3.0).abs() < 0.01);
        assert!((failure_rate_bound(0) - 1.0).abs() < f64::EPSILON);
    }
}
