//! One connection by libssh2, and commands on it.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use russh::keys::PublicKey;
use russh::keys::key::parse_public_key;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode, MethodType};

use super::pump;
use crate::control::deadline::Deadline;
use crate::control::identity::{Loaded, Tries, encrypted, load};
use crate::control::known_hosts::KnownHosts;
use crate::control::reach;
use crate::control::remote_script::{self, Login, status_of_signal};
use crate::control::route::{Identity, Route, Stop};
use crate::control::run::{RunError, Sink, keep, text};
use crate::control::secret::Secret;
use crate::control::{Command, Output};

/// How long connecting and logging in to one stop may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long output is awaited after a command has ended while something it left behind keeps the streams open.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long ending what was given up may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whether anybody still waits for the answer.
const LOOK_TIMEOUT: Duration = Duration::from_millis(100);
/// What libssh2 says when it would have to wait.
const WOULD_BLOCK: ErrorCode = ErrorCode::Session(-37);

/// One connection to a node.
pub(super) struct Session {
    libssh2: ssh2::Session,
    socket: OwnedFd,
    user: String,
    login: Login,
    has_sudo: bool,
}

impl Session {
    /// Connects, verifies and logs in to every stop of the route.
    pub(super) fn open(route: &Route) -> Result<Self, String> {
        let mut through: Option<(ssh2::Session, OwnedFd)> = None;
        let mut passed: Vec<&str> = Vec::new();
        for stop in &route.stops {
            let on_the_way = |reason: String| {
                if passed.is_empty() {
                    reason
                } else {
                    format!("through {}: {reason}", passed.join(", "))
                }
            };
            let stream = match through.take() {
                None => OwnedFd::from(tcp(stop)?),
                Some((jump, socket)) => {
                    pump::through(jump, socket, &stop.host, stop.port).map_err(&on_the_way)?
                }
            };
            let connected = connect(route, stop, stream).map_err(on_the_way)?;
            through = Some(connected);
            passed.push(&stop.host);
        }
        let (Some((session, socket)), Some(stop)) = (through, route.stops.last()) else {
            return Err("the route has no stops".to_owned());
        };
        session.set_blocking(false);
        let mut session = Self {
            libssh2: session,
            socket,
            user: stop.user.clone(),
            login: Login {
                is_root: false,
                has_timeout: false,
            },
            has_sudo: false,
        };
        let answer = session
            .run(&remote_script::login_question(), b"", &mut Sink::memory(), CONNECT_TIMEOUT, None)
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
        session.login = remote_script::login_answer(&answer.stdout, &answer.stderr)?;
        Ok(session)
    }

    /// Asks the server for a sign of life; whether it could be asked.
    pub(super) fn is_alive(&self) -> bool {
        match self.libssh2.keepalive_send() {
            Ok(_) => true,
            Err(error) => error.code() == WOULD_BLOCK,
        }
    }

    /// Runs a command, as root where it says so, until it ends, its time is over or it is given up.
    pub(super) fn run_command(
        &mut self,
        command: &Command,
        sudo: bool,
        sink: &mut Sink,
        is_given_up: &dyn Fn() -> bool,
    ) -> Result<Output, RunError> {
        let line = remote_script::command_line(
            &remote_script::told_status(&command.script),
            command.root,
            command.timeout,
            self.login,
        )
        .map_err(RunError::Bad)?;
        if command.root {
            self.may_be_root(sudo)?;
        }
        let running = Running {
            as_root: command.root,
            is_given_up,
        };
        self.run(&line, &command.stdin, sink, command.timeout, Some(&running))
    }

    fn may_be_root(&mut self, sudo: bool) -> Result<(), RunError> {
        if self.login.is_root || self.has_sudo {
            return Ok(());
        }
        if !sudo {
            return Err(RunError::Refused(remote_script::no_root(&self.user)));
        }
        let question = remote_script::SUDO_QUESTION;
        let output = self
            .run(question, b"", &mut Sink::memory(), CONNECT_TIMEOUT, None)
            .map_err(|error| match error {
                // Nothing was done yet, so everything may be tried again.
                RunError::Broken(reason) => RunError::NotStarted(reason),
                other => other,
            })?;
        if output.status != 0 {
            let refused = remote_script::sudo_refused(&self.user, &output.stderr);
            return Err(RunError::Refused(refused));
        }
        self.has_sudo = true;
        Ok(())
    }

