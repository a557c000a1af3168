//! The chat core in a simulated world: see [`gatepost_tests::simulation`]. The long form is
//! `bench simulate`.

use gatepost_tests::bench;
use gatepost_tests::simulation::simulate;

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
