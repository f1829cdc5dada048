//! A real etcd on loopback, gone when the test is. The program is `etcd`, or what the variable `SCHISM_ETCD` names.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schism_workloads::clients::etcd::Etcd;
use schism_workloads::{Database, Endpoint};

/// Waiting for something that should take a second gives up after this.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster of etcd members in one temporary folder.
pub(crate) struct Cluster {
    folder: PathBuf,
    members: Vec<Member>,
}

struct Member {
    client: SocketAddr,
    command: Vec<String>,
    process: Option<Child>,
}

impl Cluster {
    /// Starts a cluster; `more` are further flags of every member. `scheme` is that of the client's port.
    pub(crate) fn start(size: usize, scheme: &str, more: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::temp_dir().join(format!(
            "schism-etcd-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&folder).unwrap();
        let ports: Vec<(SocketAddr, SocketAddr)> = (0..size).map(|_| (free(), free())).collect();
        let peers: Vec<String> = ports
            .iter()
            .enumerate()
            .map(|(i, (_, peer))| format!("e{i}=http://{peer}"))
            .collect();
        let members = ports.iter().enumerate().map(|(i, (client, peer))| {
            let mut command: Vec<String> = [
                "--name".into(),
                format!("e{i}"),
                "--data-dir".into(),
                folder.join(format!("e{i}")).display().to_string(),
                "--listen-peer-urls".into(),
                format!("http://{peer}"),
                "--initial-advertise-peer-urls".into(),
                format!("http://{peer}"),
                "--listen-client-urls".into(),
                format!("{scheme}://{client}"),
                "--advertise-client-urls".into(),
                format!("{scheme}://{client}"),
                "--initial-cluster".into(),
                peers.join(","),
                "--unsafe-no-fsync".into(),
            ]
            .into();
            command.extend(more.iter().map(|flag| (*flag).to_owned()));
            Member {
                client: *client,
                command,
                process: None,
            }
        });
        let mut cluster = Self {
            members: members.collect(),
            folder,
        };
        for i in 0..size {
            cluster.spawn(i);
        }
        cluster
    }

    /// Starts a cluster and waits until all its members are well.
    pub(crate) async fn healthy(size: usize, etcd: &Etcd) -> Self {
        let cluster = Self::start(size, "http", &[]);
        cluster.wait(etcd).await;
        cluster
    }

    /// Waits until all members are well.
    pub(crate) async fn wait(&self, etcd: &Etcd) {
        for endpoint in self.endpoints() {
            until("the member is well", || async {
                etcd.health(&endpoint).await.is_ok()
            })
            .await;
        }
    }

    /// Starts a member that is not running.
    pub(crate) fn spawn(&mut self, member: usize) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("e{member}.log")))
            .unwrap();
        let process = Command::new(std::env::var("SCHISM_ETCD").unwrap_or("etcd".into()))
            .args(&self.members[member].command)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("etcd is installed: Debian's etcd-server");
        self.members[member].process = Some(process);
    }

    /// Kills a member.
    pub(crate) fn kill(&mut self, member: usize) {
        if let Some(mut process) = self.members[member].process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends a signal to a member.
    pub(crate) fn signal(&self, member: usize, signal: &str) {
        let process = self.members[member].process.as_ref().expect("it runs");
        let status = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Where a member's clients connect.
    pub(crate) fn address(&self, member: usize) -> SocketAddr {
        self.members[member].client
    }

    /// All of them, as the nodes `n1`, `n2`, …
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        (0..self.members.len())
            .map(|i| super::endpoint(&format!("n{}", i + 1), self.address(i)))
            .collect()
    }

    /// Runs etcdctl against the first member.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        let output = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints=http://{}", self.address(0)))
            .args(arguments)
            .output()
            .expect("etcdctl is installed: Debian's etcd-client");
        assert!(
            output.status.success(),
            "etcdctl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(mut process) = member.process.take() {
                let _ = process.kill();
                let _ = process.wait();
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, waiting).await.is_ok(),
        "in vain: {what}"
    );
}

/// A port that nobody listens on now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
