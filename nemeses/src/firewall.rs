//! Packet filters that cut links: what to run on a node, as text. Pure.
//!
//! Packets are dropped where they arrive and never where they leave: a sender whose own filter drops its packets gets
//! an error from its system call, which no broken network gives. Every fault has a table (nftables) or a chain
//! (iptables) of its own, evaluated before the node's own rules, and healing it removes exactly that. The connection of
//! the controller is let through first. Each cut source has a counter.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::fault::RejectMode;

/// What all names of ours begin with.
pub(crate) const PREFIX: &str = "schism_";

/// What filters packets on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirewallTool {
    /// `nft`, with the family `inet`.
    Nft,
    /// `iptables`, and `ip6tables` for IPv6.
    Iptables,
}

/// What one fault does to the packets that arrive at one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Addresses and ports of ours that stay reachable: SSH from the controller.
    pub(crate) keep: Vec<(IpAddr, u16)>,
    /// Packets from these are cut.
    pub(crate) cut: Vec<IpAddr>,
    /// Packets from these are counted only, as proof that they arrive.
    pub(crate) count: Vec<IpAddr>,
    /// Whether the sender of a cut packet is told.
    pub(crate) mode: RejectMode,
}

/// The name of a fault's table or chain. At most 28 characters, which is what iptables takes.
pub(crate) fn table(run: &str, fault: u32) -> String {
    format!("{PREFIX}{run}_{fault}")
}

/// Tells which tool works on the node: prints `firewall nft`, `firewall iptables` or `firewall none`.
pub(crate) const DETECT: &str = "\
f=none
if nft -c 'table inet schism_check { chain c { type filter hook input priority -10; ip saddr 192.0.2.1 counter drop; }; }' 2>/dev/null; then f=nft
elif iptables -w 5 -n -L INPUT >/dev/null 2>&1; then f=iptables
fi
echo \"firewall $f\"
";

/// Removes every table and chain of ours, whatever run left it.
pub(crate) const REMOVE_ALL: &str = "\
nft list tables 2>/dev/null | while read -r _ family name; do
  case $name in schism_*) nft delete table \"$family\" \"$name\";; esac
done
for t in iptables ip6tables; do
  command -v $t >/dev/null 2>&1 || continue
  $t -w 5 -S INPUT 2>/dev/null | while read -r add chain jump name; do
    case \"$jump $name\" in '-j schism_'*) $t -w 5 -D \"$chain\" -j \"$name\";; esac
  done
  $t -w 5 -S 2>/dev/null | while read -r new name rest; do
    case \"$new $name\" in '-N schism_'*) $t -w 5 -F \"$name\"; $t -w 5 -X \"$name\";; esac
  done
done
";

/// Prints a line `left …` for each table and chain of ours.
pub(crate) const LIST_ALL: &str = "\
nft list tables 2>/dev/null | while read -r _ family name; do
  case $name in schism_*) echo \"left table $family $name\";; esac
done
for t in iptables ip6tables; do
  command -v $t >/dev/null 2>&1 || continue
  $t -w 5 -S 2>/dev/null | while read -r new name rest; do
    case \"$new $name\" in '-N schism_'*) echo \"left $t chain $name\";; esac
  done
done
";

impl FirewallTool {
    /// Puts the rules in force, all or none; the body of a shell function. Running it again replaces them.
    pub(crate) fn install(self, table: &str, rules: &Rules) -> String {
        match self {
            Self::Nft => nft_install(table, rules),
            Self::Iptables => iptables_install(table, rules),
        }
    }

