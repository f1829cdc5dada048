//! Where the program speaks, and how much that place can show.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use crate::exit_code::ExitCode;
use crate::look::Look;
use crate::report::progress::Display;

/// Standard output and standard error, or what stands for them in a test.
pub struct Terminal<'w> {
    /// For what was asked for.
    pub out: &'w mut dyn Write,
    /// For everything else.
    pub err: &'w mut dyn Write,
    /// How much standard output can show.
    pub out_look: Look,
    /// How much standard error can show.
    pub err_look: Look,
    /// Whether standard error is a terminal, on which a line can be redrawn.
    pub is_live: bool,
}

impl Terminal<'_> {
    /// Writes an answer to standard output when all is well, else to standard error.
    pub(super) fn say(&mut self, code: ExitCode, text: &str) -> ExitCode {
        let stream: &mut dyn Write = if code == ExitCode::Valid {
            &mut *self.out
        } else {
            &mut *self.err
        };
        code.and(written(stream, text))
    }

    /// Writes what was asked for to standard output.
    pub(super) fn print(&mut self, text: &str) -> ExitCode {
        written(self.out, text)
    }

    /// Writes a line to standard error. Nobody to tell when that cannot be done.
    pub(super) fn note(&mut self, line: &str) {
        let _ = written(self.err, &format!("{line}\n"));
    }

    /// What shows progress here.
    pub(super) fn display(&self) -> Display {
        if self.is_live {
            Display::bar()
        } else {
            Display::lines(io::stderr())
        }
    }

    /// How much the stream can show that [`say`](Self::say) would write to.
    pub(super) fn look_at(&self, code: ExitCode) -> Look {
        if code == ExitCode::Valid {
            self.out_look
        } else {
            self.err_look
        }
    }
}

fn written(stream: &mut dyn Write, text: &str) -> ExitCode {
    let written = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
    match written {
        Ok(()) => ExitCode::Valid,
        Err(_) => ExitCode::CannotWrite,
    }
}

/// How much a stream can show: colours only on a terminal that did not refuse them, lines beyond ASCII only on a
/// terminal that reads UTF-8. `environment` looks a variable up: [`std::env::var_os`].
pub fn look(stream: &impl IsTerminal, environment: impl Fn(&str) -> Option<OsString>) -> Look {
    if !stream.is_terminal() {
        return Look::PLAIN;
    }
    let is_set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    let is_dumb = environment("TERM").is_none_or(|term| term == "dumb");
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| environment(name).filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_string_lossy()
        .to_uppercase();
    Look {
        color: !is_set("NO_COLOR") && !is_dumb,
        unicode: !is_dumb && (locale.contains("UTF-8") || locale.contains("UTF8")),
        width: terminal_size::terminal_size().map_or(Look::PLAIN.width, |(width, _)| {
            usize::from(width.0).clamp(40, 120)
        }),
    }
}
