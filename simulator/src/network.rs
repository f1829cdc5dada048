//! Links between places: cuts, conditions, disturbances, and the order of packets.

use std::collections::BTreeMap;

use crate::conditions::{Disturbance, Touched, Weather};
use crate::regions::{Ground, Region};
use crate::{Conditions, Link, Place, Random, Rate};

/// The longest time that a packet waits for its turn on a link with a rate.
const LONGEST_QUEUE: u64 = 1_000_000_000;

/// What happens to a packet on a cut link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CutMode {
    /// It vanishes: the sender waits.
    #[default]
    Drop,
    /// The sender is told.
    Reject,
}

/// What becomes of a packet where it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Passes,
    Dropped,
    Rejected,
}

/// What becomes of a packet that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It arrives then, if nothing stops it there.
    Arrives { at: u64, damaged: bool },
    /// It got lost.
    Lost,
}

struct State {
    weather: Weather,
    /// The numbers of the disturbances that lie on it, in the order they were laid on.
    disturbances: Vec<u32>,
    /// The lowest rate of all that lies on it.
    rate: Option<Rate>,
    /// When the latest packet has left it, with a rate.
    free: u64,
    /// How many cuts of each kind lie on it.
    drop_cuts: u32,
    reject_cuts: u32,
    /// How many packets were stopped by cuts.
    dropped: u64,
    /// When the latest packet arrives that is not held back.
    last: u64,
}

struct Cut {
    links: Vec<Link>,
    mode: CutMode,
}

struct Shape {
    id: u32,
    links: Vec<Link>,
    weather: Weather,
}

struct Laid {
    links: Vec<Link>,
    weather: Weather,
    touched: Touched,
}

/// All links of a cluster.
pub(crate) struct Network {
    nodes: usize,
    /// How many regions clients are in; at least one.
    regions: usize,
    /// From place times to place; the clients' places, one for each region, come after the nodes.
    states: Vec<State>,
    ground: Ground,
    cuts: BTreeMap<u32, Cut>,
    /// In the order they were laid on.
    shapes: Vec<Shape>,
    disturbances: BTreeMap<u32, Laid>,
    random: Random,
}

impl Network {
    pub(crate) fn new(nodes: usize, ground: Ground, random: Random) -> Self {
        let regions = ground.regions().max(1);
        let places = nodes + regions;
        let mut states = Vec::with_capacity(places * places);
        for from in 0..places {
            for to in 0..places {
                let weather = ground.between(from, to);
                states.push(State {
                    weather,
                    disturbances: Vec::new(),
                    rate: weather.rate,
                    free: 0,
                    drop_cuts: 0,
                    reject_cuts: 0,
                    dropped: 0,
                    last: 0,
                });
            }
        }
        Self {
            nodes,
            regions,
            states,
            ground,
            cuts: BTreeMap::new(),
            shapes: Vec::new(),
            disturbances: BTreeMap::new(),
            random,
        }
    }

    /// What becomes of a packet that is sent now. A node's packets to itself arrive at once. `size` is asked for only
    /// where a rate is at work.
    pub(crate) fn depart(
        &mut self,
        now: u64,
        link: Link,
        region: Region,
        size: impl FnOnce() -> u64,
    ) -> Departure {
        if link.from == link.to {
            return Departure::Arrives {
                at: now,
                damaged: false,
            };
        }
        let index = self.index(link, region);
        let between_nodes = between_nodes(link);
        let state = &mut self.states[index];
        let random = &mut self.random;
        if random.chance(state.weather.loss) {
            return Departure::Lost;
        }
        let mut damaged = random.chance(state.weather.corrupt);
        let mut passes = false;
        let mut delay = state.weather.delay(random);
        for id in &state.disturbances {
            let Laid {
                weather, touched, ..
            } = self
                .disturbances
                .get_mut(id)
                .expect("what lies on a link is in the list");
            touched.packets += 1;
            if random.chance(weather.loss) {
                touched.lost += 1;
                return Departure::Lost;
            }
            if random.chance(weather.corrupt) {
                touched.corrupted += 1;
                damaged = true;
            }
            if between_nodes && random.chance(weather.reorder) {
                touched.reordered += 1;
                passes = true;
            } else {
                delay = delay.saturating_add(weather.delay(random));
            }
        }
        let mut sent = now;
        if let Some(rate) = state.rate {
            let begin = now.max(state.free);
            if begin - now > LONGEST_QUEUE {
                for id in &state.disturbances {
                    if let Some(laid) = self.disturbances.get_mut(id) {
                        laid.touched.lost += 1;
                    }
                }
                return Departure::Lost;
            }
            sent = begin.saturating_add(rate.time_of(size()));
            state.free = sent;
        }
        let mut at = sent.saturating_add(delay);
        if between_nodes {
            if random.chance(state.weather.reorder) {
                at = at.saturating_add(state.weather.hold_back(random));
            } else if !passes {
                at = at.max(state.last);
                state.last = at;
            }
        }
        Departure::Arrives { at, damaged }
    }

