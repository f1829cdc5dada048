//! The contract of the etcd client, on the wire: one invocation is one attempt, and its outcome is what the table of errors
//! says, whatever the network does. Against a scripted server, so that it runs everywhere; `etcd_real.rs` has the same
//! against etcd.

#![expect(clippy::unwrap_used, reason = "it is a test")]

mod wire;

use std::time::Duration;

use schism_history::Value;
use schism_workloads::clients::etcd::{Etcd, Options, Reads, Tls};
use schism_workloads::{Certainty, Client, Database, Failure, MicroOp, Secret};
use wire::fake::Fake;
use wire::proxy::{Mode, Proxy};
use wire::{client, endpoint, etcd, run};

const RANGE: &str = "POST /v3/kv/range";
const PUT: &str = "POST /v3/kv/put";
const TXN: &str = "POST /v3/kv/txn";

/// Everything that a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Read,
    Write,
    Cas,
    Add,
    Elements,
    ReadLists,
    Append,
}

impl Ask {
    const ALL: [Self; 7] = [
        Self::Read,
        Self::Write,
        Self::Cas,
        Self::Add,
        Self::Elements,
        Self::ReadLists,
        Self::Append,
    ];

    /// The requests that it takes when all goes well.
    const fn requests(self) -> &'static [&'static str] {
        match self {
            Self::Read | Self::Elements => &[RANGE],
            Self::Write | Self::Add => &[PUT],
            Self::Cas | Self::ReadLists => &[TXN],
            Self::Append => &[TXN, TXN],
        }
    }

    /// What is known when its first request gets no answer.
    const fn without_answer(self) -> Certainty {
        match self {
            // An append reads first.
            Self::Read | Self::Elements | Self::ReadLists | Self::Append => Certainty::Fail,
            Self::Write | Self::Cas | Self::Add => Certainty::Info,
        }
    }

    async fn of(self, client: &mut dyn Client) -> Result<(), Failure> {
        let (key, value) = (Value::from(1), Value::from(7));
        let read = MicroOp::Read {
            key: key.clone(),
            list: None,
        };
        let append = MicroOp::Append {
            key: key.clone(),
            element: value.clone(),
        };
        match self {
            Self::Read => client.registers().unwrap().read(&key).await.map(drop),
            Self::Write => client
                .registers()
                .unwrap()
                .write(&key, &value)
                .await
                .map(drop),
            Self::Cas => {
                let cas = client.compare_and_set().unwrap();
                cas.cas(&key, &value, &key).await.map(drop)
            }
            Self::Add => client.sets().unwrap().add(&key, &value).await.map(drop),
            Self::Elements => client.sets().unwrap().elements(&key).await.map(drop),
            Self::ReadLists => {
                let transactions = client.transactions().unwrap();
                transactions.transact(&[read]).await.map(drop)
            }
            Self::Append => {
                let transactions = client.transactions().unwrap();
                transactions.transact(&[append]).await.map(drop)
            }
        }
    }
}

/// A client whose connection was used before, if `warm`: a driver is most tempted to try again when it finds that an old
/// connection is gone.
async fn client_through(proxy: &Proxy, etcd: &Etcd, warm: bool) -> Box<dyn Client> {
    let mut client = client(etcd, proxy.address).await;
    if warm {
        Ask::Read.of(&mut *client).await.unwrap();
        proxy.take_requests();
    }
    client
}

#[test]
fn an_invocation_is_as_many_requests_as_it_says() {
    run(async {
        let server = Fake::start().await;
        let proxy = Proxy::before(server.address).await;
        let etcd = etcd(&Options::default(), "contract");
        let mut client = client(&etcd, proxy.address).await;
        for ask in Ask::ALL {
            ask.of(&mut *client).await.unwrap();
            assert_eq!(proxy.take_requests(), ask.requests(), "{ask:?}");
        }
        assert_eq!(proxy.connections(), 1);
    });
}

#[test]
fn a_lost_answer_is_never_asked_for_again() {
    run(async {
        let server = Fake::start().await;
        let proxy = Proxy::before(server.address).await;
        let etcd = etcd(&Options::default(), "contract");
        for ask in Ask::ALL {
            for mode in [
                Mode::CloseBefore,
                Mode::CloseAfter,
                Mode::ResetAfter,
                Mode::CutReply,
            ] {
                for warm in [false, true] {
                    let case = format!("{ask:?} {mode:?}, used before: {warm}");
                    let mut client = client_through(&proxy, &etcd, warm).await;
                    proxy.set_next(&[mode]);
                    let failure = ask.of(&mut *client).await.expect_err(&case);
                    assert_eq!(failure.certainty, ask.without_answer(), "{case}: {failure}");
                    assert_eq!(failure.class, "connection lost", "{case}: {failure}");
                    assert_eq!(proxy.take_requests().len(), 1, "{case}");
                    // The next call of the same client makes a connection of its own.
                    ask.of(&mut *client).await.expect(&case);
                    assert_eq!(proxy.take_requests(), ask.requests(), "{case}");
                }
            }
        }
    });
}

