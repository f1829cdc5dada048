//! The injector against nodes that only pretend: they answer scripts from a small model of a network.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::*;
use crate::control::{Call, ControlError, Recording};
use crate::fault::{Endpoint, Link, RejectMode};
use crate::testing::nodes;
use crate::{ProcessRule, Target};

/// What the nodes do.
#[derive(Clone, Default)]
struct Model {
    /// The rules do nothing.
    is_broken: bool,
    /// The exit status of applying, by node.
    statuses: BTreeMap<String, u32>,
    /// Nodes that do not answer.
    down: BTreeSet<String>,
    /// What a process script prints, by node.
    told: BTreeMap<String, String>,
    /// Whence the controller comes.
    controller: String,
    /// What the counters say, if not that all is well.
    packets: Option<u64>,
    /// The nodes on which rules are in force, with the rules.
    in_force: BTreeMap<String, String>,
}

struct Fake {
    control: Rc<Recording>,
    model: Arc<Mutex<Model>>,
    dialled: Rc<RefCell<Vec<(String, u16)>>>,
}

impl Fake {
    fn new(model: Model) -> Self {
        let model = Arc::new(Mutex::new(model));
        let answers = model.clone();
        let control = Recording::new(move |call| match call {
            Call::Exec { node, command } => answers.lock().unwrap().answer(node, &command.script),
            _ => Ok(Output::default()),
        });
        Self {
            control: Rc::new(control),
            model,
            dialled: Rc::default(),
        }
    }

    fn injector(&self, count: usize) -> RemoteInjector {
        let targets = nodes(count).into_iter().zip(1..).map(|(name, i)| Target {
            database_port: Some(7000),
            processes: Some(ProcessRule {
                name: "db".to_owned(),
                start: Some("start db".to_owned()),
                ..ProcessRule::default()
            }),
            ..Target::new(name, format!("10.0.0.{i}"))
        });
        let cluster = Cluster::new("t", targets.collect());
        let mut injector = RemoteInjector::new(self.control.clone(), cluster).unwrap();
        let (dialled, model) = (self.dialled.clone(), self.model.clone());
        injector.dial = Box::new(move |host, port, _| {
            dialled.borrow_mut().push((host.clone(), port));
            let model = model.lock().unwrap();
            let node = format!("n{}", &host["10.0.0.".len()..]);
            let is_cut = model.cuts(&node, "10.0.0.254");
            Box::pin(async move { if is_cut { Reach::Silent } else { Reach::Open } })
        });
        injector
    }

    /// The scripts that one node was told to run and that hold the text.
    fn scripts_with(&self, node: &str, text: &str) -> Vec<String> {
        let mut scripts = self.control.scripts(node);
        scripts.retain(|script| script.contains(text));
        scripts
    }
}

impl Model {
    fn answer(&mut self, node: &str, script: &str) -> Result<Output, ControlError> {
        if self.down.contains(node) {
            return Err(ControlError::Unreachable {
                node: node.to_owned(),
                reason: "it is down".to_owned(),
            });
        }
        let own = format!("10.0.0.{}", &node[1..]);
        let (mut status, mut stdout) = (0, String::new());
        if script.starts_with("f=none") {
            stdout = format!("firewall nft\nprobe bash\nstate /run/schism\naddress {own}");
        } else if script.contains("$SSH_CONNECTION") {
            stdout = format!("{} 5000 {own} 22", self.controller);
        } else if script.starts_with("p() {") {
            for line in script.lines().filter(|line| line.ends_with(" &")) {
                let words: Vec<&str> = line.split(' ').collect();
                let (number, to) = (words[1], format!("n{}", &words[2]["10.0.0.".len()..]));
                let to_controller_port = words[3] == "22" && own == self.controller;
                let is_cut =
                    (self.cuts(&to, &own) && !to_controller_port) || self.cuts(node, words[2]);
                let seen = if is_cut { "silent" } else { "open" };
                let _ = writeln!(stdout, "{number} {seen}");
            }
        } else if script.starts_with("nft list table") {
            let packets = self.packets.unwrap_or(3);
            for line in self
                .in_force
                .get(node)
                .map(String::as_str)
                .unwrap_or_default()
                .lines()
            {
                if line.contains(" counter") {
                    let _ = writeln!(stdout, "{line} packets {packets} bytes 60");
                }
            }
            stdout = stdout.replace("counter drop packets", "counter packets");
        } else if script.contains("undone ") {
            stdout = self.told.get(node).cloned().unwrap_or_default();
        } else if script.contains("undo() {")
            && script.contains("watched")
            && script.contains("apply || undo")
        {
            status = self.statuses.get(node).copied().unwrap_or(0);
            if status == 0 && script.contains("chain input") {
                let rules = script.rsplit("chain input").next().unwrap_or_default();
                self.in_force.insert(node.to_owned(), rules.to_owned());
            }
            stdout = self.told.get(node).cloned().unwrap_or_default();
        } else if script.contains("undo || exit 1") {
            self.in_force.remove(node);
            stdout = self.told.get(node).cloned().unwrap_or_default();
        }
        Ok(Output {
            status,
            stdout,
            stderr: if status == 0 {
                String::new()
            } else {
                "no luck".to_owned()
            },
        })
    }

