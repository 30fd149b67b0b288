//! `tl validate`: the local check alone, over any number of files at once. Nothing is sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use tl_client::checker::Checked;
use tl_validate::{Engine, Route};

use crate::args::Context;
use crate::checking::{Checking, RulesArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report;

/// Check files on this machine against the platform's rules; nothing is sent.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The way by which the files are to reach the platform; each has its own size limit
    #[arg(long, value_name = "ROUTE", default_value_t = Route::Tasks, value_parser = routes())]
    route: Route,
    #[command(flatten)]
    rules: RulesArgs,
}

fn routes() -> impl TypedValueParser<Value = Route> {
    PossibleValuesParser::new(Route::ALL.map(Route::as_str)).try_map(|name| name.parse::<Route>())
}

type Verdict = Result<Checked, Failure>;

impl Validate {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let checking = self.rules.checking()?;
        let pack = checking.pack();
        let target = checking.whole_target(self.route);
        let engines: Vec<&str> = target.engines.iter().map(Engine::as_str).collect();
        context.output.note(&format!(
            "rules {} of {}, route {}, {}",
            pack.name(),
            pack.date(),
            target.route,
            engines.join(" + ")
        ));
        let mut exits = Vec::with_capacity(self.paths.len());
        self.check_all(&checking, |path, verdict| {
            exits.push(tell(context, path, &verdict));
        });
        Ok(Exit::of_items(&exits))
    }

    /// Checks side by side, and tells the verdicts in the order of the paths.
    fn check_all(&self, checking: &Checking, mut tell: impl FnMut(&Path, Verdict)) {
        let lanes = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(self.paths.len());
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..lanes {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(path) = self.paths.get(at) else {
                            return;
                        };
                        if sender.send((at, self.check(checking, path))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut early = BTreeMap::new();
            let mut due = 0;
            for (at, verdict) in receiver {
                early.insert(at, verdict);
                while let Some(verdict) = early.remove(&due) {
                    tell(&self.paths[due], verdict);
                    due += 1;
                }
            }
        });
    }

    fn check(&self, checking: &Checking, path: &Path) -> Verdict {
        let text = path.to_string_lossy();
        if !path.exists() && text.contains("://") {
            return Err(Failure::usage(format!(
                "`{text}` is an address: only files on this machine can be checked"
            ))
            .next("download it first, or let the platform judge it: `tl ingest URL --index ID`"));
        }
        checking.path(path, self.route)
    }
}

fn tell(context: &Context, path: &Path, verdict: &Verdict) -> Exit {
    let name = path.to_string_lossy();
    let output = &context.output;
    match verdict {
        Ok(checked) => {
            let refused = checked.report.is_refused();
            let exit = if refused {
                Exit::RefusedLocally
            } else {
                Exit::Ok
            };
            output.json(&json!({
                "input": name,
                "ok": !refused,
                "exit_code": exit.code(),
                "facts": checked.facts,
                "report": checked.report,
            }));
            output.line(&report::checked(&name, checked));
            exit
        }
        Err(failure) => {
            output.json(&json!({
                "input": name,
                "ok": false,
                "exit_code": failure.exit().code(),
                "error": failure.to_json(),
            }));
            output.failure_text(failure);
            failure.exit()
        }
    }
}
