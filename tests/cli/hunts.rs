//! Violations are hunted, carried out again, and kept as tests.

use super::*;

/// Short enough for many seeds; some of them show it.
const SHORT: [&str; 4] = ["--time", "5s", "--set", "load.rate=300"];

fn hunt(scratch: &Scratch, name: &str, arguments: &[&str]) -> Said {
    let (plan, out) = (example(name), scratch.path("runs"));
    let start = ["hunt", &plan, "--quiet", "--out", &out];
    schism(&[&start[..], &SHORT, arguments].concat())
}

/// What was found, but for where the runs are kept.
fn found(said: &Said) -> Json {
    let mut json = said.json();
    for cause in json["causes"].as_array_mut().unwrap() {
        assert!(cause.as_object_mut().unwrap().remove("run").is_some());
    }
    json
}

#[test]
fn a_hunt_finds_what_is_broken_and_says_the_same_on_any_number_of_threads() {
    let scratch = Scratch::new();
    for arguments in [&["--seeds", "1..40"][..], &["--seeds", "1..16", "--all"]] {
        let [one, three] = ["1", "3"].map(|jobs| {
            let jobs = ["--json", "--jobs", jobs];
            let said = hunt(&scratch, "quorum-broken", &[arguments, &jobs].concat());
            assert_eq!(said.code, 1, "{said:?}");
            found(&said)
        });
        assert_eq!(one, three);
        assert!(one["causes"][0]["sentence"].is_string(), "{one}");
        assert_eq!(one["coverage"][0]["fault"], "partition", "{one}");
    }
}

#[test]
fn a_clean_hunt_says_how_rare_a_violation_must_be() {
    let scratch = Scratch::new();
    let said = hunt(&scratch, "quorum-correct", &["--seeds", "5..9"]);
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "5 seeds",
        "5 valid, 0 invalid, 0 unknown",
        "at most 45.07 % of the seeds",
        "partition",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    hunt(&scratch, "quorum-correct", &["--seeds", "9..5"]).refused(64, &["9..5", "1..1000"]);
}

#[test]
fn a_run_is_carried_out_again_byte_for_byte() {
    let scratch = Scratch::new();
    let (ran, folder) = scratch.run("quorum-broken", &["--quiet"]);
    let out = scratch.path("again");
    let replay = |path: &str| schism(&["replay", path, "--quiet", "--out", &out]);
    let path = folder.to_str().unwrap();
    let said = replay(path);
    assert_eq!(said.code, ran.code, "{said:?}");
    assert!(
        said.err.contains("the same history, byte for byte"),
        "{said:?}"
    );
    let history = folder.join("history.jsonl");
    let again = fs::canonicalize(Path::new(&out).join("latest/history.jsonl")).unwrap();
    assert!(fs::read(&history).unwrap() == fs::read(again).unwrap());
    // One that is another one is told, with the line.
    let text = fs::read_to_string(&history).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&history, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    let said = replay(path);
    let line = format!("another one from line {} on", lines.len());
    assert!(said.err.contains(&line), "{said:?}");
    assert_eq!(said.code, 1, "the anomaly beats what is our bug: {said:?}");
    let (_, folder) = scratch.run("quorum-correct", &["--quiet"]);
    let history = folder.join("history.jsonl");
    fs::write(
        &history,
        fs::read_to_string(&history)
            .unwrap()
            .replace("\"time\":1", "\"time\":2"),
    )
    .unwrap();
    assert_eq!(replay(folder.to_str().unwrap()).code, 70);
    let plan = scratch.write(
        "plan.toml",
        b"target = { sim = { store = \"kg-abd\" } }\nworkload = { register = {} }\n",
    );
    replay(&plan).refused(64, &["plan.toml", "names no seed", "seed = 1"]);
}

#[test]
fn a_kept_run_is_a_test() {
    let scratch = Scratch::new();
    let cases = scratch.path("cases");
    let junit = scratch.path("junit.xml");
    let test =
        |arguments: &[&str]| schism(&[&["test", &cases, "--junit", &junit], arguments].concat());
    fs::create_dir(&cases).unwrap();
    test(&[]).refused(2, &["no cases"]);
    for (name, expected) in [("quorum-broken", "invalid"), ("quorum-correct", "valid")] {
        let (_, folder) = scratch.run(name, &["--quiet"]);
        let said = schism(&["keep", folder.to_str().unwrap(), "--to", &cases]);
        assert_eq!(said.code, 0, "{said:?}");
        let kept = fs::read_to_string(Path::new(said.out.trim()).join("case.toml")).unwrap();
        assert!(
            kept.contains(&format!("expected = \"{expected}\"")),
            "{kept}"
        );
        let again = schism(&["keep", folder.to_str().unwrap(), "--to", &cases]);
        again.refused(64, &["there is a case of this name", "--name"]);
    }
    let said = test(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with("2 cases: 2 as expected\n"), "{said:?}");
    // The database is said to be repaired, and is not.
    let file = Path::new(&cases).join("quorum-broken-1/case.toml");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, "version = 1\nexpected = \"valid\"\n").unwrap();
    let said = test(&[]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out
            .contains("NOT OK  quorum-broken-1: expected valid, and it is invalid"),
        "{said:?}"
    );
    assert!(
        fs::read_to_string(&junit)
            .unwrap()
            .contains("failures=\"1\"")
    );
    // It fails for another reason than the one that was kept.
    fs::write(
        &file,
        whole.replace("anomalies = [", "anomalies = [\"bank wrong-total\", "),
    )
    .unwrap();
    let said = test(&[]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("without bank wrong-total"), "{said:?}");
    // What was broken is expected of what is not.
    let file = Path::new(&cases).join("quorum-correct-1/case.toml");
    fs::write(&file, "version = 1\nexpected = \"invalid\"\n").unwrap();
    let only = Path::new(&cases).join("quorum-correct-1");
    assert_eq!(schism(&["test", only.to_str().unwrap()]).code, 3);
}
