//! `schism convert`: histories from one format into another.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use schism_history::jepsen::{Encoder, Notation, Style};
use schism_history::{Event, Header, jsonl};

use super::Terminal;
use super::source::Source;
use crate::exit_code::ExitCode;

/// Convert a history of any format into one of schism or of Jepsen
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The history, of any format that `schism check` reads; - is standard input
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Where to write it
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// The format to write [default: by the file's ending: .jsonl, .edn or .json]
    #[arg(long)]
    format: Option<Kind>,
    /// In Jepsen's formats, read and write each client operation's value as a pair of key and value
    #[arg(long)]
    keyed: bool,
}

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// schism's own: one event a line
    Jsonl,
    /// Jepsen's: one operation map a line
    Edn,
    /// A list of operation maps, as elle-cli reads it
    Json,
}

/// Runs the command. The file is there whole or not at all.
pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> ExitCode {
    match convert(args, terminal) {
        Ok(note) => {
            if let Some(note) = note {
                terminal.note(&note);
            }
            ExitCode::Valid
        }
        Err((code, error)) => terminal.say(code, &format!("error: {error}\n")),
    }
}

/// What the reader should know about the file that was read, if anything.
fn convert(args: &Args, terminal: &Terminal<'_>) -> Result<Option<String>, (ExitCode, String)> {
    let kind = args.format.or_else(|| by_ending(&args.to)).ok_or_else(|| {
        let text = format!(
            "{}: its ending tells no format; name one with --format jsonl, edn or json",
            args.to.display()
        );
        (ExitCode::Usage, text)
    })?;
    let unwritable = |error: io::Error| {
        (
            ExitCode::CannotWrite,
            format!("{}: {error}", args.to.display()),
        )
    };
    let source = Source::new(&args.from, terminal);
    let mut reader = source.open(args.keyed)?;

    let folder = args
        .to
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let text = format!(
            "{}: there is no folder {} to write it into",
            args.to.display(),
            folder.display()
        );
        return Err((ExitCode::CannotWrite, text));
    }
    let fresh = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    let mut out = BufWriter::with_capacity(1 << 20, &fresh);
    let mut writer = Writer::new(kind, args.keyed, &reader.header());
    let mut bytes = Vec::new();
    while let Some(event) = reader
        .next_event()
        .map_err(|error| source.refusal(&error))?
    {
        writer.encode(&event, &mut bytes);
        out.write_all(&bytes).map_err(unwritable)?;
        bytes.clear();
    }
    writer.finish(&mut bytes);
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(unwritable)?;
    drop(out);
    open_to_all(fresh.path()).map_err(unwritable)?;
    fresh
        .persist(&args.to)
        .map_err(|error| unwritable(error.error))?;
    Ok(reader.torn().map(|torn| {
        format!(
            "warning: {} ends in the middle of line {}, which was left out",
            source.name(),
            torn.line
        )
    }))
}

fn by_ending(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "jsonl" => Some(Kind::Jsonl),
        "edn" => Some(Kind::Edn),
        "json" => Some(Kind::Json),
        _ => None,
    }
}

/// Temporary files are for their owner only; a history is as any other file.
fn open_to_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Writes events one after another.
enum Writer {
    Schism { header: Header, index: u64 },
    Jepsen(Encoder),
}

impl Writer {
    fn new(kind: Kind, keyed: bool, header: &Header) -> Self {
        let notation = match kind {
            Kind::Jsonl => {
                return Self::Schism {
                    header: header.clone(),
                    index: 0,
                };
            }
            Kind::Edn => Notation::Edn,
            Kind::Json => Notation::Json,
        };
        Self::Jepsen(Encoder::new(Style {
            notation,
            keyed,
            list: kind == Kind::Json,
        }))
    }

    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        match self {
            Self::Schism { header, index } => {
                if *index == 0 {
                    jsonl::encode_header(header, out);
                }
                jsonl::encode(*index, event, out);
                *index += 1;
            }
            Self::Jepsen(encoder) => encoder.encode(event, out),
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        match self {
            Self::Schism { header, index: 0 } => jsonl::encode_header(&header, out),
            Self::Schism { .. } => {}
            Self::Jepsen(encoder) => encoder.finish(out),
        }
    }
}
