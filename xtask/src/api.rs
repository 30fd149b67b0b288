//! `cargo xtask api`: the public items of the published libraries, compared with a list.
//!
//! `docs/api/PACKAGE.txt` lists every path that a user of the package can write, with its kind, and
//! the traits that its types implement. It shows removed and renamed items; the types in signatures
//! are not in it.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::ci::surface::{read_json, write_json};
use crate::failure::{Failure, usage};
use crate::workspace::Workspace;

/// Compares the lists with the code, or with `--write`, writes them.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let is_written = match arguments {
        [] => false,
        [flag] if flag == "--write" => true,
        _ => return Err(usage("usage: cargo xtask api [--write]".to_owned())),
    };
    let workspace = Workspace::here()?;
    write_json(&workspace, "--workspace", &workspace.root)?;
    let mut changes = 0;
    for package in &workspace.packages {
        if !package.is_published_library {
            continue;
        }
        let json = read_json(&workspace, &package.name)?;
        let now = items(&json)?;
        let file = list_of(&workspace, &package.name);
        if is_written {
            let text: String = now.iter().map(|line| format!("{line}\n")).collect();
            workspace.sh.write_file(&file, text)?;
            continue;
        }
        let text = workspace.sh.read_file(&file)?;
        let before: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        for line in differences(&before, &now) {
            eprintln!("api: {}: {line}", package.name);
            changes += 1;
        }
    }
    match changes {
        0 => Ok(()),
        _ => bail!("api: {changes} changes; `cargo xtask api --write` accepts them"),
    }
}

fn list_of(workspace: &Workspace, package: &str) -> PathBuf {
    workspace.root.join(format!("docs/api/{package}.txt"))
}

/// Removed items with `-`, then new ones with `+`.
fn differences(before: &BTreeSet<String>, now: &BTreeSet<String>) -> Vec<String> {
    let removed = before.difference(now).map(|line| format!("-{line}"));
    let added = now.difference(before).map(|line| format!("+{line}"));
    removed.chain(added).collect()
}

/// The public items of a crate, from the JSON of rustdoc.
fn items(json: &Value) -> Result<BTreeSet<String>, Failure> {
    let mut walk = Walk {
        json,
        open: HashSet::new(),
        lines: BTreeSet::new(),
    };
    let root = walk.item(&json["root"]).context("rustdoc wrote no root")?;
    let name = root["name"].as_str().context("the crate has no name")?;
    walk.module(root, name);
    if walk.lines.is_empty() {
        bail!("{name}: rustdoc lists no public items");
    }
    Ok(walk.lines)
}

/// Follows the modules and re-exports of a crate from its root.
struct Walk<'a> {
    json: &'a Value,
    /// Modules on the way here: a re-export can lead back to one.
    open: HashSet<String>,
    lines: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn item(&self, id: &Value) -> Option<&'a Value> {
        let index = self.json["index"].as_object()?;
        index.get(&id.to_string())
    }

    /// The items with these ids.
    fn each(&self, ids: &'a Value) -> Vec<&'a Value> {
        let ids = ids.as_array().into_iter().flatten();
        ids.filter_map(|id| self.item(id)).collect()
    }

    fn module(&mut self, module: &'a Value, path: &str) {
        let id = module["id"].to_string();
        if !self.open.insert(id.clone()) {
            return;
        }
        for child in self.each(&module["inner"]["module"]["items"]) {
            self.child(child, path);
        }
        self.open.remove(&id);
    }

    fn child(&mut self, child: &'a Value, path: &str) {
        let used = &child["inner"]["use"];
        if used.is_null() {
            let name = child["name"].as_str().unwrap_or("_");
            return self.named(child, &format!("{path}::{name}"));
        }
        let name = used["name"].as_str().unwrap_or("_");
        match self.item(&used["id"]) {
            Some(target) if used["is_glob"] == true => self.module(target, path),
            Some(target) => self.named(target, &format!("{path}::{name}")),
            // An item of another crate.
            None => {
                let source = used["source"].as_str().unwrap_or("_");
                self.lines.insert(format!("use {path}::{name} = {source}"));
            }
        }
    }

    fn named(&mut self, item: &'a Value, path: &str) {
        let Some((kind, inner)) = item["inner"].as_object().and_then(|it| it.iter().next()) else {
            return;
        };
        self.lines.insert(format!("{kind} {path}"));
        match kind.as_str() {
            "module" => self.module(item, path),
            "struct" => {
                self.members(&inner["kind"]["plain"]["fields"], path);
                self.members(&inner["kind"]["tuple"], path);
            }
            "enum" => self.members(&inner["variants"], path),
            "variant" => {
                self.members(&inner["kind"]["struct"]["fields"], path);
                self.members(&inner["kind"]["tuple"], path);
            }
            "trait" => self.members(&inner["items"], path),
            _ => {}
        }
        for implementation in self.each(&inner["impls"]) {
            let details = &implementation["inner"]["impl"];
            let is_generated =
                details["is_synthetic"] == true || !details["blanket_impl"].is_null();
            match details["trait"]["path"].as_str() {
                _ if is_generated => {}
                Some(name) => {
                    self.lines.insert(format!("impl {name} for {path}"));
                }
                None => self.members(&details["items"], path),
            }
        }
    }

    /// Fields, variants, methods: what has a name below a type.
    fn members(&mut self, ids: &'a Value, path: &str) {
        for member in self.each(ids) {
            let name = member["name"].as_str().unwrap_or("_");
            self.named(member, &format!("{path}::{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample(method: &str) -> Value {
        json!({
            "root": 0,
            "index": {
                "0": {"id": 0, "name": "sample", "inner": {"module": {"items": [1, 5]}}},
                "1": {"id": 1, "name": null, "inner": {"use": {
                    "name": "Renamed", "source": "private::S", "id": 2, "is_glob": false}}},
                "2": {"id": 2, "name": "S", "inner": {"struct": {
                    "kind": {"plain": {"fields": [3]}}, "impls": [4, 7]}}},
                "3": {"id": 3, "name": "field", "inner": {"struct_field": {}}},
                "4": {"id": 4, "name": null, "inner": {"impl": {"trait": null, "items": [6]}}},
                "5": {"id": 5, "name": null, "inner": {"use": {
                    "name": "Url", "source": "url::Url", "id": 99, "is_glob": false}}},
                "6": {"id": 6, "name": method, "inner": {"function": {}}},
                "7": {"id": 7, "name": null, "inner": {"impl": {
                    "trait": {"path": "Clone"}, "items": []}}},
            }
        })
    }

    #[test]
    fn items_have_the_paths_that_users_write() {
        let found: Vec<String> = items(&sample("run")).unwrap().into_iter().collect();
        assert_eq!(
            found,
            [
                "function sample::Renamed::run",
                "impl Clone for sample::Renamed",
                "struct sample::Renamed",
                "struct_field sample::Renamed::field",
                "use sample::Url = url::Url",
            ]
        );
    }

    #[test]
    fn a_renamed_method_is_a_change() {
        let (before, now) = (items(&sample("run")), items(&sample("start")));
        assert_eq!(
            differences(&before.unwrap(), &now.unwrap()),
            [
                "-function sample::Renamed::run",
                "+function sample::Renamed::start"
            ]
        );
    }

    #[test]
    fn a_crate_without_public_items_is_an_error() {
        let empty = json!({"root": 0, "index": {
            "0": {"id": 0, "name": "empty", "inner": {"module": {"items": []}}}}});
        assert!(items(&empty).is_err());
    }
}
