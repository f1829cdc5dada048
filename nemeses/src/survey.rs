//! What a node is and has: asked once, read here. Pure but for the asking, which is the injector's.

use std::net::IpAddr;

use crate::firewall::{self, FirewallTool};
use crate::lease;
use crate::probe::{self, ProbeTool};

/// What a node told about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) firewall: Option<FirewallTool>,
    pub(crate) probe: Option<ProbeTool>,
    /// Where the lease's state can be kept.
    pub(crate) state: Option<String>,
    /// The node's own global addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// Whence the node sees us come, and the port of its SSH server as it sees it.
    pub(crate) controller: Option<(IpAddr, u16)>,
}

/// Asks, as root, for everything but the controller.
pub(crate) fn script() -> String {
    format!(
        "{}{}{}ip -o addr show scope global 2>/dev/null | while read -r _ _ _ address _; do echo \"address ${{address%/*}}\"; done
:
",
        firewall::DETECT,
        probe::DETECT,
        lease::DETECT
    )
}

/// Asks, as the login user, whence the controller comes: sudo forgets it.
pub(crate) const CONTROLLER: &str = "echo \"$SSH_CONNECTION\"";

/// Reads the answers to [`script`] and [`CONTROLLER`].
pub(crate) fn read(answer: &str, connection: &str) -> Survey {
    let mut survey = Survey {
        controller: controller(connection),
        ..Survey::default()
    };
    for line in answer.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "firewall" => {
                survey.firewall = match rest {
                    "nft" => Some(FirewallTool::Nft),
                    "iptables" => Some(FirewallTool::Iptables),
                    _ => None,
                }
            }
            "probe" => survey.probe = ProbeTool::from_name(rest),
            "state" if rest.starts_with('/') => survey.state = Some(rest.to_owned()),
            "address" => survey.addresses.extend(address(rest)),
            _ => {}
        }
    }
    survey
}

/// An address without its zone; an IPv4 address in IPv6 clothes as itself.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let text = text.split('%').next()?;
    text.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// `CLIENT PORT SERVER PORT`, as sshd says it.
fn controller(connection: &str) -> Option<(IpAddr, u16)> {
    let mut words = connection.split_whitespace();
    let client = address(words.next()?)?;
    let port = words.nth(2)?.parse().ok()?;
    Some((client, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let survey = read(
            "firewall iptables\nprobe nc\nstate /run/schism\naddress 10.0.0.1\naddress fd00::1\naddress x\nnoise",
            "::ffff:10.0.0.254 50000 10.0.0.1 2222",
        );
        assert_eq!(
            survey,
            Survey {
                firewall: Some(FirewallTool::Iptables),
                probe: Some(ProbeTool::Netcat),
                state: Some("/run/schism".to_owned()),
                addresses: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
                controller: Some(("10.0.0.254".parse().unwrap(), 2222)),
            }
        );
        assert_eq!(
            read("firewall none\nprobe none\nstate none", ""),
            Survey::default()
        );
    }

    #[test]
    fn a_real_shell_runs_the_script() {
        let output = std::process::Command::new("sh")
            .args(["-c", &script()])
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(read(&text, "").probe.is_some(), "{text}");
        assert_eq!(output.stderr, b"");
    }
}
