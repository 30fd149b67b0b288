//! Streamed answers, pages of a search and embeddings, rendered once.

use std::{
    io::{self, Write},
    sync::LazyLock,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Events of a block. A stream is a whole number of blocks.
const BLOCK: u64 = 1000;

/// How long a stream stays open after its only event.
const PAUSE: Duration = Duration::from_millis(50);

/// The results of a page: the platform's maximum.
const HITS: u32 = 50;

/// Rows and columns of the embeddings: three hours of video in segments of 6 seconds.
const ROWS: usize = 1800;
const DIMENSION: usize = 512;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                    transfer-encoding: chunked\r\n\r\n";

const END: &str = r#"{"event_type":"stream_end","finish_reason":"stop","metadata":{"usage":{"output_tokens":100}}}"#;

/// An event as the platform sends it: one line in one chunk.
fn chunk(event: &str) -> String {
    format!("{:x}\r\n{event}\n\r\n", event.len() + 1)
}

fn text(text: &str) -> String {
    chunk(&format!(
        r#"{{"event_type":"text_generation","text":"{text}"}}"#
    ))
}

/// A block of events.
static EVENTS: LazyLock<String> =
    LazyLock::new(|| text("light-hearted moments of cats ").repeat(BLOCK as usize));

/// Responds to an analysis. The prompt is the number of events; `first` asks for a single one, with
/// the time at which the response began, in microseconds.
pub(super) fn stream(stream: &mut impl Write, body: &[u8]) -> io::Result<()> {
    let body: serde_json::Value = serde_json::from_slice(body)?;
    let prompt = body["prompt"].as_str().unwrap_or_default();
    if prompt == "first" {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(io::Error::other)?;
        let event = text(&now.as_micros().to_string());
        stream.write_all(format!("{HEAD}{event}").as_bytes())?;
        stream.flush()?;
        thread::sleep(PAUSE);
    } else {
        let count: u64 = prompt.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        stream.write_all(HEAD.as_bytes())?;
        for _ in 0..count / BLOCK {
            stream.write_all(EVENTS.as_bytes())?;
        }
    }
    stream.write_all(format!("{}0\r\n\r\n", chunk(END)).as_bytes())?;
    stream.flush()
}

/// A page of a search, as the platform describes it.
pub(super) fn page() -> &'static str {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let hit = |rank: u32| {
            let start = f64::from(rank) * 7.25;
            serde_json::json!({
                "start": start,
                "end": start + 4.5,
                "video_id": format!("6639ce30f6b0d4e6a0d0{rank:04x}"),
                "rank": rank,
                "thumbnail_url": format!("https://deuqpmn4rs7j5.cloudfront.net/{rank}/thumbnail.jpeg?Expires=1790000000&Signature=abcdef"),
                "transcription": "And there is the goal, in the rain, in the last minute of the match.",
                "user_metadata": { "sport": "soccer", "round": 3, "final": true }
            })
        };
        serde_json::json!({
            "search_pool": { "index_id": "6639ce30f6b0d4e6a0d01234", "total_count": 120, "total_duration": 7200 },
            "data": (1..=HITS).map(hit).collect::<Vec<_>>(),
            "page_info": { "limit_per_page": HITS, "total_results": HITS, "page_expires_at": "2026-11-29T05:00:00Z" }
        })
        .to_string()
    });
    &PAGE
}

/// An embedding task that is ready: 1,800 rows of 512 numbers, as the platform sends them.
pub(super) fn embeddings() -> &'static str {
    static TASK: LazyLock<String> = LazyLock::new(|| {
        let mut seed = 1_u64;
        let mut number = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sign = if seed >> 63 == 0 { "" } else { "-" };
            // Of the size of the numbers of a unit vector.
            format!("{sign}0.0{:017}", seed % 100_000_000_000_000_000)
        };
        let mut row = |row: usize| {
            let numbers: Vec<String> = (0..DIMENSION).map(|_| number()).collect();
            let (start, end) = (row * 6, row * 6 + 6);
            format!(
                r#"{{"embedding_option":"visual","embedding_scope":"clip","start_sec":{start},"end_sec":{end},"embedding":[{}]}}"#,
                numbers.join(",")
            )
        };
        let rows: Vec<String> = (0..ROWS).map(&mut row).collect();
        format!(
            r#"{{"_id":"6298d673f1090f1100476d4d","status":"ready","created_at":"2026-01-01T00:00:00Z","data":[{}]}}"#,
            rows.join(",")
        )
    });
    &TASK
}
