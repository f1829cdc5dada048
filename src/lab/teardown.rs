//! Removing a lab, whatever is left of it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::process::KILL_WAIT;
use super::record::{self, Lock, Record};
use super::subnet::Subnet;
use super::{LabError, MOUNT_POINT, netns, tool};

/// A lab that is being made. Dropped, it is removed again, so that neither an error nor an interruption leaves anything.
#[derive(Debug)]
pub(super) struct Unfinished {
    root: PathBuf,
    name: String,
    /// Taken by whoever decides its fate.
    lock: Option<Lock>,
}

impl Unfinished {
    /// From now on the lab is removed, unless it is kept. Its directory is locked.
    pub(super) fn new(root: &Path, name: &str, lock: Lock) -> Self {
        Self {
            root: root.to_owned(),
            name: name.to_owned(),
            lock: Some(lock),
        }
    }

    /// It stays.
    pub(super) fn keep(mut self) {
        self.lock = None;
    }

    /// It goes, because of this error. Hands out what to tell.
    pub(super) fn remove_after(mut self, first: LabError) -> LabError {
        let lock = self.lock.take();
        let removed = Lock::machine()
            .and_then(|machine| tear_down(&machine, lock.as_ref(), &self.root, &self.name));
        match removed {
            Ok(()) => first,
            Err(then) => LabError::Twice {
                first: first.into(),
                then: then.into(),
            },
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.lock.is_some()
            && let Ok(machine) = Lock::machine()
        {
            // Nobody is left to be told. What resists is shown by `lab status`, and `lab down` tries again.
            let _ = tear_down(&machine, self.lock.as_ref(), &self.root, &self.name);
        }
    }
}

/// Removes everything of a lab, in the order that leaves nothing unnamed: the directory goes last. Whoever calls this
/// holds the machine's lock, and the lab's as long as that has a directory.
pub(super) fn tear_down(
    _machine: &Lock,
    _lab: Option<&Lock>,
    root: &Path,
    name: &str,
) -> Result<(), LabError> {
    let directory = root.join(name);
    netns::members(name)
        .kill()
        .map_err(|left| LabError::Undying {
            name: name.to_owned(),
            pids: left
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            waited: KILL_WAIT,
        })?;
    // A record that cannot be read must not keep the rest from being removed.
    let subnet = Record::read(name, &directory)
        .ok()
        .flatten()
        .map(|r| Subnet { v4: r.subnet });
    netns::remove(name, subnet)?;
    unmount_below(&directory)?;
    match fs::remove_dir_all(&directory) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => {
            return Err(LabError::File {
                path: directory,
                source,
            });
        }
    }
    remove_empty(root);
    Ok(())
}

/// Takes away mounts below a directory, so that what is deleted there is the lab's own. There are none, unless
/// someone mounted something by hand.
fn unmount_below(directory: &Path) -> Result<(), LabError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).map_err(LabError::file(table))?;
    // The last mounted comes off first.
    for point in mount_points(&text)
        .into_iter()
        .rev()
        .filter(|point| point.starts_with(directory))
    {
        tool::run("umount", ["--lazy".as_ref(), point.as_os_str()])?;
    }
    Ok(())
}

/// The mount points in the kernel's table, in its order. Blanks in paths are written as octal numbers there.
fn mount_points(mountinfo: &str) -> Vec<PathBuf> {
    let plain = |field: &str| {
        [
            ("\\040", " "),
            ("\\011", "\t"),
            ("\\012", "\n"),
            ("\\134", "\\"),
        ]
        .iter()
        .fold(field.to_owned(), |text, (octal, byte)| {
            text.replace(octal, byte)
        })
    };
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|p| plain(p).into())
        .collect()
}

/// With the last lab go the directories that held them. Removing the mount point would take the data away from under
/// the nodes of any other lab, so it goes only when no lab of this machine has a namespace.
fn remove_empty(root: &Path) {
    // A directory that is not empty stays; that is no failure.
    let _ = fs::remove_dir(root);
    if netns::labs().is_empty() {
        if !record::is_default(root) {
            let _ = fs::remove_dir(Path::new(MOUNT_POINT).join("labs"));
        }
        let _ = fs::remove_dir(MOUNT_POINT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_in_order_with_their_blanks() {
        let table = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                     30 22 0:25 / /mnt/a\\040b\\134c rw shared:1 - tmpfs tmpfs rw\n";
        assert_eq!(
            mount_points(table),
            [PathBuf::from("/"), PathBuf::from("/mnt/a b\\c")]
        );
    }
}
