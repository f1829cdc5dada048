//! The controller against a scripted database and a scripted nemesis, in paused time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use schism_history::{FaultOutcome, History, OpId, Outcome, jsonl};
use schism_nemeses::{Fault, Spec, timeline};
use schism_workloads::{Answer, Capability, Done, Failure, Registers, Role, SetupError};

use super::*;
use crate::clock::MonotonicClock;
use crate::generator::{delay, draws, limit, open_loop, time_limit};

const MS: Duration = Duration::from_millis(1);

/// How a call ends.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Ok,
    Fail,
    Info,
    Never,
}

type Script = Rc<dyn Fn(&str, Time) -> (Duration, Reply)>;
type Condition = Rc<dyn Fn(&str, Time) -> bool>;

/// A database that follows a script: by node and time, how long a call takes and how it ends.
#[derive(Clone)]
struct Scripted {
    clock: MonotonicClock,
    script: Script,
    refuses: Condition,
    healthy: Condition,
    /// Whether n2 leads.
    leads: Condition,
    connections: Rc<Cell<u32>>,
}

struct ScriptedClient {
    database: Scripted,
    node: Arc<str>,
}

impl ScriptedClient {
    async fn answer<T>(&self, value: T) -> Answer<T> {
        let (latency, reply) = (self.database.script)(&self.node, self.database.clock.now());
        tokio::time::sleep(latency).await;
        match reply {
            Reply::Ok => Ok(Done::new(value)),
            Reply::Fail => Err(Failure::fail("scripted", "no")),
            Reply::Info => Err(Failure::info("scripted", "who knows")),
            Reply::Never => std::future::pending().await,
        }
    }
}

#[async_trait(?Send)]
impl Registers for ScriptedClient {
    async fn read(&mut self, _: &Value) -> Answer<Value> {
        self.answer(Value::from(&*self.node)).await
    }

    async fn write(&mut self, _: &Value, _: &Value) -> Answer<()> {
        self.answer(()).await
    }
}

impl Client for ScriptedClient {
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        Some(self)
    }
}

#[async_trait(?Send)]
impl Database for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn capabilities(&self) -> &'static [Capability] {
        &[Capability::Registers]
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Client>, Failure> {
        if (self.refuses)(&endpoint.node, self.clock.now()) {
            return Err(Failure::info("connection refused", ""));
        }
        self.connections.set(self.connections.get() + 1);
        Ok(Box::new(ScriptedClient {
            database: self.clone(),
            node: Arc::clone(&endpoint.node),
        }))
    }

    async fn prepare(&self, _: &[Endpoint]) -> Result<(), SetupError> {
        Ok(())
    }

    async fn health(&self, endpoint: &Endpoint) -> Result<String, SetupError> {
        let node = Arc::clone(&endpoint.node);
        if (self.healthy)(&node, self.clock.now()) {
            Ok("1.0".to_owned())
        } else {
            Err(SetupError::Node {
                node,
                reason: "not yet".to_owned(),
            })
        }
    }

    async fn roles(&self, endpoints: &[Endpoint]) -> Vec<(Arc<str>, Role)> {
        let leads = &endpoints[1].node;
        if (self.leads)(leads, self.clock.now()) {
            vec![(Arc::clone(leads), Role::Leader)]
        } else {
            Vec::new()
        }
    }
}

/// Notes what it is told to do; each step takes 100 ms.
#[derive(Default)]
struct Nemesis {
    steps: RefCell<Vec<String>>,
    renewals: Cell<u32>,
}

impl Nemesis {
    async fn step(&self, what: String) -> Report {
        tokio::time::sleep(MS * 100).await;
        self.steps.borrow_mut().push(what);
        Report {
            outcome: FaultOutcome::Installed,
            evidence: Value::map([("probes", "all")]),
        }
    }
}

#[async_trait(?Send)]
impl Injector for Nemesis {
    async fn inject(&self, fault: &Fault) -> Report {
        self.step(format!("inject {}", fault.label)).await
    }

    async fn heal(&self, fault: &Fault) -> Report {
        self.step(format!("heal {}", fault.label)).await
    }

    async fn renew(&self) {
        self.renewals.set(self.renewals.get() + 1);
    }

    async fn heal_all(&self) -> Report {
        self.step("heal all".to_owned()).await
    }
}

struct Reads;

#[async_trait(?Send)]
impl Invoker for Reads {
    async fn invoke(&self, client: &mut dyn Client, call: &Invocation) -> Answer<Value> {
        client
            .registers()
            .expect("it has registers")
            .read(&call.key)
            .await
    }
}

