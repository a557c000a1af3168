//! The judge finds every mistake that the product could have been built with, and finds none in the
//! product, in the same scenes.

use gatepost_tests::mutants::Mutant;

macro_rules! mutants {
    ($($name:ident: $mutant:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                found(Mutant::$mutant).await
            }
        )+

        #[test]
        fn every_mutant_has_its_test() {
            assert_eq!([$(Mutant::$mutant),+], Mutant::STAGED);
        }
    };
}

mutants! {
    a_seq_from_a_counter_is_found: CounterSeq,
    a_seq_from_auto_increment_is_found: AutoIncrement,
    an_acknowledgement_before_the_commit_is_found: AckBeforeCommit,
    a_server_that_does_not_flush_is_found: NoFlush,
    a_disconnect_that_removes_the_user_is_found: DeleteByUser,
    a_410_that_removes_who_is_just_connecting_is_found: ReapYoung,
    a_client_that_does_not_hold_back_is_found: NoHoldBack,
    a_client_that_does_not_heed_heads_is_found: NoHeadCheck,
    sends_that_only_redis_remembers_are_found: DedupeInRedis,
    a_resume_that_repeats_the_last_entry_is_found: ResumeInclusive,
    a_fan_out_to_everybody_is_found: NoAccessCheck,
}

async fn found(mutant: Mutant) -> anyhow::Result<()> {
    let (right, wrong) = tokio::join!(mutant.play(false), mutant.play(true));
    right?.ensure_kept()?;
    let report = wrong?;
    assert!(
        report.violations.contains_key(&mutant.found_by()),
        "{mutant:?} is not found by {:?}: {:?}",
        mutant.found_by(),
        report.violations
    );
    Ok(())
}
