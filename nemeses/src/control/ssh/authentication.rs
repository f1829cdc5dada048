//! Proving to a server who we are: key files and agents.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use tokio::time::timeout;

use super::connection::Verifier;
use crate::control::identity::{Loaded, Tries, encrypted, load};
use crate::control::route::{Identity, Stop};

/// How long an agent may think.
const AGENT_TIMEOUT: Duration = Duration::from_secs(10);

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
    let mut login = Login {
        handle,
        user: &stop.user,
        tries: Tries::at(stop),
    };
    if let Some(path) = &identity.key {
        return match (load(path, identity)?, &identity.agent) {
            (Loaded::Key(key), _) => {
                if login.key(path, *key).await? {
                    Ok(())
                } else {
                    Err(login.tries.failed())
                }
            }
            (Loaded::Encrypted(Some(public)), Some(socket))
                if login.agent(socket, Some(&public)).await? =>
            {
                Ok(())
            }
            (Loaded::Encrypted(_), _) => Err(encrypted(path)),
        };
    }
    if let Some(socket) = &identity.agent
        && login.agent(socket, None).await?
    {
        return Ok(());
    }
    for path in stop.keys.iter().filter(|path| path.exists()) {
        match load(path, identity) {
            Ok(Loaded::Key(key)) => {
                if login.key(path, *key).await? {
                    return Ok(());
                }
            }
            Ok(Loaded::Encrypted(_)) => login
                .tries
                .note(format!("{} (encrypted, not tried)", path.display())),
            Err(reason) => login.tries.note(reason),
        }
    }
    Err(login.tries.failed())
}

struct Login<'a> {
    handle: &'a mut Handle<Verifier>,
    user: &'a str,
    tries: Tries<'a>,
}

impl Login<'_> {
    async fn key(&mut self, path: &Path, key: PrivateKey) -> Result<bool, String> {
        if !self
            .tries
            .key(&path.display().to_string(), key.public_key())
        {
            return Ok(false);
        }
        let hash = self.hash_for(key.public_key()).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let result = self
            .handle
            .authenticate_publickey(self.user, key)
            .await
            .map_err(|error| self.tries.hung_up(&error))?;
        Ok(self.is_success(result))
    }

    /// Tries the agent's keys, or only the given one.
    async fn agent(&mut self, socket: &Path, only: Option<&PublicKey>) -> Result<bool, String> {
        let silent = |_| format!("the agent at {} gave no answer", socket.display());
        let asked = async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let keys = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, keys))
        };
        let (mut agent, identities) = match timeout(AGENT_TIMEOUT, asked).await.map_err(silent)? {
            Ok(asked) => asked,
            Err(error) => {
                self.tries
                    .note(format!("the agent at {} ({error})", socket.display()));
                return Ok(false);
            }
        };
        for identity in identities {
            let AgentIdentity::PublicKey { key, comment } = identity else {
                continue;
            };
            if only.is_some_and(|only| only.key_data() != key.key_data())
                || !self.tries.key(&format!("{comment} of the agent"), &key)
            {
                continue;
            }
            let hash = self.hash_for(&key).await?;
            let signed = self
                .handle
                .authenticate_publickey_with(self.user, key, hash, &mut agent);
            match timeout(AGENT_TIMEOUT, signed).await.map_err(silent)? {
                Ok(result) => {
                    if self.is_success(result) {
                        return Ok(true);
                    }
                }
                Err(error) => self
                    .tries
                    .note(format!("the agent would not sign ({error})")),
            }
        }
        Ok(false)
    }

    /// RSA keys sign with SHA-2 only: SHA-1 is refused by every server that still counts.
    async fn hash_for(&self, key: &PublicKey) -> Result<Option<HashAlg>, String> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        let best = self
            .handle
            .best_supported_rsa_hash()
            .await
            .map_err(|error| self.tries.hung_up(&error))?;
        Ok(Some(best.flatten().unwrap_or(HashAlg::Sha512)))
    }

    fn is_success(&mut self, result: AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure {
                remaining_methods, ..
            } => {
                let methods: Vec<&str> = remaining_methods.iter().map(Into::into).collect();
                self.tries.offered(&methods);
                false
            }
        }
    }
}
