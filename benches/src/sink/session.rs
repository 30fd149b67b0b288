//! Upload sessions of the API, with a storage that keeps nothing: create, sign, report, state.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::Read,
    sync::{Mutex, PoisonError},
};

use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::http::Reply;
use crate::{Failure, format::format_hex};

/// URLs in the response to a create, and the most that one request may ask for.
const BATCH: u32 = 50;

/// The MD5 of each chunk of a file, in hexadecimal.
pub(super) fn etags(path: &str, chunk: u64) -> Result<Vec<String>, Failure> {
    let mut file = File::open(path)?;
    let mut etags = Vec::new();
    loop {
        let mut bytes = Vec::new();
        file.by_ref().take(chunk).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(etags);
        }
        etags.push(format_hex(&Md5::digest(&bytes)));
    }
}

/// All sessions of this sink.
pub(super) struct Sessions {
    chunk_size: u64,
    /// ETags of the chunks. Chunks beyond the list get an ETag that is no MD5.
    etags: Vec<String>,
    by_id: Mutex<HashMap<String, Session>>,
}

#[derive(Debug, Default)]
struct Session {
    total: u32,
    reported: BTreeSet<u32>,
}

impl Sessions {
    pub(super) fn new(chunk_size: u64, etags: Vec<String>) -> Self {
        Self {
            chunk_size,
            etags,
            by_id: Mutex::default(),
        }
    }

    /// A chunk was stored: `/storage/SESSION/INDEX`.
    pub(super) fn chunk(&self, path: &str) -> Reply {
        let index: Option<usize> = path.rsplit('/').next().and_then(|last| last.parse().ok());
        let Some(index) = index.filter(|index| *index > 0) else {
            return Reply::json("404 Not Found", "");
        };
        let etag = self
            .etags
            .get(index - 1)
            .cloned()
            .unwrap_or_else(|| format!("opaque-{index}"));
        Reply {
            etag: Some(etag),
            ..Reply::json("200 OK", "")
        }
    }

    /// A request to `/v1.3/assets/multipart-uploads` and below.
    pub(super) fn answer(&self, method: &str, path: &str, body: &[u8], origin: &str) -> Reply {
        let path = path.split('?').next().unwrap_or_default();
        let Some(rest) = path.strip_prefix("/v1.3/assets/multipart-uploads") else {
            return Reply::json("404 Not Found", "{}");
        };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut words = rest.split('/').skip(1);
        match (method, words.next(), words.next()) {
            ("POST", None, None) => self.create(&body, origin),
            ("POST", Some(id), Some("presigned-urls")) => self.sign(id, &body, origin),
            ("POST", Some(id), None) => self.report(id, &body),
            ("GET", Some(id), None) => self.state(id),
            _ => Reply::json("404 Not Found", "{}"),
        }
    }

    fn create(&self, body: &Value, origin: &str) -> Reply {
        let size = body["total_size"].as_u64().unwrap_or(0);
        let Ok(total) = u32::try_from(size.div_ceil(self.chunk_size)) else {
            return Reply::json("400 Bad Request", "{}");
        };
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let id = format!("session-{}", by_id.len() + 1);
        let session = Session {
            total,
            ..Session::default()
        };
        by_id.insert(id.clone(), session);
        let answer = json!({
            "upload_id": id,
            "asset_id": format!("asset-of-{id}"),
            "upload_urls": urls(origin, &id, 1, total.min(BATCH)),
            "upload_headers": {},
            "chunk_size": self.chunk_size,
            "total_chunks": total,
        });
        Reply::json("201 Created", answer.to_string())
    }

    fn sign(&self, id: &str, body: &Value, origin: &str) -> Reply {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |name: &str| u32::try_from(body[name].as_u64().unwrap_or(0)).unwrap_or(0);
        let (start, count) = (number("start"), number("count"));
        match by_id.get(id) {
            Some(session) if start > 0 && (1..=BATCH).contains(&count) => {
                let last = (start + count - 1).min(session.total);
                let answer = json!({
                    "upload_id": id,
                    "start_index": start,
                    "count": count,
                    "upload_urls": urls(origin, id, start, last),
                });
                Reply::json("200 OK", answer.to_string())
            }
            _ => Reply::json("400 Bad Request", "{}"),
        }
    }

    fn report(&self, id: &str, body: &Value) -> Reply {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = by_id.get_mut(id) else {
            return Reply::json("404 Not Found", "{}");
        };
        let chunks = body["completed_chunks"].as_array();
        let indexes = chunks
            .into_iter()
            .flatten()
            .filter_map(|chunk| u32::try_from(chunk["chunk_index"].as_u64()?).ok());
        let before = session.reported.len();
        let mut count = 0;
        for index in indexes {
            session.reported.insert(index);
            count += 1;
        }
        let new = session.reported.len() - before;
        let mut answer = json!({
            "processed_chunks": new,
            "duplicate_chunks": count - new,
            "total_completed": session.reported.len(),
        });
        if session.reported.len() == session.total as usize {
            answer["url"] = json!("https://example.com/asset");
            answer["asset_id"] = json!(format!("asset-of-{id}"));
        }
        Reply::json("200 OK", answer.to_string())
    }

    fn state(&self, id: &str) -> Reply {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = by_id.get(id) else {
            return Reply::json("404 Not Found", "{}");
        };
        let is_complete = session.reported.len() == session.total as usize;
        let status = if is_complete { "completed" } else { "active" };
        let answer = json!({
            "upload_id": id,
            "status": status,
            "chunks_completed": session.reported.len(),
            "uploaded_chunks": [],
        });
        Reply::json("200 OK", answer.to_string())
    }
}

fn urls(origin: &str, id: &str, first: u32, last: u32) -> Vec<Value> {
    let url = |index: u32| json!({ "chunk_index": index, "url": format!("{origin}/storage/{id}/{index}") });
    (first..=last).map(url).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(sessions: &Sessions, path: &str, body: &str) -> (&'static str, Value) {
        let path = format!("/v1.3/assets/multipart-uploads{path}");
        let reply = sessions.answer("POST", &path, body.as_bytes(), "http://h");
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    #[test]
    fn a_session_completes_with_its_last_chunk() {
        let sessions = Sessions::new(5, vec!["aa".into()]);
        let (_, made) = post(&sessions, "", r#"{"total_size":6}"#);
        assert_eq!(made["total_chunks"], 2);
        assert_eq!(
            made["upload_urls"][1]["url"],
            "http://h/storage/session-1/2"
        );
        let (_, signed) = post(
            &sessions,
            "/session-1/presigned-urls",
            r#"{"start":2,"count":50}"#,
        );
        assert_eq!(signed["upload_urls"].as_array().unwrap().len(), 1);
        let report = |index| {
            let body = format!(r#"{{"completed_chunks":[{{"chunk_index":{index}}}]}}"#);
            post(&sessions, "/session-1", &body).1
        };
        assert!(report(2)["url"].is_null());
        assert_eq!(report(2)["duplicate_chunks"], 1);
        assert!(report(1)["url"].is_string());
        assert_eq!(post(&sessions, "/nobody", "{}").0, "404 Not Found");
    }

    #[test]
    fn the_storage_returns_the_given_md5s() {
        let sessions = Sessions::new(5, vec!["aa".into()]);
        let etag = |path| sessions.chunk(path).etag;
        assert_eq!(etag("/storage/s/1").as_deref(), Some("aa"));
        assert_eq!(etag("/storage/s/2").as_deref(), Some("opaque-2"));
        assert_eq!(etag("/storage/s/x"), None);
    }
}
