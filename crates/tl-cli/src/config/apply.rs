//! Settings as defaults of options: an option on the command line overrides its setting.

use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Command};

use super::setting::{Kind, SETTINGS, Setting};
use super::{Settings, Value};
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// The options with rules of their own, because the key must not go to a foreign host.
const NOT_DEFAULTS: [&str; 2] = ["api_key_file", "base_url"];

impl Settings {
    /// Sets the defaults of all options that have a setting, in all commands.
    pub(crate) fn apply(&self, mut command: Command) -> Command {
        let defaults: Vec<(&'static Setting, Value)> = SETTINGS
            .iter()
            .filter(|setting| setting.has_option && !NOT_DEFAULTS.contains(&setting.name))
            .filter_map(|setting| Some((setting, self.get(setting)?.0)))
            .collect();
        match defaults.is_empty() {
            true => command,
            false => {
                command.build();
                with_defaults(command, &defaults)
            }
        }
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

fn with_defaults(command: Command, defaults: &[(&'static Setting, Value)]) -> Command {
    let command = command.mut_args(|arg| {
        let setting = arg.get_long().and_then(|long| {
            defaults
                .iter()
                .find(|(setting, _)| setting.option() == long)
        });
        let Some((setting, value)) = setting else {
            return arg;
        };
        let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
        if is_flag != (setting.kind == Kind::Boolean) {
            return arg;
        }
        // The values live as long as the program, which clap requires without its feature `string`.
        let values: Vec<&'static str> = value
            .0
            .iter()
            .map(|text| &*Box::leak(text.clone().into_boxed_str()))
            .collect();
        arg.required(false)
            .hide_default_value(!is_flag)
            .default_values(values)
    });
    let names: Vec<String> = command
        .get_subcommands()
        .map(|subcommand| subcommand.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |subcommand| with_defaults(subcommand, defaults))
    })
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    fn defaults(pairs: &[(&str, &[&str])]) -> Vec<(&'static Setting, Value)> {
        pairs
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                (Setting::named(name).unwrap(), Value(values))
            })
            .collect()
    }

    fn command() -> Command {
        let option = |name| Arg::new(name).long(name);
        Command::new("tl").no_binary_name(true).subcommand(
            Command::new("run")
                .arg(option("index").required(true))
                .arg(option("engine").action(ArgAction::Append))
                .arg(option("require-sandbox").action(ArgAction::SetTrue))
                // A positional argument with the same name is not an option.
                .arg(Arg::new("jobs")),
        )
    }

    #[test]
    fn settings_are_defaults_of_options_only() {
        let values = defaults(&[
            ("index", &["sport"]),
            ("engine", &["a", "b"]),
            ("require_sandbox", &["true"]),
            ("jobs", &["4"]),
        ]);
        let parse = |arguments: &[&str]| {
            let matches = with_defaults(command(), &values)
                .try_get_matches_from(arguments)
                .unwrap();
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
    }
}
