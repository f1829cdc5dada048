//! From what a plan says to what it means: defaults filled in, everything checked.
//!
//! All mistakes are gathered, each with the path of the key it is about. Where a part is wrong, parts that depend on it
//! are not checked, so that one mistake is reported once.

mod database;
mod faults;
mod judgement;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schism_workloads::{Capability, WORKLOADS};

use crate::targets::maelstrom::PROTOCOLS;
use crate::targets::sim;

use super::load::{Load, Pace, Recovery};
use super::nearest::nearest;
use super::path::KeyPath;
use super::raw::{RawLoad, RawPlan, RawRecovery};
use super::target::Target;
use super::units::{Concurrency, Span};
use super::{Database, Plan, Reading};

/// A run is bounded: longer ones are several runs.
const TIME_MAX: Duration = Duration::from_hours(30 * 24);
/// More processes than this are a mistake: one controller could not serve them.
const PROCESSES_MAX: u32 = 10_000;
/// More calls a second than one controller can send and record.
const RATE_MAX: f64 = 1_000_000.0;
/// TOML's integers end here.
const SEED_MAX: u64 = i64::MAX as u64;

/// Something wrong, and the path of the key it is about.
pub(super) struct Complaint {
    pub(super) path: KeyPath,
    /// It is about the key itself rather than its value.
    pub(super) is_about_key: bool,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// The plan that is meant.
pub(super) fn lower(raw: RawPlan, reading: &Reading<'_>) -> Result<Plan, Vec<Complaint>> {
    let mut lowering = Lowering {
        reading,
        complaints: Vec::new(),
    };
    let plan = lowering.plan(raw);
    match plan {
        Some(plan) if lowering.complaints.is_empty() => Ok(plan),
        _ => Err(lowering.complaints),
    }
}

struct Lowering<'r> {
    reading: &'r Reading<'r>,
    complaints: Vec<Complaint>,
}

