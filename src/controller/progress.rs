//! How a run is going.

use schism_history::{Kind, Time};

/// Numbers of a run under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Now.
    pub time: Time,
    /// The phase.
    pub phase: &'static str,
    /// Operations that ended as `ok` so far.
    pub ok: u64,
    /// Operations that ended as `fail` so far.
    pub fail: u64,
    /// Operations that ended as `info` so far.
    pub info: u64,
    /// The labels of the faults that are active, in order of injection.
    pub active: Vec<String>,
}

impl Progress {
    pub(super) fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Ok => self.ok += 1,
            Kind::Fail => self.fail += 1,
            Kind::Info => self.info += 1,
            Kind::Invoke => {}
        }
    }
}

/// Who is told how a run is going, some times a second and at each phase's begin.
pub trait Observer {
    /// How it is going.
    fn progress(&mut self, progress: &Progress);
}

/// Nobody.
impl Observer for () {
    fn progress(&mut self, _: &Progress) {}
}
