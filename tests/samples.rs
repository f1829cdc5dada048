//! Reports of made-up runs, for people to look at.

use std::fs;
use std::path::Path;

use schism::report::testing::{Ending, run};
use schism::report::{Files, markdown, text};

#[test]
#[ignore = "writes sample reports below target/tmp/samples for a person to look at"]
fn write_samples() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples");
    for (name, ending, operations) in [
        ("invalid", Ending::Invalid, 20_000),
        ("valid", Ending::Valid, 3_000),
        ("unknown", Ending::Unknown, 20_000),
        ("gate", Ending::GateMissed, 100_000),
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
        for (file, text) in Files::new(&run.input()).iter() {
            fs::write(folder.join(file), text).unwrap();
        }
    }
}
