//! One configuration file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml::Value as Toml;

use super::Value;
use super::setting::{Kind, SETTINGS, Setting, closest};
use crate::failure::Failure;

/// The largest file in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    values: Table,
    profiles: BTreeMap<String, Table>,
    default_profile: Option<String>,
}

type Table = BTreeMap<&'static str, Value>;

impl ConfigFile {
    /// Reads a file; `None` if it does not exist.
    pub(super) fn read_if_exists(path: &Path) -> Result<Option<Self>, Failure> {
        let unreadable = |error: &std::io::Error| {
            Failure::usage(format!(
                "failed to read the configuration file `{}`",
                path.display()
            ))
            .with_source(error)
            .hint("give the current user read permission, or pass --no-config")
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(&error)),
        };
        let mut text = String::new();
        file.take(MAX_SIZE + 1)
            .read_to_string(&mut text)
            .map_err(|error| unreadable(&error))?;
        if text.len() as u64 > MAX_SIZE {
            return Err(invalid(path, "it is larger than 1 MiB").hint("pass --no-config"));
        }
        Self::parse(path, text.strip_prefix('\u{feff}').unwrap_or(&text)).map(Some)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1)
                .map(|line| format!("line {line}: "))
                .unwrap_or_default();
            invalid(path, &format!("{line}{}", error.message()))
                .hint("write `key = \"value\"`; see `tl config show` for the keys")
        })?;
        let mut file = Self {
            path: path.to_owned(),
            values: Table::new(),
            profiles: BTreeMap::new(),
            default_profile: None,
        };
        for (key, value) in table {
            match (key.as_str(), value) {
                ("profile", Toml::String(name)) => file.default_profile = Some(name),
                ("profile", Toml::Table(profiles)) => {
                    for (name, profile) in profiles {
                        let Toml::Table(profile) = profile else {
                            return Err(invalid(
                                path,
                                &format!("`profile.{name}` is {}", described(&profile)),
                            )
                            .hint(format!("write a table: [profile.{name}]")));
                        };
                        let mut values = Table::new();
                        for (key, value) in profile {
                            let place = format!("profile.{name}.{key}");
                            file.insert(&mut values, &key, &place, value)?;
                        }
                        file.profiles.insert(name, values);
                    }
                }
                ("default_profile", Toml::String(name)) => file.default_profile = Some(name),
                (key, value) => {
                    let mut values = std::mem::take(&mut file.values);
                    file.insert(&mut values, key, key, value)?;
                    file.values = values;
                }
            }
        }
        Ok(file)
    }

    fn insert(
        &self,
        table: &mut Table,
        key: &str,
        place: &str,
        value: Toml,
    ) -> Result<(), Failure> {
        let Some(setting) = Setting::named(key) else {
            let meant = closest(key, SETTINGS.iter().map(|setting| setting.name))
                .map(|name| format!("; did you mean `{name}`?"))
                .unwrap_or_default();
            return Err(
                invalid(&self.path, &format!("unknown setting `{place}`{meant}"))
                    .hint("run `tl config show` for all settings"),
            );
        };
        let value = self.value(setting, place, value)?;
        table.insert(setting.name, value);
        Ok(())
    }

    fn value(&self, setting: &Setting, place: &str, value: Toml) -> Result<Value, Failure> {
        let refused = |expected: &str, seen: &Toml| {
            invalid(
                &self.path,
                &format!(
                    "`{place}` is {}, but {expected} is expected",
                    described(seen)
                ),
            )
            .hint(format!("it sets the {}", setting.about))
        };
        let texts = match (setting.kind, value) {
            (Kind::Text | Kind::Path | Kind::Number, Toml::String(text)) => vec![text],
            (Kind::Number, Toml::Integer(number)) => vec![number.to_string()],
            (Kind::Number, Toml::Float(number)) => vec![number.to_string()],
            (Kind::Number, value) => return Err(refused("a number or a text", &value)),
            (Kind::Boolean, Toml::Boolean(value)) => vec![value.to_string()],
            (Kind::Boolean, value) => return Err(refused("true or false", &value)),
            (Kind::List, Toml::String(text)) => vec![text],
            (Kind::List, Toml::Array(items)) => items
                .into_iter()
                .map(|item| match item {
                    Toml::String(text) => Ok(text),
                    item => Err(refused("a list of texts", &item)),
                })
                .collect::<Result<_, _>>()?,
            (Kind::List, value) => return Err(refused("a text or a list of texts", &value)),
            (Kind::Text | Kind::Path, value) => return Err(refused("a text", &value)),
        };
        if setting.kind != Kind::List && texts[0].is_empty() {
            return Err(invalid(&self.path, &format!("`{place}` is empty"))
                .hint("remove the line to use the default"));
        }
        Ok(Value(
            texts
                .into_iter()
                .map(|text| self.resolve(setting, text))
                .collect(),
        ))
    }

    /// A path in a file is relative to the file.
    fn resolve(&self, setting: &Setting, text: String) -> String {
        let is_path =
            setting.kind == Kind::Path || (setting.name == "rules" && text.ends_with(".toml"));
        if !is_path || text.contains("://") {
            return text;
        }
        if let Some(rest) = text.strip_prefix("~/")
            && let Some(home) = dirs::home_dir()
        {
            return home.join(rest).display().to_string();
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(text).display().to_string()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a key, in a profile or outside.
    pub(super) fn get(&self, name: &str, profile: Option<&str>) -> Option<&Value> {
        match profile {
            None => self.values.get(name),
            Some(profile) => self.profiles.get(profile)?.get(name),
        }
    }

    /// All keys that are set, in any profile, with their place.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, String)> {
        let top = self.values.keys().map(|name| (*name, (*name).to_owned()));
        let profiles = self.profiles.iter().flat_map(|(profile, values)| {
            values
                .keys()
                .map(move |name| (*name, format!("profile.{profile}.{name}")))
        });
        top.chain(profiles)
    }

    pub(super) fn default_profile(&self) -> Option<String> {
        self.default_profile.clone()
    }

    pub(super) fn has_profile(&self, name: &str) -> bool {
        self.profiles.contains_key(name)
    }

    pub(super) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }
}

