//! The gateway and the functions misbehave by the emulator's fault rules, while clients send.

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;

use super::run::Run;
use crate::client::Manner;
use crate::stack::Stack;

/// What goes wrong in one run.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// A name for it, part of the room's.
    pub name: &'static str,
    /// The emulator's rules, as JSON; each is set while the clients send.
    pub rules: &'static [&'static str],
    /// Connections that are lost while it goes on, one after the other.
    pub cuts: usize,
}

/// One run of these rules on a stack: clients send, the rules end, and the run is judged. Answers
/// the figures and the stack.
///
/// # Errors
/// If a send is never answered, or a rule is wrong or never fires.
pub async fn gateway(
    stack: Stack,
    rules: Rules,
    clients: usize,
    each: usize,
) -> anyhow::Result<(Value, Stack)> {
    let mut run = Run::new(stack)?;
    run.populate(&[rules.name], clients, Manner::BRISK).await?;
    let mut set = Vec::new();
    for rule in rules.rules {
        run.fault(rule);
        let rule: Value = serde_json::from_str(rule)?;
        set.push(run.stack.emulator.fault(rule).await?);
    }
    let (progress, mut acknowledged) = watch::channel(0);
    let cuts = async {
        for cut in 0..rules.cuts {
            let at = (cut + 1) * clients * each / (rules.cuts + 1);
            super::run::reached(&mut acknowledged, at).await?;
            let client = &run.clients[cut % clients];
            run.fault("a connection is lost");
            client.cut();
        }
        anyhow::Ok(())
    };
    tokio::try_join!(run.talk(each, &progress), cuts)?;
    for rule in &set {
        // What a connection's end sets off may still be under way.
        run.stack
            .emulator
            .until_fired(rule)
            .await
            .with_context(|| rules.name)?;
    }
    drop(set);
    run.healed(rules.name);
    let finished = run.finish().await?;
    let report = &finished.report;
    let figures = json!({
        "fault": rules.name,
        "settled_ms": finished.settled_ms,
        "kept": report.kept,
        "report": report,
    });
    Ok((figures, finished.stack))
}
