//! The database of a plan.

use super::super::database::{Database, Own, RawDatabase, Service};
use super::super::target::{Target, check_user};
use super::{Lowering, at};
use crate::lab::{self, Recipe};

/// The kernel keeps so many characters of a process's name.
const PROCESS_NAME_MAX: usize = 15;

/// How a database runs where its usual package installed it.
struct Usual {
    database: &'static str,
    process: &'static str,
    /// The name of its systemd unit.
    unit: &'static str,
    data: &'static str,
    crash: &'static [&'static str],
}

/// Every database, by name, as its usual package installs it.
const USUAL: &[Usual] = &[Usual {
    database: "etcd",
    process: "etcd",
    unit: "etcd",
    data: "/var/lib/etcd",
    crash: &[
        "panic: ",
        "fatal error: ",
        "\"level\":\"panic\"",
        "\"level\":\"fatal\"",
        "[signal SIG",
    ],
}];

impl Lowering<'_> {
    pub(super) fn database(
        &mut self,
        raw: Option<RawDatabase>,
        target: Option<&Target>,
    ) -> Option<Database> {
        let raw = self.one_database(raw, target)?;
        let mut client = raw.clients.into_iter().next()?;
        let before = self.complaints.len();
        self.check_own(&raw.own);
        let listed = client.listed();
        for (key, file) in client.files_mut() {
            let path = at(&format!("database.{}.{key}", listed.name));
            if let Some(found) = self.local_path(&file.to_string_lossy(), &path) {
                self.must_be_a_file(&found, &path, "a file of this machine");
                *file = found;
            }
        }
        let own = raw.own;
        let service = Service {
            start: own.start,
            stop: own.stop,
            process: own.process,
            pattern: own.pattern,
            user: own.user,
            data: own.data,
            logs: own.logs,
            crash: own.crash,
        };
        let service = match (target, Recipe::of(listed.name)) {
            (Some(Target::Ssh(_)), _) => as_installed(service, listed.name),
            (Some(Target::Lab(_)), Some((_, recipe))) => as_in_a_lab(service, recipe),
            (Some(Target::Lab(_)), None) => {
                self.complain(
                    at("database").key(listed.name),
                    format!("no lab is made of {}", listed.name),
                    format!("labs are made of {}", lab::databases().join(", ")),
                );
                service
            }
            _ => service,
        };
        (self.complaints.len() == before).then_some(Database {
            client,
            port: own.port.unwrap_or(listed.port),
            service,
        })
    }

    fn check_own(&mut self, own: &Own) {
        let root = at("database");
        if own.port == Some(0) {
            self.complain(
                root.key("port"),
                "0 is no port",
                "leave it out for the usual one",
            );
        }
        for (key, script) in [("start", &own.start), ("stop", &own.stop)] {
            let Some(script) = script else { continue };
            if script.trim().is_empty() || script.contains('\0') {
                self.complain(
                    root.key(key),
                    "this is no script",
                    format!("write a script for sh, as in \"systemctl {key} etcd\""),
                );
            }
        }
        if let Some(process) = &own.process {
            let is_comm = !process.is_empty()
                && process.len() <= PROCESS_NAME_MAX
                && !process.contains(|c: char| c.is_control() || c == '/');
            if !is_comm {
                self.complain(
                    root.key("process"),
                    "the kernel knows no process by this name",
                    format!(
                        "write what `ps -o comm` shows: no path, at most {PROCESS_NAME_MAX} characters of it"
                    ),
                );
            }
        }
        for (key, text) in [("pattern", &own.pattern), ("user", &own.user)] {
            let is_wrong = |text: &String| text.is_empty() || text.contains(char::is_control);
            if text.as_ref().is_some_and(is_wrong) {
                self.complain(
                    root.key(key),
                    "this is empty, or no plain text",
                    "leave it out",
                );
            }
        }
        if let Some(user) = &own.user
            && !user.is_empty()
            && let Err(message) = check_user(user)
        {
            self.complain(root.key("user"), message, "");
        }
        if let Some(data) = &own.data
            && !is_place(data)
        {
            self.complain(
                root.key("data"),
                "this is no folder for a database's data",
                "write the whole path on the nodes, as in \"/var/lib/etcd\"",
            );
        }
        for (i, log) in own.logs.iter().flatten().enumerate() {
            if !is_place(log) {
                self.complain(
                    root.key("logs").index(i),
                    "this is no log file",
                    "write the whole path on the nodes, as in \"/var/log/etcd.log\"",
                );
            }
        }
        for (i, text) in own.crash.iter().flatten().enumerate() {
            if text.trim().is_empty() {
                self.complain(
                    root.key("crash").index(i),
                    "every line of a log holds this",
                    "write a text that only a crash leaves in the log, as in \"panic: \"",
                );
            }
        }
    }
}

/// What the plan leaves open, as a lab has it. How it is started and stopped there depends on the node.
fn as_in_a_lab(service: Service, recipe: Recipe) -> Service {
    Service {
        process: service.process.or(Some(recipe.process)),
        data: service.data.or(Some(recipe.data)),
        logs: service.logs.or(Some(recipe.logs)),
        crash: service.crash.or(Some(recipe.crash)),
        ..service
    }
}

/// What the plan leaves open, as the usual package has it.
fn as_installed(service: Service, database: &str) -> Service {
    let Some(usual) = USUAL.iter().find(|usual| usual.database == database) else {
        return service;
    };
    let systemctl = |verb: &str| format!("systemctl {verb} {}", usual.unit);
    Service {
        start: service.start.or_else(|| Some(systemctl("start"))),
        stop: service.stop.or_else(|| Some(systemctl("stop"))),
        process: service.process.or_else(|| Some(usual.process.to_owned())),
        pattern: service.pattern,
        user: service.user,
        data: service.data.or_else(|| Some(usual.data.to_owned())),
        logs: service.logs.or_else(|| Some(Vec::new())),
        crash: service
            .crash
            .or_else(|| Some(usual.crash.iter().map(|&text| text.to_owned()).collect())),
    }
}

/// Whether a text is the whole path of something on a node that is not one of the system's own folders.
fn is_place(path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    path.starts_with('/')
        && !path.contains(|c: char| c.is_control())
        && !parts.clone().any(|part| part == "." || part == "..")
        && parts.nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_folders_are_no_place() {
        for good in ["/var/lib/etcd", "/data/db/", "/srv/a"] {
            assert!(is_place(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "/var",
            "//var//",
            "var/lib/etcd",
            "/var/../etc",
            "/var/./x",
            "~/data",
            "/a/\0",
        ] {
            assert!(!is_place(bad), "{bad}");
        }
    }

    #[test]
    fn every_database_has_its_usual_way() {
        let databases: Vec<_> = schism_workloads::clients::DATABASES
            .iter()
            .map(|listed| listed.name)
            .collect();
        assert_eq!(
            databases,
            USUAL.iter().map(|u| u.database).collect::<Vec<_>>()
        );
        for usual in USUAL {
            assert!(usual.process.len() <= PROCESS_NAME_MAX && is_place(usual.data));
        }
    }
}
