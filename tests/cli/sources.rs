//! Histories from anywhere: several at once, from a pipe, compressed, in other programs' folders; and what is asked
//! about them.

use std::fmt::Write as _;
use std::io::Write as _;

use super::*;

/// A read of what had been overwritten, on key 7; key 8 is as it should be.
const STALE: &str = "\
{:process 0, :type :invoke, :f :write, :value [7 10], :time 0}
{:process 0, :type :ok, :f :write, :value [7 10], :time 1000000}
{:process 0, :type :invoke, :f :write, :value [7 11], :time 2000000}
{:process 0, :type :ok, :f :write, :value [7 11], :time 3000000}
{:process 1, :type :invoke, :f :read, :value [7 nil], :time 4000000}
{:process 1, :type :ok, :f :read, :value [7 10], :time 5000000}
{:process 1, :type :invoke, :f :write, :value [8 1], :time 6000000}
{:process 1, :type :ok, :f :write, :value [8 1], :time 7000000}
{:process 1, :type :invoke, :f :read, :value [8 nil], :time 8000000}
{:process 1, :type :ok, :f :read, :value [8 1], :time 9000000}
";
const LOG: &str = "\
INFO  jepsen.core - starting
INFO  jepsen.util - 0\t:invoke\t:write\t3
INFO  jepsen.util - 0\t:ok\t:write\t3
INFO  jepsen.util - 1\t:invoke\t:read\tnil
INFO  jepsen.util - 1\t:ok\t:read\t3
";
const PLUME: &str = "w(1,5,0,0)\nr(1,5,1,1)\nw(1,6,1,1)\nr(1,6,0,2)\n";

const LINEARIZABLE: [&str; 2] = ["--checker", "linearizable"];

fn check(arguments: &[&str]) -> Said {
    schism(&[&["check"], &LINEARIZABLE[..], arguments].concat())
}

#[test]
fn several_histories_are_judged_and_the_worst_ends() {
    let scratch = Scratch::new();
    let stale = scratch.write("stale.edn", STALE.as_bytes());
    let good = scratch.write("good.log", LOG.as_bytes());
    let said = check(&[&good, &stale, &good]);
    assert_eq!(said.code, 1, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(
        lines[0].starts_with("VALID") && lines[0].ends_with("good.log"),
        "{said:?}"
    );
    assert!(
        lines[1].starts_with("INVALID") && lines[1].contains("5 operations"),
        "{said:?}"
    );
    assert!(lines[2].contains("key 7"), "{said:?}");
    assert_eq!(*lines.last().unwrap(), "3 histories: 2 valid, 1 invalid");
    let missing = scratch.path("missing");
    let said = check(&[&good, &missing]);
    assert_eq!(said.code, 64);
    assert!(
        said.err
            .contains("missing: there is no such run or history"),
        "{said:?}"
    );
    assert!(
        said.out.ends_with("2 histories: 1 valid, 1 not readable\n"),
        "{said:?}"
    );
    let json = check(&["--json", &good, &stale]).json();
    assert_eq!(
        (&json[0]["validity"], &json[1]["validity"]),
        (&"valid".into(), &"invalid".into())
    );
    let out = scratch.path("out");
    assert_eq!(check(&["--out", &out, &good, &good]).code, 0);
    for folder in ["good", "good-2"] {
        assert!(
            Path::new(&out).join(folder).join("report.html").is_file(),
            "{folder}"
        );
    }
    check(&["-", "-"]).refused(64, &["standard input"]);
}

#[test]
fn a_pipe_is_read_and_what_is_compressed_too() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(STALE.as_bytes()).unwrap();
    let zipped = gzip.finish().unwrap();
    for bytes in [STALE.as_bytes(), &zipped] {
        let mut child = command(&[&["check", "-"], &LINEARIZABLE[..]].concat());
        child
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let said = Said::of(child.wait_with_output().unwrap());
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.starts_with("INVALID  standard input"), "{said:?}");
        assert!(!said.err.contains("reading"), "no bar on a pipe: {said:?}");
    }
}

