//! Options that select the rules, and the local check of uploads.

use std::sync::Arc;

use clap::Args;
use tl_validate::{Engine, ProbeOptions, RulePack};

use crate::args::cache::CacheArgs;
use crate::check::local_check::{CheckSettings, LocalCheck};
use crate::check::probers::parallelism;
use crate::check::rule_packs::load_pack;
use crate::failure::Failure;
use crate::ui::output::Output;

/// Options that select the rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct RulesArgs {
    /// Check for this model; the strictest rule applies. Repeatable
    #[arg(long = "engine", value_name = "NAME", value_delimiter = ',')]
    pub(crate) engines: Vec<String>,
    /// Check for this model option, e.g. conversation. Repeatable
    #[arg(long = "option", value_name = "NAME", value_delimiter = ',')]
    pub(crate) options: Vec<String>,
    /// Use this rule pack: a name (`tl rules list`), a date or a TOML file
    #[arg(long, value_name = "PACK|DATE|FILE")]
    pub(crate) rules: Option<String>,
    /// Fail unless the media sandbox (Landlock, seccomp) is complete
    #[arg(long, env = "TL_REQUIRE_SANDBOX", hide_env = true)]
    pub(crate) require_sandbox: bool,
}

impl RulesArgs {
    /// Returns the selected rule pack.
    pub(crate) fn pack(&self) -> Result<RulePack, Failure> {
        match &self.rules {
            None => Ok(RulePack::current().clone()),
            Some(text) => load_pack(text),
        }
    }

    /// The local check of an upload: the route is chosen by the client, and the headers are trusted.
    pub(crate) fn local_check(
        &self,
        cache: &CacheArgs,
        output: &Arc<Output>,
    ) -> Result<LocalCheck, Failure> {
        let pack = self.pack()?;
        let settings = CheckSettings {
            engines: self.engines_of(&pack)?,
            options: self.options.clone(),
            pack,
            route: None,
            probe: ProbeOptions::default(),
            jobs: parallelism(),
            require_sandbox: self.require_sandbox,
        };
        LocalCheck::new(settings, cache.location(), output)
    }

    /// Returns the selected engines. The pack must know each of them.
    pub(crate) fn engines_of(&self, pack: &RulePack) -> Result<Vec<Engine>, Failure> {
        let engines: Vec<Engine> = self
            .engines
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        for engine in &engines {
            if pack.engine(engine).is_none() {
                let known: Vec<&str> = pack
                    .engines()
                    .iter()
                    .map(|entry| entry.name.as_str())
                    .collect();
                return Err(Failure::usage(format!(
                    "unknown engine `{engine}`: rule pack {} has {}",
                    pack.name(),
                    known.join(", ")
                ))
                .hint("pass one of these, or add the engine with --rules FILE"));
            }
        }
        Ok(engines)
    }
}
