//! One exit code for each ending, through the program.

use schism::exit_code::ExitCode;

use super::*;

#[test]
fn a_verdict_is_the_exit_code() {
    let gate = ["--set", "gates.availability.critical=99.9999%"];
    for (code, headline, name, arguments) in [
        (0, "VALID  ", "quorum-correct", &[][..]),
        (1, "INVALID  ", "quorum-broken", &[]),
        // A proved anomaly outweighs a gate that was missed.
        (1, "INVALID  ", "quorum-broken", &gate),
        (
            2,
            "UNKNOWN  ",
            "quorum-correct",
            &["--set", "checks.minimum_ok=9999999"],
        ),
        (3, "VALID", "quorum-correct", &gate),
    ] {
        let scratch = Scratch::new();
        let (said, folder) = scratch.run(name, &[&["--quiet"], arguments].concat());
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.out.starts_with(headline), "{said:?}");
        assert!(
            said.out
                .contains(folder.file_name().unwrap().to_str().unwrap())
        );
        assert_eq!(said.err, "", "quiet: {said:?}");
    }
}

#[test]
fn the_demo_ends_as_announced() {
    let scratch = Scratch::new();
    let out = scratch.path("runs");
    for (arguments, code, parts) in [
        (
            &[][..],
            0,
            &[
                "VALID  quorum-correct",
                "INVALID  quorum-broken",
                "Both verdicts are as announced",
            ][..],
        ),
        (
            &["--broken"],
            1,
            &["INVALID  quorum-broken", "What that means:"],
        ),
        (&["--correct"], 0, &["VALID  quorum-correct"]),
    ] {
        let said = schism(&[&["demo", "--out", &out][..], arguments].concat());
        assert_eq!(said.code, code, "{said:?}");
        for part in parts {
            assert!(said.out.contains(part), "{part}: {said:?}");
        }
        let report = said
            .out
            .lines()
            .find_map(|line| line.trim().strip_prefix("report "));
        assert!(Path::new(report.unwrap().trim()).is_file(), "{said:?}");
    }
    schism(&["demo", "--broken", "--correct"]).refused(64, &["--broken", "--correct"]);
}

#[test]
fn wrong_command_lines_are_64_whatever_clap_says() {
    for wrong in [
        &[][..],
        &["nothing"],
        &["run"],
        &["run", "--nothing"],
        &["check"],
        &["check", "a", "b"],
        &["check", "--checker", "nothing", "x"],
        &["convert", "x"],
        &["demo", "--seed", "-1"],
        &["demo", "--seed", "many"],
        &["lab"],
        &["lab", "up"],
        &["list", "more"],
        &["help", "nothing"],
    ] {
        let said = schism(wrong);
        said.refused(64, &[]);
        assert!(!said.err.is_empty(), "{wrong:?}");
    }
    schism(&["runn"]).refused(64, &["similar", "'run'"]);
}

#[test]
fn help_lists_every_exit_code() {
    let said = schism(&["--help"]);
    assert_eq!(said.code, 0);
    let (_, list) = said.out.split_once("Exit codes:\n").unwrap();
    for code in ExitCode::BY_PRECEDENCE {
        let line = format!("  {:<4} {}", code.code(), code.meaning());
        assert!(list.lines().any(|shown| shown == line), "{line}: {list}");
    }
    assert_eq!(list.lines().count(), ExitCode::BY_PRECEDENCE.len());
}

/// The page that everybody reads, and the one that developers read, list the codes as the program has them.
#[test]
fn the_tables_of_exit_codes_are_those_of_the_program() {
    for file in ["README.md", "src/exit_code.rs"] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        let rows: Vec<(u8, String)> = text
            .lines()
            .filter_map(|line| line.trim_start_matches("//! ").strip_prefix("| "))
            .filter_map(|row| {
                let mut cells = row.split('|').map(str::trim);
                Some((cells.next()?.parse().ok()?, cells.next()?.to_owned()))
            })
            .collect();
        let mut codes = ExitCode::BY_PRECEDENCE;
        codes.sort_by_key(|code| code.code());
        let numbers: Vec<u8> = rows.iter().map(|(code, _)| *code).collect();
        assert_eq!(numbers, codes.map(ExitCode::code), "{file}");
        for ((_, said), code) in rows.iter().zip(codes) {
            let meaning = code.meaning();
            let (gist, _) = meaning.split_once([':', ';', ',']).unwrap_or((meaning, ""));
            assert!(said.starts_with(gist), "{file}: {said} is not {meaning}");
            if file == "README.md" {
                assert_eq!(said, meaning);
            }
        }
    }
}
