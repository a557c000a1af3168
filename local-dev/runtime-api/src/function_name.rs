//! The ways in which callers of the Invoke API name a function.

/// The `FunctionName` of what a caller wrote in the path, percent-decoded: a name, `name:alias`, a
/// partial ARN (`account:function:name`) or an ARN, each with or without a qualifier. `None` for
/// what is none of them, and for another region or account: nothing is there.
///
/// The qualifier is not looked at: every version and alias is the one code that is here.
pub(crate) fn function_name<'a>(written: &'a str, region: &str, account: &str) -> Option<&'a str> {
    let parts: Vec<&str> = written.split(':').collect();
    let name = match parts[..] {
        [name] | [name, _] => name,
        [of, "function", name] | [of, "function", name, _] if of == account => name,
        ["arn", _partition, "lambda", at, of, "function", name]
        | ["arn", _partition, "lambda", at, of, "function", name, _]
            if at == region && of == account =>
        {
            name
        }
        _ => return None,
    };
    (!name.is_empty()).then_some(name)
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
            ("echo", Some("echo")),
            ("echo:live", Some("echo")),
            ("echo:$LATEST", Some("echo")),
            ("000000000000:function:echo", Some("echo")),
            ("000000000000:function:echo:7", Some("echo")),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:echo",
                Some("echo"),
            ),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:echo:live",
                Some("echo"),
            ),
            ("arn:aws:lambda:eu-west-1:000000000000:function:echo", None),
            ("arn:aws:lambda:us-east-1:111111111111:function:echo", None),
            ("111111111111:function:echo", None),
            ("arn:aws:sqs:us-east-1:000000000000:echo", None),
            ("", None),
            (":live", None),
        ] {
            assert_eq!(
                function_name(written, "us-east-1", "000000000000"),
                expected,
                "{written}"
            );
        }
    }
}
