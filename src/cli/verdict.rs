//! What commands say when there is a verdict: to a person, to a program, to GitHub.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;

use super::Terminal;
use crate::exit_code::ExitCode;
use crate::judge::Judgement;
use crate::report::{json, markdown, text};

impl Terminal<'_> {
    /// Says what a judgement is, on standard output: as JSON, or as a summary with the path of the page. Its exit code,
    /// and what came of saying it.
    pub(super) fn verdict(
        &mut self,
        judgement: &Judgement,
        as_json: bool,
        report: Option<&str>,
    ) -> ExitCode {
        let input = judgement.input();
        let said = if as_json {
            self.print(&json::verdict(&input))
        } else {
            let look = self.out_look;
            self.print(&text::summary(&input, look, report))
        };
        judgement.exit_code().and(said)
    }

    /// Puts a verdict on the page of a GitHub job, where there is one. A page that cannot be written is no reason to
    /// change the verdict; it is told.
    pub(super) fn tell_github(&mut self, judgement: &Judgement) {
        let input = judgement.input();
        if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            let written = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .and_then(|mut file| file.write_all(markdown::summary(&input).as_bytes()));
            if let Err(error) = written {
                self.note(&format!(
                    "warning: the summary for GitHub, {}: {error}",
                    path.display()
                ));
            }
        }
        if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
            && let Some(annotation) = markdown::annotation(&input)
        {
            self.note(&annotation);
        }
    }
}
