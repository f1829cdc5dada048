//! Whether one place reaches another: a TCP connection to a port that is known to answer. Scripts and their reading,
//! pure.

use std::fmt::Write as _;
use std::net::IpAddr;

/// Where a probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Probe {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Something answered.
    Open,
    /// The connection was refused: a packet came back.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// Nobody looked, or the look failed.
    Unknown,
}

impl Reach {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a packet went there and another came back.
    pub(crate) const fn is_reached(self) -> bool {
        matches!(self, Self::Open | Self::Refused)
    }
}

/// What a node probes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeTool {
    /// bash's `/dev/tcp`, with `timeout`; without bash's start file, which it reads even here when it finds itself
    /// below an SSH server, and which may take longer than the probe.
    Bash,
    /// Python 3.
    Python,
    /// A netcat with `-z` and `-v`.
    Netcat,
    /// ICMP, which tells less.
    Ping,
}

/// Tells which tool works on the node: prints `probe bash`, `probe python3`, `probe nc`, `probe ping` or `probe none`.
pub(crate) const DETECT: &str = "\
p=none
if timeout -k 1 5 true 2>/dev/null && case $(LC_ALL=C timeout 5 bash --norc -c ': </dev/tcp/127.0.0.1/1' 2>&1) in ''|*refused*) true;; *) false;; esac; then p=bash
elif python3 -c 'import socket, threading' 2>/dev/null; then p=python3
elif case $(LC_ALL=C nc -n -z -v -w 1 127.0.0.1 1 2>&1 </dev/null) in *refused*|*open*|*succeeded*) true;; *) false;; esac; then p=nc
elif ping -n -c 1 -W 1 127.0.0.1 >/dev/null 2>&1; then p=ping
fi
echo \"probe $p\"
";

const PYTHON: &str = "\
import socket, sys, threading
def probe(number, host, port):
    s = socket.socket(socket.AF_INET6 if \":\" in host else socket.AF_INET)
    s.settimeout(LIMIT)
    try:
        s.connect((host, int(port)))
        seen = \"open\"
    except ConnectionRefusedError:
        seen = \"refused\"
    except OSError:
        seen = \"silent\"
    sys.stdout.write(number + \" \" + seen + \"\\n\")
a = sys.argv[1:]
for i in range(0, len(a), 3):
    threading.Thread(target=probe, args=a[i:i + 3]).start()
";

impl ProbeTool {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "bash" => Self::Bash,
            "python3" => Self::Python,
            "nc" => Self::Netcat,
            "ping" => Self::Ping,
            _ => return None,
        })
    }

    /// Makes all probes at once, each for at most `limit` seconds, and prints a line `NUMBER SEEN` for each.
    pub(crate) fn script(self, probes: &[Probe], limit: u32) -> String {
        let mut script = String::new();
        match self {
            Self::Python => {
                let program = PYTHON.replace("LIMIT", &limit.to_string());
                let _ = write!(script, "python3 -c '{program}'");
                for (number, Probe { address, port }) in probes.iter().enumerate() {
                    let _ = write!(script, " {number} {address} {port}");
                }
                script.push('\n');
                return script;
            }
            Self::Bash => {
                let _ = writeln!(
                    script,
                    "p() {{ e=$(LC_ALL=C timeout {limit} bash --norc -c \": </dev/tcp/$2/$3\" 2>&1); s=$?"
                );
            }
            Self::Netcat => {
                let _ = writeln!(
                    script,
                    "p() {{ e=$(LC_ALL=C nc -n -z -v -w {limit} \"$2\" \"$3\" 2>&1 </dev/null); s=$?"
                );
            }
            Self::Ping => {
                let _ = writeln!(
                    script,
                    "p() {{ e=; ping -n -c 1 -W {limit} \"$2\" >/dev/null 2>&1; s=$?"
                );
            }
        }
        script.push_str(
            "case $s,$e in 0,*) echo \"$1 open\";; *refused*) echo \"$1 refused\";; *) echo \"$1 silent\";; esac; }\n",
        );
        for (number, Probe { address, port }) in probes.iter().enumerate() {
            let _ = writeln!(script, "p {number} {address} {port} &");
        }
        script.push_str("wait\n");
        script
    }
}

/// What came of each of `count` probes; those that the text does not tell of are unknown.
pub(crate) fn parse(text: &str, count: usize) -> Vec<Reach> {
    let mut seen = vec![Reach::Unknown; count];
    for line in text.lines() {
        let Some((number, what)) = line.split_once(' ') else {
            continue;
        };
        let place = number.parse().ok().and_then(|i: usize| seen.get_mut(i));
        let reach = match what {
            "open" => Reach::Open,
            "refused" => Reach::Refused,
            "silent" => Reach::Silent,
            _ => continue,
        };
        if let Some(place) = place {
            *place = reach;
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
    use std::process::Command;

    use super::*;

    fn sh(script: &str) -> String {
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn has(program: &str) -> bool {
        !sh(&format!("command -v {program} || :")).is_empty()
    }

    #[test]
    fn each_tool_tells_open_from_refused_on_this_machine() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let open = listener.local_addr().unwrap().port();
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let refused = closed.local_addr().unwrap().port();
        drop(closed);
        let at = |port| Probe {
            address: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        let mut probes = vec![at(open), at(refused), at(open)];
        let mut expected = vec![Reach::Open, Reach::Refused, Reach::Open];
        let sixth = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
        if let Ok(listener) = &sixth {
            probes.push(Probe {
                address: Ipv6Addr::LOCALHOST.into(),
                port: listener.local_addr().unwrap().port(),
            });
            expected.push(Reach::Open);
        }
        for (program, tool) in [
            ("bash", ProbeTool::Bash),
            ("python3", ProbeTool::Python),
            ("nc", ProbeTool::Netcat),
        ] {
            if has(program) {
                let seen = parse(&sh(&tool.script(&probes, 5)), probes.len());
                assert_eq!(seen, expected, "{program}");
            }
        }
    }

    #[test]
    fn a_tool_is_found_on_this_machine() {
        let found = sh(DETECT);
        let name = found.trim().strip_prefix("probe ").unwrap();
        assert!(ProbeTool::from_name(name).is_some(), "{found}");
    }

    #[test]
    fn what_was_not_told_is_unknown() {
        let seen = parse("1 open\nnoise\n7 open\nx open\n0 what\n2 silent", 4);
        assert_eq!(
            seen,
            [Reach::Unknown, Reach::Open, Reach::Silent, Reach::Unknown]
        );
    }

    #[test]
    fn the_script_is_pinned() {
        let probes = [Probe {
            address: "fd00::2".parse().unwrap(),
            port: 22,
        }];
        assert_eq!(
            ProbeTool::Bash.script(&probes, 2),
            "\
p() { e=$(LC_ALL=C timeout 2 bash --norc -c \": </dev/tcp/$2/$3\" 2>&1); s=$?
case $s,$e in 0,*) echo \"$1 open\";; *refused*) echo \"$1 refused\";; *) echo \"$1 silent\";; esac; }
p 0 fd00::2 22 &
wait
"
        );
    }
}
