//! Arguments that are described only if their command runs.
//!
//! Together, the commands have thousands of options. Describing all of them takes longer than most
//! commands that do not use the network.

use std::fmt::{self, Debug, Formatter};

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

use crate::config::apply::with_defaults;

/// The arguments of a command, or a set of subcommands, which clap learns when it needs them.
///
/// Code that looks at the description without parsing calls [`Command::build`] first.
pub(crate) struct Deferred<T>(pub(crate) T);

/// Adds the arguments with `describe`. Keeps the help texts of the command, which `describe` would
/// replace with those of the arguments.
fn described(command: Command, describe: fn(Command) -> Command) -> Command {
    let short = command.get_about().cloned();
    let long = command.get_long_about().cloned();
    let global = command.get_arguments().count();
    let command = with_defaults(global_last(describe(command), global));
    let command = match short {
        Some(text) => command.about(text),
        None => command,
    };
    match long {
        Some(text) => command.long_about(text),
        None => command.long_about(None::<&'static str>),
    }
}

/// Moves the first `global` arguments to the end. They are the global options, which clap adds to a
/// deferred command before its own. Help texts list them last.
fn global_last(command: Command, global: usize) -> Command {
    let mut arguments = Vec::new();
    let command = command.mut_args(|argument| {
        arguments.push(argument);
        Arg::new("moved")
    });
    arguments.rotate_left(global);
    let mut arguments = arguments.into_iter();
    command.mut_args(|_| arguments.next().expect("as many arguments as before"))
}

impl<T: Args> Args for Deferred<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_args))
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_args_for_update))
    }
}

impl<T: Subcommand> Subcommand for Deferred<T> {
    fn augment_subcommands(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_subcommands))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_subcommands_for_update))
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}

impl<T: FromArgMatches> FromArgMatches for Deferred<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Debug> Debug for Deferred<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
