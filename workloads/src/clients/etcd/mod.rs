//! etcd 3.4 and newer, through its JSON gateway (`/v3/…`).
//!
//! Everything that can go wrong is judged in one place, `failure.rs`. What the driver would do on its own is off: no
//! retry, no redirect, no proxy; a client talks to the one node it is bound to. An operation is one request, but for a
//! transaction that appends: its first request only reads, so a failure of it is the failure of the whole, and its second
//! one writes.
//!
//! The data is laid out as
//!
//! ```text
//! schism/.schism               what we wrote here, so that we know the prefix for ours
//! schism/<run>/r/<key>         a register: the value as JSON
//! schism/<run>/l/<key>         a list: its elements as a JSON list
//! schism/<run>/s/<set>/<elem>  an element of a set: empty
//! ```
//!
//! where keys and elements stand as JSON, which never holds a `/` outside of quotes.
//!
//! The revision of an answer is the store's revision that the write made. Of a read of a register, it is the revision of
//! the write that it saw, and none when there was none; of a read of lists or sets, it is the revision that was read.

mod failure;
mod gateway;
mod kv;
mod setup;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::failure::Effect;
use self::gateway::{Certificates, Credentials, Gateway, Settings};
use self::kv::Keys;
use super::Listed;
use crate::secret::Secret;
use crate::{Capability, Client, Database, Endpoint, Failure, Role, SetupError};

/// Its line in the list of databases.
pub(super) const LISTED: Listed = Listed {
    name: "etcd",
    summary: "etcd 3.4 and newer, through its JSON gateway",
    capabilities: &[
        Capability::Registers,
        Capability::CompareAndSet,
        Capability::Sets,
        Capability::AppendTransactions,
    ],
    port: 2379,
};

/// How to talk to etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How reads are done. Linearizable ones ask a majority; serializable ones take what the node has, however old.
    pub reads: Reads,
    /// How long a connection may take. A call that gets none has surely not happened, while one that is sent and not
    /// answered is in doubt for ever: keep this below the time that the plan gives an operation.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// The user, where etcd has authentication enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The user's password, from an environment variable: `{ env = "VARIABLE" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// TLS, where etcd serves its clients with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reads: Reads::Linearizable,
            connect_timeout: Duration::from_secs(1),
            username: None,
            password: None,
            tls: None,
        }
    }
}

impl Options {
    /// The files that the options name, each with its key.
    pub(super) fn files_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let Some(tls) = &mut self.tls else {
            return Vec::new();
        };
        let optional = [
            ("tls.cert", tls.cert.as_mut()),
            ("tls.key", tls.key.as_mut()),
        ];
        std::iter::once(("tls.ca", &mut tls.ca))
            .chain(
                optional
                    .into_iter()
                    .filter_map(|(key, file)| Some((key, file?))),
            )
            .collect()
    }
}

/// How reads are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// A majority confirms that the node is up to date: etcd's default.
    #[default]
    Linearizable,
    /// The node answers from what it has. etcd promises no recency for them.
    Serializable,
}

/// TLS to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the certificates that may have signed the nodes' ones.
    pub ca: PathBuf,
    /// A PEM file with our certificate, where the nodes ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// A PEM file with the key of our certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// etcd, with its options set.
pub struct Etcd {
    settings: Settings,
    serializable: bool,
    keys: Arc<Keys>,
}

impl Etcd {
    /// etcd for the run with this name; see [`super::Spec::build`].
    ///
    /// # Errors
    /// A file that the options name cannot be read or is no PEM, the password's variable is not set, a password comes
    /// without a user or the other way round, or there is no time to connect in.
    pub fn new(options: &Options, run: &str) -> Result<Self, SetupError> {
        if options.connect_timeout.is_zero() {
            return Err(SetupError::setting(
                "connect_timeout",
                "in no time nothing connects; give it some, such as \"1s\"",
            ));
        }
        let settings = Settings {
            connect_timeout: options.connect_timeout,
            tls: options.tls.as_ref().map(certificates).transpose()?,
            credentials: credentials(options)?,
        };
        // Here rather than at the first connection: certificates that cannot be used are no fault of a node.
        settings.driver().map_err(|error| {
            SetupError::setting("tls", format!("the certificates cannot be used: {error:?}"))
        })?;
        Ok(Self {
            settings,
            serializable: options.reads == Reads::Serializable,
            keys: Arc::new(Keys::new(run)),
        })
    }

