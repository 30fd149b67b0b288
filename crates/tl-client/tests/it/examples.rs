//! Runs the example programs as a user would, against the embedded emulator.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tempfile::TempDir;
use tl_client::{
    Checker, Config, blocking,
    model::{AssetId, IndexId, IndexModel, ModelOption, NewIndex},
    protocol::{endpoint::GetIndexedAsset, webhook},
    validate::{Route, header::HeaderReader},
};
use tl_emulator::{ClockMode, Emulator, EmulatorBuilder, Schedule};

const SECRET: &str = "whsec_example";

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
    emulator_with(|builder| builder)
}

fn emulator_with(settings: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Emulator {
    settings(Emulator::builder().prober(Arc::new(HeaderReader::new())))
        .start_blocking()
        .expect("the emulator starts")
}

/// A client of the emulator, and a new index.
fn client_and_index(emulator: &Emulator) -> (blocking::Client, IndexId) {
    let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).expect("loopback");
    let client = blocking::Client::new(&config)
        .expect("a client")
        .with_checker(Checker::new(Arc::new(HeaderReader::new())));
    let models = [IndexModel::new("marengo3.0", [ModelOption::Visual])];
    let index = client.indexes().create(NewIndex::new("films", models));
    (client, index.expect("an index").id)
}

/// Uploads a clip and starts to index it. Returns the id of the video.
fn start_indexing(client: &blocking::Client, index: &IndexId) -> String {
    let ingest = client
        .ingest(clip("640x360"))
        .into_index(index.clone())
        .without_checkpoint()
        .without_waiting();
    let id = ingest.run().expect("a video").indexed_asset_id;
    id.expect("it is being indexed").to_string()
}

/// Creates a task, whose end is a webhook event. Returns its id.
fn start_task(client: &blocking::Client, index: &IndexId) -> String {
    let ingest = client
        .ingest(clip("640x360"))
        .into_index(index.clone())
        .route(Route::Tasks)
        .without_checkpoint()
        .without_waiting();
    let id = ingest.run().expect("a task").task_id;
    id.expect("the route creates a task").to_string()
}

/// The number of requests that the emulator received for `operation`.
fn count(emulator: &Emulator, operation: &str) -> usize {
    let journal = emulator.journal();
    let names = journal
        .iter()
        .filter_map(|entry| entry.operation.as_deref());
    names.filter(|name| *name == operation).count()
}