impl Lowering<'_> {
    fn plan(&mut self, raw: RawPlan) -> Option<Plan> {
        let name = self.name(raw.name);
        let seed = self.seed(raw.seed);
        let time = self.duration(raw.time, "time", Duration::from_mins(1), TIME_MAX);
        let destructive = raw.destructive.unwrap_or(false);
        let target = self.target(raw.target, raw.database.as_ref(), destructive);
        let database = self.database(raw.database, target.as_ref());
        let load = self.load(&raw.load.unwrap_or_default(), target.as_ref());
        let recovery = self.recovery(&raw.recovery.unwrap_or_default());
        if raw.workload.is_none() {
            self.complain(
                KeyPath::root(),
                "the plan names no workload",
                format!("add a table [workload] with one of {}", workload_names()),
            );
        }
        let offered = target
            .as_ref()
            .and_then(|target| offered(target, database.as_ref()));
        if let (Some(workload), Some(offered)) = (&raw.workload, &offered) {
            self.fits(workload, offered, target.as_ref(), database.as_ref());
        }
        if let (Some(target), Some(time)) = (&target, time) {
            self.faults(&raw.faults, &target.nodes(), time);
            self.faults_fit(&raw.faults, target);
        }
        if let (Some(load), Some(target)) = (&load, &target) {
            self.routing_fits(load.routing, target);
        }
        let default_checkers = match (&raw.workload, &offered) {
            (Some(workload), Some(offered)) => Some(workload.build(offered).checkers()),
            _ => None,
        };
        let checks = self.checks(
            raw.checks.unwrap_or_default(),
            raw.checkers.unwrap_or_default(),
            default_checkers,
        );
        let gates = self.gates(raw.gates.unwrap_or_default(), checks.as_ref());

        let time = time?;
        Some(Plan {
            name: name?,
            seed: seed?,
            time,
            destructive,
            target: target?,
            database,
            workload: raw.workload?,
            load: load?,
            faults: raw
                .faults
                .iter()
                .map(|fault| fault.explicit(time))
                .collect(),
            recovery: recovery?,
            checks: checks?,
            gates: gates?,
        })
    }

    /// Notes what is wrong and what would be right; the latter may be empty.
    fn complain(&mut self, path: KeyPath, message: impl Into<String>, help: impl Into<String>) {
        let help = help.into();
        self.complaints.push(Complaint {
            path,
            is_about_key: false,
            message: message.into(),
            help: (!help.is_empty()).then_some(help),
        });
    }

    fn name(&mut self, name: Option<String>) -> Option<String> {
        let Some(name) = name else {
            return Some(as_name(self.reading.default_name));
        };
        if is_name(&name) {
            return Some(name);
        }
        self.complain(
            at("name"),
            "this cannot be the name of a folder",
            format!(
                "use letters, digits, `-`, `_` and `.`, at most {NAME_MAX} of them and no `.` first, as in \"{}\"",
                as_name(&name)
            ),
        );
        None
    }

    fn seed(&mut self, seed: Option<u64>) -> Option<u64> {
        let seed = seed.unwrap_or(self.reading.default_seed);
        if seed > SEED_MAX {
            self.complain(
                at("seed"),
                "this seed is too large",
                format!("a seed is a whole number from 0 to {SEED_MAX}"),
            );
            return None;
        }
        Some(seed)
    }

    /// A length of time that must not be zero, nor longer than `max`.
    fn duration(
        &mut self,
        given: Option<Span>,
        path: &str,
        default: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let duration = given.map_or(default, |span| span.0);
        if duration.is_zero() {
            self.complain(
                at(path),
                "this must be longer than no time at all",
                format!("leave it out for {}", Span(default)),
            );
            return None;
        }
        if duration > max {
            self.complain(
                at(path),
                format!("{} is too long", Span(duration)),
                format!("at most {}", Span(max)),
            );
            return None;
        }
        Some(duration)
    }

    fn load(&mut self, raw: &RawLoad, target: Option<&Target>) -> Option<Load> {
        let before = self.complaints.len();
        let concurrency = raw.concurrency.unwrap_or(Concurrency::PerNode(2));
        let nodes = target.map_or(1, |target| target.nodes().len());
        match concurrency.on(nodes) {
            0 => self.complain(
                at("load.concurrency"),
                "without a process nothing is called",
                "write a number from 1, or \"2n\" for two processes for each node",
            ),
            processes if processes > PROCESSES_MAX => self.complain(
                at("load.concurrency"),
                format!("{concurrency} on {nodes} nodes is {processes} processes"),
                format!("at most {PROCESSES_MAX}"),
            ),
            _ => {}
        }
        if let Some(rate) = raw.rate
            && !(rate > 0.0 && rate <= RATE_MAX)
        {
            self.complain(
                at("load.rate"),
                format!("{rate} is no rate"),
                format!(
                    "calls a second, all processes together: above 0, at most {RATE_MAX}; leave it out for as many as \
                     the database answers"
                ),
            );
        }
        let pace = match (raw.rate, raw.open.unwrap_or(false)) {
            (None, false) => Pace::AsFastAsPossible,
            (Some(rate), false) => Pace::Throttled(rate),
            (Some(rate), true) => Pace::Open(rate),
            (None, true) => {
                self.complain(
                    at("load.open"),
                    "an open loop needs a rate",
                    "add rate = … (calls a second, all processes together)".to_owned(),
                );
                Pace::AsFastAsPossible
            }
        };
        let timeout = self.duration(
            raw.timeout,
            "load.timeout",
            Duration::from_secs(5),
            Duration::from_hours(1),
        );
        if raw.operations == Some(0) {
            self.complain(
                at("load.operations"),
                "with no operations there is nothing to judge",
                "leave it out for as many as the time allows".to_owned(),
            );
        }
        (self.complaints.len() == before).then_some(Load {
            concurrency,
            pace,
            timeout: timeout?,
            routing: raw.routing.unwrap_or_default(),
            operations: raw.operations,
        })
    }

    fn recovery(&mut self, raw: &RawRecovery) -> Option<Recovery> {
        let day = Duration::from_hours(24);
        let within = self.duration(raw.within, "recovery.within", Duration::from_mins(1), day);
        // No settling at all is a choice that a plan may make.
        let settle = match raw.settle {
            Some(span) if span.0.is_zero() => Some(Duration::ZERO),
            settle => self.duration(settle, "recovery.settle", Duration::from_secs(2), day),
        };
        Some(Recovery {
            within: within?,
            settle: settle?,
        })
    }

    fn fits(
        &mut self,
        workload: &schism_workloads::Spec,
        offered: &[Capability],
        target: Option<&Target>,
        database: Option<&Database>,
    ) {
        let missing = workload.missing(offered);
        if missing.is_empty() {
            return;
        }
        let names = |capabilities: &[Capability]| {
            capabilities
                .iter()
                .map(|capability| capability.name())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (what, others) = match (target, database) {
            (Some(Target::Sim(config)), _) => {
                let others: Vec<_> = schism_simulator::STORES
                    .iter()
                    .filter(|store| workload.missing(sim::offered(store)).is_empty())
                    .map(|store| store.name)
                    .collect();
                (format!("the store {}", config.store), others)
            }
            (Some(Target::Maelstrom(maelstrom)), _) => {
                let others: Vec<_> = PROTOCOLS
                    .iter()
                    .filter(|protocol| workload.missing(protocol.offers).is_empty())
                    .map(|protocol| protocol.name)
                    .collect();
                (format!("the protocol {}", maelstrom.protocol.name), others)
            }
            (_, Some(database)) => {
                let others: Vec<_> = schism_workloads::clients::DATABASES
                    .iter()
                    .filter(|database| workload.missing(database.capabilities).is_empty())
                    .map(|database| database.name)
                    .collect();
                (database.client.listed().name.to_owned(), others)
            }
            _ => return,
        };
        let runnable: Vec<_> = WORKLOADS
            .iter()
            .filter(|listed| (listed.spec)().missing(offered).is_empty())
            .map(|listed| listed.name)
            .collect();
        let help = format!(
            "workloads that run there: {}; where this one runs: {}",
            listed(&runnable),
            listed(&others)
        );
        self.complain(
            at("workload").key(workload.name()),
            format!(
                "the workload {} needs {}, which {what} does not offer",
                workload.name(),
                names(&missing)
            ),
            help,
        );
    }

    fn faults(&mut self, faults: &[schism_nemeses::Spec], nodes: &[Arc<str>], time: Duration) {
        for mistake in schism_nemeses::validate(faults, nodes, time) {
            let path = mistake.path.parse().unwrap_or_default();
            let unknown = mistake
                .message
                .strip_prefix("there is no node \"")
                .and_then(|rest| rest.strip_suffix('"'));
            let meant = unknown.and_then(|name| nearest(name, nodes.iter().map(AsRef::as_ref)));
            let help = match meant {
                Some(node) => format!("did you mean `{node}`? {}", mistake.remedy),
                None => mistake.remedy,
            };
            self.complain(path, mistake.message, help);
        }
    }

    /// A path of this machine: `~` is the home folder, anything else relative starts at the plan's folder.
    fn local_path(&mut self, text: &str, path: &KeyPath) -> Option<PathBuf> {
        if text.is_empty() || text.contains('\0') {
            self.complain(path.clone(), "a path is missing here", "");
            return None;
        }
        let after_tilde = text.strip_prefix('~');
        if after_tilde.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            self.complain(
                path.clone(),
                "only one's own home folder can be written with `~`",
                "write `~/…` or the whole path",
            );
            return None;
        }
        let from_home = after_tilde.map(|rest| rest.trim_start_matches('/'));
        match (from_home, self.reading.home) {
            (Some(rest), Some(home)) => Some(home.join(rest)),
            (Some(_), None) => {
                self.complain(
                    path.clone(),
                    "`~` cannot be resolved: HOME is not set",
                    "write the whole path".to_owned(),
                );
                None
            }
            // Without `.` in the middle: the path is shown to people.
            (None, _) => Some(self.reading.folder.join(text).components().collect()),
        }
    }

    /// Complains unless the file is there. A recorded plan may be read where its files are not.
    fn must_be_a_file(&mut self, file: &Path, path: &KeyPath, what: &str) {
        if !self.reading.look_at_files || file.is_file() {
            return;
        }
        let message = if file.is_dir() {
            format!("{} is a folder, not {what}", file.display())
        } else {
            format!("there is no file {}", file.display())
        };
        self.complain(
            path.clone(),
            message,
            format!("name {what}; relative paths start at the plan's folder"),
        );
    }
}

