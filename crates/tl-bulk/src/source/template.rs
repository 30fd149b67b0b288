//! Titles and metadata made from the path of a file: `{stem}`, `{dir}` and others.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::entry::{Entry, Location};
use super::error::{SourceError, SourceErrorKind, closest};

/// A text with placeholders.
///
/// | Placeholder | For `archive/show/e01.final.mp4` |
/// |---|---|
/// | `{name}` | `e01.final.mp4` |
/// | `{stem}` | `e01.final` |
/// | `{ext}` | `mp4` |
/// | `{dir}` | `show`, the name of the directory |
/// | `{dir2}` to `{dir9}` | `archive`, names of the directories above it |
/// | `{parent}` | `archive/show` |
/// | `{path}` | `archive/show/e01.final.mp4` |
///
/// `{{` and `}}` are braces. A placeholder without a value, such as `{dir9}` here, is empty. For a
/// link, the path of its URL is used, and `{path}` is the link without its query.
///
/// ```
/// use tl_bulk::source::{Location, Template};
///
/// let template = Template::parse("{dir}: {stem}")?;
/// let file = Location::File("show/e01.mp4".into());
/// assert_eq!(template.render(&file), "show: e01");
/// # Ok::<(), tl_bulk::source::SourceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Stem,
    Extension,
    /// The number of levels above the file, from 1.
    Directory(usize),
    Parent,
    Path,
}

/// The placeholders, for messages.
const FIELDS: [&str; 7] = ["name", "stem", "ext", "dir", "dir2", "parent", "path"];

impl Field {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "stem" => Self::Stem,
            "ext" => Self::Extension,
            "dir" => Self::Directory(1),
            "parent" => Self::Parent,
            "path" => Self::Path,
            _ => {
                let level = name.strip_prefix("dir")?.parse().ok()?;
                return ((2..=9).contains(&level) && name.len() == 4)
                    .then_some(Self::Directory(level));
            }
        })
    }

    fn value(self, path: &Path) -> String {
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        match self {
            Self::Name => text(path.file_name()),
            Self::Stem => text(path.file_stem()),
            Self::Extension => text(path.extension()),
            Self::Directory(level) => directory(path, level),
            Self::Parent => text(path.parent().map(Path::as_os_str)),
            Self::Path => text(Some(path.as_os_str())),
        }
    }
}

/// The name of a directory above the file. A relative path is continued with the working
/// directory, so that `{dir}` is the same from wherever the program is started.
fn directory(path: &Path, level: usize) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut names = Vec::new();
    for component in absolute.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::ParentDir => {
                names.pop();
            }
            _ => {}
        }
    }
    names
        .iter()
        .rev()
        .nth(level)
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`SourceErrorKind::Template`] for an unknown placeholder or an unpaired brace.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let refused = |why: String| {
            SourceError::new(
                SourceErrorKind::Template,
                format!("invalid template `{text}`: {why}"),
            )
        };
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else if let Some((name, after)) =
                from.strip_prefix('{').and_then(|from| from.split_once('}'))
            {
                let Some(field) = Field::parse(name) else {
                    let meant = closest(name, FIELDS)
                        .map(|field| format!("; did you mean `{{{field}}}`?"))
                        .unwrap_or_default();
                    return Err(refused(format!("unknown placeholder `{{{name}}}`{meant}"))
                        .with_hint(
                        "use {name}, {stem}, {ext}, {dir}, {dir2} to {dir9}, {parent} or {path}; write {{ and }} for braces",
                    ));
                };
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Field(field));
                rest = after;
            } else {
                return Err(refused("a brace has no partner".to_owned())
                    .with_hint("write {{ and }} for braces"));
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The text for a file or link. Bytes of a path that are not UTF-8 are replaced.
    #[must_use]
    pub fn render(&self, location: &Location) -> String {
        let (path, shown) = match location {
            Location::File(path) => (path.clone(), None),
            Location::Url(url) => {
                let url = url::Url::parse(url).ok();
                let file = url.as_ref().map(path_of_url).unwrap_or_default();
                let shown = url.map(|mut url| {
                    url.set_query(None);
                    url.set_fragment(None);
                    url.to_string()
                });
                (file, shown)
            }
        };
        let value = |field: Field| match (field, &shown) {
            (Field::Path, Some(url)) => url.clone(),
            // The working directory has nothing to do with a link.
            (Field::Directory(level), Some(_)) => directory(&Path::new("/").join(&path), level),
            _ => field.value(&path),
        };
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(field) => value(*field),
            })
            .collect()
    }
}

