//! Starts that cannot succeed say why and what to do, and exit with the right code.

use gatepost_tests::emulator::Launch;
use gatepost_tests::emulator::fixture;

#[tokio::test]
async fn wrong_usage_exits_with_64() -> anyhow::Result<()> {
    for arguments in [
        &["--nonsense"][..],
        &["--port", "x"],
        &["--env", "=x"],
        &["--sigv4", "on"],
    ] {
        let failed = Launch::fixture("rust.yaml")
            .arguments(arguments)
            .fails()
            .await?;
        assert_eq!(failed.code, Some(64), "{arguments:?}: {}", failed.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_template_is_shown_with_line_and_column() -> anyhow::Result<()> {
    let failed = Launch::fixture("wrong.yaml").fails().await?;
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.stderr.contains("wrong.yaml:22:14"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("Apo"), "{}", failed.stderr);
    Ok(())
}

#[tokio::test]
async fn a_missing_template_names_the_flag() -> anyhow::Result<()> {
    let failed = Launch::fixture("none.yaml").fails().await?;
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("--template"), "{}", failed.stderr);
    Ok(())
}

#[tokio::test]
async fn a_compile_error_is_shown_as_cargo_shows_it() -> anyhow::Result<()> {
    let failed = Launch::fixture("broken-rust.yaml").fails().await?;
    assert_eq!(failed.code, Some(1));
    for expected in [
        "error[E0308]: mismatched types",
        "src/main.rs:4",
        "cargo build failed in",
    ] {
        assert!(
            failed.stderr.contains(expected),
            "{expected} is not in {}",
            failed.stderr
        );
    }
    assert_eq!(failed.stdout, "");
    Ok(())
}

#[tokio::test]
async fn without_a_build_a_missing_binary_says_what_builds_it() -> anyhow::Result<()> {
    let failed = Launch::fixture("broken-rust.yaml")
        .arguments(&["--no-build"])
        .fails()
        .await?;
    assert_eq!(failed.code, Some(1));
    let command = "cargo build --package fixture-broken --bin fixture-broken";
    assert!(failed.stderr.contains(command), "{}", failed.stderr);
    Ok(())
}

#[tokio::test]
async fn a_binary_that_no_package_has_is_shown_with_its_function_in_the_template()
-> anyhow::Result<()> {
    let template = std::fs::read_to_string(fixture("rust.yaml"))?;
    let wrong = template.replace("Binary: silent", "Binary: silence");
    let above = wrong.lines().take_while(|line| *line != "  Silent:");
    let place = format!("t.yaml:{}:3", above.count() + 1);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("t.yaml");
    let code = fixture("rust").display().to_string();
    std::fs::write(
        &path,
        wrong.replace("CodeUri: rust", &format!("CodeUri: {code}")),
    )?;
    let failed = Launch::template(&path).fails().await?;
    assert_eq!(failed.code, Some(1));
    for expected in ["no binary `silence`", &place] {
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_line_of_the_env_file_that_is_not_understood_is_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("my.env");
    for (text, expected) in [
        ("A=1\nnonsense\n", "my.env:2: expected KEY=VALUE"),
        ("A=${HOME}\n", "my.env:1: `${HOME}` is unknown"),
    ] {
        std::fs::write(&file, text)?;
        let arguments = ["--env-file", &file.display().to_string()];
        let failed = Launch::fixture("rust.yaml")
            .arguments(&arguments)
            .fails()
            .await?;
        assert_eq!(failed.code, Some(1));
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    }
    Ok(())
}
