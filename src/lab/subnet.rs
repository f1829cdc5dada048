//! Which addresses a lab gets: a /24 (and a /64) that no route and no address of this machine overlaps with.
//!
//! Node `i` has host number `i`, the controller has 254. IPv6 addresses are unique local ones whose last 16 network
//! bits are taken from the /24, so one choice decides both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// The controller's host number.
const CONTROLLER: u8 = 254;

/// A prefix shorter than this is a default route in disguise (VPNs lay 0.0.0.0/1 and 128.0.0.0/1).
const SHORTEST_PREFIX: u8 = 8;

/// The addresses of one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    /// The network's first address; its prefix has 24 bits.
    pub(super) v4: Ipv4Addr,
}

impl Subnet {
    /// Every subnet a lab may get, in order of preference. The second range is set aside for benchmarks of network
    /// devices (RFC 2544) and serves machines where a VPN claims all of 10.0.0.0/8.
    fn candidates() -> impl Iterator<Item = Self> {
        [(10, 213), (198, 18), (198, 19)]
            .into_iter()
            .flat_map(|(a, b)| {
                (0..=u8::MAX).map(move |c| Self {
                    v4: Ipv4Addr::new(a, b, c, 0),
                })
            })
    }

    /// The first subnet that overlaps with none of the prefixes.
    pub(super) fn choose(taken: &[Prefix]) -> Option<Self> {
        Self::candidates().find(|candidate| {
            let own = [
                Prefix {
                    address: candidate.v4.into(),
                    length: 24,
                },
                Prefix {
                    address: candidate.address6(0).into(),
                    length: 64,
                },
            ];
            !taken
                .iter()
                .any(|prefix| own.iter().any(|own| own.overlaps(prefix)))
        })
    }

    /// The IPv4 address with this host number.
    pub(super) fn address(self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.v4.octets();
        Ipv4Addr::new(a, b, c, host)
    }

    /// The IPv6 address with this host number.
    pub(super) fn address6(self, host: u8) -> Ipv6Addr {
        let [_, b, c, _] = self.v4.octets();
        let last = u16::from_be_bytes([b, c]);
        Ipv6Addr::new(0xfd73, 0x6368, 0x6973, last, 0, 0, 0, host.into())
    }

    /// The controller's IPv4 address.
    pub(super) fn controller(self) -> Ipv4Addr {
        self.address(CONTROLLER)
    }

    /// The controller's IPv6 address.
    pub(super) fn controller6(self) -> Ipv6Addr {
        self.address6(CONTROLLER)
    }

    /// The name of the interface by which this machine reaches the lab; at most 15 characters, as the kernel wants.
    pub(super) fn interface(self) -> String {
        let [_, b, c, _] = self.v4.octets();
        format!("schism{b}-{c}")
    }
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    fn overlaps(&self, other: &Self) -> bool {
        let length = self.length.min(other.length);
        if length < SHORTEST_PREFIX {
            return false;
        }
        match (self.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let different = a.to_bits() ^ b.to_bits();
                different.leading_zeros() >= length.into()
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let different = a.to_bits() ^ b.to_bits();
                different.leading_zeros() >= length.into()
            }
            _ => false,
        }
    }
}

/// Reads what `ip -json route show table all` prints. `default` and routes to nothing readable are left out.
pub(super) fn routes(json: &str) -> Result<Vec<Prefix>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Route {
        #[serde(default)]
        dst: String,
    }
    let routes: Vec<Route> = parse(json)?;
    Ok(routes
        .iter()
        .filter_map(|route| prefix(&route.dst))
        .collect())
}

/// Reads what `ip -json address` prints: an interface that is down has addresses but no routes.
pub(super) fn addresses(json: &str) -> Result<Vec<Prefix>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Link {
        #[serde(default)]
        addr_info: Vec<Address>,
    }
    #[derive(Deserialize)]
    struct Address {
        local: Option<IpAddr>,
        prefixlen: Option<u8>,
    }
    let links: Vec<Link> = parse(json)?;
    Ok(links
        .into_iter()
        .flat_map(|link| link.addr_info)
        .filter_map(|a| {
            Some(Prefix {
                address: a.local?,
                length: a.prefixlen?,
            })
        })
        .collect())
}

/// `ip` prints nothing at all when a table is empty.
fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<Vec<T>, serde_json::Error> {
    if json.trim().is_empty() {
        Ok(Vec::new())
    } else {
        serde_json::from_str(json)
    }
}

