//! The emulator of a round: its faults, what kills a process at an exchange, and its state.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tl_emulator::platform::{FaultPlan, Plan};
use tl_emulator::{Emulator, JournalEntry, Schedule};

use crate::process::signal_process;

/// The name of a chunk that is sent to the storage, in triggers.
pub(crate) const CHUNK: &str = "chunk";

/// Kills a process after an exchange.
#[derive(Debug, Default)]
pub(crate) struct Trigger {
    /// The operation, such as `assets.create`, and how many of it are left.
    pub(crate) at: Option<(String, u32)>,
    pub(crate) process: Option<Pid>,
    pub(crate) has_fired: bool,
}

impl Trigger {
    fn on(&mut self, entry: &JournalEntry) {
        let Some((operation, left)) = &mut self.at else {
            return;
        };
        let name = if entry.chunk.is_some() {
            Some(CHUNK)
        } else {
            entry.operation.as_deref()
        };
        if name != Some(operation) {
            return;
        }
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.at = None;
            if let Some(process) = self.process {
                signal_process(process, Signal::KILL);
                self.has_fired = true;
            }
        }
    }
}

pub(crate) struct Platform {
    pub(crate) emulator: Emulator,
    pub(crate) trigger: Arc<Mutex<Trigger>>,
}

impl Platform {
    pub(crate) fn start(seed: u64, lists_lag: bool, plan: Plan) -> Self {
        let trigger = Arc::new(Mutex::new(Trigger::default()));
        let on_request = Arc::clone(&trigger);
        let builder = Emulator::builder()
            .seed(seed)
            .plan(plan)
            .schedule(Schedule::FAST)
            // Several chunks of a small clip.
            .chunk_size(64 << 10)
            .quirk("list-lag", if lists_lag { "30s" } else { "none" })
            .unwrap()
            .on_request(move |entry| on_request.lock().unwrap().on(entry));
        Self {
            emulator: builder.start_blocking().unwrap(),
            trigger,
        }
    }

    pub(crate) fn set_faults(&self, faults: &Value) {
        let plan = json!({ "seed": 1, "faults": faults });
        let plan = FaultPlan::from_json(&plan.to_string()).unwrap();
        self.emulator.set_faults(plan).unwrap();
    }

    /// A request to the API or to the emulator itself, and its JSON.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let address = self.emulator.base_url();
        let port = address.port().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nx-api-key: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.emulator.api_key(),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|part| part == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&answer[..end]);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let value = serde_json::from_slice(&answer[end + 4..]).unwrap_or(Value::Null);
        (status, value)
    }

    pub(crate) fn create_index(&self, name: &str) -> String {
        let body = json!({
            "index_name": name,
            "models": [{ "model_name": "marengo3.0", "model_options": ["visual", "audio"] }],
        });
        let (status, index) = self.request("POST", "/v1.3/indexes", Some(&body));
        assert!(status < 300, "{status} {index}");
        index["_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn state(&self) -> Value {
        let (status, state) = self.request("GET", "/_emulator/state", None);
        assert_eq!(status, 200, "{state}");
        state
    }
}
