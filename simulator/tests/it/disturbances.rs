//! Links that are made worse, clocks that are, and data centres.

use std::sync::Arc;
use std::time::Duration;

use schism_history::{Time, Value};
use schism_simulator::{
    Call, ClientId, ClockFault, Cluster, Conditions, Config, Context, DataCentre, Delay, Disk,
    Disturbance, Link, NodeId, Place, Random, Rate, Reply, Request, Route, Share, Simulation,
    Store,
};

use crate::clients::{pass, read, reply_within, value_at};

const N1: NodeId = NodeId::new(0);
const N2: NodeId = NodeId::new(1);
const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(30);

/// `n1` sends a numbered message to `n2` for each write, a hundred at once; a read gives how many messages `n2` has got,
/// how many of them damaged, and when the client's and the node's clocks say that it is.
#[derive(Default)]
struct Post {
    sent: i64,
    got: i64,
    damaged: i64,
}

impl Store for Post {
    type Message = i64;
    type Header = ();
    type Record = ();
    type Options = bool;

    fn new(_: &bool) -> Self {
        Self::default()
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        if request.is_read() {
            let within = context.now_within();
            let shown = [
                self.got,
                self.damaged,
                call.sent.as_nanos() as i64,
                context.now().as_nanos() as i64,
                within.latest.ahead_of(within.earliest),
            ];
            return context.reply(call, Reply::Value(Value::list(shown)));
        }
        for _ in 0..100 {
            self.sent += 1;
            context.send(N2, self.sent);
        }
        context.reply(call, Reply::Done);
    }

    fn message(&mut self, _: &mut Context<'_, Self>, _: NodeId, number: i64) {
        self.got += 1;
        self.damaged += i64::from(number < 0);
    }

    fn damaged(number: i64, _: &mut Random) -> Option<i64> {
        // Only one in two looks good enough to be taken.
        (number % 2 == 0).then_some(-number)
    }

    fn contents(&self, _: &Disk<(), ()>) -> Vec<(Value, Value)> {
        Vec::new()
    }
}

fn config() -> Config {
    let mut config = Config::new("post");
    config.nodes = 2;
    config.network.delay = Delay::fixed(MS);
    config
}

fn open(config: &Config) -> Cluster<Post> {
    Cluster::new(config, true, 1).unwrap()
}

