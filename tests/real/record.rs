//! What a run recorded, read from its folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of a run.
pub(crate) struct Record {
    pub(crate) folder: PathBuf,
}

impl Record {
    /// The newest run below `out`, as soon as there is one.
    pub(crate) fn newest(out: &Path) -> Option<Self> {
        let folder = fs::canonicalize(out.join("latest")).ok()?;
        Some(Self { folder })
    }

    /// A file of it that is JSON.
    pub(crate) fn json(&self, name: &str) -> Value {
        let text = fs::read(self.folder.join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// What a checker says.
    pub(crate) fn verdict(&self, checker: &str) -> Value {
        let file = self.json("verdict.json");
        let verdicts = file["verdicts"].as_array().unwrap();
        verdicts
            .iter()
            .find(|verdict| verdict["checker"] == checker)
            .unwrap_or_else(|| panic!("{checker} did not judge"))
            .clone()
    }

    /// The whole lines of the history that the nemesis wrote.
    pub(crate) fn nemesis(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("history.jsonl")).unwrap_or_default();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n') && line.contains(r#""process":"nemesis""#))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The phases that were reached.
    pub(crate) fn phases(&self) -> Vec<String> {
        let events = self.nemesis();
        let phases = events.iter().filter(|event| event["f"] == "phase");
        phases
            .map(|event| event["value"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The names of the faults that were injected (`inject`) or healed (`heal`), as measured, in order.
    pub(crate) fn proved(&self, f: &str) -> Vec<String> {
        let events = self.nemesis();
        let proved = events
            .iter()
            .filter(|event| event["f"] == f && event["value"]["outcome"] == "installed");
        proved
            .map(|event| event["value"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How many operations ended well until now.
    pub(crate) fn ok(&self) -> usize {
        let text = fs::read_to_string(self.folder.join("history.jsonl")).unwrap_or_default();
        text.matches(r#""type":"ok""#).count()
    }

    /// Every file of it, with its content.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut folders, mut files) = (vec![self.folder.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        files
    }
}
