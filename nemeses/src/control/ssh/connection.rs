//! One connection to a node, through jump hosts where there are any.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::client::{self, Handle, Msg};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyBase64 as _, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Preferred};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{CHANNELS_MAX, authentication};
use crate::control::known_hosts::KnownHosts;
use crate::control::remote_script::{self, Login, status_of_signal};
use crate::control::route::{Route, Stop};
use crate::control::run::{RunError, Sink, keep, text};
use crate::control::{Command, Output, reach};

/// How long connecting and logging in to one stop may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// After how long without a word from the node it is asked for one, and how often that may fail.
const KEEPALIVE: (Duration, usize) = (Duration::from_secs(5), 3);
/// How long a command may wait until another one is done.
const QUEUE_TIMEOUT: Duration = Duration::from_mins(5);
/// How long output is awaited after a command has ended while something it left behind keeps the streams open.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a channel may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// One connection to a node.
pub(super) struct Connection {
    handle: Arc<Handle<Verifier>>,
    /// The connections it goes through; they end with it.
    _jumps: Vec<Handle<Verifier>>,
    user: String,
    login: Login,
    sudo: OnceCell<()>,
    channels: Arc<Semaphore>,
    /// How many permits the semaphore has; fewer when the server takes fewer sessions.
    channels_max: AtomicUsize,
}

