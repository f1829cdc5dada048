//! Faults on real nodes: network namespaces, reached over SSH, looked at from outside.
//!
//! `cargo test -p schism-nemeses --test faults -- --ignored`

#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod netns;

use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use schism_history::{FaultOutcome, Value};
use schism_nemeses::control::{Control as _, Ssh};
use schism_nemeses::{
    Cluster, Direction, Effect, Endpoint, Fault, FirewallTool, Injector, Link, Partition,
    ProcessFault, ProcessRule, RejectMode, RemoteInjector, Report, Role, Shape, Spec, Targets,
    timeline,
};

use netns::{DATABASE_PORT, Nodes};

/// The fault that a spec yields for n1 as the leader.
fn fault(nodes: &[Arc<str>], spec: &Spec, seed: u64) -> Fault {
    let strikes = timeline(
        std::slice::from_ref(spec),
        nodes,
        Duration::from_mins(1),
        seed,
    );
    let roles: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            (
                node.clone(),
                if i == 0 { Role::Leader } else { Role::Follower },
            )
        })
        .collect();
    strikes[0].resolve(&roles, nodes).unwrap()
}

fn partition(nodes: &Nodes, partition: Partition) -> Fault {
    let spec = Spec {
        partition: Some(partition),
        ..Spec::default()
    };
    fault(nodes.names(), &spec, 7)
}

fn groups(nodes: &Nodes, groups: &[&[&str]]) -> Fault {
    let groups = groups
        .iter()
        .map(|group| group.iter().map(|&name| name.into()).collect())
        .collect();
    partition(
        nodes,
        Partition {
            groups: Some(groups),
            ..Partition::default()
        },
    )
}

fn numbered(fault: Fault, id: u32) -> Fault {
    Fault { id, ..fault }
}

fn installed(report: &Report) {
    assert_eq!(
        report.outcome,
        FaultOutcome::Installed,
        "{}",
        report.evidence
    );
}

fn skipped(report: &Report) {
    assert_eq!(report.outcome, FaultOutcome::Skipped, "{}", report.evidence);
}

fn number(name: &str) -> u8 {
    name[1..].parse().unwrap()
}

/// The ordered pairs of nodes that lose each other, and those that do not.
fn cut_pairs(fault: &Fault) -> Vec<(u8, u8)> {
    let Effect::Cut { links, .. } = &fault.effect else {
        return Vec::new();
    };
    links
        .iter()
        .filter_map(|link| match (&link.from, &link.to) {
            (Endpoint::Node(from), Endpoint::Node(to)) => Some((number(from), number(to))),
            _ => None,
        })
        .collect()
}

/// All ordered pairs but these.
fn others(nodes: &Nodes, cut: &[(u8, u8)]) -> Vec<(u8, u8)> {
    let count = nodes.names().len() as u8;
    (1..=count)
        .flat_map(|from| (1..=count).map(move |to| (from, to)))
        .filter(|pair| pair.0 != pair.1 && !cut.contains(pair))
        .collect()
}

/// Injects and heals, and looks at what is cut from outside.
async fn injects_and_heals(nodes: &Nodes, injector: &RemoteInjector, fault: &Fault) -> Report {
    let report = injector.inject(fault).await;
    installed(&report);
    let cut = cut_pairs(fault);
    assert_eq!(nodes.matrix(), others(nodes, &cut), "{}", fault.label);
    let healed = injector.heal(fault).await;
    installed(&healed);
    assert_eq!(nodes.matrix(), others(nodes, &[]), "{}", fault.label);
    report
}

const SHAPES: [Shape; 7] = [
    Shape::One,
    Shape::Halves,
    Shape::MajorityMinority,
    Shape::MajoritiesRing,
    Shape::Bridge,
    Shape::MinorityThird,
    Shape::Leader,
];

