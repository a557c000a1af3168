//! A function that does nothing by itself: it connects to the test (`CONTROL`) and obeys. The test
//! speaks to the Runtime API in its place, and decides when it misbehaves.

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::process::Command;

#[expect(
    clippy::disallowed_methods,
    reason = "a function knows its environment only"
)]
fn main() -> io::Result<()> {
    let control = std::env::var("CONTROL").map_err(io::Error::other)?;
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut test = TcpStream::connect(control)?;
    writeln!(test, "{} {api}", std::process::id())?;
    for order in BufReader::new(test.try_clone()?).lines() {
        let order = order?;
        let answer = obey(order.split_once(' ').unwrap_or((&order, "")))?;
        writeln!(test, "{answer}")?;
    }
    Ok(())
}

fn obey((order, argument): (&str, &str)) -> io::Result<String> {
    match order {
        "print" => {
            let mut out = io::stdout();
            writeln!(out, "{argument}")?;
            out.flush()?;
        }
        // What a command says, on one line, or why it failed.
        "shell" => {
            let output = Command::new("sh").args(["-c", argument]).output()?;
            let said = match output.status.success() {
                true => output.stdout,
                false => output.stderr,
            };
            return Ok(String::from_utf8_lossy(&said).trim().replace('\n', " "));
        }
        "complain" => writeln!(io::stderr(), "{argument}")?,
        "exit" => std::process::exit(argument.parse().map_err(io::Error::other)?),
        // Of the function's group.
        "child" => {
            let child = Command::new("sleep").arg("86400").spawn()?;
            return Ok(child.id().to_string());
        }
        // Work that nobody waits for.
        "count" => {
            let file = File::create(argument)?;
            std::thread::spawn(move || -> io::Result<()> {
                for count in 0_u64.. {
                    file.write_all_at(&count.to_ne_bytes(), 0)?;
                }
                Ok(())
            });
        }
        "variables" => {
            #[expect(
                clippy::disallowed_methods,
                reason = "the test asks for its environment"
            )]
            let variables: Vec<_> = std::env::vars().collect();
            return serde_json::to_string(&variables).map_err(io::Error::other);
        }
        _ => return Err(io::Error::other(format!("unknown order {order}"))),
    }
    Ok("ok".to_owned())
}
