//! Tests of the report as a whole.

use std::sync::Arc;

use schism_checkers::{Anomaly, Confirmation, Picture, Step, Validity, Verdict};
use schism_history::{Event, F, Header, History, Kind, OpId, Process, Time, Value};

use super::testing::{Ending, run};
use super::{
    Conclusion, Files, Input, LogExcerpt, LogLine, RunFacts, junit, markdown, phrase, text,
};
use crate::exit_code::ExitCode;
use crate::gates::{Amount, GateResult, Level};
use crate::look::Look;

const EVIL: &str = "</script></style></svg><img src=x onerror=alert(1)>\"'`&\u{1b}[2J\u{0}\n|";

/// The plots among the files.
fn plots(files: &Files) -> impl Iterator<Item = (&str, &str)> {
    files
        .iter()
        .filter(|(name, _)| name.strip_suffix(".svg").is_some())
}

fn page(files: &Files) -> &str {
    files.get("report.html").unwrap()
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    for ending in [Ending::Invalid, Ending::Unknown] {
        let (one, other) = (run(ending, 2_000, 3), run(ending, 2_000, 3));
        assert!(Files::new(&one.input()) == Files::new(&other.input()));
    }
}

#[test]
fn all_files_are_there() {
    let run = run(Ending::Invalid, 2_000, 3);
    let files = Files::new(&run.input());
    let names: Vec<&str> = files.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "report.html",
            "verdict.json",
            "junit.xml",
            "plots/faults.svg",
            "plots/latency.svg",
            "plots/quantiles.svg",
            "plots/rate.svg",
            "plots/availability.svg"
        ]
    );
}

#[test]
fn the_verdict_and_its_reason_come_first() {
    for (ending, title) in [
        (Ending::Invalid, "Invalid: a promise was broken"),
        (Ending::Valid, "Valid: every checked promise was kept"),
        (Ending::GateMissed, "Valid, but a gate was missed"),
        (
            Ending::Unknown,
            "Unknown: this run proves nothing either way",
        ),
    ] {
        let run = run(ending, 2_000, 3);
        let files = Files::new(&run.input());
        let html = page(&files);
        let main = html.find("<main").unwrap();
        let heading = main + html[main..].find("<h1").unwrap();
        assert!(html[heading..].starts_with(&format!("<h1 id=\"verdict\">{title}</h1>")));
        assert!(heading < main + html[main..].find("<h2").unwrap());
        let reason = &run.conclusion.reason;
        assert!(html[heading..heading + 600].contains(phrase::sentence(reason).as_str()));
    }
}

#[test]
fn an_anomaly_is_told_drawn_and_explained() {
    let run = run(Ending::Invalid, 2_000, 3);
    let files = Files::new(&run.input());
    let html = page(&files);
    for anomaly in &run.verdicts[0].anomalies {
        assert!(html.contains(&anomaly.sentence));
        for step in &anomaly.steps {
            assert!(html.contains(&step.text));
        }
    }
    let drawn = run.verdicts[0].anomalies.len() * 2;
    assert_eq!(html.matches("<svg class=\"intervals").count(), drawn);
    let hidden = 7 - run.verdicts[0].anomalies.len();
    assert!(html.contains(&format!("{hidden} more anomalies found")));
}

#[test]
fn a_page_asks_for_nothing_from_outside() {
    let run = run(Ending::Invalid, 2_000, 3);
    let files = Files::new(&run.input());
    let html = page(&files).replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http://", "https://", "src=", "<link", "<iframe", "@import", "url(/", "<object",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"));
    for handler in [
        "onclick=\"",
        "onload=\"",
        "onerror=\"",
        "javascript:",
        " style=\"",
    ] {
        assert!(!html.contains(handler), "the policy forbids {handler}");
    }
}

