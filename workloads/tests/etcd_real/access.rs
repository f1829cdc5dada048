//! Who may: data that is not ours, passwords, certificates.

use std::path::{Path, PathBuf};
use std::process::Command;

use schism_history::Value;
use schism_workloads::clients::etcd::{Options, Tls};
use schism_workloads::{Certainty, Database, Secret, SetupError};

use crate::append;
use crate::wire::server::Cluster;
use crate::wire::{client, endpoint, etcd, run};

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn prepare_refuses_what_is_not_ours() {
    run(async {
        let etcd = etcd(&Options::default(), "prepare");
        let cluster = Cluster::healthy(1, &etcd).await;
        let endpoints = cluster.endpoints();
        let dead = endpoint("n0", "127.0.0.1:1".parse().unwrap());

        cluster.ctl(&["put", "schismatic", "not below the prefix"]);
        cluster.ctl(&["put", "schism/theirs", "precious"]);
        let error = etcd.prepare(&endpoints).await.unwrap_err();
        assert!(matches!(error, SetupError::NotOurs { .. }), "{error}");
        assert!(error.to_string().contains("schism/theirs"), "{error}");
        assert_eq!(
            cluster.ctl(&["get", "--print-value-only", "schism/.schism"]),
            ""
        );

        cluster.ctl(&["put", "schism/.schism", "somebody else's"]);
        let error = etcd.prepare(&endpoints).await.unwrap_err();
        assert!(matches!(error, SetupError::NotOurs { .. }), "{error}");

        cluster.ctl(&["del", "--prefix", "schism/"]);
        // A node that does not answer is no obstacle as long as another one does.
        etcd.prepare(&[dead.clone(), endpoints[0].clone()])
            .await
            .unwrap();
        let mut client = client(&etcd, cluster.address(0)).await;
        client
            .registers()
            .unwrap()
            .write(&1.into(), &1.into())
            .await
            .unwrap();
        etcd.prepare(&endpoints).await.unwrap();

        let error = etcd.prepare(std::slice::from_ref(&dead)).await.unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        etcd.prepare(&[]).await.unwrap_err();
        let error = etcd.health(&dead).await.unwrap_err();
        assert!(error.to_string().contains("is etcd running"), "{error}");
        let version = etcd.health(&endpoints[0]).await.unwrap();
        assert!(version.starts_with("3."), "{version}");
    });
}

/// A variable that cargo sets for every test.
const VARIABLE: &str = "CARGO_PKG_NAME";

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn with_authentication_the_right_user_may_and_others_may_not() {
    run(async {
        let password = std::env::var(VARIABLE).unwrap();
        let user = |name: &str| Options {
            username: Some(name.into()),
            password: Some(Secret::from_env(VARIABLE)),
            ..Options::default()
        };
        let open = etcd(&Options::default(), "auth");
        let mut cluster = Cluster::healthy(1, &open).await;
        let endpoints = cluster.endpoints();
        for arguments in [
            &["user", "add", &format!("root:{password}")][..],
            &["user", "grant-role", "root", "root"],
            &["role", "add", "reader"],
            &[
                "role",
                "grant-permission",
                "--prefix=true",
                "reader",
                "read",
                "schism/",
            ],
            &["user", "add", &format!("reader:{password}")],
            &["user", "grant-role", "reader", "reader"],
            &["user", "add", "stranger:another password"],
            &["auth", "enable"],
        ] {
            cluster.ctl(arguments);
        }
        let key = Value::from(1);

        let mut nobody = client(&open, cluster.address(0)).await;
        let failure = nobody
            .registers()
            .unwrap()
            .write(&key, &1.into())
            .await
            .unwrap_err();
        println!("{failure}");
        assert_eq!(failure.certainty, Certainty::Fail);

        let root = etcd(&user("root"), "auth");
        root.prepare(&endpoints).await.unwrap();
        root.health(&endpoints[0]).await.unwrap();
        assert_eq!(root.roles(&endpoints).await.len(), 1);
        let mut writer = client(&root, cluster.address(0)).await;
        writer
            .registers()
            .unwrap()
            .write(&key, &7.into())
            .await
            .unwrap();

        let mut reader = client(&etcd(&user("reader"), "auth"), cluster.address(0)).await;
        let seen = reader.registers().unwrap().read(&key).await.unwrap();
        assert_eq!(seen.value, Value::from(7));
        let failure = reader
            .registers()
            .unwrap()
            .write(&key, &8.into())
            .await
            .unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "permission denied")
        );
        let transaction = [append(1, 1)];
        let failure = reader
            .transactions()
            .unwrap()
            .transact(&transaction)
            .await
            .unwrap_err();
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "permission denied")
        );

        let stranger = etcd(&user("stranger"), "auth");
        let refused = stranger.connect(&endpoints[0]).await.err().unwrap();
        println!("{refused}");
        assert_eq!(
            (refused.certainty, refused.class),
            (Certainty::Fail, "unauthenticated")
        );
        let error = stranger.prepare(&endpoints).await.unwrap_err().to_string();
        assert!(error.contains("username and password"), "{error}");

        // A node forgets its tokens when it restarts: one call fails, with proof, and the next one logs in again.
        cluster.kill(0);
        cluster.spawn(0);
        cluster.wait(&root).await;
        let registers = writer.registers().unwrap();
        let mut failures = Vec::new();
        let seen = loop {
            match registers.read(&key).await {
                Ok(seen) => break seen,
                Err(failure) => failures.push(failure),
            }
            assert!(failures.len() < 3, "{failures:?}");
        };
        assert_eq!(seen.value, Value::from(7));
        assert!(
            failures
                .iter()
                .any(|failure| failure.class == "unauthenticated"),
            "{failures:?}"
        );
    });
}

