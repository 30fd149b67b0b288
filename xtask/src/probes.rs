//! How each need is looked for. Nothing here changes the machine; finding libclang has a room of its own.

use std::path::Path;

use crate::machine::{Machine, System};
use crate::needs::Seen;

/// The libraries that the probe links, with their versions in FFmpeg 5.1, the oldest release that is tested.
const FFMPEG_LIBRARIES: [(&str, &str); 3] = [
    ("libavformat", "59.27"),
    ("libavcodec", "59.37"),
    ("libavutil", "57.28"),
];

/// The oldest Python that the pinned packages of the suites take.
const PYTHON: &str = "3.10";

pub(crate) fn toolchain(machine: &Machine, rust_version: &str) -> Seen {
    let Some(text) = machine.ask(machine.named("RUSTC", "rustc"), &["--version"]) else {
        return Seen::Missing("`rustc --version` does not run".into());
    };
    let seen = text.trim().to_owned();
    match text.split_whitespace().nth(1) {
        // A pre-release such as 1.95.0-nightly counts as its release.
        Some(version) if at_least(version.split('-').next().unwrap_or(version), rust_version) => {
            Seen::Present(seen)
        }
        _ => Seen::Missing(format!("{seen}, but {rust_version} or newer is needed")),
    }
}

pub(crate) fn components(machine: &Machine) -> Seen {
    let cargo = machine.named("CARGO", "cargo");
    let lacks: Vec<&str> = ["fmt", "clippy"]
        .into_iter()
        .filter(|component| machine.ask(&cargo, &[component, "--version"]).is_none())
        .collect();
    if lacks.is_empty() {
        Seen::Present("cargo fmt, cargo clippy".into())
    } else {
        Seen::Missing(format!("not installed: cargo {}", lacks.join(", cargo ")))
    }
}

/// A compiler without the C library's headers is no help, so a header is really read.
pub(crate) fn c_compiler(machine: &Machine) -> Seen {
    let cc = machine.named("CC", "cc");
    let name = cc.to_string_lossy().into_owned();
    let Some(version) = machine.ask(&cc, &["--version"]) else {
        return Seen::Missing(format!("`{name}` does not run"));
    };
    let read_header = ["-E", "-include", "stdlib.h", "-x", "c", "/dev/null"];
    match machine.ask(&cc, &read_header) {
        Some(_) => Seen::Present(first_line(&version)),
        None => Seen::Missing(format!(
            "{}, but it does not find the header stdlib.h",
            first_line(&version)
        )),
    }
}

pub(crate) fn pkg_config(machine: &Machine) -> Seen {
    match machine.ask(machine.named("PKG_CONFIG", "pkg-config"), &["--version"]) {
        Some(version) => Seen::Present(first_line(&version)),
        None => Seen::Missing("`pkg-config` does not run".into()),
    }
}

/// The headers and link files that the build will find: `FFMPEG_DIR` first, then pkg-config.
pub(crate) fn ffmpeg_libraries(machine: &Machine) -> Seen {
    let mut found = Vec::new();
    for (library, lowest) in FFMPEG_LIBRARIES {
        let version = match machine.var("FFMPEG_DIR") {
            Some(dir) => version_of_header(Path::new(&dir), library)
                .ok_or_else(|| format!("FFMPEG_DIR={} has no {library}", dir.to_string_lossy())),
            None => version_of_pkg_config(machine, library),
        };
        match version {
            Ok(version) if at_least(&version, lowest) => found.push(format!("{library} {version}")),
            Ok(version) => {
                return Seen::Missing(format!(
                    "{library} {version}, but {lowest} or newer is needed (FFmpeg 5.1)"
                ));
            }
            Err(why) => return Seen::Missing(why),
        }
    }
    Seen::Present(found.join(", "))
}

fn version_of_pkg_config(machine: &Machine, library: &str) -> Result<String, String> {
    let pkg_config = machine.named("PKG_CONFIG", "pkg-config");
    if machine.ask(&pkg_config, &["--version"]).is_none() {
        return Err("cannot be looked for without pkg-config".into());
    }
    machine
        .ask(&pkg_config, &["--modversion", library])
        .map(|text| text.trim().to_owned())
        .ok_or_else(|| format!("pkg-config does not know {library}"))
}

/// From `version_major.h` and `version.h`; before FFmpeg 5.1 the second held both numbers.
fn version_of_header(dir: &Path, library: &str) -> Option<String> {
    let include = dir.join("include").join(library);
    let text: String = ["version_major.h", "version.h"]
        .iter()
        .filter_map(|file| std::fs::read_to_string(include.join(file)).ok())
        .collect();
    let number = |part: &str| {
        let name = format!("{}_VERSION_{part}", library.to_ascii_uppercase());
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("#define") && words.next() == Some(&name))
                .then(|| words.next().map(String::from))?
        })
    };
    Some(format!(
        "{}.{}.{}",
        number("MAJOR")?,
        number("MINOR")?,
        number("MICRO")?
    ))
}

pub(crate) fn ffmpeg_programs(machine: &Machine) -> Seen {
    let mut found = Vec::new();
    for program in ["ffmpeg", "ffprobe"] {
        match machine.ask(program, &["-version"]) {
            Some(text) => found.push(text),
            None => return Seen::Missing(format!("`{program}` does not run")),
        }
    }
    let version = first_line(&found.concat());
    let version = version.split(" Copyright").next().unwrap_or_default();
    Seen::Present(version.trim().to_owned())
}

/// Linux alone has it, and only there is it used.
pub(crate) fn strace(machine: &Machine) -> Seen {
    if machine.system == System::Brew {
        return Seen::Present("not used on this system".into());
    }
    match machine.ask("strace", &["--version"]) {
        Some(text) => Seen::Present(first_line(&text)),
        None => Seen::Missing("`strace` does not run".into()),
    }
}

