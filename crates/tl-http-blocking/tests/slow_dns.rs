//! A cancel is effective while the name of the host is resolved: the system's resolver blocks and
//! cannot be interrupted.
#![cfg(target_os = "linux")]
#![allow(
    unsafe_code,
    reason = "this program has its own resolver, in place of that of the C library"
)]

use std::{
    ffi::{c_char, c_int, c_void},
    sync::atomic::{AtomicU32, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tl_http::{CancelHandle, CancelTransport, HttpSettings, Proxy, Transport, TransportErrorKind};
use tl_http_blocking::BlockingHttp;
use tl_protocol::{ApiKey, Credentials, ErrorKind};
use tl_testkit::{
    exchanges::{One, get},
    streams::{Analyze, events},
};
use url::Url;

/// The lookups that started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// The lookups that ended.
static ENDED: AtomicU32 = AtomicU32::new(0);

/// A resolver that takes ten seconds to find nothing. It takes precedence over the C library.
// SAFETY: no other function of this program has this name, and this one reads and writes nothing.
#[unsafe(no_mangle)]
extern "C" fn getaddrinfo(
    _: *const c_char,
    _: *const c_char,
    _: *const c_void,
    _: *mut *mut c_void,
) -> c_int {
    /// `EAI_AGAIN` of glibc and musl.
    const AGAIN: c_int = -3;
    STARTED.fetch_add(1, Ordering::SeqCst);
    thread::sleep(Duration::from_secs(10));
    ENDED.fetch_add(1, Ordering::SeqCst);
    AGAIN
}

/// Cancels once the lookup with this number has started, and returns when.
fn cancel_during_lookup(number: u32, cancel: CancelHandle) -> JoinHandle<Instant> {
    thread::spawn(move || {
        while STARTED.load(Ordering::SeqCst) < number {
            thread::sleep(Duration::from_millis(5));
        }
        let now = Instant::now();
        cancel.cancel();
        now
    })
}

/// The cancel was effective in time, and the lookup was not waited for.
fn assert_prompt(canceling: JoinHandle<Instant>) {
    let took = canceling.join().expect("no panic").elapsed();
    assert!(
        took <= Duration::from_millis(200),
        "{took:?} after the cancel"
    );
    assert_eq!(ENDED.load(Ordering::SeqCst), 0, "a lookup was waited for");
}

#[test]
fn cancel_is_effective_during_a_lookup() {
    let cancel = CancelHandle::new();
    let settings = HttpSettings::default().with_proxy(Proxy::Direct);
    let transport = BlockingHttp::new(settings)
        .expect("the settings are valid")
        .cancel_by(&cancel);
    let canceling = cancel_during_lookup(1, cancel);
    let output = transport.run(One::new(get("http://slow.test/")));
    assert_prompt(canceling);
    let error = output.expect_err("it was canceled");
    assert_eq!(error.kind(), TransportErrorKind::Canceled);

    // A stream that opens.
    let cancel = CancelHandle::new();
    let base: Url = "https://slow.test/v1.3".parse().expect("a URL");
    let key = ApiKey::new("tlk_test").expect("a key");
    let credentials = Credentials::new(key, base.clone()).expect("https");
    let settings = HttpSettings::new(credentials).with_proxy(Proxy::Direct);
    let transport = BlockingHttp::new(settings)
        .expect("the settings are valid")
        .cancel_by(&cancel);
    let canceling = cancel_during_lookup(2, cancel);
    let item = transport.stream(events(&Analyze, &base)).next();
    assert_prompt(canceling);
    let error = item.expect("an item").expect_err("it was canceled");
    assert_eq!(error.kind(), ErrorKind::Canceled);
}