    /// Whether packets from the address are cut on the node.
    fn cuts(&self, node: &str, from: &str) -> bool {
        !self.is_broken
            && self
                .in_force
                .get(node)
                .is_some_and(|rules| rules.contains(&format!("ip saddr {from} counter drop")))
    }
}

fn model() -> Model {
    Model {
        controller: "10.0.0.254".to_owned(),
        ..Model::default()
    }
}

fn place(name: &str) -> Endpoint {
    if name == "clients" {
        Endpoint::Clients
    } else {
        Endpoint::Node(name.into())
    }
}

fn cut(id: u32, links: &[(&str, &str)]) -> Fault {
    let links: Vec<Link> = links
        .iter()
        .map(|(from, to)| Link {
            from: place(from),
            to: place(to),
        })
        .collect();
    let nodes: BTreeSet<Arc<str>> = links
        .iter()
        .flat_map(|link| [&link.from, &link.to])
        .filter_map(|end| match end {
            Endpoint::Node(name) => Some(name.clone()),
            Endpoint::Clients => None,
        })
        .collect();
    Fault {
        id,
        name: "partition",
        label: String::new(),
        nodes: nodes.into_iter().collect(),
        sides: Vec::new(),
        effect: Effect::Cut {
            links,
            mode: RejectMode::Drop,
        },
    }
}

fn on(nodes: &[&str], effect: Effect) -> Fault {
    Fault {
        id: 1,
        name: "kill",
        label: String::new(),
        nodes: nodes.iter().map(|&node| node.into()).collect(),
        sides: Vec::new(),
        effect,
    }
}

const BOTH: [(&str, &str); 2] = [("n1", "n2"), ("n2", "n1")];

#[tokio::test]
async fn a_partition_is_set_up_proved_and_removed() {
    let fake = Fake::new(model());
    let injector = fake.injector(3);
    let fault = cut(1, &BOTH);
    let report = injector.inject(&fault).await;
    assert_eq!(report.outcome, FaultOutcome::Installed);
    assert_eq!(
        report.evidence.to_string(),
        r#"{firewall: {n1: "nft", n2: "nft"}, probes: {before: {n1 -> n2: "open", n2 -> n1: "open"}, during: {n1 -> n2: "silent", n2 -> n1: "silent"}}, packets_cut: {n1 -> n2: 3, n2 -> n1: 3}}"#
    );
    let applied = fake.scripts_with("n1", "apply || undo");
    assert_eq!(applied.len(), 1);
    for part in [
        "d=/run/schism/t\n",
        "echo 30 >\"$d/lease\"",
        "table inet schism_t_1 {\n",
        "    ip saddr 10.0.0.254 tcp dport 22 return\n",
        "    ip saddr 10.0.0.2 counter drop\n",
    ] {
        assert!(applied[0].contains(part), "{part}: {}", applied[0]);
    }
    assert_eq!(
        fake.scripts_with("n3", "schism_t_1"),
        [""; 0],
        "n3 has no part in it"
    );

    let healed = injector.heal(&fault).await;
    assert_eq!(
        healed.outcome,
        FaultOutcome::Installed,
        "{}",
        healed.evidence
    );
    let removed = fake.scripts_with("n1", "undo || exit 1");
    assert!(removed[0].contains("nft delete table inet schism_t_1;"));
    assert_eq!(injector.heal(&fault).await.outcome, FaultOutcome::Skipped);
}