/// Certificates for a test: a CA, and a certificate of it for 127.0.0.1 with its key.
fn certificates(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .current_dir(folder)
            .args(arguments)
            .output()
            .expect("openssl is installed");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let ca = [
        "-x509",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=test CA",
    ];
    openssl(&[&["req"][..], &key, &ca].concat());
    let request = [
        "-keyout", "node.key", "-out", "node.csr", "-subj", "/CN=node",
    ];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1"];
    openssl(&[&["req"][..], &key, &request, &names].concat());
    openssl(&[
        "x509",
        "-req",
        "-in",
        "node.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-copy_extensions",
        "copy",
        "-out",
        "node.pem",
    ]);
    (
        folder.join("ca.pem"),
        folder.join("node.pem"),
        folder.join("node.key"),
    )
}

#[test]
#[ignore = "needs etcd: .ci/run runs it"]
fn with_tls_only_the_right_certificates_do() {
    run(async {
        let folder = std::env::temp_dir().join(format!("schism-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (ca, cert, key) = certificates(&folder);
        let file = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let cluster = Cluster::start(
            1,
            "https",
            &[
                "--cert-file",
                &file(&cert),
                "--key-file",
                &file(&key),
                "--trusted-ca-file",
                &file(&ca),
                "--client-cert-auth",
            ],
        );
        let with = |ca: &PathBuf, ours: bool| {
            etcd(
                &Options {
                    tls: Some(Tls {
                        ca: ca.clone(),
                        cert: ours.then(|| cert.clone()),
                        key: ours.then(|| key.clone()),
                    }),
                    ..Options::default()
                },
                "tls",
            )
        };
        let right = with(&ca, true);
        cluster.wait(&right).await;
        right.prepare(&cluster.endpoints()).await.unwrap();
        let value = Value::from(7);
        let mut client = client(&right, cluster.address(0)).await;
        client
            .registers()
            .unwrap()
            .write(&value, &value)
            .await
            .unwrap();
        assert_eq!(
            client
                .registers()
                .unwrap()
                .read(&value)
                .await
                .unwrap()
                .value,
            value
        );

        let nobody = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/nobody.pem").into();
        let mut wrong_ca = self::client(&with(&nobody, true), cluster.address(0)).await;
        let failure = wrong_ca
            .registers()
            .unwrap()
            .write(&value, &value)
            .await
            .unwrap_err();
        println!("{failure}");
        assert_eq!(
            (failure.certainty, failure.class),
            (Certainty::Fail, "unreachable")
        );

        // In TLS 1.3 a server asks for our certificate when the client holds the handshake for done: the request may be
        // on its way already.
        let mut no_cert = self::client(&with(&ca, false), cluster.address(0)).await;
        let failure = no_cert
            .registers()
            .unwrap()
            .write(&value, &value)
            .await
            .unwrap_err();
        println!("{failure}");

        let plain = etcd(&Options::default(), "tls");
        let error = plain.health(&cluster.endpoints()[0]).await.unwrap_err();
        println!("{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    });
}
