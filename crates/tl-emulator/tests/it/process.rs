//! The emulator in a child process, which can be killed and whose memory can be measured. The child
//! runs this test program again.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use tl_emulator::EmulatorBuilder;

use crate::raw::builder;

/// Set in the child process: the path of the state directory.
const STATE: &str = "TL_EMULATOR_TEST_STATE";

/// Runs the emulator in a child process started by [`Process::start`], until it is killed. Returns
/// immediately in any other process.
#[expect(
    clippy::print_stdout,
    reason = "the parent process reads the port from stdout"
)]
pub(crate) fn serve_if_child(settings: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) {
    let Some(folder) = std::env::var_os(STATE) else {
        return;
    };
    let started = settings(builder().state_dir(Path::new(&folder))).start_blocking();
    let emulator = started.unwrap();
    println!("PORT {}", emulator.base_url().port().unwrap());
    // If the parent ends without killing this process, end as well.
    _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(emulator);
    std::process::exit(0);
}

/// A child process that is killed on drop.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    /// Starts a test as the emulator. The test must call [`serve_if_child`] first.
    pub(crate) fn start(test: &str, folder: &Path) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), test, folder)
    }

    /// As [`start`](Self::start), with a limit on the size of files in blocks of 512 bytes. A write
    /// beyond it fails as on a full disk.
    #[cfg(unix)]
    pub(crate) fn start_on_small_disk(test: &str, folder: &Path, blocks: u32) -> Self {
        // Ignore the signal of the limit, which would kill the process.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap());
        Self::run(command, test, folder)
    }

    fn run(mut command: Command, test: &str, folder: &Path) -> Self {
        let mut child = command
            .args(["--exact", test, "--nocapture"])
            .env(STATE, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("PORT ")?.1.trim().parse().unwrap()))
            .expect("the emulator says its port");
        Self { child, port }
    }

    /// Peak memory in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
