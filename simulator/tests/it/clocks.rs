//! Nodes see their own clocks, and only those.

use std::time::Duration;

use schism_history::Value;
use schism_simulator::{
    Call, Cluster, Config, Context, Disk, NodeId, Reply, Request, Simulation, Store,
};

use crate::clients::{pass, value_at};

const N1: NodeId = NodeId::new(0);
const SECOND: i64 = 1_000_000_000;

/// A read gives what the wall clock shows, the uptime in nanoseconds, and how often a timer of one second has run out.
struct Watch {
    ticks: i64,
}

impl Store for Watch {
    type Message = ();
    type Header = ();
    type Record = ();
    type Options = ();

    fn new((): &()) -> Self {
        Self { ticks: 0 }
    }

    fn started(&mut self, context: &mut Context<'_, Self>) {
        context.set_timer(Duration::from_secs(1), 0);
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, _: Request) {
        let seen = [
            context.now().as_nanos() as i64,
            context.uptime().as_nanos() as i64,
            self.ticks,
        ];
        context.reply(call, Reply::Value(Value::list(seen)));
    }

    fn message(&mut self, _: &mut Context<'_, Self>, _: NodeId, (): ()) {}

    fn timer(&mut self, context: &mut Context<'_, Self>, _: u64) {
        self.ticks += 1;
        context.set_timer(Duration::from_secs(1), 0);
    }

    fn contents(&self, _: &Disk<(), ()>) -> Vec<(Value, Value)> {
        Vec::new()
    }
}

fn watch(config: &Config) -> Cluster<Watch> {
    Cluster::new(config, (), 1).unwrap()
}

/// How far the wall clock is ahead of the truth, the uptime and the ticks, as the node sees them.
fn look(cluster: &mut Cluster<Watch>) -> (i64, i64, i64) {
    // A call takes a moment each way; the truth is taken on the way back.
    let Reply::Value(seen) = value_at(cluster, N1) else {
        panic!("a watch shows a value")
    };
    let [wall, uptime, ticks] = seen.as_list().unwrap() else {
        panic!("three numbers")
    };
    let wall = wall.as_int().unwrap() - cluster.true_clock().as_nanos() as i64;
    (wall, uptime.as_int().unwrap(), ticks.as_int().unwrap())
}

/// Equal up to the time that a call takes.
fn near(a: i64, b: i64) -> bool {
    (a - b).abs() <= 10_000_000
}

#[test]
fn an_offset_shows_on_the_wall_and_moves_nothing_else() {
    let mut cluster = watch(&Config::new("watch"));
    assert!(near(look(&mut cluster).0, 0));
    cluster.set_clock(N1, -30 * SECOND, 0);
    pass(&mut cluster, Duration::from_secs(10));
    let (wall, uptime, ticks) = look(&mut cluster);
    assert!(near(wall, -30 * SECOND));
    assert!(near(uptime, 10 * SECOND));
    assert_eq!(ticks, 10);
    assert_eq!(
        cluster.clock(N1).ahead_of(cluster.true_clock()),
        -30 * SECOND
    );
    assert_eq!(
        cluster.clock(NodeId::new(1)),
        cluster.true_clock(),
        "the others are right"
    );
    cluster.reset_clock(N1);
    assert_eq!(cluster.clock(N1), cluster.true_clock());
}

#[test]
fn drift_shows_on_the_wall_in_the_uptime_and_in_timers() {
    let mut cluster = watch(&Config::new("watch"));
    cluster.set_clock(N1, 0, 500_000);
    pass(&mut cluster, Duration::from_secs(10));
    assert_eq!(cluster.clock(N1).ahead_of(cluster.true_clock()), 5 * SECOND);
    let (wall, uptime, ticks) = look(&mut cluster);
    assert!(near(wall, 5 * SECOND));
    assert!(near(uptime, 15 * SECOND));
    // The first timer was set before; the others run out every two thirds of a second.
    assert_eq!(ticks, 1 + 13);
}

#[test]
fn uptime_begins_anew_with_each_start() {
    let mut cluster = watch(&Config::new("watch"));
    pass(&mut cluster, Duration::from_secs(10));
    cluster.crash(N1);
    pass(&mut cluster, Duration::from_secs(10));
    cluster.start(N1);
    let (_, uptime, ticks) = look(&mut cluster);
    assert!(near(uptime, 0));
    assert_eq!(ticks, 0);
}

#[test]
fn the_configuration_sets_all_clocks_off_and_a_reset_goes_back_to_it() {
    let mut config = Config::new("watch");
    config.clocks.offset = Duration::from_secs(30);
    config.clocks.drift_ppm = 100;
    let mut cluster = watch(&config);
    let offset = |cluster: &Cluster<Watch>, index| {
        let clock = cluster.clock(NodeId::new(index));
        clock.ahead_of(cluster.true_clock())
    };
    let offsets: Vec<i64> = (0..5).map(|index| offset(&cluster, index)).collect();
    assert!(offsets.iter().all(|offset| offset.abs() <= 30 * SECOND));
    assert!(offsets.windows(2).all(|pair| pair[0] != pair[1]));
    cluster.set_clock(N1, 7, 0);
    assert_eq!(offset(&cluster, 0), 7);
    cluster.reset_clock(N1);
    assert_eq!(offset(&cluster, 0), offsets[0]);
    pass(&mut cluster, Duration::from_secs(100));
    let moved = (offset(&cluster, 0) - offsets[0]).abs();
    assert!(
        (1..=10_000_000).contains(&moved),
        "100 ppm of 100 s is 10 ms"
    );
}
