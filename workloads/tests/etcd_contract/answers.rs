//! What a node may answer.

use schism_history::Value;
use schism_workloads::Certainty;
use schism_workloads::clients::etcd::{Options, Reads};

use crate::Ask;
use crate::wire::fake::Fake;
use crate::wire::{client, etcd, run};

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
