//! Whether a plan can run: everything that can be found out without disturbing anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use schism_nemeses::control::{Command, Control as _};
use schism_nemeses::{Spec, quote};

use super::{Node, Site};
use crate::clock::wall_time;
use crate::lab::MARKER;

/// Further from the controller's than this, a node's wall clock is worth a word.
const CLOCK_APART: Duration = Duration::from_secs(1);
/// With less room than this, a node's disk is worth a word.
const ROOM_KIB: u64 = 256 * 1024;

/// A database that does not serve is asked so often before it counts as down.
const ASKED_MOST: u32 = 4;
/// Between two of these times.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What was found out about a node, or about all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The node; `None` when it is about the whole cluster.
    pub node: Option<Arc<str>>,
    /// What was looked at: `ssh`, `root`, `partition`.
    pub subject: String,
    /// What it means for the run.
    pub weight: Weight,
    /// What was found, and, when it is not well, what to do about it.
    pub text: String,
}

/// What a finding means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Well,
    /// The run is possible; its result may surprise.
    Doubtful,
    /// The run is not possible.
    Prevents,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}: ")?;
        }
        write!(f, "{}: {}", self.subject, self.text)
    }
}

/// Errors of a node name it, and so does the finding: once is enough.
fn named_once(mut finding: Finding) -> Finding {
    if let Some(node) = &finding.node
        && let Some(rest) = finding.text.strip_prefix(&format!("node {node}: "))
    {
        finding.text = rest.to_owned();
    }
    finding
}

/// Asks for the time, the room where the database and the system live, and helpers that every node should have.
const ASK: &str = "date +now=%s.%N
for tool in timeout setsid; do command -v $tool >/dev/null || echo missing=$tool; done
df -Pk / 2>/dev/null | awk 'NR == 2 { print \"room=\" $4 }'
";

impl Site {
    /// Looks at every node, all at once: reachable, root, tools, clock, disk, data, database, and each fault of the plan.
    /// `guarded` says whether the data must be marked as ours: a lab's always is.
    pub async fn preflight(&self, faults: &[Spec], guarded: bool) -> Vec<Finding> {
        let nodes = join_all(self.nodes.iter().enumerate().map(async |(i, node)| {
            let mut findings = self.machine(node).await;
            if findings
                .iter()
                .all(|finding| finding.weight < Weight::Prevents)
            {
                findings.extend(self.faults(node, faults).await);
                if guarded {
                    findings.extend(self.data(node).await);
                }
            }
            findings.push(self.serves(node, i).await);
            findings
        }));
        nodes.await.into_iter().flatten().map(named_once).collect()
    }

