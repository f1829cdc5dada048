//! Whether a run that was carried out again is the same run, byte for byte.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// What came of comparing two histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// They have the same bytes.
    Same {
        /// How many lines they have: the header, then one an event.
        lines: u64,
    },
    /// They part.
    Parts {
        /// The first line that differs, from 1.
        line: u64,
        /// That line before; empty when that history has ended.
        before: String,
        /// That line now; empty when that history has ended.
        now: String,
    },
}

/// Compares two histories' files. O(bytes), in memory bounded by the longest line.
///
/// # Errors
/// One of them cannot be read.
pub fn compare(before: &Path, now: &Path) -> io::Result<Sameness> {
    let open = |path| Ok::<_, io::Error>(BufReader::with_capacity(1 << 20, File::open(path)?));
    let (mut before, mut now) = (open(before)?, open(now)?);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut line = 0;
    loop {
        a.clear();
        b.clear();
        before.read_until(b'\n', &mut a)?;
        now.read_until(b'\n', &mut b)?;
        line += 1;
        if a != b {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
            return Ok(Sameness::Parts {
                line,
                before: text(&a),
                now: text(&b),
            });
        }
        if a.is_empty() {
            return Ok(Sameness::Same { lines: line - 1 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "h\n1\n2\n").unwrap();
        std::fs::write(path("b"), "h\n1\n3\n").unwrap();
        std::fs::write(path("c"), "h\n1\n").unwrap();
        assert_eq!(
            compare(&path("a"), &path("a")).unwrap(),
            Sameness::Same { lines: 3 }
        );
        let parts = |before: &str, now: &str| Sameness::Parts {
            line: 3,
            before: before.to_owned(),
            now: now.to_owned(),
        };
        assert_eq!(compare(&path("a"), &path("b")).unwrap(), parts("2", "3"));
        assert_eq!(compare(&path("c"), &path("b")).unwrap(), parts("", "3"));
        assert!(compare(&path("a"), &path("none")).is_err());
    }
}
