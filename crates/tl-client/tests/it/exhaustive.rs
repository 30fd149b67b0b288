//! Public settings, results, requests and facts of all libraries are `#[non_exhaustive]`, so that a
//! new field or variant breaks no caller.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Crates that are not libraries of users.
const NOT_LIBRARIES: &[&str] = &["tl-cli", "tl-corpus"];

/// Types that stay exhaustive, with the reason.
const EXHAUSTIVE: &[(&str, &str)] = &[
    ("NotPublic", "wraps one address"),
    ("Token", "wraps one number"),
    ("MaxResponse", "wraps one number"),
    ("EmbeddingSegments", "wraps the embeddings"),
    ("RangeFilter", "wraps another filter"),
    ("MetadataFilter", "wraps the pairs"),
    ("TopLevelFilter", "wraps the pairs"),
    ("Auth", "a transport that ignores a variant leaks the key"),
    ("Delivery", "the two answers to one question"),
    ("Step", "a driver that ignores a variant never ends"),
    ("FeedStep", "a driver that ignores a variant never ends"),
    ("Part", "a driver that ignores a variant loses data"),
    (
        "Reservation",
        "a caller that ignores a variant sends too early",
    ),
    ("Look", "a caller that ignores a variant never ends"),
    ("Change", "a caller that ignores a variant loses a result"),
    ("Target", "the two kinds of what is waited for"),
    ("Action", "a driver that ignores a variant never ends"),
    ("Decision", "a user allows or denies"),
    ("Stage", "the client has a stage for each"),
    ("NextLook", "a driver that ignores a variant never ends"),
    ("Media", "a server handles each kind of media"),
    ("ReceivedBody", "a server handles each kind of body"),
    ("FieldValue", "a server handles each kind of part"),
    ("RejectionKind", "a server has a code for each kind"),
    ("Payload", "a server handles each kind of body"),
    ("BodyError", "a server answers each kind of error"),
    ("BodyRule", "a server enforces each rule"),
    ("PutDecision", "a server carries out each decision"),
    ("EndpointKind", "the suite covers each kind"),
    ("State", "each state of an item is counted"),
    ("Retry", "the two answers to one question"),
    ("Verdict", "an exit code belongs to each"),
    ("Severity", "a verdict belongs to each"),
];

/// A source file: its modules below the crate, and its text.
struct Source {
    modules: Vec<String>,
    text: String,
}

fn sources(folder: &Path, modules: &[String], into: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("the folder of a crate is readable") {
        let path = entry.expect("its entries too").path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.expect("the names of modules are text").to_owned();
        let below = |name: String| [modules, &[name]].concat();
        if path.is_dir() {
            sources(&path, &below(name), into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let modules = match name.as_str() {
                "lib" | "mod" => modules.to_vec(),
                _ => below(name),
            };
            let text = fs::read_to_string(&path).expect("a source is text");
            into.push(Source { modules, text });
        }
    }
}

/// The names in `pub use` declarations.
fn exported(text: &str) -> impl Iterator<Item = &str> {
    let declarations = text.split("pub use ").skip(1);
    declarations
        .map(|rest| rest.split(';').next().unwrap_or_default())
        .flat_map(|list| list.split(|c: char| !(c.is_alphanumeric() || c == '_')))
}

/// The public types of a crate that have no `#[non_exhaustive]`, and the number of those that have.
fn check(sources: &[Source]) -> (BTreeSet<String>, usize) {
    let exported: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| exported(&source.text))
        .collect();
    let is_public_module = |modules: &[String]| {
        (1..=modules.len()).all(|length| {
            let declaration = format!("pub mod {};", modules[length - 1]);
            let parent = |source: &&Source| source.modules == modules[..length - 1];
            let mut parents = sources.iter().filter(parent);
            parents.any(|source| source.text.contains(&declaration))
        })
    };
    let (mut exhaustive, mut count) = (BTreeSet::new(), 0);
    for source in sources {
        let is_public = is_public_module(&source.modules);
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let declared = ["struct", "enum"]
                .into_iter()
                .find_map(|kind| line.trim_start().strip_prefix(&format!("pub {kind} ")));
            let Some(declared) = declared else { continue };
            let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
            let name = declared.split(end).next().unwrap_or_default();
            let above = lines[..at].iter().rev();
            let attributes: Vec<&str> = above
                .map(|line| line.trim())
                .take_while(|line| {
                    ["#[", "//", "$(#[", ")", "]"]
                        .iter()
                        .any(|start| line.starts_with(start))
                })
                .collect();
            // The macro adds the attribute; it is checked where it is defined.
            let outer = lines[..at]
                .iter()
                .rev()
                .find(|line| !line.starts_with([' ', '}', '/', '#']));
            let by_macro = outer.is_some_and(|line| line.starts_with("open_enum!"));
            // The pattern of a macro declares nothing.
            let is_pattern = declared[name.len()..].starts_with(':');
            if attributes.contains(&"#[non_exhaustive]") {
                count += 1;
            } else if !(by_macro || is_pattern)
                && (is_public || name.starts_with('$') || exported.contains(name))
                && is_constructible(&lines[at..])
            {
                exhaustive.insert(name.to_owned());
            }
        }
    }
    (exhaustive, count)
}

