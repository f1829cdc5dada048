//! Files of every format, whole and damaged.

use std::io::BufReader;

use super::*;
use crate::{F, Malformed, Outcome};

const SCHISM: &str = r#"{"schism":"history","version":1,"nodes":["n1"]}
{"index":0,"time":5,"process":0,"type":"invoke","f":"read","node":"n1"}
{"index":1,"time":9,"process":0,"type":"ok","f":"read","value":7}
"#;
const EDN: &str = "; a read\n{:type :invoke, :process 0, :f :read, :time 5}
    {:type :ok, :process 0, :f :read, :value 7, :time 9}";
const JSON: &str = r#"[{"type":"invoke","process":0,"f":"read","time":5},
    {"type":"ok","process":0,"f":"read","value":7,"time":9}]"#;

#[test]
fn the_first_bytes_tell_the_format() {
    use Format::{Awdit, Cobra, JepsenEdn, JepsenJson, JepsenLog, Plume, Schism};
    let cases = [
        (SCHISM, Some(Schism)),
        (
            r#" { "version": 1, "name": "a", "schism" : "history" }"#,
            Some(Schism),
        ),
        (EDN, Some(JepsenEdn)),
        (JSON, Some(JepsenJson)),
        ("{:type :ok}", Some(JepsenEdn)),
        (" , [\n{:type :ok}", Some(JepsenEdn)),
        ("[ ; {\"a\": 1}\n {:type :ok}", Some(JepsenEdn)),
        ("({:type :ok})", Some(JepsenEdn)),
        ("#jepsen.history.Op{:type :ok}", Some(JepsenEdn)),
        ("[#jepsen.history.Op{:type :ok}", Some(JepsenEdn)),
        ("; {\"type\": 1}\n{\"type\" 1}", Some(JepsenEdn)),
        ("[]", Some(JepsenEdn)),
        (r#"{"type":"ok"}"#, Some(JepsenJson)),
        (r#"{"type":"ok","value":"schism"}"#, Some(JepsenJson)),
        ("{\"type\":\"ok\"}\n{\"schism\":1}", Some(JepsenJson)),
        ("{\n\"type\":\"ok\"}", Some(JepsenJson)),
        ("", None),
        (" \n; nothing yet", None),
        ("( {:type :ok})", Some(JepsenEdn)),
        ("(", None),
        ("(defn a [])", None),
        ("[", None),
        ("{", None),
        ("INFO  jepsen.util - 0 :invoke", None),
        (
            "INFO jepsen.core - up\nINFO  jepsen.util - 0\t:invoke\t:read\tnil",
            Some(JepsenLog),
        ),
        ("0 :invoke :write 3", Some(JepsenLog)),
        ("w(1,5,0,3)", Some(Plume)),
        ("r 1 5\n", Some(Awdit)),
        ("S\0\0\0\0\0\0\x10\0R", Some(Cobra)),
        ("time,process", None),
        ("[1, 2]", None),
        ("; a\n7", None),
    ];
    for (text, format) in cases {
        assert_eq!(sniff(text.as_bytes()), format, "{text}");
    }
}

#[test]
fn every_format_is_read_whatever_the_size_of_chunks() {
    let cases = [
        (SCHISM, Format::Schism),
        (EDN, Format::JepsenEdn),
        (JSON, Format::JepsenJson),
    ];
    for (text, format) in cases {
        for chunk in [1, 7, 10_000] {
            let input = BufReader::with_capacity(chunk, text.as_bytes());
            let import = read_any(input, Options::default()).unwrap();
            assert_eq!(import.format, format);
            assert_eq!((import.torn, import.retimed), (None, None));
            let read = import.history.operations().next().unwrap();
            assert_eq!(read.outcome, Outcome::Ok);
            assert_eq!(read.output().as_int(), Some(7));
            assert_eq!(read.latency().unwrap().as_nanos(), 4);
        }
    }
    let import = read_any(SCHISM.as_bytes(), Options::default()).unwrap();
    assert_eq!(import.history.header().nodes.len(), 1);
}

#[test]
fn what_is_particular_about_a_file_is_told() {
    let torn = &SCHISM.as_bytes()[..SCHISM.len() - 5];
    let import = read_any(torn, Options::default()).unwrap();
    assert_eq!(import.torn.map(|torn| torn.line), Some(3));
    let late = EDN.replace(":time 9", ":time 4");
    let import = read_any(late.as_bytes(), Options::default()).unwrap();
    assert_eq!(import.retimed.map(|retimed| retimed.events), Some(1));
}

#[test]
fn what_is_none_of_them_is_refused() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "the file is empty"),
        (b"JEPSEN\0\0\0\x01", "history.edn or history.txt beside it"),
        (b"PARE\x15\x04", "it is an encrypted Parquet file"),
        (b"hello\nworld", "it begins with \"hello"),
        (
            b"\n\ntime,process,value\n",
            "it begins with \"time,process,val\"",
        ),
        (b"\xff\xfe", "it begins with"),
    ];
    for (bytes, expected) in cases {
        let error = read_any(bytes, Options::default()).unwrap_err().to_string();
        assert!(
            error.starts_with("line 1: this is no history (") && error.contains(expected),
            "{error}"
        );
    }
    let endless = BufReader::new(std::io::repeat(b' '));
    assert!(read_any(endless, Options::default()).is_err());
    let twice = format!("{EDN}{EDN}").replace(":ok", ":invoke");
    let error = read_any(twice.as_bytes(), Options::default()).unwrap_err();
    let ReadError::Malformed { line, malformed } = error else {
        panic!("{error}")
    };
    assert_eq!(line, 3);
    assert!(matches!(malformed, Malformed::StillOpen { .. }));
}

