//! Settings as defaults of options: an option on the command line overrides its setting.

use std::cell::RefCell;
use std::marker::PhantomData;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::setting::{Kind, SETTINGS, Setting};
use super::{Settings, Value};
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// The options with rules of their own, because the key must not go to a foreign host.
const NOT_DEFAULTS: [&str; 2] = ["api_key_file", "base_url"];

/// Settings with their values, which live as long as the program: clap requires that without its
/// feature `string`.
type Defaults = Vec<(&'static Setting, Vec<&'static str>)>;

thread_local! {
    static DEFAULTS: RefCell<Defaults> = const { RefCell::new(Vec::new()) };
}

/// As long as it exists, [`with_defaults`] uses the settings that it was made of.
#[must_use]
pub(crate) struct Applied(PhantomData<*const ()>);

impl Drop for Applied {
    fn drop(&mut self) {
        DEFAULTS.take();
    }
}

impl Settings {
    /// Makes the settings defaults of their options, in all commands that this thread describes.
    pub(crate) fn apply(&self) -> Applied {
        let settings = SETTINGS
            .iter()
            .filter(|setting| setting.has_option && !NOT_DEFAULTS.contains(&setting.name));
        let values = settings.filter_map(|setting| Some((setting, self.get(setting)?.0)));
        applied(values)
    }

    /// The error for a setting that its option refuses, which names where it comes from.
    pub(crate) fn refused_value(&self, error: &clap::Error) -> Option<Failure> {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let option = text(ContextKind::InvalidArg)?;
        let seen = text(ContextKind::InvalidValue)?;
        let (setting, _, origin) = self.all().find(|(setting, value, _)| {
            let long = format!("--{}", setting.option());
            setting.has_option
                && option.split_whitespace().next() == Some(long.as_str())
                && value.0.iter().any(|value| value == seen)
        })?;
        let allowed = match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(values)) => format!(" (allowed: {})", values.join(", ")),
            _ => String::new(),
        };
        let mut failure = Failure::new(
            Exit::Usage,
            "configuration",
            format!(
                "setting `{}` ({origin}): invalid value `{seen}`{allowed}",
                setting.name
            ),
        )
        .hint(format!("change it, or pass --{}", setting.option()));
        if let Some(source) = std::error::Error::source(error) {
            failure = failure.with_source(source);
        }
        Some(failure)
    }
}

fn applied(values: impl Iterator<Item = (&'static Setting, Value)>) -> Applied {
    let leaked = |text: &String| -> &'static str { Box::leak(text.clone().into_boxed_str()) };
    let defaults = values.map(|(setting, value)| (setting, value.0.iter().map(leaked).collect()));
    DEFAULTS.set(defaults.collect());
    Applied(PhantomData)
}

/// The command with settings as the defaults of its options. Those of its subcommands are set when
/// clap needs them.
pub(crate) fn with_defaults(command: Command) -> Command {
    DEFAULTS.with_borrow(|defaults| match defaults.is_empty() {
        true => command,
        false => command.mut_args(|arg| with_default(arg, defaults)),
    })
}

fn with_default(arg: Arg, defaults: &Defaults) -> Arg {
    let setting = arg.get_long().and_then(|long| {
        defaults
            .iter()
            .find(|(setting, _)| setting.option() == long)
    });
    let Some((setting, values)) = setting else {
        return arg;
    };
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    if is_flag != (setting.kind == Kind::Boolean) {
        return arg;
    }
    arg.required(false)
        .hide_default_value(!is_flag)
        .default_values(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(pairs: &[(&str, &[&str])]) -> Applied {
        applied(pairs.iter().map(|(name, values)| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            (Setting::named(name).unwrap(), Value(values))
        }))
    }

    fn command() -> Command {
        let option = |name| Arg::new(name).long(name);
        let run = Command::new("run")
            .arg(option("index").required(true))
            .arg(option("engine").action(ArgAction::Append))
            .arg(option("require-sandbox").action(ArgAction::SetTrue))
            // A positional argument with the same name is not an option.
            .arg(Arg::new("jobs"));
        Command::new("tl")
            .no_binary_name(true)
            .subcommand(with_defaults(run))
    }

    #[test]
    fn settings_are_defaults_of_options_only() {
        let applied = defaults(&[
            ("index", &["sport"]),
            ("engine", &["a", "b"]),
            ("require_sandbox", &["true"]),
            ("jobs", &["4"]),
        ]);
        let parse = |arguments: &[&str]| {
            let matches = command().try_get_matches_from(arguments).unwrap();
            let (_, run) = matches.subcommand().unwrap();
            let engines: Vec<String> = run.get_many("engine").unwrap().cloned().collect();
            (
                run.get_one::<String>("index").unwrap().clone(),
                engines.join(" "),
                run.get_flag("require-sandbox"),
                run.get_one::<String>("jobs").cloned(),
            )
        };
        assert_eq!(parse(&["run"]), ("sport".into(), "a b".into(), true, None));
        assert_eq!(
            parse(&["run", "--index", "news", "--engine", "c"]),
            ("news".into(), "c".into(), true, None)
        );
        drop(applied);
        assert!(command().try_get_matches_from(["run"]).is_err());
    }
}
