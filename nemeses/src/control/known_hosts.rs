//! Which host keys are believed: files in the format of OpenSSH's `known_hosts`.
//!
//! Understood are plain and hashed names, `[host]:port`, lists, `*`, `?`, `!` and `@revoked`. Certificate authorities
//! are not: a host that is known by its authority only counts as unknown.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The keys of one or more `known_hosts` files.
pub(crate) struct KnownHosts {
    files: Vec<PathBuf>,
    entries: Vec<Entry>,
}

struct Entry {
    /// `path:line`.
    place: String,
    revoked: bool,
    hosts: String,
    key_type: String,
    key: Vec<u8>,
}

/// What is known about a key that a host shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the host's key.
    Known,
    /// Nothing is known about the host.
    Unknown,
    /// The host is known by another key; where that stands, and its fingerprint.
    Changed { place: String, known: String },
    /// The key is marked as revoked; where.
    Revoked { place: String },
}

impl KnownHosts {
    /// Reads the files. One that does not exist holds nothing; lines that are not understood are passed over, as
    /// OpenSSH does.
    ///
    /// # Errors
    /// Which file cannot be read, and why.
    pub(crate) fn read(files: Vec<PathBuf>) -> Result<Self, String> {
        let mut entries = Vec::new();
        for file in &files {
            let content = match fs::read(file) {
                Ok(content) => content,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
            };
            let content = String::from_utf8_lossy(&content);
            for (line, number) in content.lines().zip(1usize..) {
                let place = format!("{}:{number}", file.display());
                entries.extend(Entry::parse(line, place));
            }
        }
        Ok(Self { files, entries })
    }

    /// The types of the keys by which the host is known, in the order of the files: the ones to ask it for.
    pub(crate) fn key_types(&self, host: &str, port: u16) -> Vec<&str> {
        let mut types: Vec<&str> = Vec::new();
        let name = name(host, port);
        for entry in self.entries.iter().filter(|entry| entry.is_about(&name)) {
            if !entry.revoked && !types.contains(&entry.key_type.as_str()) {
                types.push(&entry.key_type);
            }
        }
        types
    }

    /// Where to write down what is known.
    pub(crate) fn first_file(&self) -> String {
        self.files.first().map_or_else(
            || "known_hosts".to_owned(),
            |file| file.display().to_string(),
        )
    }

    /// What is known about the key, given in the wire format, that the host shows.
    pub(crate) fn standing(&self, host: &str, port: u16, key: &[u8]) -> Standing {
        let with_port = name(host, port);
        // As OpenSSH, a key that is known for the host on the usual port is good on another, too.
        let both = [with_port.clone(), name(host, 22)];
        if let Some(entry) = self
            .about(&both)
            .find(|entry| entry.revoked && entry.key == key)
        {
            return Standing::Revoked {
                place: entry.place.clone(),
            };
        }
        if self
            .about(&both)
            .any(|entry| !entry.revoked && entry.key == key)
        {
            return Standing::Known;
        }
        // A known host that suddenly shows a key of another type is as suspicious as one with another key: it was
        // asked for a type that is known.
        match self.about(&[with_port]).find(|entry| !entry.revoked) {
            Some(entry) => Standing::Changed {
                place: entry.place.clone(),
                known: format!("{} {}", entry.key_type, fingerprint(&entry.key)),
            },
            None => Standing::Unknown,
        }
    }

    /// Adds a host's key to the end of the first file, which is made if it does not exist.
    ///
    /// # Errors
    /// Which file cannot be written, and why.
    pub(crate) fn learn(&self, host: &str, port: u16, key: &[u8]) -> Result<PathBuf, String> {
        let file = self
            .files
            .first()
            .ok_or("there is no known_hosts file to write it to")?;
        let line = format!(
            "{} {} {}\n",
            name(host, port),
            key_type(key).unwrap_or_default(),
            BASE64.encode(key)
        );
        append(file, &line).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        Ok(file.clone())
    }

    fn about<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(|entry| names.iter().any(|name| entry.is_about(name)))
    }
}

