//! The async and the blocking client as users use them, with the facade's defaults.

use std::{fs, sync::Arc, time::Duration};

use serde_json::Value;
use tl_client::{
    Client, Config, FileSource, blocking,
    model::{NewUpload, UploadType},
    protocol::{
        Flow, Policy, Source, Transport,
        endpoint::{CreateTask, CreateUpload, Media},
        flow::upload::{Begin, MultipartUpload, UploadSettings},
    },
};

use crate::{Failure, arguments::Arguments, measure::measured};

pub(super) fn async_form(arguments: &Arguments) -> Result<Value, Failure> {
    let (client, create) = (Client::new(&config(arguments)?)?, task(arguments)?);
    let runtime = runtime()?;
    measured(|| {
        runtime.block_on(client.tasks().create(create))?;
        Ok(())
    })
}

pub(super) fn blocking_form(arguments: &Arguments) -> Result<Value, Failure> {
    let client = blocking::Client::new(&config(arguments)?)?;
    let create = task(arguments)?;
    measured(|| {
        client.tasks().create(create)?;
        Ok(())
    })
}

pub(super) fn async_chunks(arguments: &Arguments) -> Result<Value, Failure> {
    let config = config(arguments)?;
    let (client, flow) = (Client::new(&config)?, upload(arguments, &config)?);
    let runtime = runtime()?;
    measured(|| {
        runtime.block_on(client.transport().run(flow))?;
        Ok(())
    })
}

pub(super) fn blocking_chunks(arguments: &Arguments) -> Result<Value, Failure> {
    let config = config(arguments)?;
    let client = blocking::Client::new(&config)?;
    let flow = upload(arguments, &config)?;
    measured(|| {
        client.transport().run(flow)?;
        Ok(())
    })
}

pub(super) fn async_polls(arguments: &Arguments) -> Result<Value, Failure> {
    let client = Client::new(&config(arguments)?)?;
    let count: u32 = arguments.number("count")?;
    let runtime = runtime()?;
    measured(|| {
        runtime.block_on(async {
            for _ in 0..count {
                client.tasks().get("bench-task").await?;
            }
            Ok(())
        })
    })
}

pub(super) fn blocking_polls(arguments: &Arguments) -> Result<Value, Failure> {
    let client = blocking::Client::new(&config(arguments)?)?;
    let count: u32 = arguments.number("count")?;
    measured(|| {
        for _ in 0..count {
            client.tasks().get("bench-task")?;
        }
        Ok(())
    })
}

/// From the start to the first response: settings, roots, runtime, connection, handshake.
pub(super) fn async_ready(arguments: &Arguments) -> Result<Value, Failure> {
    measured(|| {
        let client = Client::new(&config(arguments)?)?;
        runtime()?.block_on(client.tasks().get("bench-task"))?;
        Ok(())
    })
}

pub(super) fn blocking_ready(arguments: &Arguments) -> Result<Value, Failure> {
    measured(|| {
        let client = blocking::Client::new(&config(arguments)?)?;
        client.tasks().get("bench-task")?;
        Ok(())
    })
}

/// The runtime of `#[tokio::main]`.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    Ok(runtime)
}

pub(super) fn config(arguments: &Arguments) -> Result<Config, Failure> {
    let mut config = Config::new("tlk_bench", arguments.text("base")?)?;
    if let Some(path) = arguments.optional("ca") {
        config.http.extra_roots.push(fs::read(path)?.into());
    }
    Ok(config)
}

fn source(arguments: &Arguments) -> Result<Arc<dyn Source>, Failure> {
    Ok(Arc::new(FileSource::open(arguments.text("file")?)?))
}

fn task(arguments: &Arguments) -> Result<CreateTask, Failure> {
    let media = Media::File(source(arguments)?);
    Ok(CreateTask::new("bench", media))
}

fn upload(
    arguments: &Arguments,
    config: &Config,
) -> Result<
    impl Flow<Output = Result<impl Sized + Send, tl_client::protocol::Error>> + 'static,
    Failure,
> {
    let source = source(arguments)?;
    let upload = NewUpload::new("a.mp4", UploadType::Video, source.len());
    let settings = UploadSettings::default()
        .with_concurrency(arguments.number("concurrency")?)
        .with_deadline(Some(Duration::from_secs(300)));
    let begin = Begin::New(CreateUpload::new(upload));
    Ok(MultipartUpload::new(
        source,
        begin,
        config.base_url(),
        Policy::default(),
        settings,
        1,
    ))
}
