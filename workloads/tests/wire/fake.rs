//! A server that answers as etcd would if every condition held and no key existed, unless a script says otherwise.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::http;

/// The server. It stops when the test's runtime does.
pub(crate) struct Fake {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    script: RefCell<VecDeque<(u16, String)>>,
    requests: RefCell<Vec<Request>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path.
    pub(crate) path: String,
    /// Everything before the body.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Value,
}

impl Fake {
    /// A server with an empty script.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            shared: Rc::default(),
        };
        let shared = Rc::clone(&fake.shared);
        tokio::task::spawn_local(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let shared = Rc::clone(&shared);
                tokio::task::spawn_local(async move {
                    while let Ok(Some(request)) = http::read(&mut client).await {
                        let (status, body) = shared.answer(&request);
                        let answer = format!(
                            "HTTP/1.1 {status} Whatever\r\nLocation: /elsewhere\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if client.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        fake
    }

    /// Adds an answer to the script.
    pub(crate) fn answer(&self, status: u16, body: &str) {
        let mut script = self.shared.script.borrow_mut();
        script.push_back((status, body.to_owned()));
    }

    /// All requests since this was last asked.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        self.shared.requests.take()
    }
}

impl Shared {
    fn answer(&self, request: &[u8]) -> (u16, String) {
        let body = http::body(request);
        let request = Request {
            path: http::path(request),
            head: String::from_utf8_lossy(&request[..request.len() - body.len()]).into_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        };
        let scripted = self.script.borrow_mut().pop_front();
        let answer = scripted.unwrap_or_else(|| (200, usual(&request).to_string()));
        self.requests.borrow_mut().push(request);
        answer
    }
}

/// What etcd would answer.
fn usual(request: &Request) -> Value {
    let header = json!({ "member_id": "1", "revision": "5" });
    match request.path.as_str() {
        "POST /v3/kv/txn" => {
            let steps = request.body["success"].as_array().unwrap();
            let responses = steps.iter().map(|step| {
                if step.get("request_range").is_some() {
                    json!({ "response_range": { "header": header } })
                } else {
                    json!({ "response_put": { "header": header } })
                }
            });
            json!({ "header": header, "succeeded": true, "responses": responses.collect::<Vec<_>>() })
        }
        "POST /v3/auth/authenticate" => json!({ "header": header, "token": "token.1" }),
        _ => json!({ "header": header }),
    }
}
