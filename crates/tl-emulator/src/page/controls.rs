//! The clock and fault controls of the page.

use std::{sync::Arc, time::Duration};

use axum::{Form, Router, extract::State, response::Redirect, routing::post};
use serde::Deserialize;

use super::{
    filters::redirect_to,
    view::{self, Choice, Time},
};
use crate::{
    platform::{Fault, FaultPlan, format_timestamp},
    server::{ClockMode, Runtime},
};

/// The modes offered by the page. The control API accepts all others.
const MODES: [&str; 5] = ["real", "x10", "x60", "x3600", "manual"];

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/do/advance", post(advance))
        .route("/do/clock", post(set_mode))
        .route("/do/fault", post(add))
        .route("/do/remove-fault", post(remove))
        .route("/do/clear-faults", post(clear))
}

/// The emulator's clock.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) now: Time,
    pub(super) mode: String,
}

pub(super) fn clock(runtime: &Runtime) -> Clock {
    Clock {
        now: Time::new(format_timestamp(runtime.clock.now())),
        mode: runtime.clock.mode().to_string(),
    }
}

/// The modes to choose from, with the current one selected.
pub(super) fn clock_modes(runtime: &Runtime) -> Vec<Choice> {
    let mode = runtime.clock.mode().to_string();
    let other = Some(mode.as_str()).filter(|mode| !MODES.contains(mode));
    view::choices(other.into_iter().chain(MODES), &mode)
}

/// An active fault.
#[derive(Debug)]
pub(super) struct ActiveFault {
    /// The fault as JSON.
    pub(super) text: String,
    /// How often it was injected.
    pub(super) injected: u64,
}

pub(super) fn faults(runtime: &Runtime) -> Vec<ActiveFault> {
    let platform = runtime.platform();
    let (plan, injected) = platform.faults();
    let faults = plan.faults.iter().zip(injected);
    faults
        .map(|(fault, injected)| ActiveFault {
            text: serde_json::to_string(fault).unwrap_or_default(),
            injected,
        })
        .collect()
}

#[derive(Debug, Deserialize)]
struct Advance {
    seconds: f64,
    #[serde(default)]
    back: String,
}

async fn advance(State(runtime): State<Arc<Runtime>>, Form(form): Form<Advance>) -> Redirect {
    match Duration::try_from_secs_f64(form.seconds) {
        Ok(by) => {
            runtime.advance(by);
            redirect_to("clock", &form.back, None)
        }
        Err(error) => {
            let error = format!(
                "The clock cannot be advanced by {} seconds: {error}.",
                form.seconds
            );
            redirect_to("clock", &form.back, Some(&error))
        }
    }
}

#[derive(Debug, Deserialize)]
struct Mode {
    mode: String,
    #[serde(default)]
    back: String,
}

async fn set_mode(State(runtime): State<Arc<Runtime>>, Form(form): Form<Mode>) -> Redirect {
    match form.mode.parse::<ClockMode>() {
        Ok(mode) => {
            runtime.clock.set_mode(mode);
            redirect_to("clock", &form.back, None)
        }
        Err(error) => redirect_to("clock", &form.back, Some(&error)),
    }
}

#[derive(Debug, Deserialize)]
struct NamedFault {
    fault: String,
    #[serde(default)]
    back: String,
}

async fn add(State(runtime): State<Arc<Runtime>>, Form(form): Form<NamedFault>) -> Redirect {
    let fault = match form.fault.parse::<Fault>() {
        Ok(fault) => fault,
        Err(error) => return redirect_to("faults", &form.back, Some(&error.to_string())),
    };
    let mut platform = runtime.platform();
    let mut plan = platform.faults().0.clone();
    plan.faults.push(fault);
    let error = platform.set_faults(plan).err();
    redirect_to(
        "faults",
        &form.back,
        error.map(|error| error.to_string()).as_deref(),
    )
}

/// Removes the fault with this definition. Positions may have changed since the page was rendered.
async fn remove(State(runtime): State<Arc<Runtime>>, Form(form): Form<NamedFault>) -> Redirect {
    let mut platform = runtime.platform();
    let mut plan = platform.faults().0.clone();
    let is_it = |fault: &Fault| serde_json::to_string(fault).is_ok_and(|text| text == form.fault);
    let Some(position) = plan.faults.iter().position(is_it) else {
        return redirect_to("faults", &form.back, Some("The fault was already removed."));
    };
    plan.faults.remove(position);
    let error = platform.set_faults(plan).err();
    redirect_to(
        "faults",
        &form.back,
        error.map(|error| error.to_string()).as_deref(),
    )
}

#[derive(Debug, Deserialize)]
struct ReturnForm {
    #[serde(default)]
    back: String,
}

async fn clear(State(runtime): State<Arc<Runtime>>, Form(form): Form<ReturnForm>) -> Redirect {
    let error = runtime.set_faults(FaultPlan::default()).err();
    redirect_to(
        "faults",
        &form.back,
        error.map(|error| error.to_string()).as_deref(),
    )
}
