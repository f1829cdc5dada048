//! The nodes' logs, brought home.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use schism_nemeses::control::{Control as _, ControlError};

use super::{Node, Site};
use crate::run_folder::{FolderError, RunFolder};

/// Logs that were asked for and did not come, by node and path, and why.
pub type Collected = BTreeMap<String, String>;

impl Site {
    /// Copies every log of every node into the run's folder, all nodes at once. What is missing does not stop the rest.
    ///
    /// # Errors
    /// The run's folder cannot be written.
    pub async fn collect_logs(&self, folder: &RunFolder) -> Result<Collected, FolderError> {
        let mut wanted = Vec::new();
        for node in &self.nodes {
            let home = folder.logs(&node.name)?;
            for (path, name) in node.logs.iter().zip(names(&node.logs)) {
                wanted.push((node, path, home.join(name)));
            }
        }
        let copied = join_all(wanted.into_iter().map(async |(node, path, to)| {
            let error = self.copy(node, path, &to).await.err()?;
            Some((format!("{}:{path}", node.name), error.to_string()))
        }));
        Ok(copied.await.into_iter().flatten().collect())
    }

    async fn copy(&self, node: &Node, path: &str, to: &Path) -> Result<(), ControlError> {
        self.control.download(&node.name, path, to).await
    }
}

/// A file name for each path, no two the same.
fn names(paths: &[String]) -> Vec<PathBuf> {
    let mut names = Vec::new();
    for path in paths {
        let own = Path::new(path)
            .file_name()
            .map_or_else(|| PathBuf::from("log"), PathBuf::from);
        let taken = names
            .iter()
            .filter(|name: &&PathBuf| name.ends_with(&own))
            .count();
        names.push(if taken == 0 {
            own
        } else {
            PathBuf::from(format!("{taken}-{}", own.display()))
        });
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_the_same_name_do_not_overwrite_each_other() {
        let paths = ["/a/db.log", "/b/db.log", "/"].map(str::to_owned);
        assert_eq!(
            names(&paths),
            ["db.log", "1-db.log", "log"].map(PathBuf::from)
        );
    }
}
