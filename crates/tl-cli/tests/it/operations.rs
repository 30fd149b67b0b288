//! `docs/operations.md`: which operations of the platform are covered, generated from the registry.
//!
//! A new operation or command changes the table:
//!
//! ```console
//! $ UPDATE_OPERATIONS=1 cargo test -p twelvelabs-cli --test it operations
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use tl_protocol::endpoint::OPERATIONS;

/// Operations that the official Python client cannot drive, and why.
const NOT_BY_SDK: [(&str, &str); 1] = [(
    "POST /connections:authorize",
    "no: the Python client takes `connections:` for a scheme",
)];

/// A route without the names of its parameters.
fn route(method: &str, path: &str) -> String {
    let mut parts = path
        .split('/')
        .skip(1)
        .map(|part| match part.starts_with('{') {
            true => "{}",
            false => part,
        });
    let path = parts
        .by_ref()
        .fold(String::new(), |path, part| path + "/" + part);
    format!("{method} {path}")
}

/// Method, path, and the command or the reason why there is none.
fn rows() -> Vec<(String, String, Result<String, String>)> {
    let text = include_str!("operations.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().unwrap_or_else(|| panic!("{line}")).to_owned();
            let (method, path, command) = (word(), word(), word());
            let command = match command.strip_prefix('-') {
                Some(reason) => Err(reason.trim().to_owned()),
                None => Ok(command),
            };
            (method, path, command)
        })
        .collect()
}

fn table() -> String {
    let registry: BTreeMap<String, _> = OPERATIONS
        .iter()
        .map(|operation| (route(operation.method.as_str(), operation.path), operation))
        .collect();
    let mut text = "# Operations\n\n\
        All operations of the platform's API description of 2026-07-30, and those of the official Python client 1.3.6 that it \
        lacks. The test `operations` of `twelvelabs-cli` generates this table from the registry of operations: an operation that \
        is declared has model types, a method of both clients and a handler in the emulator, or the workspace does not \
        compile. The Python suite of the emulator fails unless the official client drives each of them.\n\n\
        | Operation | Name | Model | Client | Command | Emulator | SDK-tested |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    let (mut declared, mut all) = (0, 0);
    for (method, path, command) in rows() {
        let key = route(&method, &path);
        all += 1;
        let found = registry.get(&key);
        let command = match (command, found) {
            (Ok(command), _) => format!("`tl {command}`"),
            (Err(reason), Some(_)) => format!("no: {reason}"),
            (Err(_), None) => "no".to_owned(),
        };
        let line = match found {
            Some(operation) => {
                declared += 1;
                let sdk = NOT_BY_SDK.iter().find(|(other, _)| *other == key);
                let sdk = sdk.map_or("yes", |(_, why)| why);
                format!(
                    "| `{method} {path}` | `{}` | yes | yes | {command} | yes | {sdk} |",
                    operation.name
                )
            }
            None => format!(
                "| `{method} {path}` | | no: not declared yet | no | {command} | no: answers 501 | no |"
            ),
        };
        writeln!(text, "{line}").unwrap();
    }
    writeln!(text, "\n{declared} of {all} operations are covered.").unwrap();
    text
}

#[test]
fn table_of_operations_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let table = table();
    if std::env::var_os("UPDATE_OPERATIONS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        stored, table,
        "run `UPDATE_OPERATIONS=1 cargo test -p twelvelabs-cli --test it operations`"
    );
}

#[test]
fn every_declared_operation_is_in_the_table() {
    let rows: BTreeSet<_> = rows()
        .iter()
        .map(|(method, path, _)| route(method, path))
        .collect();
    let missing: Vec<_> = OPERATIONS
        .iter()
        .map(|operation| route(operation.method.as_str(), operation.path))
        .filter(|route| !rows.contains(route))
        .collect();
    assert_eq!(missing, [""; 0]);
    assert_eq!(rows.len(), 99);
}

#[test]
fn commands_of_the_table_exist() {
    let commands: BTreeSet<_> = rows()
        .into_iter()
        .filter_map(|(.., command)| command.ok())
        .collect();
    for command in commands {
        let mut tl = Command::new(env!("CARGO_BIN_EXE_tl"));
        let done = tl.args(command.split(' ')).arg("--help").output().unwrap();
        assert!(done.status.success(), "tl {command}");
    }
}

/// A declared operation without a command says why.
#[test]
fn operations_without_a_command_say_why() {
    let declared: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| route(operation.method.as_str(), operation.path))
        .collect();
    let silent: Vec<_> = rows()
        .into_iter()
        .filter(|(_, _, command)| command.as_ref().is_err_and(String::is_empty))
        .map(|(method, path, _)| route(&method, &path))
        .filter(|route| declared.contains(route))
        .collect();
    assert_eq!(silent, [""; 0]);
}
