//! The labs of this machine: making, finding and removing them.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{self, Lock, Phase, Record};
use super::teardown::{self, Unfinished};
use super::{
    Lab, LabError, LabNode, MOUNT_POINT, Missing, Recipe, databases, netns, process, tool,
};

/// The most nodes of a lab. Host numbers above are the controller's and spare.
pub const MAX_NODES: usize = 99;

/// What lab to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database; one of [`databases`].
    pub database: String,
    /// The lab's name: 1 to 32 of a-z, 0-9 and -.
    pub name: String,
    /// How many nodes: 1 to [`MAX_NODES`].
    pub nodes: usize,
    /// The database's program; from `PATH` if none is named.
    pub binary: Option<PathBuf>,
    /// How long the database may take, after its start, until every node is ready.
    pub ready_within: Duration,
    /// Whether a lab that does not become ready is left as it is, for a look at it.
    pub keep_on_failure: bool,
}

impl Options {
    /// Five nodes of the database, in a lab of the same name.
    pub fn new(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            name: database.to_owned(),
            nodes: 5,
            binary: None,
            ready_within: Duration::from_mins(1),
            keep_on_failure: false,
        }
    }
}

/// The labs of one directory.
#[derive(Clone, Debug)]
pub struct Labs {
    root: PathBuf,
}

impl Labs {
    /// The labs of this machine: those below `/var/lib/schism/labs`, or what `SCHISM_LABS` names.
    pub fn of_this_machine() -> Self {
        Self {
            root: record::root(),
        }
    }

