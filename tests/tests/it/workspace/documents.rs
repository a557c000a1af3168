//! What the documents say is so.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::sources::sources;

#[test]
fn the_readme_names_every_variable_of_the_template() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let template = root.join("infra/template.yaml");
    let project = gatepost_template::load(&template, &BTreeMap::new()).unwrap();
    let names: BTreeSet<&String> = project
        .functions
        .values()
        .flat_map(|function| function.environment.keys())
        .collect();
    assert!(
        names.len() > 10,
        "the functions' variables were read: {names:?}"
    );
    // Set by Lambda, or for Rust itself, and no setting of gatepost.
    let foreign = ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "RUST_BACKTRACE"];
    for name in names
        .into_iter()
        .filter(|name| !foreign.contains(&name.as_str()))
    {
        assert!(
            readme.contains(&format!("`{name}`")),
            "the README does not explain {name}"
        );
    }
}

#[test]
fn the_architecture_maps_every_folder_with_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for parent in ["functions", "shared", "local-dev"] {
        for entry in fs::read_dir(root.join(parent)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                map.contains(&format!("  {name}/")),
                "{parent}/{name} is not on the map"
            );
        }
    }
}

#[test]
fn every_row_of_the_fidelity_matrix_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let matrix = fs::read_to_string(root.join("docs/emulator.md")).unwrap();
    let sources = sources(&["rs", "mjs"]);
    let exists = |test: &str| {
        let Some((file, name)) = test.rsplit_once("::") else {
            return false;
        };
        sources.iter().any(|(path, text)| {
            // `frame_tests.rs` and `schedule/tests.rs` are parts of `frame` and `schedule`.
            let path = path.with_extension("").display().to_string();
            let path = path.trim_end_matches("/tests").trim_end_matches("/mod");
            let named = path.trim_end_matches("_tests").ends_with(file);
            named && (text.contains(&format!("fn {name}(")) || text.contains(&format!("'{name}'")))
        })
    };
    for (at, line) in matrix.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells.len() != 5 || cells[1].starts_with("---") {
            continue;
        }
        let is_head = matrix
            .lines()
            .nth(at + 1)
            .is_some_and(|next| next.starts_with("|---"));
        if is_head || !claims(&matrix, at) {
            continue;
        }
        let tests: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "docs/emulator.md:{}: no test", at + 1);
        for test in tests {
            assert!(
                exists(test),
                "docs/emulator.md:{}: there is no test {test}",
                at + 1
            );
        }
    }
}

/// Whether a line is one that claims a behaviour. A switch is claimed by the rows whose tests throw it,
/// and what others do is measured, not tested.
fn claims(matrix: &str, line: usize) -> bool {
    let headings = matrix
        .lines()
        .take(line)
        .filter(|line| line.starts_with("## "));
    !matches!(
        headings.last(),
        Some("## Switches" | "## Conformance of others")
    )
}