fn shown(cluster: &mut Cluster<Post>, node: NodeId) -> Vec<i64> {
    match value_at(cluster, node) {
        Reply::Value(value) => {
            let items = value.as_list().unwrap().iter();
            items.map(|item| item.as_int().unwrap()).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn send(cluster: &mut Cluster<Post>) {
    crate::clients::write(cluster, N1, 1);
    reply_within(cluster, LONG).unwrap();
    pass(cluster, LONG);
}

fn way() -> Vec<Link> {
    vec![Link::new(N1, N2)]
}

#[test]
fn a_delay_comes_on_top_and_goes_again() {
    let mut cluster = open(&config());
    let links = [Link::new(Place::Clients, N1), Link::new(N1, Place::Clients)];
    let disturbance = |delay| Disturbance {
        delay,
        ..Disturbance::default()
    };
    cluster.disturb(1, &links, disturbance(10 * MS));
    cluster.disturb(2, &links[..1], disturbance(5 * MS));
    assert_eq!(cluster.mean_delay(links[0]), 16 * MS);
    assert_eq!(cluster.disturbances_on(links[0]), 2);
    read(&mut cluster, N1);
    reply_within(&mut cluster, LONG).unwrap();
    assert_eq!(cluster.now(), Time::ZERO + 27 * MS);
    assert_eq!(cluster.calm(1).unwrap().packets, 2);
    assert!(cluster.calm(1).is_none());
    assert_eq!(cluster.mean_delay(links[0]), 6 * MS);
    assert_eq!(cluster.calm(2).unwrap().packets, 1);
    assert_eq!(cluster.mean_delay(links[0]), MS);
}

#[test]
fn shares_strike_as_often_as_they_say_and_are_counted() {
    let mut cluster = open(&config());
    let disturbance = Disturbance {
        loss: Share::from_percent(20),
        duplicate: Share::from_percent(50),
        ..Disturbance::default()
    };
    cluster.disturb(1, &way(), disturbance);
    for _ in 0..10 {
        send(&mut cluster);
    }
    let touched = cluster.calm(1).unwrap();
    assert_eq!(touched.packets, 1_000);
    assert!((150..250).contains(&touched.lost), "{touched:?}");
    assert!((330..470).contains(&touched.duplicated), "{touched:?}");
    let got = shown(&mut cluster, N2)[0] as u64;
    assert_eq!(got, 1_000 - touched.lost + touched.duplicated);
    send(&mut cluster);
    assert_eq!(shown(&mut cluster, N2)[0] as u64, got + 100, "it is healed");
}

#[test]
fn a_damaged_packet_is_discarded_or_taken_as_the_store_wants() {
    let mut cluster = open(&config());
    let disturbance = Disturbance {
        corrupt: Share::ALL,
        ..Disturbance::default()
    };
    cluster.disturb(1, &way(), disturbance);
    send(&mut cluster);
    assert_eq!(shown(&mut cluster, N2)[..2], [50, 50]);
    assert_eq!(cluster.statistics().corrupted, 50);
    assert_eq!(cluster.calm(1).unwrap().corrupted, 100);
    // Requests have a checksum in every store.
    let mut config = config();
    config.network.corrupt = Share::ALL;
    let mut cluster = open(&config);
    read(&mut cluster, N1);
    assert_eq!(reply_within(&mut cluster, LONG), None);
}

#[test]
fn a_rate_makes_packets_wait_for_their_turn() {
    // A hundred messages of one to three digits and 66 bytes of headers: about 6,800 bytes.
    let mut config = config();
    config.network.rate = Some("68kbit".parse::<Rate>().unwrap());
    let mut cluster = open(&config);
    crate::clients::write(&mut cluster, N1, 1);
    pass(&mut cluster, Duration::from_millis(450));
    let half = shown(&mut cluster, N2)[0];
    assert!((40..60).contains(&half), "{half}");
    pass(&mut cluster, LONG);
    assert_eq!(shown(&mut cluster, N2)[0], 100);

    let mut cluster = open(&crate::disturbances::config());
    let disturbance = Disturbance {
        rate: Some("6800bit".parse::<Rate>().unwrap()),
        ..Disturbance::default()
    };
    cluster.disturb(1, &way(), disturbance);
    send(&mut cluster);
    let touched = cluster.calm(1).unwrap();
    assert!(touched.lost > 80, "the queue holds a second: {touched:?}");
    assert_eq!(shown(&mut cluster, N2)[0] as u64, 100 - touched.lost);
}

#[test]
fn packets_that_pass_others_take_no_delay() {
    let mut cluster = open(&config());
    let disturbance = Disturbance {
        delay: 100 * MS,
        reorder: Share::from_percent(30),
        ..Disturbance::default()
    };
    cluster.disturb(1, &way(), disturbance);
    crate::clients::write(&mut cluster, N1, 1);
    pass(&mut cluster, 50 * MS);
    let early = shown(&mut cluster, N2)[0];
    assert!((15..45).contains(&early), "{early}");
    assert_eq!(cluster.calm(1).unwrap().reordered as i64, early);
}

#[test]
fn data_centres_are_far_apart_and_clients_beside_their_node() {
    let far = |ms: u32| Conditions {
        delay: Delay::fixed(ms * MS),
        ..Conditions::default()
    };
    let centre = |name: &str, node: &str| DataCentre {
        name: Arc::from(name),
        nodes: vec![Arc::from(node)],
    };
    let mut config = config();
    config.regions = vec![centre("eu", "n1"), centre("us", "n2")];
    config.between = Some(far(40));
    config.routes = vec![Route {
        from: Arc::from("us"),
        to: Arc::from("eu"),
        network: far(70),
    }];
    let cluster = open(&config);
    assert_ne!(cluster.region(N1), cluster.region(N2));
    assert_eq!(cluster.mean_delay(Link::new(N1, N2)), 40 * MS);
    assert_eq!(cluster.mean_delay(Link::new(N2, N1)), 70 * MS);
    let round_trip = |place: &str, node| {
        let mut config = config.clone();
        config.clients.place = place.to_owned();
        let mut cluster = open(&config);
        read(&mut cluster, node);
        reply_within(&mut cluster, LONG).unwrap();
        cluster.now()
    };
    assert_eq!(round_trip("beside", N2), Time::ZERO + 2 * MS);
    assert_eq!(round_trip("eu", N1), Time::ZERO + 2 * MS);
    assert_eq!(round_trip("eu", N2), Time::ZERO + 110 * MS);
    assert_eq!(round_trip("us", N2), Time::ZERO + 2 * MS);
    assert_eq!(
        round_trip("spread", N2),
        Time::ZERO + 110 * MS,
        "client 0 is in the first"
    );
}

#[test]
fn a_cut_from_the_clients_cuts_those_of_every_data_centre() {
    let mut config = config();
    config.regions = ["n1", "n2"]
        .map(|node| DataCentre {
            name: Arc::from(format!("of-{node}")),
            nodes: vec![Arc::from(node)],
        })
        .into();
    config.clients.place = "of-n2".to_owned();
    let mut cluster = open(&config);
    let links = [Link::new(Place::Clients, N1)];
    cluster.cut(1, &links, schism_simulator::CutMode::Drop);
    assert!(!cluster.probe(links[0]));
    read(&mut cluster, N1);
    assert_eq!(reply_within(&mut cluster, LONG), None);
    assert_eq!(cluster.dropped(links[0]), 1);
    assert!(cluster.join(1) && cluster.probe(links[0]));
    assert_eq!(shown(&mut cluster, N1)[0], 0);
}

#[test]
fn wrong_data_centres_are_told() {
    let centre = |name: &str, nodes: &[&str]| DataCentre {
        name: Arc::from(name),
        nodes: nodes.iter().map(|node| Arc::from(*node)).collect(),
    };
    let mut config = Config::new("kg-abd");
    config.nodes = 3;
    config.regions = vec![
        centre("eu", &["n1", "n9"]),
        centre("eu", &["n1"]),
        centre("spread", &["n2"]),
    ];
    config.clients.place = "mars".to_owned();
    config.routes = vec![Route {
        from: Arc::from("eu"),
        to: Arc::from("asia"),
        network: Conditions::default(),
    }];
    let paths: Vec<String> = config.check().into_iter().map(|error| error.path).collect();
    assert_eq!(
        paths,
        [
            "regions[0].nodes[1]",
            "regions[1].name",
            "regions[1].nodes[0]",
            "regions[2].name",
            "regions",
            "routes[0].to",
            "clients.place",
        ]
    );
}

#[test]
fn clients_have_clocks_of_their_own() {
    let mut cluster = open(&config());
    let before = shown(&mut cluster, N1);
    let fault = ClockFault::Jump {
        by_ns: -60_000_000_000,
    };
    cluster.disturb_client_clocks(1, Share::ALL, fault);
    let during = shown(&mut cluster, N1);
    assert!(during[2] < before[2], "the client's clock was set back");
    assert!(during[3] > before[3], "the node's was not");
    assert_eq!(cluster.calm_client_clocks(1), Some(1));
    assert_eq!(cluster.calm_client_clocks(1), None);
    assert!(shown(&mut cluster, N1)[2] > before[2]);

    let half = Share::from_percent(50);
    cluster.disturb_client_clocks(2, half, fault);
    let truth = cluster.true_clock();
    let hit = (0..1_000).filter(|client| cluster.client_clock(ClientId(*client)) < truth);
    let hit = hit.count();
    assert!((430..570).contains(&hit), "{hit}");
}

#[test]
fn a_node_knows_how_uncertain_its_clock_is() {
    let mut config = config();
    config.clocks.offset = 7 * MS;
    assert_eq!(shown(&mut open(&config), N1)[4], 14_000_000);
    config.clocks.uncertainty = Some(MS);
    assert_eq!(shown(&mut open(&config), N1)[4], 2_000_000);
}
