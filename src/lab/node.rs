//! One node of a lab: its files on this machine, and its first process.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::sshd::NODE_ETC;
use super::{LabError, process, tool};

/// The script that is a node's first process.
const INIT_SCRIPT: &str = include_str!("init.sh");

/// A node's directories: below its directory on this machine, in the node, and who may do what.
const DIRECTORIES: &[(&str, &str, u32)] = &[
    ("etc", NODE_ETC, 0o755),
    ("home", "/root", 0o700),
    ("lib", "/var/lib/schism", 0o755),
    ("log", "/var/log", 0o755),
    ("tmp", "/tmp", 0o1777),
    ("var-tmp", "/var/tmp", 0o1777),
];

/// One node of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabNode {
    /// Its name: `n1`, `n2`, …
    pub name: String,
    /// Its IPv4 address.
    pub address: Ipv4Addr,
    /// Its IPv6 address, when the machine has IPv6.
    pub address6: Option<Ipv6Addr>,
    /// The port of its SSH server.
    pub ssh_port: u16,
    /// Where its files are on this machine.
    #[serde(skip)]
    pub directory: PathBuf,
}

impl LabNode {
    /// Its addresses, IPv4 first.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = vec![IpAddr::V4(self.address)];
        addresses.extend(self.address6.map(IpAddr::V6));
        addresses
    }

    /// Where a file of the node's own directories is on this machine; `None` for files that all nodes share with it.
    /// For looking at a dead node: a living one is reached over SSH.
    pub fn on_this_machine(&self, path: &str) -> Option<PathBuf> {
        DIRECTORIES.iter().find_map(|(own, in_node, _)| {
            let rest = Path::new(path).strip_prefix(in_node).ok()?;
            Some(self.directory.join(own).join(rest))
        })
    }

    /// The last lines of what its first process and its SSH server had to say.
    pub(super) fn last_words(&self, lines: usize) -> Vec<String> {
        let mut words = last_lines(&self.directory.join("init.log"), lines);
        words.extend(last_lines(&self.directory.join("log/sshd.log"), lines));
        words
    }
}

/// Makes a node's directories and files.
pub(super) fn prepare(
    node: &LabNode,
    nodes: &[LabNode],
    binary_name: &str,
) -> Result<(), LabError> {
    let file = |path: PathBuf, text: &str, mode: u32| {
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode)))
            .map_err(LabError::file(&path))
    };
    for (name, _, mode) in DIRECTORIES {
        directory(&node.directory.join(name), *mode)?;
    }
    directory(&node.directory.join("log/schism"), 0o755)?;
    let etc = node.directory.join("etc");
    directory(&etc.join("bin"), 0o755)?;

    let users = Path::new("/etc/passwd");
    let users = fs::read_to_string(users).map_err(LabError::file(users))?;
    file(etc.join("hosts"), &hosts(node, nodes), 0o644)?;
    file(etc.join("hostname"), &format!("{}\n", node.name), 0o644)?;
    file(etc.join("passwd"), &passwd(&users, root_shell()), 0o644)?;
    file(etc.join("shadow"), &shadow(&users), 0o600)?;
    file(etc.join(process::INIT), INIT_SCRIPT, 0o755)?;
    // The program itself is laid over this file.
    file(etc.join("bin").join(binary_name), "", 0o755)
}

/// The path of the database's program in every node.
pub(super) fn binary_in_node(binary_name: &str) -> String {
    format!("{NODE_ETC}/bin/{binary_name}")
}

/// Starts a node's first process in its network namespace. It outlives this process and its terminal, and belongs to
/// nobody's process group.
pub(super) fn start(
    node: &LabNode,
    namespace: &str,
    binary: &Path,
    binary_name: &str,
) -> Result<(), LabError> {
    let log = node.directory.join("init.log");
    let out = fs::File::create(&log).map_err(LabError::file(&log))?;
    let err = out.try_clone().map_err(LabError::file(&log))?;
    let mut command = Command::new(tool::find("setsid").unwrap_or_else(|| "setsid".into()));
    command
        .args(["--fork", "ip", "netns", "exec", namespace])
        .args([
            "unshare",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child",
        ])
        .args(["--propagation", "slave", "--mount-proc", "sh"])
        .arg(node.directory.join("etc").join(process::INIT))
        .arg(namespace)
        .arg(&node.directory)
        .arg(binary)
        .arg(binary_name)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    let failed = |reason: String| LabError::Node {
        node: node.name.clone(),
        reason: format!("its first process does not start: {reason}"),
        log: node.last_words(10),
    };
    let status = command
        .status()
        .map_err(|error: io::Error| failed(error.to_string()))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(status.to_string()))
    }
}

