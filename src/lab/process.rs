//! The processes of a lab: found by what they are, not by remembered ids, and ended for good.
//!
//! A process belongs to a lab when its network namespace is one of the lab's, or when its command line is that of a
//! node's first process. The first process of a node takes its whole pid namespace with it. Ids are pinned by pidfds
//! before they are looked at, so that an id that is given to another program meanwhile is never hit.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The file name of the script that is a node's first process.
pub(super) const INIT: &str = "init.sh";

/// How long processes may take to end after SIGKILL.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(10);

/// How often those that were born meanwhile are looked for.
const ROUNDS: usize = 20;

/// A network namespace, as the kernel identifies it: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NamespaceId(u64, u64);

impl NamespaceId {
    /// The namespace that a file under `/run/netns` or `/proc/PID/ns` stands for.
    pub(super) fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        Some(Self(metadata.dev(), metadata.ino()))
    }
}

/// What belongs to a lab.
#[derive(Clone, Debug)]
pub(super) struct Members {
    /// Its network namespaces.
    pub(super) namespaces: BTreeSet<NamespaceId>,
    /// What all its namespaces' names begin with.
    pub(super) prefix: String,
}

/// A process that cannot become another one.
struct Pinned {
    pid: u32,
    fd: OwnedFd,
}

impl Members {
    /// The ids of the processes that belong to it.
    pub(super) fn processes(&self) -> BTreeSet<u32> {
        self.pinned().iter().map(|process| process.pid).collect()
    }

    /// Ends all of them; those that are left are handed out.
    pub(super) fn kill(&self) -> Result<(), BTreeSet<u32>> {
        for _ in 0..ROUNDS {
            let found = self.pinned();
            if found.is_empty() {
                return Ok(());
            }
            for process in &found {
                // It may have ended by itself.
                let _ = pidfd_send_signal(&process.fd, Signal::KILL);
            }
            if found.iter().any(|process| !ended(process, KILL_WAIT)) {
                break;
            }
        }
        let left = self.processes();
        if left.is_empty() { Ok(()) } else { Err(left) }
    }

    fn pinned(&self) -> Vec<Pinned> {
        let own = NamespaceId::of(Path::new("/proc/self/ns/net"));
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid: u32| {
                let fd =
                    pidfd_open(Pid::from_raw(pid.try_into().ok()?)?, PidfdFlags::empty()).ok()?;
                let directory = Path::new("/proc").join(pid.to_string());
                let namespace = NamespaceId::of(&directory.join("ns/net"));
                let inside = namespace != own
                    && namespace.is_some_and(|namespace| self.namespaces.contains(&namespace));
                let first = || {
                    fs::read(directory.join("cmdline")).is_ok_and(|command_line| {
                        node_of_init(&command_line, &self.prefix).is_some()
                    })
                };
                (inside || first()).then_some(Pinned { pid, fd })
            })
            .collect()
    }
}

/// The nodes whose first process runs: their namespaces' names, and their directories.
pub(super) fn running_inits(prefix: &str) -> BTreeMap<String, PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        // The program that forked it waits with the same arguments, so it is told by the shell in front.
        .filter(|command_line| command_line.starts_with(b"sh\0"))
        .filter_map(|command_line| node_of_init(&command_line, prefix))
        .collect()
}

/// The namespace and the directory in `… /a/b/init.sh PREFIXnode DIRECTORY …`, if that is the command line.
fn node_of_init(command_line: &[u8], prefix: &str) -> Option<(String, PathBuf)> {
    let arguments: Vec<_> = command_line.split(|byte| *byte == 0).collect();
    let suffix = format!("/{INIT}");
    arguments.windows(3).find_map(|words| {
        let name = std::str::from_utf8(words[1]).ok()?;
        let found = words[0].ends_with(suffix.as_bytes()) && name.starts_with(prefix);
        found.then(|| (name.to_owned(), OsStr::from_bytes(words[2]).into()))
    })
}

/// Whether it ends within this time. A zombie has ended.
fn ended(process: &Pinned, within: Duration) -> bool {
    let within = Timespec {
        tv_sec: within.as_secs() as i64,
        tv_nsec: within.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(&process.fd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&within)), Ok(1..))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn members(prefix: &str) -> Members {
        Members {
            namespaces: BTreeSet::new(),
            prefix: prefix.to_owned(),
        }
    }

    /// A process with the command line of a node's first process, that ends with this one in the worst case.
    fn pretend(directory: &Path, name: &str) -> std::process::Child {
        let script = directory.join(INIT);
        fs::write(&script, "echo up; read -r line").unwrap();
        let mut child = Command::new("sh")
            .arg(&script)
            .arg(name)
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It is there once it has spoken; before, the command line can still be ours.
        let mut up = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
        child
    }

    #[test]
    fn the_first_processes_of_one_lab_are_killed_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let own = format!("schism.test{}.", std::process::id());
        let others = format!("schism.test{}-b.", std::process::id());
        let mut first = pretend(directory.path(), &format!("{own}n1"));
        let mut other = pretend(directory.path(), &format!("{others}n1"));

        let expected = BTreeMap::from([(format!("{own}n1"), directory.path().to_owned())]);
        assert_eq!(running_inits(&own), expected);
        assert_eq!(members(&own).processes(), BTreeSet::from([first.id()]));
        members(&own).kill().unwrap();
        assert!(!first.wait().unwrap().success());
        assert!(members(&own).processes().is_empty());

        assert_eq!(other.try_wait().unwrap(), None, "the other lab goes on");
        members(&others).kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn our_own_network_namespace_is_never_a_labs() {
        let own = NamespaceId::of(Path::new("/proc/self/ns/net")).unwrap();
        let members = Members {
            namespaces: BTreeSet::from([own]),
            prefix: "schism.none.".to_owned(),
        };
        assert!(members.processes().is_empty());
    }

    #[test]
    fn a_command_line_that_only_mentions_a_node_is_not_its_first_process() {
        let found = |line: &str| node_of_init(line.replace(' ', "\0").as_bytes(), "schism.a.");
        let node = |name: &str| Some((name.to_owned(), PathBuf::from("/x")));
        assert_eq!(found("sh /x/init.sh schism.a.n1 /x"), node("schism.a.n1"));
        assert_eq!(
            found("unshare --fork sh /x/init.sh schism.a.n2 /x y"),
            node("schism.a.n2")
        );
        assert_eq!(found("ip netns exec schism.a.n1 sh"), None);
        assert_eq!(found("vi /x/init.sh"), None);
        assert_eq!(found("sh /x/init.sh schism.a-b.n1 /x"), None);
    }
}
