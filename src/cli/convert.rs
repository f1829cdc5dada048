//! `schism convert`: histories from one format into another.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use schism_history::jepsen::{Encoder, Notation, Style};
#[cfg(feature = "parquet")]
use schism_history::tables::{self, Container};
use schism_history::{Event, Header, jsonl};

use super::Terminal;
use super::source::Source;
use crate::exit_code::ExitCode;

/// Convert a history of any format into one of schism or of Jepsen, or into a table
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The history, of any format that `schism check` reads; - is standard input
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Where to write it
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// The format to write [default: by the file's ending: .jsonl, .edn, .json, .parquet, .arrow or .arrows]
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
    /// A Parquet file, one event a row; needs a build with the feature parquet, as the next two
    Parquet,
    /// An Arrow file, also called Feather
    Arrow,
    /// An Arrow stream
    Arrows,
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
            "{}: its ending tells no format; name one with --format jsonl, edn, json, parquet, arrow or arrows",
            args.to.display()
        );
        (ExitCode::Usage, text)
    })?;
    if !cfg!(feature = "parquet") && matches!(kind, Kind::Parquet | Kind::Arrow | Kind::Arrows) {
        let text = format!(
            "{}: this build of schism writes no tables; one with the feature parquet does: cargo install --path . --features parquet",
            args.to.display()
        );
        return Err((ExitCode::Usage, text));
    }
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
    let mut writer =
        Writer::new(kind, args.keyed, &reader.header(), &mut out).map_err(unwritable)?;
    while let Some(event) = reader
        .next_event()
        .map_err(|error| source.refusal(&error))?
    {
        writer.push(&event).map_err(unwritable)?;
    }
    writer.finish().map_err(unwritable)?;
    out.flush().map_err(unwritable)?;
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
        "parquet" => Some(Kind::Parquet),
        "arrow" | "feather" => Some(Kind::Arrow),
        "arrows" => Some(Kind::Arrows),
        _ => None,
    }
}

/// Temporary files are for their owner only; a history is as any other file.
fn open_to_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Writes events one after another.
enum Writer<W: Write + Send> {
    Schism {
        out: W,
        index: u64,
        line: Vec<u8>,
    },
    Jepsen {
        out: W,
        encoder: Encoder,
        form: Vec<u8>,
    },
    #[cfg(feature = "parquet")]
    Table(Box<tables::Writer<W>>),
}

impl<W: Write + Send> Writer<W> {
    fn new(kind: Kind, keyed: bool, header: &Header, out: W) -> io::Result<Self> {
        let jepsen = |out, notation| Self::Jepsen {
            out,
            encoder: Encoder::new(Style {
                notation,
                keyed,
                list: kind == Kind::Json,
            }),
            form: Vec::new(),
        };
        Ok(match kind {
            Kind::Jsonl => {
                let mut line = Vec::new();
                jsonl::encode_header(header, &mut line);
                Self::Schism {
                    out,
                    index: 0,
                    line,
                }
            }
            Kind::Edn => jepsen(out, Notation::Edn),
            Kind::Json => jepsen(out, Notation::Json),
            Kind::Parquet | Kind::Arrow | Kind::Arrows => return Self::table(kind, header, out),
        })
    }

    #[cfg(feature = "parquet")]
    fn table(kind: Kind, header: &Header, out: W) -> io::Result<Self> {
        let container = match kind {
            Kind::Parquet => Container::Parquet,
            Kind::Arrow => Container::ArrowFile,
            _ => Container::ArrowStream,
        };
        let writer = tables::Writer::new(out, container, header)?;
        Ok(Self::Table(Box::new(writer)))
    }

    #[cfg(not(feature = "parquet"))]
    fn table(_: Kind, _: &Header, _: W) -> io::Result<Self> {
        unreachable!("what this build cannot write is refused before")
    }

    fn push(&mut self, event: &Event) -> io::Result<()> {
        match self {
            Self::Schism { out, index, line } => {
                jsonl::encode(*index, event, line);
                *index += 1;
                out.write_all(line)?;
                line.clear();
                Ok(())
            }
            Self::Jepsen { out, encoder, form } => {
                encoder.encode(event, form);
                out.write_all(form)?;
                form.clear();
                Ok(())
            }
            #[cfg(feature = "parquet")]
            Self::Table(writer) => writer.push(event),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Schism { mut out, line, .. } => out.write_all(&line),
            Self::Jepsen {
                mut out,
                encoder,
                mut form,
            } => {
                encoder.finish(&mut form);
                out.write_all(&form)
            }
            #[cfg(feature = "parquet")]
            Self::Table(writer) => writer.finish(),
        }
    }
}
