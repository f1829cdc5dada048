//! What a lab writes down about itself, `lab.json`, and the locks that keep two schisms from one lab.
//!
//! The directory of all labs is `/var/lib/schism/labs` (on disk, as databases want it), or what `SCHISM_LABS` names.
//! Each lab has one directory below it, readable by root only:
//!
//! ```text
//! etcd/                     named after the lab
//!   lab.json                this module's record
//!   id_ed25519  id_ed25519.pub  known_hosts  ssh_config      for `ssh -F ssh_config n1`
//!   nodes/n1/
//!     etc/                  /run/schism-lab in the node: sshd's settings and host key, hosts, passwd, init.sh, bin/
//!     lib/  log/            /var/lib/schism and /var/log in the node
//!     tmp/  var-tmp/  home/ /tmp, /var/tmp and /root in the node
//!     init.log              what the node's first process had to say
//! ```

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LabError, LabNode};

/// The version of `lab.json`.
const FORMAT: u32 = 1;

/// Where labs are, unless the environment says otherwise.
const DEFAULT_ROOT: &str = "/var/lib/schism/labs";

/// The environment variable that says otherwise.
const ROOT_VARIABLE: &str = "SCHISM_LABS";

/// What is locked while namespaces and subnets of this machine are chosen and removed. A directory that is always
/// there, so that the lock leaves no file behind. (`ip netns add` locks `/run/netns`, so that one cannot be it.)
const MACHINE_LOCK: &str = "/run";

/// How long the choice of another schism may take.
const MACHINE_LOCK_WAIT: Duration = Duration::from_mins(1);

/// How long looking whether a lab is locked may take.
const LAB_LOCK_WAIT: Duration = Duration::from_secs(1);

/// What a lab is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The version of this format.
    pub(super) format: u32,
    /// The schism that made it.
    pub(super) schism: String,
    /// The lab's name.
    pub(super) name: String,
    /// The database.
    pub(super) database: String,
    /// What its program says about its version; known once it runs.
    pub(super) database_version: Option<String>,
    /// The database's program on this machine.
    pub(super) binary: PathBuf,
    /// How far making it came.
    pub(super) phase: Phase,
    /// The first address of the /24.
    pub(super) subnet: Ipv4Addr,
    /// Whether the nodes have IPv6 addresses too.
    pub(super) ipv6: bool,
    /// Its nodes.
    pub(super) nodes: Vec<LabNode>,
}

/// How far making a lab came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// It was begun. Without a living schism that works on it, it stays so.
    Starting,
    /// Every node was ready once.
    Ready,
}

impl Record {
    /// The version of the format that is written.
    pub(super) fn format() -> u32 {
        FORMAT
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join("lab.json")
    }

    /// Reads the record of a lab; `None` when making it was ended before it was written.
    pub(super) fn read(name: &str, directory: &Path) -> Result<Option<Self>, LabError> {
        let path = Self::path(directory);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LabError::File { path, source }),
        };
        let bad = |reason: String| LabError::Record {
            name: name.to_owned(),
            path: path.clone(),
            reason,
        };
        let mut record: Self =
            serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if record.format != FORMAT {
            return Err(bad(format!(
                "its format is {}, this schism reads {FORMAT}; it was made by schism {}",
                record.format, record.schism
            )));
        }
        for node in &mut record.nodes {
            node.directory = node_directory(directory, &node.name);
        }
        Ok(Some(record))
    }

    /// Writes the record, whole or not at all.
    pub(super) fn write(&self, directory: &Path) -> Result<(), LabError> {
        let path = Self::path(directory);
        let new = directory.join("lab.json.new");
        let mut text = serde_json::to_string_pretty(self).expect("a record has string keys only");
        text.push('\n');
        fs::write(&new, text).map_err(LabError::file(&new))?;
        fs::rename(&new, &path).map_err(LabError::file(&path))
    }
}

/// The directory of all labs, from the environment.
pub(super) fn root() -> PathBuf {
    match env::var_os(ROOT_VARIABLE) {
        Some(path) if !path.is_empty() => {
            // The path goes into mounts and into files that are read from other working directories.
            std::path::absolute(&path).unwrap_or_else(|_| path.into())
        }
        _ => DEFAULT_ROOT.into(),
    }
}

/// Whether labs are in a directory below schism's own.
pub(super) fn is_default(root: &Path) -> bool {
    root == Path::new(DEFAULT_ROOT)
}

/// Where a node's files are on this machine.
pub(super) fn node_directory(lab: &Path, node: &str) -> PathBuf {
    lab.join("nodes").join(node)
}

