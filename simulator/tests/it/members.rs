//! Nodes that join and leave, and the trace of what they say.

use std::time::Duration;

use schism_history::Value;
use schism_simulator::{
    Call, Cluster, Config, Context, CutMode, Disk, Link, Loss, MemberChange, NodeId, NodeSet,
    Place, Reply, Request, Simulation, Store, TraceStep,
};

use crate::clients::{pass, reply_within, write};

const N1: NodeId = NodeId::new(0);
const N2: NodeId = NodeId::new(1);
const N3: NodeId = NodeId::new(2);
const LONG: Duration = Duration::from_secs(1);

/// Whoever is asked tells everybody who is a member; a write is told to all members.
struct Club {
    members: Option<NodeSet>,
    told: u32,
}

impl Club {
    fn all(&self, context: &Context<'_, Self>) -> NodeSet {
        self.members.unwrap_or_else(|| context.first_members())
    }
}

impl Store for Club {
    type Message = Option<Vec<NodeId>>;
    type Header = ();
    type Record = ();
    type Options = ();
    const MEMBERSHIP: bool = true;

    fn new((): &()) -> Self {
        Self {
            members: None,
            told: 0,
        }
    }

    fn started(&mut self, context: &mut Context<'_, Self>) {
        self.members = Some(context.first_members());
    }

    fn request(&mut self, context: &mut Context<'_, Self>, call: Call, _: Request) {
        for node in self.all(context).iter() {
            context.send(node, None);
        }
        context.reply(call, Reply::Done);
    }

    fn message(&mut self, _: &mut Context<'_, Self>, _: NodeId, message: Option<Vec<NodeId>>) {
        match message {
            None => self.told += 1,
            Some(members) => {
                let mut all = NodeSet::EMPTY;
                for node in members {
                    all.insert(node);
                }
                self.members = Some(all);
            }
        }
    }

    fn change_members(&mut self, context: &mut Context<'_, Self>, change: MemberChange) {
        let mut all = self.all(context);
        match change {
            MemberChange::Add(node) => all.insert(node),
            MemberChange::Remove(node) => all.remove(node),
        };
        self.members = Some(all);
        context.broadcast(&Some(all.iter().collect()));
    }

    fn members(&self, _: NodeId, _: &Disk<(), ()>) -> Option<NodeSet> {
        self.members
    }

    fn note(&self, _: NodeId, _: &Disk<(), ()>) -> String {
        format!("told {}", self.told)
    }

    fn contents(&self, _: &Disk<(), ()>) -> Vec<(Value, Value)> {
        vec![(Value::Nil, Value::from(self.told))]
    }
}

fn club() -> Cluster<Club> {
    let mut config = Config::new("club");
    config.nodes = 3;
    config.spares = 1;
    Cluster::new(&config, (), 1).unwrap()
}

fn members(cluster: &Cluster<Club>) -> Vec<Vec<NodeId>> {
    let views = cluster.members();
    views
        .iter()
        .map(|(_, members)| members.iter().collect())
        .collect()
}

#[test]
fn a_spare_node_joins_and_a_member_leaves() {
    let mut cluster = club();
    assert!(cluster.has_membership());
    assert_eq!(members(&cluster), vec![vec![N1, N2]; 3]);
    assert!(cluster.change_members(N1, MemberChange::Add(N3)));
    pass(&mut cluster, LONG);
    assert_eq!(members(&cluster), vec![vec![N1, N2, N3]; 3]);
    assert!(cluster.change_members(N3, MemberChange::Remove(N2)));
    pass(&mut cluster, LONG);
    assert_eq!(members(&cluster), vec![vec![N1, N3]; 3]);
    cluster.crash(N1);
    assert!(
        !cluster.change_members(N1, MemberChange::Add(N2)),
        "nobody is there to ask"
    );
    assert_eq!(members(&cluster).len(), 2);
}

#[test]
fn stores_whose_members_never_change_say_so() {
    let mut config = Config::new("kg-abd");
    config.spares = 2;
    assert_eq!(config.open(1).err().unwrap().path, "spares");
    config.spares = 5;
    assert_eq!(config.check()[0].path, "spares");
    config.spares = 0;
    let mut cluster = config.open(1).unwrap();
    assert!(!cluster.has_membership() && cluster.members().is_empty());
    assert!(!cluster.change_members(N1, MemberChange::Remove(N2)));
}

#[test]
fn a_trace_tells_who_sent_what_to_whom_and_what_became_of_it() {
    let mut cluster = club();
    write(&mut cluster, N1, 1);
    reply_within(&mut cluster, LONG).unwrap();
    assert_eq!(cluster.take_trace(), [], "nobody asked for one");

    cluster.set_tracing(true);
    cluster.cut(1, &[Link::new(N1, N2)], CutMode::Drop);
    let call = write(&mut cluster, N1, 1);
    reply_within(&mut cluster, LONG).unwrap();
    pass(&mut cluster, LONG);
    let trace = cluster.take_trace();
    assert!(trace.is_sorted_by_key(|line| line.at));
    let steps: Vec<&TraceStep> = trace.iter().map(|line| &line.step).collect();
    let sent = |to: Place| {
        let packet = steps.iter().find_map(|step| match step {
            TraceStep::Sent {
                packet, to: target, ..
            } if *target == to => Some(*packet),
            _ => None,
        });
        packet.unwrap()
    };
    let request = sent(Place::Node(N1));
    assert!(
        matches!(steps[1], TraceStep::Sent { call: Some(id), text, .. }
        if *id == call && text.contains("Write"))
    );
    assert!(steps.contains(&&TraceStep::Arrived {
        packet: request,
        state: "told 1".to_owned()
    }));
    assert!(steps.contains(&&TraceStep::Stopped {
        packet: sent(Place::Node(N2)),
        why: Loss::Cut
    }));
    assert!(steps.contains(&&TraceStep::Arrived {
        packet: sent(Place::Clients),
        state: String::new()
    }));
    assert!(matches!(steps[0], TraceStep::Fault { node: None, text } if text == "cut: n1 -> n2"));

    // What was looked at is the same as what was not.
    let plain = {
        let mut cluster = club();
        for _ in 0..2 {
            write(&mut cluster, N1, 1);
            reply_within(&mut cluster, LONG).unwrap();
        }
        cluster.now()
    };
    let mut traced = club();
    traced.set_tracing(true);
    for _ in 0..2 {
        write(&mut traced, N1, 1);
        reply_within(&mut traced, LONG).unwrap();
    }
    assert_eq!(traced.now(), plain);
}
