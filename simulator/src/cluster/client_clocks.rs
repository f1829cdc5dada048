//! The clients' own clocks.

use super::CLIENTS;
use crate::clock::Clock;
use crate::{ClientId, ClockFault, Clocks, Random, Share, WallTime};

/// The clocks of all clients. Each client's is made from its number when it is looked at, so that they take no memory.
pub(super) struct ClientClocks {
    config: Clocks,
    seed: u64,
    is_right: bool,
    faults: Vec<Laid>,
}

struct Laid {
    id: u32,
    share: Share,
    fault: ClockFault,
    since: u64,
    /// How many requests were sent under it.
    stamped: u64,
}

impl ClientClocks {
    pub(super) fn new(config: Clocks, seed: u64) -> Self {
        Self {
            config,
            seed,
            is_right: config.offset.is_zero() && config.drift_ppm == 0,
            faults: Vec::new(),
        }
    }

    /// What a client's clock shows.
    pub(super) fn shows(&self, now: u64, client: ClientId) -> WallTime {
        if self.is_right && self.faults.is_empty() {
            return WallTime::perfect(now);
        }
        let mut random = Random::new(self.seed, CLIENTS + u64::from(client.0));
        let (offset, drift) = self.config.draw(&mut random);
        let mut clock = Clock::new(offset, drift);
        for laid in &self.faults {
            if laid.strikes(self.seed, client) {
                clock.disturb(laid.since, laid.id, laid.fault);
            }
        }
        clock.wall(now)
    }

    /// What the clock of a client shows that sends a request.
    pub(super) fn stamp(&mut self, now: u64, client: ClientId) -> WallTime {
        let seed = self.seed;
        for laid in &mut self.faults {
            laid.stamped += u64::from(laid.strikes(seed, client));
        }
        self.shows(now, client)
    }

    pub(super) fn disturb(&mut self, now: u64, id: u32, share: Share, fault: ClockFault) {
        self.calm(now, id);
        self.faults.push(Laid {
            id,
            share,
            fault,
            since: now,
            stamped: 0,
        });
    }

    /// Ends a fault; how many requests were sent under it.
    pub(super) fn calm(&mut self, _now: u64, id: u32) -> Option<u64> {
        let place = self.faults.iter().position(|laid| laid.id == id)?;
        Some(self.faults.remove(place).stamped)
    }
}

impl Laid {
    fn strikes(&self, seed: u64, client: ClientId) -> bool {
        let stream = CLIENTS + (u64::from(self.id) + 1) * (1 << 42) + u64::from(client.0);
        Random::new(seed, stream).chance(self.share)
    }
}
