//! Partitions: rules at every receiver, probes between every pair, counters of every link.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use schism_history::{FaultOutcome, Value};

use super::address_book::AddressBook;
use super::link::{self, Back, CUT_SECONDS, Measured, OPEN_SECONDS, Proof, Seen};
use super::{Applied, Evidence, RemoteInjector};
use crate::control::Command;
use crate::fault::{Effect, Endpoint, Fault, Link, RejectMode};
use crate::firewall::{self, FirewallTool, Rules};
use crate::injector::Report;
use crate::probe::{self, Probe, Reach};

/// How long setting up or removing the rules of one node may take.
const RULES_TIMEOUT: Duration = Duration::from_secs(30);
/// How long all probes of one node may take; they run at once.
const PROBES_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a cut is probed until every link is proved: a busy node may be late with its packets.
const CUT_PROBES_MAX: usize = 3;
/// How often a healed link is probed until it carries packets: a node may first have to find its neighbour again.
const HEAL_PROBES_MAX: usize = 5;
const HEAL_PROBES_APART: Duration = Duration::from_millis(300);

/// What a partition sets up, node by node, and what was seen before.
#[derive(Clone, Debug, Default)]
pub(super) struct Cutting {
    nodes: BTreeMap<Arc<str>, NodeCut>,
    before: BTreeMap<Link, Seen>,
}

/// What a partition sets up on one node.
#[derive(Clone, Debug)]
struct NodeCut {
    tool: FirewallTool,
    table: String,
    rules: Rules,
    /// Whose address each cut source of the rules is, in their order.
    cut_of: Vec<Endpoint>,
    /// Whose address each counted source of the rules is, in their order.
    count_of: Vec<Endpoint>,
}

/// Packets from each place, as a node's rules have counted them.
#[derive(Default)]
struct Counted {
    cut: BTreeMap<Link, u64>,
    passed: BTreeMap<Link, u64>,
}

impl RemoteInjector {
    pub(super) async fn inject_cut(
        &self,
        fault: &Fault,
        links: &[Link],
        mode: RejectMode,
    ) -> Report {
        let mut errors = Vec::new();
        let mut evidence = Evidence::default();
        let (links, to_clients): (Vec<&Link>, Vec<&Link>) =
            links.iter().partition(|link| link.to != Endpoint::Clients);
        let is_one_way_to_clients = to_clients
            .iter()
            .any(|link| !links.iter().any(|other| is_back(other, link)));
        if is_one_way_to_clients {
            // The other way alone still keeps every connection from coming about, so without it nothing is cut.
            errors.push(
                "packets to the clients are not cut: that can only be done where the clients are"
                    .to_owned(),
            );
        }
        let book = self.addresses().await;
        let mut cutting = self.plan_cut(fault, &links, mode, &book, &mut errors).await;
        let ways = ways(&links);
        cutting.before = self.probe(&ways, &book, OPEN_SECONDS).await;
        if let Some(active) = self.active.borrow_mut().get_mut(&fault.id) {
            active.cutting = Some(cutting.clone());
        }

        let applied = join_all(cutting.nodes.iter().map(async |(node, cut)| {
            let install = cut.tool.install(&cut.table, &cut.rules);
            let remove = cut.tool.remove(&cut.table);
            let applied = self
                .apply(node, fault.id, &install, &remove, RULES_TIMEOUT)
                .await;
            (node.clone(), applied)
        }))
        .await;
        let mut in_force = BTreeSet::new();
        let mut maybe = false;
        for (node, applied) in applied {
            match applied {
                Applied::Yes(_) => {
                    in_force.insert(node);
                }
                Applied::No(reason) => errors.push(reason),
                Applied::Unknown(reason) => {
                    maybe = true;
                    errors.push(reason);
                }
            }
        }
        evidence.put_map(
            "firewall",
            cutting
                .nodes
                .iter()
                .map(|(node, cut)| (node.to_string(), tool_name(cut.tool))),
        );
        if in_force.is_empty() && !maybe {
            evidence.put_list("errors", errors);
            return evidence.report(
                FaultOutcome::Skipped,
                Some("nothing could be cut anywhere".to_owned()),
            );
        }

        let mut during = BTreeMap::new();
        let mut counted = Counted::default();
        let (mut proofs, mut unread) = (Vec::new(), Vec::new());
        for _ in 0..CUT_PROBES_MAX {
            during = self.probe(&ways, &book, CUT_SECONDS).await;
            unread.clear();
            counted = self.count(&cutting, &mut unread).await;
            proofs = prove(&links, mode, &cutting.before, &during, &counted);
            if !proofs.contains(&Proof::Unknown) {
                break;
            }
        }
        errors.extend(unread);
        let covered = links
            .iter()
            .zip(&proofs)
            .filter(|(link, proof)| {
                **proof == Proof::DeadBefore && self.is_cut_by_another(fault.id, link)
            })
            .count();
        let (mut outcome, mut reason) = link::outcome(&proofs, covered);
        if outcome == FaultOutcome::Installed && !errors.is_empty() {
            outcome = FaultOutcome::Indeterminate;
            reason = Some("not all of it could be set up".to_owned());
        }
        evidence.put(
            "probes",
            Value::map([
                ("before", probes_value(&cutting.before)),
                ("during", probes_value(&during)),
            ]),
        );
        counted.put_into(&mut evidence);
        if outcome == FaultOutcome::Skipped {
            for error in self.remove(fault, &cutting).await {
                outcome = FaultOutcome::Indeterminate;
                errors.push(error);
            }
        }
        evidence.put_list("errors", errors);
        evidence.report(outcome, reason)
    }