/// The path of a URL without percent-encoding.
fn path_of_url(url: &url::Url) -> PathBuf {
    let decoded = url::Url::parse("file:///")
        .ok()
        .and_then(|mut file| {
            file.set_path(url.path());
            file.to_file_path().ok()
        })
        .unwrap_or_else(|| url.path().into());
    decoded
        .strip_prefix("/")
        .map(Path::to_owned)
        .unwrap_or(decoded)
}

/// The title and metadata of entries that do not set them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Templates {
    title: Option<Template>,
    metadata: Vec<(String, Template)>,
    constants: Map<String, Value>,
}

impl Templates {
    /// No templates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the title of entries without one.
    #[must_use]
    pub fn with_title(mut self, title: Template) -> Self {
        self.title = Some(title);
        self
    }

    /// Sets a metadata value of entries that do not have the key. An empty value is not set.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: Template) -> Self {
        self.metadata.push((key.into(), value));
        self
    }

    /// Sets a metadata value of any type for entries that do not have the key.
    #[must_use]
    pub fn with_constant(mut self, key: impl Into<String>, value: Value) -> Self {
        self.constants.insert(key.into(), value);
        self
    }

    /// Applies the templates to an entry.
    pub fn apply(&self, entry: &mut Entry) {
        if entry.title.is_none()
            && let Some(title) = &self.title
        {
            entry.title = Some(title.render(&entry.location)).filter(|title| !title.is_empty());
        }
        for (key, template) in &self.metadata {
            if !entry.metadata.contains_key(key) {
                let value = template.render(&entry.location);
                if !value.is_empty() {
                    entry.metadata.insert(key.clone(), value.into());
                }
            }
        }
        for (key, value) in &self.constants {
            if !entry.metadata.contains_key(key) {
                entry.metadata.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(template: &str, path: &str) -> String {
        Template::parse(template)
            .unwrap()
            .render(&Location::File(path.into()))
    }

    #[test]
    fn placeholders_are_replaced() {
        let path = "/archive/show/e01.final.mp4";
        for (template, expected) in [
            ("{name}", "e01.final.mp4"),
            ("{stem}|{ext}", "e01.final|mp4"),
            ("{dir2}/{dir}", "archive/show"),
            ("{dir3}{dir9}", ""),
            ("{parent}", "/archive/show"),
            ("{path}", path),
            ("{{{dir}}} {{stem}}", "{show} {stem}"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(file(template, path), expected, "{template}");
        }
        assert_eq!(file("{dir}", "/a/b/../c/x.mp4"), "c");
        assert_eq!(file("{ext}", "/a/none"), "");
    }

    #[test]
    fn a_relative_path_continues_in_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        let name = here.file_name().unwrap().to_string_lossy();
        assert_eq!(file("{dir}", "x.mp4"), name);
        assert_eq!(file("{dir2}", "show/x.mp4"), name);
        assert_eq!(file("{parent}", "x.mp4"), "");
    }

    #[test]
    fn links_use_the_path_of_the_url() {
        let link = Location::Url("https://example.com/a%20b/c.mp4?sig=secret".into());
        let render = |template: &str| Template::parse(template).unwrap().render(&link);
        assert_eq!(render("{dir}|{stem}"), "a b|c");
        assert_eq!(render("{dir2}"), "");
        assert_eq!(render("{path}"), "https://example.com/a%20b/c.mp4");
    }

    #[test]
    fn invalid_templates_are_rejected() {
        for (template, part) in [
            ("{stm}", "did you mean `{stem}`?"),
            ("{what}", "unknown placeholder `{what}`"),
            ("{dir1}", "unknown placeholder"),
            ("{dir10}", "unknown placeholder"),
            ("{dir+2}", "unknown placeholder"),
            ("{}", "unknown placeholder"),
            ("{stem", "no partner"),
            ("stem}", "no partner"),
        ] {
            let error = Template::parse(template).unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Template);
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn values_of_the_entry_have_precedence() {
        let templates = Templates::new()
            .with_title(Template::parse("{stem}").unwrap())
            .with_metadata("show", Template::parse("{dir}").unwrap())
            .with_metadata("none", Template::parse("{dir9}").unwrap())
            .with_constant("take", 5.into());
        let mut entry = Entry::file("/a/x.mp4");
        templates.apply(&mut entry);
        assert_eq!(entry.title.as_deref(), Some("x"));
        assert_eq!(
            Value::from(entry.metadata.clone()),
            serde_json::json!({"show": "a", "take": 5})
        );
        let mut metadata = Map::new();
        metadata.insert("show".into(), "mine".into());
        let mut entry = Entry::file("/a/x.mp4")
            .with_title("T")
            .with_metadata(metadata);
        templates.apply(&mut entry);
        assert_eq!(entry.title.as_deref(), Some("T"));
        assert_eq!(entry.metadata["show"], "mine");
    }
}