#[tokio::test]
async fn rules_that_do_nothing_are_found_out_and_removed() {
    let fake = Fake::new(Model {
        is_broken: true,
        ..model()
    });
    let report = fake.injector(2).inject(&cut(1, &BOTH)).await;
    assert_eq!(report.outcome, FaultOutcome::Skipped);
    let reason = report.evidence.get("reason").and_then(Value::as_text);
    assert_eq!(reason, Some("every link still carries packets"));
    assert_eq!(fake.scripts_with("n1", "undo || exit 1").len(), 1);
    assert!(fake.model.lock().unwrap().in_force.is_empty());
}

#[tokio::test]
async fn silence_without_a_packet_cut_proves_nothing() {
    let fake = Fake::new(Model {
        packets: Some(0),
        ..model()
    });
    let report = fake.injector(2).inject(&cut(1, &BOTH)).await;
    assert_eq!(
        report.outcome,
        FaultOutcome::Indeterminate,
        "{}",
        report.evidence
    );
}

#[tokio::test]
async fn a_node_that_fails_leaves_doubt_and_all_of_them_none() {
    let failing = |nodes: &[&str]| {
        let statuses = nodes.iter().map(|node| ((*node).to_owned(), 3)).collect();
        Fake::new(Model {
            statuses,
            ..model()
        })
    };
    let one = failing(&["n1"]).injector(2).inject(&cut(1, &BOTH)).await;
    assert_eq!(one.outcome, FaultOutcome::Indeterminate, "{}", one.evidence);
    let all = failing(&["n1", "n2"])
        .injector(2)
        .inject(&cut(1, &BOTH))
        .await;
    assert_eq!(all.outcome, FaultOutcome::Skipped);
    let errors = all.evidence.get("errors").and_then(Value::as_list).unwrap();
    assert_eq!(errors[0], Value::from("node n1: no luck"));

    let down = Fake::new(Model {
        down: BTreeSet::from(["n2".to_owned()]),
        ..model()
    });
    let report = down.injector(2).inject(&cut(1, &BOTH)).await;
    assert_eq!(
        report.outcome,
        FaultOutcome::Indeterminate,
        "{}",
        report.evidence
    );
}

#[tokio::test]
async fn a_one_way_cut_counts_the_open_way() {
    let fake = Fake::new(model());
    let report = fake.injector(2).inject(&cut(1, &BOTH[..1])).await;
    assert_eq!(
        report.outcome,
        FaultOutcome::Installed,
        "{}",
        report.evidence
    );
    let at = |node| fake.scripts_with(node, "apply || undo").remove(0);
    assert!(at("n2").contains("ip saddr 10.0.0.1 counter drop\n"));
    assert!(at("n1").contains("ip saddr 10.0.0.2 counter\n"));
    let passed = report.evidence.get("packets_passed").unwrap();
    assert_eq!(passed.to_string(), "{n2 -> n1: 3}");
}

#[tokio::test]
async fn clients_are_probed_from_here() {
    let fake = Fake::new(model());
    let injector = fake.injector(2);
    let fault = cut(1, &[("clients", "n1"), ("n1", "clients")]);
    let report = injector.inject(&fault).await;
    assert_eq!(
        report.outcome,
        FaultOutcome::Installed,
        "{}",
        report.evidence
    );
    let dialled = fake.dialled.borrow().clone();
    assert_eq!(
        dialled,
        [("10.0.0.1".to_owned(), 7000), ("10.0.0.1".to_owned(), 7000)]
    );
    let applied = fake.scripts_with("n1", "apply || undo").remove(0);
    let keep = applied
        .find("ip saddr 10.0.0.254 tcp dport 22 return")
        .unwrap();
    let cut = applied.find("ip saddr 10.0.0.254 counter drop").unwrap();
    assert!(keep < cut, "SSH is let through first");
}

#[tokio::test]
async fn packets_to_the_clients_alone_cannot_be_cut() {
    let fake = Fake::new(model());
    let report = fake.injector(2).inject(&cut(1, &[("n1", "clients")])).await;
    assert_eq!(report.outcome, FaultOutcome::Skipped);
    assert!(
        report
            .evidence
            .to_string()
            .contains("where the clients are")
    );
}

