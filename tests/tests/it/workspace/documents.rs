//! What the documents say is so.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
