//! Runs the example programs as a user would, against the embedded emulator.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tl_client::{
    Config, blocking,
    model::{AssetId, IndexModel, ModelOption, NewIndex},
    protocol::endpoint::GetIndexedAsset,
    validate::header::HeaderReader,
};
use tl_emulator::Emulator;

/// A real clip, encoded once per build directory: 640x360 passes, 320x180 is too small.
pub(crate) fn clip(size: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let arguments = format!(
        "-f lavfi -i testsrc=size={size}:rate=25:duration=5 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"
    );
    let made = tl_corpus::clip(folder, &format!("{size}.mp4"), &arguments);
    made.unwrap_or_else(|failure| panic!("{failure}"))
}

fn emulator() -> Emulator {
    Emulator::builder()
        .prober(Arc::new(HeaderReader::new()))
        .start_blocking()
        .expect("the emulator starts")
}

/// The example `name`, which is built with the tests, with the emulator as the platform.
fn example(name: &str, emulator: &Emulator) -> Command {
    let exe = std::env::current_exe().expect("tests know their own path");
    let target = exe.ancestors().nth(2).expect("target/debug/deps/test");
    let program = target.join("examples").join(name);
    assert!(
        program.is_file(),
        "{} was not built; run `cargo build -p tl-client --examples --all-features`",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .env("TWELVE_LABS_API_KEY", emulator.api_key())
        .env("TWELVELABS_BASE_URL", emulator.base_url().as_str())
        .stdout(Stdio::piped());
    command
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Posts `body` and returns the status code and the response.
fn post(address: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the service listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a valid timeout");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.write_all(body).expect("it reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.expect("a status"), body.to_owned())
}

#[test]
fn axum_upload_forwards_only_what_passes() {
    let emulator = emulator();
    let mut service = Running(
        example("axum_upload", &emulator)
            .spawn()
            .expect("it starts"),
    );
    let mut line = String::new();
    let mut output = BufReader::new(service.0.stdout.take().expect("a pipe"));
    output.read_line(&mut line).expect("its address");
    let address = line.trim().strip_prefix("http://").expect("its address");

    let small = fs::read(clip("320x180")).expect("a clip");
    let (status, text) = post(address, "/videos/small.mp4", &small);
    assert_eq!(status, 422, "{text}");
    assert!(text.contains("320x180"), "{text}");
    let (status, text) = post(address, "/videos/notes.txt", b"no video at all");
    assert_eq!(status, 415, "{text}");
    assert_eq!(emulator.journal().len(), 0, "nothing was sent");

    let good = fs::read(clip("640x360")).expect("a clip");
    let (status, text) = post(address, "/videos/good.mp4", &good);
    assert_eq!(status, 201, "{text}");
    let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).expect("loopback");
    let client = blocking::Client::new(&config).expect("a client");
    let asset = client
        .assets()
        .get(AssetId::from(text))
        .expect("the platform has it");
    assert_eq!(asset.filename.as_deref(), Some("good.mp4"));
}

#[test]
fn object_store_indexes_an_object() {
    let emulator = emulator();
    let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).expect("loopback");
    let client = blocking::Client::new(&config).expect("a client");
    let models = [IndexModel::new("marengo3.0", [ModelOption::Visual])];
    let index = client
        .indexes()
        .create(NewIndex::new("films", models))
        .expect("an index");
    let run = |url: &str| {
        let mut command = example("object_store", &emulator);
        command.args([url, index.id.as_str()]);
        command.stderr(Stdio::piped()).output().expect("it starts")
    };
    let url = |path: &Path| format!("file://{}", path.display());

    let output = run(&url(&clip("640x360")));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains("checked: "), "{log}");
    let id = String::from_utf8_lossy(&output.stdout);
    let video = client
        .indexed_assets()
        .get(GetIndexedAsset::new(index.id.as_str(), id.trim()))
        .expect("the index has it");
    assert_eq!(video.id.as_str(), id.trim());

    let sent = emulator.journal().len();
    let output = run(&url(&clip("320x180")));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && log.contains("320x180"), "{log}");
    let output = run(&url(Path::new("/nowhere/gone.mp4")));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("there is no object at this location"), "{log}");
    assert_eq!(emulator.journal().len(), sent, "nothing was sent");
}
