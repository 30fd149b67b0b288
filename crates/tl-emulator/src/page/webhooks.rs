//! The webhooks and their deliveries.

use std::{fmt::Write as _, sync::Arc};

use axum::{Form, Router, extract::State, response::Redirect, routing::post};
use serde::Deserialize;

use super::{
    MAX_ROWS,
    filters::{Filters, redirect_to},
    html::{self, Escaped},
};
use crate::server::{
    Runtime,
    delivery::{WebhookUrl, check_secret},
};

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/do/webhook", post(add))
        .route("/do/remove-webhook", post(remove))
}

pub(super) fn form(_: &Runtime, filters: &Filters, html: &mut String) {
    html.push_str("<div class=forms><form method=post action=/_emulator/do/webhook>");
    filters.return_field(html);
    html.push_str(
        "<label>Address <input class=wide name=url type=url placeholder='http://127.0.0.1:9000/hook' required></label>\
         <label>Secret <input name=secret placeholder='whsec_…' autocomplete=off required></label>\
         <button>Add webhook</button></form></div>",
    );
}

pub(super) fn tables(runtime: &Runtime, filters: &Filters, html: &mut String) {
    let deliveries = runtime.deliveries.all();
    let platform = runtime.platform();
    let mut registered = platform.webhooks().peekable();
    if registered.peek().is_none() {
        html::empty(html, "No webhooks.");
    } else {
        html::open_table(html, "Webhooks", &["Address", "Change"]);
        for (id, url) in registered {
            _ = write!(
                html,
                "<tr><td class=request><code>{0}</code><td><form method=post action=/_emulator/do/remove-webhook>\
                 <input type=hidden name=id value=\"{1}\">",
                Escaped(url),
                Escaped(id)
            );
            filters.return_field(html);
            _ = write!(
                html,
                "<button id=remove-{0} aria-label='Remove the webhook {1}'>Remove</button></form>",
                Escaped(id),
                Escaped(url)
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
        &["Status", "Event", "Address", "Attempts", "Last error", "ID"],
    );
    for delivery in deliveries.iter().rev().take(MAX_ROWS as usize) {
        _ = write!(
            html,
            "<tr><td>{}<td>{}<td class=request><code>{}</code><td>{}<td>{}<td><code>{}</code>",
            html::status(delivery.status()),
            Escaped(&delivery.kind),
            Escaped(&delivery.url),
            delivery.attempts,
            Escaped(delivery.last_error.as_deref().unwrap_or_default()),
            Escaped(&delivery.event)
        );
    }
    html::close_table(html);
    if deliveries.len() > MAX_ROWS as usize {
        _ = write!(
            html,
            "<p class=count>{MAX_ROWS} of {} deliveries</p>",
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

async fn add(State(runtime): State<Arc<Runtime>>, Form(form): Form<NewWebhook>) -> Redirect {
    let error = WebhookUrl::try_from(form.url).and_then(|WebhookUrl(url)| {
        check_secret(&form.secret)?;
        let registered = runtime.register_webhook(&url, &form.secret);
        registered.map_err(|error| error.to_string())
    });
    redirect_to("webhooks", &form.back, error.err().as_deref())
}

#[derive(Debug, Deserialize)]
struct NamedWebhook {
    id: String,
    #[serde(default)]
    back: String,
}

async fn remove(State(runtime): State<Arc<Runtime>>, Form(form): Form<NamedWebhook>) -> Redirect {
    let removed = runtime.update(|platform, _| (platform.remove_webhook(&form.id), Vec::new()));
    let error = match removed {
        Ok(true) => None,
        Ok(false) => Some("The webhook was already removed.".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    redirect_to("webhooks", &form.back, error.as_deref())
}