#[test]
fn a_hundred_thousand_operations_stay_below_five_megabytes() {
    let run = run(Ending::Invalid, 115_000, 3);
    assert!(run.history.len() > 100_000, "{}", run.history.len());
    let files = Files::new(&run.input());
    for (name, text) in files.iter() {
        assert!(text.len() < 5_000_000, "{name}: {} bytes", text.len());
    }
    assert!(page(&files).contains("This page has 100,000 of"));
}

/// Lists that grow: each read has a value of its own, and a long one.
#[test]
fn long_values_do_not_make_the_page_long() {
    let mut builder = History::builder();
    let mut list: Vec<Value> = Vec::new();
    for i in 0..4_000_u32 {
        let at = |offset: u64| Time::from_micros(u64::from(i) * 100 + offset);
        list.push(Value::from(1_000_000 + i));
        let process = Process::client(0);
        builder
            .push(Event::new(at(0), process, Kind::Invoke, F::Read).key("x"))
            .unwrap();
        builder
            .push(
                Event::new(at(50), process, Kind::Ok, F::Read)
                    .key("x")
                    .value(Value::list(list.iter().skip(list.len() / 2).cloned())),
            )
            .unwrap();
    }
    let run = run(Ending::Valid, 100, 3);
    let history = builder.finish();
    let input = Input {
        history: &history,
        ..run.input()
    };
    let files = Files::new(&input);
    assert!(page(&files).len() < 1_500_000, "{}", page(&files).len());
}

/// A run in which every text is hostile.
fn evil_history() -> History {
    let evil = || Value::from(EVIL);
    let node: Arc<str> = Arc::from(EVIL);
    let mut builder = schism_history::Builder::new(Header {
        name: EVIL.to_owned(),
        nodes: vec![Arc::clone(&node)],
        concurrency: 2,
    });
    let event = |millis, process, kind, f: F| {
        Event::new(Time::from_millis(millis), Process::client(process), kind, f)
            .key(EVIL)
            .value(EVIL)
            .node(Arc::clone(&node))
    };
    let other = || F::Other(Arc::from(EVIL));
    builder.push(event(1, 0, Kind::Invoke, F::Write)).unwrap();
    builder.push(event(2, 1, Kind::Invoke, other())).unwrap();
    builder.push(event(3, 0, Kind::Ok, F::Write)).unwrap();
    builder
        .push(event(4, 1, Kind::Fail, other()).error(EVIL))
        .unwrap();
    let fault = Value::map([
        ("fault", Value::from(0)),
        ("name", evil()),
        ("label", evil()),
        ("nodes", Value::list([EVIL])),
        ("outcome", "installed".into()),
        ("evidence", Value::map([(EVIL, evil())])),
    ]);
    for _ in 0..2 {
        builder
            .push(
                Event::new(
                    Time::from_millis(5),
                    Process::NEMESIS,
                    Kind::Info,
                    F::Inject,
                )
                .value(fault.clone()),
            )
            .unwrap();
    }
    builder.finish()
}

