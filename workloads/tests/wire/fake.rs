//! A server that answers every request with the next line of a script.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::http;

/// The server. It stops when the test's runtime does.
pub(crate) struct Fake {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    script: Rc<RefCell<VecDeque<String>>>,
    bodies: Rc<RefCell<Vec<serde_json::Value>>>,
}

impl Fake {
    /// A server with an empty script. A request for which the script has no line is never answered.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            script: Rc::default(),
            bodies: Rc::default(),
        };
        let (script, bodies) = (Rc::clone(&fake.script), Rc::clone(&fake.bodies));
        tokio::task::spawn_local(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (script, bodies) = (Rc::clone(&script), Rc::clone(&bodies));
                tokio::task::spawn_local(async move {
                    while let Ok(Some(request)) = http::read(&mut client).await {
                        let body = serde_json::from_slice(http::body(&request));
                        bodies.borrow_mut().push(body.unwrap_or_default());
                        let answer = script.borrow_mut().pop_front();
                        match answer {
                            Some(answer) => client.write_all(answer.as_bytes()).await.unwrap(),
                            None => std::future::pending().await,
                        }
                    }
                });
            }
        });
        fake
    }

    /// Adds an answer to the script.
    pub(crate) fn answer(&self, status: u16, body: &str) {
        self.script.borrow_mut().push_back(format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }

    /// The bodies of all requests since this was last asked.
    pub(crate) fn take_bodies(&self) -> Vec<serde_json::Value> {
        self.bodies.take()
    }
}
