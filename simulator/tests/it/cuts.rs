//! Cuts stop what they should, nothing else, and come undone one by one.

use std::time::Duration;

use schism_history::Value;
use schism_simulator::{Class, Config, CutMode, Link, NodeId, Place, Refusal, Reply, Simulation};

use crate::clients::{pass, read, reply_within, value_at, write};

const N1: NodeId = NodeId::new(0);
const N2: NodeId = NodeId::new(1);
const N3: NodeId = NodeId::new(2);
const LONG: Duration = Duration::from_secs(1);

/// `n1` owns the data; calls to `n2` and `n3` travel on to it.
fn three() -> Box<dyn Simulation> {
    let mut config = Config::new("single-copy");
    config.nodes = 3;
    config.open(1).unwrap()
}

fn both_ways(a: NodeId, b: NodeId) -> [Link; 2] {
    [Link::new(a, b), Link::new(b, a)]
}

#[test]
fn a_cut_drops_and_counts_each_packet() {
    let mut cluster = three();
    let there = Link::new(N2, N1);
    assert!(cluster.probe(there));
    cluster.cut(1, &both_ways(N1, N2), CutMode::Drop);
    assert!(!cluster.probe(there));
    for sent in 1..=3 {
        let call = write(&mut *cluster, N2, sent);
        assert_eq!(reply_within(&mut *cluster, LONG), None);
        cluster.abandon(call);
        assert_eq!(cluster.dropped(there), sent as u64);
    }
    assert_eq!(
        cluster.dropped(Link::new(N1, N2)),
        0,
        "there was nothing to send back"
    );
    assert_eq!(cluster.statistics().cut, 3);
    write(&mut *cluster, N3, 4);
    assert!(
        reply_within(&mut *cluster, LONG).is_some(),
        "another link is open"
    );
    assert!(cluster.join(1));
    assert!(!cluster.join(1));
    assert!(cluster.probe(there));
    assert_eq!(value_at(&mut *cluster, N2), Reply::Value(Value::from(4)));
    assert_eq!(cluster.dropped(there), 3);
}

#[test]
fn a_one_way_cut_leaves_the_other_way_open() {
    let mut cluster = three();
    let back = Link::new(N1, N2);
    cluster.cut(1, &[back], CutMode::Drop);
    assert!(cluster.probe(Link::new(N2, N1)));
    let call = write(&mut *cluster, N2, 1);
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    cluster.abandon(call);
    assert_eq!(cluster.dropped(back), 1);
    assert_eq!(
        value_at(&mut *cluster, N1),
        Reply::Value(Value::from(1)),
        "it arrived"
    );
}

#[test]
fn a_rejecting_cut_tells_the_sender_that_nothing_arrived() {
    let mut cluster = three();
    let there = Link::new(N2, N1);
    cluster.cut(1, &[there], CutMode::Reject);
    assert!(!cluster.probe(there));
    write(&mut *cluster, N2, 1);
    let (_, reply) = reply_within(&mut *cluster, Duration::from_millis(100)).unwrap();
    assert!(matches!(
        reply,
        Reply::Refused(Refusal {
            class: Class::NoLeader,
            certain: true,
            ..
        })
    ));
    assert_eq!(cluster.dropped(there), 1);
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::Nil));
}

#[test]
fn a_rejection_is_a_packet_that_can_be_cut_itself() {
    let mut cluster = three();
    cluster.cut(1, &[Link::new(N2, N1)], CutMode::Reject);
    cluster.cut(2, &[Link::new(N1, N2)], CutMode::Drop);
    write(&mut *cluster, N2, 1);
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    assert_eq!(cluster.dropped(Link::new(N1, N2)), 1);
}

#[test]
fn a_dead_node_tells_other_nodes_as_well() {
    let mut cluster = three();
    cluster.crash(N1);
    write(&mut *cluster, N2, 1);
    let (_, reply) = reply_within(&mut *cluster, Duration::from_millis(100)).unwrap();
    assert!(matches!(
        reply,
        Reply::Refused(Refusal { certain: true, .. })
    ));
}

#[test]
fn cuts_overlap_and_are_undone_separately() {
    let mut cluster = three();
    let link = Link::new(N2, N1);
    cluster.cut(1, &[link, link, Link::new(N3, N1)], CutMode::Drop);
    cluster.cut(2, &[link], CutMode::Reject);
    cluster.cut(3, &[link], CutMode::Drop);
    // Dropping goes before rejecting.
    let call = read(&mut *cluster, N2);
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    cluster.abandon(call);
    assert!(cluster.join(1));
    assert!(!cluster.probe(link));
    assert!(cluster.probe(Link::new(N3, N1)));
    assert!(cluster.join(3));
    assert!(!cluster.probe(link), "the second cut is still there");
    assert!(matches!(value_at(&mut *cluster, N2), Reply::Refused(_)));
    assert!(cluster.join(2));
    assert!(cluster.probe(link));
    assert_eq!(value_at(&mut *cluster, N2), Reply::Value(Value::Nil));
}

#[test]
fn a_cut_with_a_known_id_takes_the_place_of_the_old_one() {
    let mut cluster = three();
    cluster.cut(1, &[Link::new(N1, N2)], CutMode::Drop);
    cluster.cut(1, &[Link::new(N1, N3)], CutMode::Drop);
    assert!(cluster.probe(Link::new(N1, N2)));
    assert!(!cluster.probe(Link::new(N1, N3)));
    assert!(cluster.join(1));
    assert!(cluster.probe(Link::new(N1, N3)));
}

#[test]
fn packets_on_their_way_are_stopped_too() {
    let mut cluster = three();
    let call = write(&mut *cluster, N1, 1);
    cluster.cut(1, &[Link::new(Place::Clients, N1)], CutMode::Drop);
    pass(&mut *cluster, LONG);
    cluster.abandon(call);
    assert_eq!(cluster.dropped(Link::new(Place::Clients, N1)), 1);
    cluster.join(1);
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::Nil));
}

#[test]
fn links_are_all_pairs_both_ways() {
    let links = three().links();
    assert_eq!(links.len(), 4 * 3);
    assert!(links.is_sorted());
    assert!(links.contains(&Link::new(N3, Place::Clients)));
}

#[test]
fn a_quorum_store_refuses_without_a_majority_and_goes_on_with_one() {
    let mut cluster = Config::new("kg-abd").open(1).unwrap();
    let minority = [N1, N2];
    let links: Vec<Link> = cluster
        .links()
        .into_iter()
        .filter(|link| match (link.from, link.to) {
            (Place::Node(a), Place::Node(b)) => minority.contains(&a) != minority.contains(&b),
            _ => false,
        })
        .collect();
    cluster.cut(1, &links, CutMode::Drop);
    write(&mut *cluster, N1, 1);
    let (_, reply) = reply_within(&mut *cluster, Duration::from_secs(10)).unwrap();
    assert!(matches!(
        reply,
        Reply::Refused(Refusal {
            class: Class::NoQuorum,
            certain: true,
            ..
        })
    ));
    write(&mut *cluster, N3, 2);
    assert_eq!(
        reply_within(&mut *cluster, LONG).map(|(_, reply)| reply),
        Some(Reply::Done)
    );
    cluster.join(1);
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::from(2)));
}