    /// A gateway, with a token where there are credentials.
    async fn gateway(&self, endpoint: &Endpoint) -> Result<Gateway, failure::Trouble> {
        let mut gateway = Gateway::new(&self.settings, endpoint)?;
        gateway.authenticate().await?;
        Ok(gateway)
    }
}

#[async_trait(?Send)]
impl Database for Etcd {
    fn name(&self) -> &'static str {
        LISTED.name
    }

    fn capabilities(&self) -> &'static [Capability] {
        LISTED.capabilities
    }

    /// Without authentication nothing is sent: the connection is made by the first call.
    async fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Client>, Failure> {
        let gateway = self
            .gateway(endpoint)
            .await
            // Nothing of the operation that wants the connection was sent yet, whatever went wrong.
            .map_err(|trouble| trouble.failure(Effect::Read))?;
        Ok(Box::new(kv::EtcdClient::new(
            gateway,
            Arc::clone(&self.keys),
            self.serializable,
        )))
    }

    async fn prepare(&self, endpoints: &[Endpoint]) -> Result<(), SetupError> {
        setup::prepare(self, endpoints).await
    }

    async fn health(&self, endpoint: &Endpoint) -> Result<String, SetupError> {
        setup::health(self, endpoint).await
    }

    async fn roles(&self, endpoints: &[Endpoint]) -> Vec<(Arc<str>, Role)> {
        setup::roles(self, endpoints).await
    }
}

fn credentials(options: &Options) -> Result<Option<Credentials>, SetupError> {
    match (&options.username, &options.password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(Credentials {
            user: user.clone(),
            password: password
                .reveal()
                .map_err(|error| SetupError::setting("password", error.to_string()))?,
        })),
        (Some(_), None) => Err(SetupError::setting(
            "password",
            "a username is given without a password; add `password = { env = \"VARIABLE\" }`",
        )),
        (None, Some(_)) => Err(SetupError::setting(
            "username",
            "a password is given without a username; add `username = \"…\"`",
        )),
    }
}

fn certificates(tls: &Tls) -> Result<Certificates, SetupError> {
    let authorities = reqwest::Certificate::from_pem_bundle(&read("tls.ca", &tls.ca)?)
        .map_err(|error| not_pem("tls.ca", &tls.ca, &error))?;
    if authorities.is_empty() {
        return Err(SetupError::setting(
            "tls.ca",
            format!("{} holds no certificate in PEM form", tls.ca.display()),
        ));
    }
    let identity = match (&tls.cert, &tls.key) {
        (None, None) => None,
        (Some(cert), Some(key)) => {
            let mut pem = read("tls.cert", cert)?;
            pem.push(b'\n');
            pem.extend(read("tls.key", key)?);
            Some(
                reqwest::Identity::from_pem(&pem)
                    .map_err(|error| not_pem("tls.cert and tls.key", cert, &error))?,
            )
        }
        (Some(_), None) => {
            return Err(SetupError::setting(
                "tls.key",
                "tls.cert is given without it",
            ));
        }
        (None, Some(_)) => {
            return Err(SetupError::setting(
                "tls.cert",
                "tls.key is given without it",
            ));
        }
    };
    Ok(Certificates {
        authorities,
        identity,
    })
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|error| {
        SetupError::setting(setting, format!("cannot read {}: {error}", path.display()))
    })
}

fn not_pem(setting: &'static str, path: &Path, error: &reqwest::Error) -> SetupError {
    SetupError::setting(
        setting,
        format!("{} is not in PEM form: {error}", path.display()),
    )
}
