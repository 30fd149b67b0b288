//! The state of one dimension: what was granted, what others used, and until when it is blocked.
//!
//! Times are microseconds since 1970, amounts are in the unit of the dimension.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::limits::Dimension;

pub(super) const SECOND: i64 = 1_000_000;

/// How a dimension is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Length of the platform's window.
    pub(super) window: i64,
    /// Amounts are summed up per slot, so that the state stays small.
    slot: i64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Paced: a request is granted at regular intervals, with a small burst.
    Paced,
    /// Counted in every window of this length, wherever it starts.
    Sliding,
    /// Counted in windows that start at multiples of their length (UTC), or where a response header
    /// says.
    Fixed,
    /// Counted and never reset.
    Total,
}

impl Rule {
    pub(super) fn of(dimension: Dimension) -> Self {
        let (window, slot, kind) = match dimension {
            Dimension::UploadPerMinute | Dimension::IndexPerMinute => {
                (60 * SECOND, 2 * SECOND, Kind::Paced)
            }
            // The platform documents neither fixed nor sliding windows. A sliding count satisfies
            // both and costs one slot per window, 3 %.
            Dimension::VideoPerHour => (3600 * SECOND, 120 * SECOND, Kind::Sliding),
            // A sliding day would lose up to a day at the first midnight if the platform resets
            // then. If it does not, one 429 blocks the dimension for the time that it requests.
            Dimension::UploadPerDay | Dimension::IndexPerDay | Dimension::VideoPerDay => {
                (86_400 * SECOND, 3600 * SECOND, Kind::Fixed)
            }
            Dimension::VideoTotal | Dimension::ConcurrentTasks => (i64::MAX, i64::MAX, Kind::Total),
        };
        Self { window, slot, kind }
    }

    /// The burst and the interval of a paced dimension.
    ///
    /// The limit holds in every window that is longer than the platform's by 1/30, two seconds of a
    /// minute, because requests do not arrive at the intervals at which they are sent:
    /// in any half-open window of `interval * n`, GCRA grants at most `burst + n - 1`.
    pub(super) fn pacing(&self, limit: u64) -> (u64, i64) {
        let burst = (limit / 20).max(1);
        let steps = limit.saturating_sub(burst).saturating_add(1).max(1);
        let stretched = self.window + self.window / 30;
        let interval = stretched.unsigned_abs().div_ceil(steps);
        (burst, i64::try_from(interval).unwrap_or(i64::MAX))
    }
}

/// Use of the key by others in the current window, from response headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Foreign {
    /// What others are expected to use.
    amount: u64,
    /// What they have used.
    seen: u64,
    until: i64,
}

/// A limit that is not known, found by trying: it is lowered after a 429, and raised step by step
/// while it is used up without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Estimate {
    limit: u64,
    /// What is added per window.
    step: u64,
    /// Not raised before.
    raise_at: i64,
}

/// Whether an amount can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Fits,
    /// Not before this time.
    Wait(i64),
    /// Never: it exceeds the limit.
    Never,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// A limit from a response header that is lower than the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported_limit: Option<u64>,
    /// The start of each slot and the amount granted in it, oldest first.
    #[serde(default)]
    slots: VecDeque<(i64, u64)>,
    /// GCRA: when the burst is fully available again.
    #[serde(default)]
    full_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    foreign: Option<Foreign>,
    /// A 429 blocks the dimension until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked_until: Option<i64>,
    /// An end of a fixed window, from a response header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_end: Option<i64>,
    /// The limit, if the plan states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    estimate: Option<Estimate>,
}

/// The limit of a bucket, and the part of it that this program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) limit: u64,
    pub(super) own: u64,
    /// Whether the limit is estimated, so that a larger amount may be accepted.
    pub(super) is_estimate: bool,
}

impl Bucket {
    /// The limit after corrections, without the reserve for others (in thousandths). `None` if
    /// nothing is known about a limit.
    pub(super) fn share(&self, plan: Option<u64>, reserve: u16) -> Option<Share> {
        let stated = plan.into_iter().chain(self.reported_limit).min();
        let estimate = self.estimate.filter(|_| plan.is_none());
        let estimate = estimate.map(|estimate| estimate.limit);
        let limit = stated.into_iter().chain(estimate).min()?;
        let kept = (u128::from(limit) * u128::from(reserve)).div_ceil(1000);
        let kept = u64::try_from(kept).unwrap_or(u64::MAX);
        Some(Share {
            limit,
            own: limit.saturating_sub(kept).max(1).min(limit),
            is_estimate: plan.is_none(),
        })
    }

