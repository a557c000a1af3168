//! Throttles of stages and routes.

use crate::read;
use crate::read_with;

/// A stage with these settings beside its name.
fn stage(settings: &str) -> String {
    format!(
        "Parameters: {{Rate: {{Type: Number, Default: 7}}}}
Conditions: {{Never: !Equals [a, b]}}
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: s, AutoDeploy: true, {settings}}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: $connect}}
"
    )
}

/// The lines about throttles.
fn throttles(read: &str) -> Vec<&str> {
    let lines = read.lines().map(str::trim);
    lines.filter(|line| line.contains(" at once ")).collect()
}

#[test]
fn a_stage_has_throttles_for_all_routes_and_for_one() {
    let text = stage(
        "DefaultRouteSettings: {ThrottlingRateLimit: !Ref Rate, ThrottlingBurstLimit: 3},
         RouteSettings: {$connect: {ThrottlingRateLimit: 0.5}, other: {DetailedMetricsEnabled: true}}",
    );
    assert_eq!(
        throttles(&read_with("t.yaml", &text, &[("Rate", "200.5")]).unwrap()),
        [
            "* at Some(200.5), at once Some(3)",
            "$connect at Some(0.5), at once None",
        ]
    );
}

#[test]
fn a_stage_without_throttles_has_none() {
    let text =
        stage("DefaultRouteSettings: !If [Never, {ThrottlingRateLimit: 1}, !Ref AWS::NoValue]");
    assert!(throttles(&read(&text).unwrap()).is_empty());
}

#[test]
fn a_throttle_is_a_number_that_is_not_negative() {
    for (value, is_read) in [
        ("10", true),
        ("0", true),
        ("-1", false),
        ("many", false),
        ("inf", false),
    ] {
        let text = stage(&format!(
            "DefaultRouteSettings: {{ThrottlingBurstLimit: {value}}}"
        ));
        let read = read(&text);
        assert_eq!(read.is_ok(), is_read, "{read:?}");
        if !is_read {
            let told = format!("`ThrottlingBurstLimit` is a number of calls, and not `{value}`");
            assert!(read.unwrap_err().contains(&told));
        }
    }
}