fn shaped(shape: Shape) -> Partition {
    Partition {
        shape: Some(shape),
        ..Partition::default()
    }
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn every_shape_cuts_exactly_what_it_says() {
    let nodes = Nodes::start(5);
    let injector = nodes.injector(nodes.cluster("shapes"));
    for (shape, id) in SHAPES.into_iter().zip(1..) {
        let fault = numbered(partition(&nodes, shaped(shape)), id);
        let report = injects_and_heals(&nodes, &injector, &fault).await;
        let evidence = report.evidence;
        let (from, to) = cut_pairs(&fault)[0];
        let link = format!("n{from} -> n{to}");
        let probe = |phase: &str| {
            let probes = evidence.get("probes").and_then(|probes| probes.get(phase));
            probes.and_then(|probes| probes.get(&link)).cloned()
        };
        assert_eq!(probe("before"), Some(Value::from("open")), "{evidence}");
        assert_eq!(probe("during"), Some(Value::from("silent")), "{evidence}");
        let packets = evidence
            .get("packets_cut")
            .and_then(|packets| packets.get(&link));
        assert!(packets.and_then(Value::as_int) > Some(0), "{evidence}");
        let tool = evidence.get("firewall").unwrap().get(&format!("n{to}"));
        assert_eq!(tool, Some(&Value::from("nft")), "{evidence}");
    }
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn iptables_does_the_same() {
    let nodes = Nodes::start(3);
    let injector = nodes.injector(Cluster {
        firewall: Some(FirewallTool::Iptables),
        ..nodes.cluster("iptables")
    });
    let reject = Partition {
        mode: RejectMode::Reject,
        ..shaped(Shape::Halves)
    };
    for (partition_, id) in [shaped(Shape::One), reject].into_iter().zip(1..) {
        let fault = numbered(partition(&nodes, partition_), id);
        let report = injects_and_heals(&nodes, &injector, &fault).await;
        let tool = report.evidence.get("firewall").unwrap().get("n1").cloned();
        assert_eq!(tool, Some(Value::from("iptables")));
    }
    one_way_cuts_lose_packets_one_way(&nodes, &injector, 10).await;
    clients_lose_the_database_only(&nodes, &injector, 20).await;
    assert!(!nodes.rules(1).contains("schism"), "{}", nodes.rules(1));
}

/// Sends datagrams from one node to another; whether they arrived.
fn datagram_arrives(nodes: &Nodes, from: u8, to: u8) -> bool {
    let arrived = || -> u64 {
        // Datagrams to a port that nobody listens on are counted there.
        let counters = nodes.inside(to, "grep '^Udp:' /proc/net/snmp | tail -n 1");
        counters.split(' ').nth(2).unwrap().parse().unwrap()
    };
    let before = arrived();
    let address = nodes.address(to);
    nodes.inside(from, &format!("bash -c 'echo x >/dev/udp/{address}/9'"));
    // It has arrived when a packet sent after it has been answered, or never does.
    nodes.reaches(from, to);
    arrived() > before
}

async fn one_way_cuts_lose_packets_one_way(nodes: &Nodes, injector: &RemoteInjector, id: u32) {
    for (direction, id) in [(Direction::In, id), (Direction::Out, id + 1)] {
        let cut = Partition {
            direction,
            ..shaped(Shape::Leader)
        };
        let fault = numbered(partition(nodes, cut), id);
        let report = injector.inject(&fault).await;
        installed(&report);
        let (inward, outward) = (datagram_arrives(nodes, 2, 1), datagram_arrives(nodes, 1, 2));
        assert_eq!(inward, direction == Direction::Out);
        assert_eq!(outward, direction == Direction::In);
        let passed = report.evidence.get("packets_passed").unwrap();
        let open = if direction == Direction::In {
            "n1 -> n2"
        } else {
            "n2 -> n1"
        };
        assert!(
            passed.get(open).and_then(Value::as_int) > Some(0),
            "{}",
            report.evidence
        );
        installed(&injector.heal(&fault).await);
        assert!(datagram_arrives(nodes, 2, 1) && datagram_arrives(nodes, 1, 2));
    }
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_one_way_cut_is_one_way() {
    let nodes = Nodes::start(3);
    let injector = nodes.injector(nodes.cluster("oneway"));
    one_way_cuts_lose_packets_one_way(&nodes, &injector, 1).await;
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_rejected_sender_is_told_at_once_both_ways() {
    let nodes = Nodes::start(3);
    for (tool, run) in [
        (FirewallTool::Nft, "reject1"),
        (FirewallTool::Iptables, "reject2"),
    ] {
        let injector = nodes.injector(Cluster {
            firewall: Some(tool),
            ..nodes.cluster(run)
        });
        let fault = partition(
            &nodes,
            Partition {
                mode: RejectMode::Reject,
                ..shaped(Shape::Leader)
            },
        );
        let report = injector.inject(&fault).await;
        installed(&report);
        for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
            for address in nodes.addresses(to) {
                // Long enough for any machine: a dropped packet would only be told by the end of it.
                let said = nodes.inside(
                    from,
                    &format!("LC_ALL=C timeout 20 bash -c ': </dev/tcp/{address}/22' 2>&1"),
                );
                assert!(said.contains("refused"), "n{from} to {address}: {said:?}");
            }
        }
        installed(&injector.heal(&fault).await);
        assert_eq!(nodes.matrix(), others(&nodes, &[]));
    }
}

/// Puts a file over the program `nft` of a node, as only the node itself sees it.
async fn replace_nft(nodes: &Nodes, node: &str, with: &str) {
    let script = format!("mount --bind {with} \"$(command -v nft)\"");
    let command = schism_nemeses::control::Command::root(script);
    let output = nodes.ssh().exec(node, &command).await.unwrap();
    assert_eq!(output.status, 0, "{output:?}");
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn each_node_filters_with_what_it_has() {
    let nodes = Nodes::start(3);
    replace_nft(&nodes, "n2", "/bin/false").await;
    let injector = nodes.injector(nodes.cluster("mixed"));
    let fault = groups(&nodes, &[&["n1"], &["n2", "n3"]]);
    let report = injects_and_heals(&nodes, &injector, &fault).await;
    let tools = report.evidence.get("firewall").unwrap();
    for (node, tool) in [("n1", "nft"), ("n2", "iptables"), ("n3", "nft")] {
        assert_eq!(tools.get(node), Some(&Value::from(tool)), "{node}");
    }
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_filter_that_only_pretends_is_found_out() {
    let nodes = Nodes::start(2);
    for node in ["n1", "n2"] {
        replace_nft(&nodes, node, "/bin/true").await;
    }
    let injector = nodes.injector(nodes.cluster("pretend"));
    let report = injector
        .inject(&partition(&nodes, shaped(Shape::One)))
        .await;
    skipped(&report);
    let reason = report.evidence.get("reason").and_then(Value::as_text);
    assert_eq!(reason, Some("every link still carries packets"));
}

async fn clients_lose_the_database_only(nodes: &Nodes, injector: &RemoteInjector, id: u32) {
    let clients = Partition {
        targets: Some(Targets::Names(vec!["n1".into(), "n2".into()])),
        ..shaped(Shape::Clients)
    };
    let fault = numbered(partition(nodes, clients), id);
    let report = injector.inject(&fault).await;
    installed(&report);
    for (node, reached) in [(1, false), (2, false), (3, true)] {
        assert_eq!(
            nodes.controller_reaches(node, DATABASE_PORT),
            reached,
            "n{node}"
        );
        assert!(nodes.controller_reaches(node, 22), "n{node}");
    }
    assert_eq!(nodes.matrix(), others(nodes, &[]));
    installed(&injector.heal(&fault).await);
    assert!(nodes.controller_reaches(1, DATABASE_PORT));
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn clients_are_cut_from_the_database_and_the_controller_is_not_cut_from_ssh() {
    let nodes = Nodes::start(3);
    let injector = nodes.injector(nodes.cluster("clients"));
    clients_lose_the_database_only(&nodes, &injector, 1).await;
    let mixed = numbered(groups(&nodes, &[&["n1", "clients"], &["n2", "n3"]]), 2);
    installed(&injector.inject(&mixed).await);
    assert!(nodes.controller_reaches(1, DATABASE_PORT));
    assert!(!nodes.controller_reaches(2, DATABASE_PORT));
    installed(&injector.heal(&mixed).await);
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn overlapping_partitions_heal_separately_and_leave_the_rules_of_others_alone() {
    let nodes = Nodes::start(3);
    for node in 1..=3 {
        nodes.inside(
            node,
            "nft 'table inet mine { chain c { type filter hook input priority 0; tcp dport 9999 counter drop; }; }'
             iptables -A INPUT -p tcp --dport 9998 -j DROP; iptables -N MINE; iptables -A INPUT -j MINE
             ip6tables -A INPUT -p tcp --dport 9997 -j DROP",
        );
    }
    let before = nodes.rules(1);
    assert!(before.contains("9997"), "{before}");
    for (tool, run) in [
        (None, "overlap1"),
        (Some(FirewallTool::Iptables), "overlap2"),
    ] {
        let injector = nodes.injector(Cluster {
            firewall: tool,
            ..nodes.cluster(run)
        });
        let one = numbered(groups(&nodes, &[&["n1"], &["n2"]]), 1);
        let two = numbered(groups(&nodes, &[&["n1"], &["n2", "n3"]]), 2);
        installed(&injector.inject(&one).await);
        installed(&injector.inject(&two).await);
        assert_eq!(nodes.matrix(), [(2, 3), (3, 2)]);
        installed(&injector.heal(&one).await);
        assert_eq!(nodes.matrix(), [(2, 3), (3, 2)]);
        installed(&injector.heal(&two).await);
        assert_eq!(nodes.matrix(), others(&nodes, &[]));
        // Once more does no harm.
        skipped(&injector.heal(&two).await);
        installed(&injector.heal_all().await);
        for node in 1..=3 {
            assert_eq!(nodes.rules(node), before, "n{node}");
        }
    }
}

fn on_processes(nodes: &Nodes, kind: &str, targets: Targets, id: u32) -> Fault {
    let settings = Some(ProcessFault { targets });
    let mut spec = Spec::default();
    match kind {
        "kill" => spec.kill = settings,
        "stop" => spec.stop = settings,
        "pause" => spec.pause = settings,
        _ => spec.restart = settings,
    }
    numbered(fault(nodes.names(), &spec, 7), id)
}

/// The states of a node's processes before or after, by what a report says.
fn states(report: &Report, node: &str, phase: &str) -> Vec<(i64, String)> {
    let processes = report.evidence.get("processes").unwrap();
    let found = processes.get(node).unwrap().get(phase).unwrap();
    found
        .as_list()
        .unwrap()
        .iter()
        .map(|process| {
            let state = process.get("state").and_then(Value::as_text).unwrap();
            let pid = process.get("pid").and_then(Value::as_int).unwrap();
            (pid, state.to_owned())
        })
        .collect()
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn processes_are_killed_stopped_paused_and_restarted_with_evidence() {
    let nodes = Nodes::start(3);
    let injector = nodes.injector(nodes.cluster("process"));
    for (kind, id) in [("kill", 1), ("stop", 2)] {
        let fault = on_processes(&nodes, kind, Targets::Leader, id);
        let report = injector.inject(&fault).await;
        installed(&report);
        assert_eq!(states(&report, "n1", "before").len(), 1);
        assert_eq!(states(&report, "n1", "after"), []);
        assert!(!nodes.controller_reaches(1, DATABASE_PORT));
        assert!(nodes.controller_reaches(2, DATABASE_PORT));
        let healed = injector.heal(&fault).await;
        installed(&healed);
        assert_ne!(
            states(&healed, "n1", "after"),
            states(&report, "n1", "before")
        );
        nodes.await_that("the database answers", || {
            nodes.controller_reaches(1, DATABASE_PORT)
        });
    }

    let pause = on_processes(&nodes, "pause", Targets::All, 3);
    let report = injector.inject(&pause).await;
    installed(&report);
    for node in ["n1", "n2", "n3"] {
        assert_eq!(states(&report, node, "after")[0].1, "T");
    }
    let healed = injector.heal(&pause).await;
    installed(&healed);
    assert_ne!(states(&healed, "n2", "after")[0].1, "T");

    let restart = on_processes(&nodes, "restart", Targets::Minority, 4);
    let report = injector.inject(&restart).await;
    installed(&report);
    let node = &restart.nodes[0];
    let (before, after) = (
        states(&report, node, "before"),
        states(&report, node, "after"),
    );
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before[0].0, after[0].0);
    installed(&injector.heal(&restart).await);
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_node_that_two_faults_keep_down_is_started_by_the_last() {
    let nodes = Nodes::start(1);
    let injector = nodes.injector(nodes.cluster("twice"));
    let kill = on_processes(&nodes, "kill", Targets::All, 1);
    installed(&injector.inject(&kill).await);
    let again = on_processes(&nodes, "kill", Targets::All, 2);
    skipped(&injector.inject(&again).await);
    installed(&injector.heal(&kill).await);
    nodes.await_that("the database answers", || {
        nodes.controller_reaches(1, DATABASE_PORT)
    });

    // Killed, started by somebody else, and killed again: the first healing leaves it down.
    let (first, second) = (numbered(kill.clone(), 3), numbered(kill, 4));
    installed(&injector.inject(&first).await);
    let start = schism_nemeses::control::Command::root(nodes.rule().start.unwrap());
    nodes.ssh().exec("n1", &start).await.unwrap();
    nodes.await_that("the database answers", || {
        nodes.controller_reaches(1, DATABASE_PORT)
    });
    installed(&injector.inject(&second).await);
    let report = injector.heal(&first).await;
    installed(&report);
    assert!(report.evidence.get("notes").is_some(), "{report:?}");
    assert!(!nodes.controller_reaches(1, DATABASE_PORT));
    installed(&injector.heal(&second).await);
    nodes.await_that("the database answers", || {
        nodes.controller_reaches(1, DATABASE_PORT)
    });
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_fault_without_effect_is_never_installed() {
    let nodes = Nodes::start(3);
    // Addresses that nobody has.
    let mut cluster = nodes.cluster("noeffect");
    for (target, i) in cluster.nodes.iter_mut().zip(100..) {
        target.peers = vec![nodes.address(i).into()];
        target.processes = Some(ProcessRule {
            name: "nobody".to_owned(),
            ..ProcessRule::default()
        });
    }
    let injector = nodes.injector(cluster);
    skipped(
        &injector
            .inject(&partition(&nodes, shaped(Shape::Halves)))
            .await,
    );
    for (kind, id) in [("kill", 2), ("stop", 3), ("pause", 4), ("restart", 5)] {
        skipped(
            &injector
                .inject(&on_processes(&nodes, kind, Targets::All, id))
                .await,
        );
    }

    // Clients come from elsewhere than the controller's connection says: nothing is cut.
    let mut elsewhere = nodes.cluster("noeffect");
    elsewhere.nodes[0].database_port = Some(DATABASE_PORT);
    let injector = nodes.injector(elsewhere);
    let unused = Fault {
        effect: Effect::Cut {
            links: vec![Link {
                from: Endpoint::Node("n1".into()),
                to: Endpoint::Clients,
            }],
            mode: RejectMode::Drop,
        },
        ..partition(&nodes, shaped(Shape::Leader))
    };
    skipped(&injector.inject(&unused).await);
    for node in 1..=3 {
        assert!(!nodes.rules(node).contains("schism"), "n{node}");
    }
    installed(&injector.heal_all().await);
}

/// What a controller that is killed needs to know, in its environment.
const DOOMED: &str = "SCHISM_TEST_DOOMED_CONTROLLER";

/// Not a test of its own: the controller that [`a_killed_controllers_faults_undo_themselves`] kills.
#[tokio::test]
#[ignore = "only run by another test"]
async fn the_controller_that_is_killed() {
    let Ok(told) = std::env::var(DOOMED) else {
        return;
    };
    let mut words = told.split('\n');
    let mut next = || words.next().unwrap().to_owned();
    let (key, known_hosts, name, pattern, start) = (next(), next(), next(), next(), next());
    let hosts: Vec<String> = words.map(str::to_owned).collect();
    let names: Vec<Arc<str>> = (1..=hosts.len()).map(|i| format!("n{i}").into()).collect();
    let addresses =
        hosts
            .iter()
            .zip(&names)
            .map(|(host, name)| schism_nemeses::control::NodeAddress {
                user: Some("root".to_owned()),
                key: Some(key.clone().into()),
                known_hosts: Some(known_hosts.clone().into()),
                config: false,
                ..schism_nemeses::control::NodeAddress::new(&**name, host)
            });
    let control = Rc::new(Ssh::new(addresses.collect()));
    let rule = ProcessRule {
        name,
        pattern: Some(pattern),
        start: Some(start),
        ..ProcessRule::default()
    };
    let targets = hosts
        .iter()
        .zip(&names)
        .map(|(host, name)| schism_nemeses::Target {
            processes: Some(rule.clone()),
            ..schism_nemeses::Target::new(name.clone(), host)
        });
    let cluster = Cluster {
        lease: LEASE,
        ..Cluster::new("doomed", targets.collect())
    };
    let injector = RemoteInjector::new(control, cluster).unwrap();
    let spec = |text: &str| -> Spec { serde_json::from_str(text).unwrap() };
    for (text, id) in [
        (r#"{"partition":{"shape":"leader"}}"#, 1),
        (r#"{"kill":{"targets":["n2"]}}"#, 2),
        (r#"{"pause":{"targets":["n3"]}}"#, 3),
    ] {
        let fault = numbered(fault(&names, &spec(text), 7), id);
        installed(&injector.inject(&fault).await);
    }
    println!("injected");
    // It renews its leases until it is killed.
    loop {
        tokio::time::sleep(injector.renew_every()).await;
        let wrong = injector.renew().await;
        if wrong.is_empty() {
            println!("renewed");
        }
    }
}

/// Short, for a test; a usual one is 30 s.
const LEASE: Duration = Duration::from_secs(8);

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_killed_controllers_faults_undo_themselves() {
    use std::io::{BufRead as _, BufReader};

    let nodes = Nodes::start(3);
    let rule = nodes.rule();
    let mut told = vec![
        nodes.key().display().to_string(),
        nodes.known_hosts().display().to_string(),
        rule.name,
        rule.pattern.unwrap(),
        rule.start.unwrap(),
    ];
    told.extend((1..=3).map(|i| nodes.address(i).to_string()));
    let mut controller = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "the_controller_that_is_killed",
            "--nocapture",
        ])
        .env(DOOMED, told.join("\n"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(controller.stdout.take().unwrap());
    let mut lines = stdout.lines().map(Result::unwrap);
    assert!(
        lines.any(|line| line.ends_with("injected")),
        "it ended early"
    );
    // Six renewals are one and a half leases: without them, the faults would be undone by now.
    for _ in 0..6 {
        assert!(lines.any(|line| line == "renewed"), "it ended early");
    }
    let is_paused = || nodes.inside(3, "grep -l \"^State:.T\" /proc/[0-9]*/status 2>/dev/null");
    assert_eq!(nodes.matrix(), [(2, 3), (3, 2)]);
    assert!(!nodes.controller_reaches(2, DATABASE_PORT));
    assert_ne!(is_paused(), "");

    // SIGKILL.
    controller.kill().unwrap();
    controller.wait().unwrap();
    nodes.await_that("all nodes reach each other again", || {
        nodes.matrix() == others(&nodes, &[])
    });
    nodes.await_that("the killed database runs again", || {
        nodes.controller_reaches(2, DATABASE_PORT)
    });
    nodes.await_that("the paused database goes on", || is_paused().is_empty());
    for node in 1..=3 {
        assert!(!nodes.rules(node).contains("schism"), "n{node}");
    }
    let report = nodes.injector(nodes.cluster("after")).heal_all().await;
    installed(&report);
    assert_eq!(
        report.evidence.get("undone"),
        None,
        "nothing was left to undo"
    );
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_lapsed_lease_is_noticed() {
    let nodes = Nodes::start(2);
    let injector = nodes.injector(Cluster {
        lease: LEASE,
        ..nodes.cluster("lapse")
    });
    let fault = partition(&nodes, shaped(Shape::One));
    installed(&injector.inject(&fault).await);
    nodes.await_that("the lease has run out", || {
        nodes.matrix() == others(&nodes, &[])
    });
    let wrong = injector.renew().await;
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("the lease ran out"), "{wrong:?}");
    let healed = injector.heal(&fault).await;
    assert_eq!(healed.outcome, FaultOutcome::Indeterminate);
    assert_eq!(
        healed.evidence.get("lapsed"),
        Some(&Value::list(["n1", "n2"]))
    );
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn healing_everything_cleans_up_after_any_run() {
    let nodes = Nodes::start(3);
    // The second run finds its links cut and its processes down already; its rules are there all the same.
    let runs = [
        (None, "lost1", "n1"),
        (Some(FirewallTool::Iptables), "lost2", "n3"),
    ];
    for (tool, run, alone) in runs {
        let lost = nodes.injector(Cluster {
            firewall: tool,
            ..nodes.cluster(run)
        });
        let rest: Vec<&str> = ["n1", "n2", "n3"]
            .into_iter()
            .filter(|n| *n != alone)
            .collect();
        let kill = on_processes(&nodes, "kill", Targets::Names(vec!["n1".into()]), 2);
        let pause = on_processes(&nodes, "pause", Targets::Names(vec!["n2".into()]), 3);
        let reports = [
            lost.inject(&groups(&nodes, &[&[alone], &rest])).await,
            lost.inject(&kill).await,
            lost.inject(&pause).await,
        ];
        if tool.is_none() {
            reports.iter().for_each(installed);
        } else {
            assert_ne!(reports[0].outcome, FaultOutcome::Skipped);
        }
    }
    let injector = nodes.injector(nodes.cluster("other"));
    let report = injector.heal_all().await;
    installed(&report);
    let undone = report.evidence.get("undone").unwrap().get("n1").unwrap();
    assert!(undone.as_list().unwrap().len() >= 2, "{undone}");
    assert_eq!(nodes.matrix(), others(&nodes, &[]));
    for node in 1..=3 {
        assert!(!nodes.rules(node).contains("schism"), "n{node}");
        nodes.await_that("the database runs", || {
            nodes.controller_reaches(node, DATABASE_PORT)
        });
    }
    let again = injector.heal_all().await;
    installed(&again);
    assert_eq!(again.evidence.get("undone"), None);
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_node_that_is_down_leaves_doubt() {
    let mut nodes = Nodes::start(3);
    nodes.stop(3);
    let injector = nodes.injector(nodes.cluster("down"));
    let report = injector
        .inject(&groups(&nodes, &[&["n1"], &["n2", "n3"]]))
        .await;
    assert_eq!(report.outcome, FaultOutcome::Indeterminate, "{report:#?}");
    assert!(!nodes.reaches(1, 2).0);
    let healed = injector
        .heal(&groups(&nodes, &[&["n1"], &["n2", "n3"]]))
        .await;
    assert!(nodes.reaches(1, 2).0, "{healed:#?}");
    let all = injector.heal_all().await;
    assert_eq!(all.outcome, FaultOutcome::Indeterminate);
    let spec = Spec {
        partition: Some(Partition::default()),
        ..Spec::default()
    };
    assert_eq!(injector.possible(&spec, "n3").await.len(), 1);
    assert_eq!(injector.possible(&spec, "n1").await, []);
}

/// Shuts the controller out of n3 while that is cut off, by a rule that is not ours, and tries to heal.
async fn heal_without_n3(nodes: &Nodes, injector: &RemoteInjector) {
    let fault = groups(nodes, &[&["n1", "n2"], &["n3"]]);
    installed(&injector.inject(&fault).await);
    nodes.inside(
        3,
        &format!(
            "nft 'table inet locked {{ chain c {{ type filter hook input priority 0; \
             ip saddr {} tcp dport 22 reject with tcp reset; }}; }}'",
            nodes.controller()
        ),
    );
    let healed = injector.heal(&fault).await;
    assert_eq!(healed.outcome, FaultOutcome::Indeterminate);
    let errors = healed.evidence.get("errors").unwrap().to_string();
    assert!(errors.contains("n3"), "{errors}");
    for node in [1, 2] {
        assert!(!nodes.rules(node).contains("schism"), "n{node}");
    }
}

fn let_into_n3(nodes: &Nodes) {
    // Our healing has left it alone.
    assert!(nodes.rules(3).contains("table inet locked"));
    nodes.inside(3, "nft delete table inet locked");
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_node_that_cannot_be_healed_heals_itself() {
    let nodes = Nodes::start(3);
    let injector = nodes.injector(Cluster {
        lease: LEASE,
        ..nodes.cluster("locked")
    });
    heal_without_n3(&nodes, &injector).await;
    let all = injector.heal_all().await;
    assert_eq!(all.outcome, FaultOutcome::Indeterminate, "{}", all.evidence);
    nodes.await_that("n3 has healed itself", || {
        !nodes.rules(3).contains("schism")
    });
    let_into_n3(&nodes);
    assert_eq!(nodes.matrix(), others(&nodes, &[]));
}

#[tokio::test]
#[ignore = "needs root: network namespaces and sshd: .ci/run runs it"]
async fn a_node_that_could_not_be_healed_is_healed_when_it_is_back() {
    let nodes = Nodes::start(3);
    // So long that it is not the lease that heals.
    let injector = nodes.injector(Cluster {
        lease: Duration::from_mins(10),
        ..nodes.cluster("late")
    });
    heal_without_n3(&nodes, &injector).await;
    assert!(!injector.renew().await.is_empty());
    assert!(nodes.rules(3).contains("schism"), "{}", nodes.rules(3));
    let_into_n3(&nodes);
    // Right after a failure, nobody tries to connect.
    for _ in 0..100 {
        if injector.renew().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!nodes.rules(3).contains("schism"), "{}", nodes.rules(3));
    assert_eq!(nodes.matrix(), others(&nodes, &[]));
    installed(&injector.heal_all().await);
}
