//! Crash, start, pause and resume.

use std::time::Duration;

use schism_history::{Time, Value};
use schism_simulator::{
    Call, Cluster, Config, Context, CutMode, Disk, Link, NodeId, Reply, Request, Role, Simulation,
    Status, Store,
};

use crate::clients::{alone, pass, read, reply_within, value_at, write};

const N1: NodeId = NodeId::new(0);
const N2: NodeId = NodeId::new(1);
const LONG: Duration = Duration::from_secs(1);

/// Counts what has happened to it: a read gives `[writes on disk, writes in memory, ticks, starts]`. It ticks once a
/// second, and tells the next node of each write.
struct Counter {
    memory: i64,
    ticks: i64,
    told: i64,
}

impl Store for Counter {
    type Message = ();
    type Header = i64;
    type Record = ();
    type Options = ();

    fn new((): &()) -> Self {
        Self {
            memory: 0,
            ticks: 0,
            told: 0,
        }
    }

    fn started(&mut self, context: &mut Context<'_, Self>) {
        context.set_timer(LONG, 0);
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if request.is_read() {
            let counts = [
                context.disk.header,
                self.memory,
                self.ticks,
                context.incarnation() as i64,
            ];
            return context.reply(call, Reply::Value(Value::list(counts)));
        }
        context.disk.header += 1;
        self.memory += 1;
        let next = NodeId::new((context.me().index() + 1) % context.cluster_size());
        context.send(next, ());
        context.reply(call, Reply::Done);
    }

    fn message(&mut self, _: &mut Context<'_, Self>, _: NodeId, (): ()) {
        self.told += 1;
    }

    fn timer(&mut self, context: &mut Context<'_, Self>, _: u64) {
        self.ticks += 1;
        context.set_timer(LONG, 0);
    }

    fn contents(&self, _: &Disk<i64, ()>) -> Vec<(Value, Value)> {
        vec![(Value::Nil, Value::from(self.told))]
    }
}

fn counter(nodes: u16) -> Cluster<Counter> {
    let mut config = Config::new("counter");
    config.nodes = nodes;
    Cluster::new(&config, (), 1).unwrap()
}

fn counts(cluster: &mut Cluster<Counter>) -> Reply {
    value_at(cluster, N1)
}

fn list(counts: [i64; 4]) -> Reply {
    Reply::Value(Value::list(counts))
}

#[test]
fn a_crash_loses_what_is_in_memory_and_keeps_the_disk() {
    let mut cluster = counter(1);
    for _ in 0..3 {
        write(&mut cluster, N1, 1);
        reply_within(&mut cluster, LONG).unwrap();
    }
    assert_eq!(counts(&mut cluster), list([3, 3, 0, 1]));
    assert_eq!(cluster.status(N1), Status::Running);
    assert!(cluster.crash(N1));
    assert!(!cluster.crash(N1));
    assert_eq!(cluster.status(N1), Status::Down);
    assert_eq!(cluster.contents(N1), None);
    assert!(
        !cluster.pause(N1) && !cluster.resume(N1),
        "there is nothing to pause"
    );
    assert!(cluster.start(N1));
    assert!(!cluster.start(N1));
    assert_eq!(counts(&mut cluster), list([3, 0, 0, 2]));
}

#[test]
fn timers_of_a_crashed_node_are_gone() {
    let mut cluster = counter(1);
    pass(&mut cluster, Duration::from_millis(900));
    cluster.crash(N1);
    cluster.start(N1);
    // The old timer would run out in the next 100 ms, the new one in a second.
    pass(&mut cluster, Duration::from_millis(500));
    assert_eq!(counts(&mut cluster), list([0, 0, 0, 2]));
    pass(&mut cluster, Duration::from_secs(2));
    assert_eq!(counts(&mut cluster), list([0, 0, 2, 2]));
}

