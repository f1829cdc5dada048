//! What those outside of a cluster see of it and do to it.

use std::sync::Arc;
use std::time::Duration;

use schism_history::{Time, Value};

use super::{Cluster, Event, PATIENCE};
use crate::{
    AlarmId, AtPoint, Call, CallId, Class, ClientId, ClockFault, Conditions, CutMode, DiskFault,
    DiskHarm, Disturbance, Durability, Happening, Link, MemberChange, NodeId, NodeSet, Place,
    Region, Reply, Request, Role, Share, Simulation, Statistics, Status, Store, Touched, Traced,
    WallTime,
};

impl<S: Store> Simulation for Cluster<S> {
    fn now(&self) -> Time {
        Time::from_nanos(self.now)
    }

    fn nodes(&self) -> &[Arc<str>] {
        &self.names
    }

    fn submit(&mut self, client: ClientId, node: NodeId, request: Request) -> CallId {
        let region = self.ground.of_client(client, node);
        let id = self.calls.open(node, request.is_read(), region);
        self.statistics.calls += 1;
        let sent = self.client_clocks.stamp(self.now, client);
        let call = Call { id, client, sent };
        self.send(
            Link::new(Place::Clients, node),
            region,
            Event::Request {
                call,
                node,
                region,
                request,
            },
        );
        id
    }

    fn abandon(&mut self, call: CallId) {
        self.calls.close(call);
    }

    fn alarm(&mut self, at: Time) -> AlarmId {
        self.alarms += 1;
        AlarmId(self.queue.push(at.as_nanos().max(self.now), Event::Alarm))
    }

    fn cancel(&mut self, alarm: AlarmId) -> bool {
        let cancelled = self.queue.cancel(alarm.0).is_some();
        self.alarms -= usize::from(cancelled);
        cancelled
    }

    fn next(&mut self) -> Option<Happening> {
        let patience = self.now.saturating_add(PATIENCE);
        loop {
            if self.alarms == 0
                && (self.calls.is_empty() || self.queue.next_at().is_none_or(|at| at > patience))
            {
                return None;
            }
            let (at, key, event) = self.queue.pop()?;
            self.now = at;
            self.current = key.number();
            self.statistics.events += 1;
            if matches!(event, Event::Alarm) {
                self.alarms -= 1;
                return Some(Happening::Alarm { id: AlarmId(key) });
            }
            if let Some(happening) = self.handle(event) {
                return Some(happening);
            }
        }
    }

    fn cut(&mut self, id: u32, links: &[Link], mode: CutMode) {
        self.trace_fault(None, || format!("cut: {}", listed(links)));
        self.network.cut(id, links, mode);
    }

    fn join(&mut self, id: u32) -> bool {
        self.trace_fault(None, || "cut healed".to_owned());
        self.network.join(id)
    }

    fn shape(&mut self, id: u32, links: &[Link], conditions: Conditions) {
        self.network.shape(id, links, conditions);
    }

    fn unshape(&mut self, id: u32) -> bool {
        self.network.unshape(id)
    }

    fn disturb(&mut self, id: u32, links: &[Link], disturbance: Disturbance) {
        self.trace_fault(None, || format!("disturbed: {}", listed(links)));
        self.network.disturb(id, links, disturbance);
    }

    fn calm(&mut self, id: u32) -> Option<Touched> {
        self.trace_fault(None, || "disturbance healed".to_owned());
        self.network.calm(id)
    }

    fn disturbances_on(&self, link: Link) -> usize {
        self.network.disturbances_on(link)
    }

    fn mean_delay(&self, link: Link) -> Duration {
        Duration::from_nanos(self.network.mean_delay(link))
    }

    fn region(&self, node: NodeId) -> Region {
        self.ground.of_node(node)
    }

    fn links(&self) -> Vec<Link> {
        let places: Vec<Place> = (0..self.nodes.len())
            .map(|index| Place::Node(NodeId::new(index)))
            .chain([Place::Clients])
            .collect();
        places
            .iter()
            .flat_map(|from| places.iter().map(|to| Link::new(*from, *to)))
            .filter(|link| link.from != link.to)
            .collect()
    }

    fn dropped(&self, link: Link) -> u64 {
        self.network.dropped(link)
    }

    fn probe(&self, link: Link) -> bool {
        self.network.is_open(link)
    }

    fn crash(&mut self, id: NodeId) -> bool {
        let store = S::new(&self.options);
        let node = &mut self.nodes[id.index()];
        if node.status == Status::Down {
            return false;
        }
        node.status = Status::Down;
        node.store = store;
        node.inbox.clear();
        node.held = None;
        node.syncs.clear();
        node.stalled_syncs = 0;
        if S::DURABILITY == Durability::OnSync {
            node.disk.take_all_back();
        }
        self.trace_fault(Some(id), || "dead".to_owned());
        for call in self.calls.open_at(id) {
            let read = self.calls.get(call).is_some_and(|waiting| waiting.read);
            let reply = if read {
                // A read changes nothing, whether it was carried out or not.
                Reply::refused(Class::ConnectionReset, "")
            } else {
                Reply::unknown(Class::ConnectionReset, "")
            };
            self.answer(id, call, reply);
        }
        true
    }

    fn start(&mut self, id: NodeId) -> bool {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        if node.status != Status::Down {
            return false;
        }
        node.status = Status::Running;
        node.incarnation += 1;
        node.started = node.clock.running(now);
        self.trace_fault(Some(id), || "started".to_owned());
        self.begin(id);
        true
    }

