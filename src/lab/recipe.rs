//! How a lab runs a database: data, one TOML file per database under `src/recipes`.
//!
//! A recipe's texts may hold the names `{node}`, `{address}`, `{data}`, `{log}` (the first of the logs), `{binary}`,
//! `{lab}` and `{peers}` (every node's `peer`, joined by commas). Filled in for one node, a recipe is a [`Service`].
//! Adding a database is one file and one line in [`RECIPES`].

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The databases a lab can run, by name.
const RECIPES: &[(&str, &str)] = &[("etcd", include_str!("../recipes/etcd.toml"))];

/// How one database is run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The program's file name; looked up in `PATH` unless the user names a file.
    pub binary: String,
    /// The Debian package that has it.
    pub package: String,
    /// What the kernel calls its processes (`/proc/PID/comm`, at most 15 characters).
    pub process: String,
    /// The TCP port for clients.
    pub port: u16,
    /// The root of its data on a node. Holds the marker file `.schism`, so the database's own files go into a
    /// directory below it.
    pub data: String,
    /// Its log files on a node.
    pub logs: Vec<String>,
    /// Texts in the logs that only a crash writes.
    pub crash: Vec<String>,
    /// What `{peers}` is made of.
    pub peer: String,
    /// A script that prints the version.
    pub version: String,
    /// A script that leaves the database running in the background. It is not run while one of its processes is
    /// there, so it may be run again at any time.
    pub start: String,
    /// When a node's database serves clients.
    pub ready: Ready,
}

/// When a node's database serves clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Ready {
    /// Its client port answers an HTTP GET with this.
    Http {
        /// The path.
        path: String,
        /// What the answer must contain.
        contains: String,
    },
}

/// A database on one node, ready to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// The database.
    pub database: &'static str,
    /// What the kernel calls its processes.
    pub process: String,
    /// The TCP port for clients.
    pub port: u16,
    /// The root of its data.
    pub data: String,
    /// Its log files.
    pub logs: Vec<String>,
    /// Texts in the logs that only a crash writes.
    pub crash: Vec<String>,
    /// A script that starts it; does nothing when it runs.
    pub start: String,
    /// A script that asks it to end, and waits up to 30 seconds until it has; does nothing when it does not run.
    pub stop: String,
    /// A script whose exit status is 0 while it runs.
    pub running: String,
    /// A script that prints its version.
    pub version: String,
    /// When it serves clients.
    #[serde(skip)]
    pub ready: Ready,
}

/// What a recipe needs to know about the lab and the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The lab's name.
    pub(super) lab: &'a str,
    /// The program's path on the node.
    pub(super) binary: &'a str,
    /// The node.
    pub(super) node: (&'a str, Ipv4Addr),
    /// All nodes.
    pub(super) nodes: &'a [(&'a str, Ipv4Addr)],
}

/// The names of the databases a lab can run.
pub fn databases() -> Vec<&'static str> {
    RECIPES.iter().map(|(name, _)| *name).collect()
}

impl Recipe {
    /// The recipe of a database, with the name in its lasting form.
    pub fn of(database: &str) -> Option<(&'static str, Self)> {
        let (name, text) = RECIPES.iter().find(|(name, _)| *name == database)?;
        let recipe = toml::from_str(text).expect("recipes are compiled in and read by a test");
        Some((name, recipe))
    }

    /// Fills it in for one node.
    pub(super) fn service(&self, database: &'static str, place: Place<'_>) -> Service {
        let peers: Vec<_> = place
            .nodes
            .iter()
            .map(|&(node, address)| {
                fill(
                    &self.peer,
                    &[("node", node), ("address", &address.to_string())],
                )
            })
            .collect();
        let log = self.logs.first().map_or("/dev/null", String::as_str);
        let fill = |text: &str| {
            fill(
                text,
                &[
                    ("node", place.node.0),
                    ("address", &place.node.1.to_string()),
                    ("data", &self.data),
                    ("log", log),
                    ("binary", place.binary),
                    ("lab", place.lab),
                    ("peers", &peers.join(",")),
                ],
            )
        };
        let pids = pids(&self.process);
        Service {
            database,
            process: self.process.clone(),
            port: self.port,
            data: self.data.clone(),
            logs: self.logs.clone(),
            crash: self.crash.clone(),
            start: format!(
                "{pids}\n[ -z \"$(pids)\" ] || exit 0\n{}",
                fill(self.start.trim())
            ),
            stop: format!("{pids}\n{STOP}"),
            running: format!("{pids}\n[ -n \"$(pids)\" ]"),
            version: fill(&self.version),
            ready: self.ready.clone(),
        }
    }
}

