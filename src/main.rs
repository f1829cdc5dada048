//! The command line of schism.

use std::env;
use std::io::{self, IsTerminal as _};

use schism::cli::{self, Terminal, look};
use schism::exit_code::{self, ExitCode};
use schism::interrupt;

fn main() -> ExitCode {
    exit_code::report_panics_as_bugs();
    exit_code::guarded(|| {
        // Without it all works until there is such a limit, and it is reached.
        let _ = interrupt::outlive_file_size_limits();
        let (mut out, mut err) = (io::stdout(), io::stderr());
        let is_live = err.is_terminal();
        let (out_look, err_look) = (
            look(&out, |name| env::var_os(name)),
            look(&err, |name| env::var_os(name)),
        );
        let mut terminal = Terminal {
            out: &mut out,
            err: &mut err,
            out_look,
            err_look,
            is_live,
        };
        cli::run(env::args_os(), &mut terminal)
    })
}