struct ReadLoad<G> {
    generator: G,
    final_reads: Vec<Invocation>,
}

impl<G: Generator> Load for ReadLoad<G> {
    fn generator(&mut self) -> &mut dyn Generator {
        &mut self.generator
    }

    fn final_reads(&self) -> Vec<Invocation> {
        self.final_reads.clone()
    }

    fn invoker(&self) -> Arc<dyn Invoker> {
        Arc::new(Reads)
    }
}

/// A run to be tried; the defaults are the healthy ones.
struct Trial<G> {
    workers: usize,
    generator: G,
    routing: Routing,
    script: Script,
    refuses: Condition,
    healthy: Condition,
    /// Whether n2 leads.
    leads: Condition,
    faults: &'static str,
    interrupts: Vec<(Duration, u8)>,
    final_reads: Vec<Invocation>,
}

struct Tried {
    history: History,
    finished: Finished,
    steps: Vec<String>,
    renewals: u32,
    connections: u32,
}

fn trial<G: Generator>(workers: usize, generator: G) -> Trial<G> {
    Trial {
        workers,
        generator,
        routing: Routing::Pinned,
        script: Rc::new(|_, _| (MS * 10, Reply::Ok)),
        refuses: Rc::new(|_, _| false),
        healthy: Rc::new(|_, _| true),
        leads: Rc::new(|_, _| true),
        faults: "",
        interrupts: Vec::new(),
        final_reads: Vec::new(),
    }
}

fn reads() -> impl Generator {
    draws(|_: &schism_workloads::Turn| Invocation::new(F::Read, 1, Value::Nil))
}

impl<G: Generator> Trial<G> {
    fn script(self, script: impl Fn(&str, Time) -> (Duration, Reply) + 'static) -> Self {
        Self {
            script: Rc::new(script),
            ..self
        }
    }

    /// Runs it on three nodes, and reads what was recorded.
    async fn run(self) -> Tried {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path, &schism_history::Header::default()).unwrap();
        let (finished, nemesis, connections) = self.run_with(recorder).await;
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let (history, torn) = jsonl::read(file).unwrap();
        assert_eq!(torn, None);
        Tried {
            history,
            finished: finished.unwrap(),
            steps: nemesis.steps.into_inner(),
            renewals: nemesis.renewals.get(),
            connections,
        }
    }

    async fn run_with(self, recorder: Recorder) -> (Result<Finished, Unrecorded>, Nemesis, u32) {
        #[derive(serde::Deserialize)]
        struct Faults {
            #[serde(default)]
            faults: Vec<Spec>,
        }
        let nodes: Vec<Arc<str>> = ["n1", "n2", "n3"].map(Arc::from).into();
        let endpoints: Vec<_> = nodes
            .iter()
            .map(|node| Endpoint {
                node: Arc::clone(node),
                host: String::new(),
                port: 0,
            })
            .collect();
        let specs = toml::from_str::<Faults>(self.faults).unwrap().faults;
        let strikes = timeline(&specs, &nodes, Duration::from_secs(20), 1);
        let clock = MonotonicClock::start();
        let database = Scripted {
            clock,
            script: self.script,
            refuses: self.refuses,
            healthy: self.healthy,
            leads: self.leads,
            connections: Rc::default(),
        };
        let nemesis = Nemesis::default();
        let interrupts = Interrupts::default();
        let settings = Settings {
            timeout: MS * 500,
            routing: self.routing,
            seed: 1,
            near: Arc::default(),
            recovery: Duration::from_secs(5),
            settle: MS * 100,
            lease: Duration::from_secs(4),
        };
        let mut load = ReadLoad {
            generator: self.generator,
            final_reads: self.final_reads,
        };
        let ready = Run {
            watch: None,
            cluster: Cluster {
                clock: &clock,
                database: &database,
                endpoints: &endpoints,
                injector: &nemesis,
            },
            settings: &settings,
            workers: self.workers,
            strikes,
            recorder,
            interrupts: &interrupts,
        };
        let mut nobody = ();
        let user = async {
            for (after, signal) in self.interrupts {
                tokio::time::sleep(after).await;
                interrupts.interrupt(signal);
            }
            std::future::pending::<()>().await;
        };
        let finished = tokio::select! {
            finished = run(ready, &mut load, &mut nobody) => finished,
            () = user => unreachable!("the user never leaves"),
        };
        (finished, nemesis, database.connections.get())
    }
}

