//! What programs and jobs read: JSON, the page of a GitHub job, its annotations.

use super::*;

#[test]
fn json_is_all_that_stands_on_standard_output() {
    let scratch = Scratch::new();
    let (said, folder) = scratch.run("quorum-broken", &["--json"]);
    assert_eq!(said.code, 1);
    let json = said.json();
    assert_eq!(
        (&json["schism"], &json["version"]),
        (&"verdict".into(), &1.into())
    );
    assert_eq!(
        (&json["validity"], &json["exit_code"]),
        (&"invalid".into(), &1.into())
    );
    assert_eq!(json["run"]["seed"], 1);
    assert!(
        said.err.contains("quorum-broken: seed 1"),
        "progress is told elsewhere: {said:?}"
    );
    assert_eq!(
        said.out,
        fs::read_to_string(folder.join("verdict.json")).unwrap()
    );
    let checked = schism(&["check", "--json", folder.to_str().unwrap()]);
    assert_eq!((checked.code, &checked.out), (1, &said.out));

    let history = folder.join("history.jsonl");
    let alone = schism(&["check", "--json", history.to_str().unwrap()]);
    assert_eq!((alone.code, alone.err.as_str()), (1, ""));
    assert_eq!(alone.json()["validity"], "invalid");
}

/// A run inside what looks like a job of GitHub.
fn job(scratch: &Scratch, name: &str, page: &str) -> Said {
    let (plan, out) = (example(name), scratch.path("runs"));
    let mut job = command(&[
        "run", &plan, "--time", "5s", "--seed", "1", "--quiet", "--out", &out,
    ]);
    job.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", page);
    Said::of(job.output().unwrap())
}

#[test]
fn a_job_of_github_gets_its_summary_and_its_annotation() {
    let scratch = Scratch::new();
    let page = scratch.write("summary.md", b"before\n");
    let said = job(&scratch, "quorum-broken", &page);
    assert_eq!(said.code, 1);
    let annotations: Vec<&str> = said
        .err
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert!(
        matches!(annotations[..], [one] if one.starts_with("::error title=")),
        "{said:?}"
    );
    let said = job(&scratch, "quorum-correct", &page);
    assert_eq!(
        (said.code, said.err.as_str()),
        (0, ""),
        "nothing to annotate"
    );
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("before\n"), "appended: {text}");
    let (broken, correct) = (text.find("quorum-broken"), text.find("quorum-correct"));
    assert!(broken.is_some() && broken < correct, "{text}");
}

#[test]
fn a_page_that_cannot_be_written_changes_no_verdict() {
    let scratch = Scratch::new();
    let said = job(&scratch, "quorum-correct", &scratch.path("no/summary.md"));
    assert_eq!(said.code, 0);
    assert!(
        said.err.contains("warning: the summary for GitHub"),
        "{said:?}"
    );
}

#[test]
fn outside_a_job_nothing_is_annotated() {
    let scratch = Scratch::new();
    let (said, _) = scratch.run("quorum-broken", &["--quiet"]);
    assert_eq!(said.err, "");
}
