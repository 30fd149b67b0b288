//! The switches on the page: the clock and the faults, with the forms that move them.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{Form, Router, extract::State, response::Redirect, routing::post};
use serde::Deserialize;

use super::{
    html::{self, Plain},
    shown::{Shown, back_to},
};
use crate::{
    platform::{Fault, FaultPlan, printed},
    server::{ClockMode, Shell},
};

/// The modes that the page offers; any other can be set by the interface for programs.
const MODES: [&str; 5] = ["real", "x10", "x60", "x3600", "manual"];

pub(super) fn router() -> Router<Arc<Shell>> {
    Router::new()
        .route("/do/advance", post(advance))
        .route("/do/clock", post(set_mode))
        .route("/do/fault", post(add))
        .route("/do/remove-fault", post(remove))
        .route("/do/clear-faults", post(clear))
}

pub(super) fn time(shell: &Shell, _: &Shown, html: &mut String) {
    let now = printed(shell.clock.now());
    let mode = shell.clock.mode();
    _ = write!(
        html,
        "<p class=now>It is <strong>{}</strong> UTC. The clock is <strong>{}</strong>.</p>",
        html::moment(&now),
        Plain(mode)
    );
}

pub(super) fn clock_forms(shell: &Shell, shown: &Shown, html: &mut String) {
    html.push_str("<div class=forms><form method=post action=/_emulator/do/advance>");
    shown.way_back(html);
    html.push_str(
        "<label>Advance by <input name=seconds type=number min=0 step=any value=60 required> seconds</label>\
         <button>Advance</button></form><form method=post action=/_emulator/do/clock>",
    );
    shown.way_back(html);
    html.push_str("<label>Clock <select name=mode>");
    let mode = shell.clock.mode().to_string();
    if !MODES.contains(&mode.as_str()) {
        html::options(html, [mode.as_str()], &mode);
    }
    html::options(html, MODES, &mode);
    html.push_str("</select></label><button>Set clock</button></form></div>");
}

pub(super) fn fault_forms(_: &Shell, shown: &Shown, html: &mut String) {
    html.push_str("<div class=forms><form method=post action=/_emulator/do/fault>");
    shown.way_back(html);
    html.push_str(
        "<label>Fault <input class=wide name=fault placeholder='tasks.create nth=1 status=503' required \
         aria-describedby=fault-help></label><button>Add fault</button>\
         <p id=fault-help class=help>An operation or <code>*</code>, then when (<code>nth=1</code>, <code>every=3</code>, \
         <code>probability=0.1</code>, <code>times=2</code>) and what (<code>status=503</code>, <code>drop</code>, \
         <code>lose_answer</code>, <code>duplicate</code>, <code>delay_ms=500</code>, <code>stuck_in=queued</code>).</p></form>\
         <form method=post action=/_emulator/do/clear-faults>",
    );
    shown.way_back(html);
    html.push_str("<button>Clear all faults</button></form></div>");
}

pub(super) fn faults(shell: &Shell, shown: &Shown, html: &mut String) {
    let platform = shell.platform();
    let (plan, struck) = platform.faults();
    if plan.faults.is_empty() {
        return html::none(html, "No faults.");
    }
    html::open_table(html, "Faults", &["Fault", "Struck", "Change"]);
    for (place, (fault, struck)) in plan.faults.iter().zip(struck).enumerate() {
        let text = serde_json::to_string(fault).unwrap_or_default();
        _ = write!(
            html,
            "<tr><td class=request><code>{0}</code><td>{struck} times<td><form method=post action=/_emulator/do/remove-fault>\
             <input type=hidden name=fault value=\"{0}\">",
            Plain(text)
        );
        shown.way_back(html);
        let number = place + 1;
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

async fn advance(State(shell): State<Arc<Shell>>, Form(form): Form<Advance>) -> Redirect {
    match Duration::try_from_secs_f64(form.seconds) {
        Ok(by) => {
            shell.advance(by);
            back_to("clock", &form.back, None)
        }
        Err(error) => {
            let told = format!(
                "The clock cannot be advanced by {} seconds: {error}.",
                form.seconds
            );
            back_to("clock", &form.back, Some(&told))
        }
    }
}

#[derive(Debug, Deserialize)]
struct Mode {
    mode: String,
    #[serde(default)]
    back: String,
}

async fn set_mode(State(shell): State<Arc<Shell>>, Form(form): Form<Mode>) -> Redirect {
    match form.mode.parse::<ClockMode>() {
        Ok(mode) => {
            shell.clock.set_mode(mode);
            back_to("clock", &form.back, None)
        }
        Err(error) => back_to("clock", &form.back, Some(&error)),
    }
}

#[derive(Debug, Deserialize)]
struct NamedFault {
    fault: String,
    #[serde(default)]
    back: String,
}

async fn add(State(shell): State<Arc<Shell>>, Form(form): Form<NamedFault>) -> Redirect {
    let fault = match form.fault.parse::<Fault>() {
        Ok(fault) => fault,
        Err(error) => return back_to("faults", &form.back, Some(&error.to_string())),
    };
    let mut platform = shell.platform();
    let mut plan = platform.faults().0.clone();
    plan.faults.push(fault);
    let told = platform.set_faults(plan).err();
    back_to(
        "faults",
        &form.back,
        told.map(|error| error.to_string()).as_deref(),
    )
}

/// Removes the fault that is as the form says: places may have changed since the page was made.
async fn remove(State(shell): State<Arc<Shell>>, Form(form): Form<NamedFault>) -> Redirect {
    let mut platform = shell.platform();
    let mut plan = platform.faults().0.clone();
    let is_it = |fault: &Fault| serde_json::to_string(fault).is_ok_and(|text| text == form.fault);
    let Some(place) = plan.faults.iter().position(is_it) else {
        return back_to("faults", &form.back, Some("That fault is gone already."));
    };
    plan.faults.remove(place);
    let told = platform.set_faults(plan).err();
    back_to(
        "faults",
        &form.back,
        told.map(|error| error.to_string()).as_deref(),
    )
}

#[derive(Debug, Deserialize)]
struct Way {
    #[serde(default)]
    back: String,
}

async fn clear(State(shell): State<Arc<Shell>>, Form(form): Form<Way>) -> Redirect {
    let told = shell.set_faults(FaultPlan::default()).err();
    back_to(
        "faults",
        &form.back,
        told.map(|error| error.to_string()).as_deref(),
    )
}
