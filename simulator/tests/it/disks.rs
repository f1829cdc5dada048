//! Disks: what is lost at a crash, what waits, what dies.

use std::time::Duration;

use schism_history::Value;
use schism_simulator::{
    AtPoint, Call, Cluster, Config, Context, Delay, Disk, DiskFault, Durability, NodeId, Reply,
    Request, Share, Simulation, Status, Store,
};

use crate::clients::{pass, read, reply_within, value_at, write};

const N1: NodeId = NodeId::new(0);
const LONG: Duration = Duration::from_secs(30);
const MS: Duration = Duration::from_millis(1);

/// Writes go to three keys and the header. It passes the point `middle` after the first key.
fn put(context: &mut Context<'_, impl Store<Header = i64, Record = i64>>, value: i64) {
    context.disk.header = value;
    context.disk.put(Value::from(1), value);
    context.point("middle");
    context.disk.put(Value::from(2), value);
    context.disk.put(Value::from(3), value);
}

fn value_of(request: &Request) -> i64 {
    match request {
        Request::Write { value, .. } => value.as_int().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn contents(disk: &Disk<i64, i64>) -> Vec<(Value, Value)> {
    let header = (Value::from(0), Value::from(disk.header));
    disk.iter()
        .map(|(key, value)| (key.clone(), Value::from(*value)))
        .chain([header])
        .collect()
}

/// Everything is safe at once; refuses to write to a full disk when it is told to look.
struct Plain {
    looks: bool,
}

impl Store for Plain {
    type Message = ();
    type Header = i64;
    type Record = i64;
    type Options = bool;
    const POINTS: &'static [&'static str] = &["middle"];

    fn new(looks: &bool) -> Self {
        Self { looks: *looks }
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if request.is_read() {
            let value = context.disk.get(&Value::from(1)).copied().unwrap_or(0);
            return context.reply(call, Reply::Value(Value::from(value)));
        }
        if self.looks && context.disk.is_full() {
            let class = schism_simulator::Class::Overloaded;
            return context.reply(call, Reply::refused(class, "the disk is full"));
        }
        put(context, value_of(&request));
        context.reply(call, Reply::Done);
    }

    fn message(&mut self, _: &mut Context<'_, Self>, _: NodeId, (): ()) {}

    fn contents(&self, disk: &Disk<i64, i64>) -> Vec<(Value, Value)> {
        contents(disk)
    }
}

/// Waits for its disk before it answers, or does not.
struct Synced {
    waits: bool,
    waiting: Vec<Call>,
}

impl Store for Synced {
    type Message = ();
    type Header = i64;
    type Record = i64;
    type Options = bool;
    const DURABILITY: Durability = Durability::OnSync;

    fn new(waits: &bool) -> Self {
        Self {
            waits: *waits,
            waiting: Vec::new(),
        }
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        put(context, value_of(&request));
        context.sync(7);
        if self.waits {
            self.waiting.push(call);
        } else {
            context.reply(call, Reply::Done);
        }
    }

    fn synced(&mut self, context: &mut Context<'_, Self>, tag: u64) {
        assert_eq!(tag, 7);
        if self.waits {
            let call = self.waiting.remove(0);
            context.reply(call, Reply::Done);
        }
    }

    fn message(&mut self, _: &mut Context<'_, Self>, _: NodeId, (): ()) {}

    fn contents(&self, disk: &Disk<i64, i64>) -> Vec<(Value, Value)> {
        contents(disk)
    }
}

fn config() -> Config {
    let mut config = Config::new("disk");
    config.nodes = 1;
    config.network.delay = Delay::fixed(MS);
    config.disk.sync = 10 * MS;
    config
}

fn plain(looks: bool) -> Cluster<Plain> {
    Cluster::new(&config(), looks, 1).unwrap()
}

fn on_disk(cluster: &mut dyn Simulation) -> Vec<i64> {
    let contents = cluster.contents(N1).unwrap();
    contents
        .iter()
        .map(|(_, value)| value.as_int().unwrap())
        .collect()
}

/// Writes a value; whether that was acknowledged.
fn acknowledged(cluster: &mut dyn Simulation, value: i32) -> bool {
    write(cluster, N1, value);
    matches!(reply_within(cluster, LONG), Some((_, Reply::Done)))
}

#[test]
fn a_crash_takes_what_is_not_synced() {
    for waits in [true, false] {
        let mut cluster = Cluster::<Synced>::new(&config(), waits, 1).unwrap();
        assert!(acknowledged(&mut cluster, 1));
        pass(&mut cluster, LONG);
        assert!(acknowledged(&mut cluster, 2));
        cluster.crash(N1);
        cluster.start(N1);
        let kept = if waits { 2 } else { 1 };
        assert_eq!(
            on_disk(&mut cluster),
            [kept; 4],
            "acknowledged after sync: {waits}"
        );
        assert!(acknowledged(&mut cluster, 3), "it goes on");
    }
}

#[test]
fn a_stalled_disk_holds_what_waits_for_it() {
    let mut cluster = Cluster::<Synced>::new(&config(), true, 1).unwrap();
    cluster.harm_disk(1, N1, DiskFault::Stall);
    assert!(!acknowledged(&mut cluster, 1));
    assert_eq!(cluster.mend_disk(1, N1).unwrap().waited, 1);
    assert!(matches!(
        reply_within(&mut cluster, LONG),
        Some((_, Reply::Done))
    ));

    let mut cluster = plain(false);
    cluster.harm_disk(1, N1, DiskFault::Stall);
    read(&mut cluster, N1);
    assert!(
        reply_within(&mut cluster, LONG).is_some(),
        "what does not write goes on"
    );
    assert!(!acknowledged(&mut cluster, 1));
    read(&mut cluster, N1);
    assert!(
        reply_within(&mut cluster, LONG).is_none(),
        "the process stands in its write"
    );
    assert_eq!(cluster.mend_disk(1, N1).unwrap().waited, 1);
    assert!(matches!(
        reply_within(&mut cluster, LONG),
        Some((_, Reply::Done))
    ));
    assert!(matches!(
        reply_within(&mut cluster, LONG),
        Some((_, Reply::Value(_)))
    ));
    assert!(acknowledged(&mut cluster, 2));
}

#[test]
fn a_slow_disk_takes_longer() {
    let time = |slow: Option<Duration>| {
        let mut cluster = plain(false);
        if let Some(by) = slow {
            cluster.harm_disk(1, N1, DiskFault::Slow { by });
        }
        assert!(acknowledged(&mut cluster, 1));
        assert!(acknowledged(&mut cluster, 2));
        let waited = cluster.mend_disk(1, N1).map_or(0, |harm| harm.waited);
        assert_eq!(waited, if slow.is_some() { 2 } else { 0 });
        cluster.now()
    };
    assert_eq!(time(Some(50 * MS)), time(None) + 100 * MS);
}

#[test]
fn who_writes_to_a_full_disk_dies_unless_it_looks() {
    let mut cluster = plain(false);
    assert!(acknowledged(&mut cluster, 1));
    cluster.harm_disk(1, N1, DiskFault::Full);
    assert!(!acknowledged(&mut cluster, 2));
    assert_eq!(cluster.status(N1), Status::Down);
    assert_eq!(cluster.mend_disk(1, N1).unwrap().died, 1);
    cluster.start(N1);
    assert_eq!(
        on_disk(&mut cluster),
        [1; 4],
        "nothing of the write is there"
    );
    assert!(acknowledged(&mut cluster, 3));

    let mut cluster = plain(true);
    cluster.harm_disk(1, N1, DiskFault::Full);
    assert!(!acknowledged(&mut cluster, 2));
    assert_eq!(cluster.status(N1), Status::Running);
    cluster.mend_disk(1, N1).unwrap();
    assert!(acknowledged(&mut cluster, 3));
}

#[test]
fn a_torn_write_is_there_in_part() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut cluster = Cluster::<Plain>::new(&config(), false, seed).unwrap();
        assert!(acknowledged(&mut cluster, 1));
        cluster.harm_disk(1, N1, DiskFault::Tear);
        assert!(!acknowledged(&mut cluster, 2));
        assert_eq!(cluster.status(N1), Status::Down);
        assert_eq!(cluster.mend_disk(1, N1).unwrap().died, 1);
        cluster.start(N1);
        let left = on_disk(&mut cluster);
        assert!(left.iter().all(|value| [1, 2].contains(value)), "{left:?}");
        kinds.insert(left);
        assert!(acknowledged(&mut cluster, 3), "the power is back");
    }
    assert!(kinds.len() > 8, "{kinds:?}");
}

#[test]
fn a_disk_is_set_back_and_wiped() {
    let mut cluster = plain(false);
    assert!(acknowledged(&mut cluster, 1));
    assert_eq!(cluster.snapshot(5, N1), 3);
    assert!(acknowledged(&mut cluster, 2));
    assert_eq!(cluster.restore(5, N1), None, "only under a dead node");
    assert_eq!(cluster.wipe(N1), None);
    cluster.crash(N1);
    assert_eq!(cluster.restore(5, N1), Some(0));
    cluster.start(N1);
    assert_eq!(on_disk(&mut cluster), [1; 4]);
    cluster.crash(N1);
    assert_eq!(cluster.wipe(N1), Some(3));
    cluster.start(N1);
    assert_eq!(on_disk(&mut cluster), [0], "only the header, as new");
}

#[test]
fn a_node_dies_at_a_point_with_what_it_did_before() {
    let mut cluster = plain(false);
    assert_eq!(cluster.points(), ["reply", "send", "middle"]);
    cluster.arm(1, N1, "middle", AtPoint::Crash);
    read(&mut cluster, N1);
    assert!(
        reply_within(&mut cluster, LONG).is_some(),
        "it does not come there"
    );
    assert!(!acknowledged(&mut cluster, 2));
    assert_eq!(cluster.status(N1), Status::Down);
    cluster.start(N1);
    assert_eq!(
        on_disk(&mut cluster),
        [2, 2],
        "the header and the first key"
    );
    assert_eq!(cluster.disarm(1, N1), Some(1));
    assert_eq!(cluster.disarm(1, N1), None);
    assert!(acknowledged(&mut cluster, 3));

    cluster.arm(2, N1, "reply", AtPoint::Crash);
    assert!(!acknowledged(&mut cluster, 4));
    cluster.start(N1);
    assert_eq!(on_disk(&mut cluster), [4; 4], "done, and not said");
}

#[test]
fn an_acknowledgement_gets_lost_and_the_deed_is_done() {
    let mut cluster = plain(false);
    cluster.arm(1, N1, "middle", AtPoint::DropReplies(Share::ALL));
    assert!(!acknowledged(&mut cluster, 2));
    assert_eq!(cluster.status(N1), Status::Running);
    assert_eq!(on_disk(&mut cluster), [2; 4]);
    assert_eq!(value_at(&mut cluster, N1), Reply::Value(Value::from(2)));
    assert_eq!(cluster.disarm(1, N1), Some(1));
    assert!(acknowledged(&mut cluster, 3));
}
