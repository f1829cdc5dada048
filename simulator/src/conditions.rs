//! What packets go through on their way.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Random, Rate, Share};

/// How long a packet takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Delay {
    /// The shortest time, as `"200us"`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub min: Duration,
    /// The longest time, as `"5ms"`; at least `min`, at most an hour.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub max: Duration,
    /// How the times are spread between the two.
    pub spread: Spread,
}

impl Delay {
    /// Always the same time.
    pub const fn fixed(time: Duration) -> Self {
        Self {
            min: time,
            max: time,
            spread: Spread::Uniform,
        }
    }
}

/// 200 µs to 5 ms with a long tail: 0.8 ms on average, as in one data centre.
impl Default for Delay {
    fn default() -> Self {
        Self {
            min: Duration::from_micros(200),
            max: Duration::from_millis(5),
            spread: Spread::LongTail,
        }
    }
}

/// How delays are spread between the shortest and the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// All alike.
    Uniform,
    /// Most are short, few are long: the product of three uniform draws. The mean lies an eighth of the way up.
    #[default]
    LongTail,
    /// Most lie around the middle: the mean of twelve uniform draws.
    Normal,
}

/// What packets go through on a link.
///
/// Packets between two nodes arrive in the order they were sent, as over one TCP connection, but for those that are
/// held back (`reorder`) or arrive twice (`duplicate`). Clients open a connection per call: their packets may overtake
/// those of earlier calls, and are neither held back nor doubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// How long a packet takes.
    pub delay: Delay,
    /// The share of packets that never arrive. Nothing sends them again but the store, if it does.
    pub loss: Share,
    /// The share of arriving packets that arrive once more, later.
    pub duplicate: Share,
    /// The share of packets that are held back for up to `delay.max` more, while later packets pass them.
    pub reorder: Share,
    /// The share of packets with a flipped bit. A checksum finds it and the packet is discarded, unless the store takes
    /// damaged messages ([`Store::damaged`](crate::Store::damaged)).
    #[serde(skip_serializing_if = "Share::is_none")]
    pub corrupt: Share,
    /// How fast packets follow each other, as `"10mbit"`; as fast as they come when left out. Packets wait in a queue
    /// for their turn, and one that would wait for more than a second is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// What a fault adds to the conditions of a link. Unlike [`Conditions`], which replace each other, disturbances add up:
/// delays follow each other, each share strikes for itself, and the lowest rate counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// How much longer each packet takes.
    pub delay: Duration,
    /// By how much that varies, up and down; below zero it is zero.
    pub jitter: Duration,
    /// How the delays are spread between `delay - jitter` and `delay + jitter`.
    pub spread: Spread,
    /// The share of packets that never arrive.
    pub loss: Share,
    /// The share of arriving packets that arrive once more.
    pub duplicate: Share,
    /// The share of packets that take none of the delay and pass those before them.
    pub reorder: Share,
    /// The share of packets that are damaged.
    pub corrupt: Share,
    /// How fast packets follow each other.
    pub rate: Option<Rate>,
}

/// How many packets a disturbance has touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Packets that came to a disturbed link.
    pub packets: u64,
    /// Packets that got lost there, those that found a full queue included.
    pub lost: u64,
    /// Packets that arrived once more.
    pub duplicated: u64,
    /// Packets that passed others.
    pub reordered: u64,
    /// Packets that were damaged.
    pub corrupted: u64,
}

/// Conditions as the event loop needs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    min: u64,
    range: u64,
    spread: Spread,
    pub(crate) loss: Share,
    pub(crate) duplicate: Share,
    pub(crate) reorder: Share,
    pub(crate) corrupt: Share,
    pub(crate) rate: Option<Rate>,
}

impl From<Conditions> for Weather {
    fn from(conditions: Conditions) -> Self {
        let delay = conditions.delay;
        Self {
            min: nanos(delay.min),
            range: nanos(delay.max.saturating_sub(delay.min)),
            spread: delay.spread,
            loss: conditions.loss,
            duplicate: conditions.duplicate,
            reorder: conditions.reorder,
            corrupt: conditions.corrupt,
            rate: conditions.rate,
        }
    }
}

/// Conditions that are worse by a disturbance alone: its delay around the middle, nothing else.
impl From<Disturbance> for Weather {
    fn from(disturbance: Disturbance) -> Self {
        let min = disturbance.delay.saturating_sub(disturbance.jitter);
        let max = disturbance.delay.saturating_add(disturbance.jitter);
        Self::from(Conditions {
            delay: Delay {
                min,
                max,
                spread: disturbance.spread,
            },
            loss: disturbance.loss,
            duplicate: disturbance.duplicate,
            reorder: disturbance.reorder,
            corrupt: disturbance.corrupt,
            rate: disturbance.rate,
        })
    }
}

