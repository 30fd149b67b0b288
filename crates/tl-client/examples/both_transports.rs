//! One function for the async and the blocking client: with one it returns a future, with the
//! other a result. `both_transports INDEX VIDEO`. The API key comes from the environment.
#![allow(clippy::print_stdout, reason = "the results are printed")]

use std::{env, error::Error, time::Duration};

use tl_client::model::IndexedAsset;
use tl_client::protocol::endpoint::GetIndexedAsset;
use tl_client::protocol::flow::{WaitPolicy, Waited};
use tl_client::protocol::{CallOutput, Transport};
use tl_client::{Client, blocking, protocol};

/// Waits at most a minute until a video of a live event is indexed.
fn wait_shortly<T: Transport>(
    client: &protocol::Client<T, tl_client::Error>,
    index: &str,
    video: &str,
) -> CallOutput<T, Waited<IndexedAsset>, tl_client::Error> {
    let policy = WaitPolicy::within(Duration::from_secs(60));
    client.wait(GetIndexedAsset::new(index, video), policy)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [index, video] = arguments.as_slice() else {
        return Err("usage: both_transports INDEX VIDEO".into());
    };
    let client = blocking::Client::from_env()?;
    println!(
        "blocking: {:?}",
        wait_shortly(client.api(), index, video)?.value.status
    );
    let client = Client::from_env()?;
    let waited =
        tokio::runtime::Runtime::new()?.block_on(wait_shortly(client.api(), index, video))?;
    println!("async: {:?}", waited.value.status);
    Ok(())
}
