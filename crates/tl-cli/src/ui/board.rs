//! The state of a bulk run as lines of text: one line per transfer and one or two for the whole.
//! Pure: time and width are arguments.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use tl_bulk::event::{Event, Record};
use tl_bulk::totals::Totals;
use tl_ledger::ItemId;
use tl_protocol::limiter::Dimension;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::units::{format_bytes, format_count, format_long_duration};
use crate::ui::escape::plain_line;

/// The window in which rates are measured.
const WINDOW: Duration = Duration::from_secs(60);

/// The most transfers that are shown; more are counted.
const MAX_SHOWN: usize = 8;

/// The widest line. On a wider terminal, columns would be far apart.
const MAX_WIDTH: usize = 160;

/// What a run is doing.
#[derive(Debug, Default)]
pub(crate) struct Board {
    totals: Totals,
    transfers: Vec<Transfer>,
    /// Why the run waits.
    limit: Option<(Dimension, Option<Timestamp>)>,
    /// Items that have ended, and bytes that were sent, over the last minute.
    samples: VecDeque<(Timestamp, u64, u64)>,
}

/// An upload.
#[derive(Debug)]
struct Transfer {
    item: ItemId,
    name: String,
    sent: u64,
    total: u64,
    since: Timestamp,
    /// Bytes that were sent before: a resumed upload.
    from: Option<u64>,
}

impl Board {
    /// Adds what happened.
    pub(crate) fn record(&mut self, record: &Record) {
        match &record.event {
            Event::ItemUploading(item) => {
                self.end(item.item);
                self.limit = None;
                self.transfers.push(Transfer {
                    item: item.item,
                    name: plain_line(&item.name),
                    sent: 0,
                    total: item.bytes.unwrap_or(0),
                    since: record.at,
                    from: None,
                });
            }
            Event::Transfer { item, sent, total } => {
                let transfer = self.transfers.iter_mut().find(|one| one.item == *item);
                if let Some(transfer) = transfer {
                    // An upload that starts over sends less than before.
                    if transfer.from.is_none_or(|from| *sent < from) {
                        transfer.from = Some(*sent);
                        transfer.since = record.at;
                    }
                    (transfer.sent, transfer.total) = (*sent, *total);
                }
            }
            Event::ItemProcessing(item)
            | Event::ItemIndexing(item)
            | Event::ItemReady(item)
            | Event::ItemInDoubt(item)
            | Event::ItemFailed { item, .. }
            | Event::ItemHeld { item, .. } => self.end(item.item),
            Event::Limit { dimension, until } => self.limit = Some((*dimension, *until)),
            Event::Progress(totals) => self.set_totals(record.at, *totals),
            Event::RunEnded(summary) => {
                self.transfers.clear();
                self.set_totals(record.at, summary.totals);
            }
            _ => {}
        }
    }

    fn end(&mut self, item: ItemId) {
        self.transfers.retain(|transfer| transfer.item != item);
    }

