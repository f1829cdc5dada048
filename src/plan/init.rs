//! Commented plans to start from, as `schism init` writes them. Each is valid as it stands.

/// A simulated cluster.
pub const SIM: &str = include_str!("init/sim.toml");
/// A local etcd cluster.
pub const ETCD: &str = include_str!("init/etcd.toml");
/// A cluster reached over SSH.
pub const SSH: &str = include_str!("init/ssh.toml");
