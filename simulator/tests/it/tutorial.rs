//! A whole store, as an example: `gossip-set`, sets that grow and reach all nodes sooner or later.
//!
//! It models a grow-only set with gossip: a node keeps an element at once, and every 50 ms tells one other node all it
//! has. Each read shows what one node knows, which is stale for a while (so it is not linearizable), but nothing is
//! ever lost.

use std::collections::BTreeSet;
use std::time::Duration;

use schism_history::Value;
use schism_simulator::{
    Call, Capability, ClientId, Cluster, Config, Context, CutMode, Disk, Happening, Link, NodeId,
    Preset, Reply, Request, Simulation, Store,
};

type Elements = BTreeSet<Value>;

struct GossipSet;

impl Store for GossipSet {
    /// A key and its elements, to be added to one's own.
    type Message = (Value, Elements);
    type Header = ();
    type Record = Elements;
    type Options = ();

    fn new((): &()) -> Self {
        Self
    }

    fn started(&mut self, context: &mut Context<'_, Self>) {
        context.set_timer(Duration::from_millis(50), 0);
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, request: Request) {
        let reply = match request {
            Request::Add { key, element } => {
                context.disk.edit(&key).insert(element);
                Reply::Done
            }
            Request::Elements { key } => {
                let elements = context.disk.get(&key);
                Reply::Elements(elements.into_iter().flatten().cloned().collect())
            }
            other => Reply::not_offered(&other),
        };
        context.reply(call, reply);
    }

    fn message(&mut self, context: &mut Context<'_, Self>, _: NodeId, message: (Value, Elements)) {
        let (key, elements) = message;
        context.disk.edit(&key).extend(elements);
    }

    fn timer(&mut self, context: &mut Context<'_, Self>, _: u64) {
        context.set_timer(Duration::from_millis(50), 0);
        let number = context.cluster_size() as u64 - 1;
        let peer = context.random().below(number) as usize;
        let Some(peer) = context.others().nth(peer) else {
            return;
        };
        for message in context.disk.iter().map(own).collect::<Vec<_>>() {
            context.send(peer, message);
        }
    }

    fn contents(&self, disk: &Disk<(), Elements>) -> Vec<(Value, Value)> {
        disk.iter()
            .map(|(key, set)| (key.clone(), Value::list(set.iter().cloned())))
            .collect()
    }
}

fn own((key, set): (&Value, &Elements)) -> (Value, Elements) {
    (key.clone(), set.clone())
}

/// With this and a line in `STORES`, plans can name it.
impl Preset for GossipSet {
    type Store = Self;
    const FILE: &'static str = "gossip_set";
    const NAME: &'static str = "gossip-set";
    const GOOD: bool = true;
    const SUMMARY: &'static str = "a set that grows by gossip";
    const CAPABILITIES: &'static [Capability] = &[Capability::Sets];
    const FLAGGED_BY: &'static [&'static str] = &[];
    const PASSED_BY: &'static [&'static str] = &["lost-updates"];
}

#[test]
fn elements_reach_all_nodes_once_the_cut_is_gone() {
    let mut cluster = Cluster::<GossipSet>::new(&Config::new("tutorial"), (), 1).unwrap();
    let (first, last) = (NodeId::new(0), NodeId::new(4));
    let lonely = |link: &Link| link.from == last.into() || link.to == last.into();
    let links: Vec<Link> = cluster.links().into_iter().filter(lonely).collect();
    let (key, element) = (Value::from("s"), Value::from(1));
    let request = Request::Add { key, element };
    cluster.cut(1, &links, CutMode::Drop);
    let call = cluster.submit(ClientId(0), first, request);
    let reply = Reply::Done;
    assert_eq!(cluster.next(), Some(Happening::Reply { call, reply }));

    // Who holds it after two seconds: all but one while it is cut off, then all.
    for expected in [4, 5] {
        let alarm = cluster.alarm(cluster.now() + Duration::from_secs(2));
        assert_eq!(cluster.next(), Some(Happening::Alarm { id: alarm }));
        let holds =
            |index: &usize| cluster.contents(NodeId::new(*index)) == cluster.contents(first);
        assert_eq!((0..5).filter(holds).count(), expected);
        cluster.join(1);
    }
}

#[test]
fn this_file_has_under_120_lines() {
    assert!(include_str!("tutorial.rs").lines().count() < 120);
}
