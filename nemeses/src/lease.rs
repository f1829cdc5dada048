//! The dead man's switch on a node: a fault undoes itself when the controller is gone. Scripts only, pure.
//!
//! Before a fault is applied, the script that undoes it lies in `STATE/RUN/undo/FAULT` on the node, and a watchdog runs
//! there: a shell in a session of its own, which needs nothing but `sh` and `sleep` and counts its own seconds, so that
//! neither a lost connection nor a changed clock matters to it. While the controller lives it writes something new into
//! `renewed` several times per lease. When nothing new has come for as long as the lease, the watchdog takes the folder
//! aside, runs all undo scripts and ends.
//!
//! Taking the folder aside is a rename, so it is done or not done; a fault that is applied at that very moment looks
//! afterwards whether its undo script is still in its place, and undoes itself when it is not.

use std::time::Duration;

use crate::quote::quote;

/// The lease of a cluster that does not say otherwise.
pub const LEASE: Duration = Duration::from_secs(30);

/// Tells where the state can be kept: prints `state /run/schism`, `state /tmp/schism` or `state none`. The folder must be
/// ours, for what lies in it is run as root.
pub(crate) const DETECT: &str = "\
s=none
for b in /run/schism /tmp/schism; do
  (umask 077; mkdir -p \"$b\") 2>/dev/null
  if [ -d \"$b\" ] && [ ! -L \"$b\" ] && [ -O \"$b\" ] && [ -w \"$b\" ]; then s=$b; break; fi
done
rmdir \"$s\" 2>/dev/null
echo \"state $s\"
";

/// Ends watchdogs, runs every undo script of every run and removes the state. Prints `undone RUN/FAULT` for each, and
/// `left …` for what could not be undone.
pub(crate) const UNDO_ALL: &str = "\
for b in /run/schism /tmp/schism; do
  [ -d \"$b\" ] && [ ! -L \"$b\" ] && [ -O \"$b\" ] || continue
  for d in \"$b\"/*; do
    [ -d \"$d\" ] || continue
    p=; { read -r p <\"$d/watchdog.pid\"; } 2>/dev/null
    [ -n \"$p\" ] && case $({ tr '\\0' ' ' <\"/proc/$p/cmdline\"; } 2>/dev/null) in *\"$b/\"*) kill \"$p\" 2>/dev/null;; esac
    bad=
    for u in \"$d\"/undo/*; do
      [ -f \"$u\" ] || continue
      case $u in *.new) continue;; esac
      if e=$(sh \"$u\" 2>&1 </dev/null); then echo \"undone ${u#\"$b\"/}\"; else bad=1; echo \"left undo script $u fails: $e\" | head -n 1; fi
    done
    [ -n \"$bad\" ] || rm -rf \"$d\"
  done
  rmdir \"$b\" 2>/dev/null
done
";

/// Prints a line `left …` for each folder and watchdog of ours.
pub(crate) const LIST_ALL: &str = "\
for b in /run/schism /tmp/schism; do
  for d in \"$b\"/*; do [ -d \"$d\" ] && echo \"left folder $d\"; done
done
for d in /proc/[0-9]*; do
  { read -r c <\"$d/comm\"; } 2>/dev/null || continue
  [ \"$c\" = sh ] || continue
  case $({ tr '\\0' ' ' <\"$d/cmdline\"; } 2>/dev/null) in 'sh /run/schism/'*/watchdog*|'sh /tmp/schism/'*/watchdog*) w=${d#/proc/};; *) continue;; esac
  i=0; while [ -d \"/proc/$w\" ] && [ $i -lt 30 ]; do i=$((i+1)); sleep 0.1 2>/dev/null || sleep 1; done
  [ -d \"/proc/$w\" ] && echo \"left watchdog $w\"
done
";

/// The watchdog. Its one argument is the run's folder.
const WATCHDOG: &str = r#"main() {
  d=$1
  echo $$ >"$d/watchdog.pid.new" && mv -f "$d/watchdog.pid.new" "$d/watchdog.pid" || exit 1
  last=; left=30
  while [ -d "$d/undo" ]; do
    now=; { read -r now <"$d/renewed"; } 2>/dev/null
    lease=; { read -r lease <"$d/lease"; } 2>/dev/null
    case $lease in ''|*[!0-9]*) lease=30;; esac
    if [ "$now" != "$last" ]; then last=$now; left=$lease; fi
    if [ "$left" -le 0 ]; then lapse; exit 0; fi
    sleep 1
    left=$((left-1))
  done
}
lapse() {
  aside=$d.lapsed.$$
  mv "$d" "$aside" 2>/dev/null || exit 0
  for u in "$aside"/undo/*; do
    [ -f "$u" ] || continue
    case $u in *.new) continue;; esac
    undo "$u" &
  done
  wait
  rmdir "$aside/undo" 2>/dev/null && rm -rf "$aside"
  rmdir "${d%/*}" 2>/dev/null
}
undo() {
  n=0
  while [ $n -lt 10 ]; do
    if sh "$1" </dev/null >/dev/null 2>&1; then rm -f "$1"; return; fi
    n=$((n+1))
    sleep 1
  done
}
main "$1"
"#;

/// Where a run keeps its state on a node.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// The run's folder; of our own making, so that it needs no quoting.
    folder: String,
    seconds: u64,
}

impl Lease {
    /// `state` is what [`DETECT`] found; `run` consists of letters and digits.
    pub(crate) fn new(state: &str, run: &str, lease: Duration) -> Self {
        Self {
            folder: format!("{state}/{run}"),
            seconds: lease.as_secs().max(1),
        }
    }

    /// Applies a fault, with its lease. Both scripts must be safe to run twice.
    ///
    /// Ends with status 0 when it is applied, 3 when nothing was done or everything was undone, and anything else when
    /// nobody knows. `token` is something new, as for [`Lease::renew`].
    pub(crate) fn apply(&self, fault: u32, apply: &str, undo: &str, token: &str) -> String {
        let Self { folder, seconds } = self;
        format!(
            "\
d={folder}
umask 077
mkdir -p \"$d/undo\" || exit 3
printf '%s' {file} >\"$d/undo/{fault}.new\" || exit 3
echo {seconds} >\"$d/lease\" || exit 3
echo {token} >\"$d/renewed\" || exit 3
mv -f \"$d/undo/{fault}.new\" \"$d/undo/{fault}\" || exit 3
{ensure}
undo() {{ sh \"$d/undo/{fault}\" </dev/null >&2 || exit 4; rm -f \"$d/undo/{fault}\"; exit 3; }}
watched || {{ echo 'the watchdog does not run' >&2; undo; }}
apply() {{
:
{apply}}}
apply || undo
[ -f \"$d/undo/{fault}\" ] || {{
  echo 'the lease ran out while the fault was applied' >&2
  sh -c {file} </dev/null >&2 || exit 4
  exit 3
}}
",
            file = word(undo),
            ensure = ensure(),
        )
    }

    /// Undoes a fault. Ends with status 0 when its undo script succeeded; running it again does no harm.
    pub(crate) fn undo(&self, fault: u32, undo: &str) -> String {
        let Self { folder, .. } = self;
        format!(
            "\
d={folder}
undo() {{
:
{undo}}}
undo || exit 1
if [ -f \"$d/undo/{fault}\" ]; then rm -f \"$d/undo/{fault}\"; else echo lapsed; fi
"
        )
    }

    /// Says that the controller lives. Prints `renewed`, or `lapsed` when the lease was over before.
    pub(crate) fn renew(&self, token: &str) -> String {
        format!(
            "\
d={}
[ -d \"$d/undo\" ] || {{ echo lapsed; exit 0; }}
echo {token} >\"$d/renewed\" || exit 1
{}
watched || {{ echo 'the watchdog does not run' >&2; exit 1; }}
if [ -d \"$d/undo\" ]; then echo renewed; else echo lapsed; fi
",
            self.folder,
            ensure(),
        )
    }
}

/// Defines `watched`, which starts the watchdog unless it runs, and waits until it does.
fn ensure() -> String {
    format!(
            "\
alive() {{
  w=; {{ read -r w <\"$d/watchdog.pid\"; }} 2>/dev/null
  [ -n \"$w\" ] && case $({{ tr '\\0' ' ' <\"/proc/$w/cmdline\"; }} 2>/dev/null) in *\"$d/watchdog\"*) true;; *) false;; esac
}}
watched() {{
  alive && return 0
  printf '%s' {} >\"$d/watchdog\" || return 1
  if command -v setsid >/dev/null 2>&1; then
    setsid sh \"$d/watchdog\" \"$d\" </dev/null >/dev/null 2>&1 &
  else
    (trap '' HUP; exec sh \"$d/watchdog\" \"$d\") </dev/null >/dev/null 2>&1 &
  fi
  n=0
  until alive; do
    n=$((n+1)); [ $n -gt 50 ] && return 1
    sleep 0.1 2>/dev/null || sleep 1
  done
}}",
            word(WATCHDOG)
        )
}

/// The scripts hold no NUL byte: what they are made of was quoted before.
fn word(script: &str) -> String {
    quote(script).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    use super::*;

    struct Node {
        folder: tempfile::TempDir,
        lease: Lease,
    }

    impl Node {
        fn new(seconds: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let state = folder.path().join("schism").display().to_string();
            std::fs::create_dir(&state).unwrap();
            Self {
                lease: Lease::new(&state, "run1", Duration::from_secs(seconds)),
                folder,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn state(&self, name: &str) -> PathBuf {
            Path::new(&self.lease.folder).join(name)
        }

        /// A fault that is in force while a file is there.
        fn apply(&self, fault: u32, then: &str) -> Output {
            let file = self.path(&format!("fault{fault}")).display().to_string();
            sh(&self.lease.apply(
                fault,
                &format!("touch {file}\n{then}\n"),
                &format!("rm -f {file}\n"),
                &format!("t{fault}"),
            ))
        }

        fn undo(&self, fault: u32) -> Output {
            let file = self.path(&format!("fault{fault}")).display().to_string();
            sh(&self.lease.undo(fault, &format!("rm -f {file}\n")))
        }

        fn watchdog(&self) -> Option<String> {
            let pid = std::fs::read_to_string(self.state("watchdog.pid")).ok()?;
            Some(pid.trim().to_owned())
        }
    }

    impl Drop for Node {
        fn drop(&mut self) {
            if let Some(pid) = self.watchdog() {
                let _ = Command::new("kill").arg(pid).output();
            }
        }
    }

    fn sh(script: &str) -> Output {
        Command::new("sh").args(["-c", script]).output().unwrap()
    }

    fn until(mut condition: impl FnMut() -> bool) {
        // 20 s, looked at every 20 ms by a shell, for a test may not sleep itself.
        for _ in 0..1000 {
            if condition() {
                return;
            }
            sh("sleep 0.02");
        }
        panic!("it never came true");
    }

    fn status(output: &Output) -> Option<i32> {
        output.status.code()
    }

    #[test]
    fn a_fault_is_undone_when_nobody_renews_its_lease() {
        let node = Node::new(1);
        let output = node.apply(1, "");
        assert_eq!(status(&output), Some(0), "{output:?}");
        assert!(node.path("fault1").exists());
        let watchdog = node.watchdog().unwrap();
        until(|| !node.path("fault1").exists());
        until(|| !Path::new(&format!("/proc/{watchdog}")).exists());
        assert!(!node.path("schism").exists(), "nothing of ours is left");
    }

    #[test]
    fn a_renewed_lease_holds_until_it_is_undone() {
        let node = Node::new(2);
        node.apply(1, "");
        for token in 0..8 {
            sh("sleep 0.5");
            let output = sh(&node.lease.renew(&token.to_string()));
            assert_eq!(output.stdout, b"renewed\n", "{output:?}");
        }
        assert!(node.path("fault1").exists(), "four seconds later");
        let output = node.undo(1);
        assert_eq!((status(&output), &output.stdout[..]), (Some(0), &b""[..]));
        assert!(!node.path("fault1").exists());
    }

    #[test]
    fn two_faults_are_undone_one_by_one() {
        let node = Node::new(60);
        node.apply(1, "");
        let watchdog = node.watchdog();
        node.apply(2, "");
        assert_eq!(node.watchdog(), watchdog, "one watchdog for both");
        node.undo(1);
        assert!(!node.path("fault1").exists() && node.path("fault2").exists());
        assert!(node.state("undo/2").exists() && !node.state("undo/1").exists());
        node.undo(2);
        assert!(!node.path("fault2").exists());
    }

    #[test]
    fn a_fault_that_cannot_be_applied_is_undone_at_once() {
        let node = Node::new(60);
        let output = node.apply(1, "echo no room >&2; false");
        assert_eq!(status(&output), Some(3));
        assert_eq!(output.stderr, b"no room\n");
        assert!(!node.path("fault1").exists() && !node.state("undo/1").exists());
    }

    #[test]
    fn a_lease_that_runs_out_meanwhile_leaves_no_fault() {
        let node = Node::new(60);
        let aside = node.path("aside");
        let take_aside = format!("mv {} {}", node.path("schism").display(), aside.display());
        let watchdog_there = aside.join("run1/watchdog.pid");
        let output = node.apply(1, &take_aside);
        assert_eq!(status(&output), Some(3), "{output:?}");
        assert!(!node.path("fault1").exists());
        let pid = std::fs::read_to_string(watchdog_there).unwrap();
        until(|| !Path::new(&format!("/proc/{}", pid.trim())).exists());
    }

    #[test]
    fn a_lapsed_lease_is_told() {
        let node = Node::new(1);
        node.apply(1, "");
        until(|| !node.path("schism").exists());
        assert_eq!(sh(&node.lease.renew("x")).stdout, b"lapsed\n");
        assert_eq!(node.undo(1).stdout, b"lapsed\n");
    }

    #[test]
    fn a_killed_watchdog_is_replaced() {
        let node = Node::new(60);
        node.apply(1, "");
        let first = node.watchdog().unwrap();
        sh(&format!("kill -9 {first}"));
        until(|| !Path::new(&format!("/proc/{first}")).exists());
        let output = sh(&node.lease.renew("x"));
        assert_eq!(output.stdout, b"renewed\n", "{output:?}");
        assert_ne!(node.watchdog().unwrap(), first);
    }

    #[test]
    fn the_watchdog_runs_in_a_session_of_its_own() {
        let node = Node::new(60);
        node.apply(1, "");
        let pid = node.watchdog().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let session = rest.split(' ').nth(3).unwrap();
        assert_eq!(session, pid);
    }
}
