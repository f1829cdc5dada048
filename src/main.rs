//! The command line of schism.

use std::{env, io};

use schism::cli::{self, Terminal, look};
use schism::exit_code::{self, ExitCode};

fn main() -> ExitCode {
    exit_code::report_panics_as_bugs();
    exit_code::guarded(|| {
        let (mut out, mut err) = (io::stdout(), io::stderr());
        let (out_look, err_look) = (
            look(&out, |name| env::var_os(name)),
            look(&err, |name| env::var_os(name)),
        );
        let mut terminal = Terminal {
            out: &mut out,
            err: &mut err,
            out_look,
            err_look,
        };
        cli::run(env::args_os(), &mut terminal)
    })
}