/// Whether this can be the name of a lab: it becomes part of namespaces' names, host names and paths.
pub(super) fn check_name(name: &str) -> Result<(), LabError> {
    let letters = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if letters && (1..=32).contains(&name.len()) && !name.starts_with('-') {
        Ok(())
    } else {
        Err(LabError::BadName {
            name: name.to_owned(),
        })
    }
}

/// A lock on a directory; ends with this value or with the process.
#[derive(Debug)]
pub(super) struct Lock(
    #[expect(
        dead_code,
        reason = "held, not used: the lock lives as long as the file is open"
    )]
    File,
);

impl Lock {
    /// Keeps other schisms from namespaces and subnets. Waits for them, within bounds.
    pub(super) fn machine() -> Result<Self, LabError> {
        let path = Path::new(MACHINE_LOCK);
        Self::within(path, MACHINE_LOCK_WAIT)?.ok_or_else(|| LabError::Tool {
            command: format!("flock {MACHINE_LOCK}"),
            reason: format!(
                "another process has held it for {} s (see `lslocks`)",
                MACHINE_LOCK_WAIT.as_secs()
            ),
        })
    }

    /// Keeps other schisms from changing this lab. Does not wait.
    pub(super) fn lab(name: &str, directory: &Path) -> Result<Self, LabError> {
        let file = File::open(directory).map_err(LabError::file(directory))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(LabError::Busy {
                name: name.to_owned(),
            }),
            Err(fs::TryLockError::Error(source)) => Err(LabError::File {
                path: directory.to_owned(),
                source,
            }),
        }
    }

    /// As [`Lock::lab`], but lets those pass who only look whether it is locked.
    pub(super) fn lab_soon(name: &str, directory: &Path) -> Result<Self, LabError> {
        Self::within(directory, LAB_LOCK_WAIT)?.ok_or_else(|| LabError::Busy {
            name: name.to_owned(),
        })
    }

    /// Waits for a lock; `None` when it is not to be had in this time.
    fn within(path: &Path, wait: Duration) -> Result<Option<Self>, LabError> {
        let file = File::open(path).map_err(LabError::file(path))?;
        let (send, receive) = mpsc::channel();
        // A lock cannot be waited for with a bound; a thread can. One that comes too late is let go at once.
        thread::spawn(move || {
            let locked = file.lock();
            let _ = send.send(locked.map(|()| file));
        });
        match receive.recv_timeout(wait) {
            Ok(Ok(file)) => Ok(Some(Self(file))),
            Ok(Err(source)) => Err(LabError::File {
                path: path.to_owned(),
                source,
            }),
            Err(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            format: FORMAT,
            schism: "0.1.0".to_owned(),
            name: "etcd".to_owned(),
            database: "etcd".to_owned(),
            database_version: None,
            binary: "/usr/bin/etcd".into(),
            phase: Phase::Starting,
            subnet: Ipv4Addr::new(10, 213, 0, 0),
            ipv6: true,
            nodes: vec![LabNode {
                name: "n1".to_owned(),
                address: Ipv4Addr::new(10, 213, 0, 1),
                address6: Some("fd73:6368:6973:d500::1".parse().unwrap()),
                ssh_port: 22,
                directory: PathBuf::new(),
            }],
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Record::read("etcd", directory.path()).unwrap(), None);
        record().write(directory.path()).unwrap();
        let mut expected = record();
        expected.nodes[0].directory = directory.path().join("nodes/n1");
        assert_eq!(
            Record::read("etcd", directory.path()).unwrap(),
            Some(expected)
        );
    }

    #[test]
    fn a_broken_record_and_one_of_another_version_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("lab.json"), "{\"form").unwrap();
        let error = Record::read("x", directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("lab.json: EOF") && error.contains("schism lab down x"),
            "{error}"
        );

        Record {
            format: 99,
            ..record()
        }
        .write(directory.path())
        .unwrap();
        let error = Record::read("x", directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("its format is 99, this schism reads 1"),
            "{error}"
        );
    }

    #[test]
    fn names_that_would_break_a_path_are_refused() {
        for good in ["a", "etcd", "etcd-2", "0", &"x".repeat(32)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "A",
            "a.b",
            "a/b",
            "..",
            "a b",
            "ä",
            &"x".repeat(33),
        ] {
            assert!(
                matches!(check_name(bad), Err(LabError::BadName { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_lab_has_one_owner_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::lab("a", directory.path()).unwrap();
        assert!(matches!(
            Lock::lab("a", directory.path()),
            Err(LabError::Busy { .. })
        ));
        drop(first);
        drop(Lock::lab_soon("a", directory.path()).unwrap());
        assert!(Lock::lab("a", directory.path()).is_ok());
    }
}
