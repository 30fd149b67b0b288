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
    thread,
    time::{Duration, Instant},
};

use tl_http::{CancelHandle, CancelTransport, HttpSettings, Proxy, Transport, TransportErrorKind};
use tl_http_blocking::BlockingHttp;
use tl_testkit::exchanges::{One, get};

/// The lookups that started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// The lookups that ended.
static ENDED: AtomicU32 = AtomicU32::new(0);

/// A resolver that takes two seconds to find nothing. It takes precedence over the C library.
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
    thread::sleep(Duration::from_secs(2));
    ENDED.fetch_add(1, Ordering::SeqCst);
    AGAIN
}

#[test]
fn cancel_is_effective_during_a_lookup() {
    let settings = HttpSettings::default().with_proxy(Proxy::Direct);
    let cancel = CancelHandle::new();
    let transport = BlockingHttp::new(settings)
        .expect("the settings are valid")
        .cancel_by(&cancel);
    let canceling = thread::spawn(move || {
        while STARTED.load(Ordering::SeqCst) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        let now = Instant::now();
        cancel.cancel();
        now
    });
    let flow = One::new(get("http://slow.test/"));
    let output = transport.run(flow);
    let took = canceling.join().expect("no panic").elapsed();
    let error = output.expect_err("it was canceled");
    assert_eq!(error.kind(), TransportErrorKind::Canceled);
    assert!(
        took <= Duration::from_millis(200),
        "{took:?} after the cancel"
    );
    assert_eq!(
        ENDED.load(Ordering::SeqCst),
        0,
        "the lookup was not waited for"
    );
}
