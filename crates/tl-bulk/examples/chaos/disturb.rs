//! What a round injects beside kills and signals: a full disk, a clock that is moved, other users of
//! the key, faults of the platform, a server that restarts, webhooks, and workers.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::disk::SmallDisk;
use crate::leases::{runs_of, until_freed};
use crate::postgres::Server;
use crate::process::{describe, signal_process, tail};
use crate::round::{LIMIT, Round, Scene};
use crate::webhook::{self, Receiver};

impl Round {
    pub(crate) fn fill_disk(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        // The ledger's tables alone need about 200 KiB.
        let kib = 32 + self.below(450);
        let disk = SmallDisk::mount(&scene.setting.folder.join("disk"), kib);
        let (limits, ledger) = match &disk {
            Some(disk) => {
                self.inject(format!("a disk of {kib} KiB"));
                (String::new(), disk.path.join("ledger.sqlite3"))
            }
            None => {
                self.inject(format!("no disk can be mounted: files end at {kib} KiB"));
                // Blocks of 512 bytes (POSIX).
                let limits = format!("trap '' XFSZ; ulimit -f {}", kib * 2);
                (limits, scene.setting.folder.join("ledger.sqlite3"))
            }
        };
        let ledger = format!("TL_LEDGER='{}'; export TL_LEDGER", ledger.display());
        let before = match limits.as_str() {
            "" => ledger,
            limits => format!("{ledger}; {limits}"),
        };
        let tl = scene.ingest("full-disk", &before);
        self.runs += 1;
        let log = tl.log();
        let status = tl.wait(LIMIT)?;
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.contains("panicked") {
            return Err(format!("a panic\n{}", tail(&log)));
        }
        if status.code().is_none() {
            return Err(format!("{}\n{}", describe(status), tail(&log)));
        }
        self.inject(describe(status));
        // The later runs have a disk that is large enough, and what was written.
        disk.map_or(Ok(()), |disk| disk.copy_to(&scene.setting.folder))
    }

    pub(crate) fn move_clock(&mut self, scene: &Scene<'_>, clock: &Clock) -> Result<(), String> {
        for n in 0..2 {
            let hours = [3600, -3600][usize::try_from(self.below(2)).unwrap()];
            let pause = 50 + self.below(1500);
            self.inject(format!("clock {hours:+} s after {pause} ms"));
            let tl = scene.ingest(&format!("clock-{n}"), "");
            self.runs += 1;
            std::thread::sleep(Duration::from_millis(pause));
            clock.set(hours);
            if self.below(2) == 0 {
                std::thread::sleep(Duration::from_millis(200));
                self.inject("kill -9");
                if scene.has_chunks {
                    self.chunk_kills += 64;
                }
                tl.signal(Signal::KILL);
                self.kills += 1;
            }
            tl.wait(LIMIT)?;
            if self.below(2) == 0 {
                clock.set(0);
                self.inject("clock back");
            }
        }
        clock.set(0);
        Ok(())
    }

    pub(crate) fn use_key_elsewhere(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let other = scene.platform.create_index("foreign");
        let foreign = 20 + self.below(20);
        self.inject(format!("{foreign} requests of others in the same minute"));
        let path = format!("/v1.3/indexes/{other}/indexed-assets");
        let body = json!({ "asset_id": "000000000000000000000000" });
        let tl = scene.ingest("foreign", "");
        self.runs += 1;
        for _ in 0..foreign {
            // Refused requests are counted as well.
            scene.platform.request("POST", &path, Some(&body));
            std::thread::sleep(Duration::from_millis(100));
        }
        tl.wait(LIMIT)?;
        Ok(())
    }

