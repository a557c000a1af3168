//! The chat core in a simulated world: see [`gatepost_tests::simulation`]. The long form is
//! `bench simulate`.

use gatepost_tests::bench;
use gatepost_tests::mutants::Mutant;
use gatepost_tests::simulation::simulate;
use gatepost_tests::simulation::simulate_with;

#[test]
fn every_promise_is_kept_whatever_the_world_does() {
    let figures = bench::simulate::run(1, 120);
    assert_eq!(figures["kept"], true, "{figures:#}");
    // It was no quiet world, and nobody was silent in it.
    for (what, least) in [
        ("faults", 400),
        ("acknowledged", 1_500),
        ("delivered", 3_000),
    ] {
        assert!(
            figures[what].as_u64().unwrap() >= least,
            "{what}: {figures:#}"
        );
    }
    for (what, least) in [
        ("logs restored", 10),
        ("clients below the floor", 3),
        ("texts taken back", 50),
        ("users let in", 200),
        ("users shut out", 30),
    ] {
        let happened = figures["happened"][what].as_u64();
        assert!(happened >= Some(least), "{what}: {figures:#}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..4 {
        let (one, other) = (simulate(seed, true), simulate(seed, true));
        assert!(one.trace.len() > 200, "{} lines", one.trace.len());
        assert_eq!(one.trace, other.trace);
        assert_eq!(one.records, other.records);
        assert_ne!(one.trace, simulate(seed + 10, true).trace);
    }
}

/// So many worlds at most are looked at for a mistake.
const WORLDS: u64 = 1_000;

#[test]
fn every_mistake_is_found_in_a_few_worlds() {
    let mut missed = Vec::new();
    for mutant in Mutant::SIMULATED {
        let found = (1..=WORLDS).find(|seed| {
            let run = simulate_with(*seed, false, Some(mutant));
            run.report.violations.contains_key(&mutant.found_by())
        });
        match found {
            Some(seed) => println!("{mutant:?}: found in world {seed}"),
            None => missed.push(mutant),
        }
    }
    assert_eq!(missed, []);
}
