//! What machines and versions a run was made with.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use schism_nemeses::control::{Command, Control as _};

use super::Site;

/// Kernel and distribution, in a line.
const ABOUT: &str = "printf '%s %s %s' \"$(uname -s)\" \"$(uname -r)\" \"$(uname -m)\"
[ ! -r /etc/os-release ] || ( . /etc/os-release; printf ', %s' \"$PRETTY_NAME\" )";

impl Site {
    /// Versions and systems of the nodes, by what they are of. What cannot be found out is left out.
    pub async fn facts(&self) -> BTreeMap<String, String> {
        let nodes = join_all(self.nodes.iter().zip(&self.endpoints).map(
            async |(node, endpoint)| {
                let command = Command::user(ABOUT).idempotent();
                let about = self.control.exec(&node.name, &command);
                let (about, version) = join(about, self.database.health(endpoint)).await;
                let system = about
                    .ok()
                    .filter(|output| output.status == 0)
                    .map(|output| output.stdout);
                (node.name.to_string(), system, version.ok())
            },
        ));
        let mut facts = BTreeMap::new();
        for (node, system, version) in nodes.await {
            facts.extend(system.map(|system| (format!("system of {node}"), system)));
            facts.extend(
                version.map(|version| (format!("{} of {node}", self.database.name()), version)),
            );
        }
        facts
    }
}