    /// Removes the table or chain and nothing else. Does nothing when there is none.
    pub(crate) fn remove(self, table: &str) -> String {
        match self {
            Self::Nft => format!(
                "if nft list table inet {table} >/dev/null 2>&1; then nft delete table inet {table}; fi\n"
            ),
            Self::Iptables => format!(
                "bad=
for t in iptables ip6tables; do
  command -v $t >/dev/null 2>&1 || continue
  while $t -w 5 -D INPUT -j {table} 2>/dev/null; do :; done
  if $t -w 5 -n -L {table} >/dev/null 2>&1; then $t -w 5 -F {table} && $t -w 5 -X {table} || bad=1; fi
done
[ -z \"$bad\" ]
"
            ),
        }
    }

    /// Prints what [`FirewallTool::packets`] reads.
    pub(crate) fn list(self, table: &str) -> String {
        match self {
            Self::Nft => format!("nft list table inet {table}\n"),
            Self::Iptables => format!(
                "iptables -w 5 -v -x -n -L {table}
echo ip6
if command -v ip6tables >/dev/null 2>&1; then ip6tables -w 5 -v -x -n -L {table}; fi
"
            ),
        }
    }

    /// How many packets came from each source, of those that are cut and those that are counted only, in the order of
    /// the rules. `None` when the text is not what the node prints for these rules.
    pub(crate) fn packets(self, rules: &Rules, text: &str) -> Option<(Vec<u64>, Vec<u64>)> {
        let counted: Vec<u64> = match self {
            Self::Nft => text
                .lines()
                .filter_map(|line| line.split_once("counter packets "))
                .map(|(_, rest)| rest.split(' ').next()?.parse().ok())
                .collect::<Option<_>>()?,
            Self::Iptables => {
                let (v4, v6) = text.split_once("ip6\n").unwrap_or((text, ""));
                let (mut v4, mut v6) = (without_target(v4), without_target(v6));
                sources(rules)
                    .map(|source| {
                        if source.is_ipv4() {
                            v4.next()
                        } else {
                            v6.next()
                        }
                    })
                    .collect::<Option<_>>()?
            }
        };
        if counted.len() != rules.count.len() + rules.cut.len() {
            return None;
        }
        let (count, cut) = counted.split_at(rules.count.len());
        Some((cut.to_vec(), count.to_vec()))
    }
}

/// The sources in the order of their counters.
fn sources(rules: &Rules) -> impl Iterator<Item = &IpAddr> {
    rules.count.iter().chain(&rules.cut)
}

fn nft_install(table: &str, rules: &Rules) -> String {
    let mut text = format!(
        "nft -f - <<'schism-end'
table inet {table}
delete table inet {table}
table inet {table} {{
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname \"lo\" return
"
    );
    for (address, port) in &rules.keep {
        line(
            &mut text,
            &format!("{} tcp dport {port} return", nft_from(address)),
        );
    }
    // Without its neighbours' addresses, an IPv6 node stays cut off for a while after the fault is healed.
    line(
        &mut text,
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return",
    );
    if rules.mode == RejectMode::Reject {
        // What tells a sender must reach it, though its own node rejects our packets, too.
        for told in [
            "tcp flags & rst == rst return",
            "icmp type destination-unreachable return",
            "icmpv6 type destination-unreachable return",
        ] {
            line(&mut text, told);
        }
    }
    for source in &rules.count {
        line(&mut text, &format!("{} counter", nft_from(source)));
    }
    for source in &rules.cut {
        let from = nft_from(source);
        match rules.mode {
            RejectMode::Drop => line(&mut text, &format!("{from} counter drop")),
            RejectMode::Reject => {
                line(&mut text, &format!("{from} counter"));
                line(
                    &mut text,
                    &format!("{from} meta l4proto tcp reject with tcp reset"),
                );
                line(
                    &mut text,
                    &format!("{from} reject with icmpx type port-unreachable"),
                );
            }
        }
    }
    text.push_str("  }\n}\nschism-end\n");
    text
}

fn line(text: &mut String, rule: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "    {rule}");
}

fn nft_from(address: &IpAddr) -> String {
    let family = if address.is_ipv4() { "ip" } else { "ip6" };
    format!("{family} saddr {address}")
}

fn iptables_install(table: &str, rules: &Rules) -> String {
    let mut text = FirewallTool::Iptables.remove(table);
    for (program, is_ipv6) in [("iptables", false), ("ip6tables", true)] {
        let own = |address: &&IpAddr| address.is_ipv6() == is_ipv6;
        if is_ipv6 && !sources(rules).any(IpAddr::is_ipv6) {
            continue;
        }
        // One program for all rules, because there are many; what is restored is in force all at once.
        let _ = writeln!(
            text,
            "restore() {{ {program}-restore $1 --noflush 2>&1 <<'schism-end'\n*filter\n:{table} - [0:0]"
        );
        let mut append = |rule: &str| {
            let _ = writeln!(text, "-A {table} {rule}");
        };
        append("-i lo -j RETURN");
        for (address, port) in rules.keep.iter().filter(|(address, _)| own(&address)) {
            append(&format!("-s {address} -p tcp --dport {port} -j RETURN"));
        }
        if is_ipv6 {
            for kind in ["neighbour-solicitation", "neighbour-advertisement"] {
                append(&format!("-p icmpv6 --icmpv6-type {kind} -j RETURN"));
            }
        }
        if rules.mode == RejectMode::Reject {
            append("-p tcp --tcp-flags RST RST -j RETURN");
            append(if is_ipv6 {
                "-p icmpv6 --icmpv6-type destination-unreachable -j RETURN"
            } else {
                "-p icmp --icmp-type destination-unreachable -j RETURN"
            });
        }
        // A rule without a target counts and goes on.
        for source in rules.count.iter().filter(own) {
            append(&format!("-s {source}"));
        }
        for source in rules.cut.iter().filter(own) {
            append(&format!("-s {source}"));
            match rules.mode {
                RejectMode::Drop => append(&format!("-s {source} -j DROP")),
                RejectMode::Reject => {
                    append(&format!(
                        "-s {source} -p tcp -j REJECT --reject-with tcp-reset"
                    ));
                    append(&format!("-s {source} -j REJECT"));
                }
            }
        }
        // Old versions cannot wait for the lock.
        let _ = writeln!(
            text,
            "-I INPUT 1 -j {table}\nCOMMIT\nschism-end\n}}\nrestore '-w 5' >/dev/null || restore '' >&2 || return 1"
        );
    }
    text
}

/// The packet counts of the rules without a target, in order, from what `iptables -v -x -n -L` prints.
fn without_target(text: &str) -> impl Iterator<Item = u64> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let packets = words.next()?.parse().ok()?;
        let _bytes = words.next()?;
        // In the place of the target stands the protocol: a number or a word of its own.
        let next = words.next()?;
        matches!(next, "all" | "0").then_some(packets)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn rules(mode: RejectMode) -> Rules {
        Rules {
            keep: vec![(ip("10.0.0.254"), 22)],
            cut: vec![ip("10.0.0.2"), ip("fd00::2")],
            count: vec![ip("10.0.0.3")],
            mode,
        }
    }

    #[test]
    fn nft_drops_at_the_receiver_in_a_table_of_its_own() {
        assert_eq!(
            FirewallTool::Nft.install("schism_r_1", &rules(RejectMode::Drop)),
            "\
nft -f - <<'schism-end'
table inet schism_r_1
delete table inet schism_r_1
table inet schism_r_1 {
  chain input {
    type filter hook input priority -10; policy accept;
    iifname \"lo\" return
    ip saddr 10.0.0.254 tcp dport 22 return
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
    ip saddr 10.0.0.3 counter
    ip saddr 10.0.0.2 counter drop
    ip6 saddr fd00::2 counter drop
  }
}
schism-end
"
        );
    }

    #[test]
    fn nft_rejects_and_lets_through_what_tells_the_sender() {
        let text = FirewallTool::Nft.install("schism_r_1", &rules(RejectMode::Reject));
        assert!(text.contains(
            "\
    tcp flags & rst == rst return
    icmp type destination-unreachable return
    icmpv6 type destination-unreachable return
    ip saddr 10.0.0.3 counter
    ip saddr 10.0.0.2 counter
    ip saddr 10.0.0.2 meta l4proto tcp reject with tcp reset
    ip saddr 10.0.0.2 reject with icmpx type port-unreachable
    ip6 saddr fd00::2 counter
"
        ));
    }

    #[test]
    fn iptables_drops_in_a_chain_of_its_own_that_comes_whole() {
        let text = FirewallTool::Iptables.install("schism_r_1", &rules(RejectMode::Drop));
        let (_, text) = text.split_once("[ -z \"$bad\" ]\n").unwrap();
        assert_eq!(
            text,
            "\
restore() { iptables-restore $1 --noflush 2>&1 <<'schism-end'
*filter
:schism_r_1 - [0:0]
-A schism_r_1 -i lo -j RETURN
-A schism_r_1 -s 10.0.0.254 -p tcp --dport 22 -j RETURN
-A schism_r_1 -s 10.0.0.3
-A schism_r_1 -s 10.0.0.2
-A schism_r_1 -s 10.0.0.2 -j DROP
-I INPUT 1 -j schism_r_1
COMMIT
schism-end
}
restore '-w 5' >/dev/null || restore '' >&2 || return 1
restore() { ip6tables-restore $1 --noflush 2>&1 <<'schism-end'
*filter
:schism_r_1 - [0:0]
-A schism_r_1 -i lo -j RETURN
-A schism_r_1 -p icmpv6 --icmpv6-type neighbour-solicitation -j RETURN
-A schism_r_1 -p icmpv6 --icmpv6-type neighbour-advertisement -j RETURN
-A schism_r_1 -s fd00::2
-A schism_r_1 -s fd00::2 -j DROP
-I INPUT 1 -j schism_r_1
COMMIT
schism-end
}
restore '-w 5' >/dev/null || restore '' >&2 || return 1
"
        );
    }