    fn set_totals(&mut self, at: Timestamp, totals: Totals) {
        self.totals = totals;
        self.samples
            .push_back((at, ended(&totals), totals.sent_bytes));
        let is_old = |time: Timestamp| since(time, at) > WINDOW;
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|(at, ..)| is_old(*at)) {
            self.samples.pop_front();
        }
    }

    /// Items per minute and bytes per second over the last minute.
    fn rates(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = since(first.0, last.0).as_secs_f64();
        (seconds >= 1.0).then(|| {
            let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
            (
                per_second(first.1, last.1) * 60.0,
                per_second(first.2, last.2),
            )
        })
    }

    /// The lines for a terminal, each at most `width` columns wide: transfers, then the total.
    pub(crate) fn lines(&self, now: Timestamp, width: usize) -> Vec<String> {
        let width = width.clamp(20, MAX_WIDTH);
        let mut lines: Vec<String> = self
            .transfers
            .iter()
            .take(MAX_SHOWN)
            .map(|transfer| transfer.line(now, width))
            .collect();
        if self.transfers.len() > MAX_SHOWN {
            lines.push(format!("  and {} more", self.transfers.len() - MAX_SHOWN));
        }
        lines.push(joined(&self.total_parts(), width));
        if let Some(text) = self.limit_text(now) {
            lines.push(cut_end(&text, width));
        }
        lines
    }

    /// The state on one line, for a log.
    pub(crate) fn plain(&self, now: Timestamp) -> String {
        let mut text = self.total_parts().join(", ");
        if let Some(limit) = self.limit_text(now) {
            text.push_str(", ");
            text.push_str(&limit);
        }
        text
    }

    /// The parts of the total, the most important first.
    fn total_parts(&self) -> Vec<String> {
        let totals = &self.totals;
        let ended = ended(totals);
        let all = format_count(totals.items);
        let mut parts = vec![match totals.is_complete {
            true => format!(
                "{} of {all} ({} %)",
                format_count(ended),
                percent(ended, totals.items)
            ),
            // Sources are still read.
            false => format!("{} of {all}+", format_count(ended)),
        }];
        let failed = totals.failed + totals.refused + totals.unreadable;
        if failed > 0 {
            parts.push(format!("{} failed", format_count(failed)));
        }
        let rates = self.rates();
        let left = totals.left();
        if let Some((per_minute, _)) = rates
            && totals.is_complete
            && left > 0
            && per_minute > 0.0
        {
            let seconds = left as f64 / per_minute * 60.0;
            let eta = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            parts.push(format!("{} left", format_long_duration(eta)));
        }
        if totals.in_flight > 0 {
            parts.push(format!("{} indexing", format_count(totals.in_flight)));
        }
        if let Some((per_minute, per_second)) = rates {
            parts.push(format!("{per_minute:.0}/min"));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate above zero"
            )]
            let per_second = per_second as u64;
            if per_second > 0 {
                parts.push(format!("{}/s", format_bytes(per_second)));
            }
        }
        parts.push(format!("{} sent", format_bytes(totals.sent_bytes)));
        parts.push(format!(
            "{} min of video",
            format_count(totals.ready_ms / 60_000)
        ));
        parts
    }

    fn limit_text(&self, now: Timestamp) -> Option<String> {
        let (dimension, until) = self.limit?;
        let until = match until {
            Some(until) if until <= now => return None,
            Some(until) => {
                let left = format_long_duration(since(now, until));
                format!(" until {} (in {left})", until.strftime("%H:%M:%S UTC"))
            }
            None => String::new(),
        };
        Some(format!("waiting{until}: {}", dimension.label()))
    }
}

impl Transfer {
    fn line(&self, now: Timestamp, width: usize) -> String {
        let percent = percent(self.sent, self.total);
        let mut right = format!("{percent:>3} % {:>9}", format_bytes(self.total));
        let mut rate_shown = String::new();
        let mut left_shown = String::new();
        let seconds = since(self.since, now).as_secs_f64();
        let sent = self.sent.saturating_sub(self.from.unwrap_or(0));
        if seconds >= 1.0 && sent > 0 {
            let rate = sent as f64 / seconds;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate above zero"
            )]
            let shown = format_bytes(rate as u64);
            rate_shown = format!("{shown}/s");
            let left = self.total.saturating_sub(self.sent) as f64 / rate;
            if width >= 100 && left >= 1.0 {
                let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
                left_shown = format!("{} left", format_long_duration(left));
            }
        }
        // The columns stay where they are while a rate is not known.
        right.push_str(&format!(" {rate_shown:>11}"));
        if width >= 100 {
            right.push_str(&format!("  {left_shown:<15}"));
        }
        let bar = match width {
            0..60 => String::new(),
            60..100 => format!("  {}", bar(percent, 10)),
            _ => format!("  {}", bar(percent, 20)),
        };
        let right = format!("{bar}  {right}");
        let room = width.saturating_sub(right.width() + 2);
        let name = cut_start(&self.name, room);
        let gap = room.saturating_sub(name.width());
        let line = format!("  {name}{}{right}", " ".repeat(gap));
        cut_end(line.trim_end(), width)
    }
}

/// Items that are done, refused, failed or skipped.
fn ended(totals: &Totals) -> u64 {
    totals.items.saturating_sub(totals.left())
}

fn percent(part: u64, whole: u64) -> u64 {
    match whole {
        0 => 0,
        whole => (u128::from(part) * 100 / u128::from(whole)).min(100) as u64,
    }
}

fn bar(percent: u64, width: usize) -> String {
    let full = width * usize::try_from(percent).unwrap_or(100) / 100;
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// As many parts as fit, the first ones.
fn joined(parts: &[String], width: usize) -> String {
    let mut text = String::new();
    for part in parts {
        let separator = if text.is_empty() { "" } else { "  " };
        if text.width() + separator.len() + part.width() > width && !text.is_empty() {
            break;
        }
        text.push_str(separator);
        text.push_str(part);
    }
    cut_end(&text, width)
}

/// Cuts the end of a text that is too wide.
fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// Cuts the start of a text that is too wide: the end of a path says more.
fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let mut kept: Vec<char> = Vec::new();
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    // A mark that combines with a character that was cut.
    while kept.last().is_some_and(|c| c.width() == Some(0)) {
        kept.pop();
    }
    let mut cut = String::from("…");
    cut.extend(kept.into_iter().rev());
    cut
}