impl Weather {
    /// Draws how long a packet takes, in nanoseconds.
    pub(crate) fn delay(&self, random: &mut Random) -> u64 {
        let within = match self.spread {
            _ if self.range == 0 => 0,
            Spread::Uniform => random.below(self.range.saturating_add(1)),
            Spread::LongTail => {
                // Three numbers of 21 bits from one draw.
                let drawn = random.any();
                let third = |shift: u32| u128::from(drawn >> shift & 0x1f_ffff);
                let product = third(0) * third(21) * third(42);
                ((product * u128::from(self.range)) >> 63) as u64
            }
            Spread::Normal => {
                // Twelve numbers of 16 bits from three draws: their sum is near enough to a bell (Irwin and Hall).
                let sum: u64 = (0..3)
                    .map(|_| {
                        let drawn = random.any();
                        (0..4)
                            .map(|part| drawn >> (16 * part) & 0xffff)
                            .sum::<u64>()
                    })
                    .sum();
                (u128::from(sum) * u128::from(self.range) / (12 * 0xffff)) as u64
            }
        };
        self.min.saturating_add(within)
    }

    /// How long a packet takes on average, in nanoseconds.
    pub(crate) fn mean_delay(&self) -> u64 {
        let within = match self.spread {
            Spread::Uniform | Spread::Normal => self.range / 2,
            Spread::LongTail => self.range / 8,
        };
        self.min.saturating_add(within)
    }

    /// Draws how much longer a packet is held back.
    pub(crate) fn hold_back(&self, random: &mut Random) -> u64 {
        random.below(self.min.saturating_add(self.range).saturating_add(1))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(spread: Spread) -> Vec<u64> {
        let weather = Weather::from(Conditions {
            delay: Delay {
                min: Duration::from_nanos(100),
                max: Duration::from_nanos(900),
                spread,
            },
            ..Conditions::default()
        });
        let mut random = Random::new(1, 0);
        (0..10_000).map(|_| weather.delay(&mut random)).collect()
    }

    #[test]
    fn delays_stay_in_their_range() {
        for spread in [Spread::Uniform, Spread::LongTail, Spread::Normal] {
            let delays = draw(spread);
            assert!(delays.iter().all(|delay| (100..=900).contains(delay)));
            assert!(delays.iter().any(|delay| *delay > 700));
            let middle = spread == Spread::Normal;
            assert_eq!(delays.iter().any(|delay| *delay < 110), !middle);
        }
    }

    #[test]
    fn a_long_tail_has_most_at_the_short_end() {
        let mean = |delays: Vec<u64>| delays.iter().sum::<u64>() / delays.len() as u64;
        assert!((490..510).contains(&mean(draw(Spread::Uniform))));
        assert!((190..210).contains(&mean(draw(Spread::LongTail))));
        assert!((490..510).contains(&mean(draw(Spread::Normal))));
    }

    #[test]
    fn a_bell_has_two_thirds_within_a_deviation_of_the_middle() {
        // Twelve uniform draws over 800 ns: the mean's deviation is 800 / 12 = 67 ns.
        let near = draw(Spread::Normal)
            .iter()
            .filter(|delay| delay.abs_diff(500) <= 67)
            .count();
        assert!((6_600..7_050).contains(&near), "{near}");
    }

    #[test]
    fn a_fixed_delay_draws_nothing() {
        let weather = Weather::from(Conditions {
            delay: Delay::fixed(Duration::from_micros(3)),
            ..Conditions::default()
        });
        let mut random = Random::new(1, 0);
        assert_eq!(weather.delay(&mut random), 3_000);
        assert_eq!(random.any(), Random::new(1, 0).any());
    }

    #[test]
    fn is_written_in_plans_with_units() {
        let conditions: Conditions = serde_json::from_value(serde_json::json!({
            "delay": { "min": "1ms", "max": "20ms", "spread": "uniform" },
            "loss": "1%",
        }))
        .unwrap();
        assert_eq!(conditions.delay.max, Duration::from_millis(20));
        assert_eq!(conditions.loss, Share::from_percent(1));
        assert_eq!(conditions.reorder, Share::NONE);
        let error = serde_json::from_value::<Conditions>(serde_json::json!({ "lost": "1%" }))
            .unwrap_err()
            .to_string();
        assert!(error.contains("lost") && error.contains("loss"), "{error}");
    }
}