    fn run(
        &self,
        line: &str,
        stdin: &[u8],
        sink: &mut Sink,
        limit: Duration,
        running: Option<&Running<'_>>,
    ) -> Result<Output, RunError> {
        let deadline = Deadline::after(limit);
        let is_over =
            || deadline.is_over() || running.is_some_and(|running| (running.is_given_up)());
        let not_started = |error: ssh2::Error| {
            if error.code() == ErrorCode::Session(-21) {
                RunError::Refused(
                    "the server opens no session; look at MaxSessions in its configuration"
                        .to_owned(),
                )
            } else {
                RunError::NotStarted(error.to_string())
            }
        };
        let mut channel = self
            .until_done(&is_over, || self.libssh2.channel_session())?
            .map_err(not_started)?;
        // From here on it may have begun.
        self.until_done(&is_over, || channel.exec(line))?.map_err(|error| {
            if error.code() == ErrorCode::Session(-22) {
                RunError::Refused(
                    "the server refuses to run commands; look for ForceCommand or a restricted shell in its configuration".to_owned(),
                )
            } else {
                RunError::Broken(error.to_string())
            }
        })?;
        let mut said = Said::default();
        let ended = self.exchange(&mut channel, stdin, sink, &mut said, &is_over);
        if let Err(error) = ended {
            if let (RunError::Timeout | RunError::TooMuch, Some(running)) = (&error, running) {
                self.end(&mut channel, said, running.as_root);
            }
            return Err(error);
        }
        let status = match said.status {
            Some(status) => status,
            None => self.status(&mut channel)?,
        };
        Ok(Output {
            status,
            stdout: sink.text(),
            stderr: text(&said.stderr),
        })
    }

    /// Writes the input and reads the output until the command has ended.
    fn exchange(
        &self,
        channel: &mut Channel,
        stdin: &[u8],
        sink: &mut Sink,
        said: &mut Said,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), RunError> {
        let mut rest = stdin;
        let mut sent_eof = false;
        let mut quiet_until: Option<Deadline> = None;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if is_over() {
                if quiet_until.is_some() {
                    // It ended in time; what it left behind still writes.
                    return Ok(());
                }
                return Err(RunError::Timeout);
            }
            let mut moved = false;
            if !rest.is_empty() {
                match channel.write(rest) {
                    Ok(written) => {
                        rest = &rest[written..];
                        moved |= written > 0;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // When the command reads no further, that is its business: how it ends tells the rest.
                    Err(_) => rest = &[],
                }
            } else if !sent_eof {
                match channel.send_eof() {
                    Err(error) if error.code() == WOULD_BLOCK => {}
                    _ => {
                        sent_eof = true;
                        moved = true;
                    }
                }
            }
            if let Some(read) = read(channel, &mut buffer)? {
                sink.take(&buffer[..read])?;
                moved |= read > 0;
            }
            if let Some(read) = read(&mut channel.stderr(), &mut buffer)? {
                said.take(&buffer[..read])?;
                moved |= read > 0;
            }
            if channel.eof() {
                return Ok(());
            }
            if moved {
                quiet_until = quiet_until.map(|_| Deadline::after(DRAIN_TIMEOUT));
                continue;
            }
            if quiet_until.is_none() && (said.status.is_some() || has_ended(channel)) {
                quiet_until = Some(Deadline::after(DRAIN_TIMEOUT));
            }
            if quiet_until.is_some_and(Deadline::is_over) {
                return Ok(());
            }
            self.wait();
        }
    }

    /// The exit status: the server tells it before it closes the channel.
    fn status(&self, channel: &mut Channel) -> Result<u32, RunError> {
        let deadline = Deadline::after(CLOSE_TIMEOUT);
        let is_over = || deadline.is_over();
        let broken = || RunError::Broken("it was closed before the command had ended".to_owned());
        if !has_ended(channel) {
            let closed = self.until_done(&is_over, || channel.wait_close());
            closed.map_err(|_| broken())?.map_err(|_| broken())?;
        }
        let signal = channel.exit_signal().ok().and_then(|s| s.exit_signal);
        if let Some(signal) = signal {
            return Ok(status_of_signal(&signal));
        }
        let status = channel.exit_status().map_err(|_| broken())?;
        Ok(u32::try_from(status).unwrap_or(u32::MAX))
    }

