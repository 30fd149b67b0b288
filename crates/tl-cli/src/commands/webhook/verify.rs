//! `tl webhook verify`.

use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use tl_client::model::WebhookEvent;
use tl_client::protocol::webhook;

use super::event;
use super::secret::SecretArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;

/// Maximum length of a body, in bytes. Events of the platform have about 1 kB.
const MAX_BODY: u64 = 1 << 20;

/// `tl webhook verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// File with the raw request body; `-` reads standard input
    #[arg(value_name = "FILE")]
    body: String,
    /// The value of the header TL-Signature
    #[arg(long, value_name = "HEADER")]
    signature: String,
    #[command(flatten)]
    secret: SecretArgs,
    /// Maximum difference between the signature's time and the clock
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration, default_value = "5m")]
    tolerance: Duration,
    /// Compare with this Unix time instead of the clock, to verify a recorded request
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let secret = self.secret.read()?;
        let body = read(&self.body)?;
        let now = match self.at {
            Some(seconds) => UNIX_EPOCH
                .checked_add(Duration::from_secs(seconds))
                .ok_or_else(|| Failure::usage(format!("--at: `{seconds}` is not a time")))?,
            None => SystemTime::now(),
        };
        webhook::verify(&secret, &self.signature, &body, now, self.tolerance).map_err(|error| {
            Failure::new(Exit::RefusedLocally, "webhook_rejected", error.to_string()).hint(
                match error {
                    webhook::SignatureError::Expired { .. } => {
                        "check the clock; pass --at to verify a recorded request"
                    }
                    _ => "check the secret, and pass the raw body: a parsed and reformatted one has another signature",
                },
            )
        })?;
        let event: WebhookEvent = serde_json::from_slice(&body).map_err(|error| {
            Failure::new(
                Exit::Refused,
                "malformed",
                "the signature is valid, but the body is not a webhook event",
            )
            .with_source(&error)
        })?;
        context.output.json(&event);
        context.output.line(&event::line(&event));
        Ok(Exit::Ok)
    }
}

fn read(name: &str) -> Result<Vec<u8>, Failure> {
    let unable =
        |error: std::io::Error| Failure::usage(format!("cannot read {name}")).with_source(&error);
    let input: Box<dyn Read> = match name {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(std::fs::File::open(path).map_err(unable)?),
    };
    let mut body = Vec::new();
    input
        .take(MAX_BODY + 1)
        .read_to_end(&mut body)
        .map_err(unable)?;
    if body.len() as u64 > MAX_BODY {
        return Err(Failure::usage(format!(
            "{name} is not a webhook body: it is larger than 1 MiB"
        )));
    }
    Ok(body)
}