    /// The labs below another directory, an absolute path.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The names of all labs here, half-finished ones included; sorted.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| record::check_name(name).is_ok() && self.directory(name).is_dir())
            .collect();
        names.sort();
        names
    }

    /// The names of labs that have namespaces or processes on this machine but no directory here, sorted: their
    /// directory was deleted, or they were made with another `SCHISM_LABS`.
    pub fn strays(&self) -> Vec<String> {
        netns::labs()
            .into_iter()
            .filter(|name| !self.directory(name).is_dir())
            .collect()
    }

    /// The lab of this name, ready or not.
    ///
    /// # Errors
    /// There is none, its record cannot be read, or making it was ended before there was anything to open.
    pub fn open(&self, name: &str) -> Result<Lab, LabError> {
        record::check_name(name)?;
        let directory = self.directory(name);
        if !directory.is_dir() {
            return Err(self.stray(name).unwrap_or_else(|| LabError::NoSuchLab {
                name: name.to_owned(),
                known: self.names(),
            }));
        }
        match Record::read(name, &directory)? {
            Some(record) => Ok(Lab {
                root: self.root.clone(),
                directory,
                record,
            }),
            None => Err(LabError::HalfFinished {
                name: name.to_owned(),
                reason: "it has no lab.json".to_owned(),
            }),
        }
    }

    /// The lab of this name, or the only one there is.
    ///
    /// # Errors
    /// As [`Labs::open`], and when there are none or several.
    pub fn open_or_only(&self, name: Option<&str>) -> Result<Lab, LabError> {
        match name {
            Some(name) => self.open(name),
            None => self.open(&self.only()?),
        }
    }

    /// The name of the only lab.
    ///
    /// # Errors
    /// There are none or several.
    pub fn only(&self) -> Result<String, LabError> {
        let mut names = self.names();
        match names.len() {
            0 => Err(LabError::NoLab),
            1 => Ok(names.remove(0)),
            _ => Err(LabError::WhichLab { known: names }),
        }
    }

    /// Makes a lab and waits until its database is ready on every node. When it fails, or when the future is dropped,
    /// what had been made is removed again.
    ///
    /// # Errors
    /// Options that cannot be, a name that is taken, no root, missing programs, no free subnet; a node or a database
    /// that does not come up in time, with the last lines of its log.
    pub async fn up(&self, options: &Options) -> Result<Lab, LabError> {
        record::check_name(&options.name)?;
        if !(1..=MAX_NODES).contains(&options.nodes) {
            return Err(LabError::BadNodeCount {
                nodes: options.nodes,
                max: MAX_NODES,
            });
        }
        let (database, recipe) =
            Recipe::of(&options.database).ok_or_else(|| LabError::UnknownDatabase {
                name: options.database.clone(),
                known: databases(),
            })?;
        check_machine()?;
        let binary = find_binary(options.binary.as_deref(), &recipe)?;

        let (lab, unfinished) = self.found(options, database, binary)?;
        match lab.bring_up(options.ready_within).await {
            Ok(lab) => {
                unfinished.keep();
                Ok(lab)
            }
            Err(error) if options.keep_on_failure => {
                unfinished.keep();
                Err(error)
            }
            Err(first) => Err(unfinished.remove_after(first)),
        }
    }

    /// Removes a lab, whatever is left of it: processes, namespaces, interfaces, mounts, files. A lab that is not
    /// whole is no error; one that is not there at all is.
    ///
    /// # Errors
    /// There is none; another schism is making or removing it; something of it resists.
    pub fn down(&self, name: &str) -> Result<(), LabError> {
        record::check_name(name)?;
        need_root()?;
        let directory = self.directory(name);
        if !directory.exists() && traces(name).is_empty() {
            return Err(LabError::NoSuchLab {
                name: name.to_owned(),
                known: self.names(),
            });
        }
        if let Some(elsewhere) = self.elsewhere(name) {
            return Err(elsewhere);
        }
        let machine = Lock::machine()?;
        let lab = if directory.exists() {
            Some(Lock::lab_soon(name, &directory)?)
        } else {
            None
        };
        teardown::tear_down(&machine, lab.as_ref(), &self.root, name)
    }

    /// Under the machine's lock: chooses the subnet, writes the record, makes the network.
    fn found(
        &self,
        options: &Options,
        database: &'static str,
        binary: PathBuf,
    ) -> Result<(Lab, Unfinished), LabError> {
        let name = options.name.as_str();
        let directory = self.directory(name);
        let machine = Lock::machine()?;
        if directory.exists() {
            return Err(LabError::NameTaken {
                name: name.to_owned(),
                directory,
            });
        }
        if let Some(stray) = self.stray(name) {
            return Err(stray);
        }
        let subnet = netns::free_subnet()?;
        let ipv6 = netns::has_ipv6();
        let nodes: Vec<_> = (1..=options.nodes)
            .map(|number| {
                let host = u8::try_from(number).expect("at most MAX_NODES");
                let name = format!("n{number}");
                LabNode {
                    address: subnet.address(host),
                    address6: ipv6.then(|| subnet.address6(host)),
                    ssh_port: 22,
                    directory: record::node_directory(&directory, &name),
                    name,
                }
            })
            .collect();

        fs::create_dir_all(&self.root).map_err(LabError::file(&self.root))?;
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(LabError::file(&directory))?;
        let unfinished = Unfinished::new(&self.root, name, Lock::lab(name, &directory)?);
        let record = Record {
            format: Record::format(),
            schism: env!("CARGO_PKG_VERSION").to_owned(),
            name: name.to_owned(),
            database: database.to_owned(),
            database_version: None,
            binary,
            phase: Phase::Starting,
            subnet: subnet.v4,
            ipv6,
            nodes,
        };
        let built = record
            .write(&directory)
            .and_then(|()| {
                let mount_point = Path::new(MOUNT_POINT);
                fs::create_dir_all(mount_point).map_err(LabError::file(mount_point))
            })
            .and_then(|()| netns::build(name, subnet, ipv6, &record.nodes));
        // Removing what a failure left takes this lock again.
        drop(machine);
        match built {
            Ok(()) => Ok((
                Lab {
                    root: self.root.clone(),
                    directory,
                    record,
                },
                unfinished,
            )),
            Err(first) => Err(unfinished.remove_after(first)),
        }
    }

    /// A lab of this name that has no directory here, as an error.
    fn stray(&self, name: &str) -> Option<LabError> {
        if let Some(elsewhere) = self.elsewhere(name) {
            return Some(elsewhere);
        }
        let left = traces(name);
        (!left.is_empty()).then(|| LabError::Orphans {
            name: name.to_owned(),
            left: left.join(", "),
        })
    }

    /// A living lab of this name below another directory, as an error.
    fn elsewhere(&self, name: &str) -> Option<LabError> {
        let nodes = process::running_inits(&netns::prefix(name));
        let lab = nodes
            .values()
            .find_map(|directory| directory.ancestors().nth(2))?;
        let other = lab.parent().filter(|_| lab.is_dir())?;
        let same = other == self.root || other.canonicalize().ok() == self.root.canonicalize().ok();
        (!same).then(|| LabError::Elsewhere {
            name: name.to_owned(),
            root: other.to_owned(),
        })
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// The namespaces and processes of a lab of this name, for people.
fn traces(name: &str) -> Vec<String> {
    let mut traces = netns::existing(&netns::prefix(name));
    traces.extend(
        netns::members(name)
            .processes()
            .iter()
            .map(|pid| format!("process {pid}")),
    );
    traces
}

/// Whether this machine, and we on it, can have labs.
fn check_machine() -> Result<(), LabError> {
    need_root()?;
    let missing = tool::missing();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(LabError::MissingTools(missing))
    }
}

/// Whether we may touch labs at all.
pub(crate) fn need_root() -> Result<(), LabError> {
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(LabError::NotRoot)
    }
}

/// The database's program, with symbolic links followed.
fn find_binary(named: Option<&Path>, recipe: &Recipe) -> Result<PathBuf, LabError> {
    let Some(path) = named else {
        return tool::find(&recipe.binary)
            .and_then(|path| path.canonicalize().ok())
            .ok_or_else(|| {
                LabError::MissingTools(vec![Missing {
                    tool: recipe.binary.clone(),
                    package: recipe.package.clone(),
                }])
            });
    };
    let bad = |reason: String| LabError::Binary {
        path: path.to_owned(),
        reason,
    };
    let path = path
        .canonicalize()
        .map_err(|error| bad(error.to_string()))?;
    if tool::is_executable(&path) {
        Ok(path)
    } else {
        Err(bad("it is no file that may be executed".to_owned()))
    }
}
