//! The console's page, part of the binary.

use std::path::Path;

use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;

use crate::serve::Body;
use crate::serve::answer;
use crate::serve::content_type;
use crate::serve::full;

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../web/", $name)))),*]
    };
}

/// The files of `local-dev/web`.
const ASSETS: &[(&str, &str)] = assets![
    "index.html",
    "console.css",
    "console.js",
    "api.js",
    "connections.js",
    "dom.js",
    "events.js",
    "faults.js",
    "functions.js",
    "icon.svg",
];

/// The console loads nothing from elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A file of the console; `name` is empty for the page itself.
pub(super) fn asset(name: &str) -> Option<Response<Body>> {
    let name = if name.is_empty() { "index.html" } else { name };
    let (_, text) = ASSETS.iter().find(|(asset, _)| *asset == name)?;
    let mut response = answer(
        StatusCode::OK,
        content_type(Path::new(name)),
        full(text.as_bytes()),
    );
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_console_is_in_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../web");
        let mut files = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(asset(&name).is_some(), "{name}");
            files += 1;
        }
        assert_eq!(files, ASSETS.len());
        assert!(asset("").is_some());
        assert!(asset("../Cargo.toml").is_none());
    }
}
