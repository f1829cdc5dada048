//! What `~/.ssh/config` says about a host.
//!
//! Where there is an `ssh` program, `ssh -G HOST` answers: it knows every rule. Where there is none, `~/.ssh/config` is
//! read here, and of it only `Host` with patterns, `HostName` (with `%h`), `User`, `Port`, `IdentityFile` and
//! `ProxyJump`. Then a file with `Include` or `Match` is an error rather than half understood.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use super::address::Hop;

/// How long `ssh -G` may take: it can run programs of the user's (`Match exec`).
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// What the configuration says about a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostConfig {
    pub(crate) host: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) keys: Vec<PathBuf>,
    pub(crate) jump: Vec<Hop>,
    pub(crate) known_hosts: Vec<PathBuf>,
}

impl HostConfig {
    /// Asks for a host.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(crate) async fn ask(host: &str) -> Result<Self, String> {
        let asked = tokio::process::Command::new("ssh")
            .args(["-G", "--", host])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match tokio::time::timeout(ASK_TIMEOUT, asked).await {
            Err(_) => Err(format!(
                "ssh -G {host} gave no answer within {ASK_TIMEOUT:?}"
            )),
            Ok(Err(_)) => Self::read_own(host),
            Ok(Ok(output)) if output.status.success() => {
                Self::from_g(&String::from_utf8_lossy(&output.stdout), home().as_deref())
            }
            Ok(Ok(output)) => Err(format!(
                "ssh -G {host} refuses the configuration: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
        }
    }

    fn read_own(host: &str) -> Result<Self, String> {
        let home = home();
        let Some(path) = home.as_deref().map(|home| home.join(".ssh/config")) else {
            return Ok(Self::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_own(&text, host, home.as_deref())
                .map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// From what `ssh -G` prints.
    fn from_g(text: &str, home: Option<&std::path::Path>) -> Result<Self, String> {
        let mut config = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "hostname" => config.host = Some(value.to_owned()),
                "user" => config.user = Some(value.to_owned()),
                "port" => config.port = value.parse().ok(),
                "identityfile" => config.keys.push(expand(value, home)),
                "proxyjump" => config.jump = Hop::list(value)?,
                "userknownhostsfile" | "globalknownhostsfile" => {
                    let files = value.split_whitespace().filter(|file| *file != "none");
                    config
                        .known_hosts
                        .extend(files.map(|file| expand(file, home)));
                }
                "proxycommand" if value != "none" => {
                    return Err(format!(
                        "ProxyCommand {value} is not supported; use ProxyJump, or jump in the plan"
                    ));
                }
                _ => {}
            }
        }
        // The user's files come before the system's: what is learned goes to the first.
        config
            .known_hosts
            .sort_by_key(|file| file.starts_with("/etc"));
        Ok(config)
    }

    /// From the text of a configuration file. The first value of a key counts, as with OpenSSH.
    fn from_own(text: &str, host: &str, home: Option<&std::path::Path>) -> Result<Self, String> {
        let mut config = Self::default();
        let mut jump = None;
        let mut applies = true;
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let end = line
                .find(|c: char| c.is_whitespace() || c == '=')
                .unwrap_or(line.len());
            let key = line[..end].to_ascii_lowercase();
            let value = line[end..]
                .trim_start_matches(|c: char| c.is_whitespace() || c == '=')
                .trim_matches('"');
            match key.as_str() {
                "host" => applies = is_listed(value, host),
                "include" | "match" => {
                    return Err(format!(
                        "line {number}: {} is understood by OpenSSH only; install its client, or set config = false",
                        &line[..end]
                    ));
                }
                _ if !applies => {}
                "hostname" if config.host.is_none() => {
                    config.host = Some(value.replace("%h", host));
                }
                "user" if config.user.is_none() => config.user = Some(value.to_owned()),
                "port" if config.port.is_none() => {
                    let port = value
                        .parse()
                        .map_err(|_| format!("line {number}: {value:?} is no port"))?;
                    config.port = Some(port);
                }
                "identityfile" => config.keys.push(expand(value, home)),
                "proxyjump" if jump.is_none() => {
                    let hops =
                        Hop::list(value).map_err(|error| format!("line {number}: {error}"))?;
                    jump = Some(hops);
                }
                _ => {}
            }
        }
        config.jump = jump.unwrap_or_default();
        Ok(config)
    }
}

/// Whether the name fits the pattern, in which `*` stands for anything and `?` for one character.
pub(crate) fn is_match(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star is, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The home folder of the local user.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|home: &OsString| !home.is_empty())
        .map(PathBuf::from)
}

