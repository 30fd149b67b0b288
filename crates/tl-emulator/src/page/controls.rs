//! The clock and fault controls of the page.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{Form, Router, extract::State, response::Redirect, routing::post};
use serde::Deserialize;

use super::{
    filters::{Filters, redirect_to},
    html::{self, Escaped},
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

pub(super) fn time(runtime: &Runtime, _: &Filters, html: &mut String) {
    let now = format_timestamp(runtime.clock.now());
    let mode = runtime.clock.mode();
    _ = write!(
        html,
        "<p class=now>Time: <strong>{}</strong> UTC. Mode: <strong>{}</strong>.</p>",
        html::timestamp(&now),
        Escaped(mode)
    );
}

pub(super) fn clock_forms(runtime: &Runtime, filters: &Filters, html: &mut String) {
    html.push_str("<div class=forms><form method=post action=/_emulator/do/advance>");
    filters.return_field(html);
    html.push_str(
        "<label>Advance by <input name=seconds type=number min=0 step=any value=60 required> seconds</label>\
         <button>Advance</button></form><form method=post action=/_emulator/do/clock>",
    );
    filters.return_field(html);
    html.push_str("<label>Clock <select name=mode>");
    let mode = runtime.clock.mode().to_string();
    if !MODES.contains(&mode.as_str()) {
        html::options(html, [mode.as_str()], &mode);
    }
    html::options(html, MODES, &mode);
    html.push_str("</select></label><button>Set clock</button></form></div>");
}

pub(super) fn fault_forms(_: &Runtime, filters: &Filters, html: &mut String) {
    html.push_str("<div class=forms><form method=post action=/_emulator/do/fault>");
    filters.return_field(html);
    html.push_str(
        "<label>Fault <input class=wide name=fault placeholder='tasks.create nth=1 status=503' required \
         aria-describedby=fault-help></label><button>Add fault</button>\
         <p id=fault-help class=help>An operation or <code>*</code>, then when (<code>nth=1</code>, <code>every=3</code>, \
         <code>probability=0.1</code>, <code>times=2</code>) and what (<code>status=503</code>, <code>drop</code>, \
         <code>lose_answer</code>, <code>duplicate</code>, <code>delay_ms=500</code>, <code>stuck_in=queued</code>).</p></form>\
         <form method=post action=/_emulator/do/clear-faults>",
    );
    filters.return_field(html);
    html.push_str("<button>Clear all faults</button></form></div>");
}

pub(super) fn faults(runtime: &Runtime, filters: &Filters, html: &mut String) {
    let platform = runtime.platform();
    let (plan, struck) = platform.faults();
    if plan.faults.is_empty() {
        return html::empty(html, "No faults.");
    }
    html::open_table(html, "Faults", &["Fault", "Injected", "Change"]);
    for (position, (fault, struck)) in plan.faults.iter().zip(struck).enumerate() {
        let text = serde_json::to_string(fault).unwrap_or_default();
        _ = write!(
            html,
            "<tr><td class=request><code>{0}</code><td>{struck} times<td><form method=post action=/_emulator/do/remove-fault>\
             <input type=hidden name=fault value=\"{0}\">",
            Escaped(text)
        );
        filters.return_field(html);
        let number = position + 1;
        _ = write!(
            html,
            "<button id=remove-{number} aria-label='Remove fault {number}'>Remove</button></form>"
        );
    }
    html::close_table(html);
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
