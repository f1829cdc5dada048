//! What right plans mean: defaults, overrides, the way back to TOML, and how they are shown.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use schism::cli::plan::describe;
use schism::plan::target::hops;
use schism::plan::units::Concurrency;
use schism::plan::{Pace, Quantile, Routing, Ssh, Target, read_recorded};

use crate::{CHECKERS, plans, read_set, read_valid, valid_plans};

const SHORTEST: &str = include_str!("../plans/valid/shortest.toml");

#[test]
fn the_shortest_plan_has_defaults_for_everything() {
    assert!(SHORTEST.lines().count() < 10);
    let plan = read_valid("shortest", SHORTEST);
    assert_eq!(plan.name, "shortest");
    assert_eq!(plan.seed, 7);
    assert_eq!(plan.time, Duration::from_mins(1));
    assert!(!plan.destructive);
    assert_eq!(plan.nodes().join(" "), "n1 n2 n3 n4 n5");
    assert_eq!(plan.database, None);
    assert_eq!(plan.load.concurrency, Concurrency::PerNode(2));
    assert_eq!(plan.processes(), 10);
    assert_eq!(plan.load.pace, Pace::AsFastAsPossible);
    assert_eq!(plan.load.timeout, Duration::from_secs(5));
    assert_eq!(plan.load.routing, Routing::Pinned);
    assert_eq!(plan.load.operations, None);
    assert_eq!(plan.recovery.within, Duration::from_mins(1));
    assert_eq!(plan.recovery.settle, Duration::from_secs(2));
    assert!(plan.checks.checkers.contains(&"linearizable".to_owned()));
    assert!(plan.gates.is_empty());
    assert!(!plan.timeline().is_empty());
}

#[test]
fn every_key_arrives() {
    let plan = read_valid("everything-sim", &text_of("everything-sim"));
    assert_eq!(plan.name, "every.key_there-is");
    assert_eq!(plan.seed, i64::MAX as u64);
    assert_eq!(plan.time, Duration::from_millis(90_500));
    let Target::Sim(config) = &plan.target else {
        panic!("{:?}", plan.target)
    };
    assert_eq!((config.store.as_str(), config.nodes), ("async-failover", 3));
    assert_eq!(plan.load.concurrency, Concurrency::InAll(7));
    assert_eq!(plan.load.pace, Pace::Open(1234.5));
    assert_eq!(plan.load.timeout, Duration::from_nanos(1_001_001_001));
    assert_eq!(plan.load.routing, Routing::Roaming);
    assert_eq!(plan.load.operations, Some(100_000));
    assert_eq!(plan.faults.len(), 5);
    assert_eq!(plan.recovery.settle, Duration::ZERO);
    assert_eq!(plan.checks.steps, 1_000);
    assert_eq!(plan.checks.memory.0, 512 << 20);
    assert_eq!(plan.checks.minimum_ok, 0);
    assert_eq!(plan.gates.require, ["lost-updates", "stats"]);
    let availability = plan.gates.availability.unwrap();
    assert_eq!(availability.warning.unwrap().to_string(), "99.9%");
    assert_eq!(plan.gates.latency["add"].len(), Quantile::ALL.len());
}

#[test]
fn a_cluster_over_ssh_arrives() {
    let plan = read_valid("ssh-long", &text_of("ssh-long"));
    let Target::Ssh(ssh) = &plan.target else {
        panic!("{:?}", plan.target)
    };
    let names: Vec<_> = ssh.nodes.iter().map(|node| &*node.name).collect();
    assert_eq!(names, ["db1.example", "n2", "db2.example"]);
    assert_eq!(ssh.nodes[1].port, Some(2222));
    assert_eq!(ssh.key.as_deref(), Some(Path::new("/plans/keys/id")));
    let hosts = Path::new("/home/tester/hosts");
    assert_eq!(ssh.known_hosts.as_deref(), Some(hosts));
    assert_eq!(ssh.nodes[1].address, "10.0.0.2".parse().ok());
    assert_eq!(ssh.passphrase.as_ref().unwrap().variable(), "KEY_PASS");
    assert_eq!(
        hops(&ssh.jump),
        "me@bastion.example:2200,[fd00::1]:22,inner"
    );
    assert!(!ssh.config && !ssh.sudo && ssh.accept_new_host_keys);
    let database = plan.database.unwrap();
    assert_eq!(database.port, 12_379);
    let rule = database.service.process_rule().unwrap();
    assert_eq!(
        (
            rule.name.as_str(),
            rule.pattern.as_deref(),
            rule.user.as_deref()
        ),
        ("java", Some("org.example.etcd"), Some("etcd"))
    );
    let addresses = Ssh {
        passphrase: None,
        ..ssh.clone()
    }
    .node_addresses()
    .unwrap();
    assert_eq!(addresses[1].port, Some(2222));
    assert_eq!(addresses[2].port, Some(22));
    assert_eq!(addresses[1].peers, ["10.0.0.2".parse::<IpAddr>().unwrap()]);
    assert!(
        ssh.node_addresses()
            .unwrap_err()
            .to_string()
            .contains("KEY_PASS")
    );

    let plan = read_valid("ssh-short", &text_of("ssh-short"));
    let Target::Ssh(ssh) = &plan.target else {
        panic!("{:?}", plan.target)
    };
    assert!(ssh.config && ssh.sudo && !ssh.accept_new_host_keys);
    assert_eq!(ssh.known_hosts, None);
    let service = plan.database.unwrap().service;
    assert_eq!(service.start.as_deref(), Some("systemctl start etcd"));
    assert_eq!(service.process.as_deref(), Some("etcd"));
    assert_eq!(service.data.as_deref(), Some("/var/lib/etcd"));
}

