//! Tests of an application against the embedded emulator: what the platform has afterwards, and
//! that a lost response does not create an asset twice. `cargo test --example emulator_in_tests`.
#![allow(clippy::print_stdout, reason = "the application prints its result")]

use tl_client::{Client, Error};

/// The application: publishes a video and returns the id of its asset.
async fn publish(client: &Client, name: &str, video: Vec<u8>) -> Result<String, Error> {
    let upload = client.upload((name, video)).skip_check();
    Ok(upload.await?.asset_id.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: publish FILE")?;
    let video = std::fs::read(&file)?;
    println!("{}", publish(&Client::from_env()?, &file, video).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tl_client::{Config, validate::header::HeaderReader};
    use tl_emulator::{Emulator, FaultPlan};

    #[tokio::test]
    async fn a_lost_response_does_not_publish_twice() {
        let mut plan = FaultPlan::default();
        plan.faults = vec!["assets.create nth=1 lose_answer".parse().unwrap()];
        let prober = Arc::new(HeaderReader::new());
        let builder = Emulator::builder().prober(prober).faults(plan).unwrap();
        let emulator = builder.start().await.unwrap();
        let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).unwrap();
        let client = super::Client::new(&config).unwrap();
        let clip = "-f lavfi -i testsrc=size=640x360:rate=25:duration=5 -c:v libx264";
        let folder = tempfile::tempdir().unwrap();
        let clip = tl_corpus::clip(folder.path(), "publish.mp4", clip).unwrap();
        let video = std::fs::read(clip).unwrap();

        let id = super::publish(&client, "final.mp4", video).await.unwrap();

        let assets = client.assets().list(Default::default()).await.unwrap();
        assert_eq!(assets.data.len(), 1, "{assets:?}");
        assert_eq!(assets.data[0].id.as_str(), id);
    }
}
