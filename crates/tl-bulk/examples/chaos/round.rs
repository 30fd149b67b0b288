//! One round: an emulator, clips, processes that are disturbed, a run that ends, and the oracle.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tl_emulator::platform::Plan;

use crate::Options;
use crate::clips;
use crate::clock::Clock;
use crate::emulator::{CHUNK, Platform};
use crate::oracle::{self, Counts};
use crate::postgres::Server;
use crate::process::{Setting, Tl, describe, tail};
use crate::scenario::Scenario;

/// How long a run may take, and a worker may wait for an expired lease.
pub(crate) const LIMIT: Duration = Duration::from_secs(150);

/// Runs until everything is done.
const RUNS: u32 = 6;

const INDEX: &str = "chaos";

/// Where a process can be killed by both routes, and by one.
const EXCHANGES: [&str; 1] = ["indexes.indexed_assets.create"];
const OF_ASSETS: [&str; 1] = ["assets.create"];
const OF_CHUNKS: [&str; 3] = [
    "multipart_upload.create",
    CHUNK,
    "multipart_upload.report_chunk_batch",
];

/// Requests that look up what an earlier process left in doubt, or wait for the platform.
const LOOKUPS: [&str; 3] = [
    "assets.list",
    "indexes.indexed_assets.list_by_asset",
    "indexes.indexed_assets.list",
];

pub(crate) struct Round {
    pub(crate) seed: u64,
    scenario: Scenario,
    random: Cell<u64>,
    folder: TempDir,
    tl: PathBuf,
    keeps_folder: bool,
    started: Instant,
    injected: String,
    pub(crate) kills: u32,
    pub(crate) chunk_kills: usize,
    pub(crate) runs: u32,
    pub(crate) clips: u32,
}