    fn pause(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        let running = node.status == Status::Running;
        if running {
            node.status = Status::Paused;
            self.trace_fault(Some(id), || "paused".to_owned());
        }
        running
    }

    fn resume(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        if node.status != Status::Paused {
            return false;
        }
        node.status = Status::Running;
        self.trace_fault(Some(id), || "goes on".to_owned());
        self.release(id);
        self.go_on(id);
        true
    }

    fn status(&self, node: NodeId) -> Status {
        self.nodes[node.index()].status
    }

    fn set_clock(&mut self, node: NodeId, offset_ns: i64, drift_ppm: i32) {
        let now = self.now;
        self.nodes[node.index()]
            .clock
            .set(now, offset_ns, drift_ppm);
    }

    fn reset_clock(&mut self, node: NodeId) {
        let (offset, drift) = self.nodes[node.index()].first_clock;
        self.set_clock(node, offset, drift);
    }

    fn disturb_clock(&mut self, id: u32, node: NodeId, fault: ClockFault) {
        self.trace_fault(Some(node), || format!("clock: {fault:?}"));
        self.nodes[node.index()].clock.disturb(self.now, id, fault);
    }

    fn calm_clock(&mut self, id: u32, node: NodeId) -> bool {
        self.trace_fault(Some(node), || "clock healed".to_owned());
        self.nodes[node.index()].clock.calm(self.now, id)
    }

    fn disturb_client_clocks(&mut self, id: u32, share: Share, fault: ClockFault) {
        self.client_clocks.disturb(self.now, id, share, fault);
    }

    fn calm_client_clocks(&mut self, id: u32) -> Option<u64> {
        self.client_clocks.calm(self.now, id)
    }

    fn client_clock(&self, client: ClientId) -> WallTime {
        self.client_clocks.shows(self.now, client)
    }

    fn harm_disk(&mut self, id: u32, node: NodeId, fault: DiskFault) {
        self.trace_fault(Some(node), || format!("disk: {fault:?}"));
        self.harm(id, node, fault);
    }

    fn mend_disk(&mut self, id: u32, node: NodeId) -> Option<DiskHarm> {
        self.trace_fault(Some(node), || "disk healed".to_owned());
        self.mend(id, node)
    }

    fn snapshot(&mut self, id: u32, node: NodeId) -> usize {
        let node = &mut self.nodes[node.index()];
        node.snapshots.insert(id, node.disk.snapshot());
        node.disk.len()
    }

    fn restore(&mut self, id: u32, node: NodeId) -> Option<usize> {
        self.trace_fault(Some(node), || "disk set back".to_owned());
        let node = &mut self.nodes[node.index()];
        if node.status != Status::Down {
            return None;
        }
        Some(node.disk.restore(node.snapshots.remove(&id)?))
    }

    fn wipe(&mut self, node: NodeId) -> Option<usize> {
        self.trace_fault(Some(node), || "disk wiped".to_owned());
        let node = &mut self.nodes[node.index()];
        if node.status != Status::Down {
            return None;
        }
        let forgotten = node.disk.len();
        node.disk.wipe();
        Some(forgotten)
    }

    fn points(&self) -> Vec<&'static str> {
        let mut points = vec![crate::REPLY, crate::SEND];
        points.extend(S::POINTS);
        points
    }

    fn arm(&mut self, id: u32, node: NodeId, point: &str, action: AtPoint) {
        self.arm_point(id, node, point, action);
    }

    fn disarm(&mut self, id: u32, node: NodeId) -> Option<u64> {
        let node = &mut self.nodes[node.index()];
        let hits = node.points.disarm(id);
        node.look_again();
        hits
    }

    fn has_membership(&self) -> bool {
        S::MEMBERSHIP
    }

    fn change_members(&mut self, at: NodeId, change: MemberChange) -> bool {
        let running = S::MEMBERSHIP && self.status(at) == Status::Running && !self.stands_still(at);
        if running {
            self.trace_fault(Some(at), || format!("asked: {change:?}"));
            self.run(at, None, |store, context| {
                store.change_members(context, change);
            });
        }
        running
    }

    fn members(&self) -> Vec<(NodeId, NodeSet)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.status == Status::Running)
            .filter_map(|(index, node)| {
                let id = NodeId::new(index);
                Some((id, node.store.members(id, &node.disk)?))
            })
            .collect()
    }

    fn set_tracing(&mut self, on: bool) {
        self.tracer = on.then(|| self.tracer.take().unwrap_or_default());
    }

    fn take_trace(&mut self) -> Vec<Traced> {
        self.tracer
            .as_mut()
            .map(|tracer| tracer.take())
            .unwrap_or_default()
    }

    fn clock(&self, node: NodeId) -> WallTime {
        self.nodes[node.index()].clock.wall(self.now)
    }

    fn true_clock(&self) -> WallTime {
        WallTime::perfect(self.now)
    }

    fn roles(&self) -> Vec<(NodeId, Role)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.status == Status::Running)
            .filter_map(|(index, node)| {
                let id = NodeId::new(index);
                Some((id, node.store.role(id, &node.disk)?))
            })
            .collect()
    }

    fn contents(&self, node: NodeId) -> Option<Vec<(Value, Value)>> {
        let node = &self.nodes[node.index()];
        (node.status != Status::Down).then(|| {
            let mut contents = node.store.contents(&node.disk);
            contents.sort();
            contents
        })
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

fn listed(links: &[Link]) -> String {
    let links: Vec<String> = links.iter().map(ToString::to_string).collect();
    links.join(", ")
}
