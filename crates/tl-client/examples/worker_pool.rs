//! A pool of workers indexes the files of a folder with one client: `worker_pool FOLDER INDEX
//! WORKERS`. One file that fails does not stop the others. The API key comes from the environment.
#![allow(clippy::print_stdout, reason = "the results are printed")]

use std::{collections::VecDeque, env, error::Error, fs, sync::Arc};

use tl_client::Client;
use tokio::{sync::Mutex, task::JoinSet};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, index, workers] = arguments.as_slice() else {
        return Err("usage: worker_pool FOLDER INDEX WORKERS".into());
    };
    let files = fs::read_dir(folder)?.collect::<Result<VecDeque<_>, _>>()?;
    let (client, queue) = (Client::from_env()?, Arc::new(Mutex::new(files)));
    let mut pool = JoinSet::new();
    for _ in 0..workers.parse()? {
        let (client, queue, index) = (client.clone(), Arc::clone(&queue), index.clone());
        pool.spawn(async move {
            let mut results = Vec::new();
            loop {
                let next = queue.lock().await.pop_front();
                let Some(file) = next else { return results };
                let ingest = client.ingest(file.path()).into_index(index.as_str());
                results.push((file.file_name(), ingest.await));
            }
        });
    }
    for (name, result) in pool.join_all().await.into_iter().flatten() {
        match result {
            Ok(video) => println!("{}: {:?}", name.display(), video.video_id),
            Err(error) => println!("{}: {:?}: {error}", name.display(), error.kind()),
        }
    }
    Ok(())
}
