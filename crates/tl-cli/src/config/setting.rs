//! The settings that a configuration file may contain.

/// Who may set a value in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Anyone.
    Project,
    /// The user only, because of what it would allow a foreign project to do.
    User(&'static str),
    /// Anyone, but it is checked before it is used.
    Checked,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A text or a list of texts.
    List,
    /// A path; in a project's or user's file it is relative to that file.
    Path,
    /// A text, a number, or a boolean.
    Number,
    Boolean,
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The key in files. The option has the same name with hyphens.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) trust: Trust,
    /// The environment variable; if absent, `TL_` and the name.
    variable: Option<&'static str>,
    /// Whether there is an option of this name.
    pub(crate) has_option: bool,
    pub(crate) about: &'static str,
}

const fn setting(
    name: &'static str,
    kind: Kind,
    trust: Trust,
    variable: Option<&'static str>,
    about: &'static str,
) -> Setting {
    Setting {
        name,
        kind,
        trust,
        variable,
        has_option: true,
        about,
    }
}

const fn without_option(setting: Setting) -> Setting {
    Setting {
        has_option: false,
        ..setting
    }
}

/// All settings, in the order of `tl config show`.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "base_url",
        Kind::Text,
        Trust::Checked,
        Some("TWELVELABS_BASE_URL"),
        "base URL of the API",
    ),
    without_option(setting(
        "trusted_base_urls",
        Kind::List,
        Trust::User("it would allow this project to receive your API key"),
        Some(""),
        "base URLs that a project may choose",
    )),
    setting(
        "api_key_file",
        Kind::Path,
        Trust::Checked,
        Some("TWELVE_LABS_API_KEY_FILE"),
        "file with the API key",
    ),
    without_option(setting(
        "key_command",
        Kind::Text,
        Trust::User("it would run a program of this project"),
        None,
        "command that prints the API key, e.g. `pass show tl`",
    )),
    setting(
        "ca_file",
        Kind::Path,
        Trust::User("it would allow this project to read your connections"),
        None,
        "additional CA certificates",
    ),
    setting(
        "timeout",
        Kind::Number,
        Trust::Project,
        None,
        "timeout per request",
    ),
    setting(
        "attempts",
        Kind::Number,
        Trust::Project,
        None,
        "attempts per request",
    ),
    setting(
        "color",
        Kind::Text,
        Trust::Project,
        None,
        "when to use color",
    ),
    setting(
        "log_format",
        Kind::Text,
        Trust::Project,
        None,
        "form of messages on standard error",
    ),
    setting(
        "index",
        Kind::Text,
        Trust::Project,
        None,
        "name or id of the index",
    ),
    setting(
        "plan",
        Kind::Text,
        Trust::Project,
        None,
        "plan of the account, for its limits",
    ),
    setting(
        "jobs",
        Kind::Number,
        Trust::Project,
        None,
        "inputs that are processed in parallel",
    ),
    setting(
        "concurrency",
        Kind::Number,
        Trust::Project,
        None,
        "chunks that are uploaded in parallel",
    ),
    setting(
        "limit_rate",
        Kind::Number,
        Trust::Project,
        None,
        "upload rate",
    ),
    setting("route", Kind::Text, Trust::Project, None, "upload route"),
    setting(
        "ledger",
        Kind::Path,
        Trust::User("it would send the names of your files to a database of this project"),
        Some("TL_LEDGER"),
        "ledger of bulk ingestion",
    ),
    setting(
        "on_quota",
        Kind::Text,
        Trust::Project,
        None,
        "what to do when a quota is used up",
    ),
    setting(
        "checkpoints",
        Kind::Path,
        Trust::Project,
        Some("TL_CHECKPOINTS"),
        "checkpoint directory",
    ),
    setting(
        "cache_dir",
        Kind::Path,
        Trust::Project,
        Some("TL_CACHE"),
        "cache directory",
    ),
    setting(
        "engine",
        Kind::List,
        Trust::Project,
        None,
        "models to check for",
    ),
    setting(
        "option",
        Kind::List,
        Trust::Project,
        None,
        "model options to check for",
    ),
    setting(
        "rules",
        Kind::Text,
        Trust::Project,
        None,
        "rule pack: a name, a date or a file",
    ),
    setting(
        "require_sandbox",
        Kind::Boolean,
        Trust::Project,
        Some("TL_REQUIRE_SANDBOX"),
        "fail without a complete sandbox",
    ),
    setting(
        "include",
        Kind::List,
        Trust::Project,
        None,
        "patterns of files to include",
    ),
    setting(
        "exclude",
        Kind::List,
        Trust::Project,
        None,
        "patterns of files to exclude",
    ),
];

impl Setting {
    /// The setting with this key.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// The long option, without hyphens at its start.
    pub(crate) fn option(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether a variable sets it.
    pub(crate) fn has_variable(&self) -> bool {
        self.variable != Some("")
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        match self.variable {
            Some(variable) => variable.to_owned(),
            None => format!("TL_{}", self.name.to_uppercase()),
        }
    }
}

/// The candidate that is most similar to `word`, if one is similar enough to be meant.
pub(crate) fn closest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}
