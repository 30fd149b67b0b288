//! Local check of single files: rule pack, models, helper and verdict.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use tl_client::Checker;
use tl_client::checker::Checked;
use tl_validate::header::HeaderReader;
use tl_validate::{
    Engine, ProbeError, ProbeOptions, Prober, Route, RulePack, Target, check_probe_failure,
    open_media,
};

use crate::failure::Failure;
use crate::text::path_name::path_name;

/// Options that select the rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Local check")]
pub(crate) struct RulesArgs {
    /// Check for this model, e.g. marengo3.0. Repeatable; the strictest rule applies
    #[arg(long = "engine", value_name = "NAME", value_delimiter = ',')]
    pub(crate) engines: Vec<String>,
    /// Check for this model option; `conversation` requires sound before v1.3. Repeatable
    #[arg(long = "option", value_name = "NAME", value_delimiter = ',')]
    pub(crate) options: Vec<String>,
    /// Use this rule pack: a name (`tl rules list`), a date, or a TOML file. A file without `name`
    /// and `date` changes the current pack
    #[arg(long, value_name = "PACK|DATE|FILE")]
    pub(crate) rules: Option<String>,
    /// Fail unless media is read in a complete sandbox (Landlock and seccomp)
    #[arg(long, env = "TL_REQUIRE_SANDBOX", hide_env = true)]
    pub(crate) require_sandbox: bool,
}

/// A checker with its engines and model options.
#[derive(Debug, Clone)]
pub(crate) struct UploadChecker {
    checker: Checker,
    engines: Vec<Engine>,
    options: Vec<String>,
}

impl RulesArgs {
    /// Returns the selected rule pack.
    pub(crate) fn pack(&self) -> Result<RulePack, Failure> {
        match &self.rules {
            None => Ok(RulePack::current().clone()),
            Some(text) => load_pack(text),
        }
    }

    /// Creates a checker with the selected rules and the helper that reads media.
    pub(crate) fn upload_checker(&self) -> Result<UploadChecker, Failure> {
        let pack = self.pack()?;
        let engines = self.engines_of(&pack)?;
        let checker = Checker::new(prober(self.require_sandbox)?)
            .with_rules(pack)
            .for_engines(engines.clone())
            .with_options(self.options.clone());
        Ok(UploadChecker {
            checker,
            engines,
            options: self.options.clone(),
        })
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

/// Finds a rule pack by name, date or file.
pub(crate) fn load_pack(text: &str) -> Result<RulePack, Failure> {
    match built_in_pack(text) {
        Ok(pack) => Ok(pack),
        Err(unknown) if text.parse::<Date>().is_ok() => Err(unknown),
        Err(_) if Path::new(text).exists() => pack_from_file(text, RulePack::current()),
        Err(unknown) => Err(unknown.hint(format!(
            "pass the name of a pack, a date such as 2026-02-17, or a file; there is no file `{text}`"
        ))),
    }
}

/// Finds a built-in rule pack by name or date.
pub(crate) fn built_in_pack(text: &str) -> Result<RulePack, Failure> {
    let found = match text.parse::<Date>() {
        Ok(date) => RulePack::on(date),
        Err(_) => RulePack::named(text),
    };
    found.cloned().map_err(|error| {
        Failure::usage(error.to_string()).hint("`tl rules list` shows the packs and their dates")
    })
}

/// Reads a rule pack from a file: a complete pack, or changes to `base`.
pub(crate) fn pack_from_file(file: &str, base: &RulePack) -> Result<RulePack, Failure> {
    let rules = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("failed to read the rules file `{file}`"))
            .with_source(&error)
            .hint("pass a readable TOML file")
    })?;
    RulePack::from_toml(&rules)
        .or_else(|_| base.extended_with(&rules))
        .map_err(|error| {
            Failure::usage(format!("`{file}`: {error}"))
                .hint("`tl rules show` prints a pack in the expected format")
        })
}

/// Whether this program was built without the helper that reads media.
const HAS_NO_HELPER: bool = cfg!(not(all(feature = "ffmpeg", unix)));

/// Media is read in helper processes: this program does not link libav.
pub(crate) fn prober(require_sandbox: bool) -> Result<Arc<dyn Prober>, Failure> {
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
    probers(processors, ProbeOptions::default(), require_sandbox).map(|(prober, _)| prober)
}

/// Creates a pool of `count` helpers, and a string that identifies their build.
///
/// A build without the feature `ffmpeg` has no helper. It reads media headers in this process, and
/// each report says so.
pub(crate) fn probers(
    count: usize,
    probe: ProbeOptions,
    require_sandbox: bool,
) -> Result<(Arc<dyn Prober>, String), Failure> {
    match pool(count, probe, require_sandbox) {
        // A helper that was set explicitly must exist. Headers are read in this process, in safe
        // Rust and without a sandbox.
        Err(_) if HAS_NO_HELPER && !require_sandbox && std::env::var_os("TL_PROBE").is_none() => {
            let reader = HeaderReader::with_options(probe);
            Ok((Arc::new(reader), "header".to_owned()))
        }
        pool => pool,
    }
}

#[cfg(unix)]
fn pool(
    count: usize,
    probe: ProbeOptions,
    require_sandbox: bool,
) -> Result<(Arc<dyn Prober>, String), Failure> {
    use tl_validate::worker::{ProbePool, WorkerOptions};
    let pool = ProbePool::new(WorkerOptions {
        helpers: count,
        probe,
        ..WorkerOptions::default()
    })?;
    if require_sandbox {
        // All helpers are the same program on the same kernel, so checking one is enough.
        let protections = pool.protections()?;
        if !protections.are_complete() {
            return Err(crate::ffmpeg::sandbox::incomplete(&protections.to_string()));
        }
    }
    let build = crate::check::cache::program_fingerprint(pool.program());
    Ok((Arc::new(pool), build))
}

#[cfg(not(unix))]
fn pool(_: usize, _: ProbeOptions, _: bool) -> Result<(Arc<dyn Prober>, String), Failure> {
    Err(Failure::usage(
        "the helper that reads media is not supported on this operating system",
    ))
}

impl UploadChecker {
    /// Returns the checker for the client.
    pub(crate) fn inner(&self) -> Checker {
        self.checker.clone()
    }

    /// Returns the active rule pack.
    pub(crate) fn pack(&self) -> &RulePack {
        self.checker.rules()
    }

    fn target(&self, route: Route) -> Target {
        let mut target = Target::new(route);
        target.engines.clone_from(&self.engines);
        target.options.clone_from(&self.options);
        target
    }

    /// Opens, reads and checks the file at `path`. Blocks while it reads.
    pub(crate) fn path(&self, path: &Path, route: Route) -> Result<Checked, Failure> {
        let name = path_name(path);
        let file = match open_media(path) {
            Ok(file) => file,
            Err(error) if error.kind().is_about_the_file() => {
                let report = check_probe_failure(&error, &self.target(route), self.pack());
                return Ok(Checked {
                    facts: None,
                    report,
                });
            }
            Err(error) => return Err(error.into()),
        };
        self.checker
            .check_file(file, &name, route)
            .map_err(|error| {
                let probe = std::error::Error::source(&error)
                    .and_then(|source| source.downcast_ref::<ProbeError>())
                    .cloned();
                match probe {
                    Some(probe) => probe.into(),
                    None => error.into(),
                }
            })
    }
}