    pub(crate) fn faults(&mut self) -> Value {
        let operations = [
            "assets.create",
            "indexes.indexed_assets.create",
            "multipart_upload.create",
            "assets.list",
        ];
        let mut faults = Vec::new();
        for operation in operations {
            let nth: Vec<u64> = (0..3).map(|_| 1 + self.below(20)).collect();
            let (name, mut fault) = match self.below(5) {
                0 => ("lost", json!({ "lose_answer": true })),
                1 => ("dropped", json!({ "drop": true })),
                2 => ("503", json!({ "status": 503 })),
                3 => (
                    "503 after the work",
                    json!({ "status": 503, "after_work": true }),
                ),
                _ => ("429", json!({ "status": 429, "retry_after": 1 })),
            };
            fault["operation"] = operation.into();
            fault["nth"] = json!(nth);
            self.inject(format!("{operation} {nth:?} {name}"));
            faults.push(fault);
        }
        faults.into()
    }

    pub(crate) fn restart_postgres(
        &mut self,
        scene: &Scene<'_>,
        server: &mut Server,
    ) -> Result<(), String> {
        let tl = scene.ingest("postgres", "");
        self.runs += 1;
        for _ in 0..=self.below(2) {
            let pause = 300 + self.below(1500);
            self.inject(format!("PostgreSQL restarted after {pause} ms"));
            std::thread::sleep(Duration::from_millis(pause));
            server.stop();
            std::thread::sleep(Duration::from_millis(100 + self.below(600)));
            server.launch();
        }
        if scene.has_chunks {
            self.chunk_kills += 64;
        }
        let log = tl.log();
        let status = tl.wait(LIMIT)?;
        // The run waits for the server, and goes on.
        if !status.success() {
            return Err(format!("{}\n{}", describe(status), tail(&log)));
        }
        Ok(())
    }

    pub(crate) fn send_webhooks(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let lose = 2 + usize::try_from(self.below(4)).unwrap();
        let repeat = 2 + usize::try_from(self.below(3)).unwrap();
        let ledger = scene.setting.folder.join("ledger.sqlite3");
        let receiver = Receiver::start(ledger, lose, repeat);
        let emulator = &scene.platform.emulator;
        let registered = emulator.register_webhook(&receiver.url, webhook::SECRET);
        registered.map_err(|error| error.to_string())?;
        if self.below(2) == 0 {
            self.kill_at_exchange(scene)?;
            scene.platform.set_faults(&json!([]));
        }
        self.expect_success(scene, "webhooks")?;
        self.runs += 1;
        let counts = &receiver.counts;
        let [recorded, lost, repeated] =
            [&counts.recorded, &counts.lost, &counts.repeated].map(|n| n.load(SeqCst));
        if recorded == 0 {
            return Err("no webhook arrived".to_owned());
        }
        self.inject(format!(
            "webhooks: {recorded} recorded, {lost} lost, {repeated} repeated"
        ));
        Ok(())
    }

    pub(crate) fn kill_worker(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        // One run adds the items and is killed soon after.
        self.kill_after(scene, "adds", Signal::KILL)?;
        let workers = [0, 1, 2].map(|n| {
            let name = format!("worker-{n}");
            scene.setting.start(&name, "", &["worker", "--drain"])
        });
        let pause = 100 + self.below(2000);
        self.inject(format!("3 workers, one killed after {pause} ms"));
        std::thread::sleep(Duration::from_millis(pause));
        let [first, rest @ ..] = workers;
        let pid = first.pid();
        signal_process(pid, Signal::KILL);
        self.kills += 1;
        first.wait(LIMIT)?;
        if scene.has_chunks {
            self.chunk_kills += 64;
        }
        let killed = Instant::now();
        let runs = runs_of(scene, pid)?;
        let back = until_freed(scene, &runs, killed)?;
        if let Some(back) = back {
            self.inject(format!(
                "its items were back after {:.1} s",
                back.as_secs_f64()
            ));
        }
        for worker in rest {
            let log = worker.log();
            let status = worker.wait(LIMIT)?;
            if !status.success() {
                return Err(format!("a worker: {}\n{}", describe(status), tail(&log)));
            }
        }
        Ok(())
    }
}
