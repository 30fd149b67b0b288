//! The webhooks on the page: who is told of ended tasks, and what became of each event.

use std::{fmt::Write as _, sync::Arc};

use axum::{Form, Router, extract::State, response::Redirect, routing::post};
use serde::Deserialize;

use super::{
    MOST,
    html::{self, Plain},
    shown::{Shown, back_to},
};
use crate::server::{
    Shell,
    deliver::{Address, check_secret},
};

pub(super) fn router() -> Router<Arc<Shell>> {
    Router::new()
        .route("/do/webhook", post(add))
        .route("/do/remove-webhook", post(remove))
}

pub(super) fn form(_: &Shell, shown: &Shown, html: &mut String) {
    html.push_str("<div class=forms><form method=post action=/_emulator/do/webhook>");
    shown.way_back(html);
    html.push_str(
        "<label>Address <input class=wide name=url type=url placeholder='http://127.0.0.1:9000/hook' required></label>\
         <label>Secret <input name=secret placeholder='whsec_…' autocomplete=off required></label>\
         <button>Add webhook</button></form></div>",
    );
}

pub(super) fn tables(shell: &Shell, shown: &Shown, html: &mut String) {
    let deliveries = shell.deliveries.all();
    let platform = shell.platform();
    let mut registered = platform.webhooks().peekable();
    if registered.peek().is_none() {
        html::none(html, "No webhooks.");
    } else {
        html::open_table(html, "Webhooks", &["Address", "Change"]);
        for (id, url) in registered {
            _ = write!(
                html,
                "<tr><td class=request><code>{0}</code><td><form method=post action=/_emulator/do/remove-webhook>\
                 <input type=hidden name=id value=\"{1}\">",
                Plain(url),
                Plain(id)
            );
            shown.way_back(html);
            _ = write!(
                html,
                "<button id=remove-{0} aria-label='Remove the webhook {1}'>Remove</button></form>",
                Plain(id),
                Plain(url)
            );
        }
        html::close_table(html);
    }
    if deliveries.is_empty() {
        return;
    }
    html::open_table(
        html,
        "Deliveries",
        &[
            "Status",
            "Event",
            "Address",
            "Attempts",
            "Last answer",
            "Id",
        ],
    );
    for delivery in deliveries.iter().rev().take(MOST as usize) {
        _ = write!(
            html,
            "<tr><td>{}<td>{}<td class=request><code>{}</code><td>{}<td>{}<td><code>{}</code>",
            html::state(delivery.status()),
            Plain(&delivery.kind),
            Plain(&delivery.url),
            delivery.attempts,
            Plain(delivery.last_error.as_deref().unwrap_or_default()),
            Plain(&delivery.event)
        );
    }
    html::close_table(html);
    if deliveries.len() > MOST as usize {
        _ = write!(
            html,
            "<p class=count>{MOST} of {} deliveries</p>",
            deliveries.len()
        );
    }
}

#[derive(Debug, Deserialize)]
struct NewWebhook {
    url: String,
    secret: String,
    #[serde(default)]
    back: String,
}

async fn add(State(shell): State<Arc<Shell>>, Form(form): Form<NewWebhook>) -> Redirect {
    let told = Address::try_from(form.url).and_then(|Address(url)| {
        check_secret(&form.secret)?;
        let registered = shell.register_webhook(&url, &form.secret);
        registered.map_err(|error| error.to_string())
    });
    back_to("webhooks", &form.back, told.err().as_deref())
}

#[derive(Debug, Deserialize)]
struct NamedWebhook {
    id: String,
    #[serde(default)]
    back: String,
}

async fn remove(State(shell): State<Arc<Shell>>, Form(form): Form<NamedWebhook>) -> Redirect {
    let removed = shell.change(|platform, _| (platform.remove_webhook(&form.id), Vec::new()));
    let told = match removed {
        Ok(true) => None,
        Ok(false) => Some("That webhook is gone already.".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    back_to("webhooks", &form.back, told.as_deref())
}
