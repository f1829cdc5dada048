//! Where commands read histories from: files of any format, compressed or not, standard input, and folders that other
//! programs keep histories in.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use schism_history::format::{Import, Reader};
use schism_history::jepsen::Options;
use schism_history::{Builder, ReadError};

use super::Terminal;
use crate::exit_code::ExitCode;
use crate::judge::question::OneKey;

/// So many bytes are read at once.
const CHUNK: usize = 1 << 20;
/// Reading a smaller file is not worth a bar.
const SHOWN_FROM: u64 = 8 << 20;
/// What stands for standard input on the command line.
const STANDARD_INPUT: &str = "-";
/// Files of a folder that are its history, the first that is there: of Jepsen and Maelstrom, and of dbcop.
const IN_FOLDERS: [&str; 4] = [
    "history.edn",
    "history.txt",
    "history.json",
    "history.bincode",
];

/// Whatever a history is read from.
type Input = BufReader<Box<dyn Read>>;

/// A history that is about to be read.
pub(super) struct Source {
    /// Its path, as it was given.
    path: PathBuf,
    bar: ProgressBar,
}

impl Source {
    /// The history at a path. Where a terminal watches, it sees how far reading is.
    pub(super) fn new(path: &Path, terminal: &Terminal<'_>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if terminal.is_live {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        }
        Self {
            path: path.to_owned(),
            bar,
        }
    }

    /// What it is called to a reader.
    pub(super) fn name(&self) -> String {
        if self.is_standard_input() {
            "standard input".to_owned()
        } else {
            self.path.display().to_string()
        }
    }

    pub(super) fn is_standard_input(&self) -> bool {
        self.path.as_os_str() == STANDARD_INPUT
    }

    /// Opens it, and tells its format.
    pub(super) fn open(&self, keyed: bool) -> Result<Reader<Input>, (ExitCode, String)> {
        let options = Options { keyed, f: None };
        if self.is_standard_input() {
            self.show(None);
            let input: Box<dyn Read> = Box::new(self.bar.wrap_read(io::stdin()));
            return Reader::new(BufReader::with_capacity(CHUNK, input), options)
                .map_err(|error| self.refusal(&error));
        }
        let mut path = self.path.clone();
        if path.is_dir() {
            match in_folder(&path).map_err(|error| Self::unreadable(&path, &error))? {
                Inside::File(file) => path = file,
                Inside::Cobra(logs) => return self.open_cobra(&logs),
                Inside::Nothing => {
                    let names = IN_FOLDERS.join(", ");
                    let text = format!(
                        "{}: this is no run folder, and holds no history either: neither run.json, nor {names}, nor logs of Cobra",
                        path.display()
                    );
                    return Err((ExitCode::Usage, text));
                }
            }
        }
        let input = self.file(&path)?;
        Reader::new(input, options).map_err(|error| self.refusal(&error))
    }

    fn open_cobra(&self, logs: &[PathBuf]) -> Result<Reader<Input>, (ExitCode, String)> {
        let files: Result<Vec<Input>, _> = logs.iter().map(|log| self.file(log)).collect();
        Reader::cobra(files?).map_err(|(log, error)| {
            let text = format!("{}: {error}", logs[log].display());
            (ExitCode::Usage, text)
        })
    }

    fn file(&self, path: &Path) -> Result<Input, (ExitCode, String)> {
        let file = File::open(path).map_err(|error| Self::unreadable(path, &error))?;
        let size = file.metadata().ok().filter(fs::Metadata::is_file);
        let size = size.map(|data| data.len());
        let input: Box<dyn Read> = if size.is_some_and(|size| size < SHOWN_FROM) {
            Box::new(file)
        } else {
            self.show(size);
            Box::new(self.bar.wrap_read(file))
        };
        Ok(BufReader::with_capacity(CHUNK, input))
    }

    /// Makes the bar that of reading a file of some size.
    fn show(&self, size: Option<u64>) {
        let template = if size.is_some() {
            "reading {bar:24.cyan/dim} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"
        } else {
            "reading {spinner} {bytes}, {bytes_per_sec}"
        };
        if let Some(size) = size {
            self.bar.set_length(size);
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━━─"));
        }
    }

    /// Reads all of it; of one object only, if a key is given.
    pub(super) fn read(
        &self,
        keyed: bool,
        key: Option<&str>,
    ) -> Result<Import, (ExitCode, String)> {
        let read = self.read_all(keyed, key);
        self.bar.finish_and_clear();
        read
    }

    fn read_all(&self, keyed: bool, key: Option<&str>) -> Result<Import, (ExitCode, String)> {
        let mut reader = self.open(keyed)?;
        let mut builder = Builder::new(reader.header());
        let mut one = key.map(OneKey::new);
        if one.is_none() {
            while reader
                .next_into(&mut builder)
                .map_err(|error| self.refusal(&error))?
            {}
        }
        while let Some(event) = reader.next_event().map_err(|error| self.refusal(&error))? {
            if one.as_mut().is_some_and(|one| !one.keeps(&event)) {
                continue;
            }
            builder
                .push(event)
                .map_err(|malformed| self.refusal(&reader.refusal(malformed)))?;
        }
        if let Some(one) = one {
            one.found().map_err(|error| {
                let text = format!("{}: {error}", self.name());
                (ExitCode::Usage, text)
            })?;
        }
        Ok(reader.import(builder.finish()))
    }

    /// Shows how many of the checkers have ended.
    pub(super) fn judging(&self, checkers: usize) -> Judging {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if !self.bar.is_hidden() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        }
        bar.set_length(checkers as u64);
        if let Ok(style) =
            ProgressStyle::with_template("checking {bar:24.cyan/dim} {pos} of {len} {msg}")
        {
            bar.set_style(style.progress_chars("━━─"));
        }
        Judging(bar)
    }

    /// An error of reading, with the history's name.
    pub(super) fn refusal(&self, error: &ReadError) -> (ExitCode, String) {
        (ExitCode::Usage, format!("{}: {error}", self.name()))
    }

    fn unreadable(path: &Path, error: &io::Error) -> (ExitCode, String) {
        let text = if error.kind() == io::ErrorKind::NotFound {
            format!(
                "{}: there is no such run or history\n  help: name the folder of a run, as runs/latest, or a file with a \
                 history",
                path.display()
            )
        } else {
            format!("{}: {error}", path.display())
        };
        (ExitCode::Usage, text)
    }
}

/// How far judging is.
pub(super) struct Judging(ProgressBar);

impl Judging {
    /// A checker has ended.
    pub(super) fn ended(&self, checker: &'static str) {
        self.0.set_message(checker);
        self.0.inc(1);
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What history a folder holds.
enum Inside {
    File(PathBuf),
    /// A log a session.
    Cobra(Vec<PathBuf>),
    Nothing,
}

fn in_folder(folder: &Path) -> io::Result<Inside> {
    for name in IN_FOLDERS {
        let path = folder.join(name);
        if path.is_file() {
            return Ok(Inside::File(path));
        }
    }
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "log") && path.is_file() {
            logs.push(path);
        }
    }
    logs.sort();
    let Some(first) = logs.first() else {
        return Ok(Inside::Nothing);
    };
    // Any tool keeps logs; those of Cobra begin a transaction at once.
    let mut first = BufReader::new(File::open(first)?);
    Ok(if first.fill_buf()?.first() == Some(&b'S') {
        Inside::Cobra(logs)
    } else {
        Inside::Nothing
    })
}