    async fn machine(&self, node: &Node) -> Vec<Finding> {
        let find = |subject: &str, weight, text: String| Finding {
            node: Some(Arc::clone(&node.name)),
            subject: subject.to_owned(),
            weight,
            text,
        };
        let before = wall_time();
        let output = match self
            .control
            .exec(&node.name, &Command::user(ASK).idempotent())
            .await
        {
            Ok(output) => output,
            Err(error) => return vec![find("ssh", Weight::Prevents, error.to_string())],
        };
        let after = wall_time();
        let mut findings = vec![find("ssh", Weight::Well, "reached".to_owned())];
        let value = |name: &str| {
            output
                .stdout
                .lines()
                .find_map(|line| line.strip_prefix(name))
        };

        match self
            .control
            .exec(&node.name, &Command::root("id -u").idempotent())
            .await
        {
            Ok(id) if id.stdout.trim() == "0" => {
                findings.push(find("root", Weight::Well, "granted".to_owned()));
            }
            Ok(id) => {
                let said = if id.stderr.is_empty() {
                    id.stdout
                } else {
                    id.stderr
                };
                let text = format!(
                    "refused ({said}); let the login user run `sudo -n` without a password, or log in as root"
                );
                findings.push(find("root", Weight::Prevents, text));
            }
            Err(error) => findings.push(find("root", Weight::Prevents, error.to_string())),
        }
        for missing in output
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("missing="))
        {
            let text =
                format!("there is no {missing}; install the packages coreutils and util-linux");
            findings.push(find("tools", Weight::Prevents, text));
        }
        if let Some(now) = value("now=").and_then(|now| now.parse::<f64>().ok()) {
            let seconds = |time: jiff::Timestamp| time.as_nanosecond() as f64 / 1e9;
            let apart = (seconds(before) - now).max(now - seconds(after)).max(0.0);
            let text = format!("{apart:.3} s from the controller's at least");
            if apart > CLOCK_APART.as_secs_f64() {
                let text = format!("{text}: log lines will not stand where they belong");
                findings.push(find("clock", Weight::Doubtful, text));
            } else {
                findings.push(find("clock", Weight::Well, text));
            }
        }
        if let Some(room) = value("room=").and_then(|room| room.parse::<u64>().ok()) {
            let weight = if room < ROOM_KIB {
                Weight::Doubtful
            } else {
                Weight::Well
            };
            findings.push(find(
                "disk",
                weight,
                format!("{} MiB free on /", room / 1024),
            ));
        }
        findings
    }

    async fn faults(&self, node: &Node, faults: &[Spec]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for spec in faults {
            let Some(kind) = spec.kind() else { continue };
            let obstacles = self.injector.possible(spec, &node.name).await;
            let find = |weight, text| Finding {
                node: Some(Arc::clone(&node.name)),
                subject: kind.to_owned(),
                weight,
                text,
            };
            if obstacles.is_empty() {
                findings.push(find(Weight::Well, "possible".to_owned()));
            }
            findings.extend(obstacles.into_iter().map(|obstacle| {
                find(
                    Weight::Prevents,
                    format!("{}; {}", obstacle.why, obstacle.remedy),
                )
            }));
        }
        // Two entries of one kind say the same.
        findings.dedup();
        findings
    }

    /// Whether the data folder is one that may be lost: ours, empty, or not there.
    async fn data(&self, node: &Node) -> Option<Finding> {
        let find = |weight, text| Finding {
            node: Some(Arc::clone(&node.name)),
            subject: "data".to_owned(),
            weight,
            text,
        };
        let data = node.data.as_deref()?;
        let Ok(quoted) = quote(data) else {
            return Some(find(
                Weight::Prevents,
                "[database] data holds a NUL byte".to_owned(),
            ));
        };
        let script = format!(
            "if [ -e {quoted}/{MARKER} ]; then echo ours; elif [ -z \"$(ls -A {quoted} 2>/dev/null)\" ]; then echo empty; else echo other; fi"
        );
        let answer = match self
            .control
            .exec(&node.name, &Command::root(script).idempotent())
            .await
        {
            Ok(output) => output.stdout,
            Err(error) => return Some(find(Weight::Prevents, error.to_string())),
        };
        Some(match answer.trim() {
            "ours" => find(Weight::Well, format!("{data} is marked as schism's")),
            "empty" => find(Weight::Well, format!("{data} is empty")),
            _ => find(
                Weight::Prevents,
                format!(
                    "{data} holds data that schism did not make; if it may be lost, mark it: \
                     `touch {data}/{MARKER}` on {}",
                    node.name
                ),
            ),
        })
    }

    async fn serves(&self, node: &Node, i: usize) -> Finding {
        let endpoint = &self.endpoints[i];
        let mut health = self.database.health(endpoint).await;
        for _ in 1..ASKED_MOST {
            if health.is_ok() {
                break;
            }
            // It may be about to elect a leader.
            tokio::time::sleep(ASK_AGAIN).await;
            health = self.database.health(endpoint).await;
        }
        let (weight, text) = match health {
            Ok(version) => (
                Weight::Well,
                format!(
                    "{version} serves clients at {}:{}",
                    endpoint.host, endpoint.port
                ),
            ),
            Err(error) => (Weight::Prevents, error.to_string()),
        };
        Finding {
            node: Some(Arc::clone(&node.name)),
            subject: self.database.name().to_owned(),
            weight,
            text,
        }
    }
}
