//! The modules of the command depend on each other in one direction only, as `src/main.rs` says.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in order: each depends only on those after it.
fn order(main: &str) -> Vec<String> {
    main.lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

/// The modules of this crate that `source` names, as in `use crate::ui::table`.
fn imports(source: &str) -> Vec<&str> {
    source
        .split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .filter_map(|mut words| words.next())
        .filter(|name| name.starts_with(char::is_lowercase))
        .collect()
}

/// Imports of `module` that are not below it.
fn upward<'s>(order: &[String], module: &str, source: &'s str) -> Vec<&'s str> {
    let place = |name: &str| order.iter().position(|other| other == name);
    imports(source)
        .into_iter()
        .filter(|name| *name != module && place(name) <= place(module))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn modules_depend_only_on_those_below() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = order(&fs::read_to_string(source.join("main.rs")).unwrap());
    let mut checked = 0;
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).unwrap();
        let first = inside.components().next().unwrap().as_os_str();
        let module = first.to_str().unwrap().trim_end_matches(".rs");
        if ["main", "bin"].contains(&module) {
            continue;
        }
        assert!(order.iter().any(|name| name == module), "{module}");
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(
            upward(&order, module, &text),
            [""; 0],
            "{}",
            inside.display()
        );
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn an_upward_import_is_found() {
    let order = ["commands", "args", "ui"].map(str::to_owned);
    let check = |module: &str, source: &str, expected: &[&str]| {
        assert_eq!(upward(&order, module, source), expected, "{source}");
    };
    check("args", "use crate::ui::table;", &[]);
    check("args", "use crate::args::ids;", &[]);
    check("ui", "use crate::commands::Command;", &["commands"]);
    check("ui", "fn f() { crate::args::ids::read() }", &["args"]);
    check("args", "use crate::unknown::Thing;", &["unknown"]);
}
