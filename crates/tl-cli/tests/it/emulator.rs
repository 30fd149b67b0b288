//! `tl emulator`: startup output, operation, and shutdown.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;

use crate::clips;
use crate::tl::{Run, Running, Tl, snapshot};

/// A running emulator, with its two lines of output.
fn start(arguments: &[&str]) -> (Running, [String; 2]) {
    let mut tl = Tl::new(&["emulator"]).args(arguments);
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tl.command().spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let printed = [line(), line()];
    (Running::adopt(child), printed)
}

fn value<'l>(line: &'l str, name: &str) -> &'l str {
    line.strip_prefix(&format!("export {name}="))
        .unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn prints_environment_and_stops_on_ctrl_c() {
    for signal in [Signal::INT, Signal::TERM] {
        let (emulator, [address, key]) = start(&[]);
        let (address, key) = (
            value(&address, "TWELVELABS_BASE_URL"),
            value(&key, "TWELVE_LABS_API_KEY"),
        );
        let index = Tl::new(&["index", "create", "films", "-q"])
            .to(address, key)
            .code(0);
        let folder = clips::folder(&["good.mp4"]);
        Tl::new(&[
            "ingest",
            "good.mp4",
            "--wait",
            "--interval",
            "100ms",
            "--index",
            index.first_line(),
        ])
        .to(address, key)
        .in_folder(folder.path())
        .code(0);
        emulator.signal(signal);
        let Run { code, stderr, .. } = emulator.finish();
        assert_eq!(
            (code, stderr.as_str()),
            (0, "press Ctrl-C to stop the emulator\n")
        );
    }
}

#[test]
fn port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = Tl::new(&["emulator", "--port", &port]).code(2);
    snapshot!(run);
    let run = Tl::new(&["emulator", "--port", "70000"]).code(2);
    assert!(run.stderr.contains("70000"), "{}", run.stderr);
}

#[test]
fn data_dir_is_kept() {
    let folder = clips::folder(&["good.mp4"]);
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let (emulator, [address, key]) = start(&["--data-dir", data.to_str().unwrap()]);
    let (address, key) = (
        value(&address, "TWELVELABS_BASE_URL"),
        value(&key, "TWELVE_LABS_API_KEY"),
    );
    let index = Tl::new(&["index", "create", "films", "-q"])
        .to(address, key)
        .code(0);
    Tl::new(&["ingest", "good.mp4", "--index", index.first_line()])
        .to(address, key)
        .in_folder(folder.path())
        .code(0);
    emulator.interrupt();
    assert_eq!(emulator.finish().code, 0);
    assert!(
        data.read_dir().unwrap().next().is_some(),
        "the received file is there"
    );
}

/// Runs a shell command with its own emulator.
fn exec(options: &[&str], script: &str) -> Tl {
    Tl::new(&["emulator", "exec"])
        .args(options)
        .args(&["--", "sh", "-c", script])
        .env("TL", env!("CARGO_BIN_EXE_tl"))
}

#[test]
fn exec_returns_the_exit_code() {
    let folder = clips::folder(&["good.mp4"]);
    let story = r#"
        id=$("$TL" index create films -q) || exit 90
        "$TL" ingest good.mp4 --wait --interval 100ms --index "$id" -q || exit 91
        "$TL" video list "$id" -q
        exit 7"#;
    let run = exec(&["--summary", "summary.json"], story)
        .in_folder(folder.path())
        .code(7);
    let summary = std::fs::read_to_string(folder.path().join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["exit_code"], 7);
    assert_eq!(summary["files_kept"], 1);
    assert_eq!(summary["operations"]["indexes.create"]["requests"], 1);
    assert!(
        run.stderr.contains("the emulator received ")
            && run.stderr.contains("  indexes.create: 1\n"),
        "{}",
        run.stderr
    );
    assert_eq!(exec(&["-q"], "true").code(0).stderr, "");
}

#[test]
fn exec_maps_signals_like_shells() {
    exec(&[], "kill -TERM $$").code(143);
    exec(&[], "kill -KILL $$").code(137);
}

#[test]
fn exec_fails_with_126_or_127() {
    let run = Tl::new(&["emulator", "exec", "--", "no-such-command"]).code(127);
    snapshot!("exec_without_a_program", run);
    let folder = clips::folder(&["good.mp4"]);
    Tl::new(&["emulator", "exec", "--", "./good.mp4"])
        .in_folder(folder.path())
        .code(126);
    Tl::new(&["emulator", "exec"]).code(2);
}

