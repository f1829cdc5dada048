//! The network of a lab.
//!
//! ```text
//!   this machine ── schism213-0 ══ host ┐
//!                                       br0      n1 ══ eth0 ── node n1   10.213.0.1, no default route
//!                                       │ └───── n2 ══ eth0 ── node n2   10.213.0.2
//!                              the hub's namespace
//! ```
//!
//! One network namespace per node, and one, the hub, for the bridge: rules of this machine's own firewall for forwarded
//! packets (Docker sets some) do not reach into it. Each ══ is a veth pair. The names of the namespaces are
//! `schism.LAB.hub`, `schism.LAB.n1`, …; a lab's name holds no dot, so none is a beginning of another's.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::process::{self, Members, NamespaceId};
use super::subnet::{self, Prefix, Subnet};
use super::{LabError, LabNode, tool};

/// What the names of all labs' namespaces begin with.
const SCHISM: &str = "schism.";

/// Where named network namespaces are.
const DIRECTORY: &str = "/run/netns";

/// What all namespaces of a lab begin with.
pub(super) fn prefix(lab: &str) -> String {
    format!("{SCHISM}{lab}.")
}

/// The namespace of a node.
pub(super) fn namespace(lab: &str, node: &str) -> String {
    format!("{}{node}", prefix(lab))
}

/// The existing namespaces whose names begin so, sorted.
pub(super) fn existing(prefix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names
}

/// The names of all labs that have a namespace or a node's first process on this machine.
pub(super) fn labs() -> BTreeSet<String> {
    existing(SCHISM)
        .into_iter()
        .chain(process::running_inits(SCHISM).into_keys())
        .filter_map(|name| Some(name.strip_prefix(SCHISM)?.split_once('.')?.0.to_owned()))
        .collect()
}

/// Whom a lab's processes are recognised by.
pub(super) fn members(lab: &str) -> Members {
    let prefix = prefix(lab);
    let namespaces = existing(&prefix)
        .iter()
        .filter_map(|name| NamespaceId::of(&Path::new(DIRECTORY).join(name)))
        .collect();
    Members { namespaces, prefix }
}

/// A subnet that nothing on this machine overlaps with. Stays free only under the machine's lock.
pub(super) fn free_subnet() -> Result<Subnet, LabError> {
    let mut taken: Vec<Prefix> = Vec::new();
    for (arguments, read) in [
        (
            &["-json", "-4", "route", "show", "table", "all"][..],
            subnet::routes as Read,
        ),
        (
            &["-json", "-6", "route", "show", "table", "all"],
            subnet::routes,
        ),
        (&["-json", "address"], subnet::addresses),
    ] {
        let json = tool::run("ip", arguments)?;
        taken.extend(read(&json).map_err(|error| LabError::Tool {
            command: format!("ip {}", arguments.join(" ")),
            reason: format!("its output is not understood: {error}"),
        })?);
    }
    Subnet::choose(&taken).ok_or(LabError::NoSubnet)
}

type Read = fn(&str) -> Result<Vec<Prefix>, serde_json::Error>;

/// Whether new namespaces have IPv6.
pub(super) fn has_ipv6() -> bool {
    ["all", "default"].iter().all(|scope| {
        fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"))
            .is_ok_and(|value| value.trim() == "0")
    })
}

/// Makes the network. What is made before a failure stays; [`remove`] takes it away.
pub(super) fn build(
    lab: &str,
    subnet: Subnet,
    ipv6: bool,
    nodes: &[LabNode],
) -> Result<(), LabError> {
    let hub = namespace(lab, "hub");
    add(&hub)?;
    for node in nodes {
        add(&namespace(lab, &node.name))?;
    }
    batch(None, &pairs(lab, subnet, ipv6, nodes))?;
    batch(Some(&hub), &bridge(nodes))?;
    for node in nodes {
        batch(Some(&namespace(lab, &node.name)), &interface(node))?;
    }
    Ok(())
}

/// Removes the network and proves it. Its processes must have ended. `subnet`, when it is known, also finds an
/// interface that was made but not yet marked.
pub(super) fn remove(lab: &str, subnet: Option<Subnet>) -> Result<(), LabError> {
    for interface in interfaces(lab, subnet)? {
        // It is gone already when its other end goes meanwhile.
        let _ = tool::run("ip", ["link", "delete", "dev", &interface]);
    }
    let prefix = prefix(lab);
    for name in existing(&prefix) {
        tool::run("ip", ["netns", "delete", &name])?;
    }
    let mut left = existing(&prefix);
    left.extend(interfaces(lab, subnet)?);
    if left.is_empty() {
        Ok(())
    } else {
        Err(LabError::Left {
            name: lab.to_owned(),
            left: left.join(", "),
        })
    }
}