impl Connection {
    /// Connects, verifies and logs in to every stop of the route.
    ///
    /// # Errors
    /// What was tried, what came of it, and the next step.
    pub(super) async fn open(route: &Route) -> Result<Self, String> {
        let mut jumps: Vec<Handle<Verifier>> = Vec::new();
        for stop in &route.stops {
            let place = reach::place(&stop.host, stop.port);
            let connected = timeout(CONNECT_TIMEOUT, connect(route, stop, jumps.last()))
                .await
                .unwrap_or_else(|_| {
                    Err(format!(
                        "{place} did not finish logging us in within {CONNECT_TIMEOUT:?}; is the node overloaded or paused?"
                    ))
                });
            let through = if jumps.is_empty() || connected.is_ok() {
                String::new()
            } else {
                let hosts: Vec<&str> = route.stops[..jumps.len()]
                    .iter()
                    .map(|stop| stop.host.as_str())
                    .collect();
                format!("through {}: ", hosts.join(", "))
            };
            jumps.push(connected.map_err(|reason| format!("{through}{reason}"))?);
        }
        let (Some(handle), Some(stop)) = (jumps.pop(), route.stops.last()) else {
            return Err("the route has no stops".to_owned());
        };
        let mut connection = Self {
            handle: Arc::new(handle),
            _jumps: jumps,
            user: stop.user.clone(),
            login: Login {
                is_root: false,
                has_timeout: false,
            },
            sudo: OnceCell::new(),
            channels: Arc::new(Semaphore::new(CHANNELS_MAX)),
            channels_max: AtomicUsize::new(CHANNELS_MAX),
        };
        let question = remote_script::login_question();
        let answer = connection
            .run(&question, false, b"", &mut Sink::memory(), CONNECT_TIMEOUT)
            .await
            .map_err(|error| match error {
                RunError::NotStarted(reason)
                | RunError::Broken(reason)
                | RunError::Refused(reason) => {
                    format!("logged in as {}, but no command can be run: {reason}", stop.user)
                }
                RunError::Timeout | RunError::TooMuch | RunError::Bad(_) => format!(
                    "logged in as {}, but the login shell gave no sensible answer; look at its start files",
                    stop.user
                ),
            })?;
        connection.login = remote_script::login_answer(&answer.stdout, &answer.stderr)?;
        Ok(connection)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Runs a command, as root where it says so.
    pub(super) async fn run_command(
        &self,
        command: &Command,
        sudo: bool,
        sink: &mut Sink,
    ) -> Result<Output, RunError> {
        let line =
            remote_script::command_line(&command.script, command.root, command.timeout, self.login)
                .map_err(RunError::Bad)?;
        if command.root {
            self.may_be_root(sudo).await?;
        }
        self.run(&line, command.root, &command.stdin, sink, command.timeout)
            .await
    }

    /// Makes sure that commands can run as root.
    async fn may_be_root(&self, sudo: bool) -> Result<(), RunError> {
        if self.login.is_root {
            return Ok(());
        }
        if !sudo {
            return Err(RunError::Refused(remote_script::no_root(&self.user)));
        }
        let ask = async || {
            let question = remote_script::SUDO_QUESTION;
            let output = self
                .run(question, false, b"", &mut Sink::memory(), CONNECT_TIMEOUT)
                .await
                .map_err(|error| match error {
                    // Nothing was done yet, so everything may be tried again.
                    RunError::Broken(reason) => RunError::NotStarted(reason),
                    other => other,
                })?;
            if output.status == 0 {
                Ok(())
            } else {
                Err(RunError::Refused(remote_script::sudo_refused(
                    &self.user,
                    &output.stderr,
                )))
            }
        };
        self.sudo.get_or_try_init(ask).await.copied()
    }

    /// Runs a command's line in the login shell.
    async fn run(
        &self,
        line: &str,
        as_root: bool,
        stdin: &[u8],
        sink: &mut Sink,
        limit: Duration,
    ) -> Result<Output, RunError> {
        let login = self.login;
        let end_group: EndGroup =
            Box::new(move |group| remote_script::end_group(group, as_root, login));
        let permit = self.permit().await?;
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        let mut open = tokio::select! {
            biased;
            () = &mut deadline => return Err(RunError::Timeout),
            session = self.channel(permit) => Open(Some(session?)),
        };
        let Some(session) = &mut open.0 else {
            return Err(RunError::NotStarted("there is no session".to_owned()));
        };
        let write = session.write.clone();
        tokio::select! {
            biased;
            () = &mut deadline => return Err(RunError::Timeout),
            sent = write.exec(true, line) => {
                sent.map_err(|error| RunError::NotStarted(error.to_string()))?;
            }
        }

        session.running = Some(end_group);
        let mut status: Option<u32> = None;
        let writer = async {
            // When the command reads no further, that is its business: how it ends tells the rest.
            let _ = write.data_bytes(stdin.to_vec()).await;
            let _ = write.eof().await;
        };
        tokio::pin!(writer);
        let mut writing = true;
        loop {
            let message = tokio::select! {
                biased;
                () = &mut deadline => {
                    if status.is_none() {
                        return Err(RunError::Timeout);
                    }
                    // It ended in time; what it left behind still writes.
                    break;
                }
                () = &mut writer, if writing => {
                    writing = false;
                    continue;
                }
                message = session.read.wait() => message,
                () = tokio::time::sleep(DRAIN_TIMEOUT), if status.is_some() => break,
            };
            match message {
                Some(ChannelMsg::Data { data }) => sink.take(&data)?,
                Some(ChannelMsg::ExtendedData { data, .. }) => session.take_stderr(&data)?,
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    status = Some(exit_status);
                    session.running = None;
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    status = Some(status_of_signal(&signal(&signal_name)));
                    session.running = None;
                }
                Some(ChannelMsg::Failure) => {
                    return Err(RunError::Refused(
                        "the server refuses to run commands; look for ForceCommand or a restricted shell in its configuration".to_owned(),
                    ));
                }
                Some(ChannelMsg::Close) | None => {
                    session.closed = true;
                    break;
                }
                Some(_) => {}
            }
        }
        let Some(status) = status else {
            return Err(RunError::Broken(
                "it was closed before the command had ended".to_owned(),
            ));
        };
        Ok(Output {
            status,
            stdout: sink.text(),
            stderr: text(&session.stderr),
        })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, RunError> {
        timeout(QUEUE_TIMEOUT, self.channels.clone().acquire_owned())
            .await
            .map_err(|_| RunError::Timeout)?
            .map_err(|_| RunError::NotStarted("the connection is closed".to_owned()))
    }

    /// Opens a channel. A server that takes fewer sessions than we use gets fewer from then on.
    async fn channel(&self, mut permit: OwnedSemaphorePermit) -> Result<Session, RunError> {
        loop {
            match self.handle.channel_open_session().await {
                Ok(channel) => return Ok(Session::new(&self.handle, channel, permit)),
                Err(russh::Error::ChannelOpenFailure(reason)) => {
                    if self.channels_max.fetch_sub(1, Ordering::Relaxed) <= 1 {
                        self.channels_max.store(1, Ordering::Relaxed);
                        return Err(RunError::Refused(format!(
                            "the server opens no session ({reason:?}); look at MaxSessions in its configuration"
                        )));
                    }
                    permit.forget();
                    permit = self.permit().await?;
                }
                Err(error) => return Err(RunError::NotStarted(error.to_string())),
            }
        }
    }
}

/// A session on the server. Dropped, what runs in it is ended, it is closed, and its permit is given back.
struct Open(Option<Session>);

struct Session {
    handle: Arc<Handle<Verifier>>,
    read: ChannelReadHalf,
    write: Arc<ChannelWriteHalf<Msg>>,
    _permit: OwnedSemaphorePermit,
    /// Whether the server has closed it.
    closed: bool,
    /// What was written to standard error so far.
    stderr: Vec<u8>,
    /// The process group of what runs in it, once that is known.
    group: Option<u32>,
    /// As long as something runs in it: the command line that ends its process group.
    running: Option<EndGroup>,
}

type EndGroup = Box<dyn Fn(u32) -> String + Send>;

impl Drop for Open {
    fn drop(&mut self) {
        let (Some(session), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        if !session.closed {
            runtime.spawn(session.give_up());
        }
    }
}

impl Session {
    fn new(
        handle: &Arc<Handle<Verifier>>,
        channel: Channel<Msg>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let (read, write) = channel.split();
        Self {
            handle: handle.clone(),
            read,
            write: Arc::new(write),
            _permit: permit,
            closed: false,
            stderr: Vec::new(),
            group: None,
            running: None,
        }
    }

