//! The command line as a whole: global options, the help, and the entry point of the program.

use std::ffi::OsString;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser};
use tl_client::config::KEY_VARIABLES;

use crate::commands::Command;
use crate::config::apply::with_defaults;
use crate::config::{PROFILE_VARIABLE, Selection, Settings};
use crate::context::Context;
use crate::context::connection::Connection;
use crate::failure::Failure;
use crate::failure::exit::{self, Exit};
use crate::text::secret;
use crate::ui::output::{Color, LogFormat, Output};

/// Validate, upload and index videos on the TwelveLabs platform
#[derive(Debug, Parser)]
#[command(name = "tl", version, after_help = after_help(), arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct Global {
    /// Print JSON to standard output, errors included; see `tl --help`
    #[arg(long, global = true)]
    json: bool,
    /// Print only results (ids if there are any): no notes, no progress
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Log every step to standard error
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Control when to use color; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: Color,
    /// Print messages on standard error as text or JSON
    #[arg(
        long,
        global = true,
        hide = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: LogFormat,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    connection: Connection,
}

/// Options for configuration files, which `tl --help` explains in its own words. They are read before the others, because the files contain
/// defaults of those.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// Use this profile of the configuration files; see `tl config`
    #[arg(long, global = true, hide = true, value_name = "NAME", env = PROFILE_VARIABLE)]
    profile: Option<String>,
    /// Ignore configuration files
    #[arg(long, global = true, hide = true)]
    no_config: bool,
}

/// The options for configuration files in a command line that is not parsed yet.
fn selection(arguments: &[OsString]) -> Selection {
    let mut selection = Selection::default();
    let mut words = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy())
        .take_while(|word| word != "--");
    while let Some(word) = words.next() {
        if word == "--no-config" {
            selection.no_config = true;
        } else if word == "--profile" {
            selection.profile = words.next().map(Into::into);
        } else if let Some(name) = word.strip_prefix("--profile=") {
            selection.profile = Some(name.to_owned());
        }
    }
    selection
}

fn after_help() -> String {
    format!(
        "\
{}
With --json, standard output contains only JSON, errors included. Every line is one object,
except that list commands print one array:
  validate           one line per input, in input order
  ingest, upload     one line per input, in order of completion
  wait, delete       one line per id
  all others         one line
  errors             {{\"error\": {{...}}}} with kind, message, code (from the platform), status,
                     request_id, retryable, retry_after (seconds), exit_code, next, causes;
                     the message is also printed to standard error, unless --quiet is given

Configuration files contain defaults of options: `tl config path` prints where they are, `tl config
show` where each value comes from. Every command has these options:
  --profile NAME     use this profile of the files (TL_PROFILE)
  --no-config        ignore the files
  --log-format json  print messages on standard error as JSON, one object per line

Environment variables:
  TWELVE_LABS_API_KEY, TWELVELABS_API_KEY   API key
  TWELVE_LABS_API_KEY_FILE                  file with the API key (--api-key-file); takes precedence
  TWELVELABS_BASE_URL                       base URL of the API (--base-url)
  TL_INDEX, TL_JOBS, …                      other settings of `tl config show`
  TL_CHECKPOINTS                            checkpoint directory (--checkpoints)
  TL_LEDGER                                 ledger of bulk ingestions (--ledger)
  TL_CACHE                                  cache directory (--cache-dir)
  TL_PROBE                                  path of the helper `tl-probe` [default: next to `tl`]
  FFMPEG                                    path of `ffmpeg` [default: search PATH]
  TL_REQUIRE_SANDBOX                        set to `true` for --require-sandbox
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, NO_COLOR   standard meaning",
        exit::table()
    )
}

/// Runs `tl` with these arguments, the program name first.
pub(crate) fn run(arguments: Vec<OsString>) -> Exit {
    for name in KEY_VARIABLES {
        if let Ok(key) = std::env::var(name) {
            secret::add_key(&key);
        }
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let settings = Settings::load(&selection(&arguments));
    let applied = settings.as_ref().ok().map(Settings::apply);
    let mut command = with_defaults(Cli::command());
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| error.format(&mut command));
    drop(applied);
    // To free the description takes as long as to parse the arguments.
    std::mem::forget(command);
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let failure = settings
                .as_ref()
                .ok()
                .and_then(|settings| settings.refused_value(&error));
            return match failure {
                Some(failure) => {
                    let output = Output::new(json, false, 0, Color::Auto);
                    output.failure(&failure);
                    output.finish(failure.exit())
                }
                None => refused(&error, json),
            };
        }
    };
    let Global {
        json,
        quiet,
        verbose,
        color,
        log_format,
        config: _,
        connection,
    } = cli.global;
    let output = Arc::new(Output::new(json, quiet, verbose, color).with_log_format(log_format));
    let settings = match settings {
        Ok(settings) => Arc::new(settings),
        // Commands that find out what is wrong with a file run without it.
        Err(failure) if !cli.command.works_without_config() => {
            output.failure(&failure);
            return output.finish(failure.exit());
        }
        Err(failure) => {
            output.note(&format!("warning: {}", failure.message()));
            Arc::default()
        }
    };
    for note in settings.notes() {
        output.note(note);
    }
    let connection = connection.with_settings(settings);
    let context = Context {
        output: Arc::clone(&output),
        connection,
        command_line: Cli::command,
    };
    let exit = cli.command.run(&context).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    output.finish(exit)
}

/// Prints help and version to standard output; every other clap error is a usage error.
fn refused(error: &clap::Error, json: bool) -> Exit {
    let output = Output::new(json, false, 0, Color::Auto);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output.text(&error.render().ansi().to_string());
            return output.finish(Exit::Ok);
        }
        _ => {}
    }
    let text = error.render();
    let message = text.to_string();
    // The text after the usage line is not part of the message.
    let summary = message
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    output.json(&serde_json::json!({
        "error": Failure::usage(summary).hint("run `tl help` for the commands, `tl COMMAND --help` for the options of one").to_json()
    }));
    output.stderr(text.ansi().to_string().trim_end());
    output.finish(Exit::Usage)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_debug_assert() {
        Cli::command().debug_assert();
    }

    #[test]
    fn configuration_options_are_found_before_parsing() {
        let find = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let found = selection(&words);
            (found.profile, found.no_config)
        };
        let profile = |name: &str| Some(name.to_owned());
        assert_eq!(
            find(&["tl", "doctor", "--profile", "a"]),
            (profile("a"), false)
        );
        assert_eq!(
            find(&["tl", "--profile=b", "--no-config"]),
            (profile("b"), true)
        );
        assert_eq!(find(&["tl", "x", "--", "--profile", "a"]), (None, false));
        assert_eq!(find(&["tl", "--profile"]), (None, false));
    }

    #[test]
    fn every_setting_with_an_option_has_one() {
        fn options(command: &clap::Command, found: &mut Vec<String>) {
            found.extend(
                command
                    .get_arguments()
                    .filter_map(|argument| argument.get_long().map(str::to_owned)),
            );
            for subcommand in command.get_subcommands() {
                options(subcommand, found);
            }
        }
        let mut found = Vec::new();
        let mut command = Cli::command();
        command.build();
        options(&command, &mut found);
        for setting in crate::config::setting::SETTINGS {
            assert_eq!(
                found.contains(&setting.option()),
                setting.has_option,
                "{}",
                setting.name
            );
        }
    }
}
