//! The target of a plan.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use schism_nemeses::control::Hop;
use schism_simulator::STORES;
use schism_workloads::clients::DATABASES;

use super::super::database::RawDatabase;
use super::super::nearest::suggest;
use super::super::path::KeyPath;
use super::super::raw::{RawLab, RawMaelstrom, RawNode, RawNodeTable, RawSsh, RawTarget};
use super::super::target::{Lab, Latency, Maelstrom, Node, Ssh, Target, check_host, check_user};
use super::super::units::Span;
use super::super::wording::Meaning;
use super::{Lowering, at};
use crate::lab::MAX_NODES;
use crate::targets::maelstrom::{PROTOCOLS, Protocol};

/// More processes than this are a mistake: one machine could not serve them.
const MOST_PROGRAMS: u16 = 100;
/// A longer latency than this is a mistake: no call would end in time.
const LONGEST_LATENCY: Duration = Duration::from_mins(1);

impl Lowering<'_> {
    pub(super) fn target(
        &mut self,
        raw: Option<RawTarget>,
        database: Option<&RawDatabase>,
        destructive: bool,
    ) -> Option<Target> {
        let Some(raw) = raw else {
            self.complain(
                KeyPath::root(),
                "the plan names no target",
                "add a table [target] with one of sim, maelstrom, lab, ssh, as in sim = { store = \"kg-abd\" }"
                    .to_owned(),
            );
            return None;
        };
        let given: Vec<_> = [
            ("sim", raw.sim.is_some()),
            ("maelstrom", raw.maelstrom.is_some()),
            ("lab", raw.lab.is_some()),
            ("ssh", raw.ssh.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_given)| is_given.then_some(name))
        .collect();
        match given.as_slice() {
            [_] => {}
            [] => self.complain(
                at("target"),
                "the target is missing",
                "add one of sim, maelstrom, lab, ssh, as in sim = { store = \"kg-abd\" }"
                    .to_owned(),
            ),
            [first, others @ ..] => {
                for other in others {
                    self.complain(
                        at("target").key(*other),
                        format!("a plan has one target, and {first} is given already"),
                        "keep one of them".to_owned(),
                    );
                }
                return None;
            }
        }
        match (raw.sim, raw.maelstrom, raw.lab, raw.ssh) {
            (Some(sim), ..) => self.sim(&sim),
            (_, Some(maelstrom), ..) => self.maelstrom(maelstrom),
            (_, _, Some(lab), _) => self.lab(lab, database),
            (.., Some(ssh)) => self.ssh(ssh, destructive),
            _ => None,
        }
    }

    fn sim(&mut self, config: &schism_simulator::Config) -> Option<Target> {
        let root = at("target.sim");
        let is_known = STORES.iter().any(|store| store.name == config.store);
        let errors = config.check();
        if !is_known {
            self.complain(
                root.key("store"),
                format!("there is no store `{}`", config.store),
                suggest(
                    &config.store,
                    "the stores are",
                    STORES.iter().map(|store| store.name),
                ),
            );
        }
        for error in &errors {
            if error.path == "store" && !is_known {
                continue;
            }
            let below: KeyPath = error.path.parse().unwrap_or_default();
            let mut path: KeyPath = root
                .segments()
                .iter()
                .chain(below.segments())
                .cloned()
                .collect::<Vec<_>>()
                .into();
            let mut message = error.reason.clone();
            let mut help = String::new();
            let mut is_about_key = false;
            // Options are read by the store itself, so a wrong key of theirs comes without its place.
            let reason = error.reason.split_once(": ").map_or("", |(_, rest)| rest);
            if let meaning @ Meaning::UnknownKey { .. } = Meaning::of(reason) {
                if let Meaning::UnknownKey { key, .. } = &meaning {
                    path = path.key(key);
                }
                let (_, known) = meaning.words();
                message = format!("the store {} has no such option", config.store);
                help = known.unwrap_or_default();
                is_about_key = true;
            }
            self.complain(path, message, help);
            if let Some(complaint) = self.complaints.last_mut() {
                complaint.is_about_key = is_about_key;
            }
        }
        if !errors.is_empty() {
            return None;
        }
        let resolved = config.resolve().ok()?;
        Some(Target::Sim(resolved))
    }

    fn maelstrom(&mut self, raw: RawMaelstrom) -> Option<Target> {
        let root = at("target.maelstrom");
        let before = self.complaints.len();
        let at_bin = root.key("bin");
        let bin = match &raw.bin {
            None => {
                self.complain(
                    root.clone(),
                    "the program of the nodes is missing",
                    "add bin = \"./node\": a program that reads messages from stdin and prints messages to stdout",
                );
                None
            }
            Some(text) => self.local_path(text, &at_bin),
        };
        if let Some(file) = &bin {
            self.must_be_a_file(file, &at_bin, "the program of the nodes");
        }
        let nodes = raw.nodes.unwrap_or(5);
        if !(1..=MOST_PROGRAMS).contains(&nodes) {
            self.complain(
                root.key("nodes"),
                format!("{nodes} nodes are not possible"),
                format!("from 1 to {MOST_PROGRAMS}"),
            );
        }
        let names = || PROTOCOLS.iter().map(|protocol| protocol.name);
        let protocol = match raw.protocol.as_deref() {
            None => {
                self.complain(
                    root.clone(),
                    "the nodes' protocol is missing",
                    suggest("", "add protocol = one of", names()),
                );
                None
            }
            Some(name) => {
                let found = Protocol::named(name);
                if found.is_none() {
                    self.complain(
                        root.key("protocol"),
                        format!("there is no protocol `{name}`"),
                        suggest(name, "the protocols are", names()),
                    );
                }
                found
            }
        };
        let mean = raw.latency.map_or(Duration::ZERO, |span| span.0);
        if mean > LONGEST_LATENCY {
            self.complain(
                root.key("latency"),
                format!("{} is too long", Span(mean)),
                format!("at most {}", Span(LONGEST_LATENCY)),
            );
        }
        if self.complaints.len() > before {
            return None;
        }
        Some(Target::Maelstrom(Maelstrom {
            bin: bin?,
            args: raw.args,
            nodes,
            protocol: protocol?,
            latency: Latency {
                mean,
                distribution: raw.distribution.unwrap_or_default(),
            },
            loss: raw.loss.unwrap_or_default(),
            topology: raw.topology.unwrap_or_default(),
        }))
    }

    fn lab(&mut self, raw: RawLab, database: Option<&RawDatabase>) -> Option<Target> {
        let root = at("target.lab");
        let nodes = raw.nodes.unwrap_or(5);
        let before = self.complaints.len();
        if nodes == 0 || usize::from(nodes) > MAX_NODES {
            self.complain(
                root.key("nodes"),
                format!("a lab of {nodes} nodes is not possible"),
                format!("from 1 to {MAX_NODES}; 1, 3, 5 and 7 are usual"),
            );
        }
        let default = database
            .and_then(|database| database.clients.first())
            .map_or("lab", |client| client.listed().name);
        let name = raw.name.unwrap_or_else(|| default.to_owned());
        let is_name = !name.is_empty()
            && name.len() <= 32
            && !name.starts_with('-')
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !is_name {
            self.complain(
                root.key("name"),
                format!("`{name}` cannot be the name of a lab"),
                "use a to z, 0 to 9 and `-`, at most 32 of them, and no `-` first".to_owned(),
            );
        }
        let at_binary = root.key("binary");
        let binary = match raw.binary {
            Some(text) => {
                let file = self.local_path(&text, &at_binary)?;
                self.must_be_a_file(&file, &at_binary, "the database's program");
                Some(file)
            }
            None => None,
        };
        (self.complaints.len() == before).then_some(Target::Lab(Lab {
            nodes,
            name,
            binary,
        }))
    }

    fn ssh(&mut self, raw: RawSsh, destructive: bool) -> Option<Target> {
        let root = at("target.ssh");
        let before = self.complaints.len();
        if !destructive {
            self.complain(
                root.clone(),
                "this plan does harm to machines that schism did not make, and does not say that it may",
                "if these machines are for testing, add destructive = true at the top of the plan"
                    .to_owned(),
            );
        }
        let nodes = self.nodes(raw.nodes, raw.port);
        if let Some(user) = &raw.user
            && let Err(message) = check_user(user)
        {
            self.complain(root.key("user"), message, "");
        }
        if raw.port == Some(0) {
            self.complain(
                root.key("port"),
                "0 is no port",
                "sshd's usual port is 22".to_owned(),
            );
        }
        let at_key = root.key("key");
        let key = raw.key.and_then(|text| {
            if text.contains("PRIVATE KEY") {
                self.complain(
                    at_key.clone(),
                    "a private key must not stand in a plan",
                    "name the file that holds it, as in key = \"~/.ssh/id_ed25519\"".to_owned(),
                );
                return None;
            }
            let file = self.local_path(&text, &at_key)?;
            self.must_be_a_file(&file, &at_key, "the file of the private key");
            Some(file)
        });
        let known_hosts = raw
            .known_hosts
            .and_then(|text| self.local_path(&text, &root.key("known_hosts")));
        let jump = self.jump(raw.jump.as_deref());
        if raw.passphrase.is_some() && key.is_none() && self.complaints.len() == before {
            self.complain(
                root.key("passphrase"),
                "a passphrase without a key opens nothing",
                "add key = \"…\", the file of the private key".to_owned(),
            );
        }
        (self.complaints.len() == before).then_some(Target::Ssh(Ssh {
            nodes,
            user: raw.user,
            port: raw.port,
            key,
            passphrase: raw.passphrase,
            known_hosts,
            jump,
            config: raw.config.unwrap_or(true),
            sudo: raw.sudo.unwrap_or(true),
            accept_new_host_keys: raw.accept_new_host_keys.unwrap_or(false),
        }))
    }

    fn jump(&mut self, text: Option<&str>) -> Vec<Hop> {
        let place = at("target.ssh.jump");
        let hops = match Hop::list(text.unwrap_or_default()) {
            Ok(hops) => hops,
            Err(reason) => {
                let (message, help) = reason.split_once(": ").unwrap_or((&reason, ""));
                self.complain(place, message, help);
                return Vec::new();
            }
        };
        for hop in &hops {
            let user = hop.user.as_deref().map_or(Ok(()), check_user);
            if let Err(message) = check_host(&hop.host).and(user) {
                self.complain(
                    place.clone(),
                    message,
                    "write host, user@host or user@host:port",
                );
            }
        }
        hops
    }

    fn nodes(&mut self, raw: Option<Vec<RawNode>>, port: Option<u16>) -> Vec<Node> {
        let root = at("target.ssh.nodes");
        let raw = raw.unwrap_or_default();
        if raw.is_empty() {
            self.complain(
                root.clone(),
                "there are no nodes",
                "name at least one, as in nodes = [\"db1.example\", \"db2.example\"]".to_owned(),
            );
        }
        let mut names = BTreeMap::new();
        let mut hosts = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        let mut nodes = Vec::new();
        for (i, raw) in raw.into_iter().enumerate() {
            let here = root.index(i);
            let (table, is_table) = match raw {
                RawNode::Host(host) => (
                    RawNodeTable {
                        name: None,
                        host,
                        address: None,
                        port: None,
                    },
                    false,
                ),
                RawNode::Table(table) => (table, true),
            };
            let key = |key: &str| {
                if is_table {
                    here.key(key)
                } else {
                    here.clone()
                }
            };
            if let Err(message) = check_host(&table.host) {
                let help = if is_table {
                    ""
                } else {
                    "a user, a port or a name of its own are written as in { name = \"n1\", host = \"db1\", port = 22 }"
                };
                self.complain(key("host"), message, help);
                continue;
            }
            let name = table.name.clone().unwrap_or_else(|| table.host.clone());
            if let Err(message) = check_node_name(&name) {
                self.complain(key("name"), message, "");
            }
            if let Some(first) = names.insert(name.clone(), i) {
                self.complain(
                    key(if table.name.is_some() { "name" } else { "host" }),
                    format!("the node {name} is there already: it is the {}", nth(first)),
                    "keep one of the two, or give each a name of its own".to_owned(),
                );
            } else if let Some(first) =
                hosts.insert((table.host.clone(), table.port.or(port).unwrap_or(22)), i)
            {
                self.complain(
                    key("host"),
                    format!("{} is the host of the {} already", table.host, nth(first)),
                    "each node needs a host, or at least a port, of its own".to_owned(),
                );
            }
            let address = table.address.as_ref().map(|text| text.parse::<IpAddr>());
            match address {
                Some(Err(_)) => self.complain(
                    key("address"),
                    "this is no IP address",
                    "write one, as in \"10.0.0.1\", or leave it out: it is found out",
                ),
                Some(Ok(address)) => {
                    if let Some(first) = addresses.insert(address, i) {
                        self.complain(
                            key("address"),
                            format!("{address} is the address of the {} already", nth(first)),
                            "each node needs an address of its own",
                        );
                    }
                }
                None => {}
            }
            if table.port == Some(0) {
                self.complain(
                    key("port"),
                    "0 is no port",
                    "sshd's usual port is 22".to_owned(),
                );
            }
            nodes.push(Node {
                name: Arc::from(name),
                host: table.host,
                address: address.and_then(Result::ok),
                port: table.port,
            });
        }
        nodes
    }

    /// The database must be named where, and only where, there is one to choose.
    pub(super) fn one_database(
        &mut self,
        raw: Option<RawDatabase>,
        target: Option<&Target>,
    ) -> Option<RawDatabase> {
        match (target, raw) {
            (Some(Target::Sim(_)), Some(_)) => {
                self.complain(
                    at("database"),
                    "a simulated cluster brings its own database: the store",
                    "leave [database] out, or make the target lab or ssh".to_owned(),
                );
                None
            }
            (Some(Target::Maelstrom(_)), Some(_)) => {
                self.complain(
                    at("database"),
                    "the nodes are the database",
                    "leave [database] out, or make the target lab or ssh".to_owned(),
                );
                None
            }
            (Some(Target::Lab(_) | Target::Ssh(_)), None) => {
                self.complain(
                    KeyPath::root(),
                    "the plan names no database",
                    format!("add a table [database] with one of {}", database_names()),
                );
                None
            }
            (_, Some(raw)) if raw.clients.is_empty() => {
                self.complain(
                    at("database"),
                    "the database is missing",
                    format!("add one of {}, as in etcd = {{}}", database_names()),
                );
                None
            }
            (_, Some(raw)) if raw.clients.len() > 1 => {
                for client in &raw.clients[1..] {
                    self.complain(
                        at("database").key(client.listed().name),
                        "a plan has one database",
                        "keep one of them".to_owned(),
                    );
                }
                None
            }
            (_, raw) => raw,
        }
    }
}

/// Whether a text can name a node in a history, in a report, in the name of a folder, and in a group of a partition.
fn check_node_name(name: &str) -> Result<(), String> {
    if name == "clients" {
        return Err(
            "`clients` means the clients in a group of a partition: give the node another name"
                .to_owned(),
        );
    }
    let is_name = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['.', '-'])
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    if is_name {
        Ok(())
    } else {
        Err(format!(
            "`{name}` cannot be the name of a node: use letters, digits, `.`, `-` and `_`, at most 64"
        ))
    }
}

fn database_names() -> String {
    let names: Vec<_> = DATABASES.iter().map(|listed| listed.name).collect();
    names.join(", ")
}

/// `first node`, `second node`, `4th node`; from 0.
fn nth(index: usize) -> String {
    match index {
        0 => "first node".to_owned(),
        1 => "second node".to_owned(),
        2 => "third node".to_owned(),
        index => format!("{}th node", index + 1),
    }
}