    fn take_stderr(&mut self, data: &[u8]) -> Result<(), RunError> {
        keep(&mut self.stderr, data)?;
        if self.group.is_none() {
            self.group = remote_script::take_group(&mut self.stderr);
        }
        Ok(())
    }

    async fn give_up(mut self) {
        // A server keeps a session open as long as something runs in it, closed channel or not.
        if let Some(end_group) = self.running.take() {
            let _ = timeout(CLOSE_TIMEOUT, self.end(end_group)).await;
        }
        let closing = async {
            let _ = self.write.close().await;
            // What the command still writes is taken and thrown away, for a full channel holds up the others.
            while let Some(message) = self.read.wait().await {
                if matches!(message, ChannelMsg::Close) {
                    break;
                }
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }

    /// Ends what runs in it.
    async fn end(&mut self, end_group: EndGroup) {
        while self.group.is_none() {
            match self.read.wait().await {
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    if self.take_stderr(&data).is_err() {
                        return;
                    }
                }
                None
                | Some(
                    ChannelMsg::Close
                    | ChannelMsg::Failure
                    | ChannelMsg::ExitStatus { .. }
                    | ChannelMsg::ExitSignal { .. },
                ) => return,
                Some(_) => {}
            }
        }
        if let Some(group) = self.group {
            let _ = run_unheard(&self.handle, end_group(group)).await;
        }
    }
}

/// Runs a command line and does not care what comes of it.
async fn run_unheard(handle: &Handle<Verifier>, line: String) -> Result<(), russh::Error> {
    let mut channel = handle.channel_open_session().await?;
    channel.exec(true, line).await?;
    while channel.wait().await.is_some() {}
    Ok(())
}

/// Believes a server's key, or not.
pub(super) struct Verifier {
    known_hosts: KnownHosts,
    accept_new: bool,
    host: String,
    port: u16,
}

/// Why a connection came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The protocol failed.
    Protocol(russh::Error),
    /// The server's key is not believed; why, and the next step.
    HostKey(String),
}

impl From<russh::Error> for Trouble {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

impl client::Handler for Verifier {
    type Error = Trouble;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Trouble> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        reach::believe(
            &self.known_hosts,
            &self.host,
            self.port,
            &key.public_key_bytes(),
            self.accept_new,
        )
        .map(|()| true)
        .map_err(Trouble::HostKey)
    }
}

async fn connect(
    route: &Route,
    stop: &Stop,
    through: Option<&Handle<Verifier>>,
) -> Result<Handle<Verifier>, String> {
    let place = reach::place(&stop.host, stop.port);
    let known_hosts = KnownHosts::read(route.known_hosts.clone())?;
    let config = Arc::new(client::Config {
        preferred: Preferred {
            key: Cow::Owned(key_order(&known_hosts.key_types(&stop.host, stop.port))),
            ..Preferred::default()
        },
        keepalive_interval: Some(KEEPALIVE.0),
        keepalive_max: KEEPALIVE.1,
        nodelay: true,
        ..client::Config::default()
    });
    let verifier = Verifier {
        known_hosts,
        accept_new: route.accept_new,
        host: stop.host.clone(),
        port: stop.port,
    };
    let connected = match through {
        None => {
            let stream = tcp(stop).await?;
            client::connect_stream(config, stream, verifier).await
        }
        Some(jump) => {
            let channel = jump
                .channel_open_direct_tcpip(stop.host.as_str(), stop.port.into(), "127.0.0.1", 0)
                .await
                .map_err(|error| {
                    format!("the jump host cannot reach {place} ({error}); is the node up, and does the jump host allow forwarding?")
                })?;
            client::connect_stream(config, channel.into_stream(), verifier).await
        }
    };
    let mut handle = connected.map_err(|trouble| match trouble {
        Trouble::HostKey(reason) => reason,
        Trouble::Protocol(russh::Error::NoCommonAlgo { kind, theirs, .. }) => format!(
            "{place} offers no {kind:?} algorithm that we accept, only {}; update its SSH server",
            theirs.join(", ")
        ),
        Trouble::Protocol(error) => format!(
            "{place} does not finish the SSH handshake ({error}); is it an SSH server, and not overloaded (MaxStartups)?"
        ),
    })?;
    authentication::log_in(&mut handle, stop, &route.identity).await?;
    Ok(handle)
}

/// Tries every address of the host.
async fn tcp(stop: &Stop) -> Result<TcpStream, String> {
    let place = reach::place(&stop.host, stop.port);
    let addresses: Vec<_> = tokio::net::lookup_host((stop.host.as_str(), stop.port))
        .await
        .map_err(|error| reach::not_resolved(&stop.host, &error))?
        .collect();
    let mut last = None;
    for address in &addresses {
        let share = reach::TCP_TIMEOUT / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Without it, small packets wait for each other; that it fails is no reason to do without the node.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = last.or(Some(std::io::ErrorKind::TimedOut.into())),
        }
    }
    Err(match last {
        None => reach::not_resolved(&stop.host, &std::io::ErrorKind::NotFound.into()),
        Some(error) => reach::not_connected(&place, &error),
    })
}

/// The host key algorithms to ask for: those of known keys first, so that a host is not taken for changed because it
/// shows another of its keys. SHA-1 signatures are not accepted.
fn key_order(known: &[&str]) -> Vec<Algorithm> {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    let mut order = vec![
        ("ssh-ed25519", Algorithm::Ed25519),
        ("ecdsa-sha2-nistp256", ecdsa(EcdsaCurve::NistP256)),
        ("ecdsa-sha2-nistp384", ecdsa(EcdsaCurve::NistP384)),
        ("ecdsa-sha2-nistp521", ecdsa(EcdsaCurve::NistP521)),
        ("ssh-rsa", rsa(HashAlg::Sha512)),
        ("ssh-rsa", rsa(HashAlg::Sha256)),
    ];
    order.sort_by_key(|(key_type, _)| !known.contains(key_type));
    order.into_iter().map(|(_, algorithm)| algorithm).collect()
}

fn signal(signal: &russh::Sig) -> String {
    match signal {
        russh::Sig::Custom(name) => name.clone(),
        other => format!("{other:?}"),
    }
}
