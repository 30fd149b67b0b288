//! The HTML report of the local check in Chromium: themes, contrast, width and the filter.
//!
//! It is here because the other pages are tested in the same browser.

use serde_json::json;
use tl_validate::{
    Prober as _, Route, RulePack, Target, check, check_probe_failure,
    formats::{self, Entry},
    header::HeaderReader,
};

use crate::{browser::Browser, clips::clip, page_in_browser::PALE};

#[test]
fn report_is_readable_in_both_themes_and_on_a_phone() {
    let pack = RulePack::current();
    let target = Target::new(Route::Asset);
    let prober = HeaderReader::new();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mp4");
    std::fs::write(&broken, "not a video").unwrap();
    let mut reports = Vec::new();
    for path in [clip("640x360", 5), clip("320x180", 5), broken] {
        let probed = prober.probe(&path);
        let report = match &probed {
            Ok(facts) => check(facts, &target, pack),
            Err(error) => check_probe_failure(error, &target, pack),
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        reports.push((name, report, probed.ok()));
    }
    let entries: Vec<_> = reports
        .iter()
        .map(|(name, report, facts)| {
            let entry = Entry::new(name, report).without_thumbnail("ffmpeg was not found");
            match facts {
                Some(facts) => entry.with_facts(facts),
                None => entry,
            }
        })
        .collect();
    let page = folder.path().join("report.html");
    std::fs::write(&page, formats::html(&entries)).unwrap();
    let page = url::Url::from_file_path(&page).unwrap();

    let mut browser = Browser::open();
    for scheme in ["light", "dark"] {
        browser.set_color_scheme(scheme);
        browser.visit(page.as_str());
        browser.screenshot(&format!("report-{scheme}"));
        assert_eq!(browser.value(PALE), json!([]), "{scheme}");
    }
    let names = "[...document.querySelectorAll('article')].filter((one) => one.offsetHeight)\
                 .map((one) => one.querySelector('h2').innerText)";
    assert_eq!(
        browser.value(names),
        json!(["320x180-5.mp4", "broken.mp4", "640x360-5.mp4"]),
        "refused files come first"
    );
    // The filter is a group of radio buttons.
    browser.press("Tab");
    browser.press("ArrowRight");
    assert_eq!(browser.value(names), json!(["320x180-5.mp4", "broken.mp4"]));
    let narrow = json!({ "width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", &narrow);
    browser.visit(page.as_str());
    assert_eq!(
        browser.value("document.documentElement.scrollWidth <= innerWidth"),
        json!(true)
    );
    browser.screenshot("report-narrow");
    assert_eq!(browser.errors, Vec::<String>::new());
}
