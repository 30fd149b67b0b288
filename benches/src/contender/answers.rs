//! The clients of the project on answers: streamed events, the first event, pages of a search,
//! embeddings.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tl_client::{
    Client, blocking,
    model::{AnalyzeRequest, AnalyzeVideo, EmbeddingTask, Embeddings, SearchOption, SearchPage},
    protocol::endpoint::{GetEmbeddingTask, Search, StreamAnalysis},
};

use super::product::{config, runtime};
use crate::{Failure, arguments::Arguments, measure::measured};

/// The events of a stream; all of them must be received.
pub(super) fn async_events(arguments: &Arguments) -> Result<Value, Failure> {
    let client = Client::new(&config(arguments)?)?;
    let (count, request) = events(arguments)?;
    let runtime = runtime()?;
    measured(|| {
        let received = runtime.block_on(async {
            let mut stream = client.stream(&request);
            let mut received = 0;
            while let Some(event) = stream.next().await {
                received += u64::from(event?.text.is_some());
            }
            Ok::<_, Failure>(received)
        })?;
        whole(received, count)
    })
}

pub(super) fn blocking_events(arguments: &Arguments) -> Result<Value, Failure> {
    let client = blocking::Client::new(&config(arguments)?)?;
    let (count, request) = events(arguments)?;
    measured(|| {
        let mut received = 0;
        for event in client.stream(&request) {
            received += u64::from(event?.text.is_some());
        }
        whole(received, count)
    })
}

/// The time from the first byte that the sink wrote until the caller has the event.
pub(super) fn async_first(arguments: &Arguments) -> Result<Value, Failure> {
    let client = Client::new(&config(arguments)?)?;
    let text = runtime()?.block_on(async {
        let video = video();
        let mut stream = client.analyze(video).prompt("first").stream()?;
        let text = stream.next().await.ok_or("no event was received")??;
        Ok::<_, Failure>((text, now()?))
    })?;
    first(&text)
}

pub(super) fn blocking_first(arguments: &Arguments) -> Result<Value, Failure> {
    let client = blocking::Client::new(&config(arguments)?)?;
    let mut stream = client.analyze(video()).prompt("first").stream()?;
    let text = stream.next().ok_or("no event was received")??;
    first(&(text, now()?))
}

pub(super) fn async_searches(arguments: &Arguments) -> Result<Value, Failure> {
    let client = Client::new(&config(arguments)?)?;
    let count: u32 = arguments.number("count")?;
    let runtime = runtime()?;
    measured(|| {
        runtime.block_on(async {
            for _ in 0..count {
                full(&client.searches().create(search()).await?)?;
            }
            Ok(())
        })
    })
}

pub(super) fn blocking_searches(arguments: &Arguments) -> Result<Value, Failure> {
    let client = blocking::Client::new(&config(arguments)?)?;
    let count: u32 = arguments.number("count")?;
    measured(|| {
        for _ in 0..count {
            full(&client.searches().create(search())?)?;
        }
        Ok(())
    })
}

pub(super) fn async_embeddings(arguments: &Arguments) -> Result<Value, Failure> {
    let client = Client::new(&config(arguments)?)?;
    let count: usize = arguments.number("count")?;
    let runtime = runtime()?;
    measured(|| rows(&runtime.block_on(client.call(embeddings()))?, count))
}

pub(super) fn blocking_embeddings(arguments: &Arguments) -> Result<Value, Failure> {
    let client = blocking::Client::new(&config(arguments)?)?;
    let count: usize = arguments.number("count")?;
    measured(|| rows(&client.call(embeddings())?, count))
}

fn embeddings() -> GetEmbeddingTask {
    GetEmbeddingTask::new("6298d673f1090f1100476d4d")
}

fn rows(task: &EmbeddingTask, count: usize) -> Result<(), Failure> {
    let rows = task.data.as_ref().map_or(0, Embeddings::len);
    if rows == count {
        return Ok(());
    }
    Err(format!("{rows} of {count} rows were decoded").into())
}

fn video() -> AnalyzeVideo {
    AnalyzeVideo::Url("https://example.com/a.mp4".into())
}

fn events(arguments: &Arguments) -> Result<(u64, StreamAnalysis), Failure> {
    let count: u64 = arguments.number("count")?;
    let mut request = AnalyzeRequest::default();
    request.video = Some(video());
    request.prompt = Some(count.to_string());
    Ok((count, StreamAnalysis::new(request)))
}

fn search() -> Search {
    let mut search = Search::new("6639ce30f6b0d4e6a0d01234", [SearchOption::Visual]);
    search.query_text = Some("goal in the rain".into());
    search.page_limit = Some(50);
    search
}

fn whole(received: u64, count: u64) -> Result<(), Failure> {
    if received == count {
        return Ok(());
    }
    Err(format!("{received} of {count} events were received").into())
}

fn full(page: &SearchPage) -> Result<(), Failure> {
    if page.data.len() == 50 {
        return Ok(());
    }
    Err(format!("{} of 50 results were decoded", page.data.len()).into())
}

fn now() -> Result<u128, Failure> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())
}

fn first((text, received): &(String, u128)) -> Result<Value, Failure> {
    let micros = received.saturating_sub(text.parse()?);
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a short run")]
    let seconds = micros as f64 / 1e6;
    Ok(json!({ "wall": seconds }))
}
