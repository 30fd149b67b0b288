//! Tests of which rules apply, and which of two is the stricter one.

use super::*;

/// A pack with these rules, each of them the fields that differ.
fn pack(rules: &[(&str, &str)]) -> RulePack {
    let mut text = "name = \"n\"\ndate = \"2026-01-01\"\ntitle = \"A title\"\n".to_owned();
    text.push_str("source = \"s\"\ndocumentation = \"d\"\ndefault_engines = [\"a\", \"b\"]\n");
    for (id, fields) in rules {
        text.push_str(&format!(
            "[[rule]]\nid = \"{id}\"\nwhy = \"Because.\"\n{fields}\n"
        ));
    }
    RulePack::from_toml(&text).unwrap_or_else(|error| panic!("{error}"))
}

const SECONDS: &str = "measure = \"duration\"\nunit = \"s\"";

/// The rule that is kept of two, in both orders.
fn kept(a: &str, b: &str) -> Vec<String> {
    let of = |rules: [(&str, &str); 2]| {
        let pack = pack(&rules);
        let target = Target::new(Route::Tasks);
        let kept = pack.rules_for(&target).into_iter();
        let mut ids: Vec<_> = kept.map(|rule| rule.id.clone()).collect();
        ids.sort();
        ids
    };
    let ids = of([("a", a), ("b", b)]);
    assert_eq!(ids, of([("b", b), ("a", a)]), "the order does not matter");
    ids
}

fn of_duration(bound: &str) -> String {
    format!("{SECONDS}\nseverity = \"error\"\n{bound}")
}

#[test]
fn the_strictest_of_competing_rules_is_kept() {
    let both = |a: &str, b: &str| kept(&of_duration(a), &of_duration(b));
    assert_eq!(both("max = 10", "max = 20"), ["a"]);
    assert_eq!(both("max = 20", "max = 10"), ["b"]);
    assert_eq!(both("min = 10", "min = 20"), ["b"]);
    assert_eq!(both("min = 20", "min = 10"), ["a"]);
    // On a tie, the first by name.
    assert_eq!(both("max = 10", "max = 10"), ["a"]);
    assert_eq!(both("min = 10", "min = 10"), ["a"]);
    // In different directions.
    assert_eq!(both("min = 10", "max = 20"), ["a", "b"]);
}

#[test]
fn bounds_are_compared_in_base_units() {
    let of_size = |bound: &str| format!("measure = \"file_size\"\nseverity = \"error\"\n{bound}");
    let both = |a: &str, b: &str| kept(&of_size(a), &of_size(b));
    assert_eq!(
        both("max = 3\nunit = \"MB\"", "max = 2\nunit = \"GB\""),
        ["a"]
    );
    assert_eq!(
        both("max = 4000\nunit = \"MB\"", "max = 1\nunit = \"GB\""),
        ["b"]
    );
    assert_eq!(
        both("max = 900\nunit = \"bytes\"", "max = 1\nunit = \"MB\""),
        ["a"]
    );
}

#[test]
fn rules_of_another_severity_or_kind_of_file_do_not_compete() {
    let rule = of_duration("max = 10");
    let warning = format!("{SECONDS}\nseverity = \"warning\"\nmax = 20");
    assert_eq!(kept(&rule, &warning), ["a", "b"]);
    let audio = of_duration("max = 20\naudio_only = true");
    assert_eq!(kept(&rule, &audio), ["a", "b"]);
    let pack = pack(&[("a", &rule), ("b", &warning)]);
    let [a, b] = pack.rules() else {
        panic!("two rules");
    };
    assert_eq!(a.strictest(b), None);
    assert_eq!(pack.title(), "A title");
}

#[test]
fn the_route_of_a_file_changes_after_its_certain_limit() {
    let rule =
        "measure = \"file_size\"\nunit = \"MB\"\nseverity = \"error\"\nroute = \"asset\"\nmax = 3";
    let asset = pack(&[("a", rule)]);
    assert_eq!(asset.route_for_file(3_000_000), Route::Asset);
    assert_eq!(asset.route_for_file(3_000_001), Route::Multipart);
    // Advice is no limit.
    let advice = rule.replace("error", "warning");
    assert_eq!(pack(&[("a", &advice)]).route_limit(Route::Asset), None);
    assert_eq!(asset.route_limit(Route::Tasks), None);
}

#[test]
fn a_target_keeps_its_engines_on_another_route() {
    let target = Target::new(Route::Tasks).with_engine("a");
    let moved = target.clone().with_route(Route::Asset);
    assert_eq!((moved.route, moved.engines), (Route::Asset, target.engines));
}

#[test]
fn exact_bounds_allow_rounding_below_a_billionth() {
    let exactly = Bound::Equals(0.0);
    assert!(exactly.allows(0.9e-9) && !exactly.allows(1e-9));
}