    /// What becomes of a packet that arrives now. Cuts act where packets arrive, as a firewall on the receiver's input
    /// does: what was on its way when the cut began is stopped too.
    pub(crate) fn arrive(&mut self, link: Link, region: Region) -> Arrival {
        if link.from == link.to {
            return Arrival::Passes;
        }
        let index = self.index(link, region);
        let state = &mut self.states[index];
        if state.drop_cuts > 0 {
            state.dropped += 1;
            Arrival::Dropped
        } else if state.reject_cuts > 0 {
            state.dropped += 1;
            Arrival::Rejected
        } else {
            Arrival::Passes
        }
    }

    /// When a packet that has just arrived arrives once more; mostly never.
    pub(crate) fn repeat(&mut self, now: u64, link: Link) -> Option<u64> {
        if !between_nodes(link) {
            return None;
        }
        let index = self.index(link, Region::default());
        let state = &self.states[index];
        let weather = state.weather;
        let mut twice = self.random.chance(weather.duplicate);
        for id in &state.disturbances {
            let laid = self
                .disturbances
                .get_mut(id)
                .expect("what lies on a link is in the list");
            if self.random.chance(laid.weather.duplicate) {
                laid.touched.duplicated += 1;
                twice = true;
            }
        }
        twice.then(|| now.saturating_add(weather.delay(&mut self.random)))
    }

    /// Cuts links until [`Network::join`] is called with the same id. A cut with that id that is there already is
    /// undone first.
    pub(crate) fn cut(&mut self, id: u32, links: &[Link], mode: CutMode) {
        self.join(id);
        for link in links {
            self.cuts_on(*link, mode, |cuts| *cuts += 1);
        }
        let links = links.to_vec();
        self.cuts.insert(id, Cut { links, mode });
    }

    /// Undoes a cut; whether there was one.
    pub(crate) fn join(&mut self, id: u32) -> bool {
        let Some(cut) = self.cuts.remove(&id) else {
            return false;
        };
        for link in cut.links {
            self.cuts_on(link, cut.mode, |cuts| *cuts -= 1);
        }
        true
    }

    /// Lays other conditions on links until [`Network::unshape`] is called with the same id. The latest of several
    /// wins.
    pub(crate) fn shape(&mut self, id: u32, links: &[Link], conditions: Conditions) {
        self.unshape(id);
        self.shapes.push(Shape {
            id,
            links: links.to_vec(),
            weather: conditions.into(),
        });
        self.refresh(links);
    }

    /// Takes conditions away again; whether there were any.
    pub(crate) fn unshape(&mut self, id: u32) -> bool {
        let Some(position) = self.shapes.iter().position(|shape| shape.id == id) else {
            return false;
        };
        let shape = self.shapes.remove(position);
        self.refresh(&shape.links);
        true
    }