impl Entry {
    fn parse(line: &str, place: String) -> Option<Self> {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let (revoked, hosts) = match first {
            "@revoked" => (true, words.next()?),
            comment if comment.starts_with(['#', '@']) => return None,
            hosts => (false, hosts),
        };
        let key_type = words.next()?.to_owned();
        let key = BASE64.decode(words.next()?.as_bytes()).ok()?;
        Some(Self {
            place,
            revoked,
            hosts: hosts.to_owned(),
            key_type,
            key,
        })
    }

    fn is_about(&self, name: &str) -> bool {
        let mut matched = false;
        for pattern in self.hosts.split(',') {
            if let Some(hashed) = pattern.strip_prefix("|1|") {
                matched |= is_hash_of(hashed, name);
            } else if let Some(pattern) = pattern.strip_prefix('!') {
                if super::ssh_config::is_match(&pattern.to_lowercase(), name) {
                    return false;
                }
            } else {
                matched |= super::ssh_config::is_match(&pattern.to_lowercase(), name);
            }
        }
        matched
    }
}

/// The fingerprint of a key in the wire format, as `ssh-keygen -l` shows it.
pub(crate) fn fingerprint(key: &[u8]) -> String {
    let mut text = "SHA256:".to_owned();
    let _ = write!(text, "{}", BASE64_NOPAD.encode(&Sha256::digest(key)));
    text
}

/// The type of a key in the wire format: `ssh-ed25519`.
pub(crate) fn key_type(key: &[u8]) -> Option<&str> {
    let length = u32::from_be_bytes(key.get(..4)?.try_into().ok()?) as usize;
    std::str::from_utf8(key.get(4..4usize.checked_add(length)?)?).ok()
}

fn name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

/// Whether `salt|hash`, both in base 64, is the name's HMAC-SHA1.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else {
        return false;
    };
    let (Ok(salt), Ok(hash)) = (
        BASE64.decode(salt.as_bytes()),
        BASE64.decode(hash.as_bytes()),
    ) else {
        return false;
    };
    Hmac::<Sha1>::new_from_slice(&salt)
        .is_ok_and(|hmac| hmac.chain_update(name).verify_slice(&hash).is_ok())
}

fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)?;
    }
    let torn =
        fs::read(file).is_ok_and(|content| content.last().is_some_and(|byte| *byte != b'\n'));
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)?;
    // One write, so that two connections that learn at once do not mix their lines.
    file.write_all(format!("{}{line}", if torn { "\n" } else { "" }).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with ssh-keygen for these tests; the hashed line by ssh-keygen -H from "[db1.example]:2222".
    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIK2pr+Bfus1hvPof4Wb/plZCzSbqadHH0u+/f4ODtKnE";
    const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIN+Wjn4+4Fcvl2JlKpggT+wCRxpSvtqqpVrQrKN1/A22";
    const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAAAAgEB";

    fn key(base64: &str) -> Vec<u8> {
        BASE64.decode(base64.as_bytes()).unwrap()
    }

    fn known(lines: &str) -> (tempfile::TempDir, KnownHosts) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        fs::write(&file, lines).unwrap();
        let known = KnownHosts::read(vec![file, folder.path().join("absent")]).unwrap();
        (folder, known)
    }

    fn hashed(name: &str) -> String {
        let salt = b"12345678901234567890";
        let hash = Hmac::<Sha1>::new_from_slice(salt)
            .unwrap()
            .chain_update(name)
            .finalize()
            .into_bytes();
        format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(&hash))
    }

    #[test]
    fn names_are_found_in_every_form() {
        for (hosts, host, port, found) in [
            ("db1.example", "db1.example", 22, true),
            ("db1.example", "DB1.Example", 22, true),
            ("db1.example", "db2.example", 22, false),
            ("db1.example", "db1.example", 2222, true),
            ("[db1.example]:2222", "db1.example", 2222, true),
            ("[db1.example]:2222", "db1.example", 22, false),
            ("other,db1.example", "db1.example", 22, true),
            ("*.example", "db1.example", 22, true),
            ("db?.example", "db1.example", 22, true),
            ("*.example,!db1.example", "db1.example", 22, false),
            ("[*.example]:2222", "db1.example", 2222, true),
            ("fd00::1", "fd00::1", 22, true),
        ] {
            let (_folder, known) = known(&format!(
                "# a comment\n\n{hosts} ssh-ed25519 {ED25519} note\n"
            ));
            let standing = known.standing(host, port, &key(ED25519));
            assert_eq!(
                standing == Standing::Known,
                found,
                "{hosts} {host} {port}: {standing:?}"
            );
        }
    }

    #[test]
    fn hashed_names_are_found() {
        let (_folder, known) = known(&format!(
            "{} ssh-ed25519 {ED25519}\n{} ssh-ed25519 {OTHER}\n",
            hashed("db1.example"),
            hashed("[db1.example]:2222")
        ));
        assert_eq!(
            known.standing("db1.example", 22, &key(ED25519)),
            Standing::Known
        );
        assert_eq!(
            known.standing("db1.example", 2222, &key(OTHER)),
            Standing::Known
        );
        assert!(matches!(
            known.standing("db1.example", 22, &key(OTHER)),
            Standing::Changed { .. }
        ));
        assert_eq!(
            known.standing("db2.example", 22, &key(OTHER)),
            Standing::Unknown
        );
    }

    #[test]
    fn another_key_is_a_change_and_says_where_the_old_one_stands() {
        let (_folder, known) = known(&format!("other x y\nn1 ssh-ed25519 {ED25519}\n"));
        let Standing::Changed { place, known: old } = known.standing("n1", 22, &key(OTHER)) else {
            panic!("another key of the same type");
        };
        assert!(place.ends_with("known_hosts:2"), "{place}");
        assert!(old.starts_with("ssh-ed25519 SHA256:"), "{old}");
        assert!(
            matches!(
                known.standing("n1", 22, &key(RSA)),
                Standing::Changed { .. }
            ),
            "a key of another type"
        );
        assert_eq!(known.key_types("n1", 22), ["ssh-ed25519"]);
        assert_eq!(known.key_types("n2", 22), [""; 0]);
    }

    #[test]
    fn a_revoked_key_is_refused_even_if_it_is_known() {
        let (_folder, known) = known(&format!(
            "n1 ssh-ed25519 {ED25519}\n@revoked * ssh-ed25519 {ED25519}\n@cert-authority * ssh-ed25519 {OTHER}\n"
        ));
        assert!(matches!(
            known.standing("n1", 22, &key(ED25519)),
            Standing::Revoked { .. }
        ));
    }

    #[test]
    fn several_keys_of_a_host_are_all_good() {
        let (_folder, known) = known(&format!(
            "n1 ssh-rsa {RSA}\nn1 ssh-ed25519 {ED25519}\nn1 ssh-ed25519 {OTHER}\n"
        ));
        for base64 in [ED25519, OTHER, RSA] {
            assert_eq!(known.standing("n1", 22, &key(base64)), Standing::Known);
        }
        assert_eq!(known.key_types("n1", 22), ["ssh-rsa", "ssh-ed25519"]);
    }

    #[test]
    fn what_is_learned_is_known_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/known_hosts");
        let read = || KnownHosts::read(vec![file.clone()]).unwrap();
        read().learn("N1", 2222, &key(ED25519)).unwrap();
        fs::write(&file, fs::read_to_string(&file).unwrap().trim_end()).unwrap();
        read().learn("n2", 22, &key(OTHER)).unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            format!("[n1]:2222 ssh-ed25519 {ED25519}\nn2 ssh-ed25519 {OTHER}\n")
        );
        assert_eq!(read().standing("n1", 2222, &key(ED25519)), Standing::Known);
        assert_eq!(read().standing("n2", 22, &key(OTHER)), Standing::Known);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let (_folder, known) = known("n1\nn1 ssh-ed25519\nn1 ssh-ed25519 !!!\n|1|x n1 y\n\u{0}\n");
        assert_eq!(known.standing("n1", 22, b""), Standing::Unknown);
        assert_eq!(key_type(b""), None);
        assert_eq!(key_type(&[255; 8]), None);
    }
}
