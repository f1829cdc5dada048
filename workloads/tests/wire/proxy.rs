//! A proxy that stands between a client and a server, counts the requests and does to them what a network may do.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::http;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The server answers.
    Forward,
    /// The server answers, and the connection is closed after that.
    ForwardAndClose,
    /// The connection is closed; the server never hears of the request.
    CloseBefore,
    /// The server answers; the connection is closed instead of passing the answer on.
    CloseAfter,
    /// The server answers; the connection is reset instead of passing the answer on.
    ResetAfter,
    /// The server answers; half of the answer is passed on, then the connection is closed.
    CutReply,
    /// The server answers; the answer is held back until [`Proxy::release`].
    Hold,
}

/// The proxy. It stops when the test's runtime does.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Rc<Shared>,
}

struct Shared {
    server: Cell<SocketAddr>,
    mode: Cell<Mode>,
    /// What becomes of the next requests, before the mode is asked.
    next: RefCell<VecDeque<Mode>>,
    connections: Cell<u64>,
    requests: RefCell<Vec<String>>,
    answers: Cell<u64>,
    /// Whenever a number above changes.
    changed: Notify,
    released: Notify,
}

impl Proxy {
    /// A proxy before the server.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Rc::new(Shared {
            server: Cell::new(server),
            mode: Cell::new(Mode::Forward),
            next: RefCell::default(),
            connections: Cell::new(0),
            requests: RefCell::default(),
            answers: Cell::new(0),
            changed: Notify::new(),
            released: Notify::new(),
        });
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            shared: Rc::clone(&shared),
        };
        tokio::task::spawn_local(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.set(shared.connections.get() + 1);
                let shared = Rc::clone(&shared);
                tokio::task::spawn_local(async move {
                    // What breaks here breaks for the client too, and it will say so.
                    let _ = shared.serve(client).await;
                });
            }
        });
        proxy
    }

    /// What becomes of requests from now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.shared.mode.set(mode);
    }

    /// What becomes of the next requests, one each; after them it is as [`Proxy::set`] says.
    pub(crate) fn set_next(&self, modes: &[Mode]) {
        *self.shared.next.borrow_mut() = modes.iter().copied().collect();
    }

    /// The paths of all requests since this was last asked.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        self.shared.requests.take()
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.get()
    }

    /// Waits until the server has answered `count` requests in all.
    pub(crate) async fn answered(&self, count: u64) {
        loop {
            let changed = self.shared.changed.notified();
            if self.shared.answers.get() >= count {
                return;
            }
            changed.await;
        }
    }

    /// How many requests the server has answered.
    pub(crate) fn answers(&self) -> u64 {
        self.shared.answers.get()
    }

    /// Passes on the answers that are held back.
    pub(crate) fn release(&self) {
        self.shared.released.notify_waiters();
    }
}

impl Shared {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut server: Option<TcpStream> = None;
        while let Some(request) = http::read(&mut client).await? {
            self.requests.borrow_mut().push(http::path(&request));
            let next = self.next.borrow_mut().pop_front();
            let mode = next.unwrap_or_else(|| self.mode.get());
            if mode == Mode::CloseBefore {
                return Ok(());
            }
            let server = match &mut server {
                Some(server) => server,
                none => none.insert(TcpStream::connect(self.server.get()).await?),
            };
            server.write_all(&request).await?;
            let Some(answer) = http::read(server).await? else {
                return Ok(());
            };
            let released = self.released.notified();
            self.answers.set(self.answers.get() + 1);
            self.changed.notify_waiters();
            match mode {
                Mode::Forward | Mode::CloseBefore => client.write_all(&answer).await?,
                Mode::ForwardAndClose => {
                    client.write_all(&answer).await?;
                    return Ok(());
                }
                Mode::CloseAfter => return Ok(()),
                Mode::ResetAfter => return client.set_zero_linger(),
                Mode::CutReply => {
                    client.write_all(&answer[..answer.len() / 2]).await?;
                    return Ok(());
                }
                Mode::Hold => {
                    released.await;
                    client.write_all(&answer).await?;
                }
            }
        }
        Ok(())
    }
}
