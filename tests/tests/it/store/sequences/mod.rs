//! Generated sequences of calls, made on the reference and on a real store at the same time: every
//! answer must be the same. What fails is shrunk to the calls that it needs; what was a mistake then
//! becomes a behaviour with a name beside the others, for every store.
//!
//! `./tests/run` makes a few sequences, the same ones each time. Longer, and others:
//!
//! ```sh
//! GATEPOST_SEQUENCES=2000 GATEPOST_SEQUENCES_SEED=7 ./tests/run store::sequences
//! ```

mod history;
mod history_call;
mod registry;
mod registry_call;

use std::fmt::Debug;
use std::fmt::Write as _;

use proptest::strategy::Strategy;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestError;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;

/// The number in a variable.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says how long"
)]
fn number(name: &str) -> Option<u32> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| {
        panic!("{name} must be a number, not {text:?}: {error}");
    }))
}

/// Makes `cases` sequences, or as many as whoever runs the tests wants. `differs` says where the
/// answers part.
fn compare<S, C>(cases: u32, sequences: &S, differs: &impl AsyncFn(&[C]) -> Option<String>)
where
    S: Strategy<Value = Vec<C>>,
    C: Debug,
{
    let cases = number("GATEPOST_SEQUENCES").unwrap_or(cases);
    let seed = number("GATEPOST_SEQUENCES_SEED").unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 3_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let done = runner.run(sequences, |calls| match runtime.block_on(differs(&calls)) {
        None => Ok(()),
        Some(what) => Err(TestCaseError::fail(what)),
    });
    match done {
        Ok(()) => {}
        Err(TestError::Fail(what, calls)) => {
            let mut text = String::new();
            for call in &calls {
                writeln!(text, "    {call:?}").unwrap();
            }
            panic!("{what}\nafter\n{text}GATEPOST_SEQUENCES_SEED={seed} shows it again");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