/// Whether a declaration is an enumeration, or a type all of whose fields are public.
fn is_constructible(lines: &[&str]) -> bool {
    let declaration = lines[0].trim_start();
    if declaration.starts_with("pub enum") {
        return true;
    }
    if !declaration.ends_with('{') {
        return declaration.contains("(pub ");
    }
    let indent = lines[0].len() - declaration.len();
    let fields: Vec<&str> = lines[1..]
        .iter()
        .take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() > indent)
        .map(|line| line.trim())
        .filter(|line| !line.starts_with("//") && !line.starts_with('#') && line.contains(": "))
        .collect();
    !fields.is_empty() && fields.iter().all(|field| field.contains("pub "))
}

#[test]
fn public_settings_and_results_are_non_exhaustive() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    let mut total = 0;
    let folders = fs::read_dir(crates).unwrap();
    let folders: BTreeSet<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    for folder in folders {
        let package = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if NOT_LIBRARIES.contains(&package.as_str()) || !folder.join("src/lib.rs").exists() {
            continue;
        }
        let mut found = Vec::new();
        sources(&folder.join("src"), &[], &mut found);
        let (exhaustive, count) = check(&found);
        total += count;
        for name in exhaustive {
            if let Some((name, _)) = EXHAUSTIVE.iter().find(|(known, _)| *known == name) {
                used.insert(*name);
            } else {
                findings.push(format!("{package}: {name}"));
            }
        }
    }
    assert!(
        findings.is_empty(),
        "add `#[non_exhaustive]` and a constructor or setters, or a reason to `EXHAUSTIVE`: {findings:#?}"
    );
    let unused: Vec<_> = EXHAUSTIVE
        .iter()
        .filter(|(name, _)| !used.contains(name))
        .collect();
    assert!(
        unused.is_empty(),
        "these types are gone or not exhaustive any more: {unused:?}"
    );
    assert!(
        total > 100,
        "only {total} types with the attribute were found"
    );
}

#[test]
fn exhaustive_types_are_found() {
    let of = |modules: &[&str], text: &str| Source {
        modules: modules.iter().map(|&name| name.to_owned()).collect(),
        text: text.to_owned(),
    };
    let settings = "/// Docs.\n#[derive(Debug)]\npub struct Settings {\n    /// A field.\n    pub field: u8,\n}\n";
    let closed = "#[non_exhaustive]\npub enum Closed {\n    A,\n}\n";
    let opaque = "pub struct Opaque {\n    field: u8,\n}\n";
    let by_macro = "macro_rules! m {\n    () => {\n        pub struct $Name {\n            $(pub $field: $Field,)+\n        }\n    };\n}\n";
    let hidden = "pub enum Hidden {\n    A,\n}\npub struct Exported(pub u8);\n";
    let (found, count) = check(&[
        of(
            &[],
            "pub mod open;\nmod closed;\npub use closed::{\n    Exported,\n};\n",
        ),
        of(&["open"], &[settings, closed, opaque].concat()),
        of(&["closed"], &[hidden, by_macro].concat()),
    ]);
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    assert_eq!((found, count), (vec!["$Name", "Exported", "Settings"], 1));
}