#[cfg(test)]
mod tests {
    use tl_bulk::event::ItemEvent;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn progress(second: i64, ready: u64) -> Record {
        let totals: Totals = serde_json::from_value(serde_json::json!({
            "items": 10_000, "bytes": 1_360_000_000, "is_complete": true, "unreadable": 0,
            "skipped": 100, "skipped_failed": 0, "refused": 3, "uploaded": ready,
            "sent_bytes": ready * 136_000, "in_flight": 48, "ready": ready,
            "ready_ms": ready * 5_000, "failed": 0, "held": 0, "settled": 0,
            "requests": 0, "rate_limited": 0, "elapsed_ms": 0,
        }))
        .unwrap();
        Record::new(at(second), Event::Progress(totals))
    }

    fn board() -> Board {
        let mut board = Board::default();
        for (number, name) in [
            (
                1,
                "archive/2026/november/show/episode-with-a-long-name-e01.mp4",
            ),
            (
                2,
                "日本語の動画ファイル名はとても長いので切り取られます-クリップ.mp4",
            ),
        ] {
            let mut item = ItemEvent::new(ItemId::new(number), name);
            item.bytes = Some(48_000_000);
            board.record(&Record::new(at(0), Event::ItemUploading(item)));
            for (second, sent) in [(1, 8_000_000), (9, 24_000_000)] {
                let event = Event::Transfer {
                    item: ItemId::new(number),
                    sent,
                    total: 48_000_000,
                };
                board.record(&Record::new(at(second), event));
            }
        }
        board.record(&progress(0, 0));
        board.record(&progress(9, 9));
        board
    }

    #[test]
    fn lines_show_transfers_and_the_total() {
        let mut board = board();
        insta::assert_snapshot!("board_80", board.lines(at(9), 80).join("\n"));
        insta::assert_snapshot!("board_120", board.lines(at(9), 120).join("\n"));
        board.record(&Record::new(
            at(9),
            Event::Limit {
                dimension: Dimension::UploadPerDay,
                until: Some(at(40_000)),
            },
        ));
        insta::assert_snapshot!("board_40", board.lines(at(9), 40).join("\n"));
        insta::assert_snapshot!("board_plain", board.plain(at(9)));
        // The wait is over.
        assert_eq!(board.lines(at(40_001), 80).len(), 3);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut board = board();
        board.record(&Record::new(
            at(9),
            Event::Limit {
                dimension: Dimension::VideoPerDay,
                until: Some(at(99_999)),
            },
        ));
        for width in 20..200 {
            for line in board.lines(at(9), width) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn many_transfers_are_counted() {
        let mut board = Board::default();
        for number in 0..20 {
            let item = ItemEvent::new(ItemId::new(number), "a\u{1b}[2J.mp4");
            board.record(&Record::new(at(0), Event::ItemUploading(item)));
        }
        let lines = board.lines(at(1), 80);
        assert_eq!(lines.len(), MAX_SHOWN + 2);
        assert_eq!(lines[MAX_SHOWN], "  and 12 more");
        assert!(!lines.concat().contains('\u{1b}'));
        let item = ItemEvent::new(ItemId::new(5), "a.mp4");
        board.record(&Record::new(at(2), Event::ItemReady(item)));
        assert_eq!(board.transfers.len(), 19);
    }

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let mut board = Board::default();
        for second in 0..600 {
            // One per second, then none.
            let ready = u64::try_from(second.min(300)).unwrap();
            board.record(&progress(second, ready));
            if second == 299 {
                assert_eq!(board.rates().unwrap().0.round(), 60.0);
            }
        }
        assert_eq!(board.rates().unwrap().0, 0.0);
        assert!(board.samples.len() < 70);
        assert!(!board.plain(at(600)).contains("left"));
    }

    #[test]
    fn texts_are_cut_by_width() {
        assert_eq!(cut_start("abcdef", 4), "…def");
        assert_eq!(cut_end("abcdef", 4), "abc…");
        assert_eq!(cut_start("日本語.mp4", 7), "…語.mp4");
        assert_eq!(cut_start("日本語.mp4", 6), "….mp4");
        assert_eq!(cut_end("日本語", 4), "日…");
        assert_eq!(cut_end("abc", 3), "abc");
        assert_eq!(cut_start("", 3), "");
    }
}
