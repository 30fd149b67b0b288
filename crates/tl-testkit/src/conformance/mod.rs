//! The conformance suite for [`Transport`]s, over real sockets. Each case is a function; the tests
//! of a transport run all of them with [`conformance_tests!`](crate::conformance_tests).
//!
//! ```
//! use tl_http::{Feed, Flow, HttpSettings, SetupError, Transport};
//! use tl_testkit::conformance::Harness;
//!
//! struct Mine;
//!
//! impl Harness for Mine {
//!     type Transport = tl_http_blocking::BlockingHttp;
//!
//!     fn build(&self, settings: HttpSettings) -> Result<Self::Transport, SetupError> {
//!         tl_http_blocking::BlockingHttp::new(settings)
//!     }
//!
//!     fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a Self::Transport, flow: F) -> F::Output {
//!         transport.run(flow)
//!     }
//!
//!     fn take_each<'a, F: Feed + 'a>(
//!         &'a self,
//!         transport: &'a Self::Transport,
//!         feed: F,
//!         most: usize,
//!         each: impl FnMut(&F::Item),
//!     ) -> Vec<F::Item> {
//!         transport.stream(feed).take(most).inspect(each).collect()
//!     }
//! }
//!
//! tl_testkit::conformance_tests!(Mine);
//! ```

pub mod answers;
pub mod connections;
pub mod driving;
pub mod limits;
pub mod proxies;
pub mod requests;
pub mod streams;
pub mod supplied;
pub mod trust;
pub mod uploads;

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::Response;
use tl_http::Feed;
use tl_protocol::{
    Delivery, Exchange, Flow, HttpSettings, Outcome, Proxy, SetupError, Transport, TransportError,
    TransportErrorKind,
};

use crate::exchanges::One;

/// Creates and drives the transport under test.
pub trait Harness {
    /// The transport under test.
    type Transport: Transport;

    /// Whether the transport manages its connections itself. A library that manages them may open a
    /// spare connection, and may lose a response that is followed by a reset while the body is
    /// being sent.
    const OWNS_ITS_CONNECTIONS: bool = true;

    /// Creates a transport.
    ///
    /// # Errors
    /// The transport's error for invalid settings.
    fn build(&self, settings: HttpSettings) -> Result<Self::Transport, SetupError>;

    /// Runs a flow to completion on the calling thread.
    fn drive<'a, F: Flow + 'a>(&'a self, transport: &'a Self::Transport, flow: F) -> F::Output;

    /// Takes at most `most` items of a feed on the calling thread, passes each to `each` as soon as
    /// it arrives, and then drops the stream.
    fn take_each<'a, F: Feed + 'a>(
        &'a self,
        transport: &'a Self::Transport,
        feed: F,
        most: usize,
        each: impl FnMut(&F::Item),
    ) -> Vec<F::Item>;

    /// [`take_each`](Self::take_each) without a callback.
    fn take<'a, F: Feed + 'a>(
        &'a self,
        transport: &'a Self::Transport,
        feed: F,
        most: usize,
    ) -> Vec<F::Item> {
        self.take_each(transport, feed, most, |_| ())
    }
}

/// A secret in requests that no error may show.
pub const SECRET: &str = "SECRET-5bd1e995";

/// Settings that ignore the environment.
#[must_use]
pub fn settings() -> HttpSettings {
    HttpSettings {
        proxy: Proxy::Direct,
        ..HttpSettings::default()
    }
}

/// A transport with plain settings.
fn plain<H: Harness>(harness: &H) -> H::Transport {
    with(harness, settings())
}

fn with<H: Harness>(harness: &H, settings: HttpSettings) -> H::Transport {
    harness.build(settings).expect("the settings are valid")
}

fn send<H: Harness>(harness: &H, transport: &H::Transport, exchange: Exchange) -> Outcome {
    harness.drive(transport, One::new(exchange))
}

fn send_well<H: Harness>(
    harness: &H,
    transport: &H::Transport,
    exchange: Exchange,
) -> Response<Bytes> {
    let what = format!("{} {}", exchange.http.method(), exchange.http.uri());
    send(harness, transport, exchange).unwrap_or_else(|error| panic!("{what}: {}", chain(&error)))
}

/// Formats an error with all its causes. Asserts that [`SECRET`] does not appear in any form.
fn chain(error: &TransportError) -> String {
    let mut texts = vec![format!(
        "{:?}, {:?}: {error}",
        error.kind(),
        error.delivery()
    )];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    let text = texts.join(": ");
    assert!(!text.contains(SECRET), "a secret shows: {text}");
    assert!(
        !format!("{error:?}").contains(SECRET),
        "a secret shows: {error:?}"
    );
    text
}

#[track_caller]
fn expect_failure(outcome: Outcome, kind: TransportErrorKind, delivery: Delivery) -> String {
    match outcome {
        Ok(answer) => panic!("{kind:?} was expected, not the answer {}", answer.status()),
        Err(error) => {
            let text = chain(&error);
            assert_eq!((error.kind(), error.delivery()), (kind, delivery), "{text}");
            text
        }
    }
}

/// Asserts that something took at least `least` and at most about `most`.
#[track_caller]
fn expect_time(took: Duration, least: Duration, most: Duration) {
    assert!(
        took >= least && took <= most,
        "took {took:?}, expected {least:?} to {most:?}"
    );
}

