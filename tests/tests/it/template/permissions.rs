//! Each function of the deployment may do what it needs, and no more.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::file;
use super::transformed;

/// Actions by role, of the policies written in the template. What only a condition allows is
/// counted as allowed.
fn actions(made: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let resources = made["Resources"].as_object().unwrap();
    let roles = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role");
    roles
        .map(|(id, role)| {
            let mut statements = Vec::new();
            collect(&role["Properties"]["Policies"], &mut statements);
            let actions = statements.iter().map(|statement| {
                check_resource(id, &statement["Resource"]);
                statement["Action"].as_str().unwrap().to_owned()
            });
            (id.clone(), actions.collect())
        })
        .collect()
}

/// Statements, wherever an `Fn::If` puts them.
fn collect<'v>(value: &'v Value, statements: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) if map.contains_key("Effect") => statements.push(value),
        Value::Object(map) => map.values().for_each(|value| collect(value, statements)),
        Value::Array(items) => items.iter().for_each(|value| collect(value, statements)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A resource is one that is named: a parameter, or an ARN whose `*` is a connection's ID.
fn check_resource(role: &str, resource: &Value) {
    match resource {
        Value::Array(items) => items.iter().for_each(|item| check_resource(role, item)),
        Value::Object(map) if map.contains_key("Ref") => {
            assert!(
                map["Ref"].as_str().unwrap().ends_with("SecretArn"),
                "{role}: {resource}"
            );
        }
        Value::Object(map) => {
            let arn = map["Fn::Sub"].as_str().unwrap();
            let named = arn.strip_suffix("/@connections/*").unwrap_or(arn);
            assert!(!named.contains('*'), "{role}: {arn}");
            let is_posted = named.ends_with("/POST") || named.ends_with("/DELETE");
            assert_eq!(arn.contains("@connections"), is_posted, "{role}: {arn}");
        }
        _ => panic!("{role} may use {resource}"),
    }
}

#[test]
fn a_function_may_do_what_it_needs_and_no_more() {
    let actions = actions(&transformed(&file("infra/template.yaml")));
    let shown: Vec<(&str, Vec<&str>)> = actions
        .iter()
        .map(|(role, actions)| (role.as_str(), actions.iter().map(String::as_str).collect()))
        .collect();
    let (posts, invokes) = ("execute-api:ManageConnections", "lambda:InvokeFunction");
    let secret = "secretsmanager:GetSecretValue";
    assert_eq!(
        shown,
        [
            ("ApiLogWriter", vec![]),
            ("AuthorizerFunctionRole", vec![secret]),
            ("ConnectFunctionRole", vec![secret]),
            ("DisconnectFunctionRole", vec![invokes, secret]),
            ("FanoutFunctionRole", vec![posts, invokes, secret]),
            ("MessageFunctionRole", vec![posts, invokes, secret]),
        ]
    );
}