fn prefix(text: &str) -> Option<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let length = length.unwrap_or(if address.is_ipv4() { 32 } else { 128 });
    Some(Prefix { address, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(prefixes: &[&str]) -> Vec<Prefix> {
        prefixes.iter().map(|text| prefix(text).unwrap()).collect()
    }

    fn chosen(prefixes: &[&str]) -> Option<String> {
        Subnet::choose(&taken(prefixes)).map(|subnet| subnet.v4.to_string())
    }

    #[test]
    fn the_first_free_subnet_is_taken() {
        assert_eq!(chosen(&[]).unwrap(), "10.213.0.0");
        assert_eq!(
            chosen(&["192.168.1.0/24", "10.212.255.0/24"]).unwrap(),
            "10.213.0.0"
        );
        assert_eq!(chosen(&["10.213.0.0/24"]).unwrap(), "10.213.1.0");
        assert_eq!(
            chosen(&["10.213.0.77", "10.213.1.128/25"]).unwrap(),
            "10.213.2.0"
        );
        assert_eq!(chosen(&["10.213.0.0/22"]).unwrap(), "10.213.4.0");
    }

    #[test]
    fn an_ipv6_range_that_is_taken_rules_the_subnet_out() {
        assert_eq!(chosen(&["fd73:6368:6973:d500::/64"]).unwrap(), "10.213.1.0");
        assert_eq!(chosen(&["fd00::/64", "fe80::/64"]).unwrap(), "10.213.0.0");
    }

    #[test]
    fn a_vpn_over_all_of_ten_moves_the_lab_elsewhere() {
        assert_eq!(chosen(&["10.0.0.0/8"]).unwrap(), "198.18.0.0");
        assert_eq!(
            chosen(&["10.0.0.0/8", "198.18.0.0/16"]).unwrap(),
            "198.19.0.0"
        );
    }

    #[test]
    fn halves_of_the_internet_are_a_default_route() {
        assert_eq!(chosen(&["0.0.0.0/1", "128.0.0.0/1"]).unwrap(), "10.213.0.0");
    }

    #[test]
    fn no_free_subnet_is_said() {
        assert_eq!(chosen(&["10.0.0.0/8", "198.18.0.0/15"]), None);
    }

    #[test]
    fn addresses_and_names_follow_from_the_subnet() {
        let subnet = Subnet {
            v4: Ipv4Addr::new(10, 213, 255, 0),
        };
        assert_eq!(subnet.address(3).to_string(), "10.213.255.3");
        assert_eq!(subnet.address6(3).to_string(), "fd73:6368:6973:d5ff::3");
        assert_eq!(subnet.controller().to_string(), "10.213.255.254");
        assert_eq!(subnet.controller6().to_string(), "fd73:6368:6973:d5ff::fe");
        assert_eq!(subnet.interface(), "schism213-255");
        assert!(Subnet::candidates().all(|candidate| candidate.interface().len() < 16));
    }

    #[test]
    fn candidates_have_different_interfaces_and_networks() {
        let all: Vec<_> = Subnet::candidates().collect();
        let interfaces: std::collections::BTreeSet<_> = all.iter().map(|s| s.interface()).collect();
        let networks: std::collections::BTreeSet<_> = all.iter().map(|s| s.address6(0)).collect();
        assert_eq!((interfaces.len(), networks.len()), (all.len(), all.len()));
    }

    #[test]
    fn what_ip_prints_is_understood() {
        let json = r#"[{"dst":"default","gateway":"192.0.2.1"},{"dst":"10.213.0.0/24","dev":"a"},
                       {"type":"local","dst":"10.213.1.254","table":"local"},{"type":"multicast","dst":"ff00::/8"}]"#;
        assert_eq!(
            routes(json).unwrap(),
            taken(&["10.213.0.0/24", "10.213.1.254", "ff00::/8"])
        );
        let json = r#"[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},{"ifname":"b"},
                       {"ifname":"c","addr_info":[{},{"local":"fd00::2","prefixlen":64}]}]"#;
        assert_eq!(
            addresses(json).unwrap(),
            taken(&["127.0.0.1/8", "fd00::2/64"])
        );
        assert_eq!(routes("").unwrap(), []);
        assert_eq!(addresses("\n").unwrap(), []);
        assert!(routes("{").is_err());
    }
}