#[test]
fn folders_of_other_programs_are_read() {
    let scratch = Scratch::new();
    let folder = |name: &str| {
        let path = scratch.path(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let jepsen = folder("store");
    fs::write(Path::new(&jepsen).join("history.edn"), STALE).unwrap();
    assert_eq!(check(&[&jepsen]).code, 1);
    let cobra = folder("cobra");
    let mut log = Vec::new();
    let parts: [(u8, &[i64]); 3] = [(b'S', &[1]), (b'W', &[100, 7, 9]), (b'C', &[1])];
    for (tag, numbers) in parts {
        log.push(tag);
        log.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    }
    fs::write(Path::new(&cobra).join("T0.log"), &log).unwrap();
    let to = scratch.path("cobra.jsonl");
    assert_eq!(schism(&["convert", &cobra, &to]).code, 0);
    assert!(fs::read_to_string(&to).unwrap().contains("\"f\":\"txn\""));
    fs::write(Path::new(&cobra).join("T1.log"), &log[..12]).unwrap();
    schism(&["convert", &cobra, &to]).refused(64, &["T1.log: byte 10: the file ends"]);
    let empty = folder("empty");
    check(&[&empty]).refused(64, &["this is no run folder", "history.edn"]);
}

#[test]
fn what_is_asked_is_answered() {
    let scratch = Scratch::new();
    let stale = scratch.write("stale.edn", STALE.as_bytes());
    assert_eq!(check(&["--key", "8", &stale]).code, 0);
    assert_eq!(check(&["--key", "7", &stale]).code, 1);
    check(&["--key", "9", &stale]).refused(64, &["no operation is on the key 9; there are 7, 8"]);
    let said = check(&["--level", "linearizable", &stale]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(
        check(&["--level", "linearizable", "--key", "8", &stale]).code,
        0
    );
    let said = check(&["--level", "read-committed", &stale]);
    assert_eq!(said.code, 2, "of another level it says nothing: {said:?}");
    check(&["--level", "linearisable", &stale]).refused(64, &["did you mean linearizable?"]);
    check(&["--budget", "fast", &stale]).refused(64, &["30s, 500M-steps, 2GiB"]);
    let said = check(&["--budget", "1B", "--budget", "1m,5-steps", &stale]);
    assert_eq!(said.code, 2, "{said:?}");
    let said = check(&["--witness", &stale]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.starts_with("stale read, found by linearizable"),
        "{said:?}"
    );
    assert!(said.out.contains("confirmed independently"), "{said:?}");
    let witness = check(&["--witness", "--json", &stale]).json();
    assert_eq!(
        witness["operations"].as_array().unwrap().len(),
        3,
        "{witness}"
    );
    assert_eq!(witness["operations"][2]["output"], 10, "{witness}");
}

#[test]
fn a_log_of_jepsen_and_a_history_without_times_are_converted() {
    let scratch = Scratch::new();
    for (name, text, lines) in [("a.log", LOG, 5), ("b.txt", PLUME, 7)] {
        let from = scratch.write(name, text.as_bytes());
        let to = scratch.path("to.jsonl");
        let said = schism(&["convert", &from, &to]);
        assert_eq!(said.code, 0, "{said:?}");
        let converted = fs::read_to_string(&to).unwrap();
        assert_eq!(converted.lines().count(), lines, "{converted}");
        let json = schism(&["check", "--json", &from]).json();
        let same = schism(&["check", "--json", &to]).json();
        if name == "a.log" {
            assert_eq!(json["verdicts"], same["verdicts"]);
        } else {
            assert_eq!(json["validity"], "valid", "{json}");
        }
    }
}

#[test]
fn levels_are_told_in_a_sentence_and_drawn() {
    let scratch = Scratch::new();
    let stale = scratch.write("stale.edn", STALE.as_bytes());
    let out = scratch.path("out");
    let said = schism(&["levels", &stale, "--out", &out]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("does not give linearizable (stale read)"),
        "{said:?}"
    );
    assert!(said.out.contains("✗ strict-serializable"), "{said:?}");
    let page = fs::read_to_string(Path::new(&out).join("report.html")).unwrap();
    assert!(page.contains("class=\"lattice\""));
    let json = schism(&["levels", "--json", &stale]).json();
    assert_eq!(json["refuted"][0], "linearizable", "{json}");
    let nothing = scratch.write("nothing.edn", b"{:type :invoke, :process 0, :f :fly}");
    assert_eq!(schism(&["levels", &nothing]).code, 2);
}

#[test]
fn a_history_that_is_linearizable_gets_a_certificate() {
    let scratch = Scratch::new();
    let stale = scratch.write("stale.edn", STALE.as_bytes());
    let to = scratch.path("certificate.json");
    let said = check(&["--key", "8", "--certificate", &to, &stale]);
    assert_eq!(said.code, 0, "{said:?}");
    let file: Json = serde_json::from_slice(&fs::read(&to).unwrap()).unwrap();
    let order = &file["certificate"]["linearization"][0]["order"];
    assert_eq!(*order, serde_json::json!([0, 1]), "{file}");
    fs::remove_file(&to).unwrap();
    let said = check(&["--certificate", &to, &stale]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no certificate of"), "{said:?}");
    assert!(!Path::new(&to).exists());
    check(&["--certificate", &to, &stale, &stale]).refused(64, &["for one history"]);
}

#[test]
fn transactions_that_are_serializable_get_a_certificate() {
    let scratch = Scratch::new();
    let line = |time: u32, process: u32, end: &str, steps: &str| {
        format!("{{:type {end} :process {process} :time {time} :f :txn :value {steps}}}\n")
    };
    // The second one reads what was there before the first one, which had returned.
    let stale = |write: &str, nothing: &str, both: &str| {
        [
            line(1, 0, ":invoke", &format!("[[{write} 1 1]]")),
            line(2, 0, ":ok", &format!("[[{write} 1 1]]")),
            line(3, 1, ":invoke", "[[:r 1 nil]]"),
            line(4, 1, ":ok", &format!("[[:r 1 {nothing}]]")),
            line(5, 1, ":invoke", "[[:r 1 nil]]"),
            line(6, 1, ":ok", &format!("[[:r 1 {both}]]")),
        ]
        .concat()
    };
    for (name, history) in [
        ("list-append", stale(":append", "[]", "[1]")),
        ("rw-register", stale(":w", "nil", "1")),
    ] {
        let from = scratch.write("stale.edn", history.as_bytes());
        let to = scratch.path("certificate.json");
        check(&["--checker", name, "--certificate", &to, &from]);
        let file: Json = serde_json::from_slice(&fs::read(&to).unwrap()).unwrap();
        let serial = &file["certificate"]["serial-order"];
        assert_eq!(serial["level"], "strong-session-serializable", "{file}");
        assert_eq!(serial["order"], serde_json::json!([1, 0, 2]), "{file}");
        fs::remove_file(&to).unwrap();
    }
}

#[test]
fn the_kind_of_object_can_be_named() {
    let scratch = Scratch::new();
    // Taken for a stack it is as it should be, taken for a queue it is not.
    let pairs = [
        ("enqueue", 1, 1),
        ("enqueue", 2, 2),
        ("dequeue", 0, 2),
        ("dequeue", 0, 1),
    ];
    let mut text = String::new();
    for (f, input, output) in pairs {
        let input = if input == 0 {
            "nil".to_owned()
        } else {
            input.to_string()
        };
        let _ = writeln!(
            text,
            "{{:process 0, :type :invoke, :f :{f}, :value {input}}}"
        );
        let _ = writeln!(text, "{{:process 0, :type :ok, :f :{f}, :value {output}}}");
    }
    let file = scratch.write("queue.edn", text.as_bytes());
    let model = |model: &str| schism(&["check", "--model", model, &file]);
    assert_eq!(model("queue").code, 1, "{:?}", model("queue"));
    assert_eq!(
        model("unordered-queue").code,
        0,
        "{:?}",
        model("unordered-queue")
    );
    model("queues").refused(64, &["did you mean queue?"]);
    schism(&["check", "--model", "queue", "--checker", "stats", &file])
        .refused(64, &["which --checker leaves out"]);
    schism(&[
        "check",
        "--model",
        "queue",
        "--level",
        "serializable",
        &file,
    ])
    .refused(64, &["leave out --model or --level"]);
}
