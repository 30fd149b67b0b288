//! Looking for libclang where bindgen will look for it, so that a build does not have to fail first.

use std::path::{Path, PathBuf};

use crate::machine::Machine;
use crate::needs::Seen;

/// `LIBCLANG_PATH` alone if it is set; otherwise `llvm-config`, `LD_LIBRARY_PATH`, then the usual folders.
///
/// The library alone is not enough: it reads C headers that come in a package of their own.
pub(crate) fn look(machine: &Machine) -> Seen {
    let libraries = libraries(machine);
    let Some(library) = libraries.first() else {
        return Seen::Missing(match machine.var("LIBCLANG_PATH") {
            Some(path) => format!("LIBCLANG_PATH={} holds no libclang", path.to_string_lossy()),
            None => "no libclang in the usual folders".into(),
        });
    };
    match libraries
        .iter()
        .find(|library| has_headers(machine, library))
    {
        Some(library) => Seen::Present(library.display().to_string()),
        None => Seen::Missing(format!(
            "{}, but without its C headers (clang/*/include/stddef.h)",
            library.display()
        )),
    }
}

fn libraries(machine: &Machine) -> Vec<PathBuf> {
    if let Some(path) = machine.var("LIBCLANG_PATH") {
        let path = PathBuf::from(path);
        return if path.is_dir() {
            libraries_in(&path)
        } else {
            Some(path)
                .filter(|path| path.is_file() && is_libclang(path))
                .into_iter()
                .collect()
        };
    }
    let mut folders = Vec::new();
    let llvm_config = machine.named("LLVM_CONFIG_PATH", "llvm-config");
    if let Some(prefix) = machine.ask(llvm_config, &["--prefix"]) {
        let prefix = Path::new(prefix.trim());
        folders.extend([prefix.join("lib"), prefix.join("lib64")]);
    }
    if let Some(path) = machine.var("LD_LIBRARY_PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    for pattern in &machine.library_dirs {
        folders.extend(Machine::folders(pattern));
    }
    folders.iter().flat_map(|dir| libraries_in(dir)).collect()
}

fn libraries_in(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_libclang(path))
        .collect();
    found.sort();
    found
}

/// `libclang.so`, `libclang-14.so`, `libclang.so.1`, `libclang-14.so.14.0.6`, `libclang.dylib`; not `libclang-cpp.so`.
fn is_libclang(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let shared = name == "libclang.dylib" || name.ends_with(".so") || name.contains(".so.");
    let stem = name.split('.').next().unwrap_or_default();
    let version = stem.strip_prefix("libclang");
    shared
        && version.is_some_and(|version| {
            version.is_empty()
                || version
                    .strip_prefix('-')
                    .is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
        })
}

/// The headers lie beside the library; Debian keeps them with the other files of that LLVM version.
fn has_headers(machine: &Machine, library: &Path) -> bool {
    let real = library.canonicalize().ok();
    let beside = [Some(library), real.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(Path::parent)
        .map(Path::to_path_buf);
    let elsewhere = machine
        .library_dirs
        .iter()
        .flat_map(|pattern| Machine::folders(pattern));
    beside.chain(elsewhere).any(|dir| {
        let versions = std::fs::read_dir(dir.join("clang"));
        versions
            .into_iter()
            .flatten()
            .flatten()
            .any(|version| version.path().join("include/stddef.h").is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::System;
    use crate::simulated::Simulated;

    #[test]
    fn the_names_of_libclang_are_known() {
        for (name, expect) in [
            ("libclang.so", true),
            ("libclang.so.1", true),
            ("libclang-14.so", true),
            ("libclang-14.so.14.0.6", true),
            ("libclang-14.0.6.so", true),
            ("libclang.dylib", true),
            ("libclang-cpp.so.14", false),
            ("libclangBasic.a", false),
            ("libclang.a", false),
        ] {
            assert_eq!(is_libclang(Path::new(name)), expect, "{name}");
        }
    }

    #[test]
    fn libclang_without_its_headers_is_missing() {
        let simulated = Simulated::new(System::Apt, &[]);
        let seen = |simulated: &Simulated| look(&simulated.machine);
        assert_eq!(
            seen(&simulated),
            Seen::Missing("no libclang in the usual folders".into())
        );
        simulated.file("lib64/libclang-14.so.1", "");
        let library = simulated.dir.join("lib64/libclang-14.so.1");
        let library = library.display();
        assert_eq!(
            seen(&simulated),
            Seen::Missing(format!(
                "{library}, but without its C headers (clang/*/include/stddef.h)"
            ))
        );
        simulated.file("lib64/clang/14/include/stddef.h", "");
        assert_eq!(seen(&simulated), Seen::Present(library.to_string()));
    }
}