/// Under any of the names by which the tests start it.
pub(crate) fn chromium(machine: &Machine) -> Seen {
    let others = [
        "chromium-browser",
        "google-chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ];
    let version = ["--version"];
    let told = machine.ask(machine.named("CHROMIUM", "chromium"), &version);
    let told = told.or_else(|| others.iter().find_map(|name| machine.ask(name, &version)));
    match told {
        Some(text) => Seen::Present(first_line(&text)),
        None => Seen::Missing("`chromium` does not run".into()),
    }
}

pub(crate) fn nextest(machine: &Machine) -> Seen {
    let cargo = machine.named("CARGO", "cargo");
    match machine.ask(cargo, &["nextest", "--version"]) {
        Some(text) => Seen::Present(first_line(&text)),
        None => Seen::Missing("not installed".into()),
    }
}

pub(crate) fn python(machine: &Machine) -> Seen {
    let Some(version) = machine.ask("python3", &["--version"]) else {
        return Seen::Missing("`python3` does not run".into());
    };
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    if !at_least(
        number.split(['a', 'b', 'r']).next().unwrap_or(number),
        PYTHON,
    ) {
        return Seen::Missing(format!(
            "{}, but {PYTHON} or newer is needed",
            first_line(&version)
        ));
    }
    // Debian ships `venv` without `ensurepip`, and then it makes no usable environment.
    match machine.ask("python3", &["-c", "import venv, ensurepip"]) {
        Some(_) => Seen::Present(first_line(&version)),
        None => Seen::Missing(format!("{} without venv", first_line(&version))),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Compares versions number by number; missing numbers are zero, and what is no number is older than all.
pub(crate) fn at_least(version: &str, lowest: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let mut numbers = text
            .split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(numbers)
    };
    match (numbers(version), numbers(lowest)) {
        (Some(version), Some(lowest)) => version >= lowest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::System;
    use crate::simulated::Simulated;

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        for (version, lowest, enough) in [
            ("59.27.100", "59.27", true),
            ("59.27", "59.27.0", true),
            ("60.3.100", "59.27", true),
            ("59.9.100", "59.27", false),
            ("58.76.100", "59.27", false),
            ("100.1", "59.27", true),
            ("", "59.27", false),
            ("unknown", "59.27", false),
        ] {
            assert_eq!(
                at_least(version, lowest),
                enough,
                "{version} against {lowest}"
            );
        }
    }

    fn check(
        probe: impl Fn(&Machine) -> Seen,
        programs: &[(&str, &str)],
        expect: Result<&str, &str>,
    ) {
        let simulated = Simulated::new(System::Apt, programs);
        let expect = match expect {
            Ok(text) => Seen::Present(text.into()),
            Err(text) => Seen::Missing(text.into()),
        };
        assert_eq!(probe(&simulated.machine), expect);
    }

    #[test]
    fn an_old_toolchain_is_missing_with_the_version_that_was_seen() {
        let probe = |machine: &Machine| toolchain(machine, "1.95");
        check(
            probe,
            &[("rustc", "echo rustc 1.96.0-nightly")],
            Ok("rustc 1.96.0-nightly"),
        );
        check(
            probe,
            &[("rustc", "echo rustc 1.80.1")],
            Err("rustc 1.80.1, but 1.95 or newer is needed"),
        );
    }

    #[test]
    fn a_compiler_without_headers_is_missing() {
        let bare = r#"case "$1" in --version) echo cc 12;; *) exit 1;; esac"#;
        check(
            c_compiler,
            &[("cc", bare)],
            Err("cc 12, but it does not find the header stdlib.h"),
        );
        check(c_compiler, &[("cc", "echo cc 12")], Ok("cc 12"));
        check(c_compiler, &[], Err("`cc` does not run"));
    }

    #[test]
    fn a_python_that_is_old_or_makes_no_environments_is_missing() {
        check(python, &[], Err("`python3` does not run"));
        check(
            python,
            &[("python3", "echo Python 3.9.2")],
            Err("Python 3.9.2, but 3.10 or newer is needed"),
        );
        let bare = r#"case "$1" in --version) echo Python 3.13.0rc1;; *) exit 1;; esac"#;
        check(
            python,
            &[("python3", bare)],
            Err("Python 3.13.0rc1 without venv"),
        );
        check(
            python,
            &[("python3", "echo Python 3.11.2")],
            Ok("Python 3.11.2"),
        );
    }

    #[test]
    fn ffmpeg_4_is_too_old() {
        let old = r#"case "$2" in libavformat) echo 58.76.100;; *) echo 58.134.100;; esac"#;
        check(
            ffmpeg_libraries,
            &[("pkg-config", old)],
            Err("libavformat 58.76.100, but 59.27 or newer is needed (FFmpeg 5.1)"),
        );
        check(
            ffmpeg_libraries,
            &[],
            Err("cannot be looked for without pkg-config"),
        );
    }

    #[test]
    fn an_ffmpeg_folder_is_read_from_its_headers() {
        let simulated = Simulated::new(System::Apt, &[]);
        let header =
            |part: &str, number: &str| format!("#define LIBAVUTIL_VERSION_{part} {number}\n");
        simulated.file("include/libavutil/version_major.h", &header("MAJOR", "60"));
        simulated.file(
            "include/libavutil/version.h",
            &(header("MINOR", " 8") + &header("MICRO", "100")),
        );
        assert_eq!(
            version_of_header(&simulated.dir, "libavutil").as_deref(),
            Some("60.8.100")
        );
        assert_eq!(version_of_header(&simulated.dir, "libavcodec"), None);
    }
}
