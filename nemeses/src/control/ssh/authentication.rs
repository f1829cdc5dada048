//! Proving to a server who we are: key files and agents.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, decode_secret_key};
use tokio::time::timeout;

use super::connection::Verifier;
use crate::control::reach;
use crate::control::route::{Identity, Stop};
use crate::control::secret::Secret;

/// How long an agent may think.
const AGENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers hang up after six failures by default.
const TRIES_MAX: usize = 6;

/// Logs in. The key that the plan names is the only one tried; without one, those of the agent and then those of the
/// configuration or the usual files.
///
/// # Errors
/// Which keys were tried, and the next step.
pub(super) async fn log_in(
    handle: &mut Handle<Verifier>,
    stop: &Stop,
    identity: &Identity,
) -> Result<(), String> {
    let mut attempt = Attempt {
        place: reach::place(&stop.host, stop.port),
        stop,
        tried: Vec::new(),
        keys: 0,
        offered: "no other method".to_owned(),
    };
    if let Some(path) = &identity.key {
        match load(path, identity)? {
            Loaded::Key(key) => {
                if attempt.key(handle, path, key).await? {
                    return Ok(());
                }
            }
            Loaded::Encrypted(public) => {
                let in_agent = match (&public, &identity.agent) {
                    (Some(public), Some(socket)) => {
                        attempt.agent(handle, socket, Some(public)).await?
                    }
                    _ => false,
                };
                if !in_agent {
                    return Err(encrypted(path));
                }
                return Ok(());
            }
        }
        return Err(attempt.failed());
    }
    if let Some(socket) = &identity.agent
        && attempt.agent(handle, socket, None).await?
    {
        return Ok(());
    }
    for path in stop.keys.iter().filter(|path| path.exists()) {
        match load(path, identity) {
            Ok(Loaded::Key(key)) => {
                if attempt.key(handle, path, key).await? {
                    return Ok(());
                }
            }
            Ok(Loaded::Encrypted(_)) => attempt
                .tried
                .push(format!("{} (encrypted, not tried)", path.display())),
            Err(reason) => attempt.tried.push(reason),
        }
    }
    Err(attempt.failed())
}

struct Attempt<'a> {
    place: String,
    stop: &'a Stop,
    /// What was tried, in words.
    tried: Vec<String>,
    /// How many keys were shown to the server.
    keys: usize,
    offered: String,
}

impl Attempt<'_> {
    async fn key(
        &mut self,
        handle: &mut Handle<Verifier>,
        path: &Path,
        key: Box<PrivateKey>,
    ) -> Result<bool, String> {
        self.note(&path.display().to_string(), key.public_key());
        if self.keys > TRIES_MAX {
            return Ok(false);
        }
        let hash = self.hash_for(handle, key.public_key()).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(*key), hash);
        let result = handle
            .authenticate_publickey(self.stop.user.as_str(), key)
            .await
            .map_err(|error| self.hung_up(&error))?;
        Ok(self.is_success(result))
    }

    /// Tries the agent's keys, or only the given one.
    async fn agent(
        &mut self,
        handle: &mut Handle<Verifier>,
        socket: &Path,
        only: Option<&PublicKey>,
    ) -> Result<bool, String> {
        let silent = |_| format!("the agent at {} gave no answer", socket.display());
        let asked = async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let keys = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, keys))
        };
        let (mut agent, identities) = match timeout(AGENT_TIMEOUT, asked).await.map_err(silent)? {
            Ok(asked) => asked,
            Err(error) => {
                self.tried
                    .push(format!("the agent at {} ({error})", socket.display()));
                return Ok(false);
            }
        };
        for identity in identities {
            let AgentIdentity::PublicKey { key, comment } = identity else {
                continue;
            };
            if only.is_some_and(|only| only.key_data() != key.key_data()) {
                continue;
            }
            self.note(&format!("{comment} of the agent"), &key);
            if self.keys > TRIES_MAX {
                continue;
            }
            let hash = self.hash_for(handle, &key).await?;
            let signed =
                handle.authenticate_publickey_with(self.stop.user.as_str(), key, hash, &mut agent);
            match timeout(AGENT_TIMEOUT, signed).await.map_err(silent)? {
                Ok(result) => {
                    if self.is_success(result) {
                        return Ok(true);
                    }
                }
                Err(error) => self
                    .tried
                    .push(format!("the agent would not sign ({error})")),
            }
        }
        Ok(false)
    }

    /// RSA keys sign with SHA-2 only: SHA-1 is refused by every server that still counts.
    async fn hash_for(
        &self,
        handle: &Handle<Verifier>,
        key: &PublicKey,
    ) -> Result<Option<HashAlg>, String> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        let best = handle
            .best_supported_rsa_hash()
            .await
            .map_err(|error| self.hung_up(&error))?;
        Ok(Some(best.flatten().unwrap_or(HashAlg::Sha512)))
    }

    fn note(&mut self, name: &str, key: &PublicKey) {
        self.keys += 1;
        let too_many = if self.keys > TRIES_MAX {
            ", not tried: too many keys"
        } else {
            ""
        };
        self.tried.push(format!(
            "{name} ({} {}{too_many})",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256)
        ));
    }

    fn is_success(&mut self, result: AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure {
                remaining_methods, ..
            } => {
                let methods: Vec<&str> = remaining_methods.iter().map(Into::into).collect();
                if !methods.is_empty() {
                    self.offered = methods.join(", ");
                }
                false
            }
        }
    }

    fn hung_up(&self, error: &russh::Error) -> String {
        format!(
            "{} hung up while we logged in as {} ({error}; tried {}); name the one right key in the plan",
            self.place,
            self.stop.user,
            self.tried.join("; ")
        )
    }

    fn failed(&self) -> String {
        reach::not_logged_in(&self.place, &self.stop.user, &self.tried, &self.offered)
    }
}

enum Loaded {
    Key(Box<PrivateKey>),
    /// It is encrypted and there is no passphrase; its public half, where that can be told.
    Encrypted(Option<PublicKey>),
}

fn load(path: &Path, identity: &Identity) -> Result<Loaded, String> {
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

fn encrypted(path: &Path) -> String {
    format!(
        "the key {} is encrypted and there is no passphrase; set passphrase = {{ env = \"VARIABLE\" }}, or add the key to an SSH agent",
        path.display()
    )
}