const NAME_MAX: usize = 100;

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX
        && !name.starts_with(['.', '-'])
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// The nearest text that can be a name.
fn as_name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
                c
            } else {
                '-'
            }
        })
        .take(NAME_MAX)
        .collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "plan" } else { name }.to_owned()
}

/// The path to a key whose parents need no quotes.
fn at(path: &str) -> KeyPath {
    path.split('.')
        .fold(KeyPath::root(), |path, key| path.key(key))
}

/// What can be asked of the target.
fn offered(target: &Target, database: Option<&Database>) -> Option<&'static [Capability]> {
    match (target, database) {
        (Target::Sim(config), _) => {
            schism_simulator::stores::named(&config.store).map(sim::offered)
        }
        (Target::Maelstrom(maelstrom), _) => Some(maelstrom.protocol.offers),
        (_, Some(database)) => Some(database.client.listed().capabilities),
        _ => None,
    }
}

fn workload_names() -> String {
    let names: Vec<_> = WORKLOADS.iter().map(|listed| listed.name).collect();
    listed(&names)
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name() {
        for (text, name) in [
            ("etcd-linearizable", "etcd-linearizable"),
            ("my plan (v2)", "my-plan--v2-"),
            ("../../etc", "..-etc"),
            ("", "plan"),
            (".hidden", "hidden"),
            ("-x", "x"),
            ("größe", "gr--e"),
        ] {
            let made = as_name(text);
            assert!(is_name(&made), "{made}");
            if text != "../../etc" {
                assert_eq!(made, name);
            }
        }
        assert!(is_name(&as_name(&"x".repeat(1_000))));
    }
}
