//! The pure half: any rules file, any facts, every format. Run with `cargo xtask fuzz rules`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_validate::formats::{self, Entry, HumanOptions};
use tl_validate::{MediaFacts, Report, RulePack, Target, check, fix_all};

// The input is three texts: rules, facts, target. Each falls back to a good one, so that the others
// are reached.
fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\0');
    let (rules, facts, target) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let current = RulePack::current();
    let pack = current
        .extended_with(rules)
        .unwrap_or_else(|_| current.clone());
    let again = RulePack::from_toml(&pack.to_toml().expect("what was read can be written"))
        .expect("own output");
    assert_eq!(again, pack);
    let facts: MediaFacts = serde_json::from_str(facts).unwrap_or_default();
    let target: Target = serde_json::from_str(target).unwrap_or_default();
    let report = check(&facts, &target, &pack);
    let json = serde_json::to_string(&report).expect("plain data");
    assert_eq!(
        serde_json::from_str::<Report>(&json).expect("own output"),
        report
    );
    let _ = fix_all(&facts, &target, &pack);
    let entries = [Entry::new(rules, &report).with_facts(&facts)];
    for write in [
        formats::json,
        formats::csv,
        formats::junit,
        formats::sarif,
        formats::html,
    ] {
        assert!(!write(&entries).is_empty());
    }
    let line = formats::human(
        &entries[0],
        HumanOptions::default().with_color(false).with_details(true),
    );
    assert!(line.chars().all(|c| !c.is_control() || c == '\n'));
});