    pub(super) async fn heal_cut(&self, fault: &Fault, links: &[Link], mode: RejectMode) -> Report {
        let mut errors = Vec::new();
        let mut evidence = Evidence::default();
        let links: Vec<&Link> = links
            .iter()
            .filter(|link| link.to != Endpoint::Clients)
            .collect();
        let book = self.addresses().await;
        let known = self
            .active
            .borrow()
            .get(&fault.id)
            .and_then(|active| active.cutting.clone());
        let cutting = match known {
            Some(cutting) => cutting,
            None => self.plan_cut(fault, &links, mode, &book, &mut errors).await,
        };
        // The last look at the counters: how much was cut in all.
        let counted = self.count(&cutting, &mut Vec::new()).await;
        counted.put_into(&mut evidence);
        let was_in_force = self.active.borrow().contains_key(&fault.id);
        errors.extend(self.remove(fault, &cutting).await);
        let lapsed = self.lapsed(fault.id);

        let ways = ways(&links);
        let mut after = BTreeMap::new();
        let mut dead: Vec<&Link> = Vec::new();
        for probe in 0..HEAL_PROBES_MAX {
            if probe > 0 {
                tokio::time::sleep(HEAL_PROBES_APART).await;
            }
            after = self.probe(&ways, &book, OPEN_SECONDS).await;
            dead = ways
                .iter()
                .filter(|way| {
                    let after = after.get(*way).cloned().unwrap_or_default();
                    !link::is_restored(cutting.before.get(*way), &after)
                        && !self.is_cut_by_another(fault.id, way)
                })
                .collect();
            if dead.is_empty() {
                break;
            }
        }
        evidence.put("probes", Value::map([("after", probes_value(&after))]));
        let reason = if !errors.is_empty() {
            Some("not everything could be removed".to_owned())
        } else if !dead.is_empty() {
            let dead: Vec<String> = dead.iter().map(|way| arrow(way)).collect();
            Some(format!("no packets come through: {}", dead.join(", ")))
        } else if !lapsed.is_empty() {
            Some("the lease ran out, so the fault ended early".to_owned())
        } else {
            None
        };
        evidence.put_list("lapsed", lapsed);
        evidence.put_list("errors", errors);
        if reason.is_none() && !was_in_force {
            return evidence.report(FaultOutcome::Skipped, Some(super::NOT_IN_FORCE.to_owned()));
        }
        let outcome = if reason.is_some() {
            FaultOutcome::Indeterminate
        } else {
            FaultOutcome::Installed
        };
        evidence.report(outcome, reason)
    }

    /// Decides what is set up on each node.
    async fn plan_cut(
        &self,
        fault: &Fault,
        links: &[&Link],
        mode: RejectMode,
        book: &AddressBook,
        errors: &mut Vec<String>,
    ) -> Cutting {
        let mut cutting = Cutting::default();
        for node in &fault.nodes {
            let here = Endpoint::Node(node.clone());
            let cut: Vec<&Endpoint> = senders(links.iter().copied(), &here);
            // From whom packets arrive though ours do not reach them.
            let count: Vec<&Endpoint> = links
                .iter()
                .filter(|link| link.from == here && !links.iter().any(|other| is_back(other, link)))
                .map(|link| &link.to)
                .collect();
            if cut.is_empty() && count.is_empty() {
                continue;
            }
            let survey = match self.survey(node).await {
                Ok(survey) => survey,
                Err(reason) => {
                    errors.push(reason);
                    continue;
                }
            };
            let Some(tool) = survey.firewall else {
                errors.push(format!("node {node}: neither nft nor iptables works there"));
                continue;
            };
            let own = book.get(node).map(Vec::as_slice).unwrap_or_default();
            let mut sources = |places: &[&Endpoint]| -> (Vec<IpAddr>, Vec<Endpoint>) {
                let mut found = Vec::new();
                for place in places {
                    let addresses = match place {
                        Endpoint::Node(name) => book.get(name).cloned().unwrap_or_default(),
                        Endpoint::Clients => {
                            let mut addresses = self.cluster.clients.clone();
                            addresses.extend(survey.controller.map(|(address, _)| address));
                            addresses.sort_unstable();
                            addresses.dedup();
                            addresses
                        }
                    };
                    if addresses.is_empty() {
                        errors.push(format!("node {node}: no address of {place} is known"));
                    }
                    found.extend(
                        addresses
                            .into_iter()
                            .filter(|address| !own.contains(address))
                            .map(|address| (address, (*place).clone())),
                    );
                }
                found.into_iter().unzip()
            };
            let (cut, cut_of) = sources(&cut);
            let (count, count_of) = sources(&count);
            if cut.is_empty() && count.is_empty() {
                continue;
            }
            let mut keep: Vec<(IpAddr, u16)> = survey.controller.into_iter().collect();
            if let Some((_, port)) = survey.controller {
                keep.extend(self.cluster.clients.iter().map(|address| (*address, port)));
            }
            keep.sort_unstable();
            keep.dedup();
            cutting.nodes.insert(
                node.clone(),
                NodeCut {
                    tool,
                    table: firewall::table(&self.run, fault.id),
                    rules: Rules {
                        keep,
                        cut,
                        count,
                        mode,
                    },
                    cut_of,
                    count_of,
                },
            );
        }
        cutting
    }

