//! Loss, duplication, reordering and delay, in the shares that were asked for.

use std::time::Duration;

use schism_history::Value;
use schism_simulator::{
    Call, Cluster, Conditions, Config, Context, Delay, Disk, Link, NodeId, Place, Reply, Request,
    Share, Simulation, Spread, Store,
};

use crate::clients::{pass, read, reply_within, write};

const N1: NodeId = NodeId::new(0);
const N2: NodeId = NodeId::new(1);
const SENT: usize = 10_000;

/// A write has `n1` send so many numbered messages to `n2`, one every microsecond; `n2` keeps what it gets.
struct Stream {
    sent: u32,
    /// The numbers that arrived, and when, in nanoseconds of uptime.
    got: Vec<(u32, u64)>,
}

impl Store for Stream {
    type Message = u32;
    type Header = ();
    type Record = ();
    type Options = ();

    fn new((): &()) -> Self {
        Self {
            sent: 0,
            got: Vec::new(),
        }
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if !request.is_read() {
            context.set_timer(Duration::ZERO, 0);
        }
        context.reply(call, Reply::Done);
    }

    fn message(&mut self, context: &mut Context<'_, Self>, from: NodeId, number: u32) {
        assert_eq!(from, N1);
        let now = context.uptime().as_nanos() as u64;
        self.got.push((number, now));
    }

    fn timer(&mut self, context: &mut Context<'_, Self>, _: u64) {
        context.send(N2, self.sent);
        self.sent += 1;
        if (self.sent as usize) < SENT {
            context.set_timer(Duration::from_micros(1), 0);
        }
    }

    fn contents(&self, _: &Disk<(), ()>) -> Vec<(Value, Value)> {
        let arrival = |(place, (number, at)): (usize, &(u32, u64))| {
            let what = [Value::from(*number), Value::from(*at)];
            (Value::from(place as u64), Value::list(what))
        };
        self.got.iter().enumerate().map(arrival).collect()
    }
}

fn cluster(network: Conditions) -> Cluster<Stream> {
    let mut config = Config::new("stream");
    config.nodes = 2;
    config.network = network;
    Cluster::new(&config, (), 1).unwrap()
}

/// The numbers that arrived, and when.
fn got(cluster: &Cluster<Stream>) -> Vec<(i64, i64)> {
    cluster
        .contents(N2)
        .unwrap()
        .into_iter()
        .map(|(_, arrival)| {
            let (number, at) = arrival.as_pair().unwrap();
            (number.as_int().unwrap(), at.as_int().unwrap())
        })
        .collect()
}

fn stream(network: Conditions) -> (Vec<(i64, i64)>, Cluster<Stream>) {
    let mut cluster = cluster(network);
    // The request itself must not get lost.
    let links = [Link::new(Place::Clients, N1)];
    cluster.shape(9, &links, Conditions::default());
    write(&mut cluster, N1, 0);
    pass(&mut cluster, Duration::from_secs(1));
    (got(&cluster), cluster)
}

/// Neighbours that arrived in the wrong order.
fn inversions(got: &[(i64, i64)]) -> usize {
    got.windows(2).filter(|pair| pair[0].0 > pair[1].0).count()
}

#[test]
fn a_clean_link_delivers_everything_once_and_in_order() {
    let (got, cluster) = stream(Conditions::default());
    let numbers: Vec<i64> = got.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..SENT as i64).collect::<Vec<_>>());
    assert_eq!(cluster.statistics().sent, SENT as u64);
    assert_eq!(cluster.statistics().delivered, SENT as u64);
}

#[test]
fn the_share_of_lost_packets_is_as_asked_for() {
    let (got, cluster) = stream(Conditions {
        loss: Share::from_percent(10),
        ..Conditions::default()
    });
    assert!((8_800..9_200).contains(&got.len()), "{}", got.len());
    assert_eq!(inversions(&got), 0);
    // The reply to the client may have been lost as well.
    let lost = cluster.statistics().lost as usize;
    assert!((SENT - got.len()..=SENT - got.len() + 1).contains(&lost));
}

#[test]
fn the_share_of_doubled_packets_is_as_asked_for() {
    let (mut got, cluster) = stream(Conditions {
        duplicate: Share::from_percent(10),
        ..Conditions::default()
    });
    let doubled = got.len() - SENT;
    assert!((900..1_100).contains(&doubled), "{doubled}");
    assert_eq!(cluster.statistics().duplicated, doubled as u64);
    got.sort_unstable();
    got.dedup_by_key(|(number, _)| *number);
    assert_eq!(got.len(), SENT, "nothing is missing");
}

#[test]
fn everything_doubled_is_not_for_ever() {
    let (got, _) = stream(Conditions {
        duplicate: Share::ALL,
        ..Conditions::default()
    });
    assert_eq!(got.len(), 2 * SENT);
}

#[test]
fn the_share_of_reordered_packets_is_as_asked_for() {
    let (got, _) = stream(Conditions {
        delay: Delay::fixed(Duration::from_millis(1)),
        reorder: Share::from_percent(10),
        ..Conditions::default()
    });
    assert_eq!(got.len(), SENT);
    // A packet that is held back comes after later ones, so each makes an inversion, but for a few side by side.
    let inversions = inversions(&got);
    assert!((700..1_100).contains(&inversions), "{inversions}");
}

#[test]
fn delays_are_within_their_bounds() {
    let delay = Delay {
        min: Duration::from_millis(2),
        max: Duration::from_millis(3),
        spread: Spread::Uniform,
    };
    let (got, _) = stream(Conditions {
        delay,
        reorder: Share::NONE,
        ..Conditions::default()
    });
    let (first, last) = (got[0].1, got[SENT - 1].1);
    let sending = (SENT as i64 - 1) * 1_000;
    assert!(((sending - 1_000_000)..=(sending + 1_000_000)).contains(&(last - first)));
}

#[test]
fn conditions_are_laid_on_links_and_taken_away_by_their_id() {
    let slow = |millis| Conditions {
        delay: Delay::fixed(Duration::from_millis(millis)),
        ..Conditions::default()
    };
    let mut cluster = cluster(slow(1));
    let way = [Link::new(Place::Clients, N1)];
    let all = cluster.links();
    let round_trip = |cluster: &mut Cluster<Stream>| {
        let before = cluster.now();
        read(cluster, N2);
        reply_within(cluster, Duration::from_secs(10)).unwrap();
        cluster.now().since(before).as_millis()
    };
    let way_to_n2 = [Link::new(Place::Clients, N2)];
    assert_eq!(round_trip(&mut cluster), 2);
    cluster.shape(1, &way_to_n2, slow(10));
    assert_eq!(round_trip(&mut cluster), 11);
    cluster.shape(2, &all, slow(100));
    assert_eq!(round_trip(&mut cluster), 200, "the latest counts");
    cluster.shape(3, &way, slow(7));
    assert_eq!(round_trip(&mut cluster), 200, "another link");
    assert!(cluster.unshape(1));
    assert_eq!(round_trip(&mut cluster), 200);
    assert!(cluster.unshape(2));
    assert!(!cluster.unshape(2));
    assert_eq!(round_trip(&mut cluster), 2);
}
