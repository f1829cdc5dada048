//! Links that are made worse.

use schism_history::Value;
use schism_nemeses::{Distribution, Fault, Impairment, Link, Report};
use schism_simulator::{Disturbance, Rate, Share, Simulation, Spread};

use super::{SimulatedInjector, report};

/// What a fault asks for, in the words of the simulator.
fn disturbance(impairment: Impairment) -> Disturbance {
    let share = |share: schism_nemeses::Share| Share::from_ppm(share.ppm());
    Disturbance {
        delay: impairment.delay,
        jitter: impairment.jitter,
        spread: match impairment.distribution {
            Distribution::Uniform => Spread::Uniform,
            Distribution::Normal => Spread::Normal,
            Distribution::Pareto => Spread::LongTail,
        },
        loss: share(impairment.loss),
        duplicate: share(impairment.duplicate),
        reorder: share(impairment.reorder),
        corrupt: share(impairment.corrupt),
        rate: impairment
            .rate
            .and_then(|rate| Rate::from_bits(rate.bits())),
    }
}

impl SimulatedInjector {
    /// Installed when each link has one disturbance more than before.
    pub(super) fn impair(&self, fault: &Fault, links: &[Link], impairment: Impairment) -> Report {
        let links = self.links(links);
        self.world.with(|simulation| {
            let disturbances = |simulation: &dyn Simulation| -> usize {
                let on = |link| simulation.disturbances_on(link);
                links.iter().copied().map(on).sum()
            };
            let slowest = |simulation: &dyn Simulation| {
                let delay = |link| simulation.mean_delay(link);
                let slowest = links.iter().copied().map(delay).max();
                Value::from(slowest.unwrap_or_default().as_micros() as u64)
            };
            let (before, delay_before) = (disturbances(simulation), slowest(simulation));
            simulation.disturb(fault.id, &links, disturbance(impairment));
            let (during, delay_during) = (disturbances(simulation), slowest(simulation));
            let evidence = [
                ("links", Value::from(links.len() as u64)),
                ("mean_delay_before_us", delay_before),
                ("mean_delay_during_us", delay_during),
            ];
            let hit = !links.is_empty() && during == before + links.len();
            report(hit, evidence)
        })
    }

    pub(super) fn calm_links(&self, fault: &Fault, links: &[Link]) -> Report {
        let links = self.links(links);
        self.world.with(|simulation| {
            let Some(touched) = simulation.calm(fault.id) else {
                return report(false, []);
            };
            let delay = |link| simulation.mean_delay(link).as_micros() as u64;
            let slowest = links.iter().copied().map(delay).max().unwrap_or(0);
            let evidence = [
                ("packets", Value::from(touched.packets)),
                ("lost", Value::from(touched.lost)),
                ("duplicated", Value::from(touched.duplicated)),
                ("reordered", Value::from(touched.reordered)),
                ("corrupted", Value::from(touched.corrupted)),
                ("mean_delay_after_us", Value::from(slowest)),
            ];
            report(true, evidence)
        })
    }
}
