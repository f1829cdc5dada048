//! Histories as tables: Parquet files, Arrow files (Feather) and Arrow streams, read and written. One row is one event.
//!
//! | column | type as written | |
//! |---|---|---|
//! | `index` | `int64` | counts the events from 0 |
//! | `time` | `int64` | nanoseconds since the run began |
//! | `process` | `int64` | the client's number; -1 is the nemesis |
//! | `type` | text | `invoke`, `ok`, `fail` or `info` |
//! | `f` | text | the function, as `read` |
//! | `key` | JSON | the object; null when there is one only, or the value names its objects |
//! | `value` | JSON | the argument, or the result |
//! | `node` | text | whom it was sent to |
//! | `error` | text | why it did not end as `ok` |
//! | `revision` | `int64` | the database's own order |
//! | `due` | `int64` | when it should have been sent, in nanoseconds since the run began |
//!
//! JSON is text of the extension type `arrow.json`, and in Parquet of the logical type JSON. The schema's metadata holds
//! the header of the history, as it stands in `history.jsonl`, under the name `schism`.
//!
//! **Read** are more tables than that. Columns come in any order, and only `process` and `type` must be there; what the
//! others are when absent is as in [`jepsen`](crate::jepsen), and so is what becomes of columns of other names: they are
//! kept in the event's error. Keys and values may have any type: a number, text, truth value, list, struct or map is
//! that value, and text is JSON only where its type says so. A number that is whole is an integer whatever its type,
//! because a column of integers with gaps is one of floats in many tools. `process` may be text, with `nemesis` for
//! the nemesis. A time may be a duration, or a timestamp, which counts from the first row's. The index that pandas adds
//! (`__index_level_0__`) is passed over.
//!
//! Rows are counted from 0, so that the row of a file that schism wrote is the event's index. Parquet and Arrow files are
//! kept in memory while they are read; a stream is read batch by batch.

mod cell;
mod guard;
mod reader;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

pub use guard::is_reading;
pub(crate) use reader::Reader;
pub use rows::Rows;
pub use writer::Writer;

/// The extension type of text that is JSON.
const JSON: &str = "arrow.json";
/// The name of the history's header in the metadata of a schema.
const HEADER: &str = "schism";

/// What holds a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC file, also called Feather.
    ArrowFile,
    /// An Arrow IPC stream.
    ArrowStream,
}
