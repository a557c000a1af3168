//! `RequestParameters` and `ResponseParameters`: which value goes where.
//!
//! Developer Guide, "Set up data mapping for WebSocket APIs in API Gateway".

use crate::mapping::JsonPath;

/// One value that is mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterMapping {
    /// Where it goes.
    pub to: Destination,
    /// Where it comes from.
    pub from: Source,
}

/// Where a value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A header of the request, or of the answer.
    Header(String),
    /// A parameter of the request's query string.
    Query(String),
    /// `{name}` in the request's path.
    Path(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `'text'`.
    Static(String),
    /// A header of the handshake, the last of its name.
    Header(String),
    /// All headers of a name.
    Headers(String),
    /// A parameter of the handshake's query string, the last of its name.
    Query(String),
    /// All parameters of a name.
    Queries(String),
    /// What stands at a path of the message, or of the integration's answer.
    Body(JsonPath),
    /// `context.name`, in steps.
    Context(Vec<String>),
    /// `stageVariables.name`.
    StageVariable(String),
}

impl ParameterMapping {
    /// Reads one of an integration request: `integration.request.header.name` and where it comes
    /// from.
    ///
    /// # Errors
    /// Why it is none.
    pub fn of_request(to: &str, from: &str) -> Result<Self, String> {
        let destination = match to.strip_prefix("integration.request.") {
            Some(place) => place.split_once('.'),
            None => None,
        };
        let to = match destination {
            Some(("header", name)) if !name.is_empty() => Destination::Header(name.to_owned()),
            Some(("querystring", name)) if !name.is_empty() => Destination::Query(name.to_owned()),
            Some(("path", name)) if !name.is_empty() => Destination::Path(name.to_owned()),
            _ => {
                return Err(format!(
                    "`{to}` is none of `integration.request.header.NAME`, \
                     `…querystring.NAME` and `…path.NAME`"
                ));
            }
        };
        let from = source(from, "route.request.")?;
        Ok(Self { to, from })
    }

    /// Reads one of a response: `route.response.header.name` and where it comes from.
    ///
    /// # Errors
    /// Why it is none.
    pub fn of_response(to: &str, from: &str) -> Result<Self, String> {
        let to = match to.strip_prefix("route.response.header.") {
            Some(name) if !name.is_empty() => Destination::Header(name.to_owned()),
            _ => return Err(format!("`{to}` is no `route.response.header.NAME`")),
        };
        let from = source(from, "integration.response.")?;
        match from {
            Source::Query(_) | Source::Queries(_) => {
                Err("an answer has no query string".to_owned())
            }
            from => Ok(Self { to, from }),
        }
    }
}

fn source(text: &str, prefix: &str) -> Result<Source, String> {
    if let Some(text) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return Ok(Source::Static(text.to_owned()));
    }
    let name = |name: &str| match name {
        "" => Err(format!("`{text}` names nothing")),
        name => Ok(name.to_owned()),
    };
    if let Some(variable) = text.strip_prefix("stageVariables.") {
        return name(variable).map(Source::StageVariable);
    }
    if let Some(variable) = text.strip_prefix("context.") {
        let steps = variable.split('.').map(name);
        return steps.collect::<Result<_, _>>().map(Source::Context);
    }
    let Some(place) = text.strip_prefix(prefix) else {
        let help = "a text stands in single quotes";
        return Err(format!("`{text}` is no source of a mapping ({help})"));
    };
    if let Some(path) = place.strip_prefix("body") {
        let path = JsonPath::parse(path).map_err(|bad| format!("`{text}`: {bad}"))?;
        return Ok(Source::Body(path));
    }
    match place.split_once('.') {
        Some(("header", of)) => name(of).map(Source::Header),
        Some(("multivalueheader", of)) => name(of).map(Source::Headers),
        Some(("querystring", of)) => name(of).map(Source::Query),
        Some(("multivaluequerystring", of)) => name(of).map(Source::Queries),
        _ => Err(format!("`{text}` is no source of a mapping")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings() {
        let from = |from: &str| {
            let mapping = ParameterMapping::of_request("integration.request.header.x", from);
            mapping.map(|mapping| mapping.from)
        };
        for (text, want) in [
            ("'Event'", Some(Source::Static("Event".to_owned()))),
            ("''", Some(Source::Static(String::new()))),
            (
                "route.request.header.Auth",
                Some(Source::Header("Auth".to_owned())),
            ),
            (
                "route.request.querystring.q",
                Some(Source::Query("q".to_owned())),
            ),
            (
                "route.request.multivaluequerystring.q",
                Some(Source::Queries("q".to_owned())),
            ),
            (
                "route.request.multivalueheader.q",
                Some(Source::Headers("q".to_owned())),
            ),
            (
                "context.authorizer.principalId",
                Some(Source::Context(vec![
                    "authorizer".to_owned(),
                    "principalId".to_owned(),
                ])),
            ),
            (
                "stageVariables.v",
                Some(Source::StageVariable("v".to_owned())),
            ),
            (
                "route.request.body",
                Some(Source::Body(JsonPath::parse("").unwrap())),
            ),
            (
                "route.request.body.a[0]",
                Some(Source::Body(JsonPath::parse("$.a[0]").unwrap())),
            ),
            ("method.request.header.x", None),
            ("integration.response.header.x", None),
            ("Event", None),
            ("'", None),
            ("context.", None),
            ("context..a", None),
            ("route.request.path.x", None),
            ("route.request.header.", None),
        ] {
            assert_eq!(from(text).ok(), want, "{text}");
        }
        for to in [
            "integration.request.body",
            "integration.request.header.",
            "route.response.header.x",
            "",
        ] {
            assert!(ParameterMapping::of_request(to, "'x'").is_err(), "{to}");
        }
        let response = ParameterMapping::of_response(
            "route.response.header.x",
            "integration.response.header.y",
        );
        assert_eq!(response.unwrap().from, Source::Header("y".to_owned()));
        assert!(
            ParameterMapping::of_response("route.response.header.x", "route.request.body").is_err()
        );
        assert!(
            ParameterMapping::of_response(
                "route.response.header.x",
                "integration.response.querystring.a"
            )
            .is_err()
        );
    }
}
