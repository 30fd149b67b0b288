//! Analyzes any number of assets: `analyze_many OUT.jsonl ASSET...`. If it ends early, the same
//! command continues: no batch is created twice.
#![allow(clippy::print_stdout, reason = "the program reports its result")]

use tl_client::{
    analysis::batch::{BatchRun, Row},
    blocking::Client,
    model::AnalyzeRequest,
    protocol::Observer,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: analyze_many OUT ASSET...")?;
    let mut request = AnalyzeRequest::default();
    request.prompt = Some("Summarize the video in one sentence.".to_owned());
    let rows = arguments.map(Row::new).collect();
    let run = BatchRun::new(&request, rows).map_err(|fault| fault.to_string())?;
    let client = Client::from_env()?;
    let observer = Observer::new(|event| println!("{event:?}"));
    let answers = client.analyze_batch(run).save_to(&out).observe(observer);
    let answers = answers.run()?;
    let (failed, all) = (answers.failed(), answers.answers.len());
    println!("{failed} of {all} failed; see {out}");
    Ok(())
}