#[tokio::test]
async fn a_node_that_the_controller_comes_through_is_probed_on_the_database_port() {
    let fake = Fake::new(Model {
        controller: "10.0.0.1".to_owned(),
        ..model()
    });
    let report = fake.injector(2).inject(&cut(1, &BOTH)).await;
    assert_eq!(
        report.outcome,
        FaultOutcome::Installed,
        "{}",
        report.evidence
    );
    let from_1 = fake.scripts_with("n1", "p() {");
    assert!(from_1[0].contains("p 0 10.0.0.2 7000 &"), "{}", from_1[0]);
    let from_2 = fake.scripts_with("n2", "p() {");
    assert!(from_2[0].contains("p 0 10.0.0.1 22 &"), "{}", from_2[0]);
}

#[tokio::test]
async fn two_partitions_of_one_link_count_as_one() {
    let fake = Fake::new(model());
    let injector = fake.injector(3);
    injector.inject(&cut(1, &BOTH)).await;
    fake.model.lock().unwrap().packets = Some(0);
    let again = injector.inject(&cut(2, &BOTH)).await;
    assert_eq!(again.outcome, FaultOutcome::Skipped);
    let reason = again.evidence.get("reason").and_then(Value::as_text);
    assert_eq!(reason, Some("another fault had cut every link already"));
}

