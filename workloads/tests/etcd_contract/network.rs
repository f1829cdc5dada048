//! What the network may do to a request.

use std::time::Duration;

use schism_workloads::clients::etcd::{Etcd, Options, Tls};
use schism_workloads::{Certainty, Client};

use crate::wire::fake::Fake;
use crate::wire::proxy::{Mode, Proxy};
use crate::wire::{client, etcd, run};
use crate::{Ask, PUT, TXN};

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
