//! One connection to one node's JSON gateway: a call is one request, and says what came of it.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, redirect, retry};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Trouble;
use super::wire::{Authenticate, AuthenticateAnswer, ErrorAnswer};
use crate::Endpoint;

/// The longest text of an error that is kept, in bytes.
const DETAIL: usize = 300;

/// How connections are made; everything that all nodes have in common.
pub(super) struct Settings {
    pub(super) connect_timeout: Duration,
    pub(super) tls: Option<Certificates>,
    pub(super) credentials: Option<Credentials>,
}

/// What TLS is checked against.
pub(super) struct Certificates {
    /// Who may have signed the nodes' certificates.
    pub(super) authorities: Vec<reqwest::Certificate>,
    /// Our own certificate and its key.
    pub(super) identity: Option<reqwest::Identity>,
}

/// Who we are. Not printable, on purpose.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// A connection to one node. It is made by the first call, and made anew by a call that finds it closed: before that call's
/// request was sent, so that one call is one request.
pub(super) struct Gateway {
    http: Client,
    base: String,
    credentials: Option<Credentials>,
    /// What the node gave us for the credentials, until it refuses it.
    token: Option<HeaderValue>,
}

impl Settings {
    /// A driver that does nothing on its own, and holds one connection.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(super) fn driver(&self) -> Result<Client, reqwest::Error> {
        let mut builder = Client::builder()
            .no_proxy()
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(None)
            .connect_timeout(self.connect_timeout);
        match &self.tls {
            // Else the machine's own certificates would be read, for nothing.
            None => builder = builder.tls_certs_only([]),
            Some(tls) => {
                builder = builder.tls_certs_only(tls.authorities.iter().cloned());
                if let Some(identity) = &tls.identity {
                    builder = builder.identity(identity.clone());
                }
            }
        }
        builder.build()
    }
}

impl Gateway {
    /// A gateway that is not connected yet.
    pub(super) fn new(settings: &Settings, endpoint: &Endpoint) -> Result<Self, Trouble> {
        let http = settings.driver().map_err(|error| Trouble::Unsent {
            class: "no client",
            detail: reasons(&error),
        })?;
        let scheme = if settings.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let host = &endpoint.host;
        // An IPv6 address stands in brackets in an URL.
        let host = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        Ok(Self {
            http,
            base: format!("{scheme}://{host}:{}", endpoint.port),
            credentials: settings.credentials.clone(),
            token: None,
        })
    }

    /// Calls a method of the gateway: one request, one answer.
    pub(super) async fn call<A: DeserializeOwned>(
        &mut self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<A, Trouble> {
        if self.token.is_none() && self.credentials.is_some() {
            self.authenticate().await?;
        }
        let mut call = self.post(path, request)?;
        if let Some(token) = &self.token {
            call = call.header(AUTHORIZATION, token.clone());
        }
        let answer = send(call).await;
        if let Err(Trouble::Refused { code: Some(16), .. }) = &answer {
            // A node forgets its tokens when it restarts. The next call asks for another one; this call has failed.
            self.token = None;
        }
        answer
    }

    /// Asks for a page that is not part of the gateway.
    pub(super) async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, Trouble> {
        send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Gets a token for the credentials. Whatever goes wrong here, the call that wanted the token was not sent.
    pub(super) async fn authenticate(&mut self) -> Result<(), Trouble> {
        let Some(Credentials { user, password }) = &self.credentials else {
            return Ok(());
        };
        let request = Authenticate {
            name: user,
            password,
        };
        let unsent = |detail: String| Trouble::Unsent {
            class: "unauthenticated",
            detail,
        };
        let call = self.post("/v3/auth/authenticate", &request)?;
        let answer: AuthenticateAnswer = send(call).await.map_err(|trouble| match trouble {
            unsent @ Trouble::Unsent { .. } => unsent,
            Trouble::Unanswered { detail, .. } => unsent(detail),
            // What the node sent instead of an answer may hold a token.
            Trouble::Garbled { .. } => unsent("the node sent no token".into()),
            Trouble::Refused { message, .. } => unsent(message),
        })?;
        let mut token = HeaderValue::from_str(&answer.token)
            .map_err(|_| unsent("the node's token cannot stand in a header".into()))?;
        token.set_sensitive(true);
        self.token = Some(token);
        Ok(())
    }

    fn post(&self, path: &str, request: &impl Serialize) -> Result<RequestBuilder, Trouble> {
        let body = serde_json::to_vec(request).map_err(|error| Trouble::Unsent {
            class: "invalid request",
            detail: error.to_string(),
        })?;
        Ok(self
            .http
            .post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(body))
    }
}

/// Sends a request and reads the answer.
async fn send<A: DeserializeOwned>(call: RequestBuilder) -> Result<A, Trouble> {
    let answer = call.send().await.map_err(|error| lost(&error))?;
    let status = answer.status();
    // When the head of the answer came and the rest did not, the answer is not known.
    let body = answer.bytes().await.map_err(|error| lost(&error))?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| Trouble::Garbled {
            detail: format!("{error} in {}", start_of(&body)),
        });
    }
    let said: ErrorAnswer = serde_json::from_slice(&body).unwrap_or_default();
    let message = [said.message, said.error]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| start_of(&body));
    Err(Trouble::Refused {
        status: status.as_u16(),
        code: said.code,
        message: cut(&message),
    })
}

/// What an error of the HTTP driver says about the request.
fn lost(error: &reqwest::Error) -> Trouble {
    let detail = reasons(error);
    // The driver gives this kind to errors in looking up the name, in connecting and in the TLS handshake, all of which
    // are over before a request is written. A time-out of the connection is one of them.
    if error.is_connect() {
        let refused = io_kind(error) == Some(io::ErrorKind::ConnectionRefused);
        return Trouble::Unsent {
            class: if refused {
                "connection refused"
            } else {
                "unreachable"
            },
            detail,
        };
    }
    // The request could not even be put together.
    if error.is_builder() {
        return Trouble::Unsent {
            class: "invalid request",
            detail,
        };
    }
    Trouble::Unanswered {
        class: if error.is_timeout() {
            "timeout"
        } else {
            "connection lost"
        },
        detail,
    }
}

/// The innermost reason of the operating system, if it is one.
fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    let mut kind = None;
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            kind = Some(io.kind());
        }
        source = inner.source();
    }
    kind
}

/// The innermost reason: the outer ones say that sending a request failed, which is known.
fn reasons(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    cut(&innermost.to_string())
}

fn start_of(body: &[u8]) -> String {
    cut(String::from_utf8_lossy(&body[..body.len().min(DETAIL)]).trim())
}

/// The text without its end where it is long.
fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(DETAIL);
    if end < text.len() {
        format!("{}…", &text[..end])
    } else {
        text.to_owned()
    }
}
