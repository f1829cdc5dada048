//! The way back: a plan as TOML with every default written out, for the run's folder.

use super::database::{Own, RawDatabase};
use super::judgement::{Checks, Gates, Levels, Quantile};
use super::load::{Load, Pace};
use super::raw::{
    RawChecks, RawGates, RawLab, RawLevels, RawLoad, RawMaelstrom, RawNode, RawNodeTable, RawPlan,
    RawQuantiles, RawRecovery, RawSsh, RawTarget,
};
use super::target::{Ssh, Target, hops};
use super::units::{Share, Span};
use super::{Database, Plan};

impl Plan {
    /// The plan as TOML. Reading it gives the same plan, whatever its seed and name would be by default. Deterministic.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.to_raw())
            .expect("a plan holds nothing that TOML cannot say: its integers were read from TOML")
    }

    fn to_raw(&self) -> RawPlan {
        RawPlan {
            name: Some(self.name.clone()),
            seed: Some(self.seed),
            time: Some(Span(self.time)),
            destructive: Some(self.destructive),
            target: Some(target(&self.target)),
            database: self.database.as_ref().map(database),
            workload: Some(self.workload.clone()),
            load: Some(load(&self.load)),
            faults: self.faults.clone(),
            recovery: Some(RawRecovery {
                within: Some(Span(self.recovery.within)),
                settle: Some(Span(self.recovery.settle)),
            }),
            checks: Some(checks(&self.checks)),
            checkers: (!self.checks.options.told().is_empty()).then(|| self.checks.options.clone()),
            gates: (!self.gates.is_empty()).then(|| gates(&self.gates)),
        }
    }
}

fn target(target: &Target) -> RawTarget {
    let mut raw = RawTarget::default();
    match target {
        Target::Sim(config) => raw.sim = Some(config.clone()),
        Target::Maelstrom(maelstrom) => {
            raw.maelstrom = Some(RawMaelstrom {
                bin: Some(text(&maelstrom.bin)),
                args: maelstrom.args.clone(),
                nodes: Some(maelstrom.nodes),
                protocol: Some(maelstrom.protocol.name.to_owned()),
                latency: Some(Span(maelstrom.latency.mean)),
                distribution: Some(maelstrom.latency.distribution),
                loss: Some(maelstrom.loss),
                topology: Some(maelstrom.topology),
            });
        }
        Target::Lab(lab) => {
            raw.lab = Some(RawLab {
                nodes: Some(lab.nodes),
                name: Some(lab.name.clone()),
                binary: lab.binary.as_deref().map(text),
            });
        }
        Target::Ssh(target) => raw.ssh = Some(ssh(target)),
    }
    raw
}

fn ssh(ssh: &Ssh) -> RawSsh {
    RawSsh {
        nodes: Some(
            ssh.nodes
                .iter()
                .map(|node| {
                    RawNode::Table(RawNodeTable {
                        name: Some(node.name.to_string()),
                        host: node.host.clone(),
                        address: node.address.map(|address| address.to_string()),
                        port: node.port,
                    })
                })
                .collect(),
        ),
        user: ssh.user.clone(),
        port: ssh.port,
        key: ssh.key.as_deref().map(text),
        passphrase: ssh.passphrase.clone(),
        known_hosts: ssh.known_hosts.as_deref().map(text),
        jump: (!ssh.jump.is_empty()).then(|| hops(&ssh.jump)),
        config: Some(ssh.config),
        sudo: Some(ssh.sudo),
        accept_new_host_keys: Some(ssh.accept_new_host_keys),
    }
}

fn database(database: &Database) -> RawDatabase {
    let service = database.service.clone();
    RawDatabase {
        clients: vec![database.client.clone()],
        own: Own {
            port: Some(database.port),
            start: service.start,
            stop: service.stop,
            process: service.process,
            pattern: service.pattern,
            user: service.user,
            data: service.data,
            logs: service.logs,
            crash: service.crash,
        },
    }
}

fn load(load: &Load) -> RawLoad {
    let (rate, open) = match load.pace {
        Pace::AsFastAsPossible => (None, false),
        Pace::Throttled(rate) => (Some(rate), false),
        Pace::Open(rate) => (Some(rate), true),
    };
    RawLoad {
        concurrency: Some(load.concurrency),
        rate,
        open: Some(open),
        timeout: Some(Span(load.timeout)),
        routing: Some(load.routing),
        operations: load.operations,
    }
}

fn checks(checks: &Checks) -> RawChecks {
    RawChecks {
        checkers: Some(checks.checkers.clone()),
        steps: Some(checks.steps),
        memory: Some(checks.memory),
        minimum_ok: Some(checks.minimum_ok),
        stop_on: checks.stop_on,
    }
}

fn gates(gates: &Gates) -> RawGates {
    let share = |share: Share| share;
    RawGates {
        require: (!gates.require.is_empty()).then(|| gates.require.clone()),
        availability: levels(gates.availability, share),
        errors: levels(gates.errors, share),
        stale_reads: levels(gates.stale_reads, share),
        recovery: levels(gates.recovery, Span),
        latency: gates
            .latency
            .iter()
            .map(|(function, quantiles)| {
                let of = |quantile| levels(quantiles.get(&quantile).copied(), Span);
                let raw = RawQuantiles {
                    p50: of(Quantile::P50),
                    p95: of(Quantile::P95),
                    p99: of(Quantile::P99),
                    p999: of(Quantile::P999),
                };
                (function.clone(), raw)
            })
            .collect(),
    }
}

fn levels<T, R>(levels: Option<Levels<T>>, raw: impl Fn(T) -> R) -> Option<RawLevels<R>> {
    levels.map(|levels| RawLevels {
        warning: levels.warning.map(&raw),
        critical: levels.critical.map(&raw),
    })
}

/// Paths come from a plan, which is UTF-8, or from the folders around it.
fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}