#[test]
fn a_resolved_plan_reads_back_as_the_same_plan_anywhere() {
    for (name, text) in valid_plans() {
        let plan = read_valid(&name, &text);
        let resolved = plan.to_toml();
        let again = read_recorded(&resolved, "plan.toml", &CHECKERS)
            .unwrap_or_else(|error| panic!("{name}: {error}\n{resolved}"));
        assert_eq!(again, plan, "{name}\n{resolved}");
        assert_eq!(again.to_toml(), resolved, "{name}");
        assert_eq!(again.timeline(), plan.timeline(), "{name}");
    }
}

#[test]
fn a_resolved_plan_says_every_default() {
    let resolved = read_valid("shortest", SHORTEST).to_toml();
    for key in [
        "name = ",
        "seed = ",
        "time = ",
        "destructive = ",
        "nodes = ",
        "write_back = ",
        "loss = ",
        "keys = ",
        "concurrency = ",
        "open = ",
        "timeout = ",
        "routing = ",
        "for = ",
        "within = ",
        "settle = ",
        "use = ",
        "steps = ",
        "memory = ",
        "minimum_ok = ",
    ] {
        assert!(resolved.contains(key), "no {key} in\n{resolved}");
    }
}

#[test]
fn arguments_take_the_place_of_the_plans_values() {
    let set = |arguments: &[&str]| {
        read_set(SHORTEST, arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    };
    assert_eq!(set(&["time=5s"]).time, Duration::from_secs(5));
    assert_eq!(set(&["time = \"5s\" "]).time, Duration::from_secs(5));
    assert_eq!(set(&["seed=1", "seed=2"]).seed, 2);
    assert_eq!(set(&["name=x y", "name=2024-01-01"]).name, "2024-01-01");
    assert_eq!(set(&["target.sim.nodes=3"]).nodes().len(), 3);
    assert_eq!(set(&["load.concurrency=3n"]).processes(), 15);
    assert_eq!(
        set(&["load={ rate = 5, open = true }"]).load.pace,
        Pace::Open(5.0)
    );
    assert_eq!(
        set(&["workload={ set = {} }", "target.sim.store=single-copy"])
            .workload
            .name(),
        "set"
    );
    let every = set(&["faults[0].every=5s", "faults[0].for=1s"])
        .timeline()
        .len();
    assert!(every > 10, "{every}");
    let more = set(&["faults[1].kill.targets=all"]);
    assert_eq!(more.faults.len(), 2);
    assert_eq!(set(&["faults=[]"]).timeline(), []);
    assert_eq!(
        set(&["gates.latency.read.p99.critical=1s"])
            .gates
            .latency
            .len(),
        1
    );
    assert_eq!(set(&["checks.minimum_ok=0"]).checks.minimum_ok, 0);
}

#[test]
fn the_same_seed_gives_the_same_timeline_and_another_seed_another_one() {
    let of = |seed: &str| read_set(SIM, &[seed]).unwrap().timeline();
    assert_eq!(of("seed=1"), of("seed=1"));
    assert_ne!(of("seed=1"), of("seed=2"));
}

const SIM: &str = schism::plan::init::SIM;

#[test]
fn plans_are_shown_in_words() {
    for (name, text) in valid_plans() {
        insta::assert_snapshot!(format!("shown-{name}"), describe(&read_valid(&name, &text)));
    }
}

fn text_of(wanted: &str) -> String {
    plans("valid")
        .into_iter()
        .find(|(name, _)| name == wanted)
        .unwrap()
        .1
}

#[test]
fn what_checkers_are_told_arrives_and_is_kept() {
    let text = text_of("checkers");
    let plan = read_valid("checkers", &text);
    let options = &plan.checks.options;
    let bank = options.bank.unwrap();
    assert_eq!((bank.total, bank.negative), (Some(100), true));
    assert!(options.ledger.unwrap().overdraft);
    let queue = options.queue.unwrap();
    assert!(queue.fifo && !queue.at_least_once);
    let model = options.linearizable.unwrap().model;
    assert_eq!(model.name(), "cas-register");
    assert_eq!(
        options.list_append.unwrap().claim.name(),
        "snapshot-isolation"
    );
    let resolved = plan.to_toml();
    assert!(
        resolved.contains("[checkers.queue]\nat_least_once = false\nfifo = true\n"),
        "{resolved}"
    );
    assert_eq!(
        read_recorded(&resolved, "plan.toml", &CHECKERS).unwrap(),
        plan
    );
    // A plan that tells them nothing is resolved to the same text as before.
    assert!(
        !read_valid("shortest", SHORTEST)
            .to_toml()
            .contains("[checkers")
    );
}
