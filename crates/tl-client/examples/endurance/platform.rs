//! The platform process: an emulator that saves its state, can be killed, and restarts at the same
//! address.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use tl_client::validate::worker::{ProbePool, WorkerOptions};
use tl_emulator::{Emulator, FaultPlan, JournalEntry, Schedule};

use crate::StepResult;

/// Main function of the process: serves until stdin ends, and answers each line with the journal.
pub(crate) fn serve(state: &Path, port: u16, faults: &[&str]) -> StepResult<()> {
    let mut plan = FaultPlan::default();
    plan.seed = Some(1);
    for fault in faults {
        plan.faults.push(fault.parse()?);
    }
    let emulator = Emulator::builder()
        .prober(Arc::new(ProbePool::new(WorkerOptions::default())?))
        .schedule(Schedule::FAST)
        .state_dir(state)
        .port(port)
        .faults(plan)?
        .start_blocking()?;
    println!("{}", emulator.base_url());
    for _ in io::stdin().lines() {
        println!("{}", serde_json::to_string(&emulator.journal())?);
    }
    Ok(())
}

/// Handle to the platform process.
pub(crate) struct Platform {
    state: PathBuf,
    faults: Vec<String>,
    pub(crate) base_url: String,
    running: Running,
}

struct Running {
    child: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
}

impl Platform {
    /// Starts it on a free port.
    pub(crate) fn start(state: PathBuf, faults: &[&str]) -> StepResult<Self> {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let (running, base_url) = run(&state, 0, &faults)?;
        Ok(Self {
            state,
            faults,
            base_url,
            running,
        })
    }

    /// Kills the process and starts it again at the same address.
    pub(crate) fn restart(&mut self) -> StepResult<()> {
        let port = url::Url::parse(&self.base_url)?
            .port()
            .ok_or("the emulator has a port")?;
        self.running.child.kill()?;
        self.running.child.wait()?;
        let began = Instant::now();
        loop {
            match run(&self.state, port, &self.faults) {
                Ok((running, _)) => {
                    self.running = running;
                    return Ok(());
                }
                Err(error) if began.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Every request since the start.
    pub(crate) fn journal(&mut self) -> StepResult<Vec<JournalEntry>> {
        writeln!(self.running.requests)?;
        line(&mut self.running.responses)
    }

    /// The received file of this size.
    pub(crate) fn received(&self, bytes: u64) -> StepResult<PathBuf> {
        let mut folders = vec![self.state.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else if metadata.len() == bytes {
                    return Ok(entry.path());
                }
            }
        }
        Err(format!("the platform keeps no file of {bytes} bytes").into())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.running.child.kill();
        let _ = self.running.child.wait();
    }
}

fn run(state: &Path, port: u16, faults: &[String]) -> StepResult<(Running, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("platform")
        .arg(state)
        .arg(port.to_string())
        .args(faults)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (Some(requests), Some(responses)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("a process was started without its pipes".into());
    };
    let mut responses = BufReader::new(responses);
    let mut base_url = String::new();
    responses.read_line(&mut base_url)?;
    if base_url.is_empty() {
        return Err(format!("the platform did not start: {}", child.wait()?).into());
    }
    let running = Running {
        child,
        requests,
        responses,
    };
    Ok((running, base_url.trim().to_owned()))
}

fn line<T: DeserializeOwned>(from: &mut impl BufRead) -> StepResult<T> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
