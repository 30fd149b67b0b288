//! Checks a video in an object store and indexes it, without a copy on disk. The API key comes from
//! the environment.
//!
//! `file:///clips/match.mp4` works as it is; `s3://bucket/match.mp4` with feature `aws` of the crate
//! `object_store`, and so on.
#![allow(clippy::print_stdout, reason = "the result is printed")]
#![allow(clippy::print_stderr, reason = "the progress is printed")]

use std::{env, error::Error, sync::Arc};

use tl_client::validate::header::HeaderReader;
use tl_client::{Checker, Client, source::ObjectSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, index_id] = arguments.as_slice() else {
        return Err("usage: object_store URL INDEX".into());
    };
    let (store, location) = object_store::parse_url(&url.parse()?)?;
    let source = ObjectSource::open(Arc::from(store), location)
        .await?
        .with_read_size(8 << 20);
    let checker = Checker::new(Arc::new(HeaderReader::new()));
    let video = Client::from_env()?
        .with_checker(checker)
        .ingest(source)
        .into_index(index_id.as_str())
        .observe(|event| eprintln!("{event}"))
        .run()
        .await?;
    println!("{}", video.video_id.ok_or("no video")?);
    Ok(())
}
