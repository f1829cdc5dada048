//! Keys and settings of the nodes' SSH servers, and of the clients that reach them.
//!
//! Every lab has a key pair of its own, every node a host key of its own. Nothing else lets anyone in.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{LabError, LabNode, tool};

/// Where a node's `etc` directory is inside of the node.
pub(super) const NODE_ETC: &str = "/run/schism-lab";

/// The host key's file name in a node's `etc` directory.
const HOST_KEY: &str = "ssh_host_ed25519_key";

/// How a lab's nodes are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSettings {
    /// The user to log in as.
    pub user: &'static str,
    /// The private key's file.
    pub key: PathBuf,
    /// The file with the nodes' host keys, under their names and addresses.
    pub known_hosts: PathBuf,
    /// A file for `ssh -F`, which knows the nodes by name.
    pub config: PathBuf,
}

impl SshSettings {
    /// Those of the lab in this directory.
    pub(super) fn of(lab: &Path) -> Self {
        Self {
            user: "root",
            key: lab.join("id_ed25519"),
            known_hosts: lab.join("known_hosts"),
            config: lab.join("ssh_config"),
        }
    }
}

/// Writes all keys and settings of a lab. The nodes' `etc` directories are there already.
pub(super) fn write(lab: &Path, name: &str, nodes: &[LabNode]) -> Result<(), LabError> {
    let settings = SshSettings::of(lab);
    generate(&settings.key, &format!("schism lab {name}"))?;
    let public = read(&settings.key.with_extension("pub"))?;

    let mut known_hosts = String::new();
    for node in nodes {
        let etc = node.directory.join("etc");
        let host_key = etc.join(HOST_KEY);
        generate(&host_key, &node.name)?;
        known_hosts.push_str(&known_host(node, &read(&host_key.with_extension("pub"))?));
        save(&etc.join("sshd_config"), &server(node))?;
        save(&etc.join("authorized_keys"), &public)?;
    }
    save(&settings.known_hosts, &known_hosts)?;
    save(&settings.config, &client(&settings, nodes))
}

/// A node's `sshd_config`.
fn server(node: &LabNode) -> String {
    let mut listen = format!("ListenAddress {}\n", node.address);
    if let Some(address) = node.address6 {
        let _ = writeln!(listen, "ListenAddress [{address}]");
    }
    format!(
        "# Written by schism: the SSH server of one lab node.\n\
         Port {port}\n\
         {listen}\
         HostKey {NODE_ETC}/{HOST_KEY}\n\
         AuthorizedKeysFile {NODE_ETC}/authorized_keys\n\
         AuthenticationMethods publickey\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n\
         AllowUsers root\n\
         UsePAM no\n\
         UseDNS no\n\
         PermitUserRC no\n\
         PrintMotd no\n\
         PrintLastLog no\n\
         PidFile /run/sshd.pid\n\
         MaxSessions 64\n\
         MaxStartups 128\n\
         Subsystem sftp internal-sftp\n",
        port = node.ssh_port,
    )
}

/// The lab's `ssh_config`.
fn client(settings: &SshSettings, nodes: &[LabNode]) -> String {
    let mut text = "# Written by schism: `ssh -F` this file and a node's name.\n".to_owned();
    for node in nodes {
        let _ = writeln!(
            text,
            "Host {}\n    HostName {}\n    Port {}\n    HostKeyAlias {}",
            node.name, node.address, node.ssh_port, node.name
        );
    }
    let _ = write!(
        text,
        "Host *\n    User {}\n    IdentityFile {}\n    IdentitiesOnly yes\n    IdentityAgent none\n    \
         PreferredAuthentications publickey\n    UserKnownHostsFile {}\n    GlobalKnownHostsFile /dev/null\n    \
         StrictHostKeyChecking yes\n    UpdateHostKeys no\n    ConnectTimeout 10\n    LogLevel ERROR\n",
        settings.user,
        quoted(&settings.key),
        quoted(&settings.known_hosts),
    );
    text
}

/// A node's line of `known_hosts`.
fn known_host(node: &LabNode, public_key: &str) -> String {
    let mut hosts = format!("{},{}", node.name, node.address);
    if let Some(address) = node.address6 {
        let _ = write!(hosts, ",{address}");
    }
    let key: Vec<_> = public_key.split_ascii_whitespace().take(2).collect();
    format!("{hosts} {}\n", key.join(" "))
}

/// A path for `ssh_config`, where % begins an expansion and a space ends a word.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

fn generate(file: &Path, comment: &str) -> Result<(), LabError> {
    tool::run(
        "ssh-keygen",
        [
            "-q".as_ref(),
            "-t".as_ref(),
            "ed25519".as_ref(),
            "-N".as_ref(),
            "".as_ref(),
            "-C".as_ref(),
            comment.as_ref(),
            "-f".as_ref(),
            file.as_os_str(),
        ],
    )?;
    Ok(())
}

fn read(file: &Path) -> Result<String, LabError> {
    fs::read_to_string(file).map_err(LabError::file(file))
}

fn save(file: &Path, text: &str) -> Result<(), LabError> {
    fs::write(file, text).map_err(LabError::file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> LabNode {
        LabNode {
            name: format!("n{number}"),
            address: [10, 213, 0, number].into(),
            address6: Some(format!("fd73:6368:6973:d500::{number}").parse().unwrap()),
            ssh_port: 22,
            directory: PathBuf::new(),
        }
    }

    fn has_line(text: &str, line: &str) -> bool {
        text.lines().any(|l| l.trim() == line)
    }

    #[test]
    fn a_server_listens_on_its_own_addresses_and_takes_keys_only() {
        let settings = server(&node(1));
        for line in [
            "Port 22",
            "ListenAddress 10.213.0.1",
            "ListenAddress [fd73:6368:6973:d500::1]",
            "PasswordAuthentication no",
            "AuthorizedKeysFile /run/schism-lab/authorized_keys",
        ] {
            assert!(has_line(&settings, line), "{settings}");
        }
        let without = server(&LabNode {
            address6: None,
            ..node(1)
        });
        assert_eq!(without.matches("ListenAddress").count(), 1, "{without}");
    }

    #[test]
    fn a_host_key_is_known_under_all_names_of_its_node() {
        assert_eq!(
            known_host(&node(2), "ssh-ed25519 AAAA a comment\n"),
            "n2,10.213.0.2,fd73:6368:6973:d500::2 ssh-ed25519 AAAA\n"
        );
        assert_eq!(
            known_host(
                &LabNode {
                    address6: None,
                    ..node(2)
                },
                "ssh-ed25519 AAAA"
            ),
            "n2,10.213.0.2 ssh-ed25519 AAAA\n"
        );
    }

    #[test]
    fn the_client_checks_host_keys_and_quotes_paths() {
        let settings = SshSettings::of(Path::new("/a b/50%"));
        let text = client(&settings, &[node(1), node(2)]);
        for line in [
            "Host n2",
            "HostName 10.213.0.2",
            "StrictHostKeyChecking yes",
            "IdentityFile \"/a b/50%%/id_ed25519\"",
            "UserKnownHostsFile \"/a b/50%%/known_hosts\"",
        ] {
            assert!(has_line(&text, line), "{text}");
        }
    }
}
