//! The same history is a violation or none, by what the checkers are told that the database promises.

use super::*;

/// The second comes out of the queue before the first.
const OVERTAKEN: &str = r#"{"schism":"history","version":1}
{"time":0,"process":0,"type":"invoke","f":"enqueue","key":"q","value":1}
{"time":1,"process":0,"type":"ok","f":"enqueue","key":"q","value":1}
{"time":2,"process":0,"type":"invoke","f":"enqueue","key":"q","value":2}
{"time":3,"process":0,"type":"ok","f":"enqueue","key":"q","value":2}
{"time":4,"process":1,"type":"invoke","f":"dequeue","key":"q"}
{"time":5,"process":1,"type":"ok","f":"dequeue","key":"q","value":2}
{"time":6,"process":1,"type":"invoke","f":"dequeue","key":"q"}
{"time":7,"process":1,"type":"ok","f":"dequeue","key":"q","value":1}
"#;

#[test]
fn a_run_is_judged_by_what_its_plan_tells() {
    let scratch = Scratch::new();
    let (said, folder) = scratch.run("quorum-correct", &["--quiet", "--set", "faults=[]"]);
    assert_eq!(said.code, 0, "{said:?}");
    fs::write(folder.join("history.jsonl"), OVERTAKEN).unwrap();
    let plan = fs::read_to_string(folder.join("plan.toml")).unwrap();
    let begin = plan.find("use = [").unwrap();
    let end = begin + plan[begin..].find(']').unwrap() + 1;
    for (told, code) in [
        ("", 0),
        ("[checkers.queue]\nfifo = true\n", 1),
        ("[checkers.queue]\nat_least_once = true\n", 0),
    ] {
        let changed = format!(
            "{}use = [\"queue\"]{}\n{told}",
            &plan[..begin],
            &plan[end..]
        );
        fs::write(folder.join("plan.toml"), changed).unwrap();
        let said = schism(&["check", folder.to_str().unwrap()]);
        assert_eq!(said.code, code, "{told}: {said:?}");
    }
}

#[test]
fn a_history_is_judged_by_what_the_command_line_tells() {
    let scratch = Scratch::new();
    let file = scratch.write("h.jsonl", OVERTAKEN.as_bytes());
    let check = |told: &[&str]| schism(&[&["check", &file, "--checker", "queue"], told].concat());
    assert_eq!(check(&[]).code, 0);
    assert_eq!(check(&["--tell", "queue.fifo=true"]).code, 1);
    let both = [
        "--tell",
        "queue.at_least_once=true",
        "--tell",
        "queue.fifo=true",
    ];
    assert_eq!(check(&both).code, 1);
    check(&[
        "--tell",
        "queue.at_least_once=true",
        "--tell",
        "queue.fivo=true",
    ])
    .refused(
        64,
        &[
            "--tell queue.fivo=true",
            "unknown field `fivo`",
            "schism list",
        ],
    );
    check(&["--tell", "fifo"]).refused(64, &["--tell fifo", "bank.negative=true"]);
}