#[test]
fn a_paused_node_does_nothing_and_then_all_at_once() {
    let mut cluster = counter(1);
    write(&mut cluster, N1, 1);
    assert!(cluster.pause(N1));
    assert!(!cluster.pause(N1) && !cluster.start(N1));
    assert_eq!(cluster.status(N1), Status::Paused);
    assert_eq!(reply_within(&mut cluster, Duration::from_secs(10)), None);
    assert!(cluster.resume(N1));
    assert!(!cluster.resume(N1));
    assert!(reply_within(&mut cluster, LONG).is_some());
    // One timer was running; the next one is set when it runs out.
    assert_eq!(counts(&mut cluster), list([1, 1, 1, 1]));
}

#[test]
fn messages_wait_for_a_paused_node_up_to_a_bound() {
    let mut cluster = counter(2);
    cluster.pause(N2);
    let told = |cluster: &Cluster<Counter>| cluster.contents(N2).unwrap().remove(0).1;
    for _ in 0..5_000 {
        write(&mut cluster, N1, 1);
        reply_within(&mut cluster, LONG).unwrap();
    }
    pass(&mut cluster, LONG);
    assert_eq!(told(&cluster), Value::from(0));
    cluster.resume(N2);
    assert_eq!(
        told(&cluster),
        Value::from(4_096 - 1),
        "and the one timer that ran out"
    );
    assert_eq!(cluster.statistics().overflowed, 5_000 - 4_095);
}

#[test]
fn messages_to_a_dead_node_are_not_delivered_later() {
    let mut cluster = counter(2);
    cluster.crash(N2);
    write(&mut cluster, N1, 1);
    pass(&mut cluster, LONG);
    cluster.start(N2);
    pass(&mut cluster, LONG);
    assert_eq!(
        cluster.contents(N2),
        Some(vec![(Value::Nil, Value::from(0))])
    );
    write(&mut cluster, N1, 1);
    pass(&mut cluster, LONG);
    assert_eq!(
        cluster.contents(N2),
        Some(vec![(Value::Nil, Value::from(1))])
    );
}

#[test]
fn a_paused_node_can_be_killed() {
    let mut cluster = alone();
    cluster.pause(N1);
    let call = read(&mut *cluster, N1);
    pass(&mut *cluster, LONG);
    assert!(cluster.crash(N1));
    assert!(cluster.start(N1));
    let (reset, reply) = reply_within(&mut *cluster, LONG).unwrap();
    assert_eq!(reset, call);
    assert!(
        matches!(reply, Reply::Refused(_)),
        "it is not carried out by the new process"
    );
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::Nil));
}

#[test]
fn roles_are_told_by_running_nodes_only_and_move_on() {
    let mut cluster = Config::new("async-failover").open(1).unwrap();
    let leaders = |cluster: &dyn Simulation| -> Vec<NodeId> {
        let roles = cluster.roles();
        let leaders = roles.iter().filter(|(_, role)| *role == Role::Leader);
        leaders.map(|(node, _)| *node).collect()
    };
    assert_eq!(cluster.roles().len(), 5);
    assert_eq!(leaders(&*cluster), [N1]);
    cluster.pause(N2);
    assert_eq!(cluster.roles().len(), 4);
    cluster.resume(N2);
    let alone = |link: &Link| link.from == N1.into() || link.to == N1.into();
    let links: Vec<Link> = cluster.links().into_iter().filter(alone).collect();
    cluster.cut(1, &links, CutMode::Drop);
    pass(&mut *cluster, Duration::from_secs(5));
    let both = leaders(&*cluster);
    assert_eq!(
        (both.len(), both[0]),
        (2, N1),
        "the old one does not know of the new one"
    );
    cluster.join(1);
    pass(&mut *cluster, LONG);
    assert_eq!(leaders(&*cluster), both[1..]);
    assert!(Config::new("kg-abd").open(1).unwrap().roles().is_empty());
}

#[test]
fn time_passes_only_when_asked_for() {
    let mut cluster = counter(3);
    assert_eq!(cluster.now(), Time::ZERO);
    cluster.crash(N1);
    cluster.start(N1);
    cluster.pause(N2);
    assert_eq!(cluster.now(), Time::ZERO);
    let names: Vec<&str> = cluster.nodes().iter().map(|name| &**name).collect();
    assert_eq!(names, ["n1", "n2", "n3"]);
}