impl Tried {
    fn phases(&self) -> Vec<(&str, u64)> {
        self.history
            .phases()
            .iter()
            .map(|phase| (&*phase.name, phase.from.as_nanos() / 1_000_000))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn operations_are_recorded_with_their_times_and_nodes() {
    let tried = trial(2, limit(4, reads())).run().await;
    let shown: Vec<_> = tried
        .history
        .operations()
        .map(|op| op.to_string())
        .collect();
    assert_eq!(
        shown,
        [
            "#0 process 0 on n1: read 1 -> \"n1\", 0.000 s..0.010 s",
            "#1 process 1 on n2: read 1 -> \"n2\", 0.000 s..0.010 s",
            "#2 process 0 on n1: read 1 -> \"n1\", 0.010 s..0.020 s",
            "#3 process 1 on n2: read 1 -> \"n2\", 0.010 s..0.020 s",
        ]
    );
    assert_eq!(tried.connections, 2, "a connection is kept");
    assert_eq!(
        tried.finished.events,
        8 + tried.history.phases().len() as u64
    );
}

#[tokio::test(start_paused = true)]
async fn after_an_unknown_operation_another_process_goes_on_with_a_new_connection() {
    let tried = trial(2, limit(4, reads()))
        .script(|_, _| (MS, Reply::Info))
        .run()
        .await;
    let processes: Vec<_> = tried
        .history
        .operations()
        .map(|op| op.process.number().unwrap())
        .collect();
    assert_eq!(processes, [0, 1, 2, 3]);
    assert_eq!(tried.connections, 4);
    let first = tried.history.operation(OpId(0));
    assert_eq!(
        (first.outcome, &**first.error().unwrap()),
        (Outcome::Info, "scripted: who knows")
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_operation_the_process_goes_on() {
    let tried = trial(1, limit(3, reads()))
        .script(|_, _| (MS, Reply::Fail))
        .run()
        .await;
    assert!(
        tried
            .history
            .operations()
            .all(|op| op.outcome == Outcome::Fail && op.process == Process::client(0))
    );
    assert_eq!(tried.connections, 1);
}

#[tokio::test(start_paused = true)]
async fn what_never_answers_is_given_up_in_time() {
    let tried = trial(1, limit(2, reads()))
        .script(|_, _| (MS, Reply::Never))
        .run()
        .await;
    for op in tried.history.operations() {
        assert_eq!((op.outcome, op.latency()), (Outcome::Info, Some(MS * 500)));
        assert_eq!(&**op.error().unwrap(), "timeout: no answer in time");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_without_a_connection_failed_and_its_worker_rests() {
    let mut refused = trial(1, time_limit(Duration::from_secs(1), reads()));
    refused.refuses = Rc::new(|_, now| now < Time::from_millis(450));
    let tried = refused.run().await;
    let failed: Vec<_> = tried
        .history
        .operations()
        .filter(|op| op.outcome == Outcome::Fail)
        .collect();
    let begins: Vec<_> = failed
        .iter()
        .map(|op| op.invoked.as_nanos() / 1_000_000)
        .collect();
    assert_eq!(begins, [0, 100, 200, 300, 400]);
    assert_eq!(
        &**failed[0].error().unwrap(),
        "no connection: connection refused"
    );
    assert!(
        tried
            .history
            .operations()
            .all(|op| op.process == Process::client(0))
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_rests_when_the_load_ends_does_not_hold_the_run() {
    let mut refused = trial(2, time_limit(MS * 950, reads()));
    refused.refuses = Rc::new(|node, now| node == "n2" && now < Time::from_millis(950));
    refused.faults = "[[faults]]\npartition = {}\nat = [\"500ms\"]\nfor = \"1s\"";
    refused.final_reads = vec![Invocation::new(F::Read, 7, Value::Nil)];
    let tried = refused.run().await;
    let last: Vec<_> = tried.history.operations().collect();
    let last = &last[last.len() - 3..];
    assert!(last.iter().all(|op| op.outcome == Outcome::Ok), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_roaming_process_moves_between_nodes() {
    let mut roaming = trial(1, limit(4, reads()));
    roaming.routing = Routing::Roaming;
    let tried = roaming.run().await;
    let nodes: Vec<_> = tried
        .history
        .operations()
        .map(|op| op.node().unwrap().to_string())
        .collect();
    assert_eq!(nodes, ["n1", "n2", "n3", "n1"]);
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_counts_latency_from_when_it_was_due() {
    let stall = |_: &str, now: Time| {
        (
            if now < Time::from_millis(10) {
                MS * 95
            } else {
                MS * 10
            },
            Reply::Ok,
        )
    };
    let tried = trial(1, limit(3, open_loop(MS * 40, reads())))
        .script(stall)
        .run()
        .await;
    let latencies: Vec<_> = tried
        .history
        .operations()
        .map(|op| op.latency().unwrap().as_millis())
        .collect();
    assert_eq!(latencies, [95, 65, 35]);
}

#[tokio::test(start_paused = true)]
async fn faults_strike_are_healed_and_their_leases_renewed() {
    let mut faulty = trial(
        1,
        time_limit(Duration::from_secs(20), delay(MS * 50, reads())),
    );
    faulty.faults = "
        [[faults]]
        kill = { targets = \"leader\" }
        at = [\"2s\"]
        for = \"6s\"
        [[faults]]
        pause = { targets = [\"n3\"] }
        at = [\"5s\"]
        for = \"9s\"
    ";
    let tried = faulty.run().await;
    assert_eq!(
        tried.steps,
        [
            "inject leader: n2",
            "inject n3",
            "heal leader: n2",
            "heal n3",
            "heal all"
        ]
    );
    assert!(
        (10..=14).contains(&tried.renewals),
        "{} renewals in 12 s, one a second",
        tried.renewals
    );
    let [kill, pause] = tried.history.faults() else {
        panic!("two faults")
    };
    assert_eq!((&*kill.name, &*kill.label), ("kill", "leader: n2"));
    assert_eq!(kill.injecting, Time::from_secs(2));
    assert_eq!(kill.injected, Some(Time::from_millis(2_100)));
    assert_eq!(kill.healing, Some(Time::from_secs(8)));
    assert_eq!(kill.healed, Some(Time::from_millis(8_100)));
    assert_eq!(
        (pause.outcome, pause.heal_outcome),
        (FaultOutcome::Installed, FaultOutcome::Installed)
    );
    assert_eq!(pause.evidence.get("probes"), Some(&Value::from("all")));
}

#[tokio::test(start_paused = true)]
async fn a_strike_whose_role_nobody_has_is_skipped() {
    let mut faulty = trial(
        1,
        time_limit(Duration::from_secs(20), delay(MS * 50, reads())),
    );
    faulty.faults = "[[faults]]\nkill = { targets = \"followers\" }\nat = [\"2s\"]";
    let tried = faulty.run().await;
    assert_eq!(tried.steps, ["heal all"]);
    let [kill] = tried.history.faults() else {
        panic!("one fault")
    };
    assert_eq!(kill.outcome, FaultOutcome::Skipped);
    assert!(kill.evidence.get("reason").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_strike_waits_a_moment_for_somebody_to_lead() {
    let struck = async |leads_from, faults| {
        let mut faulty = trial(
            1,
            time_limit(Duration::from_secs(20), delay(MS * 50, reads())),
        );
        faulty.leads = Rc::new(move |_, now| now >= Time::from_secs(leads_from));
        faulty.faults = faults;
        let tried = faulty.run().await;
        let [kill] = tried.history.faults() else {
            panic!("one fault")
        };
        let at = kill.injected.map_or(0, |at| at.as_nanos() / 1_000_000_000);
        (kill.outcome, at)
    };
    let long = "[[faults]]\nkill = { targets = \"leader\" }\nat = [\"2s\"]\nfor = \"8s\"";
    let short = "[[faults]]\nkill = { targets = \"leader\" }\nat = [\"2s\"]\nfor = \"3s\"";
    assert_eq!(struck(4, long).await, (FaultOutcome::Installed, 4));
    assert_eq!(struck(8, long).await, (FaultOutcome::Skipped, 6));
    assert_eq!(struck(6, short).await, (FaultOutcome::Skipped, 4));
    // The run's end is not held up by it.
    let late = "[[faults]]\nrestart = { targets = \"leader\" }\nat = [\"19s\"]";
    assert_eq!(struck(60, late).await, (FaultOutcome::Skipped, 20));
}

#[tokio::test(start_paused = true)]
async fn what_is_just_being_injected_is_healed_at_once_when_the_run_is_interrupted() {
    let mut interrupted = trial(
        1,
        time_limit(Duration::from_secs(20), delay(MS * 50, reads())),
    );
    interrupted.faults = "[[faults]]\npause = { targets = \"all\" }\nat = [\"2s\"]\nfor = \"16s\"";
    interrupted.interrupts = vec![(MS * 2_050, 2)];
    let tried = interrupted.run().await;
    assert_eq!(
        tried.steps,
        ["inject all: n1 n2 n3", "heal all: n1 n2 n3", "heal all"]
    );
    assert!(
        tried.history.end() < Time::from_secs(4),
        "{}",
        tried.history.end()
    );
}

#[tokio::test(start_paused = true)]
async fn final_reads_go_to_every_node_after_the_recovery() {
    let mut slow = trial(
        1,
        time_limit(Duration::from_secs(2), delay(MS * 50, reads())),
    );
    slow.healthy = Rc::new(|node, now| node != "n2" || now > Time::from_secs(4));
    slow.final_reads = vec![Invocation::new(F::Read, 7, Value::Nil)];
    let tried = slow.run().await;
    let nodes: Vec<_> = tried
        .history
        .operations()
        .filter(|op| op.key() == &Value::from(7))
        .map(|op| (op.node().unwrap().to_string(), op.outcome))
        .collect();
    assert_eq!(
        nodes,
        ["n1", "n2", "n3"].map(|node| (node.to_owned(), Outcome::Ok))
    );
    let phases = tried.phases();
    let names: Vec<_> = phases.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["main", "heal", "recovery", "final-reads", "end"]);
    assert!((4_000..4_500).contains(&phases[3].1), "{phases:?}");
    assert_eq!(tried.finished.unrecovered, []);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_never_recovers_is_named_and_does_not_hold_the_run() {
    let mut dead = trial(1, limit(1, reads()));
    dead.healthy = Rc::new(|node, _| node != "n2");
    dead.refuses = Rc::new(|node, _| node == "n2");
    dead.final_reads = vec![Invocation::new(F::Read, 7, Value::Nil)];
    let tried = dead.run().await;
    assert_eq!(
        tried.finished.unrecovered,
        [(Arc::from("n2"), "node n2: not yet".to_owned())]
    );
    assert!(
        tried.history.end() < Time::from_secs(12),
        "{}",
        tried.history.end()
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_interruption_heals_and_reads_once_more() {
    let mut interrupted = trial(
        1,
        time_limit(Duration::from_secs(20), delay(MS * 50, reads())),
    );
    interrupted.faults =
        "[[faults]]\npause = { targets = \"all\" }\nat = [\"2s\", \"12s\"]\nfor = \"6s\"";
    interrupted.interrupts = vec![(Duration::from_secs(3), 2)];
    interrupted.final_reads = vec![Invocation::new(F::Read, 7, Value::Nil)];
    let tried = interrupted.run().await;
    assert_eq!(
        tried.steps,
        ["inject all: n1 n2 n3", "heal all: n1 n2 n3", "heal all"]
    );
    let names: Vec<_> = tried.phases().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["main", "heal", "recovery", "final-reads", "end"]);
    assert!(
        tried.history.end() < Time::from_secs(5),
        "{}",
        tried.history.end()
    );
    assert_eq!(
        (tried.finished.interrupted, tried.finished.unstruck),
        (Some(2), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_interruption_heals_and_stops() {
    let mut interrupted = trial(
        1,
        time_limit(Duration::from_secs(20), delay(MS * 50, reads())),
    );
    interrupted.faults = "[[faults]]\npause = { targets = \"all\" }\nat = [\"2s\"]\nfor = \"6s\"";
    interrupted.healthy = Rc::new(|_, _| false);
    interrupted.interrupts = vec![(Duration::from_secs(3), 15), (Duration::from_secs(1), 2)];
    interrupted.final_reads = vec![Invocation::new(F::Read, 7, Value::Nil)];
    let tried = interrupted.run().await;
    assert_eq!(
        tried.steps,
        ["inject all: n1 n2 n3", "heal all: n1 n2 n3", "heal all"]
    );
    let names: Vec<_> = tried.phases().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["main", "heal", "recovery", "end"]);
    assert_eq!(tried.finished.interrupted, Some(15));
}

#[tokio::test(start_paused = true)]
async fn when_nothing_can_be_recorded_the_cluster_is_healed_all_the_same() {
    let mut faulty = trial(4, time_limit(Duration::from_mins(10), reads()));
    faulty.faults = "[[faults]]\npause = { targets = \"all\" }\nat = [\"1s\"]\nfor = \"18s\"";
    let (reader, writer) = std::io::pipe().unwrap();
    let file = std::fs::File::from(std::os::fd::OwnedFd::from(writer));
    let header = schism_history::Header::default();
    let recorder = Recorder::to_file(std::path::Path::new("history.jsonl"), file, &header).unwrap();
    drop(reader);
    let (finished, nemesis, _) = faulty.run_with(recorder).await;
    let error = finished.expect_err("nobody reads").to_string();
    assert!(error.contains("cannot be written"), "{error}");
    let steps = nemesis.steps.into_inner();
    assert_eq!(steps.last().map(String::as_str), Some("heal all"));
    // Whether the disk failed before or after the fault struck is the writer's affair.
    let count = |prefix| steps.iter().filter(|step| step.starts_with(prefix)).count();
    assert_eq!(count("inject all:"), count("heal all:"));
}
