//! schism's judges for Python: the native half of the package `schism`.

mod arrow;
mod events;

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::PathBuf;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::input::AnyRecordBatch;
use schism_checkers::{CHECKERS, Level, Request};
use schism_history::format::read_any;
use schism_history::jepsen::Options;
use schism_history::{Header, ReadError};

/// A history of operations, immutable.
#[pyclass(frozen, module = "schism")]
struct History(schism_history::History);

#[pymethods]
impl History {
    /// From events: maps with `time`, `process`, `type`, `f`, and perhaps `key`, `value`, `node`, `error`, `revision`.
    #[staticmethod]
    fn from_events(events: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut builder = schism_history::Builder::new(Header::default());
        for (place, event) in events.try_iter()?.enumerate() {
            let event = events::event(&event?)
                .map_err(|error| PyValueError::new_err(format!("event {place}: {error}")))?;
            builder
                .push(event)
                .map_err(|error| PyValueError::new_err(format!("event {place}: {error}")))?;
        }
        Ok(Self(builder.finish()))
    }

    /// From an Arrow table or stream of record batches, with the same names as columns.
    #[staticmethod]
    fn from_arrow(table: AnyRecordBatch) -> PyResult<Self> {
        let mut builder = schism_history::Builder::new(Header::default());
        let mut row = 0;
        for batch in table.into_reader()? {
            let batch = batch.map_err(|error| PyValueError::new_err(error.to_string()))?;
            arrow::push(&batch, &mut builder, &mut row).map_err(PyValueError::new_err)?;
        }
        Ok(Self(builder.finish()))
    }

    /// From the text of a file, in any format that schism reads.
    #[staticmethod]
    #[pyo3(signature = (bytes, keyed = false))]
    fn from_bytes(py: Python<'_>, bytes: &Bound<'_, PyBytes>, keyed: bool) -> PyResult<Self> {
        let bytes = bytes.as_bytes();
        py.detach(|| read(Cursor::new(bytes), keyed))
    }

    /// From a file, in any format that schism reads.
    #[staticmethod]
    #[pyo3(signature = (path, keyed = false))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what comes from Python is converted, and a path cannot be borrowed from there"
    )]
    fn read(py: Python<'_>, path: PathBuf, keyed: bool) -> PyResult<Self> {
        let file = File::open(&path)
            .map_err(|error| PyOSError::new_err(format!("{}: {error}", path.display())))?;
        py.detach(|| read(BufReader::with_capacity(1 << 20, file), keyed))
    }

    /// The verdicts on a request (JSON), as JSON. Other threads of Python go on meanwhile.
    fn judge(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        let request: Request = serde_json::from_str(request)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let verdicts = py
            .detach(|| request.judge(&self.0))
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(serde_json::to_string(&verdicts).expect("verdicts have text keys"))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<schism.History of {} operations>", self.0.len())
    }
}

fn read(input: impl std::io::BufRead, keyed: bool) -> PyResult<History> {
    let options = Options { keyed, f: None };
    match read_any(input, options) {
        Ok(import) => Ok(History(import.history)),
        Err(error @ ReadError::Io { .. }) => Err(PyOSError::new_err(error.to_string())),
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}

/// The checkers: name, and what it judges.
#[pyfunction]
fn checkers() -> Vec<(&'static str, &'static str)> {
    CHECKERS
        .iter()
        .map(|listed| (listed.name, listed.summary))
        .collect()
}

/// The consistency levels, from strong to weak: name, what it promises, and the levels right below it.
#[pyfunction]
fn levels() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    Level::ALL
        .iter()
        .map(|level| {
            let weaker = level.weaker().iter().map(|weaker| weaker.name()).collect();
            (level.name(), level.promise(), weaker)
        })
        .collect()
}

#[pymodule]
fn _schism(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<History>()?;
    module.add_function(wrap_pyfunction!(checkers, module)?)?;
    module.add_function(wrap_pyfunction!(levels, module)?)
}
