//! Histories as tables, in Parquet and Arrow.

use super::*;

/// Of an Arrow stream, whatever follows.
const STREAM: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_that_reads_no_tables_says_which_does() {
    let scratch = Scratch::new();
    for (name, bytes, format) in [
        ("h.parquet", &b"PAR1\x15\x04"[..], "(Parquet file)"),
        ("h.arrow", b"ARROW1\0\0", "(Arrow file)"),
        ("h", STREAM, "(Arrow stream)"),
    ] {
        let file = scratch.write(name, bytes);
        let parts = [name, format, "the feature parquet"];
        schism(&["check", &file]).refused(64, &parts);
        schism(&["convert", &file, &scratch.path("h.jsonl")]).refused(64, &parts);
    }
    let history = scratch.write("h.edn", b"{:process 0 :type :invoke :f :read}");
    let to = scratch.path("to.parquet");
    schism(&["convert", &history, &to]).refused(64, &["to.parquet", "the feature parquet"]);
    assert!(!Path::new(&to).exists());
}

#[cfg(feature = "parquet")]
mod built {
    use super::*;

    #[test]
    fn there_and_back_gives_the_same_bytes_and_the_same_verdict() {
        let scratch = Scratch::new();
        let (ran, folder) = scratch.run("quorum-broken", &["--quiet"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let own = folder.join("history.jsonl").to_str().unwrap().to_owned();
        let expected = schism(&["check", "--json", &own]).json()["verdicts"].clone();
        for name in ["h.parquet", "h.arrow", "h.feather", "h.arrows"] {
            let (there, back) = (scratch.path(name), scratch.path("back.jsonl"));
            for arguments in [[&own, &there], [&there, &back]] {
                let said = schism(&["convert", arguments[0], arguments[1]]);
                assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}");
            }
            assert!(
                fs::read(&own).unwrap() == fs::read(&back).unwrap(),
                "{name}"
            );
            let said = schism(&["check", "--json", &there]);
            assert_eq!(said.code, 1, "{name}");
            assert_eq!(said.json()["verdicts"], expected, "{name}");
        }
    }

    #[test]
    fn a_damaged_table_is_refused_and_no_bug() {
        let scratch = Scratch::new();
        for (name, bytes) in [
            ("h.parquet", &b"PAR1\x15\x04"[..]),
            ("h.arrow", b"ARROW1\0\0"),
            ("h", STREAM),
        ] {
            let file = scratch.write(name, bytes);
            schism(&["check", &file]).refused(64, &[name]);
        }
    }

    /// Writes the same history in every way that pyarrow has.
    const SCRIPT: &str = r#"
import sys
import pyarrow as pa, pyarrow.feather, pyarrow.parquet
columns = {
    "time": pa.array(range(6), pa.duration("us")),
    "process": pa.array([0, 0, 0, 0, 1, 1], pa.int16()),
    "type": pa.array(["invoke", "ok"] * 3).dictionary_encode(),
    "f": ["write"] * 4 + ["read"] * 2,
    "key": ["x"] * 6,
    "value": [10, 10, 11, 11, None, int(sys.argv[2])],
    "node": ["n1"] * 6,
}
table = pa.table(columns)
folder = sys.argv[1]
pa.parquet.write_table(table, folder + "/h.parquet")
pa.parquet.write_table(table, folder + "/z.parquet", compression="zstd", version="2.6", row_group_size=2)
pa.feather.write_feather(table, folder + "/h.feather")
with pa.ipc.new_stream(folder + "/h.arrows", table.schema) as stream:
    stream.write_table(table, max_chunksize=2)
"#;

    #[test]
    #[ignore = "needs a Python with pyarrow, target/python as .ci/run makes it"]
    fn what_pyarrow_writes_is_judged() {
        let scratch = Scratch::new();
        let python = format!("{ROOT}/target/python/bin/python");
        for (read, code) in [("10", 1), ("11", 0)] {
            let folder = scratch.path("");
            let wrote = Command::new(&python)
                .args(["-c", SCRIPT, &folder, read])
                .status();
            assert!(wrote.unwrap().success());
            for name in ["h.parquet", "z.parquet", "h.feather", "h.arrows"] {
                let file = scratch.path(name);
                let said = schism(&["check", "--checker", "linearizable", &file]);
                assert_eq!(said.code, code, "{name}: {said:?}");
            }
        }
    }
}
