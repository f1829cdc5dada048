//! A lab's nodes as somebody's own machines: the plan's target is `ssh`, and the plan says all that a lab knows of
//! itself.

use std::fs;
use std::path::PathBuf;

use schism::lab::Labs;
use serde_json::Value;

use crate::scene::Scene;

/// The folder of the database's data on each node.
pub(crate) const DATA: &str = "/var/lib/schism/etcd";

/// The database's log on each node.
const LOG: &str = "/var/log/schism/etcd.log";

/// Where the script that starts the database lies on each node.
const START: &str = "/var/lib/schism/start.sh";

/// Three machines with etcd, and how they are reached.
pub(crate) struct Machines {
    pub(crate) hosts: Vec<String>,
    pub(crate) key: PathBuf,
    pub(crate) known_hosts: PathBuf,
}

impl Machines {
    /// Brings the scene's lab up.
    pub(crate) fn up(scene: &Scene) -> Self {
        let up = scene.up("3");
        let files = PathBuf::from(up["directory"].as_str().unwrap());
        let lab = Labs::below(scene.labs()).open(scene.lab()).unwrap();
        let nodes = up["nodes"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for node in nodes {
            let name = text(&node["name"]);
            let start = lab.service(&name).unwrap().start;
            let quoted = schism_nemeses::quote(&start).unwrap();
            scene.on(&name, &format!("printf %s {quoted} > {START}"));
        }
        Self {
            hosts: nodes.iter().map(|node| text(&node["address"])).collect(),
            key: files.join("id_ed25519"),
            known_hosts: files.join("known_hosts"),
        }
    }

    /// A plan for them, with the consent to harm.
    pub(crate) fn plan(&self, scene: &Scene) -> String {
        let nodes: Vec<_> = self
            .hosts
            .iter()
            .zip(1..)
            .map(|(host, i)| format!("{{ name = \"n{i}\", host = \"{host}\" }}"))
            .collect();
        scene.plan(&format!(
            r#"name = "real"
seed = 7
time = "10s"
destructive = true

[target.ssh]
nodes = [{}]
user = "root"
key = "{}"
known_hosts = "{}"
config = false

[database]
etcd = {{}}
start = "sh {START}"
stop = "pkill -TERM -x etcd"
data = "{DATA}"
logs = ["{LOG}"]

[workload]
register = {{}}

[load]
concurrency = 6
rate = 200
timeout = "2s"

[[faults]]
partition = {{ shape = "leader" }}
at = ["500ms"]
for = "1500ms"

[[faults]]
kill = {{ targets = "leader" }}
at = ["3s"]
for = "6s"
"#,
            nodes.join(", "),
            self.key.display(),
            self.known_hosts.display(),
        ))
    }

    /// A copy of the known host keys in which the host of one has the key of another.
    pub(crate) fn mistaken_known_hosts(&self, scene: &Scene, one: usize, other: usize) -> String {
        let text = fs::read_to_string(&self.known_hosts).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let (hosts, right) = lines[one].split_once(' ').unwrap();
        let (_, wrong) = lines[other].split_once(' ').unwrap();
        assert_ne!(right, wrong);
        let mut lines = lines.clone();
        let line = format!("{hosts} {wrong}");
        lines[one] = &line;
        let path = scene.path("mistaken");
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        path.to_str().unwrap().to_owned()
    }
}
