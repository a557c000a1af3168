//! The IAM policy that a Lambda authorizer returns, evaluated on one method ARN.
//!
//! IAM User Guide, "Policy evaluation logic": an explicit deny wins, then an allow, else the
//! request is denied implicitly. Conditions and principals are not evaluated: a policy with them
//! is refused rather than half obeyed.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::IntoDeserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;

/// What a policy says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// An `Allow` matches and no `Deny` does.
    Allow,
    /// A `Deny` matches.
    ExplicitDeny,
    /// Nothing matches.
    ImplicitDeny,
}

/// A policy document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Policy {
    #[serde(default)]
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    #[serde(rename = "Condition", default, deserialize_with = "no_condition")]
    _condition: (),
}

/// Refuses a condition by name.
fn no_condition<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(D::Error::custom(
        "a Condition of a policy is not evaluated here",
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

// An untagged enum would not say what is wrong with the one.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one, or a list of them")
            }

            fn visit_str<E: Error>(self, one: &str) -> Result<OneOrMany<T>, E> {
                T::deserialize(one.into_deserializer()).map(OneOrMany::One)
            }

            fn visit_map<A: MapAccess<'de>>(self, one: A) -> Result<OneOrMany<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(one)).map(OneOrMany::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany<T>, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany::Many(many))
            }
        }
        json.deserialize_any(Either(PhantomData))
    }
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Policy {
    /// Whether this policy lets `execute-api:Invoke` at `method_arn` through.
    pub(crate) fn decide(&self, method_arn: &str) -> Decision {
        let mut decision = Decision::ImplicitDeny;
        for statement in self.statement.as_slice() {
            match statement.effect {
                _ if !statement.matches(method_arn) => {}
                Effect::Deny => return Decision::ExplicitDeny,
                Effect::Allow => decision = Decision::Allow,
            }
        }
        decision
    }
}

impl Statement {
    fn matches(&self, method_arn: &str) -> bool {
        // Actions are compared without regard to case, resources with (IAM User Guide, "IAM JSON
        // policy elements: Action", "… Resource").
        let action = |pattern: &String| {
            glob(
                pattern.to_ascii_lowercase().as_bytes(),
                b"execute-api:invoke",
            )
        };
        let resource = |pattern: &String| glob(pattern.as_bytes(), method_arn.as_bytes());
        applies(self.action.as_ref(), self.not_action.as_ref(), action)
            && applies(self.resource.as_ref(), self.not_resource.as_ref(), resource)
    }
}

fn applies(
    these: Option<&OneOrMany<String>>,
    not_these: Option<&OneOrMany<String>>,
    matches: impl Fn(&String) -> bool,
) -> bool {
    match (these, not_these) {
        (Some(these), _) => these.as_slice().iter().any(matches),
        (None, Some(not_these)) => !not_these.as_slice().iter().any(matches),
        (None, None) => false,
    }
}

/// `*` stands for any characters, `?` for one. Linear but for the last `*`, so no pattern is slow.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                None => return false,
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/local/$connect";

    fn decide(policy: &str) -> Option<Decision> {
        serde_json::from_str::<Policy>(policy)
            .ok()
            .map(|policy| policy.decide(ARN))
    }

    fn statement(effect: &str, action: &str, resource: &str) -> String {
        format!(r#"{{"Effect":"{effect}","Action":{action},"Resource":{resource}}}"#)
    }

    fn of(statements: &[String]) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
            statements.join(",")
        )
    }

    #[test]
    fn one_statement() {
        let invoke = r#""execute-api:Invoke""#;
        let arn = format!("\"{ARN}\"");
        for (effect, action, resource, want) in [
            ("Allow", invoke, arn.as_str(), Decision::Allow),
            ("Allow", invoke, r#""*""#, Decision::Allow),
            ("Allow", r#""*""#, r#""*""#, Decision::Allow),
            (
                "Allow",
                r#""execute-api:*""#,
                r#""arn:aws:execute-api:*:*:*/*""#,
                Decision::Allow,
            ),
            (
                "Allow",
                r#""EXECUTE-API:invoke""#,
                r#""*/local/$connect""#,
                Decision::Allow,
            ),
            (
                "Allow",
                r#"["s3:Get*","execute-api:Invoke"]"#,
                r#"["x","*"]"#,
                Decision::Allow,
            ),
            ("Allow", invoke, r#""*/loca?/$connect""#, Decision::Allow),
            (
                "Allow",
                invoke,
                r#""*/LOCAL/$connect""#,
                Decision::ImplicitDeny,
            ),
            (
                "Allow",
                invoke,
                r#""*/local/$connec""#,
                Decision::ImplicitDeny,
            ),
            (
                "Allow",
                invoke,
                r#""*/local/$connect?""#,
                Decision::ImplicitDeny,
            ),
            (
                "Allow",
                r#""execute-api:ManageConnections""#,
                r#""*""#,
                Decision::ImplicitDeny,
            ),
            ("Allow", invoke, "[]", Decision::ImplicitDeny),
            ("Deny", invoke, r#""*""#, Decision::ExplicitDeny),
            ("Deny", invoke, r#""other""#, Decision::ImplicitDeny),
        ] {
            let policy = of(&[statement(effect, action, resource)]);
            assert_eq!(decide(&policy), Some(want), "{policy}");
        }
    }

    #[test]
    fn an_explicit_deny_wins_wherever_it_stands() {
        let allow = statement("Allow", r#""*""#, r#""*""#);
        let deny = statement("Deny", r#""*""#, r#""*""#);
        let both = [of(&[allow.clone(), deny.clone()]), of(&[deny, allow])];
        assert!(
            both.iter()
                .all(|policy| decide(policy) == Some(Decision::ExplicitDeny))
        );
    }

    #[test]
    fn not_action_and_not_resource() {
        let policy =
            r#"{"Statement":{"Effect":"Allow","NotAction":"s3:*","NotResource":"*/prod/*"}}"#;
        assert_eq!(decide(policy), Some(Decision::Allow));
        let policy = r#"{"Statement":{"Effect":"Allow","NotAction":"*","Resource":"*"}}"#;
        assert_eq!(decide(policy), Some(Decision::ImplicitDeny));
    }

    proptest! {
        /// Against a reading of the pattern that is as plain as it is slow.
        #[test]
        fn wildcards_match_as_their_definition_says(pattern in "[ab*?]{0,9}", text in "[ab]{0,9}") {
            fn plain(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], []) => true,
                    ([b'*', rest @ ..], _) => (0..=text.len()).any(|n| plain(rest, &text[n..])),
                    ([p, rest @ ..], [t, more @ ..]) if *p == b'?' || p == t => plain(rest, more),
                    _ => false,
                }
            }
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob(pattern, text), plain(pattern, text));
        }

        #[test]
        fn any_policy_is_read_without_a_panic(policy in "[ -~]{0,200}") {
            let _ = decide(&policy);
        }
    }

    #[test]
    fn a_condition_is_named_as_what_is_wrong() {
        let statement = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{}}}"#;
        for policy in [
            format!(r#"{{"Statement":{statement}}}"#),
            of(&[statement.to_owned()]),
        ] {
            let error = serde_json::from_str::<Policy>(&policy)
                .unwrap_err()
                .to_string();
            assert!(error.contains("Condition"), "{error}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for policy in [
            r#""*""#,
            r#"{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Action":"*","Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":5,"Resource":"*"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}"#,
        ] {
            assert_eq!(decide(policy), None, "{policy}");
        }
        assert_eq!(decide("{}"), Some(Decision::ImplicitDeny));
    }
}