fn with_evil_input<T>(test: impl FnOnce(&Input<'_>) -> T) -> T {
    let history = evil_history();
    let evil = || EVIL.to_owned();
    let mut verdict = Verdict::invalid(
        "linearizable",
        EVIL,
        vec![Anomaly {
            name: "stale-read",
            sentence: evil(),
            key: Value::from(EVIL),
            operations: vec![OpId(0), OpId(1)],
            steps: vec![Step {
                operation: Some(OpId(1)),
                text: evil(),
            }],
            confirmation: Confirmation {
                by: "search",
                agrees: true,
            },
            picture: Picture::default(),
        }],
    )
    .figures(Value::map([(EVIL, Value::from(EVIL))]));
    verdict.disagreement = Some(evil());
    let verdicts = [verdict, Verdict::new("stats", Validity::Unknown, EVIL)];
    let conclusion = Conclusion {
        validity: Validity::Invalid,
        exit: ExitCode::Anomaly,
        reason: evil(),
    };
    let gates = [GateResult {
        name: evil(),
        measured: None,
        warning: None,
        critical: Some(Amount::Share(0.5)),
        level: Level::NotMeasured,
        reason: Some(evil()),
    }];
    let facts = RunFacts {
        name: evil(),
        started: evil(),
        target: evil(),
        seed: 1,
        command: evil(),
        plan: evil(),
        versions: vec![(evil(), evil())],
        environment: vec![(evil(), evil())],
    };
    let logs = [LogExcerpt {
        node: evil(),
        lines: vec![LogLine {
            time: Some(Time::from_millis(3)),
            text: evil(),
        }],
        note: Some(evil()),
    }];
    test(&Input {
        history: &history,
        verdicts: &verdicts,
        conclusion: &conclusion,
        gates: &gates,
        run: &facts,
        logs: &logs,
        torn: Some(EVIL),
    })
}

#[test]
fn hostile_text_is_inert_in_every_file() {
    with_evil_input(|input| {
        let files = Files::new(input);
        for (name, text) in files.iter() {
            if matches!(name, "verdict.json" | "disagreement.json") {
                serde_json::from_str::<serde_json::Value>(text).unwrap();
                continue;
            }
            assert!(!text.contains("<img"), "{name}");
            assert!(!text.contains('\u{1b}'), "{name}: a terminal's escape");
            assert!(!text.contains('\u{0}'), "{name}");
        }
        let html = page(&files);
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script").count(), 2);
        assert_eq!(html.matches("</style").count(), 1);
        for (name, svg) in plots(&files) {
            assert_balanced(name, svg);
        }
        assert_balanced("junit.xml", files.get("junit.xml").unwrap());
        let summary = text::summary(input, Look::PLAIN, Some(EVIL));
        assert!(!summary.contains(['\u{1b}', '\u{0}']), "{summary:?}");
        let summary = markdown::summary(input);
        assert!(!summary.contains('\u{1b}'));
        let (summary, code) = summary.split_once("\n```").unwrap();
        assert!(!summary.contains("<img"), "only the command's code has it");
        assert_eq!(code.matches("```").count(), 1, "which nothing ends early");
        let table_rows = summary.lines().filter(|line| line.starts_with("| "));
        for row in table_rows {
            let bars = row.replace("\\|", "").matches('|').count();
            assert!(bars == 4 || bars == 7 || bars == 6, "{row}");
        }
    });
}

/// Every element that is opened is closed, in order.
fn assert_balanced(name: &str, xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, _) = tag
            .split_once('>')
            .unwrap_or_else(|| panic!("{name}: <{tag}"));
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{name}");
        } else {
            open.push(tag.split(' ').next().unwrap_or_default());
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
}

#[test]
fn plots_are_well_formed() {
    let run = run(Ending::Unknown, 8_000, 3);
    let files = Files::new(&run.input());
    for (name, svg) in plots(&files) {
        assert_balanced(name, svg);
        assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(svg.contains("<title>") && !svg.contains("NaN") && !svg.contains("inf "));
    }
}

#[test]
fn an_empty_run_says_that_nothing_ran() {
    let history = History::builder().finish();
    let conclusion = Conclusion {
        validity: Validity::Unknown,
        exit: ExitCode::Environment,
        reason: "n1 refused the connection.".to_owned(),
    };
    let facts = RunFacts::default();
    let input = Input {
        history: &history,
        verdicts: &[],
        conclusion: &conclusion,
        gates: &[],
        run: &facts,
        logs: &[],
        torn: None,
    };
    let files = Files::new(&input);
    let html = page(&files);
    assert!(html.contains("Unknown: environment: a node or the database cannot be used"));
    assert!(html.contains("No client invoked anything"));
    assert!(html.contains("No checker ran"));
    let summary = text::summary(&input, Look::PLAIN, None);
    assert!(summary.starts_with("UNKNOWN"), "{summary}");
    assert!(summary.contains("nothing ran") && summary.contains("none ran"));
    assert!(
        junit::xml(&input).contains("<error"),
        "an empty suite would be green"
    );
}