fn told(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
    texts
        .iter()
        .map(|(node, text)| ((*node).to_owned(), (*text).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_kill_is_judged_by_what_the_processes_say() {
    for (on_n1, on_n2, expected) in [
        ("before 7 1 S", "before 8 1 S", FaultOutcome::Installed),
        ("before 7 1 S", "", FaultOutcome::Installed),
        ("", "", FaultOutcome::Skipped),
        (
            "before 7 1 S\nafter 7 1 D",
            "before 8 1 S",
            FaultOutcome::Indeterminate,
        ),
    ] {
        let fake = Fake::new(Model {
            told: told(&[("n1", on_n1), ("n2", on_n2)]),
            ..model()
        });
        let report = fake
            .injector(2)
            .inject(&on(&["n1", "n2"], Effect::Kill))
            .await;
        assert_eq!(report.outcome, expected, "{on_n1} {on_n2}");
        let disarmed = fake.scripts_with("n1", "undo || exit 1").len();
        assert_eq!(disarmed, usize::from(expected == FaultOutcome::Skipped));
    }
}

#[tokio::test]
async fn what_a_kill_leaves_for_the_lease_starts_the_database() {
    let fake = Fake::new(Model {
        told: told(&[("n1", "before 7 1 S")]),
        ..model()
    });
    let report = fake.injector(1).inject(&on(&["n1"], Effect::Kill)).await;
    assert_eq!(
        report.evidence.to_string(),
        r#"{processes: {n1: {before: [{pid: 7, state: "S"}], after: []}}}"#
    );
    let applied = fake.scripts_with("n1", "apply || undo").remove(0);
    let (undo, apply) = applied.split_once("apply() {").unwrap();
    assert!(undo.contains("tell before; start_all;"), "{undo}");
    assert!(
        apply.contains("tell before; kill_all; tell after"),
        "{apply}"
    );
}

#[tokio::test]
async fn a_node_without_a_rule_is_left_alone() {
    let fake = Fake::new(model());
    let mut injector = fake.injector(1);
    injector.processes.clear();
    let report = injector.inject(&on(&["n1"], Effect::Kill)).await;
    assert_eq!(report.outcome, FaultOutcome::Skipped);
    assert_eq!(fake.scripts_with("n1", "apply || undo"), [""; 0]);
}

#[tokio::test]
async fn healing_everything_says_what_is_left() {
    for (text, expected) in [
        ("undone r/1\nafter 7 1 S", FaultOutcome::Installed),
        (
            "left table inet schism_r_1\nafter 7 1 S",
            FaultOutcome::Indeterminate,
        ),
        ("after 7 1 T", FaultOutcome::Indeterminate),
        ("", FaultOutcome::Indeterminate),
    ] {
        let fake = Fake::new(Model {
            told: told(&[("n1", text), ("n2", "after 8 1 S")]),
            ..model()
        });
        let report = fake.injector(2).heal_all().await;
        assert_eq!(report.outcome, expected, "{text}: {}", report.evidence);
    }
}

#[tokio::test]
async fn names_of_hosts_are_resolved_on_another_node() {
    let fake = Fake::new(model());
    let mut injector = fake.injector(2);
    injector.cluster.nodes[0].host = "db1.example".to_owned();
    injector.addresses().await;
    assert_eq!(
        fake.scripts_with("n2", "getent"),
        ["getent ahosts 'db1.example'"]
    );
}

#[tokio::test]
async fn only_nodes_with_faults_in_force_are_renewed() {
    let fake = Fake::new(model());
    let injector = fake.injector(3);
    assert_eq!(injector.renew().await, [""; 0]);
    assert!(fake.control.calls().is_empty());
    injector.inject(&cut(1, &BOTH)).await;
    // The model knows nothing of renewals, so they fail, and are told.
    assert_eq!(injector.renew().await.len(), 2);
    assert_eq!(fake.scripts_with("n3", "echo renewed"), [""; 0]);
    assert_eq!(injector.renew_every(), Duration::from_millis(7_500));
}

#[tokio::test]
async fn what_could_not_be_healed_is_no_longer_renewed_and_is_healed_late() {
    let fake = Fake::new(model());
    let injector = fake.injector(3);
    let (over, lasting) = (cut(1, &BOTH), cut(2, &[("n2", "n3"), ("n3", "n2")]));
    injector.inject(&over).await;
    fake.model.lock().unwrap().down.insert("n2".to_owned());
    let healed = injector.heal(&over).await;
    assert_eq!(healed.outcome, FaultOutcome::Indeterminate);
    assert!(!fake.model.lock().unwrap().in_force.contains_key("n1"));

    let wrong = injector.renew().await;
    assert_eq!(wrong, ["node n2: it is down"]);
    for node in ["n1", "n2"] {
        assert_eq!(fake.scripts_with(node, "echo renewed"), [""; 0], "{node}");
    }

    // Another fault is renewed there, and the first one is undone all the same.
    fake.model.lock().unwrap().down.clear();
    injector.inject(&lasting).await;
    let undone = |node| {
        let scripts = fake.scripts_with(node, "undo || exit 1");
        let of_first = |script: &&String| script.contains("schism_t_1;");
        scripts.iter().filter(of_first).count()
    };
    let before = undone("n2");
    injector.renew().await;
    assert_eq!(undone("n2"), before + 1);
    assert_eq!(fake.scripts_with("n2", "echo renewed").len(), 1);
    injector.renew().await;
    assert_eq!(undone("n2"), before + 1, "once is enough");
}

#[tokio::test]
async fn a_kill_that_one_node_escapes_leaves_doubt() {
    let fake = Fake::new(Model {
        told: told(&[("n1", "before 7 1 S")]),
        down: BTreeSet::from(["n2".to_owned()]),
        ..model()
    });
    let report = fake
        .injector(2)
        .inject(&on(&["n1", "n2"], Effect::Kill))
        .await;
    assert_eq!(
        report.outcome,
        FaultOutcome::Indeterminate,
        "{}",
        report.evidence
    );
}

/// Nodes of which one never answers a renewal.
struct Silent {
    others: Rc<Recording>,
    node: &'static str,
}

#[async_trait(?Send)]
impl Control for Silent {
    async fn exec(&self, node: &str, command: &Command) -> Result<Output, ControlError> {
        if node == self.node && command.script.contains("echo renewed") {
            std::future::pending::<()>().await;
        }
        self.others.exec(node, command).await
    }

    async fn upload(&self, _: &str, _: &[u8], _: &str, _: u32) -> Result<(), ControlError> {
        Ok(())
    }

    async fn download(&self, _: &str, _: &str, _: &std::path::Path) -> Result<(), ControlError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_silent_node_does_not_hold_up_the_renewals_of_the_others() {
    let fake = Fake::new(model());
    let mut injector = fake.injector(2);
    injector.inject(&cut(1, &BOTH)).await;
    injector.cluster.lease = Duration::from_millis(30);
    injector.control = Rc::new(Silent {
        others: fake.control.clone(),
        node: "n2",
    });
    for round in 1..=2 {
        let wrong = injector.renew().await;
        assert!(
            wrong.contains(&"node n2: it keeps silent".to_owned()),
            "{wrong:?}"
        );
        assert_eq!(fake.scripts_with("n1", "echo renewed").len(), round);
    }
}
