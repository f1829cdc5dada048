//! The nodes that faults are carried out on, as the plan describes them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::firewall::FirewallTool;
use crate::lease::LEASE;
use crate::process_rule::ProcessRule;

/// The nodes of a cluster, and how faults are carried out there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What names this run on the nodes. Ten letters and digits of it are used; another text is hashed to that.
    pub run: String,
    /// The nodes, in the order of the plan.
    pub nodes: Vec<Target>,
    /// After how long without a renewal faults undo themselves; whole seconds, at least one.
    pub lease: Duration,
    /// Further addresses that clients' packets come from, beside that of the controller's SSH connection.
    pub clients: Vec<IpAddr>,
    /// The only packet filter to use; by default nftables where it works, else iptables.
    pub firewall: Option<FirewallTool>,
}

/// A node that faults are carried out on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name in the plan and in the history.
    pub name: Arc<str>,
    /// Its host name or address, as the clients reach it.
    pub host: String,
    /// The addresses that other nodes see its packets come from. Found out when empty.
    pub peers: Vec<IpAddr>,
    /// The database's client port, which proves that clients are cut off.
    pub database_port: Option<u16>,
    /// How the database's processes are recognised, ended and started.
    pub processes: Option<ProcessRule>,
}

impl Cluster {
    /// Nodes with every default.
    pub fn new(run: impl Into<String>, nodes: Vec<Target>) -> Self {
        Self {
            run: run.into(),
            nodes,
            lease: LEASE,
            clients: Vec::new(),
            firewall: None,
        }
    }

    /// The run's name as it is used on the nodes: at most ten lower-case letters and digits.
    pub(crate) fn tag(&self) -> String {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if (1..=10).contains(&self.run.len()) && self.run.chars().all(is_plain) {
            return self.run.clone();
        }
        // FNV-1a (Fowler, Noll, Vo), 64 bits, of which base 36 needs at most 13 digits; the last ten do.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.run.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
        (0..10)
            .map(|_| {
                let digit = digits[(hash % 36) as usize];
                hash /= 36;
                char::from(digit)
            })
            .collect()
    }
}

impl Target {
    /// A node of which no more is known.
    pub fn new(name: impl Into<Arc<str>>, host: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            peers: Vec::new(),
            database_port: None,
            processes: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_short_and_plain() {
        let tag = |run: &str| Cluster::new(run, Vec::new()).tag();
        assert_eq!(tag("abc123"), "abc123");
        for run in ["", "A", "run/1", "2026-11-21T10:00:00Z", "elevenchars", "ü"] {
            let tag = tag(run);
            assert_eq!(tag.len(), 10, "{run}");
            assert!(
                tag.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            );
        }
        assert_ne!(tag("run/1"), tag("run/2"));
    }
}