/// The interfaces of this machine that lead to the lab.
fn interfaces(lab: &str, subnet: Option<Subnet>) -> Result<Vec<String>, LabError> {
    #[derive(Deserialize)]
    struct Link {
        ifname: String,
        ifalias: Option<String>,
    }
    let json = tool::run("ip", ["-json", "link", "show", "type", "veth"])?;
    let links: Vec<Link> = if json.trim().is_empty() {
        Vec::new()
    } else {
        serde_json::from_str(&json).map_err(|error| LabError::Tool {
            command: "ip -json link show type veth".to_owned(),
            reason: format!("its output is not understood: {error}"),
        })?
    };
    let alias = alias(lab);
    let unmarked = subnet.map(Subnet::interface);
    Ok(links
        .into_iter()
        .filter(|link| match &link.ifalias {
            Some(marked) => *marked == alias,
            None => unmarked.as_ref() == Some(&link.ifname),
        })
        .map(|link| link.ifname)
        .collect())
}

/// How the lab's interface on this machine is marked.
fn alias(lab: &str) -> String {
    format!("{SCHISM}{lab}")
}

fn add(namespace: &str) -> Result<(), LabError> {
    match tool::run("ip", ["netns", "add", namespace]) {
        Ok(_) => Ok(()),
        Err(LabError::Tool { reason, .. }) if reason.contains("not permitted") => {
            Err(LabError::NotAllowed { reason })
        }
        Err(error) => Err(error),
    }
}

fn batch(namespace: Option<&str>, lines: &str) -> Result<(), LabError> {
    let mut arguments = Vec::new();
    if let Some(namespace) = namespace {
        arguments.extend(["-netns", namespace]);
    }
    arguments.extend(["-batch", "-"]);
    tool::run_with_input("ip", arguments, lines).map(|_| ())
}

/// The veth pairs, and this machine's end of the one to the hub.
fn pairs(lab: &str, subnet: Subnet, ipv6: bool, nodes: &[LabNode]) -> String {
    let hub = namespace(lab, "hub");
    let own = subnet.interface();
    let mut lines = format!(
        "link add {own} type veth peer name host netns {hub}\n\
         link set dev {own} alias {}\n\
         address add {}/24 dev {own}\n",
        alias(lab),
        subnet.controller()
    );
    if ipv6 {
        let _ = writeln!(
            lines,
            "address add {}/64 dev {own} nodad",
            subnet.controller6()
        );
    }
    let _ = writeln!(lines, "link set dev {own} up");
    for LabNode { name, .. } in nodes {
        let _ = writeln!(
            lines,
            "link add eth0 netns {} type veth peer name {name} netns {hub}",
            namespace(lab, name)
        );
    }
    lines
}

/// The bridge, in the hub.
fn bridge(nodes: &[LabNode]) -> String {
    // Without a querier, a bridge that snoops may withhold the multicasts by which IPv6 finds neighbours.
    let mut lines = "link add br0 type bridge mcast_snooping 0\nlink set dev br0 up\n".to_owned();
    for port in std::iter::once("host").chain(nodes.iter().map(|node| node.name.as_str())) {
        let _ = writeln!(lines, "link set dev {port} master br0 up");
    }
    lines
}

/// A node's interfaces, in its own namespace.
fn interface(node: &LabNode) -> String {
    let mut lines = format!(
        "link set dev lo up\naddress add {}/24 dev eth0\n",
        node.address
    );
    if let Some(address) = node.address6 {
        let _ = writeln!(lines, "address add {address}/64 dev eth0 nodad");
    }
    lines.push_str("link set dev eth0 up\n");
    lines
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    use super::*;

    const SUBNET: Subnet = Subnet {
        v4: Ipv4Addr::new(10, 213, 7, 0),
    };

    fn node(address6: bool) -> LabNode {
        LabNode {
            name: "n1".to_owned(),
            address: SUBNET.address(1),
            address6: address6.then(|| SUBNET.address6(1)),
            ssh_port: 22,
            directory: PathBuf::new(),
        }
    }

    #[test]
    fn namespaces_of_one_lab_are_no_beginning_of_anothers() {
        assert_eq!(namespace("a", "n1"), "schism.a.n1");
        assert!(!namespace("a-b", "n1").starts_with(&prefix("a")));
    }

    #[test]
    fn the_commands_make_the_picture() {
        assert_eq!(
            pairs("a", SUBNET, true, &[node(true)]),
            "link add schism213-7 type veth peer name host netns schism.a.hub\n\
             link set dev schism213-7 alias schism.a\n\
             address add 10.213.7.254/24 dev schism213-7\n\
             address add fd73:6368:6973:d507::fe/64 dev schism213-7 nodad\n\
             link set dev schism213-7 up\n\
             link add eth0 netns schism.a.n1 type veth peer name n1 netns schism.a.hub\n"
        );
        assert_eq!(
            bridge(&[node(true)]),
            "link add br0 type bridge mcast_snooping 0\n\
             link set dev br0 up\n\
             link set dev host master br0 up\n\
             link set dev n1 master br0 up\n"
        );
        assert_eq!(
            interface(&node(true)),
            "link set dev lo up\n\
             address add 10.213.7.1/24 dev eth0\n\
             address add fd73:6368:6973:d507::1/64 dev eth0 nodad\n\
             link set dev eth0 up\n"
        );
    }

    #[test]
    fn a_machine_without_ipv6_gets_none() {
        let all = pairs("a", SUBNET, false, &[node(false)]) + &interface(&node(false));
        assert!(!all.contains("fd73"), "{all}");
    }
}
