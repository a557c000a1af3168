//! Whatever is in a file, reading it ends with a project or a refusal.

use proptest::prelude::*;
use tempfile::TempDir;

use crate::read_bytes;

/// Fixtures to change a little: far more of the reader is reached than by noise.
const FIXTURES: [&str; 4] = [
    include_str!("fixtures/raw.yaml"),
    include_str!("fixtures/sam.yaml"),
    include_str!("fixtures/cdk.json"),
    include_str!("fixtures/chat-app.yaml"),
];

/// Pieces that mean something in a template.
const PIECES: &[&str] = &[
    "",
    "~",
    "[]",
    "{}",
    "- ",
    ": ",
    "\n",
    "!Ref Api",
    "!Ref Chat",
    "!GetAtt Chat.Arn",
    "!If [IsProd, a, b]",
    "!Sub '${Stage}'",
    "!ImportValue x",
    "Fn::Sub: x",
    "$connect",
    "$default",
    "-1",
    "99999999999",
    "''",
    "&a ",
    "*a",
    "<<: *a",
    "{{resolve:x}}",
    "NONE",
    "CUSTOM",
    "AWS_IAM",
    "HTTP",
    "MOCK",
    "😀",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = TempDir::new().unwrap();
        let _ = read_bytes(folder.path(), &bytes);
    }

    #[test]
    fn a_changed_template_does_not_panic(
        fixture in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, 0..PIECES.len()), 1..6),
    ) {
        let mut text: Vec<char> = FIXTURES[fixture].chars().collect();
        for (place, removed, piece) in changes {
            let from = place.index(text.len());
            let to = (from + removed).min(text.len());
            text.splice(from..to, PIECES[piece].chars());
        }
        let folder = TempDir::new().unwrap();
        let text: String = text.into_iter().collect();
        let _ = read_bytes(folder.path(), text.as_bytes());
    }
}

#[test]
fn what_would_be_copied_too_often_is_refused() {
    let variables: String = (0..5_000).map(|i| format!("V{i}: x, ")).collect();
    let functions: String = (0..400)
        .map(|i| format!("  F{i}: {{Type: 'AWS::Serverless::Function'}}\n"))
        .collect();
    let more: String = (0..101)
        .map(|i| format!("  M{i}: {{Type: 'AWS::IAM::Role'}}\n"))
        .collect();
    let transform = "Transform: AWS::Serverless-2016-10-31";
    let globals = format!("Globals: {{Function: {{Environment: {{Variables: {{{variables}}}}}}}}}");
    for (text, said) in [
        (
            format!("{transform}\n{globals}\nResources:\n{functions}"),
            "`Globals` is too large for that many resources",
        ),
        (
            format!("{transform}\nResources:\n{functions}{more}"),
            "the template has more than 500 resources",
        ),
    ] {
        let folder = TempDir::new().unwrap();
        let refusal = read_bytes(folder.path(), text.as_bytes()).unwrap_err();
        assert_eq!(refusal.findings[0].what, said);
    }
}
