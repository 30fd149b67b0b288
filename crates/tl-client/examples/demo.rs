//! Ingestion with the embedded emulator: two clips are refused before any byte is sent, one is
//! uploaded by the async and the blocking client and by URL. Exits with an error if a step does not
//! behave as expected. `cargo xtask demo` creates the clips and runs it.

#![allow(clippy::print_stdout, reason = "the demo prints to stdout")]

use std::{
    error::Error,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tl_client::{
    Client, Config, Event, Ingested, Input, blocking,
    model::{IndexId, IndexModel, ModelOption, NewIndex},
    protocol::{
        endpoint::{GetVideo, ListIndexedAssets},
        flow::WaitPolicy,
    },
    validate::worker::{ProbePool, WorkerOptions},
};
use tl_emulator::{Emulator, Schedule};

type StepResult<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> StepResult<()> {
    let clips = clips_folder()?;
    let data = tempfile::tempdir()?;
    let emulator = Emulator::builder()
        .prober(Arc::new(ProbePool::new(WorkerOptions::default())?))
        .schedule(Schedule::FAST)
        .data_dir(data.path())
        .allow_private_urls(true)
        .start()
        .await?;
    println!(
        "emulator at {}, data in {}",
        emulator.base_url(),
        data.path().display()
    );

    let config = Config::new(&emulator.api_key(), emulator.base_url().as_str())?;
    let client = Client::new(&config)?;
    let models = [IndexModel::new(
        "marengo3.0",
        ["visual", "audio"].map(ModelOption::from),
    )];
    let index_id = client
        .indexes()
        .create(NewIndex::new("demo", models))
        .await?
        .id;
    println!("index {index_id} created\n");

    println!("1. What the platform would refuse is refused here, and nothing is sent");
    let before = emulator.journal().len();
    for clip in ["small.mp4", "short.mp4"] {
        refuse(&client, &clips.join(clip), &index_id).await?;
    }
    let sent = emulator.journal().len() - before;
    if sent != 0 {
        return Err(format!(
            "{sent} requests reached the emulator for clips that should have been refused"
        )
        .into());
    }
    println!("   the emulator's journal: 0 requests for these two\n");

    println!("2. A good clip through the asynchronous client");
    let good = clips.join("good.mp4");
    let video = client
        .ingest(good.as_path())
        .into_index(index_id.as_str())
        .without_checkpoint()
        .wait(poll_often())
        .observe(print_event)
        .run()
        .await?;
    check_result(&client, &index_id, &video).await?;

    println!("3. The same clip through the blocking client");
    let (thread_config, thread_index) = (config.clone(), index_id.clone());
    let video = thread::spawn(move || -> StepResult<Ingested> {
        let client = blocking::Client::new(&thread_config)?;
        Ok(client
            .ingest(good)
            .into_index(thread_index)
            .without_checkpoint()
            .wait(poll_often())
            .observe(print_event)
            .run()?)
    })
    .join()
    .map_err(|_| "the blocking client panicked")??;
    check_result(&client, &index_id, &video).await?;

    println!("4. The same clip by URL, fetched by the emulator as the platform would");
    let url = serve(&clips.join("good.mp4"))?;
    println!("   {url}");
    let video = client
        .ingest(Input::parse(&url)?)
        .into_index(index_id.as_str())
        .without_checkpoint()
        .wait(poll_often())
        .observe(print_event)
        .run()
        .await?;
    check_result(&client, &index_id, &video).await?;

    println!("5. What the platform knows now");
    let mut videos = client.pages(ListIndexedAssets::new(index_id));
    let mut count = 0;
    while let Some(page) = videos.next_page().await {
        for video in page?.data {
            count += 1;
            let status = video
                .status
                .as_ref()
                .map_or("unknown", |status| status.as_str());
            println!(
                "   video {}  asset {}  {status}",
                video.id,
                video.asset_id.as_ref().map_or("-", |id| id.as_str())
            );
        }
    }
    let uploads = emulator
        .journal()
        .iter()
        .filter(|entry| entry.operation.as_deref() == Some("assets.create"))
        .count();
    println!(
        "   the emulator's journal: {} requests, {uploads} of them uploads",
        emulator.journal().len()
    );
    emulator.shutdown().await;
    if (count, uploads) != (3, 3) {
        return Err(format!(
            "three uploads and three videos were expected, but there are {uploads} and {count}"
        )
        .into());
    }
    println!("\nThe demo is complete.");
    Ok(())
}

fn clips_folder() -> StepResult<PathBuf> {
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next()) {
        (Some(flag), Some(folder)) if flag == "--clips" => Ok(folder.into()),
        _ => Err("usage: demo --clips DIR (with good.mp4, small.mp4 and short.mp4; `cargo xtask demo` makes them)".into()),
    }
}

/// Indexing takes the emulator about a second: poll often.
fn poll_often() -> WaitPolicy {
    WaitPolicy::default()
        .with_first_interval(Duration::from_millis(40))
        .with_max_interval(Duration::from_millis(100))
        .with_deadline(Duration::from_secs(60))
}

fn print_event(event: &Event) {
    match event {
        Event::Sending { sent, total } if sent < total => {}
        Event::Checked(report) => println!("   checked: {}", report.verdict),
        event => println!("   {event}"),
    }
}

async fn refuse(client: &Client, clip: &Path, index_id: &IndexId) -> StepResult<()> {
    match client
        .ingest(clip)
        .into_index(index_id.as_str())
        .run()
        .await
    {
        Ok(_) => Err(format!("{} should have been refused", clip.display()).into()),
        Err(error) => {
            let report = error.report().filter(|report| report.is_refused());
            let report =
                report.ok_or_else(|| format!("{}: another error: {error}", clip.display()))?;
            println!(
                "   {}: {report}",
                clip.file_name().unwrap_or_default().display()
            );
            Ok(())
        }
    }
}

async fn check_result(client: &Client, index_id: &IndexId, video: &Ingested) -> StepResult<()> {
    let history: Vec<String> = video
        .history
        .iter()
        .map(|(stage, seen)| format!("{stage}: {}", seen.status))
        .collect();
    println!("   history: {}", history.join(" → "));
    let video_id = video.video_id.clone().ok_or("no video is named")?;
    let stored = client
        .videos()
        .get(GetVideo::new(index_id.clone(), video_id.clone()))
        .await?;
    let known = stored
        .system_metadata
        .ok_or("the video has no system metadata")?;
    println!(
        "   video {video_id}: {}x{}, {:.2} s, {} bytes, {}\n",
        known.width.unwrap_or_default(),
        known.height.unwrap_or_default(),
        known.duration.unwrap_or_default(),
        known.size.unwrap_or_default(),
        known.filename.unwrap_or_default(),
    );
    match (known.width, known.height, video.status()) {
        (Some(640), Some(360), Some("ready")) => Ok(()),
        seen => Err(format!("a ready video of 640x360 was expected, not {seen:?}").into()),
    }
}

/// Serves one file on loopback for any path until the demo ends.
fn serve(file: &Path) -> StepResult<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let url = format!("http://{}/{name}", listener.local_addr()?);
    let file = file.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Ignore a client that disconnects early.
            let _ = answer(&stream, &file);
        }
    });
    Ok(url)
}

fn answer(mut stream: &TcpStream, file: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let mut file = File::open(file)?;
    let len = file.metadata()?.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    )?;
    if request.starts_with("GET ") {
        io::copy(&mut file, &mut stream)?;
    }
    Ok(())
}