/// The last lines of a file; none if it cannot be read.
pub(crate) fn last_lines(file: &Path, count: usize) -> Vec<String> {
    let Ok(bytes) = fs::read(file) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(|&line| line.to_owned())
        .collect()
}

/// A node's `/etc/hosts`: every node by name.
fn hosts(node: &LabNode, nodes: &[LabNode]) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    for other in nodes {
        for address in other.addresses() {
            let _ = writeln!(text, "{address} {}", other.name);
        }
    }
    debug_assert!(nodes.contains(node), "a node is one of the nodes");
    text
}

/// A node's `/etc/passwd`: the machine's users, but root lives in the node's own /root and has a shell.
fn passwd(users: &str, shell: &str) -> String {
    let mut text = format!("root:x:0:0:root:/root:{shell}\n");
    for line in users.lines().filter(|line| !line.starts_with("root:")) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A node's `/etc/shadow`: nobody has a password and nobody is locked, whatever holds on the machine. An SSH server
/// without PAM lets no locked user in, keys or not.
fn shadow(users: &str) -> String {
    let names = users
        .lines()
        .filter_map(|line| line.split(':').next())
        .filter(|n| *n != "root");
    std::iter::once("root")
        .chain(names)
        .fold(String::new(), |mut text, name| {
            let _ = writeln!(text, "{name}:*:19000:0:99999:7:::");
            text
        })
}

/// The best shell for people; scripts run in `sh` whatever it is.
fn root_shell() -> &'static str {
    if tool::is_executable(Path::new("/bin/bash")) {
        "/bin/bash"
    } else {
        "/bin/sh"
    }
}

fn directory(path: &Path, mode: u32) -> Result<(), LabError> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(LabError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(directory: &Path, number: u8) -> LabNode {
        let name = format!("n{number}");
        LabNode {
            directory: directory.join(&name),
            name,
            address: [10, 213, 0, number].into(),
            address6: Some(Ipv6Addr::new(0xfd73, 0, 0, 0, 0, 0, 0, number.into())),
            ssh_port: 22,
        }
    }

    #[test]
    fn the_nodes_own_directories_are_found_on_this_machine() {
        let node = node(Path::new("/labs/a/nodes"), 1);
        let found = |path: &str| node.on_this_machine(path).map(|p| p.display().to_string());
        assert_eq!(
            found("/var/log/schism/x.log").unwrap(),
            "/labs/a/nodes/n1/log/schism/x.log"
        );
        assert_eq!(
            found("/var/lib/schism/etcd").unwrap(),
            "/labs/a/nodes/n1/lib/etcd"
        );
        assert_eq!(found("/tmp").unwrap(), "/labs/a/nodes/n1/tmp/");
        assert_eq!(found("/var/lib/etcd"), None, "shared by all nodes");
        assert_eq!(found("/tmpfile"), None);
    }

    #[test]
    fn a_prepared_node_has_all_that_its_first_process_looks_for() {
        let directory = tempfile::tempdir().unwrap();
        let nodes = [node(directory.path(), 1), node(directory.path(), 2)];
        prepare(&nodes[0], &nodes, "etcd").unwrap();
        let etc = directory.path().join("n1/etc");
        for file in [
            "hosts", "hostname", "passwd", "shadow", "init.sh", "bin/etcd",
        ] {
            assert!(etc.join(file).is_file(), "{file}");
        }
        let mode = fs::metadata(directory.path().join("n1/tmp"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o1777);
        let hosts = fs::read_to_string(etc.join("hosts")).unwrap();
        assert!(hosts.contains("\n10.213.0.2 n2\nfd73::2 n2\n"), "{hosts}");
    }

    #[test]
    fn users_keep_their_ids_and_lose_their_passwords() {
        let users = "root:x:0:0:root:/home/admin:/usr/sbin/nologin\npostgres:x:5:6::/var/lib/postgresql:/bin/bash\n";
        assert_eq!(
            passwd(users, "/bin/sh"),
            "root:x:0:0:root:/root:/bin/sh\npostgres:x:5:6::/var/lib/postgresql:/bin/bash\n"
        );
        assert_eq!(
            shadow(users),
            "root:*:19000:0:99999:7:::\npostgres:*:19000:0:99999:7:::\n"
        );
    }

    #[test]
    fn the_last_lines_of_a_log() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        assert!(last_lines(&log, 2).is_empty());
        fs::write(&log, b"a\nb\n\xff\n").unwrap();
        assert_eq!(last_lines(&log, 2), ["b", "\u{fffd}"]);
        assert_eq!(last_lines(&log, 9).len(), 3);
    }
}
