//! Histories of Jepsen are judged as our own are, and each format leads back to the same bytes.

use super::*;

/// All but the header, for which Jepsen's formats have no place.
fn events(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let (header, events) = text.split_once('\n').unwrap();
    assert!(header.starts_with("{\"schism\":\"history\","), "{header}");
    events.to_owned()
}

fn convert(arguments: &[&str]) {
    let said = schism(&[&["convert"][..], arguments].concat());
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (0, "", ""),
        "{arguments:?}"
    );
}

#[test]
fn there_and_back_gives_the_same_bytes() {
    let scratch = Scratch::new();
    for (example, keyed) in [("quorum-broken", true), ("async-failover", false)] {
        let slow = ["--quiet", "--time", "20s", "--set", "load.rate=50"];
        let (_, folder) = scratch.run(example, &slow);
        let history = folder.join("history.jsonl");
        let history = history.to_str().unwrap();
        for kind in ["edn", "json"] {
            for keyed in [keyed, false] {
                let (there, back, again) = (
                    scratch.path(&format!("there.{kind}")),
                    scratch.path("back.jsonl"),
                    scratch.path(&format!("again.{kind}")),
                );
                let option = if keyed { &["--keyed"][..] } else { &[] };
                convert(&[&[history, there.as_str()][..], option].concat());
                convert(&[&[there.as_str(), &back][..], option].concat());
                convert(&[&[back.as_str(), &again][..], option].concat());
                assert!(
                    events(history) == events(&back),
                    "{example} by {kind}, keyed {keyed}"
                );
                assert!(fs::read(&there).unwrap() == fs::read(&again).unwrap());
            }
        }
        let copy = scratch.path("copy.jsonl");
        convert(&[history, &copy]);
        assert!(fs::read(history).unwrap() == fs::read(&copy).unwrap());
    }
}

#[test]
fn a_history_has_the_same_verdict_in_every_format() {
    let scratch = Scratch::new();
    for (example, code) in [("quorum-broken", 1), ("quorum-correct", 0)] {
        let (_, folder) = scratch.run(example, &["--quiet"]);
        let own = folder.join("history.jsonl").to_str().unwrap().to_owned();
        let (edn, json) = (scratch.path("h.edn"), scratch.path("h.json"));
        convert(&[&own, &edn]);
        convert(&[&own, &json]);
        let checked = [&own, &edn, &json].map(|file| {
            let said = schism(&["check", "--json", file]);
            assert_eq!(said.code, code, "{file}: {said:?}");
            said.json()["verdicts"].clone()
        });
        assert_eq!(checked[0], checked[1], "{example}");
        assert_eq!(checked[0], checked[2], "{example}");
    }
}

/// As Jepsen's register tests write it: the value is a pair of key and value.
const STALE: &str = "
{:process 0, :type :invoke, :f :write, :value [1 10], :index 0, :time 0}
{:process 0, :type :ok, :f :write, :value [1 10], :index 1, :time 1000000}
{:process 0, :type :invoke, :f :write, :value [1 11], :index 2, :time 2000000}
{:process 0, :type :ok, :f :write, :value [1 11], :index 3, :time 3000000}
{:process 1, :type :invoke, :f :read, :value [1 nil], :index 4, :time 4000000}
{:process 1, :type :ok, :f :read, :value [1 10], :index 5, :time 5000000}
";

#[test]
fn a_history_of_jepsen_is_judged_and_gets_a_report() {
    let scratch = Scratch::new();
    let file = scratch.write("history.edn", STALE.as_bytes());
    let report = scratch.path("report");
    let arguments = [
        "check",
        &file,
        "--keyed",
        "--checker",
        "linearizable",
        "--out",
        &report,
    ];
    let said = schism(&arguments);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("INVALID") && said.out.contains("read → 10"),
        "{said:?}"
    );
    for made in ["report.html", "verdict.json", "junit.xml"] {
        assert!(Path::new(&report).join(made).is_file(), "{made}");
    }
    let lines = STALE.trim().replace("{:process", "  {:process");
    let list = scratch.write("list.edn", format!("[{lines}]").as_bytes());
    assert_eq!(
        schism(&["check", &list, "--keyed", "--checker", "linearizable"]).code,
        1
    );
}

#[test]
fn what_is_no_history_is_refused_with_its_place() {
    let scratch = Scratch::new();
    let broken = STALE.replace(":value [1 11], :index 3", ":value [1 11, :index 3");
    for (name, text, parts) in [
        ("a.edn", broken.as_str(), &["a.edn: line 5"][..]),
        (
            "b.json",
            "[{\"process\": 0, \"type\": \"invoke\"",
            &["b.json: line 1"],
        ),
        ("c.edn", "hello", &["c.edn: line 1"]),
        ("d.txt", "", &["d.txt: line 1", "the file is empty"]),
    ] {
        let file = scratch.write(name, text.as_bytes());
        schism(&["check", &file]).refused(64, parts);
        let to = scratch.path("to.jsonl");
        schism(&["convert", &file, &to]).refused(64, parts);
        assert!(
            !Path::new(&to).exists(),
            "the file is there whole or not at all"
        );
    }
    let file = scratch.write("history.edn", STALE.as_bytes());
    schism(&["convert", &file, &scratch.path("to.txt")]).refused(64, &["to.txt", "--format"]);
    schism(&["convert", &scratch.path("no.edn"), &scratch.path("to.json")])
        .refused(64, &["no.edn"]);
    schism(&["convert", &file, &scratch.path("no/to.json")])
        .refused(74, &["no/to.json", "there is no folder"]);
}