#[test]
fn exec_forwards_signals() {
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
    ] {
        let script =
            format!("trap 'echo heard; exit 33' {name}; echo ready; while :; do sleep 0.05; done");
        let mut tl = exec(&[], &script);
        tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tl.command().spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let running = Running::adopt(child);
        running.signal(signal);
        assert_eq!(lines.next().unwrap().unwrap(), "heard");
        assert_eq!(running.finish().code, 33, "{name}");
    }
}

#[test]
fn exec_hides_the_real_key_and_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, crate::tl::KEY).unwrap();
    let script = r#"echo "$TWELVE_LABS_API_KEY $TWELVELABS_API_KEY ${TWELVE_LABS_API_KEY_FILE-none} $NO_PROXY"; "$TL" index list -q"#;
    let run = exec(&[], script)
        .env("TWELVE_LABS_API_KEY_FILE", file.to_str().unwrap())
        .env("TWELVE_LABS_API_KEY", crate::tl::KEY)
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "example.com")
        .code(0);
    assert_eq!(
        run.stdout,
        "tlk_emulator_local tlk_emulator_local none 127.0.0.1,localhost,example.com\n"
    );
}

#[test]
fn options_configure_the_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let seed =
        r#"{"indexes":[{"index_name":"seeded","videos":[{"filename":"a.mp4","duration":1.5}]}]}"#;
    std::fs::write(folder.path().join("seed.json"), seed).unwrap();
    let options = [
        "--seed",
        "seed.json",
        "--state",
        "state",
        "--plan",
        "free",
        "--quirk",
        "beyond-page-limit=clamp",
        "--pace",
        "instant",
        "--fault",
        "indexes.retrieve status=503",
        "--chunk-size",
        "1000",
        "--rules",
        "v1.3-2026-02",
        "--clock",
        "x60",
        "--webhook",
        "http://127.0.0.1:9/hook,hush",
    ];
    let script = r#""$TL" index list --json; "$TL" index get $("$TL" index list -q) --attempts 1"#;
    let run = exec(&options, script).in_folder(folder.path()).code(5);
    assert!(
        run.stdout.contains("\"index_name\":\"seeded\"")
            && run.stdout.contains("\"expires_at\":\"2"),
        "{}",
        run.text()
    );
    assert!(folder.path().join("state").read_dir().unwrap().count() > 0);
    // An index of the persisted state has the name that the seed would create.
    let run = exec(&options, "true").in_folder(folder.path()).code(2);
    snapshot!("seed_of_a_state_that_has_it", run);
}

#[test]
fn invalid_emulator_options_are_rejected() {
    for (option, value, printed) in [
        ("--plan", "gold", "unlimited, free, developer-1"),
        ("--clock", "x0", "real, manual"),
        ("--pace", "slow", "instant, fast, realistic"),
        ("--quirk", "color", "NAME=VALUE"),
        ("--quirk", "color=blue", "created-status"),
        ("--quirk", "created-status=202", "201, 200"),
        ("--fault", "nowhere.json", "failed to read"),
        ("--fault", "tasks.make drop", "tasks.create"),
        ("--webhook", "ftp://example.com", "http, https"),
        ("--webhook", "http://example.com,", "secret"),
        ("--seed", "nowhere.json", "failed to read"),
        ("--rules", "nowhen", "no file `nowhen`"),
        ("--chunk-size", "0", "1.."),
    ] {
        let run = Tl::new(&["emulator", option, value]).code(2);
        assert!(
            run.stderr.contains(printed),
            "{option} {value}: {}",
            run.stderr
        );
    }
}

#[test]
fn quirks_plans_and_faults_are_listed() {
    snapshot!("quirks", Tl::new(&["emulator", "quirks"]).code(0));
    snapshot!("plans", Tl::new(&["emulator", "plans"]).code(0));
    let quirks = Tl::new(&["emulator", "quirks", "--json"]).code(0).json();
    assert_eq!(quirks[0]["default"], quirks[0]["values"][0]);
    let plans = Tl::new(&["emulator", "plans", "--json"]).code(0).json();
    assert_eq!(plans[1]["requests_per_minute"], 60);
    let faults = [
        "emulator",
        "faults",
        "tasks.create nth=1,3 status=503 retry_after=2",
        "* delay_ms=5",
    ];
    snapshot!("faults", Tl::new(&faults).code(0));
    let plan = Tl::new(&faults).args(&["--json"]).code(0).json();
    assert_eq!(plan["faults"][0]["nth"], serde_json::json!([1, 3]));
    snapshot!(
        "fault_unknown",
        Tl::new(&["emulator", "faults", "* color=blue"]).code(2)
    );
}

