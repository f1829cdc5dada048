//! Plans that cannot be carried out: the cause, the place and the remedy, and nothing is done.

use super::*;

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let scratch = Scratch::new();
    let plan = scratch.write("plan.toml", text.as_bytes());
    let out = scratch.path("runs");
    for arguments in [
        &["plan", plan.as_str()][..],
        &["run", &plan, "--out", &out],
        &["doctor", &plan],
    ] {
        schism(arguments).refused(64, parts);
    }
    assert!(!Path::new(&out).exists(), "nothing was done");
}

const RIGHT: &str = "[target.sim]\nstore = \"kg-abd\"\nnodes = 3\n\n[workload]\nregister = {}\n";

#[test]
fn a_plan_that_is_right_is_taken() {
    let scratch = Scratch::new();
    let plan = scratch.write("plan.toml", RIGHT.as_bytes());
    assert_eq!(schism(&["plan", &plan]).code, 0);
}

#[test]
fn broken_toml_is_shown_at_its_place() {
    refused(
        &RIGHT.replace("nodes = 3", "nodes = "),
        &["plan.toml:3:", "nodes = "],
    );
    refused("[target.sim\nstore = \"kg-abd\"\n", &["plan.toml:1:"]);
    refused("\0", &["plan.toml:1:1"]);
}

#[test]
fn a_typo_is_shown_with_line_column_and_what_was_meant() {
    refused(
        &RIGHT.replace("register", "regster"),
        &[
            "plan.toml:6:1]",
            "regster = {}",
            "^^^^^^^",
            "did you mean `register`?",
        ],
    );
    refused(
        &RIGHT.replace("kg-abd", "kg-abc"),
        &["plan.toml:2:", "did you mean"],
    );
    refused(
        &format!("{RIGHT}[load]\nconcurency = 5\n"),
        &["plan.toml:8:1]", "did you mean `concurrency`?"],
    );
}

#[test]
fn an_unknown_database_is_named_with_those_that_there_are() {
    let plan =
        "[target]\nlab = { nodes = 3 }\n[database]\noracle = {}\n[workload]\nregister = {}\n";
    refused(plan, &["plan.toml:4:1]", "oracle", "etcd"]);
}

#[test]
fn nodes_must_be_some_and_different() {
    refused(&RIGHT.replace("nodes = 3", "nodes = 0"), &["plan.toml:3:"]);
    let ssh = |nodes: &str| {
        format!(
            "destructive = true\n[target.ssh]\nnodes = {nodes}\n[database]\netcd = {{}}\n[workload]\nregister = {{}}\n"
        )
    };
    refused(&ssh("[]"), &["plan.toml:3:"]);
    refused(
        &ssh("[\"a\", \"b\", \"a\"]"),
        &["plan.toml:3:", "is there already"],
    );
}

#[test]
fn every_mistake_is_shown_at_once() {
    let plan = RIGHT
        .replace("nodes = 3", "nodes = 0")
        .replace("kg-abd", "kg-abc");
    refused(
        &plan,
        &[
            "plan.toml:2:",
            "plan.toml:3:",
            "2 mistakes in the plan. Nothing was done.",
        ],
    );
}

#[test]
fn files_that_are_no_plans_are_named() {
    let scratch = Scratch::new();
    let nothing = scratch.path("nothing.toml");
    for command in ["plan", "run", "doctor", "heal"] {
        schism(&[command, &nothing]).refused(64, &[&nothing, "there is no such file", "help: "]);
        schism(&[command, &scratch.path("")]).refused(64, &["plan.toml", "help: "]);
    }
}

#[test]
fn overrides_are_checked_as_the_plan_is() {
    let plan = example("quorum-correct");
    let refused =
        |set: &str, parts: &[&str]| schism(&["plan", &plan, "--set", set]).refused(64, parts);
    refused("load.rte=5", &["command line", "did you mean `rate`?"]);
    refused("load.rate", &["command line"]);
    refused("target.sim.store=kg-abc", &["command line", "kg-abd"]);
    schism(&["run", &plan, "--time", "soon"]).refused(64, &["command line"]);
    schism(&["run", &plan, "--seed", "many"]).refused(64, &["command line"]);
}

#[test]
fn init_writes_plans_that_are_taken() {
    let scratch = Scratch::new();
    for kind in ["sim", "etcd", "ssh"] {
        let file = scratch.path(&format!("{kind}.toml"));
        let said = schism(&["init", kind, &file]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        let said = schism(&["plan", &file]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    }
    let (file, out) = (scratch.path("sim.toml"), scratch.path("runs"));
    let said = schism(&["run", &file, "--seed", "1", "--out", &out]);
    assert_eq!(said.code, 1, "the first plan somebody runs: {said:?}");
}

#[test]
fn the_schema_is_json_schema() {
    let said = schism(&["plan", "--schema"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let schema = said.json();
    assert!(
        schema["$schema"]
            .as_str()
            .unwrap()
            .contains("json-schema.org")
    );
    assert!(schema["properties"]["workload"].is_object());
}
