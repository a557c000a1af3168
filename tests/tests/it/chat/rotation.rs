//! Clients that rotate their connections before the gateway ends them.

use std::time::Duration;

use gatepost_tests::checker::Event;
use gatepost_tests::client::Manner;
use gatepost_tests::emulator::Launch;
use gatepost_tests::faults::Run;
use gatepost_tests::stack::Stack;
use tokio::time::sleep;

/// The emulated clock runs so much faster: two hours take 12 s, ten minutes 1 s.
const SCALE: u32 = 600;

#[tokio::test]
async fn clients_that_rotate_are_never_cut_off_and_miss_nothing() -> anyhow::Result<()> {
    let scale = SCALE.to_string();
    let launch = Launch::chat()
        .unthrottled()
        .arguments(&["--time-scale", &scale])
        .without_facts();
    let off = [("RATE_PER_USER", "0"), ("RATE_PER_ROOM", "0")];
    let mut run = Run::new(Stack::on_servers(launch, &off).await?)?;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60) / SCALE;
    let manner = Manner {
        // Not as late as a client may, because a loaded machine is slower, its clock is not.
        rotation: (minutes(80), minutes(90)),
        ..Manner::BRISK
    };
    run.populate(&["room"], 3, manner).await?;
    let talk = async {
        // Nobody is idle for ten minutes.
        for number in 0.. {
            run.clients[number % 3]
                .send("room", &format!("message {number}"))
                .await?;
            sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    let rotated = async {
        for client in &run.clients {
            client.until(|seen| seen.rotated >= 2).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        talked = talk => talked?,
        rotated = rotated => rotated?,
    }
    let recorder = run.recorder.clone();
    let report = run.finish().await?.report;
    anyhow::ensure!(report.kept, "{report:#?}");
    let records = recorder.records();
    let cut_off = records
        .iter()
        .filter(|record| matches!(record.event, Event::Closed { .. }));
    assert_eq!(cut_off.count(), 0, "no connection ended under its client");
    Ok(())
}