/// A folder with copies of clips.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, size) in files {
        fs::copy(clip(size), folder.path().join(name)).expect("a copy");
    }
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(mut command: Command) -> Output {
    command.stderr(Stdio::piped()).output().expect("it starts")
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
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("WEBHOOK_SECRET", SECRET)
        .stdin(Stdio::null())
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

/// A web service, its lines and the address on the first of them.
fn serve(mut command: Command) -> (Running, BufReader<ChildStdout>, String) {
    let mut service = Running(command.spawn().expect("it starts"));
    let mut output = BufReader::new(service.0.stdout.take().expect("a pipe"));
    let line = next_line(&mut output);
    let address = line.strip_prefix("http://").expect("its address");
    (service, output, address.to_owned())
}

fn next_line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

/// Posts `body` and returns the status code and the response.
fn post(address: &str, path: &str, body: &[u8]) -> (u16, String) {
    post_with(address, path, "", body)
}

/// The same with additional lines in the head.
fn post_with(address: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the service listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a valid timeout");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
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
    let (_service, _output, address) = serve(example("axum_upload", &emulator));
    let address = address.as_str();

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
    let (client, index) = client_and_index(&emulator);
    let run = |url: &str| {
        let mut command = example("object_store", &emulator);
        command.args([url, index.as_str()]);
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
        .get(GetIndexedAsset::new(index.as_str(), id.trim()))
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

#[test]
fn worker_pool_indexes_a_folder() {
    let emulator = emulator();
    let (_, index) = client_and_index(&emulator);
    let clips = [
        ("a.mp4", "640x360"),
        ("b.mp4", "640x360"),
        ("small.mp4", "320x180"),
    ];
    let folder = folder(&clips);
    let mut command = example("worker_pool", &emulator);
    command.arg(folder.path()).args([index.as_str(), "2"]);
    let output = run(command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // The report of the refused clip has further lines.
    let output = text(&output.stdout);
    let mut lines: Vec<&str> = output.lines().collect();
    lines.retain(|line| clips.iter().any(|(name, _)| line.starts_with(name)));
    lines.sort_unstable();
    let [a, b, small] = lines.as_slice() else {
        panic!("one line for each file was expected, not {lines:?}")
    };
    assert!(
        a.starts_with("a.mp4: Some(") && b.starts_with("b.mp4: Some("),
        "{lines:?}"
    );
    assert!(small.starts_with("small.mp4: RefusedLocally"), "{small}");
    assert_eq!(count(&emulator, "assets.create"), 2);
}

#[test]
fn own_stack_counts_what_the_platform_receives() {
    let emulator = emulator();
    let (_, index) = client_and_index(&emulator);
    let before = emulator.journal().len();
    let folder = folder(&[("own.mp4", "640x360")]);
    let mut command = example("own_stack", &emulator);
    command
        .arg(folder.path().join("own.mp4"))
        .arg(index.as_str());
    let output = run(command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = text(&output.stdout);
    let numbers = |method: &str| -> Vec<u64> {
        let line = output.lines().find_map(|line| line.strip_prefix(method));
        let words = line.expect("a line for the method").split([' ', ',']);
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let (get, post) = (numbers("GET: "), numbers("POST: "));
    let received = (emulator.journal().len() - before) as u64;
    assert_eq!(get[0] + post[0], received, "{output}");
    let size = fs::metadata(clip("640x360")).expect("a clip").len();
    assert!(post[1] > size, "{output}");
}

#[test]
fn both_transports_see_the_video() {
    let emulator = emulator();
    let (client, index) = client_and_index(&emulator);
    let video = start_indexing(&client, &index);
    let mut command = example("both_transports", &emulator);
    command.args([index.as_str(), &video]);
    let output = run(command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "blocking: Some(Ready)\nasync: Some(Ready)\n"
    );
}

#[test]
fn batch_resume_continues_after_a_cancel() {
    let emulator = emulator_with(|builder| {
        let builder = builder.schedule(Schedule::every(Duration::from_secs(5)));
        builder.clock(ClockMode::Manual)
    });
    let (_, index) = client_and_index(&emulator);
    let (folder, state) = (
        folder(&[("a.mp4", "640x360"), ("b.mp4", "640x360")]),
        folder(&[]),
    );
    let command = || {
        let mut command = example("batch_resume", &emulator);
        command
            .arg(folder.path())
            .arg(index.as_str())
            .arg(state.path());
        command
    };
    let limit = Instant::now() + Duration::from_secs(60);

    // The clock stands still: both assets stay in progress until the cancel.
    let mut running = Running(command().stdin(Stdio::piped()).spawn().expect("it starts"));
    while count(&emulator, "assets.retrieve") < 2 {
        assert!(Instant::now() < limit, "{:?}", emulator.journal());
        thread::sleep(Duration::from_millis(20));
    }
    let mut input = running.0.stdin.take().expect("a pipe");
    input.write_all(b"\n").expect("it reads");
    let mut output = String::new();
    let mut stdout = running.0.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut output).expect("its results");
    assert_eq!(output.matches("canceled: ").count(), 2, "{output}");
    assert_eq!(running.0.wait().expect("it ends").code(), Some(1));

    let mut running = Running(command().spawn().expect("it starts"));
    let status = loop {
        if let Some(status) = running.0.try_wait().expect("a child") {
            break status;
        }
        assert!(Instant::now() < limit, "{:?}", emulator.journal());
        emulator.advance(Duration::from_secs(5));
        thread::sleep(Duration::from_millis(20));
    };
    let mut output = String::new();
    let mut stdout = running.0.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut output).expect("its results");
    assert!(status.success(), "{output}");
    assert_eq!(output.matches("done: Some(").count(), 2, "{output}");
    assert_eq!(
        count(&emulator, "assets.create"),
        2,
        "no file was sent twice"
    );
}

#[test]
fn preflight_needs_no_network() {
    let emulator = emulator();
    let mut command = example("preflight", &emulator);
    command.env_remove("TWELVE_LABS_API_KEY");
    let good = command.arg(clip("640x360")).output().expect("it starts");
    assert!(good.status.success(), "{}", text(&good.stderr));
    let report = text(&good.stdout);
    assert!(report.contains("640x360.mp4: "), "{report}");

    let mut command = example("preflight", &emulator);
    let small = fs::File::open(clip("320x180")).expect("a clip");
    let output = run({
        command.arg(clip("640x360")).arg("-").stdin(small);
        command
    });
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(
        report.contains("-: refuse\n") && report.contains("320x180 "),
        "{report}"
    );
    assert_eq!(emulator.journal().len(), 0, "nothing was sent");
}

#[test]
fn webhook_receiver_prints_each_event_once() {
    let emulator = emulator();
    let (client, index) = client_and_index(&emulator);
    let (_service, mut output, address) = serve(example("webhook_receiver", &emulator));
    let deliver = |id: &str| {
        let body = format!(r#"{{"id":"{id}","type":"index.task.ready"}}"#);
        let signature = webhook::sign(SECRET, SystemTime::now(), body.as_bytes());
        let header = format!("TL-Signature: {signature}\r\n");
        post_with(&address, "/", &header, body.as_bytes()).0
    };
    assert_eq!(post(&address, "/", br#"{"id":"whe_0","type":"x"}"#).0, 401);
    assert_eq!(
        [deliver("whe_1"), deliver("whe_1"), deliver("whe_2")],
        [200; 3]
    );
    assert_eq!(next_line(&mut output), "index.task.ready whe_1");
    assert_eq!(next_line(&mut output), "index.task.ready whe_2");

    let url = format!("http://{address}/").parse().expect("a URL");
    emulator.register_webhook(&url, SECRET).expect("registered");
    start_task(&client, &index);
    let line = next_line(&mut output);
    assert!(line.starts_with("index.task.ready "), "{line}");
}

#[test]
fn the_wait_ends_by_webhook_or_by_poll() {
    let mut schedule = Schedule::FAST;
    schedule.indexing = Duration::from_secs(3);
    let emulator = emulator_with(|builder| builder.schedule(schedule));
    let (client, index) = client_and_index(&emulator);
    let wait = |seconds: &str, with_webhook: bool| {
        let task = start_task(&client, &index);
        let polls = count(&emulator, "tasks.retrieve");
        let mut command = example("wait_by_webhook_or_poll", &emulator);
        command.args([task.as_str(), seconds]);
        let started = Instant::now();
        let (_program, mut output, address) = serve(command);
        if with_webhook {
            let url = format!("http://{address}/").parse().expect("a URL");
            emulator.register_webhook(&url, SECRET).expect("registered");
        }
        assert_eq!(next_line(&mut output), format!("{task} is Some(Ready)"));
        let polls = count(&emulator, "tasks.retrieve") - polls;
        (started.elapsed(), polls)
    };
    let (took, polls) = wait("1", false);
    assert!(polls > 2, "{polls} polls in {took:?}");
    // The next poll would come after ten minutes.
    let (took, polls) = wait("600", true);
    assert!(
        took < Duration::from_secs(60) && polls == 2,
        "{polls} polls in {took:?}"
    );
}

#[test]
fn analyze_many_writes_the_answers_in_order() {
    let emulator = emulator();
    let (client, _) = client_and_index(&emulator);
    let asset = client.upload(clip("640x360")).run().expect("it passes");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("answers.jsonl");
    let mut command = example("analyze_many", &emulator);
    let ids = [asset.asset_id.as_str(); 2];
    let output = command.arg(&out).args(ids).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(printed.contains("0 of 2 failed"), "{printed}");
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 2);
}