impl Round {
    pub(crate) fn new(options: &Options, seed: u64, scenario: Scenario) -> Self {
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix("tl-chaos").tempdir().unwrap();
        Self {
            seed,
            scenario,
            random: Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d),
            folder,
            tl: options.tl.clone(),
            keeps_folder: options.keeps_folders,
            started: Instant::now(),
            injected: String::new(),
            kills: 0,
            chunk_kills: 0,
            runs: 0,
            clips: 0,
        }
    }

    /// A number below `limit` (SplitMix64).
    pub(crate) fn below(&self, limit: u64) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(crate) fn line(&self, result: &Result<Counts, String>) -> String {
        let (word, numbers) = match result {
            Ok(counts) => (
                "ok",
                format!(
                    ", {} requests ({} refused), {} chunks",
                    counts.requests, counts.refused, counts.chunks
                ),
            ),
            Err(_) => ("FAILED", String::new()),
        };
        format!(
            "seed {:<6} {:<19} {word}: {} clips, {} kills, {} runs{numbers}, {:.1} s: {}",
            self.seed,
            self.scenario.name(),
            self.clips,
            self.kills,
            self.runs,
            self.started.elapsed().as_secs_f64(),
            self.injected
        )
    }

    /// Keeps the folder, and returns it.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    pub(crate) fn inject(&mut self, what: impl AsRef<str>) {
        if !self.injected.is_empty() {
            self.injected.push_str(", ");
        }
        self.injected.push_str(what.as_ref());
    }

    /// # Errors
    /// What is not as it must be.
    pub(crate) fn run(&mut self) -> Result<Counts, String> {
        if self.keeps_folder {
            self.folder.disable_cleanup(true);
        }
        let base = self.folder.path().to_owned();
        std::fs::set_permissions(&base, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let videos = base.join("videos");
        std::fs::create_dir(&videos).unwrap();
        // Chunks need larger clips, and are one of two routes.
        let has_chunks = self.below(2) == 0;
        self.clips = match self.scenario {
            Scenario::FewFiles => 120,
            _ => 12 + u32::try_from(self.below(20)).unwrap(),
        };
        clips::write(
            &videos,
            self.clips,
            if has_chunks { 300_000 } else { 0 },
            self.seed,
        );
        let plan = match self.scenario {
            Scenario::ForeignUse => Plan::named("developer-1").unwrap(),
            _ => Plan::UNLIMITED,
        };
        let lists_lag = self.scenario == Scenario::ListLag;
        let platform = Platform::start(self.seed, lists_lag, plan);
        let index = platform.create_index(INDEX);
        let clock = (self.scenario == Scenario::ClockMoved).then(|| Clock::new(&base));
        let mut postgres = self.scenario.needs_postgres().then(|| Server::start(&base));
        let ledger = match &postgres {
            Some(server) => server.url(),
            None => base.join("ledger.sqlite3").display().to_string(),
        };
        let mut setting = Setting {
            tl: self.tl.clone(),
            folder: base.clone(),
            variables: vec![
                ("TL_LEDGER".into(), ledger),
                (
                    "TWELVELABS_BASE_URL".into(),
                    platform.emulator.base_url().into(),
                ),
                ("TWELVE_LABS_API_KEY".into(), platform.emulator.api_key()),
            ],
        };
        if let Some(clock) = &clock {
            let library = clock.library.display().to_string();
            setting.variables.push(("LD_PRELOAD".into(), library));
            let file = clock.file.display().to_string();
            setting.variables.push(("CHAOS_CLOCK".into(), file));
        }
        let scene = Scene {
            platform: &platform,
            setting: &setting,
            videos: &videos,
            has_chunks,
        };
        self.disturb(&scene, postgres.as_mut(), clock.as_ref())?;
        platform.set_faults(&json!([]));
        *platform.trigger.lock().unwrap() = Default::default();
        self.finish(&scene)?;
        self.check_ledger(&scene)?;
        let counts = oracle::check(&platform, &index, self.clips, self.chunk_kills)?;
        // Everything is done: another run sends nothing.
        let before = platform.emulator.journal().len();
        self.expect_success(&scene, "again")?;
        let sent = platform.emulator.journal().split_off(before);
        let created = sent.iter().filter(|entry| entry.method != "GET").count();
        if created > 0 {
            return Err(format!(
                "a run with nothing to do sent {created} requests that change"
            ));
        }
        oracle::check(&platform, &index, self.clips, self.chunk_kills)?;
        Ok(counts)
    }

    fn disturb(
        &mut self,
        scene: &Scene<'_>,
        postgres: Option<&mut Server>,
        clock: Option<&Clock>,
    ) -> Result<(), String> {
        match self.scenario {
            Scenario::KillAtExchange => {
                for _ in 0..=self.below(3) {
                    self.kill_at_exchange(scene)?;
                }
            }
            Scenario::KillAtRandom => {
                for n in 0..=self.below(4) {
                    self.kill_after(scene, &format!("random-{n}"), Signal::KILL)?;
                }
            }
            Scenario::Terminate => {
                for n in 0..=self.below(2) {
                    self.terminate(scene, &format!("terminate-{n}"))?;
                }
            }
            Scenario::FullDisk => self.fill_disk(scene)?,
            Scenario::FewFiles => {
                self.inject("ulimit -n 256");
                let tl = scene.ingest("few-files", "ulimit -n 256");
                let log = tl.log();
                self.runs += 1;
                let status = tl.wait(LIMIT)?;
                if !status.success() {
                    return Err(format!("{}\n{}", describe(status), tail(&log)));
                }
            }
            Scenario::ClockMoved => self.move_clock(scene, clock.unwrap())?,
            Scenario::ListLag => {
                self.inject("lists lag 30 s");
                self.kill_at_exchange(scene)?;
            }
            Scenario::ForeignUse => self.use_key_elsewhere(scene)?,
            Scenario::Faults => {
                let faults = self.faults();
                scene.platform.set_faults(&faults);
                let tl = scene.ingest("faults", "");
                self.runs += 1;
                tl.wait(LIMIT)?;
            }
            Scenario::PostgresRestarted => self.restart_postgres(scene, postgres.unwrap())?,
            Scenario::WorkerKilled => self.kill_worker(scene)?,
            Scenario::Webhooks => self.send_webhooks(scene)?,
        }
        Ok(())
    }

    pub(crate) fn kill_at_exchange(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let route: &[&str] = if scene.has_chunks {
            &OF_CHUNKS
        } else {
            &OF_ASSETS
        };
        let mut exchanges: Vec<&str> = EXCHANGES.iter().chain(route).copied().collect();
        let is_later = self.kills > 0;
        if is_later {
            exchanges.extend(LOOKUPS);
        }
        let count = exchanges.len() as u64;
        let operation = exchanges[usize::try_from(self.below(count)).unwrap()];
        let most = if is_later { 3 } else { 10 };
        let number = 1 + u32::try_from(self.below(most)).unwrap();
        let moments = [
            "before it is processed",
            "before its response",
            "after its response",
        ];
        let moment = usize::try_from(self.below(3)).unwrap();
        self.inject(format!(
            "kill -9 at {operation} {number} {}",
            moments[moment]
        ));
        let fault = match moment {
            0 => json!({ "operation": operation, "nth": [number], "drop": true }),
            1 => json!({ "operation": operation, "nth": [number], "lose_answer": true }),
            _ => Value::Null,
        };
        // The storage of chunks has no operation that faults can name: the kill comes after it.
        let has_fault = !fault.is_null() && operation != CHUNK;
        scene
            .platform
            .set_faults(&if has_fault { json!([fault]) } else { json!([]) });
        if operation == CHUNK || operation == "multipart_upload.report_chunk_batch" {
            // A chunk that was stored and not reported is unknown to the next run; several are in
            // flight.
            self.chunk_kills += 64;
        }
        let tl = {
            // The process is known before its first request is answered.
            let mut trigger = scene.platform.trigger.lock().unwrap();
            let tl = scene.ingest("kill-at-exchange", "");
            trigger.at = Some((operation.to_owned(), number));
            trigger.process = Some(tl.pid());
            tl
        };
        self.runs += 1;
        tl.wait(LIMIT)?;
        let mut trigger = scene.platform.trigger.lock().unwrap();
        self.kills += u32::from(trigger.has_fired);
        *trigger = Default::default();
        Ok(())
    }

    pub(crate) fn kill_after(
        &mut self,
        scene: &Scene<'_>,
        name: &str,
        signal: Signal,
    ) -> Result<(), String> {
        let pause = 20 + self.below(2500);
        self.inject(format!("{signal:?} after {pause} ms"));
        if scene.has_chunks {
            self.chunk_kills += 64;
        }
        let tl = scene.ingest(name, "");
        self.runs += 1;
        std::thread::sleep(Duration::from_millis(pause));
        tl.signal(signal);
        let status = tl.wait(LIMIT)?;
        self.kills += u32::from(status.code().is_none());
        Ok(())
    }

    fn terminate(&mut self, scene: &Scene<'_>, name: &str) -> Result<(), String> {
        let pause = 20 + self.below(2500);
        self.inject(format!("SIGTERM after {pause} ms"));
        let tl = scene.ingest(name, "");
        self.runs += 1;
        std::thread::sleep(Duration::from_millis(pause));
        tl.signal(Signal::TERM);
        let stopped = Instant::now();
        let log = tl.log();
        let status = tl.wait(LIMIT)?;
        let took = stopped.elapsed();
        if took > Duration::from_secs(11) {
            return Err(format!(
                "it took {took:?} to end after SIGTERM\n{}",
                tail(&log)
            ));
        }
        // Before it installs its handler, the signal ends it.
        let is_expected = matches!(status.code(), Some(0 | 143) | None);
        if !is_expected {
            return Err(format!(
                "{} after SIGTERM\n{}",
                describe(status),
                tail(&log)
            ));
        }
        let lines = std::fs::read_to_string(&log)
            .unwrap_or_default()
            .lines()
            .count();
        if status.code() == Some(143) && lines > 10 + usize::try_from(self.clips).unwrap() * 2 {
            return Err(format!(
                "{lines} lines of output after SIGTERM\n{}",
                tail(&log)
            ));
        }
        Ok(())
    }

    /// Runs without trouble until one succeeds.
    fn finish(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let mut last = String::new();
        for n in 0..RUNS {
            let tl = scene.ingest(&format!("finish-{n}"), "");
            let log = tl.log();
            self.runs += 1;
            let status = tl.wait(LIMIT)?;
            if status.success() {
                return Ok(());
            }
            last = format!("{}\n{}", describe(status), tail(&log));
            // Items that a killed process has claimed, or that are held for a moment.
            std::thread::sleep(Duration::from_secs(1));
        }
        Err(format!("{RUNS} runs did not finish: {last}"))
    }

    pub(crate) fn expect_success(&mut self, scene: &Scene<'_>, name: &str) -> Result<(), String> {
        let tl = scene.ingest(name, "");
        let log = tl.log();
        let status = tl.wait(LIMIT)?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{}\n{}", describe(status), tail(&log)))
    }

    fn check_ledger(&self, scene: &Scene<'_>) -> Result<(), String> {
        let tl = scene.setting.start("verify", "", &["ledger", "verify"]);
        let log = tl.log();
        let status = tl.wait(LIMIT)?;
        if !status.success() {
            return Err(format!("`tl ledger verify`: {}", tail(&log)));
        }
        let tl = scene.setting.start("ls", "", &["ledger", "ls", "--json"]);
        let log = tl.log();
        tl.wait(LIMIT)?;
        let items: Value = serde_json::from_slice(&std::fs::read(&log).unwrap_or_default())
            .map_err(|error| format!("`tl ledger ls`: {error}\n{}", tail(&log)))?;
        let items = items.as_array().cloned().unwrap_or_default();
        let done = items.iter().filter(|item| item["state"] == "done").count();
        if done != items.len() || done != usize::try_from(self.clips).unwrap() {
            return Err(format!("{done} of {} items are done", items.len()));
        }
        Ok(())
    }
}

/// What every run of a round has in common.
pub(crate) struct Scene<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) setting: &'a Setting,
    videos: &'a Path,
    pub(crate) has_chunks: bool,
}

impl Scene<'_> {
    pub(crate) fn ingest(&self, name: &str, limits: &str) -> Tl {
        let videos = self.videos.display().to_string();
        let mut arguments = vec!["ingest", &videos, "--index", INDEX, "--wait"];
        if self.has_chunks {
            arguments.extend(["--route", "multipart"]);
        }
        self.setting.start(name, limits, &arguments)
    }
}
