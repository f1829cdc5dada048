//! Links between places: cuts, conditions, and the order of packets.

use std::collections::BTreeMap;

use crate::conditions::{Conditions, Weather};
use crate::{Link, Place, Random};

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

struct State {
    weather: Weather,
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

/// All links of a cluster.
pub(crate) struct Network {
    nodes: usize,
    /// From place times to place; the clients' place comes after the nodes.
    states: Vec<State>,
    ground: Weather,
    cuts: BTreeMap<u32, Cut>,
    /// In the order they were laid on.
    shapes: Vec<Shape>,
    random: Random,
}

impl Network {
    pub(crate) fn new(nodes: usize, conditions: Conditions, random: Random) -> Self {
        let ground = Weather::from(conditions);
        let places = nodes + 1;
        Self {
            nodes,
            states: (0..places * places)
                .map(|_| State {
                    weather: ground,
                    drop_cuts: 0,
                    reject_cuts: 0,
                    dropped: 0,
                    last: 0,
                })
                .collect(),
            ground,
            cuts: BTreeMap::new(),
            shapes: Vec::new(),
            random,
        }
    }

    /// When a packet sent now arrives; `None` when it gets lost. A node's packets to itself arrive at once.
    pub(crate) fn depart(&mut self, now: u64, link: Link) -> Option<u64> {
        if link.from == link.to {
            return Some(now);
        }
        let index = self.index(link);
        let state = &mut self.states[index];
        if self.random.chance(state.weather.loss) {
            return None;
        }
        let mut at = now.saturating_add(state.weather.delay(&mut self.random));
        if between_nodes(link) {
            if self.random.chance(state.weather.reorder) {
                at = at.saturating_add(state.weather.hold_back(&mut self.random));
            } else {
                at = at.max(state.last);
                state.last = at;
            }
        }
        Some(at)
    }

    /// What becomes of a packet that arrives now. Cuts act where packets arrive, as a firewall on the receiver's input
    /// does: what was on its way when the cut began is stopped too.
    pub(crate) fn arrive(&mut self, link: Link) -> Arrival {
        if link.from == link.to {
            return Arrival::Passes;
        }
        let index = self.index(link);
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
        let index = self.index(link);
        let weather = self.states[index].weather;
        self.random
            .chance(weather.duplicate)
            .then(|| now.saturating_add(weather.delay(&mut self.random)))
    }

    /// Cuts links until [`Network::join`] is called with the same id. A cut with that id that is there already is
    /// undone first.
    pub(crate) fn cut(&mut self, id: u32, links: &[Link], mode: CutMode) {
        self.join(id);
        for link in links {
            *self.cuts_on(*link, mode) += 1;
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
            *self.cuts_on(link, cut.mode) -= 1;
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

    /// How many packets cuts have stopped on a link since the beginning.
    pub(crate) fn dropped(&self, link: Link) -> u64 {
        self.states[self.index(link)].dropped
    }

    /// Whether cuts let a packet pass now.
    pub(crate) fn is_open(&self, link: Link) -> bool {
        let state = &self.states[self.index(link)];
        state.drop_cuts == 0 && state.reject_cuts == 0
    }

    fn refresh(&mut self, links: &[Link]) {
        for link in links {
            let index = self.index(*link);
            self.states[index].weather = self
                .shapes
                .iter()
                .rev()
                .find(|shape| shape.links.contains(link))
                .map_or(self.ground, |shape| shape.weather);
        }
    }

    fn cuts_on(&mut self, link: Link, mode: CutMode) -> &mut u32 {
        let index = self.index(link);
        let state = &mut self.states[index];
        match mode {
            CutMode::Drop => &mut state.drop_cuts,
            CutMode::Reject => &mut state.reject_cuts,
        }
    }

    fn index(&self, link: Link) -> usize {
        let place = |place| match place {
            Place::Node(node) => {
                assert!(node.index() < self.nodes, "the cluster has no node {node}");
                node.index()
            }
            Place::Clients => self.nodes,
        };
        place(link.from) * (self.nodes + 1) + place(link.to)
    }
}

fn between_nodes(link: Link) -> bool {
    matches!((link.from, link.to), (Place::Node(_), Place::Node(_)))
}
