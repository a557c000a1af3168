//! What stands in no source file.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    let banned = [
        concat!("#[ign", "ore"),
        concat!("to", "do!("),
        concat!("unimplem", "ented!("),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    for (path, text) in sources(&["rs", "js", "mjs", "sh"]) {
        for banned in banned {
            assert!(
                !text.contains(banned),
                "{} contains {banned}",
                path.display()
            );
        }
    }
}

#[test]
fn tests_wait_for_events_and_never_sleep() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, text) in sources(&["rs"]) {
        if !path.starts_with(tests.join("tests")) {
            continue;
        }
        for banned in [concat!("thread::", "sleep("), concat!("time::", "sleep(")] {
            assert!(
                !text.contains(banned),
                "{} sleeps: wait for an event",
                path.display()
            );
        }
    }
}

#[test]
fn a_source_file_has_one_subject() {
    for (path, text) in sources(&["rs", "js"]) {
        let lines = text.lines().count();
        assert!(
            lines <= 700,
            "{} has {lines} lines: more than one subject",
            path.display()
        );
    }
}

/// Every file under version control's folders with one of these endings, and its text.
pub(super) fn sources(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = ["functions", "shared", "local-dev", "tests"]
        .map(|folder| root.join(folder))
        .into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("node_modules") && !path.ends_with("target") {
                    folders.push(path);
                }
                continue;
            }
            if path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| endings.contains(&e))
            {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}
