//! The webhooks and their deliveries.

use std::sync::Arc;

use axum::{Form, Router, extract::State, response::Redirect, routing::post};
use serde::Deserialize;

use super::{MAX_ROWS, filters::redirect_to, view::Status};
use crate::server::{
    Runtime,
    delivery::{WebhookUrl, check_secret},
};

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/do/webhook", post(add))
        .route("/do/remove-webhook", post(remove))
}

#[derive(Debug)]
pub(super) struct Webhooks {
    pub(super) registered: Vec<Webhook>,
    /// The newest deliveries, newest first.
    pub(super) deliveries: Vec<Delivery>,
    total: usize,
}

#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) url: String,
}

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) status: Status,
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) attempts: u32,
    pub(super) error: String,
    pub(super) event: String,
}

impl Webhooks {
    /// The number of all deliveries, if not all are shown.
    pub(super) fn all_deliveries(&self) -> Option<usize> {
        (self.total > self.deliveries.len()).then_some(self.total)
    }
}

pub(super) fn tables(runtime: &Runtime) -> Webhooks {
    let deliveries = runtime.deliveries.all();
    let newest = deliveries.iter().rev().take(MAX_ROWS as usize);
    let newest = newest.map(|delivery| Delivery {
        status: Status::new(delivery.status()),
        kind: delivery.kind.clone(),
        url: delivery.url.clone(),
        attempts: delivery.attempts,
        error: delivery.last_error.clone().unwrap_or_default(),
        event: delivery.event.clone(),
    });
    let platform = runtime.platform();
    let registered = platform.webhooks().map(|(id, url)| Webhook {
        id: id.to_owned(),
        url: url.to_owned(),
    });
    Webhooks {
        registered: registered.collect(),
        deliveries: newest.collect(),
        total: deliveries.len(),
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
