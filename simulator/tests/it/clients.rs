//! What clients see when something goes wrong: the table on the crate's first page, line by line.

use std::time::Duration;

use schism_history::{Time, Value};
use schism_simulator::{
    CallId, Class, ClientId, Config, CutMode, Delay, Happening, Link, NodeId, Place, Refusal,
    Reply, Request, Share, Simulation, Status,
};

const N1: NodeId = NodeId::new(0);
const DELAY: Duration = Duration::from_millis(1);

/// One node, so that a call is a packet there and one back, a millisecond each.
pub(crate) fn alone() -> Box<dyn Simulation> {
    let mut config = Config::new("single-copy");
    config.nodes = 1;
    config.network.delay = Delay::fixed(DELAY);
    config.open(1).unwrap()
}

pub(crate) fn write(cluster: &mut dyn Simulation, node: NodeId, value: i32) -> CallId {
    let request = Request::Write {
        key: Value::Nil,
        value: Value::from(value),
    };
    cluster.submit(ClientId(0), node, request)
}

pub(crate) fn read(cluster: &mut dyn Simulation, node: NodeId) -> CallId {
    cluster.submit(ClientId(0), node, Request::Read { key: Value::Nil })
}

/// What the next reply is, if one comes within this time.
pub(crate) fn reply_within(
    cluster: &mut dyn Simulation,
    time: Duration,
) -> Option<(CallId, Reply)> {
    let alarm = cluster.alarm(cluster.now() + time);
    match cluster.next() {
        Some(Happening::Reply { call, reply }) => {
            cluster.cancel(alarm);
            Some((call, reply))
        }
        _ => None,
    }
}

/// Lets this much time pass, and forgets what happens.
pub(crate) fn pass(cluster: &mut dyn Simulation, time: Duration) {
    let alarm = cluster.alarm(cluster.now() + time);
    while cluster.next() != Some(Happening::Alarm { id: alarm }) {}
}

/// What a node says it holds, or what it says instead.
pub(crate) fn value_at(cluster: &mut dyn Simulation, node: NodeId) -> Reply {
    let call = read(cluster, node);
    let (answered, reply) = reply_within(cluster, Duration::from_secs(10)).expect("it answers");
    assert_eq!(answered, call);
    reply
}

fn refusal(reply: Reply) -> (Class, bool) {
    match reply {
        Reply::Refused(Refusal { class, certain, .. }) => (class, certain),
        other => panic!("{other:?} is no refusal"),
    }
}

fn to_node() -> Link {
    Link::new(Place::Clients, N1)
}

fn to_clients() -> Link {
    Link::new(N1, Place::Clients)
}

const LONG: Duration = Duration::from_secs(1);

#[test]
fn a_call_takes_the_way_there_and_back() {
    let mut cluster = alone();
    let call = write(&mut *cluster, N1, 1);
    let reply = Reply::Done;
    assert_eq!(cluster.next(), Some(Happening::Reply { call, reply }));
    assert_eq!(cluster.now(), Time::ZERO + 2 * DELAY);
    assert_eq!(cluster.next(), None, "nothing is left");
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::from(1)));
}

#[test]
fn a_dead_node_refuses_at_once_and_nothing_happened() {
    let mut cluster = alone();
    assert!(cluster.crash(N1));
    write(&mut *cluster, N1, 1);
    let (_, reply) = reply_within(&mut *cluster, 2 * DELAY + DELAY).unwrap();
    assert_eq!(refusal(reply), (Class::ConnectionRefused, true));
    assert!(cluster.start(N1));
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::Nil));
}

#[test]
fn a_request_into_a_rejecting_cut_is_refused_and_did_not_happen() {
    let mut cluster = alone();
    cluster.cut(1, &[to_node()], CutMode::Reject);
    write(&mut *cluster, N1, 1);
    let (_, reply) = reply_within(&mut *cluster, LONG).unwrap();
    assert_eq!(refusal(reply), (Class::ConnectionRefused, true));
    cluster.join(1);
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::Nil));
}

#[test]
fn a_request_into_a_dropping_cut_is_never_answered() {
    let mut cluster = alone();
    cluster.cut(1, &[to_node()], CutMode::Drop);
    let call = write(&mut *cluster, N1, 1);
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    cluster.join(1);
    assert_eq!(
        reply_within(&mut *cluster, LONG),
        None,
        "nobody sends it again"
    );
    cluster.abandon(call);
    assert_eq!(cluster.next(), None);
}

