//! Why a node cannot be reached, in words that lead on.

use std::io;
use std::time::Duration;

use super::known_hosts::{KnownHosts, Standing, fingerprint, key_type};

/// How long a TCP connection may take to come about, over all addresses of a host.
pub(crate) const TCP_TIMEOUT: Duration = Duration::from_secs(10);

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn place(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

pub(crate) fn not_resolved(host: &str, error: &io::Error) -> String {
    format!(
        "the name {host} cannot be resolved ({error}); check it in the plan, or add it to DNS or /etc/hosts here"
    )
}

pub(crate) fn not_connected(place: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "{place} refuses the connection; is an SSH server running there, and is the port right?"
        ),
        io::ErrorKind::TimedOut => format!(
            "{place} gave no answer within {TCP_TIMEOUT:?}; is the node up, and does a firewall let us through?"
        ),
        _ => format!("cannot connect to {place} ({error}); check the address and the route to it"),
    }
}

/// Decides whether a host that shows this key, given in the wire format, is the host.
///
/// # Errors
/// Why it is not believed, and the next step.
pub(crate) fn believe(
    known_hosts: &KnownHosts,
    host: &str,
    port: u16,
    key: &[u8],
    accept_new: bool,
) -> Result<(), String> {
    let shown = format!("{} {}", key_type(key).unwrap_or("?"), fingerprint(key));
    let place = place(host, port);
    match known_hosts.standing(host, port, key) {
        Standing::Known => Ok(()),
        Standing::Unknown if accept_new => known_hosts.learn(host, port, key).map(drop),
        Standing::Unknown => Err(format!(
            "the host key of {place} is unknown: it shows {shown}; compare that with `ssh-keygen -lf` on the node, then add it \
             with `ssh-keyscan -p {port} {host}` to {}, or set accept_new_host_keys = true",
            known_hosts.first_file()
        )),
        Standing::Changed { place: line, known } => Err(format!(
            "the host key of {place} has CHANGED: it shows {shown}, but {line} says {known}; somebody may be listening in. \
             If the node was installed anew, remove that line"
        )),
        Standing::Revoked { place: line } => Err(format!(
            "the host key of {place}, {shown}, is revoked by {line}; do not use this host"
        )),
    }
}

/// Why no key was accepted.
pub(crate) fn not_logged_in(place: &str, user: &str, tried: &[String], offered: &str) -> String {
    let tried = if tried.is_empty() {
        "there was no key to try".to_owned()
    } else {
        format!("tried {}", tried.join("; "))
    };
    format!(
        "{place} accepts none of our keys for the user {user} ({tried}; the server takes {offered}); name the right key in the plan, \
         or add its public half to authorized_keys of {user} on the node"
    )
}
