//! Headless Chromium, driven over the DevTools protocol: pages, key presses and screenshots.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client::client};

use crate::raw::RetryInterrupted;

/// Timeout for any step in the browser. It is generous because other tests may keep the machine
/// busy.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Names of the program, if `CHROMIUM` is not set.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// A browser with one page. It is closed on drop.
pub(crate) struct Browser {
    process: Child,
    socket: WebSocket<RetryInterrupted<TcpStream>>,
    session: String,
    calls: u64,
    /// Errors reported by the browser: script errors and blocked requests.
    pub(crate) errors: Vec<String>,
    _profile: tempfile::TempDir,
}

fn start(profile: &Path) -> Child {
    let named = std::env::var("CHROMIUM").ok();
    let names: Vec<&str> = match &named {
        Some(name) => vec![name],
        None => NAMES.to_vec(),
    };
    for name in &names {
        let started = Command::new(name)
            .args([
                "--headless=new",
                "--remote-debugging-port=0",
                "--no-first-run",
            ])
            .args([
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--mute-audio",
                "--lang=en",
            ])
            // Containers have no user namespaces for the sandbox. Only pages of the emulator are
            // opened.
            .arg("--no-sandbox")
            .args([
                "--disable-extensions",
                "--disable-background-networking",
                "--disable-sync",
            ])
            .args(["--hide-scrollbars", "--window-size=1280,1000"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(child) = started {
            return child;
        }
    }
    panic!(
        "none of {names:?} could be started: the page of the emulator is tested with Chromium (Debian: apt-get install chromium), which CHROMIUM may name"
    );
}

impl Browser {
    pub(crate) fn open() -> Self {
        let profile = tempfile::Builder::new()
            .prefix("tl-chromium-")
            .tempdir()
            .unwrap();
        let mut process = start(profile.path());
        let port_file = profile.path().join("DevToolsActivePort");
        let started = Instant::now();
        let (port, path) = loop {
            let text = std::fs::read_to_string(&port_file).unwrap_or_default();
            if let Some((port, path)) = text.split_once('\n') {
                break (port.parse::<u16>().unwrap(), path.trim().to_owned());
            }
            if let Some(status) = process.try_wait().unwrap() {
                panic!("Chromium ended before it could be reached ({status})");
            }
            assert!(
                started.elapsed() < TIMEOUT,
                "Chromium does not say where it listens"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let (socket, _) = client(
            format!("ws://127.0.0.1:{port}{path}"),
            RetryInterrupted(stream),
        )
        .unwrap();
        let mut browser = Self {
            process,
            socket,
            session: String::new(),
            calls: 0,
            errors: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Calls a DevTools method and processes the events that arrive before the response.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.request(method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls a DevTools method and returns its result or error.
    fn request(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        self.calls += 1;
        let mut request = json!({ "id": self.calls, "method": method, "params": params });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::text(request.to_string()))
            .unwrap();
        loop {
            let message = self
                .socket
                .read()
                .unwrap_or_else(|error| panic!("{method}: {error}"));
            let Message::Text(text) = message else {
                continue;
            };
            let mut result: Value = serde_json::from_str(&text).unwrap();
            if result["id"] == self.calls {
                return match result.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(result["result"].take()),
                };
            }
            self.handle_event(&result);
        }
    }

    fn handle_event(&mut self, event: &Value) {
        match event["method"].as_str() {
            Some("Log.entryAdded") if event["params"]["entry"]["level"] == "error" => {
                self.errors.push(event["params"]["entry"].to_string());
            }
            Some("Runtime.exceptionThrown" | "Page.javascriptDialogOpening") => {
                self.errors.push(event["params"].to_string());
            }
            _ => {}
        }
    }

    /// Evaluates an expression in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        self.evaluate(expression)
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Evaluates an expression. Returns an error if there is no page, such as during navigation.
    fn evaluate(&mut self, expression: &str) -> Result<Value, Value> {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.request("Runtime.evaluate", &params)?;
        assert!(
            result.get("exceptionDetails").is_none(),
            "{expression}: {result}"
        );
        Ok(result["result"]["value"].take())
    }

    /// Waits until an expression is true. It counts as false during navigation.
    pub(crate) fn wait_until(&mut self, expression: &str) {
        let started = Instant::now();
        loop {
            let result = self.evaluate(expression);
            if result == Ok(json!(true)) {
                return;
            }
            if started.elapsed() > TIMEOUT {
                let page = self.evaluate("document.body.innerText");
                panic!(
                    "never true: {expression}: {result:?}\n{page:?}\n{:?}",
                    self.errors
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn visit(&mut self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
        let target = json!(url.split('#').next()).to_string();
        self.wait_until(&format!(
            "document.readyState === 'complete' && location.href.split('#')[0] === {target}"
        ));
    }

    /// Presses and releases a key.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Space" => ("Space", 32, " "),
            "ArrowRight" => ("ArrowRight", 39, ""),
            other => panic!("what is the key {other}?"),
        };
        let key = if key == "Space" { " " } else { key };
        let mut down =
            json!({ "type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number });
        if !text.is_empty() {
            down["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", &down);
        let up =
            json!({ "type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number });
        self.call("Input.dispatchKeyEvent", &up);
    }

    /// Types text into the focused element, replacing the selection.
    pub(crate) fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            let key = character.to_string();
            for kind in ["keyDown", "keyUp"] {
                let mut params = json!({ "type": kind, "key": key });
                if kind == "keyDown" {
                    params["text"] = json!(key);
                }
                self.call("Input.dispatchKeyEvent", &params);
            }
        }
    }

    /// Presses Tab until an element that matches `selector` has the focus.
    pub(crate) fn tab_to(&mut self, selector: &str) {
        let is_there = format!("document.activeElement.matches({})", json!(selector));
        for _ in 0..200 {
            self.press("Tab");
            if self.value(&is_there) == json!(true) {
                return;
            }
        }
        panic!("{selector} is not reached by the tabulator");
    }

    pub(crate) fn set_color_scheme(&mut self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [feature] }),
        );
    }

    /// Saves a screenshot of the whole page to the output directory of the tests.
    pub(crate) fn screenshot(&mut self, name: &str) -> PathBuf {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        let screenshot = self.call("Page.captureScreenshot", &params);
        let bytes = BASE64_STANDARD
            .decode(screenshot["data"].as_str().unwrap())
            .unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator-page");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends its own child processes. Kill it only if it does not respond.
        let request = json!({ "id": 0, "method": "Browser.close" });
        if self.socket.send(Message::text(request.to_string())).is_ok() {
            for _ in 0..100 {
                if matches!(self.process.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
