//! What pseudo parameters and names are on this machine.

/// `AWS::Region`.
pub(crate) const REGION: &str = "us-east-1";
/// `AWS::AccountId`.
pub(crate) const ACCOUNT: &str = "000000000000";
/// `AWS::StackName`.
pub(crate) const STACK: &str = "local";

/// A pseudo parameter's text; `AWS::NoValue` and `AWS::NotificationARNs` are no text
/// (CloudFormation's "Pseudo parameters reference").
pub(crate) fn pseudo(name: &str) -> Option<String> {
    let text = match name {
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::Partition" => "aws".to_owned(),
        "AWS::Region" => REGION.to_owned(),
        "AWS::StackId" => format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/local"),
        "AWS::StackName" => STACK.to_owned(),
        "AWS::URLSuffix" => "amazonaws.com".to_owned(),
        _ => return None,
    };
    Some(text)
}

/// The ARN of a function.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// The name in a function's ARN, in a partial one (`000000000000:function:name`), or in a name;
/// a qualifier behind it is left out. The partition, region and account may be any: they are
/// literals in some templates.
pub(crate) fn function_name(arn: &str) -> &str {
    let name = match arn.split_once(":function:") {
        Some((_, rest)) => rest,
        None => arn,
    };
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// The function's ARN in the URI by which API Gateway calls a function:
/// `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`. A plain ARN is
/// taken as well.
pub(crate) fn invoked_arn(uri: &str) -> Option<&str> {
    if let Some((_, path)) = uri.split_once(":lambda:path/") {
        let (_, function) = path.split_once("/functions/")?;
        return function.strip_suffix("/invocations");
    }
    (uri.starts_with("arn:") && uri.contains(":lambda:") && uri.contains(":function:"))
        .then_some(uri)
}

/// The value of an API key for which a template has none: 40 letters and digits, always the same
/// for a logical ID.
pub(crate) fn api_key(logical_id: &str) -> String {
    (0..4)
        .map(|n| api_id(&format!("{logical_id}/{n}")))
        .collect()
}

/// An API's ID: ten lower-case letters and digits as on AWS, always the same for a logical ID.
pub(crate) fn api_id(logical_id: &str) -> String {
    // FNV-1a, 64 bits.
    let mut hash = logical_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut next = |of: &[u8]| {
        let (index, rest) = (hash % of.len() as u64, hash / of.len() as u64);
        hash = rest;
        char::from(of[index as usize])
    };
    let first = next(LETTERS);
    std::iter::once(first)
        .chain((1..10).map(|_| next(DIGITS)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_id_looks_like_one_and_stays_the_same() {
        for name in ["Api", "Chat", "", "ÄÖÜ", &"x".repeat(255)] {
            let id = api_id(name);
            assert_eq!(id.len(), 10);
            assert!(id.starts_with(|c: char| c.is_ascii_lowercase()));
            assert!(
                id.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            );
        }
        assert_eq!(api_id("Api"), api_id("Api"));
        assert_ne!(api_id("Api"), api_id("Api2"));
    }

    #[test]
    fn finds_the_function_that_a_uri_calls() {
        const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:chat";
        let path = "lambda:path/2015-03-31/functions";
        for (uri, name) in [
            (
                format!("arn:aws:apigateway:us-east-1:{path}/{ARN}/invocations"),
                Some("chat"),
            ),
            (
                format!("arn:aws-cn:apigateway:us-east-1:{path}/{ARN}:live/invocations"),
                Some("chat"),
            ),
            (ARN.to_owned(), Some("chat")),
            (format!("{ARN}:1"), Some("chat")),
            (format!("arn:aws:apigateway:us-east-1:{path}/{ARN}"), None),
            ("https://example.com/".to_owned(), None),
            (
                "arn:aws:apigateway:us-east-1:sqs:action/SendMessage".to_owned(),
                None,
            ),
        ] {
            assert_eq!(invoked_arn(&uri).map(function_name), name, "{uri}");
        }
    }
}
