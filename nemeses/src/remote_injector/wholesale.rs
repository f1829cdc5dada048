//! Healing everything: whatever any run left on the nodes, and the proof that nothing of it remains.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use schism_history::{FaultOutcome, Value};

use super::cut::probes_value;
use super::process_run::processes_value;
use super::{Evidence, RemoteInjector, link};
use crate::control::Command;
use crate::fault::{Endpoint, Link};
use crate::injector::Report;
use crate::process_rule::{Found, Processes, Told};
use crate::{firewall, lease};

/// How long it may take on one node, where several databases may have to start.
const TIMEOUT: Duration = Duration::from_mins(2);

impl RemoteInjector {
    pub(super) async fn heal_everything(&self) -> Report {
        let run = join_all(self.cluster.nodes.iter().map(async |target| {
            let processes = self.processes.get(&target.name);
            let recover = processes.map(Processes::recover).unwrap_or_default();
            let script = [
                lease::UNDO_ALL,
                firewall::REMOVE_ALL,
                &recover,
                lease::LIST_ALL,
                firewall::LIST_ALL,
                ":\n",
            ]
            .concat();
            let command = Command::root(script).timeout(TIMEOUT).idempotent();
            (target.name.clone(), self.exec(&target.name, &command).await)
        }))
        .await;

        let (mut told, mut undone) = (BTreeMap::new(), BTreeMap::new());
        let (mut left, mut errors) = (Vec::new(), Vec::new());
        for (node, result) in run {
            let output = match result {
                Ok(output) => output,
                Err(reason) => {
                    errors.push(reason);
                    continue;
                }
            };
            let mut scripts = Vec::new();
            for line in output.stdout.lines() {
                match line.split_once(' ') {
                    Some(("left", what)) => left.push(format!("node {node}: {what}")),
                    Some(("undone", what)) => scripts.push(what.to_owned()),
                    _ => {}
                }
            }
            if !scripts.is_empty() {
                undone.insert(node.to_string(), Value::from(scripts));
            }
            if let Some(processes) = self.processes.get(&node) {
                let here = Told::read(&output.stdout);
                left.extend(still_wrong(&node, &here, processes.can_start));
                errors.extend(here.trouble.iter().map(|t| format!("node {node}: {t}")));
                told.insert(node, here);
            }
        }

        let book = self.addresses().await;
        let probes = self
            .probe(&self.all_ways(), &book, link::OPEN_SECONDS)
            .await;
        let mut evidence = Evidence::default();
        evidence.put_map("undone", undone);
        evidence.put_map("processes", processes_value(&told));
        // Whether nodes ought to reach each other is not known here: a site may keep them apart. What is seen is shown.
        evidence.put("probes", Value::map([("after", probes_value(&probes))]));
        let unreached: Vec<String> = probes
            .iter()
            .filter(|(_, seen)| !link::is_reached(seen))
            .map(|(way, _)| format!("{} -> {}", way.from, way.to))
            .collect();
        evidence.put_list("unreached", unreached);
        let reason = if !errors.is_empty() {
            Some("not every node could be healed".to_owned())
        } else if left.is_empty() {
            None
        } else {
            Some("something of ours is left".to_owned())
        };
        evidence.put_list("left", left);
        evidence.put_list("errors", errors);
        let outcome = if reason.is_some() {
            FaultOutcome::Indeterminate
        } else {
            FaultOutcome::Installed
        };
        evidence.report(outcome, reason)
    }

    /// From every node to every other.
    fn all_ways(&self) -> Vec<Link> {
        let names: Vec<&Arc<str>> = self
            .cluster
            .nodes
            .iter()
            .map(|target| &target.name)
            .collect();
        let place = |name: &Arc<str>| Endpoint::Node(name.clone());
        let mut ways = Vec::new();
        for from in &names {
            for to in names.iter().filter(|to| to != &from) {
                ways.push(Link {
                    from: place(from),
                    to: place(to),
                });
            }
        }
        ways
    }
}

fn still_wrong(node: &Arc<str>, told: &Told, can_start: bool) -> Vec<String> {
    let mut wrong: Vec<String> = told
        .after
        .iter()
        .filter(|found| Found::is_stopped(found))
        .map(|found| format!("node {node}: process {} stands still", found.pid))
        .collect();
    if can_start && told.after.is_empty() {
        wrong.push(format!("node {node}: the database does not run"));
    }
    wrong
}