fn is_listed(patterns: &str, host: &str) -> bool {
    let mut listed = false;
    for pattern in patterns.split_whitespace() {
        if let Some(pattern) = pattern.strip_prefix('!') {
            if is_match(pattern, host) {
                return false;
            }
        } else {
            listed |= is_match(pattern, host);
        }
    }
    listed
}

fn expand(path: &str, home: Option<&std::path::Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn own(text: &str, host: &str) -> HostConfig {
        HostConfig::from_own(text, host, Some(Path::new("/home/me"))).unwrap()
    }

    #[test]
    fn the_answer_of_ssh_is_read() {
        let config = HostConfig::from_g(
            "host db1\nuser admin\nhostname 10.0.0.1\nport 2222\nidentityfile ~/.ssh/id_a\n\
             identityfile /keys/b\nglobalknownhostsfile /etc/ssh/ssh_known_hosts\n\
             userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\nproxyjump me@bastion:2200\n",
            Some(Path::new("/home/me")),
        )
        .unwrap();
        assert_eq!(
            config,
            HostConfig {
                host: Some("10.0.0.1".to_owned()),
                user: Some("admin".to_owned()),
                port: Some(2222),
                keys: vec!["/home/me/.ssh/id_a".into(), "/keys/b".into()],
                jump: Hop::list("me@bastion:2200").unwrap(),
                known_hosts: vec![
                    "/home/me/.ssh/known_hosts".into(),
                    "/home/me/.ssh/known_hosts2".into(),
                    "/etc/ssh/ssh_known_hosts".into(),
                ],
            }
        );
        let refused = HostConfig::from_g("proxycommand nc %h %p\n", None).unwrap_err();
        assert!(refused.contains("use ProxyJump"), "{refused}");
    }

    const OWN: &str = "
        # everyone
        User everyone
        Host db1 db2
            HostName %h.example
            Port=2222
            IdentityFile \"~/.ssh/id_db\"
            User nobody
        Host *.example !bastion.example
            ProxyJump bastion.example
        Host *
            IdentityFile /keys/all
            Port 22
    ";

    #[test]
    fn our_own_subset_takes_the_first_value() {
        let db1 = own(OWN, "db1");
        assert_eq!(db1.host.as_deref(), Some("db1.example"));
        assert_eq!(db1.user.as_deref(), Some("everyone"));
        assert_eq!(db1.port, Some(2222));
        assert_eq!(
            db1.keys,
            [PathBuf::from("/home/me/.ssh/id_db"), "/keys/all".into()]
        );
        assert_eq!(db1.jump, []);
        assert_eq!(own(OWN, "a.example").jump[0].host, "bastion.example");
        assert_eq!(own(OWN, "bastion.example").jump, []);
        assert_eq!(own(OWN, "other").port, Some(22));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, part) in [
            ("Include other", "line 1: Include"),
            ("\nMatch all", "line 2: Match"),
            ("Port ssh", "\"ssh\" is no port"),
            ("ProxyJump a:b", "is no jump host"),
        ] {
            let error = HostConfig::from_own(text, "h", None).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, matches) in [
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("?", "", false),
            ("??", "ab", true),
            ("*.example", "example", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(is_match(pattern, name), matches, "{pattern} {name}");
        }
    }
}