/// Generates one `#[test]` per case of the suite, for the harness expression.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::conformance_tests! { @list $harness;
            answers: [
                any_status_is_an_answer,
                an_html_page_of_a_gateway_is_an_answer,
                a_redirect_is_an_answer_and_not_followed,
                every_framing_of_an_answer_is_read,
                an_encoded_answer_is_left_as_it_is,
                an_interim_answer_is_passed_over,
                garbage_is_not_http,
                a_connection_closed_before_the_answer_is_lost,
                an_answer_cut_anywhere_is_lost,
                an_answer_without_a_length_that_ends_by_a_reset_is_lost,
                an_answer_over_the_limit_is_refused_without_being_kept,
                an_answer_of_exactly_the_limit_is_taken,
                an_answer_with_an_endless_head_is_refused,
            ],
            connections: [
                one_connection_serves_many_requests,
                one_tls_connection_serves_many_requests,
                a_closed_connection_is_not_used_again,
                a_connection_that_the_server_closed_while_idle_does_no_harm,
                a_connection_is_not_used_again_after_an_early_answer,
                exchanges_run_side_by_side_up_to_the_flows_limit,
                what_is_in_flight_is_dropped_when_the_flow_ends,
            ],
            driving: [
                a_wait_ends_at_its_time,
                a_wait_without_end_is_reported_as_a_fault_of_the_flow,
                retry_after_is_kept_in_both_forms,
                a_call_goes_on_after_a_lost_connection,
            ],
            limits: [
                a_request_that_is_never_answered_ends_at_its_time_limit,
                the_time_limit_holds_while_the_answer_is_read,
                the_time_limit_holds_while_the_body_is_sent,
                a_connection_that_does_not_come_about_ends_at_the_connect_limit,
                a_refused_connection_is_unreachable_and_not_sent,
                an_unknown_host_is_unreachable_and_not_sent,
                an_address_that_is_none_is_refused,
            ],
            proxies: [
                a_proxy_carries_requests_to_other_hosts,
                a_proxy_is_passed_by_for_loopback_hosts,
                a_proxy_that_refuses_is_unreachable_and_its_password_does_not_show,
                a_proxy_that_says_nothing_ends_at_the_connect_limit,
                the_environment_names_the_proxy_and_its_exceptions,
            ],
            requests: [
                a_known_address_is_used_without_a_look_up,
                a_request_carries_exactly_its_headers,
                the_target_is_sent_as_it_is_written,
                the_key_goes_to_the_api_host_only,
                a_request_that_needs_a_key_is_refused_without_one,
            ],
            streams: [
                each_behavior_of_a_server_gives_its_transcript,
                a_dropped_stream_closes_its_connection,
                a_stream_that_is_not_read_sends_nothing,
                a_slow_reader_slows_the_server_down,
                a_connection_serves_a_request_after_a_stream,
                a_stream_over_tls_ends_whole_or_cut,
                a_stream_from_nowhere_is_unreachable,
                a_stream_without_a_key_is_refused,
            ],
            supplied: [
                a_private_address_is_not_followed,
                a_name_with_a_private_address_is_not_followed,
                an_unencrypted_url_is_not_followed_from_https,
                a_private_url_is_followed_from_a_private_base_or_on_demand,
                behind_a_proxy_the_text_of_a_url_is_checked,
            ],
            trust: [
                an_authority_that_nobody_knows_is_refused,
                an_authority_from_the_settings_is_trusted,
                a_certificate_for_another_name_is_refused,
                a_server_that_does_not_speak_tls_is_a_tls_failure,
                a_certificate_that_cannot_be_read_is_refused_at_the_start,
                the_roots_of_the_system_can_be_loaded,
            ],
            uploads: [
                a_body_of_any_size_arrives_whole_with_its_length,
                a_body_that_is_at_hand_in_part_arrives_whole,
                a_body_of_several_pieces_arrives_in_order,
                a_large_body_streams_in_bounded_memory,
                a_large_body_streams_over_tls,
                a_source_that_breaks_ends_the_exchange_unsent,
                an_early_answer_is_the_answer_even_when_the_server_then_hangs_up,
                an_early_answer_over_tls_is_the_answer_even_when_the_server_then_hangs_up,
                an_early_answer_ends_the_upload_when_the_server_reads_no_more,
                a_line_cut_in_the_middle_of_a_body_is_not_sent,
                a_line_cut_after_the_body_is_in_doubt,
                a_standstill_is_found,
                a_slow_upload_that_moves_is_no_standstill,
                the_wait_for_the_answer_is_no_standstill,
                the_same_body_is_sent_again_from_its_first_byte,
            ],
        }
    };
    (@list $harness:expr; $($room:ident: [$($name:ident),* $(,)?]),* $(,)?) => {
        $($(
            #[test]
            fn $name() {
                $crate::conformance::$room::$name(&$harness);
            }
        )*)*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_listed() {
        let list = include_str!("mod.rs");
        let rooms = [
            include_str!("answers.rs"),
            include_str!("connections.rs"),
            include_str!("driving.rs"),
            include_str!("limits.rs"),
            include_str!("proxies.rs"),
            include_str!("requests.rs"),
            include_str!("streams.rs"),
            include_str!("supplied.rs"),
            include_str!("trust.rs"),
            include_str!("uploads.rs"),
        ];
        let names: Vec<&str> = rooms
            .iter()
            .flat_map(|room| room.lines())
            .filter_map(|line| {
                line.strip_prefix("pub fn ")?
                    .split_once('<')
                    .map(|(name, _)| name)
            })
            .collect();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            assert!(
                list.contains(&format!("{name},")),
                "`{name}` is not in the list of cases"
            );
        }
    }
}
