//! Where a node is and how to log in.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::secret::Secret;

/// Where a node is, who we are there, and how we know that it is the node.
///
/// What is `None` comes from `~/.ssh/config` when `config` is set, and then from the usual defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// The node's name in the plan and in the history.
    pub name: String,
    /// Its host name or address, as the controller reaches it (through `jump`, as the last jump host does).
    pub host: String,
    /// The port of its SSH server; 22 by default.
    pub port: Option<u16>,
    /// Whom to log in as; the local user by default.
    pub user: Option<String>,
    /// The only private key to use. By default those of the agent and the usual files.
    pub key: Option<PathBuf>,
    /// What unlocks `key`.
    pub passphrase: Option<Secret>,
    /// Which agent holds keys.
    pub agent: Agent,
    /// The file of host keys to verify the node with; `~/.ssh/known_hosts` and the system's by default.
    pub known_hosts: Option<PathBuf>,
    /// Whether the key of a host that was never seen is believed and written to `known_hosts`. A changed key never
    /// is.
    pub accept_new: bool,
    /// Through which hosts to go, in order.
    pub jump: Vec<Hop>,
    /// Whether `~/.ssh/config` is asked for what is not given here.
    pub config: bool,
    /// Whether `sudo -n` may be used to become root.
    pub sudo: bool,
    /// The addresses that the other nodes see this node's packets come from. Found out when empty.
    pub peers: Vec<IpAddr>,
}

impl NodeAddress {
    /// A node with every default: the user's own keys, agent, configuration and known hosts; sudo where needed.
    pub fn new(name: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port: None,
            user: None,
            key: None,
            passphrase: None,
            agent: Agent::default(),
            known_hosts: None,
            accept_new: false,
            jump: Vec::new(),
            config: true,
            sudo: true,
            peers: Vec::new(),
        }
    }
}

/// Which SSH agent is asked for keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Agent {
    /// The one that `SSH_AUTH_SOCK` names, if any.
    #[default]
    Environment,
    /// The one behind this socket.
    Socket(PathBuf),
    /// None.
    Off,
}

impl Agent {
    /// The socket to talk to, if there is one.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        match self {
            Self::Environment => std::env::var_os("SSH_AUTH_SOCK")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            Self::Socket(path) => Some(path.clone()),
            Self::Off => None,
        }
    }
}

/// A host on the way to a node. Keys, known hosts and configuration are those of the node.
///
/// As text: `host`, `user@host`, `host:2222`, `user@[fd00::1]:2222`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its host name or address.
    pub host: String,
    /// The port of its SSH server; 22 by default.
    pub port: Option<u16>,
    /// Whom to log in as; the local user by default.
    pub user: Option<String>,
}

impl Hop {
    /// Reads `user@host:port` with commas between several, as `ProxyJump` of OpenSSH does. `none` and the empty text
    /// are no hops.
    ///
    /// # Errors
    /// Which part is wrong and what would be right.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("none") {
            return Ok(Vec::new());
        }
        text.split(',').map(|hop| hop.trim().parse()).collect()
    }
}

impl FromStr for Hop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!(
                "{text:?} is no jump host ({why}): write host, user@host or user@host:port"
            ))
        };
        let rest = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, rest) = match rest.rsplit_once('@') {
            Some(("", _)) => return wrong("the user is empty"),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
            match inner.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, port)) => match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None => return wrong("there is something between ] and the port"),
                },
                None => return wrong("the ] is missing"),
            }
        } else {
            match rest.split_once(':') {
                // More than one colon is an IPv6 address without a port.
                Some((_, port)) if port.contains(':') => (rest, None),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        if host.is_empty() {
            return wrong("the host is empty");
        }
        if host.starts_with('-') || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return wrong("that is no host name");
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return wrong("the port is no number between 1 and 65535"),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(user: Option<&str>, host: &str, port: Option<u16>) -> Hop {
        Hop {
            host: host.to_owned(),
            port,
            user: user.map(str::to_owned),
        }
    }

    #[test]
    fn jump_hosts_are_read() {
        for (text, expected) in [
            ("", vec![]),
            ("none", vec![]),
            ("bastion", vec![hop(None, "bastion", None)]),
            (
                "me@bastion:2222",
                vec![hop(Some("me"), "bastion", Some(2222))],
            ),
            ("a@b@host", vec![hop(Some("a@b"), "host", None)]),
            (
                "one, two:23",
                vec![hop(None, "one", None), hop(None, "two", Some(23))],
            ),
            ("[fd00::1]:22", vec![hop(None, "fd00::1", Some(22))]),
            ("[fd00::1]", vec![hop(None, "fd00::1", None)]),
            ("me@fd00::1", vec![hop(Some("me"), "fd00::1", None)]),
            ("ssh://me@host:1", vec![hop(Some("me"), "host", Some(1))]),
        ] {
            assert_eq!(Hop::list(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn wrong_jump_hosts_are_refused_with_the_reason() {
        for (text, why) in [
            ("@host", "user is empty"),
            ("me@", "host is empty"),
            ("host:0", "between 1 and 65535"),
            ("host:ssh", "between 1 and 65535"),
            ("[fd00::1", "] is missing"),
            ("[fd00::1]22", "between ] and the port"),
            ("one,,two", "host is empty"),
            ("-oProxyCommand=x", "no host name"),
            ("a b", "no host name"),
        ] {
            let error = Hop::list(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_passphrase_is_not_shown() {
        let mut address = NodeAddress::new("n1", "db1.example");
        address.passphrase = Some(Secret::new("hunter2"));
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
