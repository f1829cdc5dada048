//! How to get to a node: its address with the configuration and the defaults filled in.

use std::path::PathBuf;

use super::address::NodeAddress;
use super::secret::Secret;
use super::ssh_config::{HostConfig, home};

/// The way to a node. Every stop is verified and logged in to on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The hosts to pass, and last the node itself.
    pub(crate) stops: Vec<Stop>,
    /// What may prove who we are.
    pub(crate) identity: Identity,
    /// The `known_hosts` files; what is learned goes to the first.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Whether a host that was never seen is believed.
    pub(crate) accept_new: bool,
}

/// One host on the way, or the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// The keys that the configuration names for it, or the usual ones. Not all need exist.
    pub(crate) keys: Vec<PathBuf>,
}

/// What may prove who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The only key to use.
    pub(crate) key: Option<PathBuf>,
    pub(crate) passphrase: Option<Secret>,
    /// The socket of an agent.
    pub(crate) agent: Option<PathBuf>,
}

impl Route {
    /// Fills in what the address leaves open: first from the configuration, then from the usual defaults.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(crate) async fn to(address: &NodeAddress) -> Result<Self, String> {
        let ask = async |host: &str| {
            if address.config {
                HostConfig::ask(host).await
            } else {
                Ok(HostConfig::default())
            }
        };
        let config = ask(&address.host).await?;
        let jump = if address.jump.is_empty() {
            config.jump.clone()
        } else {
            address.jump.clone()
        };
        let mut known_hosts: Vec<PathBuf> = address.known_hosts.iter().cloned().collect();
        if known_hosts.is_empty() {
            known_hosts.clone_from(&config.known_hosts);
        }
        if known_hosts.is_empty() {
            known_hosts.extend(home().map(|home| home.join(".ssh/known_hosts")));
            known_hosts.push("/etc/ssh/ssh_known_hosts".into());
        }
        let mut stops = Vec::with_capacity(jump.len() + 1);
        for hop in jump {
            let config = ask(&hop.host).await?;
            stops.push(stop(&hop.host, hop.port, hop.user.as_deref(), config));
        }
        stops.push(stop(
            &address.host,
            address.port,
            address.user.as_deref(),
            config,
        ));
        Ok(Self {
            stops,
            identity: Identity {
                key: address.key.clone(),
                passphrase: address.passphrase.clone(),
                agent: address.agent.socket(),
            },
            known_hosts,
            accept_new: address.accept_new,
        })
    }
}

fn stop(host: &str, port: Option<u16>, user: Option<&str>, config: HostConfig) -> Stop {
    let mut keys = config.keys;
    if keys.is_empty()
        && let Some(home) = home()
    {
        keys.extend(["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| home.join(".ssh").join(name)));
    }
    Stop {
        host: config.host.unwrap_or_else(|| host.to_owned()),
        port: port.or(config.port).unwrap_or(22),
        user: user
            .map(str::to_owned)
            .or(config.user)
            .or_else(|| std::env::var("USER").ok())
            .unwrap_or_else(|| "root".to_owned()),
        keys,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::address::Hop;

    #[tokio::test]
    async fn what_is_given_goes_before_the_defaults() {
        let address = NodeAddress {
            port: Some(2222),
            user: Some("admin".to_owned()),
            known_hosts: Some("/known".into()),
            jump: Hop::list("me@bastion").unwrap(),
            config: false,
            ..NodeAddress::new("n1", "db1.example")
        };
        let route = Route::to(&address).await.unwrap();
        let shown: Vec<_> = route
            .stops
            .iter()
            .map(|stop| format!("{}@{}:{}", stop.user, stop.host, stop.port))
            .collect();
        assert_eq!(shown, ["me@bastion:22", "admin@db1.example:2222"]);
        assert_eq!(route.known_hosts, [PathBuf::from("/known")]);
    }
}
