//! Which addresses a node's packets come from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::{ASK_TIMEOUT, RemoteInjector};
use crate::cluster::Target;
use crate::control::Command;
use crate::quote::quote;
use crate::survey;

/// The addresses of each node, sorted; none for a node whose addresses could not be found out.
pub(super) type AddressBook = BTreeMap<Arc<str>, Vec<IpAddr>>;

impl RemoteInjector {
    /// The addresses that the plan gives, or else those of the host's name as another node resolves it together with
    /// those the node says it has. An address that two nodes have (of a container bridge, say) tells nothing and is
    /// left out; so are loopback addresses, which Debian gives to a node's own name.
    pub(super) async fn addresses(&self) -> AddressBook {
        let found = join_all(self.cluster.nodes.iter().map(async |target| {
            let mut addresses = if target.peers.is_empty() {
                let mut addresses = self.resolve(target).await;
                if let Ok(survey) = self.survey(&target.name).await {
                    addresses.extend(survey.addresses);
                }
                addresses
            } else {
                target.peers.clone()
            };
            addresses.retain(|address| is_global(*address));
            addresses.sort_unstable();
            addresses.dedup();
            (target.name.clone(), addresses)
        }))
        .await;
        without_shared(found.into_iter().collect())
    }

    async fn resolve(&self, target: &Target) -> Vec<IpAddr> {
        if let Some(address) = survey::address(&target.host) {
            return vec![address];
        }
        if let Some(addresses) = self.resolved.borrow().get(&target.name) {
            return addresses.clone();
        }
        let Ok(host) = quote(&target.host) else {
            return Vec::new();
        };
        let command = Command::user(format!("getent ahosts {host}"))
            .timeout(ASK_TIMEOUT)
            .idempotent();
        // A node may know itself by a name that the others do not; it is asked last.
        let others = self
            .cluster
            .nodes
            .iter()
            .filter(|other| other.name != target.name);
        for node in others.chain([target]).take(3) {
            let Ok(output) = self.exec(&node.name, &command).await else {
                continue;
            };
            let addresses: Vec<IpAddr> = output
                .stdout
                .lines()
                .filter_map(|line| survey::address(line.split_whitespace().next()?))
                .filter(|address| is_global(*address))
                .collect();
            if !addresses.is_empty() {
                self.resolved
                    .borrow_mut()
                    .insert(target.name.clone(), addresses.clone());
                return addresses;
            }
        }
        Vec::new()
    }
}

fn is_global(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || is_link_local)
}

fn without_shared(mut book: AddressBook) -> AddressBook {
    let mut owners: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for address in book.values().flatten() {
        *owners.entry(*address).or_default() += 1;
    }
    for addresses in book.values_mut() {
        addresses.retain(|address| owners.get(address) == Some(&1));
    }
    book
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_two_nodes_have_is_nobodys() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let book = without_shared(BTreeMap::from([
            ("n1".into(), vec![ip("10.0.0.1"), ip("172.17.0.1")]),
            ("n2".into(), vec![ip("10.0.0.2"), ip("172.17.0.1")]),
        ]));
        assert_eq!(book["n1"], [ip("10.0.0.1")]);
        assert_eq!(book["n2"], [ip("10.0.0.2")]);
    }

    #[test]
    fn only_addresses_that_can_be_seen_from_outside_count() {
        for (text, global) in [
            ("127.0.1.1", false),
            ("::1", false),
            ("0.0.0.0", false),
            ("169.254.1.1", false),
            ("fe80::1", false),
            ("10.0.0.1", true),
            ("fd00::1", true),
            ("203.0.113.1", true),
        ] {
            assert_eq!(is_global(text.parse().unwrap()), global, "{text}");
        }
    }
}
