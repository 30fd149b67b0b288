//! Every fuzz target with its seeds, and with changes of them, for about a second in total each.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use tl_fuzz_targets::{Mutator, TARGETS, Target, seed_folder};

/// Runs of the fastest target.
const RUNS: u32 = 4000;

fn run(target: &Target, input: &[u8]) {
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(
        result.is_ok(),
        "{} failed with this input: {:?}",
        target.name,
        String::from_utf8_lossy(input)
    );
}

fn check(name: &str) {
    let target = Target::named(name).unwrap();
    let seeds = target.seeds().unwrap();
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for seed in &seeds {
        run(target, seed);
    }
    let mut mutator = Mutator::new(seeds, 1);
    for _ in 0..RUNS / target.cost {
        run(target, &mutator.next_input());
    }
}

macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )+

        #[test]
        fn every_target_is_tested_and_has_a_binary_and_seeds() {
            let tested = [$(stringify!($name)),+];
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(known, tested);
            let fuzz = seed_folder().join("../../../fuzz/fuzz_targets");
            let mut binaries: Vec<String> = std::fs::read_dir(fuzz)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .map(|name| name.trim_end_matches(".rs").to_owned())
                .collect();
            binaries.sort();
            let mut sorted = tested.map(String::from);
            sorted.sort();
            assert_eq!(binaries, sorted);
        }
    };
}

tests!(
    header,
    media,
    rules,
    remote,
    protocol_answer,
    protocol_proxy,
    responses,
    requests,
    rate_limits,
    webhook,
    schema,
    framing,
    events,
    matrix,
    manifest,
    list,
    template,
    checkpoint,
    ledger,
    sidecar,
    emulator,
    emulator_state,
);
