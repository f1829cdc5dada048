//! An SSH server of one's own for a test: fresh keys, a port of loopback, users that exist for it only.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use schism_nemeses::control::{Agent, NodeAddress};

/// A running `sshd`. Dropped, it and everything it started ends.
pub(crate) struct Sshd {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    server: Child,
}

/// The users there are: root, one who may use sudo, one who may not.
pub(crate) const SUDOER: &str = "sudoer";
pub(crate) const PLAIN: &str = "plain";

impl Sshd {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a server with these lines added to its configuration. It runs in a mount namespace of its own, where
    /// the user database is ours, so that nothing on this machine changes.
    pub(crate) fn start_with(extra: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        keygen(&path("host_ed25519"), "ed25519", "");
        keygen(&path("key"), "ed25519", "");
        fs::copy(path("key.pub"), path("authorized_keys")).expect("copied");
        fs::write(
            path("passwd"),
            format!(
                "root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n\
                 {SUDOER}:x:4001:4001::/tmp:/bin/sh\n{PLAIN}:x:4002:4002::/tmp:/bin/sh\n"
            ),
        )
        .expect("written");
        fs::write(
            path("shadow"),
            format!("root:*:1::::::\nsshd:*:1::::::\n{SUDOER}:*:1::::::\n{PLAIN}:*:1::::::\n"),
        )
        .expect("written");
        fs::write(
            path("sudoers"),
            format!("root ALL=(ALL) ALL\n{SUDOER} ALL=(ALL) NOPASSWD: ALL\n"),
        )
        .expect("written");
        Command::new("chmod")
            .arg("0755")
            .arg(folder.path())
            .status()
            .expect("chmod");
        let port = free_port();
        fs::write(
            path("config"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n\
                 AuthorizedKeysFile {keys}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin prohibit-password\nAllowTcpForwarding yes\nMaxStartups 100\nUseDNS no\n\
                 LogLevel VERBOSE\n{extra}\n",
                host_key = path("host_ed25519").display(),
                keys = path("authorized_keys").display(),
            ),
        )
        .expect("written");
        let script = format!(
            "set -e; mkdir -p /run/sshd; chmod 0440 {at}/sudoers
             for f in passwd shadow sudoers; do mount --bind {at}/$f /etc/$f; done
             mount -t tmpfs none /etc/sudoers.d
             exec /usr/sbin/sshd -D -e -f {at}/config",
            at = folder.path().display()
        );
        let log = fs::File::create(path("log")).expect("a log");
        let server = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                &script,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("unshare of util-linux");
        let sshd = Self {
            folder,
            port,
            server,
        };
        sshd.await_start();
        let host_key = fs::read_to_string(sshd.path("host_ed25519.pub")).expect("a host key");
        sshd.know(&host_key);
        sshd
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes this the only host key that is known for the server.
    pub(crate) fn know(&self, public_key: &str) {
        let line = format!("[127.0.0.1]:{} {}\n", self.port, public_key.trim());
        fs::write(self.path("known_hosts"), line).expect("written");
    }

    /// Lets the public key in.
    pub(crate) fn authorize(&self, key: &Path) {
        let mut keys = fs::read_to_string(self.path("authorized_keys")).expect("keys");
        keys += &fs::read_to_string(key.with_extension("pub")).expect("a public key");
        fs::write(self.path("authorized_keys"), keys).expect("written");
    }

    /// Makes a key pair; the path of its private half.
    pub(crate) fn keygen(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.path(name);
        keygen(&path, kind, passphrase);
        path
    }

    /// The server as the node n1, logged in to as root.
    pub(crate) fn node(&self) -> NodeAddress {
        NodeAddress {
            port: Some(self.port),
            user: Some("root".to_owned()),
            key: Some(self.path("key")),
            known_hosts: Some(self.path("known_hosts")),
            agent: Agent::Off,
            config: false,
            ..NodeAddress::new("n1", "127.0.0.1")
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn await_start(&self) {
        let tries = 200;
        for _ in 0..tries {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            // Nothing tells when a server listens but asking it.
            pause(Duration::from_millis(50));
        }
        panic!("sshd did not start: {}", self.log());
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // The pid namespace ends with its first process, and takes every session with it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"])
        .arg(path)
        .status()
        .expect("ssh-keygen");
    assert!(status.success());
}

/// Between two looks at a condition that nothing announces.
#[expect(
    clippy::disallowed_methods,
    reason = "a poll of a condition, bounded by its caller"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
