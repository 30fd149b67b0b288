//! Tests of changes to a pack, and of the bounds, margins and units that a rule may have.

use super::*;

fn pack(fields: &str) -> Result<RulePack, RulePackError> {
    RulePack::from_toml(&format!(
        "name = \"n\"\ndate = \"2026-01-01\"\n[[rule]]\nid = \"r\"\nwhy = \"w\"\n{fields}\n"
    ))
}

/// The bound of a rule after a change.
fn changed(fields: &str, change: &str) -> Bound {
    let base = pack(fields).unwrap();
    let changed = base.extended_with(&format!("[[rule]]\nid = \"r\"\n{change}\n"));
    let changed = changed.unwrap_or_else(|error| panic!("{error}"));
    changed.rules()[0].bound.clone()
}

#[test]
fn a_changed_bound_replaces_every_kind_of_bound() {
    for base in ["min = 1", "max = 1", "equals = 1"] {
        let base = format!("measure = \"audio_tracks\"\n{base}");
        assert_eq!(changed(&base, "min = 2"), Bound::Min(2.0), "{base}");
        assert_eq!(changed(&base, "max = 2"), Bound::Max(2.0), "{base}");
        assert_eq!(changed(&base, "equals = 2"), Bound::Equals(2.0), "{base}");
        let words = "measure = \"container\"\none_of = [\"mov\"]";
        let one_of = |word: &str| Bound::OneOf(vec![word.to_owned()]);
        assert_eq!(changed(&base, words), one_of("mov"), "{base}");
        let to_number = format!("{base}2");
        assert!(changed(words, &to_number).number().is_some(), "{base}");
        assert_eq!(changed(words, "one_of = [\"avi\"]"), one_of("avi"));
        // The bound stays if the change names none.
        assert_eq!(changed(&base, "margin = 1").number(), Some(1.0), "{base}");
    }
}

#[test]
fn margins_are_finite_and_not_negative() {
    let margin = |margin: &str| {
        let fields = format!("measure = \"audio_tracks\"\nmin = 1\nmargin = {margin}");
        pack(&fields).map(|pack| pack.rules()[0].margin)
    };
    assert_eq!(margin("0"), Ok(Some(0.0)));
    assert_eq!(margin("0.5"), Ok(Some(0.5)));
    for wrong in ["-1", "nan", "inf"] {
        assert!(margin(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn units_fit_their_measure() {
    let fits = |measure: &str, unit: &str| {
        pack(&format!(
            "measure = \"{measure}\"\nunit = \"{unit}\"\nmax = 5"
        ))
        .is_ok()
    };
    for (measure, unit) in [
        ("width", "px"),
        ("duration", "s"),
        ("file_size", "bytes"),
        ("file_size", "MB"),
        ("file_size", "GB"),
        ("excess_bytes", "bytes"),
        ("frame_rate", "fps"),
        ("bit_rate", "bit/s"),
        ("audio_tracks", ""),
    ] {
        assert!(fits(measure, unit), "{measure} {unit}");
        let other = if unit == "px" { "s" } else { "px" };
        assert!(!fits(measure, other), "{measure} {other}");
    }
    assert!(!fits("frame_rate", ""));
}