    /// Makes links worse until [`Network::calm`] is called with the same id, on top of all that lies there.
    pub(crate) fn disturb(&mut self, id: u32, links: &[Link], disturbance: Disturbance) {
        self.calm(id);
        self.disturbances.insert(
            id,
            Laid {
                links: links.to_vec(),
                weather: disturbance.into(),
                touched: Touched::default(),
            },
        );
        self.refresh(links);
    }

    /// Takes a disturbance away; what it did, if there was one.
    pub(crate) fn calm(&mut self, id: u32) -> Option<Touched> {
        let laid = self.disturbances.remove(&id)?;
        self.refresh(&laid.links);
        Some(laid.touched)
    }

    /// How many packets cuts have stopped on a link since the beginning.
    pub(crate) fn dropped(&self, link: Link) -> u64 {
        self.indices(link)
            .map(|index| self.states[index].dropped)
            .sum()
    }

    /// Whether cuts let a packet pass now.
    pub(crate) fn is_open(&self, link: Link) -> bool {
        self.indices(link).all(|index| {
            let state = &self.states[index];
            state.drop_cuts == 0 && state.reject_cuts == 0
        })
    }

    /// How many disturbances lie on a link.
    pub(crate) fn disturbances_on(&self, link: Link) -> usize {
        let on = |index: usize| self.states[index].disturbances.len();
        self.indices(link).map(on).max().unwrap_or(0)
    }

    /// How long a packet takes on average on its way, in nanoseconds, without waiting for its turn.
    pub(crate) fn mean_delay(&self, link: Link) -> u64 {
        let mean = |index: usize| {
            let state = &self.states[index];
            let added = |id: &u32| self.disturbances[id].weather.mean_delay();
            let added: u64 = state.disturbances.iter().map(added).sum();
            state.weather.mean_delay().saturating_add(added)
        };
        self.indices(link).map(mean).max().unwrap_or(0)
    }

    fn refresh(&mut self, links: &[Link]) {
        for link in links {
            let shaped = self
                .shapes
                .iter()
                .rev()
                .find(|shape| shape.links.contains(link))
                .map(|shape| shape.weather);
            let laid: Vec<u32> = self
                .disturbances
                .iter()
                .filter(|(_, laid)| laid.links.contains(link))
                .map(|(id, _)| *id)
                .collect();
            let rates = laid.iter().map(|id| self.disturbances[id].weather.rate);
            let lowest = rates.flatten().min();
            let places = self.nodes + self.regions;
            for index in self.indices(*link) {
                let weather =
                    shaped.unwrap_or_else(|| self.ground.between(index / places, index % places));
                let state = &mut self.states[index];
                state.weather = weather;
                state.rate = [weather.rate, lowest].into_iter().flatten().min();
                state.disturbances.clone_from(&laid);
            }
        }
    }

    fn cuts_on(&mut self, link: Link, mode: CutMode, change: impl Fn(&mut u32)) {
        for index in self.indices(link) {
            let state = &mut self.states[index];
            match mode {
                CutMode::Drop => change(&mut state.drop_cuts),
                CutMode::Reject => change(&mut state.reject_cuts),
            }
        }
    }

    /// The state of a link, for the clients of this region.
    fn index(&self, link: Link, region: Region) -> usize {
        let place = |place| match place {
            Place::Node(node) => {
                assert!(node.index() < self.nodes, "the cluster has no node {node}");
                node.index()
            }
            Place::Clients => self.nodes + region.index(),
        };
        place(link.from) * (self.nodes + self.regions) + place(link.to)
    }

    /// The states of a link: one for each region when clients are at one of its ends.
    fn indices(&self, link: Link) -> impl Iterator<Item = usize> + use<> {
        let regions = if between_nodes(link) { 1 } else { self.regions };
        let first = self.index(link, Region::default());
        let stride = match link.from {
            Place::Clients => self.nodes + self.regions,
            Place::Node(_) => 1,
        };
        (0..regions).map(move |region| first + region * stride)
    }
}

fn between_nodes(link: Link) -> bool {
    matches!((link.from, link.to), (Place::Node(_), Place::Node(_)))
}
