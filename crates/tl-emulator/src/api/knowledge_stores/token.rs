//! Page tokens of searches of a knowledge store: the search, the position and the expiry in one
//! text with a checksum.

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::StoreSearch;
use tl_protocol::rng::Rng;

use crate::core::{Env, Refusal, lifecycle::after};

/// How long a token is valid. The lifetime is not documented; that of `/search` is 15 minutes.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// The code of an expired token. Only the status 410 is documented.
const EXPIRED: &str = "page_token_expired";

/// What a token refers to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PageToken {
    pub(super) store: String,
    pub(super) search: StoreSearch,
    /// The number of results on earlier pages.
    pub(super) offset: usize,
    expires_at: Timestamp,
}

impl PageToken {
    /// The token of the page that begins at `offset`.
    pub(super) fn new(store: &str, search: &StoreSearch, offset: usize, env: &Env<'_>) -> Self {
        Self {
            store: store.to_owned(),
            search: search.clone(),
            offset,
            expires_at: after(env.now, LIFETIME),
        }
    }

    pub(super) fn encode(&self, env: &Env<'_>) -> String {
        let json = serde_json::to_vec(self).expect("a token is plain data with string keys");
        let mut text = format!("{:016x}", checksum(env.settings.seed, &json));
        for byte in json {
            _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Reads a token of a search of `store`.
    pub(super) fn decode(text: &str, store: &str, env: &Env<'_>) -> Result<Self, Refusal> {
        let invalid = || Refusal::invalid("page_token", "it is not a token of this search");
        let token = parse(text, env.settings.seed).ok_or_else(invalid)?;
        if token.store != store {
            return Err(invalid());
        }
        if token.expires_at <= env.now {
            return Err(Refusal::new(
                http::StatusCode::GONE,
                EXPIRED,
                "The page token has expired. Search again.",
            ));
        }
        Ok(token)
    }
}

fn parse(text: &str, seed: u64) -> Option<PageToken> {
    let (sum, hex) = text.split_at_checked(16)?;
    let sum = u64::from_str_radix(sum, 16).ok()?;
    let digits = hex.as_bytes().chunks(2);
    let json = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let json: Vec<u8> = json.collect::<Option<_>>()?;
    if checksum(seed, &json) != sum {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |sum, byte| {
        Rng::new(sum.wrapping_add(u64::from(*byte))).bits()
    })
}
