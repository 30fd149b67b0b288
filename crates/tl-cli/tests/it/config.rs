//! Configuration files: precedence, profiles, errors, and what a project's file may not do.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::platform::Platform;
use crate::tl::{EMULATOR_KEY, KEY, SECRET, Tl};

/// A user's directory for configuration and a project with a directory in it.
struct World {
    folder: TempDir,
}

impl World {
    fn new(user: &str, project: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for sub in ["user/tl", "project/sub"] {
            fs::create_dir_all(folder.path().join(sub)).unwrap();
        }
        let world = Self { folder };
        if !user.is_empty() {
            fs::write(world.path("user/tl/config.toml"), user).unwrap();
        }
        if !project.is_empty() {
            fs::write(world.path("project/tl.toml"), project).unwrap();
        }
        world
    }

    fn path(&self, inside: &str) -> std::path::PathBuf {
        self.folder.path().join(inside)
    }

    fn tl(&self, arguments: &[&str]) -> Tl {
        Tl::new(arguments)
            .env("XDG_CONFIG_HOME", self.path("user").to_str().unwrap())
            .in_folder(&self.path("project/sub"))
    }

    /// Value and kind of origin of a setting.
    fn setting(&self, tl: Tl, name: &str) -> (Value, String) {
        let shown = tl.args(&["config", "show", "--json"]).code(0).json();
        let row = shown["settings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["setting"] == name)
            .unwrap()
            .clone();
        (
            row["value"].clone(),
            row["origin"].as_str().unwrap().to_owned(),
        )
    }
}

#[test]
fn the_first_of_option_variable_profile_project_and_user_counts() {
    let world = World::new(
        "attempts = 2\njobs = 2\nindex = \"user\"\nroute = \"asset\"\n[profile.p]\nroute = \"tasks\"\n",
        "attempts = 3\nindex = \"project\"\n",
    );
    let check = |tl: Tl, name: &str, value: &str, origin: &str| {
        let (found, from) = world.setting(tl, name);
        assert_eq!(
            (found.as_str(), from.as_str()),
            (Some(value), origin),
            "{name}"
        );
    };
    let plain = || world.tl(&[]);
    check(plain(), "index", "project", "project");
    check(plain(), "jobs", "2", "user");
    check(plain(), "route", "asset", "user");
    check(
        plain().args(&["--profile", "p"]),
        "route",
        "tasks",
        "profile",
    );
    check(plain().env("TL_PROFILE", "p"), "route", "tasks", "profile");
    check(
        plain().env("TL_INDEX", "var"),
        "index",
        "var",
        "environment",
    );
    check(
        plain().args(&["--attempts", "9"]),
        "attempts",
        "9",
        "option",
    );
    check(plain(), "attempts", "3", "project");
    let (none, origin) = world.setting(plain().args(&["--no-config"]), "index");
    assert_eq!((none, origin.as_str()), (Value::Null, "default"));
    // An empty variable is not set.
    check(plain().env("TL_INDEX", ""), "index", "project", "project");
}

#[test]
fn settings_are_used_by_commands() {
    let world = World::new("rules = \"v1.3-2026-10\"\n", "");
    fs::write(world.path("project/tl.toml"), "color = \"never\"\n").unwrap();
    fs::write(world.path("project/sub/a.mp4"), "no media").unwrap();
    let pack = |more: &[&str]| {
        let run = world
            .tl(&["validate", "a.mp4", "--no-cache", "--json"])
            .args(more)
            .run();
        run.json()["report"]["pack"].to_string()
    };
    let (set, given) = (pack(&[]), pack(&["--rules", "v1.3-2026-02"]));
    assert!(set.contains("v1.3-2026-10"), "{set}");
    assert!(given.contains("v1.3-2026-02"), "{given}");
    // An invalid value names the file.
    fs::write(world.path("project/tl.toml"), "jobs = 900\n").unwrap();
    let refused = world.tl(&["validate", "a.mp4"]).code(2);
    assert!(
        refused.stderr.contains("setting `jobs`") && refused.stderr.contains("project/tl.toml"),
        "{}",
        refused.text()
    );
}

#[test]
fn invalid_files_are_explained_and_do_not_hide_their_path() {
    let world = World::new("indx = \"a\"\n", "");
    let refused = world.tl(&["rules", "list"]).code(2);
    assert!(
        refused.stderr.contains("did you mean `index`?"),
        "{}",
        refused.text()
    );
    let path = world.tl(&["config", "path"]).code(0);
    assert!(
        path.stdout.contains("user/tl/config.toml"),
        "{}",
        path.text()
    );
    assert_eq!(world.tl(&["rules", "list", "--no-config"]).run().code, 0);
    assert_eq!(world.tl(&["--help"]).run().code, 0);
    let profile = World::new("[profile.production]\njobs = 2\n", "");
    let unknown = profile
        .tl(&["rules", "list", "--profile", "prodution"])
        .code(2);
    assert!(
        unknown.stderr.contains("did you mean `production`?"),
        "{}",
        unknown.text()
    );
    let both = World::new("", "jobs = 2\n");
    fs::write(both.path("project/.tl.toml"), "jobs = 3\n").unwrap();
    assert_eq!(both.tl(&["rules", "list"]).run().code, 2);
    let not_text = World::new("", "jobs = 2\n");
    fs::write(not_text.path("project/tl.toml"), b"\xff\xfe\n").unwrap();
    assert_eq!(not_text.tl(&["rules", "list"]).run().code, 2);
}

#[test]
fn a_project_cannot_run_programs_or_trust_certificates() {
    for line in [
        "key_command = \"touch ../../stolen\"",
        "ca_file = \"ca.pem\"",
        "trusted_base_urls = [\"https://example.com\"]",
        "ledger = \"postgres://example.com/x\"",
        "[profile.p]\nkey_command = \"touch ../../stolen\"",
    ] {
        let world = World::new("", &format!("{line}\n"));
        let refused = world.tl(&["doctor"]).code(2);
        assert!(
            refused
                .stderr
                .contains("is not allowed in the file of a project"),
            "{}",
            refused.text()
        );
        assert!(!world.path("stolen").exists());
    }
}

#[test]
fn a_project_cannot_send_the_key_to_another_host() {
    let platform = Platform::start();
    let url = platform.base_url.clone();
    let project = format!("base_url = \"{url}\"\n");
    let list = |world: &World| world.tl(&["index", "list"]);
    let refused = |run: crate::tl::Run| {
        assert_eq!(run.code, 2, "{}", run.text());
        assert!(
            run.stderr.contains("would send your API key"),
            "{}",
            run.text()
        );
    };
    // The key of a variable, of the user's file, and of a command.
    let world = World::new("", &project);
    refused(list(&world).env("TWELVE_LABS_API_KEY", KEY).run());
    let key = world.path("key");
    fs::write(&key, EMULATOR_KEY).unwrap();
    for setting in [
        format!("api_key_file = \"{}\"\n", key.display()),
        format!("key_command = \"cat '{}'\"\n", key.display()),
    ] {
        let world = World::new(&setting, &project);
        // A key in the project does not replace the user's.
        fs::write(world.path("project/key"), KEY).unwrap();
        let both = format!("{project}api_key_file = \"key\"\n");
        fs::write(world.path("project/tl.toml"), both).unwrap();
        refused(list(&world).run());
        // The user can allow it: as an option, as a variable, or in the user's file.
        assert_eq!(list(&world).args(&["--base-url", &url]).run().code, 0);
        assert_eq!(list(&world).env("TWELVELABS_BASE_URL", &url).run().code, 0);
        let user = format!("trusted_base_urls = [\"{url}/\"]\n{setting}");
        fs::write(world.path("user/tl/config.toml"), user).unwrap();
        assert_eq!(list(&world).run().code, 0);
    }
    // The key of the project itself may go where the project says.
    let own = World::new("", &format!("{project}api_key_file = \"key\"\n"));
    fs::write(own.path("project/key"), EMULATOR_KEY).unwrap();
    assert_eq!(list(&own).run().code, 0);
    // But it must be in the project.
    fs::remove_file(own.path("project/key")).unwrap();
    fs::write(own.path("outside"), KEY).unwrap();
    std::os::unix::fs::symlink("../outside", own.path("project/key")).unwrap();
    let outside = list(&own).code(2);
    assert!(
        outside.stderr.contains("leads out of"),
        "{}",
        outside.text()
    );
}

#[test]
fn the_key_never_shows() {
    let world = World::new("", "");
    let config = |text: &str| fs::write(world.path("user/tl/config.toml"), text).unwrap();
    let shown = || {
        let run = world.tl(&["config", "show"]).run();
        assert!(!run.text().contains(SECRET), "{}", run.text());
        run
    };
    config(&format!("api_key = \"{KEY}\"\n"));
    assert_eq!(shown().code, 2);
    config(&format!("key_command = \"echo {SECRET}\"\n"));
    let command = world.tl(&["config", "show"]).command().output().unwrap();
    assert!(command.status.success());
    config("ledger = \"postgres://me:hidden-password@db/x\"\n");
    let run = shown();
    assert!(run.stdout.contains("me:[password]@db"), "{}", run.text());
    assert!(!run.text().contains("hidden-password"));
}

#[test]
fn a_key_command_that_fails_is_explained() {
    let world = World::new("", "");
    for (command, part) in [
        ("false", "failed"),
        ("true", "prints nothing"),
        ("echo a b", "prints more than one word"),
        ("no-such-program-here", "cannot be run"),
        ("yes", "failed"),
        ("'unclosed", "is not a command"),
    ] {
        fs::write(
            world.path("user/tl/config.toml"),
            format!("key_command = \"{command}\"\n"),
        )
        .unwrap();
        let run = world.tl(&["index", "list"]).code(2);
        assert!(run.stderr.contains(part), "{command}: {}", run.text());
    }
}

#[test]
fn a_path_is_relative_to_its_file() {
    let world = World::new("", "checkpoints = \"../kept\"\n");
    let (value, _) = world.setting(world.tl(&[]), "checkpoints");
    let expected = world.path("project/../kept");
    assert_eq!(
        fs::canonicalize(Path::new(value.as_str().unwrap()).parent().unwrap()).unwrap(),
        fs::canonicalize(expected.parent().unwrap()).unwrap()
    );
}

#[test]
fn a_key_command_runs_once() {
    let world = World::new("", "");
    fs::write(world.path("key"), EMULATOR_KEY).unwrap();
    let script = "echo run >> count; cat ../../key";
    fs::write(
        world.path("user/tl/config.toml"),
        format!("key_command = \"sh -c '{script}'\"\nbase_url = \"http://127.0.0.1:9/v1.3\"\nattempts = 1\n"),
    )
    .unwrap();
    let run = world.tl(&["doctor"]).run();
    assert!(run.text().contains("the command"), "{}", run.text());
    let count = fs::read_to_string(world.path("project/sub/count")).unwrap();
    assert_eq!(count.lines().count(), 1);
    // A command without a request does not need the key.
    let _ = world.tl(&["rules", "list"]).code(0);
    let _ = world.tl(&["config", "show"]).code(0);
    let count = fs::read_to_string(world.path("project/sub/count")).unwrap();
    assert_eq!(count.lines().count(), 1);
}
