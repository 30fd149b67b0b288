//! What the commands need from the machine: how each need is tested, and which packages meet it.

/// A need of the build or of a test.
pub(crate) struct Need {
    pub(crate) name: &'static str,
    /// What needs it.
    pub(crate) used_by: &'static str,
    /// A shell script. Exit code 0 means that the need is met, and stdout says by what.
    /// Otherwise stderr says what is missing.
    pub(crate) test: &'static str,
    /// The packages for each of [`MANAGERS`], separated by spaces.
    pub(crate) packages: [&'static str; 4],
}

/// A package manager and its command to install packages.
pub(crate) struct Manager {
    pub(crate) program: &'static str,
    pub(crate) install: &'static str,
    pub(crate) needs_root: bool,
}

/// The package managers in the order of [`Need::packages`]. Set-up runs the first one itself.
pub(crate) const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        install: "apt-get install -y --no-install-recommends",
        needs_root: true,
    },
    Manager {
        program: "dnf",
        install: "dnf install -y",
        needs_root: true,
    },
    Manager {
        program: "pacman",
        install: "pacman -S --needed",
        needs_root: true,
    },
    Manager {
        program: "brew",
        install: "brew install",
        needs_root: false,
    },
];

/// Everything that `demo` and `test` need besides Rust. The pinned tools of the checks are not
/// listed: they come from PyPI into the target folder (see `python`).
pub(crate) const NEEDS: &[Need] = &[
    Need {
        name: "rustfmt and clippy",
        used_by: "ci fmt, clippy, features, purity",
        test: r#"cargo fmt --version >/dev/null && cargo clippy --version && exit
                echo "run: rustup component add rustfmt clippy" >&2; exit 1"#,
        packages: ["", "", "", ""],
    },
    Need {
        name: "C compiler",
        used_by: "every build (cryptography, SQLite, linking)",
        // A compiler without the headers of the C library passes `--version`.
        test: r#""${CC:-cc}" -E -include stdlib.h -x c /dev/null >/dev/null &&
                "${CC:-cc}" --version"#,
        packages: ["gcc libc6-dev", "gcc glibc-devel", "gcc", ""],
    },
    Need {
        name: "git",
        used_by: "ci tidy, language (the list of files)",
        test: "git --version",
        packages: ["git", "git", "git", "git"],
    },
    Need {
        name: "FFmpeg libraries",
        used_by: "the crate feature `ffmpeg` and the program `tl-probe`",
        // The versions of FFmpeg 5.1, the oldest release that is tested.
        test: r#"PKG_CONFIG_PATH="${FFMPEG_DIR:+$FFMPEG_DIR/lib/pkgconfig:}$PKG_CONFIG_PATH"
                export PKG_CONFIG_PATH
                pkg="${PKG_CONFIG:-pkg-config}"
                "$pkg" --print-errors --exists "libavformat >= 59.27" \
                    "libavcodec >= 59.37" "libavutil >= 57.28" || exit
                echo "libavformat $("$pkg" --modversion libavformat)""#,
        packages: [
            "pkg-config libavformat-dev",
            "pkgconf-pkg-config ffmpeg-free-devel",
            "pkgconf ffmpeg",
            "pkgconf ffmpeg",
        ],
    },
    Need {
        name: "libclang",
        used_by: "the crate feature `ffmpeg` (bindgen)",
        // Where clang-sys looks. The library reads C headers that come in another package.
        test: r#"dirs="${LIBCLANG_PATH:-$LD_LIBRARY_PATH /usr/lib/llvm*/lib /usr/lib/*-linux-gnu
                    /usr/lib64 /usr/lib /usr/local/lib /opt/homebrew/opt/llvm*/lib
                    /usr/local/opt/llvm*/lib /Library/Developer/CommandLineTools/usr/lib}"
                for dir in $dirs; do
                    for lib in "$dir"/libclang.so* "$dir"/libclang-[0-9]*.so* \
                        "$dir"/libclang.dylib; do
                        [ -e "$lib" ] && found="$lib"
                    done
                    for header in "$dir"/clang/*/include/stddef.h; do
                        [ -e "$header" ] && headers=yes
                    done
                done
                [ -n "$found" ] || { echo "no libclang in $dirs" >&2; exit 1; }
                [ -n "$headers" ] || { echo "$found, but not its headers" >&2; exit 1; }
                echo "$found""#,
        packages: ["libclang-dev", "clang-devel", "clang", "llvm"],
    },
    Need {
        name: "ffmpeg and ffprobe",
        used_by: "demo and tests (they make their own media files)",
        test: "ffmpeg -version && ffprobe -version",
        packages: ["ffmpeg", "ffmpeg-free", "ffmpeg", "ffmpeg"],
    },
    Need {
        name: "strace",
        used_by: "tests on Linux (what a probe opens)",
        test: r#"[ -e /proc/self ] || { echo "not used on this system"; exit; }; strace --version"#,
        packages: ["strace", "strace", "strace", ""],
    },
    Need {
        name: "Chromium",
        used_by: "tests of the emulator's page",
        test: r#"for program in "$CHROMIUM" chromium chromium-browser google-chrome \
                    /Applications/Chromium.app/Contents/MacOS/Chromium; do
                    [ -n "$program" ] && "$program" --version 2>/dev/null && exit
                done
                echo "no chromium, and CHROMIUM names none" >&2; exit 1"#,
        packages: ["chromium", "chromium", "chromium", "chromium"],
    },
    Need {
        name: "PostgreSQL server",
        used_by: "tests of the ledger (they start their own server)",
        // Debian keeps the programs of the server out of `PATH`.
        test: r#"for program in initdb ${POSTGRES_BIN:-/usr/lib/postgresql/*/bin}/initdb; do
                    command -v "$program" >/dev/null && "$program" --version && exit
                done
                echo "no initdb, and POSTGRES_BIN names no folder with one" >&2; exit 1"#,
        packages: [
            "postgresql",
            "postgresql-server",
            "postgresql",
            "postgresql",
        ],
    },
    Need {
        name: "Node.js and npm",
        used_by: "ci python (the official JavaScript client)",
        test: "npm --version >/dev/null && node --version",
        packages: ["nodejs npm", "nodejs-npm", "nodejs npm", "node"],
    },
    Need {
        name: "Python with venv",
        used_by: "the pinned tools of the checks; ci python; bench",
        // 3.10: the oldest that the pinned packages accept. Debian ships `venv` without
        // `ensurepip`, and then it makes no usable environment.
        test: r#"python3 -c "import sys, venv, ensurepip
if sys.version_info < (3, 10): sys.exit('Python 3.10 or newer is needed: ' + sys.version)
print('Python', sys.version)""#,
        packages: ["python3 python3-venv", "python3", "python", "python"],
    },
];
