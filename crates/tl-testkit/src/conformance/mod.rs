//! The conformance suite for [`Transport`](tl_http::Transport)s, over real sockets. Each case is a
//! function; the tests of a transport run all of them with
//! [`conformance_tests!`](crate::conformance_tests).
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

pub mod cancellation;
pub mod connections;
pub mod driver;
pub mod limits;
pub mod proxies;
pub mod requests;
pub mod responses;
pub mod streams;
pub mod supplied_urls;
pub mod tls;
pub mod uploads;

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::Response;
use tl_http::Feed;
use tl_protocol::{
    CancelTransport, Delivery, Exchange, Flow, HttpSettings, Outcome, Proxy, SetupError,
    TransportError, TransportErrorKind,
};

use crate::exchanges::One;

/// Creates and drives the transport under test.
pub trait Harness {
    /// The transport under test.
    type Transport: CancelTransport;

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
    HttpSettings::default().with_proxy(Proxy::Direct)
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
            responses: [
                any_status_is_a_response,
                gateway_html_page_is_a_response,
                redirect_is_not_followed,
                every_response_framing_is_read,
                encoded_response_is_not_decoded,
                interim_responses_are_skipped,
                garbage_is_not_http,
                close_before_the_response_is_lost,
                truncated_response_is_lost,
                response_without_length_ended_by_reset_is_lost,
                response_over_the_limit_is_refused,
                response_of_exactly_the_limit_is_accepted,
                endless_response_head_is_refused,
            ],
            connections: [
                connection_serves_many_requests,
                tls_connection_serves_many_requests,
                closed_connection_is_not_reused,
                idle_connection_may_be_closed_by_the_server,
                connection_is_not_reused_after_early_response,
                exchanges_run_in_parallel_up_to_the_limit,
                exchanges_in_flight_are_dropped_at_the_end,
            ],
            cancellation: [
                cancel_while_waiting_for_the_head,
                cancel_while_reading_the_body,
                cancel_while_sending_the_body,
                cancel_while_the_source_blocks,
                cancel_while_connecting,
                cancel_during_the_tls_handshake,
                cancel_while_a_proxy_opens_its_tunnel,
                cancel_while_a_flow_waits,
                cancel_ends_every_exchange_in_flight,
                cancel_before_the_start_sends_nothing,
                cancel_after_the_end_changes_nothing,
                cancel_before_the_first_event,
                cancel_between_two_events,
            ],
            driver: [
                wait_ends_on_time,
                endless_wait_is_a_fault_of_the_flow,
                retry_after_is_respected_in_both_forms,
                call_is_retried_after_a_lost_connection,
            ],
            limits: [
                request_without_response_times_out,
                timeout_covers_reading_the_response,
                timeout_covers_sending_the_body,
                connect_timeout_covers_the_tls_handshake,
                refused_connection_is_unreachable_and_not_sent,
                unknown_host_is_unreachable_and_not_sent,
                invalid_address_is_refused,
            ],
            proxies: [
                proxy_handles_requests_to_other_hosts,
                proxy_is_bypassed_for_loopback_hosts,
                refusing_proxy_is_unreachable_and_its_password_hidden,
                silent_proxy_ends_at_the_connect_timeout,
                proxy_and_exceptions_from_the_environment,
            ],
            requests: [
                known_address_is_used_without_lookup,
                request_has_exactly_its_headers,
                target_is_sent_unchanged,
                key_is_sent_to_the_api_host_only,
                request_without_required_key_is_refused,
            ],
            streams: [
                each_server_behavior_has_its_transcript,
                dropped_stream_closes_its_connection,
                unread_stream_sends_nothing,
                slow_reader_applies_backpressure,
                connection_is_reused_after_a_stream,
                tls_stream_ends_complete_or_truncated,
                stream_from_a_closed_port_is_unreachable,
                stream_without_a_key_is_refused,
            ],
            supplied_urls: [
                private_address_is_not_followed,
                name_with_a_private_address_is_not_followed,
                http_url_is_not_followed_from_https,
                private_url_is_followed_if_allowed,
                url_text_is_checked_behind_a_proxy,
            ],
            tls: [
                unknown_authority_is_refused,
                configured_authority_is_trusted,
                certificate_for_another_name_is_refused,
                server_without_tls_is_a_tls_failure,
                invalid_certificate_is_refused_at_setup,
                system_roots_can_be_loaded,
            ],
            uploads: [
                body_of_any_size_arrives_with_its_length,
                body_partly_at_hand_arrives_complete,
                body_of_several_pieces_arrives_in_order,
                large_body_streams_in_bounded_memory,
                large_body_streams_over_tls,
                source_error_ends_the_exchange_unsent,
                early_response_before_a_reset_is_read,
                early_tls_response_before_a_reset_is_read,
                early_response_ends_a_stalled_upload,
                connection_cut_within_the_body_is_not_sent,
                connection_cut_after_the_body_is_in_doubt,
                stalled_upload_is_detected,
                slow_upload_is_not_stalled,
                waiting_for_the_response_is_not_stalled,
                resent_body_starts_at_its_first_byte,
            ],
        }
    };
    (@list $harness:expr; $($file:ident: [$($name:ident),* $(,)?]),* $(,)?) => {
        $($(
            #[test]
            fn $name() {
                $crate::conformance::$file::$name(&$harness);
            }
        )*)*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_listed() {
        let list = include_str!("mod.rs");
        let files = [
            include_str!("responses.rs"),
            include_str!("connections.rs"),
            include_str!("driver.rs"),
            include_str!("limits.rs"),
            include_str!("proxies.rs"),
            include_str!("requests.rs"),
            include_str!("streams.rs"),
            include_str!("supplied_urls.rs"),
            include_str!("tls.rs"),
            include_str!("uploads.rs"),
        ];
        let names: Vec<&str> = files
            .iter()
            .flat_map(|file| file.lines())
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
