//! Reconciliation of a create whose response was lost: by name, size and time, or by a metadata
//! key.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use tl_protocol::{
    BlockingTransport, Body, BytesSource, Delivery, Exchange, Now, TransportError,
    TransportErrorKind,
    endpoint::{CreateAsset, Media},
    flow::{Create, Reconcile},
};
use tl_testkit::sim::{Planned, Sim, World};

use super::{at_once, base, short};

/// The metadata key that marks assets.
const KEY: &str = "made_by";

/// A platform that creates the asset and loses the first response. Others create assets too.
struct Platform {
    others: Vec<Value>,
    /// Fields omitted from lists.
    hidden: Vec<&'static str>,
    created: Option<String>,
}

impl Platform {
    fn asset(&self, now: Now) -> Option<Value> {
        let form = self.created.as_ref()?;
        let mark = form
            .split(&format!("\"{KEY}\":\""))
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        Some(
            json!({"_id": "ours", "method": "direct", "status": "ready", "filename": "match.mp4", "size": 5,
                    "created_at": at(now), "user_metadata": {KEY: mark}}),
        )
    }
}

fn at(now: Now) -> String {
    jiff::Timestamp::try_from(now.wall)
        .expect("a time of this age")
        .to_string()
}

impl World for Platform {
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned {
        let outcome = if exchange.http.method() == Method::POST && self.created.is_none() {
            self.created = Some(text(exchange.http.body()));
            Err(TransportError::new(
                TransportErrorKind::Lost,
                Delivery::Unknown,
            ))
        } else {
            let mut assets: Vec<Value> = self.asset(now).into_iter().collect();
            for other in &self.others {
                let mut other = other.clone();
                if other["created_at"].is_null() {
                    other["created_at"] = at(now).into();
                }
                assets.push(other);
            }
            for asset in &mut assets {
                for name in &self.hidden {
                    asset.as_object_mut().expect("an asset").remove(*name);
                }
            }
            let body = json!({"data": assets, "page_info": {"total_page": 1}}).to_string();
            Ok(Response::builder()
                .status(200)
                .body(Bytes::from(body))
                .expect("an answer"))
        };
        Planned::new(Duration::from_millis(100), outcome)
    }
}

fn text(body: &Body) -> String {
    std::io::read_to_string(body.reader()).expect("a form of texts")
}

fn check(reconcile: &Reconcile, others: &[Value], hidden: &[&'static str], expected: &str) {
    let source = BytesSource::new("match.mp4", &b"media"[..]);
    let create = CreateAsset::new(Media::File(Arc::new(source)));
    let sim = Sim::new(Platform {
        others: others.to_vec(),
        hidden: hidden.to_vec(),
        created: None,
    });
    let seen = match sim.run_now(Create::new(
        create,
        &base(),
        at_once(),
        reconcile.clone(),
        1,
    )) {
        Ok(made) => made.response.id.to_string(),
        Err(error) => short(&error),
    };
    assert_eq!(
        seen, expected,
        "{reconcile:?} {others:?} without {hidden:?}"
    );
}

fn other(size: u64, metadata: &Value) -> Value {
    json!({"_id": "other", "method": "direct", "status": "ready", "filename": "match.mp4", "size": size, "user_metadata": metadata})
}

#[test]
fn final_size_distinguishes_files_of_one_name() {
    check(&Reconcile::ByNameAndTime, &[], &[], "ours");
    check(
        &Reconcile::ByNameAndTime,
        &[other(6, &json!({}))],
        &[],
        "ours",
    );
    check(
        &Reconcile::ByNameAndTime,
        &[other(5, &json!({}))],
        &[],
        "OutcomeUnknown",
    );
    check(
        &Reconcile::ByNameAndTime,
        &[other(6, &json!({}))],
        &["status"],
        "OutcomeUnknown",
    );
    check(&Reconcile::Never, &[], &[], "OutcomeUnknown");
}

#[test]
fn metadata_key_distinguishes_equal_assets() {
    let mark = || Reconcile::ByMetadataKey(KEY.to_owned());
    check(&mark(), &[], &[], "ours");
    check(&mark(), &[other(5, &json!({}))], &[], "ours");
    check(&mark(), &[other(5, &json!({KEY: "another"}))], &[], "ours");
    // A list without metadata says nothing about the mark.
    check(&mark(), &[], &["user_metadata"], "ours");
    check(
        &mark(),
        &[other(5, &json!({}))],
        &["user_metadata"],
        "OutcomeUnknown",
    );
}

#[test]
fn older_resources_are_not_candidates() {
    let older = |created_at: &str| {
        let mut other = other(5, &json!({}));
        other["created_at"] = created_at.into();
        other
    };
    check(
        &Reconcile::ByNameAndTime,
        &[older("2020-01-01T00:00:00Z")],
        &[],
        "ours",
    );
    // A resource without a time may be the one.
    check(
        &Reconcile::ByNameAndTime,
        &[older("soon")],
        &[],
        "OutcomeUnknown",
    );
}
