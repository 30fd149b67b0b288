//! Bounded parallel map: one producer, N workers, results consumed by the caller.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// Maximum number of items between producer and consumer. For ordered results, this includes the
/// results that wait for a slow item.
const MAX_IN_FLIGHT: usize = 1024;

/// Calls `find` on one thread, which passes each item to its argument until that returns false.
/// Calls `work` on `workers` threads, and `take` for each result: in input order if `in_order`,
/// otherwise in completion order. No more items are produced after `take` returns false.
pub(crate) fn run<I: Send, T: Send>(
    workers: NonZeroUsize,
    in_order: bool,
    find: impl FnOnce(&mut dyn FnMut(I) -> bool) + Send,
    work: impl Fn(I) -> T + Sync,
    mut take: impl FnMut(T) -> bool,
) {
    let (items, found) = mpsc::sync_channel::<(usize, I)>(workers.get() * 2);
    let (results, done) = mpsc::sync_channel::<(usize, T)>(workers.get() * 2);
    // One credit per item that was produced and not consumed yet.
    let (spend, refund) = mpsc::sync_channel::<()>(MAX_IN_FLIGHT);
    let found = Mutex::new(found);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut at = 0;
            find(&mut |item| {
                let proceed = spend.send(()).is_ok() && items.send((at, item)).is_ok();
                at += 1;
                proceed
            });
        });
        for _ in 0..workers.get() {
            let (results, found, work) = (results.clone(), &found, &work);
            scope.spawn(move || {
                loop {
                    let next = found.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((at, item)) = next else { return };
                    if results.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut refund = Some(refund);
        let mut early = BTreeMap::new();
        let mut due = 0;
        let mut give = |result| {
            let proceed = take(result);
            match &refund {
                // Without a receiver for the credits, the next send fails and the producer ends.
                Some(_) if !proceed => refund = None,
                Some(refund) => {
                    let _ = refund.recv();
                }
                None => {}
            }
        };
        for (at, result) in done {
            if !in_order {
                give(result);
                continue;
            }
            early.insert(at, result);
            while let Some(result) = early.remove(&due) {
                give(result);
                due += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn workers(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).expect("at least one")
    }

    #[test]
    fn every_item_is_processed_once_and_in_order() {
        for in_order in [true, false] {
            let mut taken = Vec::new();
            run(
                workers(4),
                in_order,
                |give| {
                    for i in 0..5000u32 {
                        assert!(give(i));
                    }
                },
                |i| {
                    if i % 1000 == 0 {
                        thread::sleep(Duration::from_millis(20));
                    }
                    i * 2
                },
                |result| {
                    taken.push(result);
                    true
                },
            );
            if !in_order {
                taken.sort_unstable();
            }
            assert!(
                taken.iter().copied().eq((0..5000).map(|i| i * 2)),
                "in order: {in_order}"
            );
        }
    }

    #[test]
    fn producer_is_bounded_and_stops() {
        let found = AtomicUsize::new(0);
        let mut taken = 0;
        run(
            workers(2),
            true,
            |give| while give(found.fetch_add(1, Ordering::SeqCst)) {},
            |i| i,
            |i| {
                taken += 1;
                assert!(found.load(Ordering::SeqCst) <= i + MAX_IN_FLIGHT + 16);
                taken < 3000
            },
        );
        assert!(
            (3000..3000 + MAX_IN_FLIGHT + 16).contains(&taken),
            "{taken}"
        );
    }
}
