//! Kept cases: runs that are carried out again like tests, each with the verdict that is expected of it.
//!
//! ```text
//! cases/NAME/plan.toml     the plan as resolved, with its seed
//! cases/NAME/case.toml     what is expected: edit it when the database is repaired
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schism_checkers::Validity;
use serde::{Deserialize, Serialize};

use crate::judge::Judgement;
use crate::run_folder::{FolderError, write_whole};

/// The version of `case.toml` that this program writes and reads.
pub const VERSION: u32 = 1;
/// The file that makes a folder a case.
pub const FILE: &str = "case.toml";

/// What is expected of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Nothing is wrong.
    Valid,
    /// The anomalies that were found are found again.
    Invalid,
}

impl Expected {
    /// The verdict.
    pub const fn validity(self) -> Validity {
        match self {
            Self::Valid => Validity::Valid,
            Self::Invalid => Validity::Invalid,
        }
    }
}

/// A kept case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The version of this file.
    pub version: u32,
    /// The verdict that is expected.
    pub expected: Expected,
    /// The anomalies that are expected, each as `checker anomaly`; all of them must be found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<String>,
}

/// A case cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is one of that name.
    #[error("{}: there is a case of this name; name another with --name", .0.display())]
    Taken(PathBuf),
    /// The run says nothing that could be expected again.
    #[error(
        "the verdict is unknown ({0}), so there is nothing to expect of it; say what with --expect"
    )]
    Unknown(String),
    /// A file cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `case.toml` is not as it should be.
    #[error("{}: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The anomalies that were proved, each as `checker anomaly`, in order and without repetition.
pub fn anomalies(judgement: &Judgement) -> Vec<String> {
    let invalid = judgement
        .verdicts()
        .iter()
        .filter(|verdict| verdict.validity == Validity::Invalid);
    let mut names: Vec<String> = invalid
        .flat_map(|verdict| {
            let anomalies = verdict.anomalies.iter();
            anomalies.map(|anomaly| format!("{} {}", verdict.checker, anomaly.name))
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

impl Case {
    /// What a run showed, expected again; or what somebody expects instead.
    ///
    /// # Errors
    /// Nobody says, and the verdict is unknown.
    pub fn of(judgement: &Judgement, expected: Option<Expected>) -> Result<Self, CaseError> {
        let conclusion = judgement.input().conclusion;
        let expected = match (expected, conclusion.validity) {
            (Some(expected), _) => expected,
            (None, Validity::Valid) => Expected::Valid,
            (None, Validity::Invalid) => Expected::Invalid,
            (None, Validity::Unknown) => return Err(CaseError::Unknown(conclusion.reason.clone())),
        };
        Ok(Self {
            version: VERSION,
            expected,
            anomalies: match expected {
                Expected::Valid => Vec::new(),
                Expected::Invalid => anomalies(judgement),
            },
        })
    }

    /// Puts a case into a folder of cases, and tells where.
    ///
    /// # Errors
    /// There is one of that name, or it cannot be written.
    pub fn keep(&self, plan: &str, cases: &Path, name: &str) -> Result<PathBuf, CaseError> {
        let folder = cases.join(name);
        if folder.exists() {
            return Err(CaseError::Taken(folder));
        }
        let text = toml::to_string(self).expect("a case is words and a number");
        write_whole(&folder.join("plan.toml"), plan)?;
        write_whole(&folder.join(FILE), text)?;
        Ok(folder)
    }

    /// Reads the case in a folder.
    ///
    /// # Errors
    /// It cannot be read, or is not as it should be.
    pub fn read(folder: &Path) -> Result<Self, CaseError> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(|source| CaseError::Read {
            path: path.clone(),
            source,
        })?;
        let case: Self = toml::from_str(&text).map_err(|error| CaseError::Wrong {
            path: path.clone(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        if case.version != VERSION {
            let reason = format!(
                "it has version {}, and this schism reads version {VERSION}",
                case.version
            );
            return Err(CaseError::Wrong { path, reason });
        }
        Ok(case)
    }

    /// What is not as expected, in a sentence; `None` when all is.
    pub fn differs(&self, validity: Validity, found: &[String], reason: &str) -> Option<String> {
        let expected = self.expected.validity();
        if validity != expected {
            return Some(format!(
                "expected {}, and it is {}: {reason}",
                expected.name(),
                validity.name()
            ));
        }
        let missing: Vec<&str> = self
            .anomalies
            .iter()
            .filter(|wanted| !found.contains(wanted))
            .map(String::as_str)
            .collect();
        (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            format!("it is invalid as expected, but for another reason: without {missing}")
        })
    }
}

/// The folders of all cases in a folder, by name; the folder itself, if it is a case.
///
/// # Errors
/// It cannot be read.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let unreadable = |source| CaseError::Read {
        path: folder.to_owned(),
        source,
    };
    if folder.join(FILE).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(FILE).is_file() {
            cases.push(path);
        }
    }
    cases.sort();
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(expected: Expected, anomalies: &[&str]) -> Case {
        Case {
            version: VERSION,
            expected,
            anomalies: anomalies.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn a_case_is_read_as_it_was_kept_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let stale = case(Expected::Invalid, &["linearizable stale-read"]);
        let kept = stale.keep("seed = 1\n", folder.path(), "b").unwrap();
        assert_eq!(Case::read(&kept).unwrap(), stale);
        let again = stale.keep("", folder.path(), "b").unwrap_err();
        assert!(matches!(again, CaseError::Taken(_)), "{again}");
        let good = case(Expected::Valid, &[]);
        good.keep("", folder.path(), "a").unwrap();
        fs::create_dir(folder.path().join("c")).unwrap();
        let names = ["a", "b"].map(|name| folder.path().join(name));
        assert_eq!(find(folder.path()).unwrap(), names);
        assert_eq!(find(&kept).unwrap(), std::slice::from_ref(&kept));
        fs::write(kept.join(FILE), "version = 1\nexpected = \"maybe\"").unwrap();
        let error = Case::read(&kept).unwrap_err().to_string();
        assert!(
            error.contains("case.toml") && error.contains("maybe"),
            "{error}"
        );
    }

    #[test]
    fn another_verdict_and_another_reason_differ() {
        let stale = case(Expected::Invalid, &["linearizable stale-read"]);
        let found = vec!["linearizable stale-read".to_owned(), "x y".to_owned()];
        assert_eq!(stale.differs(Validity::Invalid, &found, ""), None);
        let other = stale.differs(Validity::Invalid, &found[1..], "").unwrap();
        assert!(
            other.ends_with("without linearizable stale-read"),
            "{other}"
        );
        let gone = stale.differs(Validity::Valid, &[], "all is well").unwrap();
        assert_eq!(gone, "expected invalid, and it is valid: all is well");
        assert_eq!(
            case(Expected::Valid, &[]).differs(Validity::Valid, &[], ""),
            None
        );
    }
}
