//! The ways in which callers of the Invoke API name a function.

/// A function as a caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    /// `FunctionName`.
    pub(crate) name: &'a str,
    /// A version or an alias behind it.
    pub(crate) qualifier: Option<&'a str>,
}

/// The function of what a caller wrote in the path, percent-decoded: a name, `name:alias`, a
/// partial ARN (`account:function:name`) or an ARN, each with or without a qualifier. `None` for
/// what is none of them, and for another region or account: nothing is there.
pub(crate) fn function_name<'a>(
    written: &'a str,
    region: &str,
    account: &str,
) -> Option<Named<'a>> {
    let parts: Vec<&str> = written.split(':').collect();
    let behind = match parts[..] {
        [_] | [_, _] => 0,
        [of, "function", _] | [of, "function", _, _] if of == account => 2,
        ["arn", _partition, "lambda", at, of, "function", _]
        | ["arn", _partition, "lambda", at, of, "function", _, _]
            if at == region && of == account =>
        {
            6
        }
        _ => return None,
    };
    let name = parts[behind];
    let qualifier = parts.get(behind + 1).copied();
    (!name.is_empty()).then_some(Named { name, qualifier })
}

/// A function's ARN.
pub(crate) fn function_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:function:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_in_all_the_ways_of_the_invoke_api() {
        for (written, expected) in [
            ("echo", Some(("echo", None))),
            ("echo:live", Some(("echo", Some("live")))),
            ("echo:$LATEST", Some(("echo", Some("$LATEST")))),
            ("000000000000:function:echo", Some(("echo", None))),
            ("000000000000:function:echo:7", Some(("echo", Some("7")))),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:echo",
                Some(("echo", None)),
            ),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:echo:live",
                Some(("echo", Some("live"))),
            ),
            ("arn:aws:lambda:eu-west-1:000000000000:function:echo", None),
            ("arn:aws:lambda:us-east-1:111111111111:function:echo", None),
            ("111111111111:function:echo", None),
            ("arn:aws:sqs:us-east-1:000000000000:echo", None),
            ("", None),
            (":live", None),
        ] {
            assert_eq!(
                function_name(written, "us-east-1", "000000000000")
                    .map(|named| (named.name, named.qualifier)),
                expected,
                "{written}"
            );
        }
    }
}
