//! Run folders and histories that are not as the program left them.

use super::*;

/// A finished run of which each test spoils something.
fn finished(scratch: &Scratch) -> PathBuf {
    let (said, folder) = scratch.run("quorum-correct", &["--quiet"]);
    assert_eq!(said.code, 0, "{said:?}");
    folder
}

fn lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("history.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn store(folder: &Path, lines: &[String]) {
    fs::write(folder.join("history.jsonl"), lines.join("\n") + "\n").unwrap();
}

/// What `check` and `report` say of the folder, and `check` of the history alone.
#[track_caller]
fn refused(folder: &Path, parts: &[&str]) {
    let path = folder.to_str().unwrap();
    schism(&["check", path]).refused(64, parts);
    schism(&["report", path]).refused(64, parts);
    let history = folder.join("history.jsonl");
    schism(&["check", history.to_str().unwrap()]).refused(64, parts);
}

#[test]
fn a_torn_last_line_is_tolerated_and_told() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let history = folder.join("history.jsonl");
    let whole = fs::read(&history).unwrap();
    fs::write(&history, &whole[..whole.len() - 9]).unwrap();
    let last = lines(&folder).len();
    let told = format!("the history ends in the middle of line {last}");
    for path in [&folder, &history] {
        let said = schism(&["check", path.to_str().unwrap()]);
        assert!(said.code == 0 || said.code == 2, "{said:?}");
        let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.contains(&told), "{told}: {said:?}");
    }
    let json = schism(&["check", "--json", folder.to_str().unwrap()]).json();
    assert!(json["torn"].as_str().unwrap().contains(&told));
    let (from, to) = (history.to_str().unwrap(), scratch.path("whole.jsonl"));
    let said = schism(&["convert", from, &to]);
    assert_eq!(said.code, 0);
    assert!(said.err.contains(&format!("line {last}")), "{said:?}");
    assert_eq!(fs::read_to_string(&to).unwrap().lines().count(), last - 1);
}

#[test]
fn a_run_that_was_killed_is_never_valid() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let mut facts: Json =
        serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap();
    facts.as_object_mut().unwrap().remove("ended").unwrap();
    fs::write(folder.join("run.json"), facts.to_string()).unwrap();
    let said = schism(&["check", folder.to_str().unwrap()]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.out.contains("killed in the middle of the run"),
        "{said:?}"
    );
}

#[test]
fn damage_in_the_middle_is_named_with_its_line() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let whole = lines(&folder);
    let damaged = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        store(&folder, &lines);
    };
    damaged(&|lines| lines[100] = lines[100][..20].to_owned());
    refused(&folder, &["history.jsonl: line 101"]);
    damaged(&|lines| lines[100] = "\u{0}".repeat(80));
    refused(&folder, &["history.jsonl: line 101"]);
    damaged(&|lines| lines[100] = lines[100].replacen('{', "{\"more\":1,", 1));
    refused(&folder, &["history.jsonl: line 101", "more"]);
    damaged(&|lines| drop(lines.remove(50)));
    refused(&folder, &["history.jsonl: line 51"]);
    damaged(&|lines| lines.swap(100, 101));
    refused(&folder, &["history.jsonl: line 101"]);
    damaged(&|lines| lines[0] = lines[0].replace("\"version\":1", "\"version\":99"));
    refused(&folder, &["history.jsonl: line 1", "99"]);
    fs::write(
        folder.join("history.jsonl"),
        [&b"\xff\xfe"[..]; 40].concat(),
    )
    .unwrap();
    refused(&folder, &["history.jsonl: line 1"]);
}

#[test]
fn an_empty_history_is_refused_and_one_without_operations_proves_nothing() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let header = lines(&folder).remove(0);
    fs::write(folder.join("history.jsonl"), "").unwrap();
    refused(&folder, &["history.jsonl: line 1", "the file is empty"]);
    store(&folder, &[header]);
    for path in [folder.clone(), folder.join("history.jsonl")] {
        let said = schism(&["check", path.to_str().unwrap()]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.out.starts_with("UNKNOWN"), "{said:?}");
    }
}

#[test]
fn folders_that_lack_something_say_what() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let path = folder.to_str().unwrap();
    for missing in ["history.jsonl", "run.json", "plan.toml"] {
        let text = fs::read(folder.join(missing)).unwrap();
        fs::remove_file(folder.join(missing)).unwrap();
        let has_no = format!("this is no run folder: it has no {missing}");
        for command in ["check", "report"] {
            schism(&[command, path]).refused(64, &[path, &has_no]);
        }
        fs::write(folder.join(missing), text).unwrap();
    }
    for command in ["check", "report"] {
        schism(&[command, &scratch.path("nothing")]).refused(64, &["nothing: there is no such"]);
    }
}

#[test]
fn a_spoiled_plan_or_fact_is_shown_at_its_place() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let path = folder.to_str().unwrap();
    let plan = fs::read_to_string(folder.join("plan.toml")).unwrap();
    fs::write(folder.join("plan.toml"), format!("sed = 1\n{plan}")).unwrap();
    for command in ["check", "report"] {
        let parts = [
            "the recorded plan cannot be read",
            "plan.toml:1:1]",
            "did you mean `seed`?",
        ];
        schism(&[command, path]).refused(64, &parts);
    }
    fs::write(folder.join("plan.toml"), plan).unwrap();
    let facts = fs::read_to_string(folder.join("run.json")).unwrap();
    fs::write(folder.join("run.json"), "{\n\"seed\": x}").unwrap();
    schism(&["check", path]).refused(64, &["run.json: ", "line 2 column"]);
    fs::write(
        folder.join("run.json"),
        facts.replace("\"version\": 1", "\"version\": 99"),
    )
    .unwrap();
    schism(&["check", path]).refused(64, &["run.json: it has version 99"]);
}

#[test]
fn options_of_files_are_refused_for_folders() {
    let scratch = Scratch::new();
    let folder = finished(&scratch);
    let path = folder.to_str().unwrap();
    for options in [&["--checker", "stats"][..], &["--keyed"], &["--out", "x"]] {
        let said = schism(&[&["check", path][..], options].concat());
        said.refused(64, &[options[0], "history.jsonl"]);
    }
}