    /// Ends what still runs in a channel. Should that fail, the node ends it when its own limit is over.
    fn end(&self, channel: &mut Channel, mut said: Said, as_root: bool) {
        let deadline = Deadline::after(CLOSE_TIMEOUT);
        let is_over = || deadline.is_over();
        let mut buffer = [0; 4096];
        while said.group.is_none() && !is_over() && !channel.eof() {
            match read(&mut channel.stderr(), &mut buffer) {
                Ok(Some(read)) if read > 0 => {
                    if said.take(&buffer[..read]).is_err() {
                        break;
                    }
                }
                Ok(_) => self.wait(),
                Err(_) => return,
            }
        }
        if let Some(group) = said.group {
            let line = remote_script::end_group(group, as_root, self.login);
            let _ = self.run(&line, b"", &mut Sink::memory(), CLOSE_TIMEOUT, None);
        }
        let _ = self.until_done(&is_over, || channel.close());
    }

    /// Tries until libssh2 need not wait any more.
    fn until_done<T>(
        &self,
        is_over: &dyn Fn() -> bool,
        mut attempt: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<Result<T, ssh2::Error>, RunError> {
        loop {
            match attempt() {
                Err(error) if error.code() == WOULD_BLOCK => {
                    if is_over() {
                        return Err(RunError::Timeout);
                    }
                    self.wait();
                }
                done => return Ok(done),
            }
        }
    }

    /// Waits until the socket can do what libssh2 wants, or a little.
    fn wait(&self) {
        wait_for(&self.socket, &self.libssh2.block_directions());
    }
}

/// What a command has said on its standard error.
#[derive(Default)]
struct Said {
    stderr: Vec<u8>,
    /// Its process group, once it has said so.
    group: Option<u32>,
    /// Its exit status, once it has said so.
    status: Option<u32>,
}

impl Said {
    fn take(&mut self, data: &[u8]) -> Result<(), RunError> {
        keep(&mut self.stderr, data)?;
        if self.group.is_none() {
            self.group = remote_script::take_group(&mut self.stderr);
        }
        if self.status.is_none() {
            self.status = remote_script::take_status(&mut self.stderr);
        }
        Ok(())
    }
}

/// A command that can be given up.
struct Running<'a> {
    as_root: bool,
    is_given_up: &'a dyn Fn() -> bool,
}

/// Waits until the socket is ready in the directions, or for [`LOOK_TIMEOUT`].
fn wait_for(socket: &OwnedFd, directions: &BlockDirections) {
    let mut flags = PollFlags::IN;
    if matches!(
        directions,
        BlockDirections::Outbound | BlockDirections::Both
    ) {
        flags |= PollFlags::OUT;
    }
    let mut fds = [PollFd::new(socket, flags)];
    let limit = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(LOOK_TIMEOUT.subsec_nanos()),
    };
    // Interrupted or not, whoever waits looks again.
    let _ = poll(&mut fds, Some(&limit));
}

/// What there is to read; `None` when there is nothing now.
fn read(stream: &mut impl Read, buffer: &mut [u8]) -> Result<Option<usize>, RunError> {
    match stream.read(buffer) {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(RunError::Broken(error.to_string())),
    }
}

/// Whether the server has surely told how the command ended: libssh2 says 0 before it knows.
fn has_ended(channel: &Channel) -> bool {
    channel.exit_status().is_ok_and(|status| status != 0)
        || channel
            .exit_signal()
            .is_ok_and(|signal| signal.exit_signal.is_some())
}

fn connect(
    route: &Route,
    stop: &Stop,
    stream: OwnedFd,
) -> Result<(ssh2::Session, OwnedFd), String> {
    let place = reach::place(&stop.host, stop.port);
    let broken = |error: ssh2::Error| {
        format!(
            "{place} does not finish the SSH handshake ({error}); is it an SSH server, and not overloaded (MaxStartups)?"
        )
    };
    let known_hosts = KnownHosts::read(route.known_hosts.clone())?;
    let mut session = ssh2::Session::new().map_err(broken)?;
    session.set_timeout(u32::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u32::MAX));
    let order = key_order(&session, &known_hosts.key_types(&stop.host, stop.port));
    session
        .method_pref(MethodType::HostKey, &order)
        .map_err(broken)?;
    let socket = stream
        .try_clone()
        .map_err(|error| format!("{place}: {error}"))?;
    session.set_tcp_stream(stream);
    session.handshake().map_err(broken)?;
    let (key, _) = session
        .host_key()
        .ok_or_else(|| format!("{place} shows no host key"))?;
    reach::believe(&known_hosts, &stop.host, stop.port, key, route.accept_new)?;
    session.set_keepalive(true, 5);
    log_in(&session, stop, &route.identity)?;
    Ok((session, socket))
}