#[test]
fn state_export_import_and_reset() {
    let (emulator, [address, key]) = start(&[]);
    let (address, key) = (
        value(&address, "TWELVELABS_BASE_URL"),
        value(&key, "TWELVE_LABS_API_KEY"),
    );
    let tl = |words: &[&str]| Tl::new(words).to(address, key);
    tl(&["index", "create", "films"]).code(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    std::fs::write(&file, tl(&["emulator", "export"]).code(0).stdout).unwrap();
    snapshot!("reset", tl(&["emulator", "reset"]).code(0));
    assert_eq!(tl(&["index", "list", "-q"]).code(0).stdout, "");
    tl(&["emulator", "import", file.to_str().unwrap()]).code(0);
    assert_eq!(
        tl(&["index", "list", "-q"]).code(0).stdout.lines().count(),
        1
    );
    std::fs::write(&file, "{}").unwrap();
    let run = tl(&["emulator", "import", file.to_str().unwrap()]).code(7);
    snapshot!("import_refused", run);
    emulator.interrupt();
    assert_eq!(emulator.finish().code, 0);
    snapshot!("export_from_nobody", tl(&["emulator", "export"]).code(5));
    let run = Tl::new(&["emulator", "reset"]).code(2);
    snapshot!("reset_of_the_platform", run);
}

/// The lines that an emulator prints at startup with this environment.
fn first_lines(key: &str, arguments: &[&str], count: usize) -> Vec<String> {
    let mut tl = Tl::new(&["emulator"])
        .args(arguments)
        .env("TWELVE_LABS_API_KEY", key);
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tl.command().spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let printed = lines.take(count).map(Result::unwrap).collect();
    let running = Running::adopt(child);
    running.interrupt();
    assert_eq!(running.finish().code, 0);
    printed
}

#[test]
fn emulator_key_is_not_masked() {
    for key in ["tlk_emulator_local", "tlk_emulator", "tlk_something_else"] {
        let lines = first_lines(key, &[], 3);
        assert_eq!(lines[1], "export TWELVE_LABS_API_KEY=tlk_emulator_local");
        let json = first_lines(key, &["--json"], 1);
        let json: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
        assert_eq!(json["api_key"], "tlk_emulator_local");
    }
}

#[test]
fn page_url_is_printed_as_a_comment() {
    let lines = first_lines("tlk_emulator_local", &[], 3);
    let base = value(&lines[0], "TWELVELABS_BASE_URL");
    let page = base.replace("/v1.3", "/_emulator");
    assert_eq!(lines[2], format!("# page: {page}"));
}

#[test]
fn requests_are_logged_and_counted() {
    let script = r#""$TL" index list -q; "$TL" index list -q --attempts 1 --base-url "$TWELVELABS_BASE_URL/tasks/transfers" 2>/dev/null; true"#;
    let folder = tempfile::tempdir().unwrap();
    let run = exec(&["-v", "--summary", "summary.json"], script)
        .in_folder(folder.path())
        .code(0);
    let logged = |text: &str| run.stderr.lines().any(|line| line.contains(text));
    assert!(
        logged("Z GET /v1.3/indexes?") && logged(" 200 indexes.list, "),
        "{}",
        run.stderr
    );
    assert!(
        logged("Z GET /v1.3/tasks/transfers/indexes?")
            && logged(" 501 not_implemented_in_emulator, "),
        "{}",
        run.stderr
    );
    assert!(
        logged("  tasks of v1.2: 1 (not implemented in the emulator)"),
        "{}",
        run.stderr
    );
    let summary = std::fs::read_to_string(folder.path().join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["not_implemented"]["tasks of v1.2"], 1);
    assert_eq!(summary["other_requests"], 0);
    let quiet = exec(&[], script).code(0);
    assert!(!quiet.stderr.contains("GET /v1.3"), "{}", quiet.stderr);
}

#[test]
fn help_lists_families_and_faults() {
    use tl_emulator::{Operation, platform::families};

    // Lines are wrapped at the width of the terminal.
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = flat(&Tl::new(&["emulator", "--help"]).code(0).stdout);
    for family in families::NOT_IMPLEMENTED {
        assert!(help.contains(family.name), "{}", family.name);
    }
    for family in families::IMPLEMENTED {
        assert!(help.contains(family), "{family}");
    }
    let guide = flat(include_str!("../../../../docs/guide.md"));
    for family in families::NOT_IMPLEMENTED {
        assert!(guide.contains(family.name), "the guide: {}", family.name);
    }
    let faults = Tl::new(&["emulator", "faults", "--help"]).code(0).stdout;
    for operation in Operation::ALL {
        assert!(faults.contains(operation.as_str()), "{operation}");
    }
}

#[test]
fn exec_isolates_checkpoints_and_cache() {
    let folder = clips::folder(&["good.mp4"]);
    let story = r#"
        id=$("$TL" index create films -q) || exit 90
        "$TL" validate good.mp4 -q || exit 91
        "$TL" ingest good.mp4 --index "$id" --wait --deadline 1ms -q; [ $? = 8 ] || exit 92
        [ "$("$TL" ledger ls -q | wc -l)" = 1 ] || exit 93
        "$TL" upload good.mp4 --route multipart --wait --deadline 1ms -q; [ $? = 8 ] || exit 94
        [ "$("$TL" upload list --local -q | wc -l)" = 1 ] || exit 95
        ls "$TL_CHECKPOINTS" "$TL_CACHE"
        echo "$TL_CHECKPOINTS""#;
    let home = folder.path().to_str().unwrap().to_owned();
    let run = |options: &[&str]| {
        exec(options, story)
            .env("XDG_STATE_HOME", &format!("{home}/state"))
            .env("XDG_CACHE_HOME", &format!("{home}/cache"))
            .env("TL_CHECKPOINTS", &format!("{home}/mine"))
            .in_folder(folder.path())
            .code(0)
            .stdout
    };
    let printed = run(&[]);
    assert!(
        printed.contains(".json") && printed.contains("probes.sqlite3"),
        "{printed}"
    );
    for name in ["state", "cache", "mine"] {
        assert!(!folder.path().join(name).exists(), "{name} is untouched");
    }
    let temporary = printed.lines().last().unwrap();
    assert!(
        !std::path::Path::new(temporary).exists(),
        "{temporary} is removed"
    );
    let printed = run(&["--state", "kept"]);
    let checkpoints = folder
        .path()
        .join("kept")
        .join("client")
        .join("checkpoints");
    assert!(
        printed.trim_end().ends_with("kept/client/checkpoints"),
        "{printed}"
    );
    assert!(checkpoints.is_dir(), "it lasts as long as the state");
}

#[test]
fn plans_are_read_from_files() {
    let folder = crate::manifests::archive(2);
    let plan = folder.path().join("small.toml");
    std::fs::write(&plan, "base = \"free\"\nvideos_per_index = 1\n").unwrap();
    let (emulator, [address, key]) = start(&["--plan", plan.to_str().unwrap()]);
    let (address, key) = (
        value(&address, "TWELVELABS_BASE_URL"),
        value(&key, "TWELVE_LABS_API_KEY"),
    );
    let tl = |arguments: &[&str]| Tl::new(arguments).to(address, key).in_folder(folder.path());
    tl(&["index", "create", "films"]).code(0);
    tl(&["ingest", "0.mp4", "--index", "films"]).code(0);
    let full = tl(&["ingest", "1.mp4", "--index", "films", "--json"]).code(6);
    let error = &full.json()["error"];
    assert_eq!(error["code"], "usage_limit_exceeded", "{}", full.text());
    emulator.interrupt();
    assert_eq!(emulator.finish().code, 0);

    std::fs::write(&plan, "base = \"free\"\nvideos = 1\n").unwrap();
    let missing = folder.path().join("none.toml");
    for (plan, expected) in [
        (plan.to_str().unwrap(), "line 2: unknown field `videos`"),
        (missing.to_str().unwrap(), "failed to read the plan"),
        ("gold", "there is no plan `gold`"),
    ] {
        let run = Tl::new(&["emulator", "--plan", plan]).code(2);
        assert!(run.stderr.contains(expected), "{}", run.text());
    }
}
