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