    /// Removes what no window can contain any more.
    pub(super) fn expire(&mut self, rule: &Rule, now: i64) {
        self.blocked_until = self.blocked_until.filter(|until| *until > now);
        while let Some(foreign) = self.foreign.filter(|foreign| foreign.until <= now) {
            // Another program that uses the key now probably does so in the next minute, and not
            // at exactly the same rate.
            let varied = foreign.seen.saturating_add(foreign.seen.div_ceil(8));
            let expected = Foreign {
                amount: varied.max(foreign.amount / 4 * 3),
                seen: 0,
                until: foreign.until.saturating_add(rule.window),
            };
            self.foreign = (rule.kind == Kind::Paced && expected.amount > 0).then_some(expected);
        }
        if rule.kind == Kind::Total {
            return;
        }
        let oldest = now.saturating_sub(rule.window).saturating_sub(rule.slot);
        while self
            .slots
            .front()
            .is_some_and(|(start, _)| *start <= oldest)
        {
            self.slots.pop_front();
        }
    }

    /// Moves all times by `delta`.
    pub(super) fn shift(&mut self, delta: i64) {
        for (start, _) in &mut self.slots {
            *start = start.saturating_add(delta);
        }
        self.full_at = self.full_at.saturating_add(delta);
        for time in [&mut self.blocked_until, &mut self.window_end] {
            *time = time.map(|time| time.saturating_add(delta));
        }
        if let Some(estimate) = &mut self.estimate {
            estimate.raise_at = estimate.raise_at.saturating_add(delta);
        }
        if let Some(foreign) = &mut self.foreign {
            foreign.until = foreign.until.saturating_add(delta);
        }
    }

