//! A few nodes for a test: network namespaces on a bridge, each with processes, a `/run` and an SSH server of its own,
//! and a small database. Dropped, nothing of it is left, panic or not.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schism_nemeses::control::{Agent, NodeAddress, Ssh};
use schism_nemeses::{Cluster, ProcessRule, RemoteInjector, Target};

/// The port of the small database.
pub(crate) const DATABASE_PORT: u16 = 7000;

/// Tells clusters of one test process apart.
static COUNT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Nodes {
    pub(crate) folder: tempfile::TempDir,
    names: Vec<Arc<str>>,
    tag: String,
    net: (u8, u8),
    servers: Vec<Child>,
}

impl Nodes {
    /// Makes nodes n1 to nN.
    pub(crate) fn start(count: u8) -> Self {
        let number = std::process::id() * 8 + COUNT.fetch_add(1, Ordering::Relaxed) % 8;
        let mut nodes = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            names: (1..=count).map(|i| format!("n{i}").into()).collect(),
            tag: format!("sn{:x}", number % 0x0010_0000),
            net: (128 + (number >> 8) as u8 % 64, number as u8),
            servers: Vec::new(),
        };
        nodes.make_network();
        nodes.make_servers();
        nodes.await_servers();
        nodes
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub(crate) fn address(&self, node: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.net.0, self.net.1, node)
    }

    /// Where the nodes see the controller come from.
    pub(crate) fn controller(&self) -> Ipv4Addr {
        self.address(254)
    }

    fn address6(&self, node: u8) -> Ipv6Addr {
        let [a, b] = [self.net.0, self.net.1].map(u16::from);
        Ipv6Addr::new(0xfd5c, 0x1234, a, b, 0, 0, 0, node.into())
    }

    pub(crate) fn addresses(&self, node: u8) -> Vec<IpAddr> {
        vec![self.address(node).into(), self.address6(node).into()]
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// How to log in to a node.
    pub(crate) fn node_address(&self, node: u8) -> NodeAddress {
        NodeAddress {
            user: Some("root".to_owned()),
            key: Some(self.key()),
            known_hosts: Some(self.known_hosts()),
            agent: Agent::Off,
            config: false,
            ..NodeAddress::new(format!("n{node}"), self.address(node).to_string())
        }
    }

    pub(crate) fn ssh(&self) -> Rc<Ssh> {
        let nodes = 1..=self.names.len() as u8;
        Rc::new(Ssh::new(nodes.map(|i| self.node_address(i)).collect()))
    }

    /// The cluster as a plan would describe it, for a run of this name.
    pub(crate) fn cluster(&self, run: &str) -> Cluster {
        let nodes = self.names.iter().zip(1..).map(|(name, i)| Target {
            database_port: Some(DATABASE_PORT),
            processes: Some(self.rule()),
            ..Target::new(name.clone(), self.address(i).to_string())
        });
        Cluster::new(run, nodes.collect())
    }

    /// How the small database is recognised and started.
    pub(crate) fn rule(&self) -> ProcessRule {
        let program = self.folder.path().join(self.database());
        let script = self.folder.path().join("database.pl");
        ProcessRule {
            name: self.database(),
            pattern: Some(r"database\.pl$".to_owned()),
            start: Some(format!(
                "setsid {} {} >/dev/null 2>&1 </dev/null &",
                program.display(),
                script.display()
            )),
            ..ProcessRule::default()
        }
    }

    pub(crate) fn injector(&self, cluster: Cluster) -> RemoteInjector {
        RemoteInjector::new(self.ssh(), cluster).expect("no rule holds a NUL byte")
    }

    /// Ends a node's SSH server and everything else that runs there.
    pub(crate) fn stop(&mut self, node: u8) {
        let server = &mut self.servers[usize::from(node) - 1];
        let _ = server.kill();
        let _ = server.wait();
    }

    /// Runs a script in a node's network, past SSH; what it printed.
    pub(crate) fn inside(&self, node: u8, script: &str) -> String {
        let output = Command::new("ip")
            .args(["netns", "exec", &self.namespace(node), "sh", "-c", script])
            .stdin(Stdio::null())
            .output()
            .expect("ip of iproute2");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Whether one node reaches another, by each family.
    pub(crate) fn reaches(&self, from: u8, to: u8) -> (bool, bool) {
        let [v4, v6] = [IpAddr::from(self.address(to)), self.address6(to).into()].map(|address| {
            format!("timeout 2 bash -c ': </dev/tcp/{address}/22' 2>/dev/null && echo yes")
        });
        let both = self.inside(
            from,
            &format!("( {v4} | sed s/yes/4/ ) & ( {v6} | sed s/yes/6/ ) & wait"),
        );
        (both.contains('4'), both.contains('6'))
    }

    /// All ordered pairs of nodes that reach each other; by both families or by none, or it fails.
    pub(crate) fn matrix(&self) -> Vec<(u8, u8)> {
        let count = self.names.len() as u8;
        let pairs: Vec<(u8, u8)> = (1..=count)
            .flat_map(|from| (1..=count).map(move |to| (from, to)))
            .filter(|(from, to)| from != to)
            .collect();
        let reached: Vec<(bool, bool)> = std::thread::scope(|scope| {
            let looks: Vec<_> = pairs
                .iter()
                .map(|(from, to)| scope.spawn(|| self.reaches(*from, *to)))
                .collect();
            looks
                .into_iter()
                .map(|look| look.join().expect("no panic"))
                .collect()
        });
        let mut open = Vec::new();
        for (pair, (v4, v6)) in pairs.into_iter().zip(reached) {
            assert_eq!(v4, v6, "{pair:?}: one family is cut and the other is not");
            if v4 {
                open.push(pair);
            }
        }
        open
    }

    /// Whether the controller reaches a port of a node.
    pub(crate) fn controller_reaches(&self, node: u8, port: u16) -> bool {
        let address = (IpAddr::from(self.address(node)), port).into();
        std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
    }

    /// The packet filter of a node, without what counts.
    pub(crate) fn rules(&self, node: u8) -> String {
        self.inside(
            node,
            "nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; iptables-save | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'; \
             ip6tables-save | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'",
        )
    }

    fn namespace(&self, node: u8) -> String {
        format!("{}n{node}", self.tag)
    }

    fn database(&self) -> String {
        format!("{}db", self.tag)
    }

    fn make_network(&self) {
        let (tag, controller) = (&self.tag, self.controller());
        let mut script = format!(
            "set -e
ip netns add {tag}h
ip -n {tag}h link set lo up
ip -n {tag}h link add br0 type bridge
ip -n {tag}h link set br0 up
ip link add {tag}r type veth peer name root netns {tag}h
ip -n {tag}h link set root master br0 up
ip addr add {controller}/24 dev {tag}r
ip link set {tag}r up
"
        );
        for i in 1..=self.names.len() as u8 {
            let ns = self.namespace(i);
            let _ = write!(
                script,
                "ip netns add {ns}
ip -n {ns} link set lo up
ip link add eth0 netns {ns} type veth peer name v{i} netns {tag}h
ip -n {tag}h link set v{i} master br0 up
ip -n {ns} addr add {v4}/24 dev eth0
ip -n {ns} addr add {v6}/64 dev eth0 nodad
ip -n {ns} link set eth0 up
",
                v4 = self.address(i),
                v6 = self.address6(i),
            );
        }
        let output = Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("sh");
        assert!(output.status.success(), "{output:?}");
    }

    fn make_servers(&mut self) {
        let at = self.folder.path().to_path_buf();
        let path = |name: &str| at.join(name).display().to_string();
        fs::copy("/usr/bin/perl", at.join(self.database())).expect("perl");
        fs::write(
            at.join("database.pl"),
            format!(
                "use IO::Socket::INET;\nmy $s = IO::Socket::INET->new(Listen => 50, LocalPort => {DATABASE_PORT}, ReuseAddr => 1) or die;\n\
                 while (1) {{ my $c = $s->accept or next; print $c \"hello\\n\"; close $c; }}\n"
            ),
        )
        .expect("written");
        for key in ["key", "host"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)])
                .status();
            assert!(made.expect("ssh-keygen").success());
        }
        let host_key = fs::read_to_string(path("host.pub")).expect("a key");
        let (a, b) = self.net;
        fs::write(path("known_hosts"), format!("10.{a}.{b}.* {host_key}")).expect("written");
        fs::write(
            path("config"),
            format!(
                "Port 22\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\nAuthorizedKeysFile {}\nPasswordAuthentication no\n\
                 PermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 100\n",
                path("host"),
                path("key.pub")
            ),
        )
        .expect("written");
        // A plain shell: what root's start files do on this machine is none of the tests' business.
        fs::write(
            path("passwd"),
            "root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
        )
        .expect("written");
        let start = self.rule().start.expect("a start script");
        for i in 1..=self.names.len() as u8 {
            let script = format!(
                "set -e; mount -t tmpfs none /run; mkdir /run/sshd; mount --bind {} /etc/passwd; {start}
exec /usr/sbin/sshd -D -e -f {} 2>{}",
                path("passwd"),
                path("config"),
                path(&format!("log{i}"))
            );
            let server = Command::new("ip")
                .args(["netns", "exec", &self.namespace(i), "unshare"])
                .args([
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                    "sh",
                    "-c",
                ])
                .arg(script)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("ip and unshare");
            self.servers.push(server);
        }
    }

    fn await_servers(&self) {
        for i in 1..=self.names.len() as u8 {
            for port in [22, DATABASE_PORT] {
                self.await_that(&format!("n{i} listens on {port}"), || {
                    self.controller_reaches(i, port)
                });
            }
        }
    }

    /// Looks until the condition holds, for at most 30 s.
    pub(crate) fn await_that(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..300 {
            if condition() {
                return;
            }
            pause(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.folder.path().join("log1")).unwrap_or_default();
        panic!("it did not come true that {what}; n1's sshd says: {log}");
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // The pid namespace ends with its first process, and takes everything with it.
            let _ = server.kill();
            let _ = server.wait();
        }
        let tag = &self.tag;
        let mut script = format!("ip link del {tag}r; ip netns del {tag}h;");
        for i in 1..=self.names.len() as u8 {
            let _ = write!(script, "ip netns del {};", self.namespace(i));
        }
        let _ = Command::new("sh").args(["-c", &script]).output();
    }
}

/// Between two looks at a condition that nothing announces.
#[expect(
    clippy::disallowed_methods,
    reason = "a poll of a condition, bounded by its caller"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
