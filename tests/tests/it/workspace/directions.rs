//! The directions of ARCHITECTURE.md, held over `cargo metadata`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Every member of the workspace, and the members its build (not its tests) may depend on.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("store", &["protocol"]),
    ("gateway-client", &["protocol"]),
    ("chat", &["protocol", "store", "gateway-client"]),
    ("runtime", &["protocol", "store", "gateway-client", "chat"]),
    (
        "authorizer",
        &["protocol", "store", "gateway-client", "chat", "runtime"],
    ),
    (
        "connect",
        &["protocol", "store", "gateway-client", "chat", "runtime"],
    ),
    (
        "message",
        &["protocol", "store", "gateway-client", "chat", "runtime"],
    ),
    (
        "disconnect",
        &["protocol", "store", "gateway-client", "chat", "runtime"],
    ),
    (
        "fanout",
        &["protocol", "store", "gateway-client", "chat", "runtime"],
    ),
    ("clock", &[]),
    ("template", &[]),
    ("sigv4", &[]),
    ("gateway", &["clock", "template", "sigv4"]),
    ("runtime-api", &["clock", "template"]),
    (
        "emulator",
        &["clock", "template", "sigv4", "gateway", "runtime-api"],
    ),
];

/// Libraries that only these members may name, tests and benchmarks apart.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("redis", &["store"]),
    ("deadpool-redis", &["store"]),
    ("lambda_runtime", &["runtime"]),
    ("aws_lambda_events", &["runtime"]),
    ("fastwebsockets", &["gateway"]),
    ("saphyr-parser", &["template"]),
    ("clap", &["emulator"]),
];

#[test]
fn members_depend_only_in_the_directions_of_the_architecture() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = MAY_DEPEND_ON
        .iter()
        .map(|(name, on)| (*name, on.iter().copied().collect()))
        .collect();
    for (member, dependencies) in members() {
        if member == "tests" {
            continue;
        }
        let allowed = allowed
            .get(member.as_str())
            .unwrap_or_else(|| panic!("{member} is in no direction: add it to MAY_DEPEND_ON"));
        for dependency in dependencies
            .iter()
            .filter_map(|name| name.strip_prefix("gatepost-"))
        {
            assert!(
                allowed.contains(dependency),
                "{member} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn a_library_stays_behind_the_one_crate_that_wraps_it() {
    for (member, dependencies) in members() {
        for (library, only_in) in ONLY_IN {
            let named = dependencies.contains(*library);
            assert!(
                !named || member == "tests" || only_in.contains(&member.as_str()),
                "{member} names {library}, which belongs to {only_in:?}"
            );
        }
    }
}

#[test]
fn no_deployed_binary_holds_the_stores_in_memory() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let default = package["features"]["default"].as_array();
        assert!(
            name != "gatepost-store" || default.is_none_or(Vec::is_empty),
            "the store's features are asked for one by one"
        );
        for dependency in package["dependencies"].as_array().unwrap() {
            let features = dependency["features"].as_array().unwrap();
            let asks = dependency["name"] == "gatepost-store"
                && features.iter().any(|feature| feature == "memory");
            assert!(
                !asks || name == "gatepost-tests" || dependency["kind"] == "dev",
                "{name} asks for gatepost-store's feature `memory` outside its tests"
            );
        }
    }
}

/// The workspace's members without their prefix, each with what its build depends on.
fn members() -> BTreeMap<String, BTreeSet<String>> {
    packages()
        .iter()
        .map(|package| {
            let name = package["name"]
                .as_str()
                .unwrap()
                .trim_start_matches("gatepost-");
            let dependencies = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(|dependency| String::from(dependency["name"].as_str().unwrap()))
                .collect();
            (String::from(name), dependencies)
        })
        .collect()
}

/// The workspace's members as cargo describes them.
fn packages() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}