    /// Removes what was set up; what went wrong.
    async fn remove(&self, fault: &Fault, cutting: &Cutting) -> Vec<String> {
        let removed = join_all(cutting.nodes.iter().map(async |(node, cut)| {
            let remove = cut.tool.remove(&cut.table);
            self.undo(node, fault.id, &remove, RULES_TIMEOUT).await
        }));
        removed.await.into_iter().filter_map(Result::err).collect()
    }

    /// Reads the counters of all nodes.
    async fn count(&self, cutting: &Cutting, errors: &mut Vec<String>) -> Counted {
        let read = join_all(cutting.nodes.iter().map(async |(node, cut)| {
            let command = Command::root(cut.tool.list(&cut.table))
                .timeout(RULES_TIMEOUT)
                .idempotent();
            let output = self.exec(node, &command).await?;
            cut.tool
                .packets(&cut.rules, &output.stdout)
                .map(|packets| (node.clone(), packets))
                .ok_or_else(|| {
                    format!(
                        "node {node}: the counters cannot be read: {}",
                        super::said(&output)
                    )
                })
        }))
        .await;
        let mut counted = Counted::default();
        for result in read {
            match result {
                Err(reason) => errors.push(reason),
                Ok((node, (cut, passed))) => {
                    let places = &cutting.nodes[&node];
                    add(&mut counted.cut, &node, &places.cut_of, &cut);
                    add(&mut counted.passed, &node, &places.count_of, &passed);
                }
            }
        }
        counted
    }

    /// Probes each way, all at once and for at most so many seconds: from node to node there, from the clients here.
    pub(super) async fn probe(
        &self,
        ways: &[Link],
        book: &AddressBook,
        seconds: u32,
    ) -> BTreeMap<Link, Seen> {
        let mut by_node: BTreeMap<Arc<str>, Vec<(Link, Probe)>> = BTreeMap::new();
        let mut from_here = Vec::new();
        for way in ways {
            let Endpoint::Node(to) = &way.to else {
                continue;
            };
            match &way.from {
                Endpoint::Clients => from_here.push((way.clone(), to.clone())),
                Endpoint::Node(from) => {
                    let Some(port) = self.probe_port(from, to, book).await else {
                        continue;
                    };
                    let probes = by_node.entry(from.clone()).or_default();
                    for address in book.get(to).into_iter().flatten() {
                        let probe = Probe {
                            address: *address,
                            port,
                        };
                        probes.push((way.clone(), probe));
                    }
                }
            }
        }
        let on_nodes = join_all(by_node.into_iter().map(async |(node, probes)| {
            let targets: Vec<Probe> = probes.iter().map(|(_, probe)| *probe).collect();
            let tool = self
                .survey(&node)
                .await
                .ok()
                .and_then(|survey| survey.probe);
            let seen = match tool {
                None => vec![Reach::Unknown; targets.len()],
                Some(tool) => {
                    let command = Command::root(tool.script(&targets, seconds))
                        .timeout(PROBES_TIMEOUT)
                        .idempotent();
                    let printed = self.exec(&node, &command).await;
                    let printed = printed.map(|output| output.stdout).unwrap_or_default();
                    probe::parse(&printed, targets.len())
                }
            };
            probes.into_iter().zip(seen).collect::<Vec<_>>()
        }));
        let here = join_all(from_here.into_iter().map(async |(way, node)| {
            let target = self.target(&node);
            let port = target.and_then(|target| target.database_port);
            let reach = match (target, port) {
                (Some(target), Some(port)) => (self.dial)(target.host.clone(), port, seconds).await,
                _ => Reach::Unknown,
            };
            (way, reach)
        }));
        let (on_nodes, here) = join(on_nodes, here).await;
        let mut all: BTreeMap<Link, Seen> = BTreeMap::new();
        for ((way, probe), reach) in on_nodes.into_iter().flatten() {
            all.entry(way).or_default().push((probe.address, reach));
        }
        for (way, reach) in here {
            all.insert(way, vec![(Ipv4Addr::UNSPECIFIED.into(), reach)]);
        }
        all
    }

