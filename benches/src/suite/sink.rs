//! A running sink.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::Failure;

/// The bytes of a chunk. The sink chooses them, as the platform does.
const CHUNK: u64 = 5 << 20;

/// A running sink; it is killed on drop.
pub(super) struct Sink {
    process: Child,
    plain: u64,
    tls: u64,
    ca: PathBuf,
}

impl Sink {
    /// Starts a sink with its certificate in `folder`. With a `hashed` file, the storage responds
    /// with the MD5s of its chunks.
    pub(super) fn start(
        folder: &Path,
        latency_ms: u32,
        hashed: Option<&Path>,
    ) -> Result<Self, Failure> {
        let ca = folder.join(format!("ca-{latency_ms}-{}.pem", hashed.is_some()));
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("sink")
            .arg(format!("ca={}", ca.display()))
            .arg(format!("chunk={CHUNK}"))
            .arg(format!("latency_ms={latency_ms}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(file) = hashed {
            command.arg(format!("etags={}", file.display()));
        }
        let mut process = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let ports: Value = serde_json::from_str(&line).unwrap_or_default();
        let sink = Self {
            plain: ports["plain"].as_u64().unwrap_or_default(),
            tls: ports["tls"].as_u64().unwrap_or_default(),
            process,
            ca,
        };
        if sink.plain == 0 || sink.tls == 0 {
            return Err(format!("the sink printed no ports: {line:?}").into());
        }
        Ok(sink)
    }

    /// The base URL of the API.
    pub(super) fn base(&self, tls: bool) -> String {
        if tls {
            format!("https://127.0.0.1:{}/v1.3", self.tls)
        } else {
            format!("http://127.0.0.1:{}/v1.3", self.plain)
        }
    }

    /// The certificate of its TLS side.
    pub(super) fn ca(&self) -> &Path {
        &self.ca
    }

    /// The arguments of a contender that sends to this sink.
    pub(super) fn words(&self, tls: bool) -> Vec<String> {
        let port = if tls { self.tls } else { self.plain };
        let mut words = vec![format!("base={}", self.base(tls)), format!("port={port}")];
        if tls {
            words.push(format!("ca={}", self.ca.display()));
        }
        words
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // A sink that has ended needs no signal.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