    pub(super) fn check(&self, rule: &Rule, share: Option<Share>, now: i64, amount: u64) -> Check {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Check::Wait(until);
        }
        let Some(share) = share.filter(|_| amount > 0) else {
            return Check::Fits;
        };
        if amount > share.limit && !share.is_estimate {
            return Check::Never;
        }
        if rule.kind == Kind::Paced {
            let ready = self.paced(rule, share, amount);
            if ready > now {
                return Check::Wait(ready);
            }
        }
        if self.fits(rule, share, now, amount) {
            return Check::Fits;
        }
        if rule.kind == Kind::Total {
            return Check::Never;
        }
        let mut ends: Vec<i64> = self
            .slots
            .iter()
            .map(|(at, _)| self.expiry(rule, *at))
            .collect();
        ends.extend(self.foreign.map(|foreign| foreign.until));
        ends.sort_unstable();
        // What does not fit now did not fit before. When the last one has ended, nothing is
        // counted, and the amount fits.
        let end = ends
            .into_iter()
            .find(|end| self.fits(rule, share, *end, amount));
        Check::Wait(end.unwrap_or_else(|| now.saturating_add(rule.slot)))
    }

    /// When pacing allows `amount`.
    fn paced(&self, rule: &Rule, share: Share, amount: u64) -> i64 {
        let (burst, interval) = rule.pacing(share.own);
        let credit = burst.saturating_sub(amount);
        self.full_at.saturating_sub(times(interval, credit))
    }

    fn fits(&self, rule: &Rule, share: Share, at: i64, amount: u64) -> bool {
        let own = self.used(rule, at);
        let foreign = self.foreign.filter(|foreign| foreign.until > at);
        let all = own.saturating_add(foreign.map_or(0, |foreign| foreign.amount));
        // Others use their reserve first.
        let fits =
            own.saturating_add(amount) <= share.own && all.saturating_add(amount) <= share.limit;
        // An amount that is larger than our share of the limit is granted in an empty window.
        fits || all == 0
    }

    /// The amount granted in the window that contains `at`.
    pub(super) fn used(&self, rule: &Rule, at: i64) -> u64 {
        let counted = self
            .slots
            .iter()
            .filter(|(start, _)| self.expiry(rule, *start) > at);
        counted.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// When a slot stops counting.
    fn expiry(&self, rule: &Rule, start: i64) -> i64 {
        let end = start.saturating_add(rule.slot);
        match rule.kind {
            Kind::Paced | Kind::Sliding => end.saturating_add(rule.window),
            Kind::Fixed => {
                let anchor = self.window_end.unwrap_or(0);
                // The end of the window that contains the last moment of the slot.
                let windows = (end - 1 - anchor).div_euclid(rule.window) + 1;
                anchor.saturating_add(windows.saturating_mul(rule.window))
            }
            Kind::Total => i64::MAX,
        }
    }

    /// Counts a granted amount.
    pub(super) fn take(&mut self, rule: &Rule, share: Option<Share>, now: i64, amount: u64) {
        if amount == 0 {
            return;
        }
        if let (Kind::Paced, Some(share)) = (rule.kind, share) {
            let (_, interval) = rule.pacing(share.own);
            self.full_at = self
                .full_at
                .max(now)
                .saturating_add(times(interval, amount));
        }
        let start = if rule.kind == Kind::Total {
            0
        } else {
            now.div_euclid(rule.slot) * rule.slot
        };
        self.raise(rule, now);
        match self.slots.back_mut() {
            // A shift may leave a slot that starts later than the regular one.
            Some((last, sum)) if *last >= start => *sum = sum.saturating_add(amount),
            _ => self.slots.push_back((start, amount)),
        }
    }

    /// Lowers the estimate of an unknown limit after a 429. What was granted in the window was too
    /// much; a request rate is lowered by a quarter, because windows of another start contain
    /// different amounts. Several 429 in one window are one incident. `told` is the wait in µs that
    /// the platform named: it grants a request after that, so the rate is at least one per `told`.
    pub(super) fn lower(&mut self, rule: &Rule, now: i64, told: Option<i64>) {
        if rule.kind == Kind::Total || self.blocked_until.is_some_and(|until| until > now) {
            return;
        }
        let used = self.used(rule, now);
        let before = self.estimate.map_or(u64::MAX, |estimate| estimate.limit);
        let limit = match rule.kind {
            Kind::Paced => used.min(before) / 4 * 3 + used.min(before) % 4 * 3 / 4,
            _ => used.min(before),
        };
        // Nothing of our own was refused in this window: others have used it up.
        if used == 0 {
            return;
        }
        let told = told.filter(|told| *told > 0 && rule.kind == Kind::Paced);
        let at_least = told.map_or(1, |told| u64::try_from(rule.window / told).unwrap_or(1));
        let limit = limit.max(at_least).max(1);
        self.estimate = Some(Estimate {
            limit,
            step: (limit / 20).max(1),
            raise_at: now.saturating_add(rule.window),
        });
    }

    /// Raises the estimate if it was used up for a whole window and nothing was refused.
    fn raise(&mut self, rule: &Rule, now: i64) {
        let used = self.used(rule, now);
        if let Some(estimate) = &mut self.estimate
            && estimate.raise_at <= now
            && used >= estimate.limit - estimate.limit / 4
        {
            estimate.limit = estimate.limit.saturating_add(estimate.step);
            estimate.raise_at = now.saturating_add(rule.window);
        }
    }

    /// The limit that a response means that says only what remains: what this program was granted in
    /// the window, and the rest.
    pub(super) fn reported_share(&self, rule: &Rule, until: i64, remaining: u64) -> u64 {
        self.granted_since(rule, until.saturating_sub(rule.window))
            .saturating_add(remaining)
    }

    fn granted_since(&self, rule: &Rule, since: i64) -> u64 {
        let counted = self
            .slots
            .iter()
            .filter(|(start, _)| start.saturating_add(rule.slot) > since);
        counted.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// Takes an amount back that was granted and not used.
    pub(super) fn give_back(&mut self, mut amount: u64) {
        while let Some((_, sum)) = self.slots.back_mut() {
            let part = amount.min(*sum);
            *sum -= part;
            amount -= part;
            if *sum > 0 {
                return;
            }
            self.slots.pop_back();
        }
    }

    pub(super) fn block(&mut self, until: i64) {
        self.blocked_until = self.blocked_until.max(Some(until));
    }

    pub(super) fn blocked_until(&self) -> Option<i64> {
        self.blocked_until
    }

    /// Applies what a response header says: the limit, the amount used by everyone, and when the
    /// window ends.
    pub(super) fn correct(
        &mut self,
        rule: &Rule,
        now: i64,
        limit: Option<u64>,
        used: Option<u64>,
        reset: Option<i64>,
    ) {
        // A limit of 0 would stop everything, and no response to a granted request can mean it.
        self.reported_limit = limit.filter(|limit| *limit > 0).or(self.reported_limit);
        if let (Kind::Fixed, Some(reset)) = (rule.kind, reset) {
            let anchor = self.window_end.unwrap_or(0);
            let off = (reset - anchor).rem_euclid(rule.window);
            // The header counts whole seconds.
            let tolerance = 5 * SECOND;
            if off > tolerance && off < rule.window - tolerance {
                self.window_end = Some(reset);
            }
        }
        let Some(used) = used else { return };
        let until = reset.unwrap_or_else(|| now.saturating_add(rule.window));
        let since = until.saturating_sub(rule.window);
        let own = self.granted_since(rule, since);
        let amount = used.saturating_sub(own);
        // Responses arrive in any order: the highest count of a window is the newest.
        match &mut self.foreign {
            Some(foreign) if foreign.until.abs_diff(until) < rule.window.unsigned_abs() / 2 => {
                foreign.seen = foreign.seen.max(amount);
                foreign.amount = foreign.amount.max(amount);
            }
            other => {
                *other = (amount > 0)
                    .then_some(Foreign {
                        amount,
                        seen: amount,
                        until,
                    })
                    .or(*other);
            }
        }
    }
}

fn times(interval: i64, count: u64) -> i64 {
    interval.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
