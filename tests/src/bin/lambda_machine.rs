//! The functions of one machine and nothing else. `lambda_machine supervise …` is what the machine
//! starts processes with; `lambda_machine host PROGRAM CONTROL` runs one function until it is
//! killed.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::supervise;
use gatepost_tests::machine::config;
use gatepost_tests::machine::function;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let task = arguments.next().unwrap_or_default();
    if task == "supervise" {
        return supervise(arguments).context("supervising");
    }
    let program = arguments.next().context("no PROGRAM")?;
    let control = arguments.next().context("no CONTROL")?;
    host(program.into(), &control)
}

#[tokio::main(flavor = "current_thread")]
async fn host(program: PathBuf, control: &OsString) -> anyhow::Result<()> {
    let mut function = function("puppet", program);
    function
        .environment
        .insert("CONTROL".to_owned(), control.to_string_lossy().into_owned());
    let supervisor = std::env::current_exe()?;
    let _lambda = Lambda::new(config(supervisor, |_| {}), vec![function])?;
    std::future::pending().await
}
