//! Private keys in files, and what was tried with which key.

use std::path::Path;

use russh::keys::{HashAlg, PrivateKey, PublicKey, decode_secret_key};

use super::reach;
use super::route::{Identity, Stop};
use super::secret::Secret;

/// Servers hang up after six failures by default.
const TRIES_MAX: usize = 6;

/// What came of reading a key file.
pub(super) enum Loaded {
    Key(Box<PrivateKey>),
    /// It is encrypted and there is no passphrase; its public half, where that can be told.
    Encrypted(Option<PublicKey>),
}

/// Reads a private key.
///
/// # Errors
/// What is wrong with it, and the next step.
pub(super) fn load(path: &Path, identity: &Identity) -> Result<Loaded, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "the key {} cannot be read ({error}); check the path in the plan",
            path.display()
        )
    })?;
    let passphrase = identity.passphrase.as_ref().map(Secret::reveal);
    match decode_secret_key(&text, passphrase) {
        Ok(key) => Ok(Loaded::Key(Box::new(key))),
        Err(russh::keys::Error::KeyIsEncrypted) if passphrase.is_none() => {
            let public = PrivateKey::from_openssh(&text).map(|key| key.public_key().clone());
            Ok(Loaded::Encrypted(public.ok()))
        }
        Err(error) if passphrase.is_some() => Err(format!(
            "the key {} cannot be unlocked ({error}); is the passphrase right?",
            path.display()
        )),
        Err(error) => Err(format!(
            "the key {} is not understood ({error}); it must be a private key of type ed25519, ecdsa or rsa",
            path.display()
        )),
    }
}

/// Why an encrypted key cannot be used, and the next step.
pub(super) fn encrypted(path: &Path) -> String {
    format!(
        "the key {} is encrypted and there is no passphrase; set passphrase = {{ env = \"VARIABLE\" }}, or add the key to an SSH agent",
        path.display()
    )
}

/// What was tried to log in to a stop.
pub(super) struct Tries<'a> {
    stop: &'a Stop,
    tried: Vec<String>,
    /// How many keys were shown to the server.
    keys: usize,
    offered: String,
}

impl<'a> Tries<'a> {
    pub(super) fn at(stop: &'a Stop) -> Self {
        Self {
            stop,
            tried: Vec::new(),
            keys: 0,
            offered: "no other method".to_owned(),
        }
    }

    /// Notes a key that is about to be tried; whether the server still listens to another one.
    pub(super) fn key(&mut self, name: &str, key: &PublicKey) -> bool {
        self.keys += 1;
        let is_heard = self.keys <= TRIES_MAX;
        let too_many = if is_heard {
            ""
        } else {
            ", not tried: too many keys"
        };
        self.tried.push(format!(
            "{name} ({} {}{too_many})",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256)
        ));
        is_heard
    }

    /// Notes something that could not be tried.
    pub(super) fn note(&mut self, what: String) {
        self.tried.push(what);
    }

    /// Notes which methods the server takes.
    pub(super) fn offered(&mut self, methods: &[&str]) {
        if !methods.is_empty() {
            self.offered = methods.join(", ");
        }
    }

    /// Why nothing was accepted, and the next step.
    pub(super) fn failed(&self) -> String {
        let place = reach::place(&self.stop.host, self.stop.port);
        reach::not_logged_in(&place, &self.stop.user, &self.tried, &self.offered)
    }

    /// Why the server hung up, and the next step.
    pub(super) fn hung_up(&self, error: &dyn std::fmt::Display) -> String {
        format!(
            "{} hung up while we logged in as {} ({error}; tried {}); name the one right key in the plan",
            reach::place(&self.stop.host, self.stop.port),
            self.stop.user,
            self.tried.join("; ")
        )
    }
}
