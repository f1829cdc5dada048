//! What hunts exercised: which faults struck whom, and how much clients got done around them.

use std::collections::BTreeMap;

use schism_history::{FaultOutcome, History, Outcome, Time};

/// Kinds of faults and targets that are told apart, at most.
const CELLS_MOST: usize = 1_000;

/// What was done around the faults of one kind on one kind of target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// How often the fault took effect.
    pub strikes: u64,
    /// Operations that succeeded and were open at some time while it was being injected.
    pub striking: u64,
    /// Operations that succeeded and ran wholly while it was there.
    pub open: u64,
    /// Operations that succeeded and were open at some time while it was being healed.
    pub healing: u64,
}

/// Cells by fault (`partition`) and role (`leader`): whom the plan asked it to strike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(String, String), Cell>);

impl Coverage {
    /// Of one history. O(operations × faults).
    pub fn of(history: &History) -> Self {
        let mut coverage = Self::default();
        for fault in history.faults() {
            let Some(injected) = fault.injected else {
                continue;
            };
            if fault.outcome != FaultOutcome::Installed {
                continue;
            }
            let healing = fault.healing.unwrap_or(Time::NEVER);
            let healed = fault.healed.unwrap_or(Time::NEVER);
            let cell = coverage.cell(&fault.name, &role(&fault.label));
            cell.strikes += 1;
            for operation in history.operations() {
                if operation.outcome != Outcome::Ok {
                    continue;
                }
                let (from, to) = (operation.invoked, operation.end());
                let overlaps = |begin, end| from <= end && to >= begin;
                cell.striking += u64::from(overlaps(fault.injecting, injected));
                cell.open += u64::from(from > injected && to < healing);
                cell.healing += u64::from(healing != Time::NEVER && overlaps(healing, healed));
            }
        }
        coverage
    }

    /// Adds what another history covers.
    pub fn add(&mut self, other: &Self) {
        for ((fault, role), more) in &other.0 {
            let cell = self.cell(fault, role);
            cell.strikes += more.strikes;
            cell.striking += more.striking;
            cell.open += more.open;
            cell.healing += more.healing;
        }
    }

    /// The cells, by fault and role.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &str, &Cell)> {
        self.0
            .iter()
            .map(|((fault, role), cell)| (fault.as_str(), role.as_str(), cell))
    }

    fn cell(&mut self, fault: &str, role: &str) -> &mut Cell {
        let mut place = (fault.to_owned(), role.to_owned());
        if self.0.len() >= CELLS_MOST && !self.0.contains_key(&place) {
            "others".clone_into(&mut place.1);
        }
        self.0.entry(place).or_default()
    }
}

/// Whom a fault's label says it strikes: what stands before the nodes.
fn role(label: &str) -> String {
    let role = label.split_once(':').map_or(label, |(role, _)| role);
    role.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::{Event, F, Header, Kind, Process, Value};

    #[test]
    fn operations_count_where_they_meet_a_fault() {
        let nemesis = |millis, f, outcome: &str| {
            let value = Value::map([
                ("fault", Value::from(1)),
                ("name", "kill".into()),
                ("label", "leader: n2".into()),
                ("outcome", outcome.into()),
            ]);
            Event::new(Time::from_millis(millis), Process::NEMESIS, Kind::Info, f).value(value)
        };
        let client = |millis, process, kind| {
            Event::new(
                Time::from_millis(millis),
                Process::client(process),
                kind,
                F::Read,
            )
        };
        let events = |outcome: &'static str| {
            [
                client(5, 0, Kind::Invoke),
                nemesis(10, F::Inject, "indeterminate"),
                client(15, 0, Kind::Ok),
                nemesis(20, F::Inject, outcome),
                client(25, 0, Kind::Invoke),
                client(28, 0, Kind::Ok),
                client(29, 0, Kind::Invoke),
                nemesis(30, F::Heal, outcome),
                client(35, 0, Kind::Ok),
                nemesis(40, F::Heal, outcome),
                client(45, 0, Kind::Invoke),
                client(50, 0, Kind::Ok),
            ]
        };
        let of = |outcome| {
            let history = History::from_events(Header::default(), events(outcome)).unwrap();
            Coverage::of(&history)
        };
        let mut coverage = of("installed");
        let cell = Cell {
            strikes: 1,
            striking: 1,
            open: 1,
            healing: 1,
        };
        assert_eq!(
            coverage.cells().collect::<Vec<_>>(),
            [("kill", "leader", &cell)]
        );
        coverage.add(&of("installed"));
        assert_eq!(coverage.cells().next().unwrap().2.strikes, 2);
        assert_eq!(of("skipped"), Coverage::default());
    }
}
