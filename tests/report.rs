//! The report's files, on disk.

use std::fs;
use std::path::Path;

use schism::report::testing::{Ending, run};
use schism::report::{Files, markdown, text};

#[test]
fn files_are_written_and_replaced() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-files-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for ending in [Ending::Valid, Ending::Unknown] {
        let run = run(ending, 500, 7);
        let files = Files::new(&run.input());
        files.write(&folder).unwrap();
        let mut written: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        written.sort();
        let mut named: Vec<_> = files.iter().map(|(name, _)| name.to_owned()).collect();
        named.sort();
        assert_eq!(written, named, "and nothing half-written");
        for (name, text) in files.iter() {
            assert!(
                fs::read_to_string(folder.join(name)).unwrap() == text,
                "{name}"
            );
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-folder");
    let run = run(Ending::Valid, 500, 7);
    let error = Files::new(&run.input()).write(&folder).unwrap_err();
    assert!(
        error.to_string().contains("no-such-folder/report.html"),
        "{error}"
    );
}

#[test]
#[ignore = "writes sample reports below target/tmp/samples for a person to look at"]
fn write_samples() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples");
    for (name, ending, operations) in [
        ("invalid", Ending::Invalid, 20_000),
        ("valid", Ending::Valid, 3_000),
        ("unknown", Ending::Unknown, 20_000),
        ("gate-missed", Ending::GateMissed, 100_000),
    ] {
        let run = run(ending, operations, 7);
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        let input = run.input();
        let summary = text::summary(
            &input,
            text::Look::default(),
            Some("runs/latest/report.html"),
        );
        fs::write(folder.join("summary.txt"), summary).unwrap();
        fs::write(folder.join("summary.md"), markdown::summary(&input)).unwrap();
        Files::new(&input).write(&folder).unwrap();
    }
}