#[test]
fn an_anomaly_of_another_history_is_left_out() {
    let run = run(Ending::Invalid, 2_000, 3);
    let history = schism_history::testing::history("0 |w x 1|");
    let input = Input {
        history: &history,
        ..run.input()
    };
    let files = Files::new(&input);
    assert!(!page(&files).contains("class=\"card anomaly-card\""));
}

/// A history of `n` operations, `apart` nanoseconds from each other, with this many nodes, functions and workers.
fn odd(n: u64, apart: u64, nodes: u64, functions: u64, workers: u64) -> History {
    let mut ends: Vec<Event> = Vec::new();
    for i in 0..n {
        let f = F::Other(Arc::from(format!("f{}", i % functions)));
        let event = |at, kind| {
            let process = Process::client((i % workers) as u32);
            Event::new(Time::from_nanos(at), process, kind, f.clone())
                .key((i % 7) as i64)
                .value(i)
                .node(format!("node-with-a-long-name-{}", i % nodes))
        };
        ends.push(event(i * apart, Kind::Invoke));
        if i + workers < n {
            ends.push(event((i + workers) * apart - apart / 2, Kind::Ok));
        }
    }
    ends.sort_by_key(|event| event.time);
    History::from_events(Header::default(), ends).unwrap()
}

#[test]
fn odd_runs_make_sound_pages() {
    let run = run(Ending::Valid, 100, 3);
    for (name, history) in [
        ("one operation", odd(1, 1_000, 1, 1, 1)),
        ("all at one moment", odd(3, 0, 1, 1, 3)),
        ("five microseconds", odd(500, 10, 3, 2, 4)),
        ("three hours", odd(2_000, 5_400_000_000, 3, 2, 4)),
        ("many of everything", odd(3_000, 1_000_000, 300, 60, 200)),
    ] {
        let input = Input {
            history: &history,
            ..run.input()
        };
        let files = Files::new(&input);
        assert!(page(&files).len() < 2_000_000, "{name}");
        for (file, text) in files.iter() {
            let nonsense = text
                .split(|c: char| !c.is_ascii_alphanumeric())
                .find(|word| ["NaN", "inf", "Minf", "Linf", "Hinf"].contains(word));
            assert_eq!(nonsense, None, "{name}, {file}");
            assert!(
                !text.contains(",null") && !text.contains("[null"),
                "{name}, {file}"
            );
        }
    }
}

/// A run whose anomalies are cycles and sessions, and whose checkers speak about levels.
#[test]
fn proofs_are_drawn_for_every_reader() {
    let run = super::testing::proofs();
    let input = run.input();
    let files = Files::new(&input);
    let html = page(&files);
    assert_eq!(html.matches("<svg class=\"cycle wide\"").count(), 4);
    assert_eq!(html.matches("<svg class=\"cycle narrow\"").count(), 4);
    assert_eq!(html.matches("<svg class=\"strip").count(), 2);
    assert_eq!(html.matches("<svg class=\"lattice\"").count(), 1);
    assert_eq!(html.matches("Why each comes before the next").count(), 4);
    assert!(html.contains("does not give"), "the levels in a sentence");
    for drawing in html.split("<svg class=\"cycle").skip(1) {
        let drawing = &drawing[..drawing.find("</svg>").unwrap()];
        assert_balanced("a cycle", &format!("<svg class=\"cycle{drawing}</svg>"));
    }
    let summary = text::summary(&input, Look::PLAIN, None);
    assert!(
        summary.contains("1 --wr x--> 2  because #1 says so"),
        "{summary}"
    );
    let file: serde_json::Value = serde_json::from_str(&super::witness::json(&input)).unwrap();
    assert_eq!(
        file["anomaly"]["picture"]["cycle"][0]["kind"], "wr",
        "{file}"
    );
}