    /// Where to probe a node: its SSH port, which surely answers. From the node that the controller's connection
    /// comes from, that port stays open in a partition, and the database's serves.
    async fn probe_port(&self, from: &Arc<str>, to: &Arc<str>, book: &AddressBook) -> Option<u16> {
        let database = self.target(to).and_then(|target| target.database_port);
        let Some((address, port)) = self.survey(to).await.ok()?.controller else {
            return database.or(Some(22));
        };
        let is_on_the_way = book.get(from).is_some_and(|own| own.contains(&address))
            || self
                .cluster
                .clients
                .iter()
                .any(|client| book.get(from).is_some_and(|own| own.contains(client)));
        if is_on_the_way { database } else { Some(port) }
    }

    /// Whether another fault in force cuts the link.
    fn is_cut_by_another(&self, fault: u32, link: &Link) -> bool {
        self.active.borrow().iter().any(|(id, active)| {
            *id != fault
                && matches!(&active.fault.effect, Effect::Cut { links, .. }
                    if links.iter().any(|other| other == link || is_back(other, link)))
        })
    }
}

impl Counted {
    fn put_into(&self, evidence: &mut Evidence) {
        let shown = |counted: &BTreeMap<Link, u64>| -> Vec<(String, u64)> {
            counted
                .iter()
                .map(|(link, packets)| (arrow(link), *packets))
                .collect()
        };
        evidence.put_map("packets_cut", shown(&self.cut));
        evidence.put_map("packets_passed", shown(&self.passed));
    }
}

/// What was measured of each link proves.
fn prove(
    links: &[&Link],
    mode: RejectMode,
    before: &BTreeMap<Link, Seen>,
    during: &BTreeMap<Link, Seen>,
    counted: &Counted,
) -> Vec<Proof> {
    let prove_one = |link: &Link| {
        let is_one_way =
            !links.iter().any(|other| is_back(other, link)) && link.from != Endpoint::Clients;
        let back = Link {
            from: link.to.clone(),
            to: link.from.clone(),
        };
        let measured = Measured {
            before: before.get(link).cloned().unwrap_or_default(),
            during: during.get(link).cloned().unwrap_or_default(),
            packets: counted.cut.get(link).copied(),
            back: if is_one_way {
                Back::Open {
                    packets: counted.passed.get(&back).copied(),
                }
            } else {
                Back::Cut
            },
        };
        measured.proof(mode)
    };
    links.iter().map(|link| prove_one(link)).collect()
}

/// Each link and its way back, sorted: whatever is cut one way is probed both ways, so that both counters move. From
/// nodes to clients nothing can be probed.
fn ways(links: &[&Link]) -> Vec<Link> {
    let mut ways: Vec<Link> = links
        .iter()
        .flat_map(|link| {
            let back = Link {
                from: link.to.clone(),
                to: link.from.clone(),
            };
            [(*link).clone(), back]
        })
        .filter(|way| way.to != Endpoint::Clients)
        .collect();
    ways.sort_unstable();
    ways.dedup();
    ways
}

fn senders<'a>(links: impl Iterator<Item = &'a Link>, to: &Endpoint) -> Vec<&'a Endpoint> {
    links
        .filter(|link| link.to == *to)
        .map(|link| &link.from)
        .collect()
}

fn is_back(other: &Link, link: &Link) -> bool {
    other.from == link.to && other.to == link.from
}

fn add(sums: &mut BTreeMap<Link, u64>, to: &Arc<str>, of: &[Endpoint], packets: &[u64]) {
    for (from, packets) in of.iter().zip(packets) {
        let link = Link {
            from: from.clone(),
            to: Endpoint::Node(to.clone()),
        };
        *sums.entry(link).or_default() += packets;
    }
}

fn arrow(link: &Link) -> String {
    format!("{} -> {}", link.from, link.to)
}

pub(super) fn probes_value(probes: &BTreeMap<Link, Seen>) -> Value {
    Value::map(
        probes
            .iter()
            .map(|(way, seen)| (arrow(way), link::shown(seen))),
    )
}

fn tool_name(tool: FirewallTool) -> &'static str {
    match tool {
        FirewallTool::Nft => "nft",
        FirewallTool::Iptables => "iptables",
    }
}
