//! Passwords, tokens and options.

use std::time::Duration;

use schism_workloads::clients::etcd::{Etcd, Options, Tls};
use schism_workloads::{Certainty, Database, Secret};

use crate::wire::fake::Fake;
use crate::wire::{client, endpoint, etcd, run};
use crate::{Ask, PUT};

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