#[test]
fn an_append_is_in_doubt_from_its_second_request_on() {
    run(async {
        let server = Fake::start().await;
        let proxy = Proxy::before(server.address).await;
        let etcd = etcd(&Options::default(), "contract");
        for mode in [
            Mode::CloseBefore,
            Mode::CloseAfter,
            Mode::ResetAfter,
            Mode::CutReply,
        ] {
            let mut client = client(&etcd, proxy.address).await;
            proxy.set_next(&[Mode::Forward, mode]);
            let failure = Ask::Append.of(&mut *client).await.unwrap_err();
            assert_eq!(failure.certainty, Certainty::Info, "{mode:?}: {failure}");
            assert_eq!(proxy.take_requests(), [TXN, TXN], "{mode:?}");
        }
    });
}

#[test]
fn a_connection_that_was_closed_between_two_calls_is_no_failure() {
    run(async {
        let server = Fake::start().await;
        let proxy = Proxy::before(server.address).await;
        proxy.set(Mode::ForwardAndClose);
        let etcd = etcd(&Options::default(), "contract");
        let mut client = client(&etcd, proxy.address).await;
        for calls in 1..=20 {
            // It may notice too late that the connection is closed; then the call is in doubt, and is not sent again.
            if let Err(failure) = Ask::Write.of(&mut *client).await {
                assert_eq!(failure.certainty, Certainty::Info, "{failure}");
            }
            assert!(proxy.take_requests().len() <= 1, "call {calls}");
        }
    });
}

#[test]
fn a_call_that_is_given_up_was_sent_once() {
    run(async {
        let server = Fake::start().await;
        let proxy = Proxy::before(server.address).await;
        proxy.set(Mode::Hold);
        let etcd = etcd(&Options::default(), "contract");
        let mut client = client(&etcd, proxy.address).await;
        tokio::select! {
            result = Ask::Write.of(&mut *client) => panic!("{result:?}: nothing was answered yet"),
            () = proxy.answered(1) => {}
        }
        drop(client);
        assert_eq!(proxy.take_requests(), [PUT]);
    });
}

#[test]
fn a_late_answer_counts() {
    run(async {
        let server = Fake::start().await;
        let proxy = Proxy::before(server.address).await;
        proxy.set(Mode::Hold);
        let etcd = etcd(&Options::default(), "contract");
        let mut client = client(&etcd, proxy.address).await;
        let (result, ()) = tokio::join!(Ask::Write.of(&mut *client), async {
            proxy.answered(1).await;
            proxy.release();
        });
        result.unwrap();
        assert_eq!(proxy.take_requests(), [PUT]);
    });
}

#[test]
fn without_a_connection_nothing_happened() {
    run(async {
        let nobody = "127.0.0.1:1".parse().unwrap();
        let strong = etcd(&Options::default(), "contract");
        let mut client = client(&strong, nobody).await;
        for ask in Ask::ALL {
            let failure = ask.of(&mut *client).await.unwrap_err();
            assert_eq!(failure.certainty, Certainty::Fail, "{ask:?}: {failure}");
            assert_eq!(failure.class, "connection refused", "{ask:?}: {failure}");
        }
    });
}

/// A node behind a firewall that drops everything: here, a listener whose queue is full.
#[test]
fn a_connection_that_takes_too_long_is_given_up_before_anything_is_sent() {
    run(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        // Linux lets one more than the queue holds connect.
        let mut queue = Vec::new();
        for _ in 0..2 {
            queue.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
        let options = Options {
            connect_timeout: Duration::from_millis(50),
            ..Options::default()
        };
        let mut client = client(&etcd(&options, "contract"), address).await;
        let failure = Ask::Write.of(&mut *client).await.unwrap_err();
        assert_eq!(failure.certainty, Certainty::Fail, "{failure}");
        assert_eq!(failure.class, "unreachable", "{failure}");
    });
}

