//! Settings from configuration files and the environment.
//!
//! A value is looked up in this order; the first one counts:
//!
//! 1. options on the command line,
//! 2. environment variables,
//! 3. the selected profile, in the project's file, then in the user's file,
//! 4. the project's file, `tl.toml` or `.tl.toml` in the working directory or above it,
//! 5. the user's file, `tl/config.toml` in the directory for configuration.
//!
//! A project's file comes with a checkout, so it is trusted less than the user: it cannot run
//! programs, trust certificates, or choose where the user's API key is sent (`trust`).

pub(crate) mod apply;
mod file;
pub(crate) mod setting;
pub(crate) mod trust;

use std::fmt;
use std::path::{Path, PathBuf};

use self::file::ConfigFile;
use self::setting::{SETTINGS, Setting};
use crate::failure::Failure;

/// Environment variable with the name of the profile.
pub(crate) const PROFILE_VARIABLE: &str = "TL_PROFILE";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Environment(String),
    /// A file, and the profile in it.
    Project(PathBuf, Option<String>),
    User(PathBuf, Option<String>),
}

impl Origin {
    /// The kind, for JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Environment(_) => "environment",
            Self::Project(_, None) => "project",
            Self::User(_, None) => "user",
            Self::Project(..) | Self::User(..) => "profile",
        }
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Environment(_) => None,
            Self::Project(file, _) | Self::User(file, _) => Some(file),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "variable {name}"),
            Self::Project(file, None) | Self::User(file, None) => write!(f, "{}", file.display()),
            Self::Project(file, Some(profile)) | Self::User(file, Some(profile)) => {
                write!(f, "{}, profile {profile}", file.display())
            }
        }
    }
}

/// A value of a setting: texts, or one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) Vec<String>);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// All settings of a run.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    project: Option<ConfigFile>,
    user: Option<ConfigFile>,
    profile: Option<String>,
    /// Notes about files that are not used.
    notes: Vec<String>,
}

/// Which files and which profile to use.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Ignore all files.
    pub(crate) no_config: bool,
    /// The profile of the command line.
    pub(crate) profile: Option<String>,
}

impl Settings {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, is not valid, or has an unknown key; the profile does not exist; a
    /// project's file has a setting that only the user may set.
    pub(crate) fn load(selection: &Selection) -> Result<Self, Failure> {
        let profile = selection.profile.clone().or_else(|| {
            std::env::var(PROFILE_VARIABLE)
                .ok()
                .filter(|name| !name.is_empty())
        });
        if selection.no_config {
            if let Some(profile) = selection.profile.as_ref() {
                return Err(Failure::usage(format!(
                    "profile `{profile}` cannot be used with --no-config"
                ))
                .hint("omit one of them"));
            }
            return Ok(Self::default());
        }
        let mut settings = Self::default();
        if let Some(path) = user_file() {
            settings.user = ConfigFile::read_if_exists(&path)?;
        }
        let here = std::env::current_dir().unwrap_or_default();
        if let Some(path) = project_file(&here)? {
            match trust::foreign_owner(&path) {
                Some(owner) => settings.notes.push(format!(
                    "`{}` is ignored: it belongs to another user ({owner})",
                    path.display()
                )),
                None => settings.project = ConfigFile::read_if_exists(&path)?,
            }
        }
        if let Some(file) = &settings.project {
            trust::check_project(file)?;
        }
        settings.profile = profile.or_else(|| {
            [&settings.project, &settings.user]
                .into_iter()
                .flatten()
                .find_map(|file| file.default_profile())
        });
        settings.check_profile()?;
        Ok(settings)
    }

    /// The profile must exist in one of the files.
    fn check_profile(&self) -> Result<(), Failure> {
        let Some(profile) = &self.profile else {
            return Ok(());
        };
        let files = || [&self.project, &self.user].into_iter().flatten();
        if files().any(|file| file.has_profile(profile)) {
            return Ok(());
        }
        let mut known: Vec<&str> = files().flat_map(ConfigFile::profiles).collect();
        known.sort_unstable();
        known.dedup();
        let meant = setting::closest(profile, known.iter().copied())
            .map(|name| format!("; did you mean `{name}`?"))
            .unwrap_or_default();
        let hint = match known.is_empty() {
            true => "there are no profiles; add a table [profile.NAME] to the file that `tl config path` names".to_owned(),
            false => format!("use one of {}", known.join(", ")),
        };
        Err(Failure::usage(format!("no profile `{profile}`{meant}")).hint(hint))
    }

    /// The value of a setting and where it comes from. Variables that the command line reads itself
    /// are included.
    pub(crate) fn get(&self, setting: &Setting) -> Option<(Value, Origin)> {
        self.layers(setting).next()
    }

    /// The values of a setting, the first of which counts.
    pub(crate) fn layers(
        &self,
        setting: &Setting,
    ) -> impl Iterator<Item = (Value, Origin)> + use<'_> {
        let variable = setting.has_variable().then(|| setting.variable());
        let from_environment = variable.and_then(|name| {
            let text = std::env::var(&name).ok().filter(|text| !text.is_empty())?;
            Some((Value(vec![text]), Origin::Environment(name)))
        });
        from_environment
            .into_iter()
            .chain(self.layers_of_files(setting.name))
    }

    /// The value of a setting in the files.
    pub(crate) fn of_files(&self, setting: &Setting) -> Option<(Value, Origin)> {
        self.layers_of_files(setting.name).next()
    }

    fn layers_of_files(
        &self,
        name: &'static str,
    ) -> impl Iterator<Item = (Value, Origin)> + use<'_> {
        type Make = fn(PathBuf, Option<String>) -> Origin;
        let layers: [(&Option<ConfigFile>, bool, Make); 4] = [
            (&self.project, true, Origin::Project),
            (&self.user, true, Origin::User),
            (&self.project, false, Origin::Project),
            (&self.user, false, Origin::User),
        ];
        layers
            .into_iter()
            .filter_map(move |(file, is_profile, origin)| {
                let file = file.as_ref()?;
                let profile = match is_profile {
                    true => Some(self.profile.clone()?),
                    false => None,
                };
                let value = file.get(name, profile.as_deref())?.clone();
                Some((value, origin(file.path().to_owned(), profile)))
            })
    }

    /// All settings that have a value.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Setting, Value, Origin)> {
        SETTINGS.iter().filter_map(|setting| {
            let (value, origin) = self.get(setting)?;
            Some((setting, value, origin))
        })
    }

    /// The selected profile.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Notes about files that are not used.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// The user's file, whether or not it exists.
pub(crate) fn user_file() -> Option<PathBuf> {
    Some(dirs::config_dir()?.join("tl").join("config.toml"))
}

/// The file of the project: in `start` or the nearest directory above it.
///
/// # Errors
/// If a directory has both names.
pub(crate) fn project_file(start: &Path) -> Result<Option<PathBuf>, Failure> {
    for folder in start.ancestors() {
        let [plain, hidden] = ["tl.toml", ".tl.toml"].map(|name| folder.join(name));
        match (plain.is_file(), hidden.is_file()) {
            (false, false) => {}
            (true, false) => return Ok(Some(plain)),
            (false, true) => return Ok(Some(hidden)),
            (true, true) => {
                return Err(Failure::usage(format!(
                    "`{}` has both tl.toml and .tl.toml",
                    folder.display()
                ))
                .hint("keep one of them"));
            }
        }
    }
    Ok(None)
}
