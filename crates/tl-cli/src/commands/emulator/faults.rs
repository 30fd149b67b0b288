//! `tl emulator faults`.

use clap::Args;
use tl_emulator::Operation;

use super::fault_plan;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Syntax of a fault. The operations are listed by the emulator itself.
const GRAMMAR: &str = "\
A fault is an operation, or `*` for all operations, followed by NAME or NAME=VALUE words:
  FAULT  =  OPERATION|*  [SELECTOR ...]  EFFECT ...

SELECTOR, by default all requests:
  nth=1,3              the first and the third request
  every=3              every third request
  probability=0.1      10 % of the requests, chosen by the seed of the plan
  times=2              at most two requests

EFFECT:
  status=503           return this error instead of processing the request
  code=X  message=X    set the error code and message; body=TEXT sets the whole body
  retry_after=2        add Retry-After in seconds; without a status, return 429
  after_work           return the error after processing the request
  drop                 close the connection before processing the request
  lose_answer          close the connection after processing the request
  cut_after=BYTES      close the connection after BYTES of the response
  delay_ms=500         delay the response
  bytes_per_second=N   limit the rate of the response
  duplicate            process the request twice
  omit_end             leave out the last event of a streamed response
  cut_after_events=N   close the connection after N events of a streamed response
  stall_after_events=N send nothing after N events, and keep the connection open
  garble_event=N       tear event N, so that it is not JSON
  error_event=N        report a failure in event N, and end the response
  split_bytes=N        send a streamed response in pieces of N bytes
  no_final_newline     leave out the line break at the end of a streamed response
  event_gap_ms=100     wait before each further event
  stuck_in=STATUS      keep the created task or asset in this status
  fail_in=STATUS       let it fail at the end of this status
  reason=X             set the failure reason

In a file, texts can contain spaces, and `headers` adds response headers:
  {\"seed\": 7, \"faults\": [{\"operation\": \"tasks.create\", \"nth\": [1], \"status\": 503}]}

OPERATION is one of:
";

fn help() -> String {
    Operation::ALL
        .iter()
        .fold(GRAMMAR.to_owned(), |help, operation| {
            format!("{help}  {operation}\n")
        })
}

/// Parse faults like --fault and print the fault plan as JSON.
#[derive(Debug, Args)]
#[command(after_help = help())]
pub(crate) struct FaultsArgs {
    /// Fault, e.g. 'tasks.create nth=1 status=503', or a JSON file
    #[arg(required = true, value_name = "FAULT|FILE")]
    faults: Vec<String>,
}

impl FaultsArgs {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let plan = fault_plan::read(&self.faults)?;
        context.output.json(&plan);
        let text = serde_json::to_string_pretty(&plan).map_err(|error| {
            Failure::new(Exit::Usage, "output", "failed to serialize the plan").with_source(&error)
        })?;
        context.output.line(&text);
        Ok(Exit::Ok)
    }
}