/// Defines `pids`, which prints the ids of the processes with this name. It needs no tool that a node could lack. A
/// zombie has no command line and does not count.
fn pids(process: &str) -> String {
    format!(
        "pids() {{ for p in /proc/[0-9]*; do \
         {{ read -r c < \"$p/comm\"; }} 2>/dev/null && [ \"$c\" = {process} ] && grep -q . \"$p/cmdline\" 2>/dev/null \
         && echo \"${{p#/proc/}}\"; done; :; }}"
    )
}

/// Asks the processes to end and waits.
const STOP: &str = r#"for p in $(pids); do kill -TERM "$p" 2>/dev/null || :; done
tries=0
while [ -n "$(pids)" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo "still running after 30 s:" $(pids) >&2; exit 1; }
  sleep 0.1
done"#;

/// Puts the values in the place of their names in braces; other braces are the shell's.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn service(database: &str) -> Service {
        let nodes = [
            ("n1", Ipv4Addr::new(10, 213, 0, 1)),
            ("n2", Ipv4Addr::new(10, 213, 0, 2)),
        ];
        let (name, recipe) = Recipe::of(database).unwrap();
        recipe.service(
            name,
            Place {
                lab: "l",
                binary: "/bin/b",
                node: nodes[1],
                nodes: &nodes,
            },
        )
    }

    #[test]
    fn every_recipe_can_be_read_and_is_whole() {
        for database in databases() {
            let (_, recipe) = Recipe::of(database).unwrap();
            assert!(
                recipe.process.len() <= 15,
                "{database}: the kernel cuts names at 15"
            );
            assert!(
                recipe.data.starts_with("/var/lib/schism/"),
                "{database}: a node's own place"
            );
            assert!(
                !recipe.logs.is_empty() && !recipe.crash.is_empty(),
                "{database}"
            );
            assert!(
                recipe
                    .logs
                    .iter()
                    .all(|log| log.starts_with("/var/log/schism/")),
                "{database}"
            );
        }
    }

    #[test]
    fn every_script_is_good_shell_without_unfilled_names() {
        for database in databases() {
            let service = service(database);
            for script in [
                &service.start,
                &service.stop,
                &service.running,
                &service.version,
            ] {
                let checked = Command::new("sh")
                    .args(["-n", "-c", script])
                    .status()
                    .unwrap();
                assert!(checked.success(), "{script}");
                for name in ["node", "address", "data", "log", "binary", "lab", "peers"] {
                    assert!(!script.contains(&format!("{{{name}}}")), "{script}");
                }
            }
        }
    }

    #[test]
    fn a_node_is_started_with_its_own_names_and_everyones_addresses() {
        let start = service("etcd").start;
        assert!(
            start.contains("/bin/b --name n2 --data-dir /var/lib/schism/etcd/store"),
            "{start}"
        );
        assert!(
            start
                .contains("--initial-cluster n1=http://10.213.0.1:2380,n2=http://10.213.0.2:2380 "),
            "{start}"
        );
        assert!(
            start.contains("--advertise-client-urls http://10.213.0.2:2379 "),
            "{start}"
        );
        assert!(start.contains(">> /var/log/schism/etcd.log"), "{start}");
    }

    #[test]
    fn an_unknown_database_has_no_recipe() {
        assert!(Recipe::of("etc").is_none());
    }

    #[test]
    fn braces_of_the_shell_stay() {
        assert_eq!(
            fill("{x} {node} { :; }", &[("node", "n1")]),
            "{x} n1 { :; }"
        );
        assert_eq!(fill("a${p#b}", &[("p", "n1")]), "a${p#b}");
    }

    #[test]
    fn running_tells_a_process_from_none() {
        let run = |process: &str| {
            Command::new("sh")
                .args(["-c", &format!("{}\npids", pids(process))])
                .output()
                .unwrap()
        };
        let none = run("no-such-proc");
        assert!(none.status.success() && none.stdout.is_empty() && none.stderr.is_empty());
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        let found = String::from_utf8(run(own.trim()).stdout).unwrap();
        assert!(
            found
                .lines()
                .any(|pid| pid == std::process::id().to_string()),
            "{found}"
        );
    }
}