#[test]
fn an_error_is_what_the_table_says() {
    let table = [
        // What etcd 3.4 answers, and what 3.6 does.
        (
            503,
            r#"{"error":"etcdserver: request timed out","message":"etcdserver: request timed out","code":14}"#,
            Certainty::Info,
            "timeout",
        ),
        (
            503,
            r#"{"code":14,"message":"etcdserver: leader changed","details":[]}"#,
            Certainty::Info,
            "leader changed",
        ),
        (
            429,
            r#"{"error":"etcdserver: mvcc: database space exceeded","code":8}"#,
            Certainty::Info,
            "no space",
        ),
        (
            429,
            r#"{"error":"etcdserver: too many requests","code":8}"#,
            Certainty::Fail,
            "too many requests",
        ),
        (
            400,
            r#"{"error":"etcdserver: duplicate key given in txn request","code":3}"#,
            Certainty::Fail,
            "invalid request",
        ),
        (
            500,
            r#"{"error":"raft proposal dropped","code":2}"#,
            Certainty::Fail,
            "proposal dropped",
        ),
        (
            404,
            "404 page not found\n",
            Certainty::Fail,
            "no such method",
        ),
        (500, "oops", Certainty::Info, "server error"),
        (307, "", Certainty::Info, "server error"),
        (
            200,
            "<html>a captive portal</html>",
            Certainty::Info,
            "bad answer",
        ),
        (200, "{}", Certainty::Info, "bad answer"),
        (200, "", Certainty::Info, "bad answer"),
    ];
    run(async {
        let server = Fake::start().await;
        let etcd = etcd(&Options::default(), "contract");
        let mut client = client(&etcd, server.address).await;
        for (status, body, certainty, class) in table {
            for ask in Ask::ALL {
                server.answer(status, body);
                let case = format!("{ask:?}, HTTP {status}: {body}");
                let failure = ask.of(&mut *client).await.expect_err(&case);
                let expected = if ask.without_answer() == Certainty::Fail {
                    Certainty::Fail
                } else {
                    certainty
                };
                assert_eq!(
                    (failure.certainty, failure.class),
                    (expected, class),
                    "{case}: {failure}"
                );
                assert_eq!(server.take_requests().len(), 1, "{case}");
            }
        }
    });
}

#[test]
fn what_etcd_leaves_out_is_zero_false_or_empty() {
    run(async {
        let server = Fake::start().await;
        let etcd = etcd(&Options::default(), "contract");
        let mut client = client(&etcd, server.address).await;
        let (key, value) = (Value::from(1), Value::from(7));

        let read = client.registers().unwrap().read(&key).await.unwrap();
        assert_eq!((read.value, read.revision), (Value::Nil, None));

        server.answer(200, r#"{"header":{"revision":"9"},"kvs":[{"key":"YQ==","value":"Nw==","mod_revision":"4","version":"1"}],"count":"1"}"#);
        let read = client.registers().unwrap().read(&key).await.unwrap();
        assert_eq!((read.value, read.revision), (value.clone(), Some(4)));

        server.answer(200, r#"{"header":{"revision":"9"}}"#);
        let cas = client
            .compare_and_set()
            .unwrap()
            .cas(&key, &value, &key)
            .await;
        assert!(!cas.unwrap().value);

        // One answer too few: not a list that is empty, but an answer that makes no sense.
        server.answer(200, r#"{"header":{"revision":"9"},"succeeded":true}"#);
        let failure = Ask::ReadLists.of(&mut *client).await.unwrap_err();
        assert_eq!(failure.class, "bad answer");
    });
}

#[test]
fn requests_name_the_run_and_how_to_read() {
    run(async {
        let server = Fake::start().await;
        let weak = Options {
            reads: Reads::Serializable,
            ..Options::default()
        };
        let etcd = etcd(&weak, "run 7");
        let mut client = client(&etcd, server.address).await;
        Ask::Read.of(&mut *client).await.unwrap();
        Ask::Cas.of(&mut *client).await.unwrap();
        Ask::ReadLists.of(&mut *client).await.unwrap();
        let bodies: Vec<_> = server
            .take_requests()
            .into_iter()
            .map(|request| request.body)
            .collect();
        // base64 of schism/run_7/r/1 and schism/run_7/l/1, of 7 and 1.
        let (register, list) = ("c2NoaXNtL3J1bl83L3IvMQ==", "c2NoaXNtL3J1bl83L2wvMQ==");
        assert_eq!(
            bodies,
            [
                serde_json::json!({ "key": register, "serializable": true }),
                serde_json::json!({
                    "compare": [{ "result": "EQUAL", "target": "VALUE", "key": register, "value": "Nw==" }],
                    "success": [{ "request_put": { "key": register, "value": "MQ==" } }],
                }),
                serde_json::json!({
                    "compare": [],
                    "success": [{ "request_range": { "key": list, "serializable": true } }],
                }),
            ]
        );
    });
}

/// A variable that cargo sets for every test.
const VARIABLE: &str = "CARGO_PKG_NAME";

fn with_password() -> Options {
    Options {
        username: Some("root".into()),
        password: Some(Secret::from_env(VARIABLE)),
        ..Options::default()
    }
}

#[test]
fn a_token_that_is_refused_fails_the_call_and_is_replaced() {
    run(async {
        const LOGIN: &str = "POST /v3/auth/authenticate";
        let server = Fake::start().await;
        let etcd = etcd(&with_password(), "contract");
        let mut client = client(&etcd, server.address).await;
        let login = server.take_requests();
        assert_eq!(login[0].path, LOGIN);
        assert_eq!(login[0].body["name"], "root");

        Ask::Write.of(&mut *client).await.unwrap();
        let requests = server.take_requests();
        assert_eq!(requests.len(), 1);
        assert!(
            requests[0]
                .head
                .to_lowercase()
                .contains("authorization: token.1")
        );

        server.answer(
            401,
            r#"{"error":"etcdserver: invalid auth token","code":16}"#,
        );
        let failure = Ask::Write.of(&mut *client).await.unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "unauthenticated")
        );
        assert_eq!(server.take_requests().len(), 1, "it is not sent again");

        // The login itself may fail: the write was not sent, so it did not happen.
        server.answer(
            503,
            r#"{"error":"etcdserver: request timed out","code":14}"#,
        );
        let failure = Ask::Write.of(&mut *client).await.unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "unauthenticated")
        );
        let paths: Vec<_> = server
            .take_requests()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert_eq!(paths, [LOGIN]);

        Ask::Write.of(&mut *client).await.unwrap();
        let paths: Vec<_> = server
            .take_requests()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert_eq!(paths, [LOGIN, PUT]);
    });
}