/// An error in a file.
pub(super) fn invalid(path: &Path, why: &str) -> Failure {
    Failure::new(
        crate::failure::exit::Exit::Usage,
        "configuration",
        format!("configuration file `{}`: {why}", path.display()),
    )
}

fn described(value: &Toml) -> &'static str {
    match value {
        Toml::String(_) => "a text",
        Toml::Integer(_) | Toml::Float(_) => "a number",
        Toml::Boolean(_) => "a boolean",
        Toml::Datetime(_) => "a date",
        Toml::Array(_) => "a list",
        Toml::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, String> {
        ConfigFile::parse(Path::new("/p/tl.toml"), text)
            .map_err(|failure| failure.message().to_owned())
    }

    fn get(file: &ConfigFile, name: &str, profile: Option<&str>) -> Option<String> {
        file.get(name, profile).map(ToString::to_string)
    }

    #[test]
    fn values_are_read() {
        let file = parse(
            "default_profile = \"a\"\nindex = \"sport\"\njobs = 4\nrequire_sandbox = true\n\
             engine = [\"x\", \"y\"]\nrules = \"mine.toml\"\ncheckpoints = \"/abs\"\n\
             ledger = \"postgres://h/d\"\n[profile.a]\nindex = \"news\"\nrules = \"v1.3-2026-10\"\n",
        )
        .unwrap();
        for (name, profile, expected) in [
            ("index", None, Some("sport")),
            ("index", Some("a"), Some("news")),
            ("index", Some("b"), None),
            ("jobs", None, Some("4")),
            ("require_sandbox", None, Some("true")),
            ("engine", None, Some("x, y")),
            ("rules", None, Some("/p/mine.toml")),
            ("rules", Some("a"), Some("v1.3-2026-10")),
            ("checkpoints", None, Some("/abs")),
            ("ledger", None, Some("postgres://h/d")),
        ] {
            assert_eq!(get(&file, name, profile).as_deref(), expected, "{name}");
        }
        assert_eq!(file.default_profile().as_deref(), Some("a"));
    }

    #[test]
    fn invalid_files_are_explained() {
        for (text, part) in [
            (
                "indx = \"a\"\n",
                "unknown setting `indx`; did you mean `index`?",
            ),
            ("base-url = \"a\"\n", "did you mean `base_url`?"),
            (
                "api_key = \"tlk_x\"\n",
                "unknown setting `api_key`; did you mean `api_key_file`?",
            ),
            ("[profile.a]\njbs = 1\n", "unknown setting `profile.a.jbs`"),
            ("profile.a = 5\n", "`profile.a` is a number"),
            ("profile = 5\n", "unknown setting `profile`"),
            ("index = 5\n", "`index` is a number, but a text is expected"),
            ("jobs = [1]\n", "`jobs` is a list"),
            ("engine = [1]\n", "a list of texts is expected"),
            ("require_sandbox = \"yes\"\n", "true or false is expected"),
            ("index = \"\"\n", "`index` is empty"),
            ("\nindex = \n", "line 2: "),
            ("index = \"a\"\nindex = \"b\"\n", "line 2: "),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
            assert!(message.contains("/p/tl.toml"), "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// The configuration file of a project comes with a checkout.
        #[test]
        fn arbitrary_files_are_errors_or_settings(
            lines in prop::collection::vec((key(), value(), any::<bool>()), 0..6),
            noise in "\\PC{0,3}",
        ) {
            let text: String = lines
                .iter()
                .map(|(key, value, is_whole)| match is_whole {
                    true => format!("{key} = {value}\n"),
                    false => format!("{key}{noise}{value}\n"),
                })
                .collect();
            match parse(&text) {
                Ok(file) => {
                    for setting in SETTINGS.iter().filter(|setting| setting.kind != Kind::List) {
                        prop_assert_ne!(get(&file, setting.name, Some("a")), Some(String::new()));
                    }
                }
                Err(message) => prop_assert!(message.contains("/p/tl.toml"), "{message}"),
            }
        }
    }

    fn key() -> impl Strategy<Value = String> {
        let names = SETTINGS.iter().map(|setting| setting.name);
        let others = [
            "profile",
            "profile.a",
            "default_profile",
            "[profile.a]",
            "\"\"",
            "x.y",
        ];
        let all: Vec<&str> = names.chain(others).collect();
        prop_oneof![
            prop::sample::select(all).prop_map(str::to_owned),
            "\\PC{0,8}",
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        let values = [
            "\"\"",
            "\"a\"",
            "1",
            "-1e999",
            "true",
            "[]",
            "[\"x\"]",
            "{}",
            "{a=1}",
            "2026-01-01",
            "\"\\u0000\"",
        ];
        prop_oneof![
            prop::sample::select(values.to_vec()).prop_map(str::to_owned),
            "\\PC{0,8}",
        ]
    }
}
