//! The report as one HTML page: no scripts, no other files, light and dark, and readable at a width
//! of 400 pixels.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use super::text::ending;
use crate::format::{bytes, count, duration, one_line};

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--text:#1c2024;--soft:#5d6670;--line:#dde1e6;--card:#f6f7f9;--good:#1a7f37;--bad:#b42318;--wait:#9a6700;--accent:#0a66c2}
@media(prefers-color-scheme:dark){:root{--ground:#15181c;--text:#e6e8eb;--soft:#9aa4af;--line:#2d333b;--card:#1d2126;--good:#4ac26b;--bad:#ff7b72;--wait:#d4a72c;--accent:#6cb2ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
p{margin:.25rem 0;color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.5rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .75rem}
.card b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:.85rem}
.good{color:var(--good)}.bad{color:var(--bad)}.wait{color:var(--wait)}
.bar{display:flex;height:.6rem;border-radius:.3rem;overflow:hidden;background:var(--line)}
.bar i{display:block}.bar .good{background:var(--good)}.bar .bad{background:var(--bad)}.bar .wait{background:var(--wait)}.bar .skip{background:var(--soft)}
svg{width:100%;height:auto;display:block;background:var(--card);border:1px solid var(--line);border-radius:.4rem}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .5rem;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
td{overflow-wrap:anywhere;min-width:5rem}
td.n{text-align:right;min-width:0;font-variant-numeric:tabular-nums}
";

/// Escapes foreign text for HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

// Writing to a string cannot fail, so that the results of `write!` are ignored.
pub(super) fn page(report: &Report) -> String {
    let totals = report.totals;
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    let title = report
        .run
        .map_or_else(|| "Ingestion".to_owned(), |run| format!("Ingestion {run}"));
    let _ = write!(
        page,
        "<title>{title}</title><style>{STYLE}</style></head><body><main>"
    );
    let _ = write!(page, "<h1>{title}</h1>");
    let because = report.ending.map_or_else(|| "running".to_owned(), ending);
    let _ = write!(page, "<p>{}</p>", escape(&capitalized(&because)));
    let mut facts = Vec::new();
    if let Some(started) = report.started {
        facts.push(format!(
            "started {}",
            started.strftime("%Y-%m-%d %H:%M:%S UTC")
        ));
    }
    if let Some(ended) = report.ended {
        facts.push(format!("ended {}", ended.strftime("%Y-%m-%d %H:%M:%S UTC")));
    }
    if let Some(plan) = &report.plan {
        facts.push(format!("plan {}", escape(plan)));
    }
    if let Some(ledger) = &report.ledger {
        facts.push(format!("ledger {}", escape(ledger)));
    }
    let _ = write!(page, "<p>{}</p>", facts.join(" · "));
    bar(&mut page, report);
    page.push_str("<div class=\"cards\">");
    let skipped = totals.skipped + totals.skipped_failed;
    let failed = totals.failed + totals.refused + totals.unreadable;
    for (class, value, name) in [
        ("good", count(totals.ready), "ready"),
        ("", count(totals.items), "items"),
        ("bad", count(failed), "failed or refused"),
        ("", count(skipped), "skipped"),
        ("wait", count(totals.left()), "left"),
        ("", bytes(totals.sent_bytes), "sent"),
        ("", duration(totals.ready_video()), "of video indexed"),
        (
            "",
            duration(Duration::from_millis(totals.elapsed_ms)),
            "elapsed",
        ),
        ("", rate(report), "items per minute"),
        ("", count(totals.requests), "requests"),
        ("", count(totals.rate_limited), "rate limited (429)"),
    ] {
        let _ = write!(
            page,
            "<div class=\"card\"><b class=\"{class}\">{value}</b><span>{name}</span></div>"
        );
    }
    page.push_str("</div>");
    chart(&mut page, &report.course);
    causes(&mut page, report);
    failures(&mut page, report);
    page.push_str("</main></body></html>\n");
    page
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn rate(report: &Report) -> String {
    let minutes = report.totals.elapsed_ms as f64 / 60_000.0;
    match minutes > 0.0 {
        true => format!("{:.1}", report.totals.ready as f64 / minutes),
        false => "–".to_owned(),
    }
}

/// The share of each outcome.
fn bar(page: &mut String, report: &Report) {
    let totals = report.totals;
    let all = (totals.items + totals.unreadable).max(1) as f64;
    page.push_str("<div class=\"bar\" role=\"img\" aria-label=\"share of each outcome\">");
    for (class, number) in [
        ("good", totals.ready),
        ("skip", totals.skipped + totals.skipped_failed),
        ("bad", totals.failed + totals.refused + totals.unreadable),
        ("wait", totals.in_flight),
    ] {
        let _ = write!(
            page,
            "<i class=\"{class}\" style=\"width:{:.2}%\"></i>",
            number as f64 / all * 100.0
        );
    }
    page.push_str("</div>");
}

/// Items that were done, over time.
fn chart(page: &mut String, course: &[(u64, u64)]) {
    let (Some(last), true) = (course.last(), course.len() > 2) else {
        return;
    };
    let (width, height, margin) = (640.0, 160.0, 8.0);
    let (seconds, most) = (last.0.max(1) as f64, last.1.max(1) as f64);
    let mut points = String::new();
    for (at, ready) in course {
        let x = margin + *at as f64 / seconds * (width - 2.0 * margin);
        let y = height - margin - *ready as f64 / most * (height - 2.0 * margin);
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    // The labels are not in the picture, so that their size does not depend on its width.
    let _ = write!(
        page,
        "<h2>Ready over time</h2><div class=\"axis\"><span>{}</span></div>\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"items ready over time\">\
         <polyline points=\"{}\" fill=\"none\" stroke=\"var(--accent)\" stroke-width=\"2\"/></svg>\
         <div class=\"axis\"><span>0 s</span><span>{}</span></div>",
        count(last.1),
        points.trim_end(),
        duration(Duration::from_secs(last.0)),
    );
}

fn causes(page: &mut String, report: &Report) {
    let causes = report.causes();
    if causes.is_empty() {
        return;
    }
    page.push_str("<h2>Causes</h2><div class=\"scroll\"><table><tr><th>Items</th><th>Cause</th><th>First message</th></tr>");
    for (key, cause) in causes.iter().take(50) {
        let _ = write!(
            page,
            "<tr><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
            count(cause.count),
            escape(key),
            escape(&cause.example)
        );
    }
    page.push_str("</table></div>");
}

fn failures(page: &mut String, report: &Report) {
    if report.failures.is_empty() {
        return;
    }
    page.push_str("<h2>Failed and refused items</h2><div class=\"scroll\"><table><tr><th>Item</th><th>State</th><th>Why</th></tr>");
    for failed in &report.failures {
        let _ = write!(
            page,
            "<tr><td>{}</td><td class=\"bad\">{}</td><td>{}</td></tr>",
            escape(&failed.name),
            failed.state,
            escape(&failed.error.text)
        );
    }
    page.push_str("</table></div>");
    if report.more_failures > 0 {
        let _ = write!(
            page,
            "<p>and {} more; <code>tl ledger ls</code> lists all</p>",
            count(report.more_failures)
        );
    }
}