#[test]
fn neither_password_nor_token_is_ever_shown() {
    run(async {
        let secret = std::env::var(VARIABLE).unwrap();
        let options = with_password();
        assert!(!format!("{options:?}").contains(&secret));
        assert!(!serde_json::to_string(&options).unwrap().contains(&secret));

        let server = Fake::start().await;
        let etcd = etcd(&options, "contract");
        // A server that sends back what it got, as an error and as nonsense.
        for status in [400, 200] {
            server.answer(
                status,
                &format!(r#"{{"error":"no","code":3,"password":"{secret}"}}"#),
            );
            let connected = etcd.connect(&endpoint("n1", server.address)).await;
            let failure = connected.err().unwrap();
            assert!(!failure.to_string().contains(&secret), "{failure}");
        }
        server.answer(200, r#"{"token":"bad\ntoken"}"#);
        let connected = etcd.connect(&endpoint("n1", server.address)).await;
        let failure = connected.err().unwrap();
        assert!(!failure.to_string().contains("bad"), "{failure}");
    });
}

#[test]
fn a_handshake_that_fails_sends_nothing() {
    run(async {
        let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/nobody.pem").into();
        let options = Options {
            tls: Some(Tls {
                ca,
                cert: None,
                key: None,
            }),
            ..Options::default()
        };
        // A server that speaks no TLS.
        let hangs_up = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = hangs_up.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = hangs_up.accept().await {
                drop(stream);
            }
        });
        let mut client = client(&etcd(&options, "contract"), address).await;
        let failure = Ask::Write.of(&mut *client).await.unwrap_err();
        assert_eq!(failure.certainty, Certainty::Fail, "{failure}");
        assert_eq!(failure.class, "unreachable", "{failure}");
    });
}

#[test]
fn options_that_cannot_work_are_refused_before_the_run() {
    let missing = "SCHISM_NO_SUCH_VARIABLE";
    let tls = |ca: &str, cert: Option<&str>, key: Option<&str>| Options {
        tls: Some(Tls {
            ca: ca.into(),
            cert: cert.map(Into::into),
            key: key.map(Into::into),
        }),
        ..Options::default()
    };
    let nobody = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/nobody.pem");
    let cargo = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let table = [
        (
            Options {
                username: Some("u".into()),
                ..Options::default()
            },
            "without a password",
        ),
        (
            Options {
                username: None,
                ..with_password()
            },
            "without a username",
        ),
        (
            Options {
                password: Some(Secret::from_env(missing)),
                ..with_password()
            },
            missing,
        ),
        (
            Options {
                connect_timeout: Duration::ZERO,
                ..Options::default()
            },
            "connect_timeout",
        ),
        (tls("/no/such/file", None, None), "/no/such/file"),
        (tls(cargo, None, None), "no certificate"),
        (tls(nobody, Some(nobody), None), "tls.key"),
        (tls(nobody, None, Some(nobody)), "tls.cert"),
        (tls(nobody, Some(nobody), Some(nobody)), "not in PEM form"),
    ];
    for (options, expected) in table {
        let error = Etcd::new(&options, "contract").err().unwrap().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
