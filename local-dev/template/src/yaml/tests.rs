//! What text becomes of which YAML.

use std::path::PathBuf;
use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use crate::node::Node;
use crate::node::Value;
use crate::yaml::parse;

fn read(text: &str) -> Result<Node, String> {
    parse(text, &Arc::new(PathBuf::from("t.yaml"))).map_err(|finding| finding.to_string())
}

/// A tree in one line; texts are in quotes.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}: {}", entry.key, shown(&entry.value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[test]
fn reads_values_as_cloudformation_does() {
    for (text, tree) in [
        ("a: 1", r#"{a: "1"}"#),
        ("a: 1.10", r#"{a: "1.10"}"#),
        ("a:", "{a: null}"),
        ("a: ~", "{a: null}"),
        ("a: ''", r#"{a: ""}"#),
        ("a: yes", r#"{a: "true"}"#),
        ("a: 'yes'", r#"{a: "yes"}"#),
        ("a: off", r#"{a: "false"}"#),
        ("yes: 1", r#"{yes: "1"}"#),
        ("$connect: 1", r#"{$connect: "1"}"#),
        ("a: !!str 1", r#"{a: "1"}"#),
        ("a: !!str yes", r#"{a: "yes"}"#),
        ("a: |\n  one\n  two\n", r#"{a: "one\ntwo\n"}"#),
        ("a: >-\n  one\n  two\n", r#"{a: "one two"}"#),
        ("- a\n- [b, {c: d}]", r#"["a", ["b", {c: "d"}]]"#),
        ("\u{feff}a: 1", r#"{a: "1"}"#),
        ("a: ä😀", r#"{a: "ä😀"}"#),
    ] {
        assert_eq!(
            read(text).map(|node| shown(&node)).as_deref(),
            Ok(tree),
            "{text}"
        );
    }
}

#[test]
fn reads_json() {
    for (text, tree) in [
        (
            r#"{"a":{"Ref":"X"},"b":[1,true,null]}"#,
            r#"{a: {Ref: "X"}, b: ["1", "true", null]}"#,
        ),
        ("{\n\t\"a\": \"b\"\n}", r#"{a: "b"}"#),
        (r#"{"a":"\ud83d\ude00\n\/\u00e4"}"#, r#"{a: "😀\n/ä"}"#),
        (r#"{"a":"\\ud83d"}"#, r#"{a: "\\ud83d"}"#),
        (r#"{"a" : "b: c # d"}"#, r#"{a: "b: c # d"}"#),
        (
            r#"{"a":"$request.body.action","*":"@"}"#,
            r#"{a: "$request.body.action", *: "@"}"#,
        ),
    ] {
        assert_eq!(
            read(text).map(|node| shown(&node)).as_deref(),
            Ok(tree),
            "{text}"
        );
    }
}

#[test]
fn a_short_form_is_the_long_form() {
    for (short, long) in [
        ("a: !Ref X", "a: {Ref: X}"),
        ("a: !GetAtt X.Arn", "a: {'Fn::GetAtt': X.Arn}"),
        ("a: !GetAtt [X, Arn]", "a: {'Fn::GetAtt': [X, Arn]}"),
        ("a: !Sub '${X}'", "a: {'Fn::Sub': '${X}'}"),
        (
            "a: !Sub ['${X}', {X: !Ref Y}]",
            "a: {'Fn::Sub': ['${X}', {X: {Ref: Y}}]}",
        ),
        (
            "a: !If [C, !Ref X, !Ref Y]",
            "a: {'Fn::If': [C, {Ref: X}, {Ref: Y}]}",
        ),
        ("a: !Condition C", "a: {Condition: C}"),
        (
            "a: !Join\n  - ''\n  - [b, c]",
            "a: {'Fn::Join': ['', [b, c]]}",
        ),
        (
            "a: !Base64\n  Fn::Sub: x",
            "a: {'Fn::Base64': {'Fn::Sub': x}}",
        ),
    ] {
        let (short_tree, long_tree) = (read(short), read(long));
        let short_tree = short_tree.as_ref().map(shown);
        assert_eq!(short_tree, long_tree.as_ref().map(shown), "{short}");
        assert!(short_tree.is_ok(), "{short}: {short_tree:?}");
    }
}

#[test]
fn aliases_and_merge_keys_are_copies() {
    for (text, tree) in [
        ("a: &x {b: 1}\nc: *x", r#"{a: {b: "1"}, c: {b: "1"}}"#),
        ("a: &x 1\nb: [*x, *x]", r#"{a: "1", b: ["1", "1"]}"#),
        (
            "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3",
            r#"{a: {b: "1", c: "2"}, d: {c: "3", b: "1"}}"#,
        ),
        (
            "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x, *y]",
            r#"{a: {b: "1"}, c: {b: "2", d: "3"}, e: {b: "1", d: "3"}}"#,
        ),
        ("a: {'<<': 1}", r#"{a: {<<: "1"}}"#),
        ("a: &x !Ref Y\nb: *x", r#"{a: {Ref: "Y"}, b: {Ref: "Y"}}"#),
    ] {
        assert_eq!(
            read(text).map(|node| shown(&node)).as_deref(),
            Ok(tree),
            "{text}"
        );
    }
}

#[test]
fn says_where_what_is_wrong_stands() {
    let said: Vec<String> = [
        "",
        "# only a comment",
        "a: 1\nb: 2\na: 3",
        "a: {b: 1, b: 2}",
        "a: 1\n---\nb: 2",
        "a: !Reff X",
        "a: !GetAt X.Arn",
        "a: !!binary aGk=",
        "? [a, b]\n: c",
        "? !Ref a\n: c",
        "a: [1, 2",
        "a: *nowhere",
        "a: &x [*x]",
        "a:\n  <<: 1",
        "a:\n\t- b",
        "a:\n  b:\n\tc: d",
        "a:\n  b: c\n\td: e\n  f: g",
        "a:\n  b:\n  \tc: d",
        "a: b: c",
        "a: \"\\ud83d\"",
    ]
    .iter()
    .map(|text| {
        format!(
            "{text:?}\n    {}",
            read(text).map(|node| shown(&node)).unwrap_err()
        )
    })
    .collect();
    expect![[r##"
        ""
            t.yaml:1:1: the template is empty
        "# only a comment"
            t.yaml:1:1: the template is empty
        "a: 1\nb: 2\na: 3"
            t.yaml:3:1: `a` is already on line 1 (a key may stand only once in a map)
        "a: {b: 1, b: 2}"
            t.yaml:1:11: `b` is already on line 1 (a key may stand only once in a map)
        "a: 1\n---\nb: 2"
            t.yaml:2:1: a template is one YAML document
        "a: !Reff X"
            t.yaml:1:4: `!Reff` is no intrinsic function of CloudFormation (did you mean `!Ref`?)
        "a: !GetAt X.Arn"
            t.yaml:1:4: `!GetAt` is no intrinsic function of CloudFormation (did you mean `!GetAtt`?)
        "a: !!binary aGk="
            t.yaml:1:4: CloudFormation does not know the tag `!!binary`
        "? [a, b]\n: c"
            t.yaml:1:3: a key must be plain text
        "? !Ref a\n: c"
            t.yaml:1:3: a key must be plain text
        "a: [1, 2"
            t.yaml:2:1: this is not YAML: while parsing a flow sequence, expected ',' or ']'
        "a: *nowhere"
            t.yaml:1:4: this is not YAML: while parsing node, found unknown anchor
        "a: &x [*x]"
            t.yaml:1:8: an alias cannot stand inside of what it names
        "a:\n  <<: 1"
            t.yaml:2:7: `<<` takes a map or a list of maps
        "a:\n\t- b"
            t.yaml:2:1: this is not YAML: a tab indents this line (indent with spaces)
        "a:\n  b:\n\tc: d"
            t.yaml:3:1: this is not YAML: a tab indents this line (indent with spaces)
        "a:\n  b: c\n\td: e\n  f: g"
            t.yaml:3:1: this is not YAML: a tab indents this line (indent with spaces)
        "a:\n  b:\n  \tc: d"
            t.yaml:3:3: this is not YAML: a tab indents this line (indent with spaces)
        "a: b: c"
            t.yaml:1:5: this is not YAML: mapping values are not allowed in this context
        "a: \"\\ud83d\""
            t.yaml:1:4: this is not YAML: while parsing a quoted scalar, found invalid Unicode character escape code"##]].assert_eq(&said.join("\n"));
}

#[test]
fn a_node_knows_its_place() {
    let tree = read("Resources:\n  Api:\n    Name: !Sub ä-${X}\n    Tags: [a, b]\n").unwrap();
    let api = tree
        .get("Resources")
        .and_then(|node| node.entry("Api"))
        .unwrap();
    assert_eq!(api.at.to_string(), "t.yaml:2:3");
    assert_eq!(
        api.value.entry("Name").unwrap().at.to_string(),
        "t.yaml:3:5"
    );
    let tags = api.value.get("Tags").unwrap();
    assert_eq!(tags.items()[1].at.to_string(), "t.yaml:4:15");
}

#[test]
fn hostile_text_is_refused_cheaply() {
    // Each line names the one before it ten times: ten to the ninth values.
    let mut laughs = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let alias = format!("*l{}", i - 1);
        let aliases = [alias.as_str(); 10].join(", ");
        laughs.push_str(&format!("l{i}: &l{i} [{aliases}]\n"));
    }
    // The same by anchors inside of anchors.
    let anchors: String = (0..60).map(|i| format!("&a{i} [")).collect();
    let nested = format!("{anchors}{}{}", "x, ".repeat(3_000), "]".repeat(60));
    let deep_flow = "[".repeat(10_000);
    let deep_block = "- ".repeat(10_000);
    let indented: String = (0..2_000)
        .map(|i| format!("{}a:\n", " ".repeat(i % 500)))
        .collect();
    let large = format!("a: {}", "x".repeat(1024 * 1024));
    let many = "- \n".repeat(200_000);
    let said: Vec<String> = [laughs, nested, deep_flow, deep_block, indented, large, many]
        .iter()
        .map(|text| read(text).map(|_| ()).unwrap_err())
        .collect();
    expect![[r#"
        t.yaml:5:40: the template has more than 100000 values (every alias (`*name`) is a copy of what it names)
        t.yaml:1:315: the template has more than 100000 values (every alias (`*name`) is a copy of what it names)
        t.yaml:1:256: this is not YAML: recursion limit exceeded
        t.yaml:1:129: values are nested deeper than 64 levels
        t.yaml:65:65: values are nested deeper than 64 levels
        t.yaml:1:1: the template is 1048579 bytes long (CloudFormation takes 1 MB at most)
        t.yaml:100000:3: the template has more than 100000 values"#]].assert_eq(&said.join("\n"));
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn nothing_that_looks_like_yaml_panics(
        text in "([ \t\n]{0,3}([-?:,#&*!|>'\"%@`{}\\[\\]~<]|[a-z]{1,3}|\\\\u[dD]83d|é|!Ref|&a|\\*a|<<:|- |: )){0,30}"
    ) {
        let _ = read(&text);
    }
}