#[test]
fn a_reply_into_a_cut_is_silence_and_the_call_happened() {
    for mode in [CutMode::Drop, CutMode::Reject] {
        let mut cluster = alone();
        cluster.cut(1, &[to_clients()], mode);
        let call = write(&mut *cluster, N1, 1);
        assert_eq!(reply_within(&mut *cluster, LONG), None);
        cluster.abandon(call);
        cluster.join(1);
        assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::from(1)));
    }
}

#[test]
fn a_paused_node_answers_when_it_goes_on() {
    let mut cluster = alone();
    assert!(cluster.pause(N1));
    let call = write(&mut *cluster, N1, 1);
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    assert!(cluster.resume(N1));
    let reply = reply_within(&mut *cluster, 2 * DELAY);
    assert_eq!(reply, Some((call, Reply::Done)));
}

#[test]
fn a_crash_resets_calls_and_only_reads_surely_did_not_happen() {
    // Paused first, so that the node has the calls but has not answered them.
    let mut cluster = alone();
    cluster.pause(N1);
    let calls = [write(&mut *cluster, N1, 1), read(&mut *cluster, N1)];
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    assert!(cluster.crash(N1));
    for (call, certain) in calls.into_iter().zip([false, true]) {
        let (answered, reply) = reply_within(&mut *cluster, LONG).unwrap();
        assert_eq!(answered, call);
        assert_eq!(refusal(reply), (Class::ConnectionReset, certain));
    }
    assert_eq!(cluster.next(), None);
}

#[test]
fn a_crash_does_not_reset_what_was_answered_or_has_not_arrived() {
    let mut cluster = alone();
    let answered = write(&mut *cluster, N1, 1);
    pass(&mut *cluster, DELAY + DELAY / 2);
    let on_its_way = write(&mut *cluster, N1, 2);
    cluster.crash(N1);
    cluster.start(N1);
    let first = reply_within(&mut *cluster, LONG);
    assert_eq!(first, Some((answered, Reply::Done)));
    let second = reply_within(&mut *cluster, LONG);
    assert_eq!(second, Some((on_its_way, Reply::Done)));
}

#[test]
fn lost_packets_are_silence() {
    let mut config = Config::new("single-copy");
    config.network.loss = Share::ALL;
    let mut cluster = config.open(1).unwrap();
    write(&mut *cluster, N1, 1);
    assert_eq!(reply_within(&mut *cluster, LONG), None);
    assert_eq!(cluster.statistics().lost, 1);
}

#[test]
fn an_abandoned_call_may_still_happen_but_is_not_answered() {
    let mut cluster = alone();
    let call = write(&mut *cluster, N1, 1);
    cluster.abandon(call);
    cluster.abandon(call);
    assert_eq!(cluster.next(), None, "nobody waits");
    pass(&mut *cluster, LONG);
    assert_eq!(cluster.statistics().replies, 0);
    assert_eq!(value_at(&mut *cluster, N1), Reply::Value(Value::from(1)));
}

#[test]
fn what_a_store_does_not_offer_is_refused() {
    let mut cluster = Config::new("kg-abd").open(1).unwrap();
    for request in [
        Request::Elements { key: Value::Nil },
        Request::Cas {
            key: Value::Nil,
            old: Value::Nil,
            new: Value::from(1),
        },
    ] {
        cluster.submit(ClientId(0), N1, request);
        let (_, reply) = reply_within(&mut *cluster, LONG).unwrap();
        assert_eq!(refusal(reply), (Class::NotOffered, true));
    }
}

#[test]
fn alarms_ring_in_order_and_can_be_cancelled() {
    let mut cluster = alone();
    let late = cluster.alarm(Time::from_secs(2));
    let early = cluster.alarm(Time::from_secs(1));
    let never = cluster.alarm(Time::from_secs(1));
    assert!(cluster.cancel(never));
    assert!(!cluster.cancel(never));
    assert_eq!(cluster.next(), Some(Happening::Alarm { id: early }));
    assert_eq!(cluster.now(), Time::from_secs(1));
    let past = cluster.alarm(Time::ZERO);
    assert_eq!(cluster.next(), Some(Happening::Alarm { id: past }));
    assert_eq!(cluster.now(), Time::from_secs(1), "time does not go back");
    assert_eq!(cluster.next(), Some(Happening::Alarm { id: late }));
    assert_eq!(cluster.next(), None);
}

#[test]
fn waiting_in_vain_ends_even_when_the_store_never_rests() {
    // Five nodes with heartbeats, a call that nobody will answer, and no alarm.
    let mut cluster = Config::new("async-failover").open(1).unwrap();
    cluster.cut(1, &[to_node()], CutMode::Drop);
    write(&mut *cluster, N1, 1);
    assert_eq!(cluster.next(), None);
    assert!(cluster.now() <= Time::from_secs(3_600));
    assert_eq!(cluster.status(N1), Status::Running);
}