    #[test]
    fn nothing_is_ever_done_to_what_leaves_or_to_the_rules_of_others() {
        for tool in [FirewallTool::Nft, FirewallTool::Iptables] {
            for mode in [RejectMode::Drop, RejectMode::Reject] {
                let all = [
                    tool.install("schism_r_1", &rules(mode)),
                    tool.remove("schism_r_1"),
                    REMOVE_ALL.to_owned(),
                ]
                .concat();
                assert!(!all.to_lowercase().contains("output"), "{all}");
                // Restoring without that flag would begin by throwing away the rules of others.
                let restores = all.matches("-restore ").count();
                assert_eq!(all.matches("-restore $1 --noflush").count(), restores);
                assert_eq!(all.matches("flush").count(), restores, "{all}");
                for line in all.lines().filter(|line| line.contains(" -F ")) {
                    assert!(
                        line.contains("-F schism_") || line.contains("'-N schism_'*"),
                        "{line}"
                    );
                }
            }
        }
    }

    #[test]
    fn names_fit_iptables() {
        assert_eq!(table("abcdefghij", u32::MAX).len(), 28);
    }

    #[test]
    fn counters_of_nft_are_read() {
        let listed = "\
table inet schism_r_1 {
\tchain input {
\t\ttype filter hook input priority -10; policy accept;
\t\tiifname \"lo\" return
\t\tip saddr 10.0.0.254 tcp dport 22 return
\t\tip saddr 10.0.0.3 counter packets 7 bytes 420
\t\tip saddr 10.0.0.2 counter packets 12 bytes 720 drop
\t\tip6 saddr fd00::2 counter packets 0 bytes 0 drop
\t}
}";
        let rules = rules(RejectMode::Drop);
        let packets = FirewallTool::Nft.packets(&rules, listed);
        assert_eq!(packets, Some((vec![12, 0], vec![7])));
        assert_eq!(FirewallTool::Nft.packets(&rules, ""), None);
    }

    #[test]
    fn counters_of_iptables_are_read() {
        let listed = "\
Chain schism_r_1 (1 references)
    pkts      bytes target     prot opt in     out     source               destination
       4      208 RETURN     all  --  lo     *       0.0.0.0/0            0.0.0.0/0
       9      468 RETURN     tcp  --  *      *       10.0.0.254           0.0.0.0/0            tcp dpt:22
       7      420            all  --  *      *       10.0.0.3             0.0.0.0/0
      12      720            all  --  *      *       10.0.0.2             0.0.0.0/0
      12      720 DROP       all  --  *      *       10.0.0.2             0.0.0.0/0
ip6
Chain schism_r_1 (1 references)
    pkts      bytes target     prot opt in     out     source               destination
       0        0 RETURN     0    --  lo     *       ::/0                 ::/0
       3      180            0    --  *      *       fd00::2              ::/0
       3      180 DROP       0    --  *      *       fd00::2              ::/0";
        let rules = rules(RejectMode::Drop);
        let packets = FirewallTool::Iptables.packets(&rules, listed);
        assert_eq!(packets, Some((vec![12, 3], vec![7])));
        assert_eq!(FirewallTool::Iptables.packets(&rules, "ip6\n"), None);
    }
}
