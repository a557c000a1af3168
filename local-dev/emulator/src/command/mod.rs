//! The subcommands beside `dev`, one file each. Most speak to a running emulator over the
//! console's API, so that whatever they do a program can do as well.

mod api;
mod completions;
mod conform;
mod connections;
mod doctor;
mod events;
mod fault;
mod invoke;
mod kick;
mod operator;
mod publish;
mod record;
mod replay;
mod routes;
mod running;
mod table;
mod who;

use std::io;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::Process;

pub(crate) use completions::CompletionsArguments;
pub(crate) use conform::ConformArguments;
pub(crate) use connections::ConnectionsArguments;
pub(crate) use doctor::DoctorArguments;
pub(crate) use events::EventsArguments;
pub(crate) use fault::FaultArguments;
pub(crate) use invoke::InvokeArguments;
pub(crate) use kick::KickArguments;
pub(crate) use publish::PublishArguments;
pub(crate) use record::RecordArguments;
pub(crate) use replay::ReplayArguments;
pub(crate) use routes::RoutesArguments;
pub(crate) use running::RunningEmulator;
pub(crate) use who::WhoArguments;

/// What can be done beside `dev`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Shows which route calls which function, and where the template says so
    #[command(after_help = routes::EXAMPLES)]
    Routes(RoutesArguments),
    /// Invokes a function, with an event or as a route does
    #[command(after_help = invoke::EXAMPLES)]
    Invoke(InvokeArguments),
    /// Lists connections, sends to one, closes one
    #[command(after_help = connections::EXAMPLES)]
    Connections(ConnectionsArguments),
    /// Shows what happens
    #[command(after_help = events::EXAMPLES)]
    Events(EventsArguments),
    /// Makes things go wrong on purpose
    #[command(after_help = fault::EXAMPLES)]
    Fault(FaultArguments),
    /// Writes a session to a file: frames and events with their bodies
    #[command(after_help = record::EXAMPLES)]
    Record(RecordArguments),
    /// Sends what was recorded again
    #[command(after_help = replay::EXAMPLES)]
    Replay(ReplayArguments),
    /// Writes a message to a chat room, as its operator
    #[command(after_help = publish::EXAMPLES)]
    Publish(PublishArguments),
    /// Closes every connection of a user of the chat
    #[command(after_help = kick::EXAMPLES)]
    Kick(KickArguments),
    /// Lists who is in a chat room, or where a user is connected
    #[command(after_help = who::EXAMPLES)]
    Who(WhoArguments),
    /// Checks an endpoint, here or on AWS, against what AWS does
    #[command(after_help = conform::EXAMPLES)]
    Conform(ConformArguments),
    /// Checks what is needed on this machine
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArguments),
    /// Prints a completion script for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(CompletionsArguments),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What went wrong, and what to do about it.
    pub(crate) async fn run(self, process: &Process) -> anyhow::Result<ExitCode> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Self::Routes(arguments) => routes::run(&arguments, process).map(done),
            Self::Invoke(arguments) => invoke::run(&arguments, process).await,
            Self::Connections(arguments) => connections::run(&arguments, process).await.map(done),
            Self::Events(arguments) => events::run(&arguments, process).await.map(done),
            Self::Fault(arguments) => fault::run(&arguments, process).await.map(done),
            Self::Record(arguments) => record::run(&arguments, process).await.map(done),
            Self::Replay(arguments) => replay::run(&arguments, process).await,
            Self::Publish(arguments) => publish::run(&arguments, process).await.map(done),
            Self::Kick(arguments) => kick::run(&arguments, process).await.map(done),
            Self::Who(arguments) => who::run(&arguments, process).await.map(done),
            Self::Conform(arguments) => conform::run(&arguments, process).await,
            Self::Doctor(arguments) => doctor::run(&arguments, process).await,
            Self::Completions(arguments) => completions::run(&arguments).map(done),
        }
    }
}

/// Writes to standard output. A reader that has gone is no error: `gatepost events tail | head`.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.context("writing to standard output"),
    }
}