fn log_in(session: &ssh2::Session, stop: &Stop, identity: &Identity) -> Result<(), String> {
    let mut login = LogIn {
        session,
        stop,
        identity,
        tries: Tries::at(stop),
    };
    // Also tells libssh2 which signatures of RSA keys the server takes.
    if let Ok(methods) = session.auth_methods(&stop.user) {
        let methods: Vec<&str> = methods.split(',').collect();
        login.tries.offered(&methods);
    }
    if let Some(path) = &identity.key {
        return match (load(path, identity)?, &identity.agent) {
            (Loaded::Key(key), _) => {
                if login.key(path, key.public_key())? {
                    Ok(())
                } else {
                    Err(login.tries.failed())
                }
            }
            (Loaded::Encrypted(Some(public)), Some(socket))
                if login.agent(socket, Some(&public))? =>
            {
                Ok(())
            }
            (Loaded::Encrypted(_), _) => Err(encrypted(path)),
        };
    }
    if let Some(socket) = &identity.agent
        && login.agent(socket, None)?
    {
        return Ok(());
    }
    for path in stop.keys.iter().filter(|path| path.exists()) {
        match load(path, identity) {
            Ok(Loaded::Key(key)) => {
                if login.key(path, key.public_key())? {
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

struct LogIn<'a> {
    session: &'a ssh2::Session,
    stop: &'a Stop,
    identity: &'a Identity,
    tries: Tries<'a>,
}

impl LogIn<'_> {
    fn key(&mut self, path: &Path, public: &PublicKey) -> Result<bool, String> {
        if !self.tries.key(&path.display().to_string(), public) {
            return Ok(false);
        }
        let passphrase = self.identity.passphrase.as_ref().map(Secret::reveal);
        let tried = self
            .session
            .userauth_pubkey_file(&self.stop.user, None, path, passphrase);
        self.outcome(tried)
    }

    /// Tries the agent's keys, or only the given one.
    fn agent(&mut self, socket: &Path, only: Option<&PublicKey>) -> Result<bool, String> {
        let asked = self.session.agent().and_then(|mut agent| {
            agent.set_identity_path(socket)?;
            agent.connect()?;
            agent.list_identities()?;
            let identities = agent.identities()?;
            Ok((agent, identities))
        });
        let (agent, identities) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                self.tries
                    .note(format!("the agent at {} ({error})", socket.display()));
                return Ok(false);
            }
        };
        for identity in identities {
            let Ok(key) = parse_public_key(identity.blob()) else {
                continue;
            };
            if only.is_some_and(|only| only.key_data() != key.key_data())
                || !self
                    .tries
                    .key(&format!("{} of the agent", identity.comment()), &key)
            {
                continue;
            }
            let tried = agent.userauth(&self.stop.user, &identity);
            if self.outcome(tried)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn outcome(&mut self, tried: Result<(), ssh2::Error>) -> Result<bool, String> {
        match tried {
            Ok(()) => Ok(self.session.authenticated()),
            // Not accepted (-18), or its signature was not (-19), or the agent would not (-42): the next may be.
            Err(error) if matches!(error.code(), ErrorCode::Session(-18 | -19 | -42)) => Ok(false),
            Err(error) => Err(self.tries.hung_up(&error)),
        }
    }
}

/// Tries every address of the host.
fn tcp(stop: &Stop) -> Result<TcpStream, String> {
    let place = reach::place(&stop.host, stop.port);
    let addresses: Vec<_> = (stop.host.as_str(), stop.port)
        .to_socket_addrs()
        .map_err(|error| reach::not_resolved(&stop.host, &error))?
        .collect();
    let share = reach::TCP_TIMEOUT / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    for address in &addresses {
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => {
                // Without it, small packets wait for each other; that it fails is no reason to do without the node.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        None => reach::not_resolved(&stop.host, &ErrorKind::NotFound.into()),
        Some(error) => reach::not_connected(&place, &error),
    })
}

/// The host key algorithms to ask for: those of known keys first. SHA-1 signatures are not accepted.
fn key_order(session: &ssh2::Session, known: &[&str]) -> String {
    let supported = session
        .supported_algs(MethodType::HostKey)
        .unwrap_or_default();
    let mut order: Vec<(&str, &str)> = [
        ("ssh-ed25519", "ssh-ed25519"),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
        ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
        ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
        ("ssh-rsa", "rsa-sha2-512"),
        ("ssh-rsa", "rsa-sha2-256"),
    ]
    .into_iter()
    .filter(|(_, algorithm)| supported.contains(algorithm))
    .collect();
    order.sort_by_key(|(key_type, _)| !known.contains(key_type));
    let names: Vec<&str> = order.into_iter().map(|(_, algorithm)| algorithm).collect();
    names.join(",")
}