#[test]
fn a_compressed_file_is_read_as_it_is() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(EDN.as_bytes()).unwrap();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstd = ruzstd::encoding::compress_to_vec(EDN.as_bytes(), level);
    for bytes in [gzip.finish().unwrap(), zstd] {
        let import = read_any(&bytes[..], Options::default()).unwrap();
        assert_eq!(
            (import.format, import.history.len()),
            (Format::JepsenEdn, 1)
        );
    }
}

const KEYED: &str = "{:type :invoke, :process 0, :f :write, :value [7 1]}
    {:type :ok, :process 0, :f :write, :value [7 1]}
    {:type :invoke, :process 1, :f :read, :value [7 nil]}
    {:type :ok, :process 1, :f :read, :value [7 1]}
    {:type :info, :process :nemesis, :f :start, :value nil}
    {:type :invoke, :process 1, :f :cas, :value [7 [1 2]]}
    {:type :info, :process 1, :f :cas, :value nil, :error :timeout}";

#[test]
fn keys_in_values_are_found() {
    let import = read_any(KEYED.as_bytes(), Options::default()).unwrap();
    assert!(import.found_keys);
    for operation in import.history.operations() {
        assert_eq!(operation.key().as_int(), Some(7), "{operation}");
    }
    let asked = Options {
        keyed: true,
        f: None,
    };
    let keyed = KEYED.replace(":value nil, :error", ":value [7 [1 2]], :error");
    assert!(!read_any(keyed.as_bytes(), asked).unwrap().found_keys);
    let other = KEYED.replace(":cas, :value [7 [1 2]]", ":cas, :value 9");
    let error = read_any(other.as_bytes(), Options::default()).unwrap_err();
    let expected = "line 6, column 1: its value is 9, but the values before are pairs";
    assert!(error.to_string().starts_with(expected), "{error}");
    // A compare-and-set is no pair of key and value.
    let plain = KEYED.replace("[7 nil]", "nil");
    assert!(
        !read_any(plain.as_bytes(), Options::default())
            .unwrap()
            .found_keys
    );
}

#[test]
fn a_transaction_needs_no_function() {
    let text = "{:index 0 :process 1 :type :invoke :value [[:append 5 1]]}
        {:index 1 :process 1 :type :ok :value [[:append 5 1]]}";
    let import = read_any(text.as_bytes(), Options::default()).unwrap();
    assert_eq!(*import.history.operations().next().unwrap().f(), F::Txn);
    let text = text.replace("[[:append 5 1]]", "7");
    let error = read_any(text.as_bytes(), Options::default()).unwrap_err();
    assert!(
        error.to_string().contains("this operation has no f"),
        "{error}"
    );
}

/// A history of each format.
fn examples() -> Vec<Vec<u8>> {
    let log =
        "0\t:invoke\t:read\tnil\n0\t:ok\t:read\t4\n1\t:invoke\t:cas\t[1 2]\n1\t:info\t:cas\t:x\n";
    let texts = [SCHISM, EDN, JSON, KEYED, log].map(|text| text.as_bytes().to_vec());
    let mut examples = Vec::from(texts);
    examples.extend(sessions::tests::examples());
    examples
}

proptest::proptest! {
    /// Whatever happens to a file on its way, it is read or refused.
    #[test]
    fn no_damage_makes_a_reader_panic(
        which in 0..examples().len(),
        changes in proptest::collection::vec((0..3_usize, 0..400_usize, proptest::num::u8::ANY), 1..6),
        chunk in 1..40_usize,
    ) {
        let mut bytes = examples().swap_remove(which);
        for (what, at, byte) in changes {
            let at = at % bytes.len().max(1);
            match what {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        let input = BufReader::with_capacity(chunk, &bytes[..]);
        if let Err(error) = read_any(input, Options::default()) {
            proptest::prop_assert!(!error.to_string().is_empty());
        }
    }
}
