//! The subcommands beside `dev`, as a person types them.

mod functions;
mod live;
mod sessions;

use anyhow::Context;
use gatepost_tests::emulator::run;

#[tokio::test]
async fn every_subcommand_shows_examples() -> anyhow::Result<()> {
    for subcommand in [
        "dev",
        "routes",
        "invoke",
        "connections",
        "events",
        "fault",
        "record",
        "replay",
        "publish",
        "kick",
        "who",
        "conform",
        "doctor",
        "completions",
    ] {
        let help = run(&[subcommand, "--help"]).await?;
        assert_eq!(help.code, Some(0));
        let example = format!("\n  gatepost {subcommand}");
        let shows = help.stdout.contains(&example) || subcommand == "completions";
        assert!(
            shows && help.stdout.contains("Examples:"),
            "{}",
            help.stdout
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_misspelt_subcommand_is_usage_and_says_what_was_meant() -> anyhow::Result<()> {
    let ended = run(&["evnts"]).await?;
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.contains("'events'"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn without_an_emulator_it_is_said_how_to_start_one() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("UTF-8")?;
    let ended = run(&["connections", "ls", "--data-dir", path]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("gatepost dev"), "{}", ended.stderr);
    // Port 9 is the discard service's: nobody runs that any more.
    let ended = run(&["connections", "ls", "--port", "9"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("no emulator answers at 127.0.0.1:9"),
        "{}",
        ended.stderr
    );
    Ok(())
}

#[tokio::test]
async fn routes_are_shown_with_their_functions_and_lines_and_nothing_runs() -> anyhow::Result<()> {
    let template = "tests/fixtures/emulator/rust.yaml";
    let ended = run(&["routes", "--template", template]).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let row = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("$default"));
    let row = row.context("the route $default")?;
    for part in [
        "Echo (two-way)",
        "cargo binary echo",
        "tests/fixtures/emulator/rust",
        "rust.yaml:",
    ] {
        assert!(row.contains(part), "{row}");
    }
    let ended = run(&["routes", "--template", template, "--json"]).await?;
    let apis: serde_json::Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(apis[0]["routes"][2]["function"], "Echo");
    let ended = run(&["routes", "--template", "tests/fixtures/emulator/wrong.yaml"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("wrong.yaml:"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn the_doctor_says_what_is_there_and_what_to_do_about_what_is_not() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("UTF-8")?;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = taken.local_addr()?.port().to_string();
    let template = "tests/fixtures/emulator/rust.yaml";
    let look = [
        "doctor",
        "--template",
        template,
        "--data-dir",
        path,
        "--port",
    ];
    let ended = run(&[&look[..], &[&port]].concat()).await?;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("choose another with --port"),
        "{}",
        ended.stdout
    );
    drop(taken);
    let ended = run(&[&look[..], &[&port]].concat()).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    for what in ["cargo", "C compiler", "template", "data folder", "port"] {
        let line = ended.stdout.lines().find(|line| line.contains(what));
        assert!(line.context(what)?.starts_with("ok"), "{}", ended.stdout);
    }
    // No process has this number: it is above the highest.
    let stale = r#"{"console":"http://127.0.0.1:1/_gatepost/","token":"x","pid":2147483646}"#;
    std::fs::write(folder.path().join("emulator.json"), stale)?;
    let ended = run(&[&look[..], &[&port, "--json"]].concat()).await?;
    let checks: Vec<serde_json::Value> = serde_json::from_str(&ended.stdout)?;
    let emulator = checks.iter().find(|check| check["what"] == "emulator");
    assert_eq!(emulator.context("emulator")?["state"], "problem");
    Ok(())
}

#[tokio::test]
async fn the_doctor_writes_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let path = data.to_str().context("UTF-8")?;
    let template = "tests/fixtures/emulator/plain.yaml";
    let looked = ["doctor", "--template", template, "--data-dir", path];
    let ended = run(&looked).await?;
    assert!(ended.stdout.contains("Python"), "{}", ended.stdout);
    assert!(!data.exists());
    Ok(())
}

#[tokio::test]
async fn completions_are_scripts_that_a_shell_takes() -> anyhow::Result<()> {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(&["completions", shell]).await?;
        assert!(ended.stdout.contains("connections"), "{shell}");
        if shell == "bash" {
            let checked = tokio::process::Command::new("bash")
                .args(["-n", "-c", &ended.stdout])
                .status();
            assert!(checked.await?.success());
        }
    }
    assert_eq!(run(&["completions", "tcsh"]).await?.code, Some(64));
    Ok(())
}

const MISTAKES: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: request.body.action
      Routes: {$default: {FunctionArn: !GetAtt Echo.Arn}}
  Echo:
    Type: AWS::Serverless::Function
    Properties: {InlineCode: '', Handler: index.handler, Runtime: nodejs20}
  Queue:
    Type: AWS::SQS::Queue
";

#[tokio::test]
async fn what_the_template_has_wrong_is_told_by_kind() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, MISTAKES)?;
    let template = template.to_str().context("UTF-8")?;
    for command in ["routes", "doctor"] {
        let told = run(&[command, "--template", template]).await?.stdout;
        for (kind, what, line) in [
            (
                "fails on AWS",
                "the same for every message; write `$request.body.action`",
                7,
            ),
            (
                "fails on AWS",
                "`nodejs20` is no runtime of Lambda; did you mean `nodejs20.x`?",
                11,
            ),
            (
                "not emulated",
                "`Queue`: AWS::SQS::Queue is not emulated",
                13,
            ),
        ] {
            let place = format!("{template}:{line}:");
            let mut lines = told.lines();
            let is_told =
                |line: &str| line.contains(kind) && line.contains(what) && line.contains(&place);
            assert!(lines.any(is_told), "{command}: {kind}: {what}\n{told}");
        }
    }
    Ok(())
}

/// PEP 503: `Ours.Pkg` and `ours_pkg` are one name.
#[tokio::test]
async fn packages_that_are_not_installed_are_told() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let code = folder.path().join("src");
    let installed = code.join("ours_pkg-1.0.dist-info");
    std::fs::create_dir_all(&installed)?;
    std::fs::write(
        installed.join("METADATA"),
        "Metadata-Version: 2.1\nName: ours_pkg\n",
    )?;
    std::fs::write(code.join("copied_pkg.py"), "")?;
    let requirements = "copied-pkg\n-r other.txt\n# comment\nOurs.Pkg==1.0\nnosuchpkg>=1,<2  # why\n\
        no-such-too[extra]\nmarked; python_version < '3'\ngit+https://example.com/x\n\
        named @ https://example.com/y\n./local\n";
    std::fs::write(code.join("requirements.txt"), requirements)?;
    let template = folder.path().join("template.yaml");
    let text = MISTAKES
        .replace("InlineCode: ''", "CodeUri: src")
        .replace("nodejs20", "python3.12");
    std::fs::write(&template, text)?;
    let template = template.to_str().context("UTF-8")?;
    let told = run(&["doctor", "--template", template]).await?.stdout;
    let told: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("not installed"))
        .collect();
    let [told] = told.as_slice() else {
        anyhow::bail!("{told:?}");
    };
    assert!(
        told.contains("  nosuchpkg, no-such-too of ") && told.contains("pip install -r "),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn a_template_without_its_flag_and_a_misspelt_guess_say_what_was_meant() -> anyhow::Result<()>
{
    let ended = run(&["dev", "app/template.yaml"]).await?;
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.stderr.contains("--template app/template.yaml"),
        "{}",
        ended.stderr
    );
    let ended = run(&["template.yml"]).await?;
    assert!(
        ended.stderr.contains("--template template.yml"),
        "{}",
        ended.stderr
    );
    let ended = run(&["dev", "--guess", "connect-bdy=send"]).await?;
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.stderr.contains("did you mean `connect-body`?"),
        "{}",
        ended.stderr
    );
    Ok(())
}
