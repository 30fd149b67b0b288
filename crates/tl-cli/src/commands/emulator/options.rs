//! Options shared by `tl emulator` and `tl emulator exec`, and startup of the emulator.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tl_emulator::{Answers, ClockMode, Emulator, EmulatorBuilder, Plan, Schedule, Seed};
use url::Url;

use super::fault_plan;
use crate::check::probers;
use crate::check::rule_packs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// Default secret for signing webhooks.
const SECRET: &str = "whsec_emulator";

/// Options of an emulator.
#[derive(Debug, Args)]
#[command(next_help_heading = "Emulator")]
pub(super) struct Options {
    /// Listen on this port of 127.0.0.1; 0 picks a free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Persist all data in this directory [default: no persistence]
    #[arg(long, value_name = "DIR", conflicts_with = "data_dir")]
    state: Option<PathBuf>,
    /// Store received files in this directory [default: temporary]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Set the clock: real, manual, or a factor such as x60
    #[arg(long, value_name = "MODE", default_value = "real", value_parser = clock)]
    clock: ClockMode,
    /// Set the indexing time: none, 0.2 s per status, or realistic
    #[arg(long, value_enum, default_value_t)]
    pace: Pace,
    /// Set the plan of the account: a name of `tl emulator plans` or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "unlimited", value_parser = plan)]
    plan: Plan,
    /// Check received videos and indexes against this rule pack
    #[arg(long, value_name = "PACK|DATE|FILE")]
    rules: Option<String>,
    /// Set a quirk; see `tl emulator quirks`. Repeatable
    #[arg(long = "quirk", value_name = "NAME=VALUE")]
    quirks: Vec<QuirkValue>,
    /// Inject a fault; see `tl emulator faults --help`. Repeatable
    #[arg(long = "fault", value_name = "FAULT|FILE")]
    faults: Vec<String>,
    /// Send webhooks to this URL [default secret: whsec_emulator]. Repeatable
    #[arg(long = "webhook", value_name = "URL[,SECRET]")]
    webhooks: Vec<Webhook>,
    /// Create the indexes and videos of this JSON file at startup
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Read fixtures and sidecars of media from this directory. Repeatable
    #[arg(long, value_name = "DIR")]
    answers: Vec<PathBuf>,
    /// Set the chunk size of multipart uploads [default: 5242880]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    chunk_size: Option<u64>,
    /// Allow video URLs with loopback and private addresses
    #[arg(long)]
    allow_private: bool,
}

/// Indexing time.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Pace {
    Instant,
    #[default]
    Fast,
    Realistic,
}

/// A quirk and its value.
#[derive(Debug, Clone)]
struct QuirkValue {
    name: String,
    value: String,
}

impl FromStr for QuirkValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("expected NAME=VALUE; `tl emulator quirks` lists them")?;
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// A webhook URL and its secret.
#[derive(Debug, Clone)]
struct Webhook {
    url: Url,
    secret: String,
}

impl FromStr for Webhook {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, secret) = text.split_once(',').unwrap_or((text, SECRET));
        let url = Url::parse(address).map_err(|error| format!("`{address}`: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "unsupported scheme `{}` (supported: http, https)",
                url.scheme()
            ));
        }
        if secret.is_empty() {
            return Err("empty secret after the comma".to_owned());
        }
        Ok(Self {
            url,
            secret: secret.to_owned(),
        })
    }
}

/// The plan with a name, or of a file.
fn plan(text: &str) -> Result<Plan, String> {
    let unknown = match Plan::named(text) {
        Ok(plan) => return Ok(plan),
        Err(unknown) => unknown,
    };
    let is_file = Path::new(text)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    if !is_file {
        return Err(format!("{unknown}; a file has the extension .toml"));
    }
    let file = std::fs::read_to_string(text)
        .map_err(|error| format!("failed to read the plan `{text}`: {error}"))?;
    Plan::from_toml(&file).map_err(|error| format!("plan `{text}`: {error}"))
}

fn clock(text: &str) -> Result<ClockMode, String> {
    text.parse()
}

impl Options {
    /// The state directory, if set.
    pub(super) fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// Starts an emulator with these options.
    pub(super) async fn start(self, context: &Context) -> Result<Emulator, Failure> {
        let seed = self.seed.as_deref().map(read_seed).transpose()?;
        let webhooks = self.webhooks.clone();
        let output = Arc::clone(&context.output);
        let builder = self
            .builder()?
            .on_request(move |entry| output.detail(&plain_line(&entry.to_string())));
        let emulator = builder.start().await.map_err(|error| {
            Failure::new(Exit::Usage, "emulator", error.to_string())
                .hint("pass another --port, --state or --data-dir; --port 0 picks a free port")
        })?;
        if let Some(seed) = seed {
            emulator.seed(&seed).map_err(|error| {
                Failure::new(Exit::Usage, "emulator", "failed to apply the seed")
                    .with_source(&error)
                    .hint("omit --seed if --state already contains it")
            })?;
        }
        for Webhook { url, secret } in webhooks {
            emulator.register_webhook(&url, &secret).map_err(|error| {
                Failure::new(
                    Exit::Temporary,
                    "emulator",
                    "failed to register the webhook",
                )
                .with_source(&error)
            })?;
        }
        Ok(emulator)
    }

    fn builder(self) -> Result<EmulatorBuilder, Failure> {
        let mut builder = Emulator::builder()
            .prober(probers::prober(false)?)
            .port(self.port)
            .clock(self.clock)
            .plan(self.plan)
            .schedule(match self.pace {
                Pace::Instant => Schedule::INSTANT,
                Pace::Fast => Schedule::FAST,
                Pace::Realistic => Schedule::REALISTIC,
            })
            .allow_private_urls(self.allow_private);
        if let Some(folder) = self.state {
            builder = builder.state_dir(folder);
        }
        if let Some(folder) = self.data_dir {
            builder = builder.data_dir(folder);
        }
        let mut answers = Answers::new();
        for dir in &self.answers {
            answers.read_dir(dir).map_err(|error| {
                Failure::new(Exit::Usage, "emulator", error.to_string())
                    .hint("the guide, \"Answers of models\", describes the files")
            })?;
        }
        builder = builder.answers(answers);
        if let Some(bytes) = self.chunk_size {
            builder = builder.chunk_size(bytes);
        }
        if let Some(rules) = &self.rules {
            builder = builder.rules(rule_packs::load_pack(rules)?);
        }
        for QuirkValue { name, value } in &self.quirks {
            builder = builder.quirk(name, value).map_err(|error| {
                Failure::usage(error.to_string())
                    .hint("`tl emulator quirks` lists the quirks and their values")
            })?;
        }
        let plan = fault_plan::read(&self.faults)?;
        builder.faults(plan).map_err(|error| {
            Failure::usage(error.to_string()).hint("run `tl emulator faults` to check a plan")
        })
    }
}

fn read_seed(path: &Path) -> Result<Seed, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("failed to read the seed `{}`", path.display())).with_source(&error)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("invalid seed `{}`", path.display()))
            .with_source(&error)
            .hint(r#"expected {"indexes": [{"index_name": "films", "videos": [{"filename": "a.mp4", "duration": 12.5, "width": 640, "height": 360}]}]}"#)
    })
}
