//! The chat page in Chromium, against the real functions: `tests/browser/chat.mjs` opens two windows,
//! chats, kills one, comes back, and prints one JSON line a check.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use tokio::process::Command;

/// Two browsers, all checks.
const LIMIT: Duration = Duration::from_secs(240);

crate::both_stores::on_both_stores!(two_people_chat_in_chromium);

async fn two_people_chat_in_chromium(stack: &Stack) -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    anyhow::ensure!(
        folder.join("node_modules/playwright-core").is_dir(),
        "playwright-core is not installed: run ./tests/run, or npm ci in {}",
        folder.display()
    );
    let page = format!("http://{}/", stack.emulator.authority());
    let chat = Command::new("node")
        .args(["chat.mjs", &page])
        .current_dir(&folder)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, chat)
        .await
        .context("the browser hangs")??;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let checks: Vec<Value> = stdout
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(
        output.status.success(),
        "{stdout}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        checks.len() >= 15,
        "only {} checks ran:\n{stdout}",
        checks.len()
    );
    Ok(())
}
