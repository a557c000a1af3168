//! The page that a template names: static files under one folder, at `/`.

use std::path::Path;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header;
use percent_encoding::percent_decode_str;

use super::body::Body;
use super::body::full;
use super::body::text;

/// Answers a request for `path` with a file of `folder`.
pub(super) async fn serve(
    folder: &Path,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        let mut refused = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "the page answers GET and HEAD\n",
        );
        refused
            .headers_mut()
            .insert(header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Some(file) = file(folder, path).await else {
        return text(StatusCode::NOT_FOUND, "there is no such file\n");
    };
    let Found::File { path: file, etag } = file else {
        let mut moved = text(StatusCode::PERMANENT_REDIRECT, "");
        if let Ok(to) = http::HeaderValue::try_from(format!("{path}/")) {
            moved.headers_mut().insert(header::LOCATION, to);
        }
        return moved;
    };
    let response = Response::builder()
        .header(header::ETAG, &etag)
        // Asked for again each time: the person who reloads has just changed the file.
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_TYPE, content_type(&file));
    let same = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|have| have.as_bytes() == etag.as_bytes());
    if same {
        return response
            .status(StatusCode::NOT_MODIFIED)
            .body(full(""))
            .expect("the status and these headers are valid");
    }
    match tokio::fs::read(&file).await {
        // hyper leaves the body out of an answer to HEAD and keeps its length.
        Ok(bytes) => response
            .body(full(bytes))
            .expect("an ETag of hexadecimal digits is a valid header"),
        Err(_) => text(StatusCode::NOT_FOUND, "there is no such file\n"),
    }
}

/// What a path leads to.
enum Found {
    /// A file, and a tag that changes with it.
    File { path: PathBuf, etag: String },
    /// A folder whose URL lacks the slash that relative links need.
    Folder,
}

/// The file behind a URL's path: inside `folder` also after symbolic links, and no hidden one.
async fn file(folder: &Path, path: &str) -> Option<Found> {
    let mut file = folder.to_owned();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decode_str(segment).decode_utf8().ok()?;
        if segment.starts_with('.') || segment.contains(['/', '\\', '\0']) {
            return None;
        }
        file.push(&*segment);
    }
    let root = tokio::fs::canonicalize(folder).await.ok()?;
    let mut file = tokio::fs::canonicalize(&file).await.ok()?;
    let mut found = tokio::fs::metadata(&file).await.ok()?;
    if found.is_dir() {
        if !path.ends_with('/') {
            return Some(Found::Folder);
        }
        file = tokio::fs::canonicalize(file.join("index.html"))
            .await
            .ok()?;
        found = tokio::fs::metadata(&file).await.ok()?;
    }
    if !file.starts_with(&root) || !found.is_file() {
        return None;
    }
    let changed = found
        .modified()
        .ok()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Some(Found::File {
        path: file,
        etag: format!("\"{:x}-{:x}\"", changed.as_nanos(), found.len()),
    })
}

/// The media type of a file, by its ending (the IANA registry; WHATWG for JavaScript).
pub(crate) fn content_type(file: &Path) -> &'static str {
    let ending = file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use http::HeaderValue;
    use http_body_util::BodyExt;

    use super::*;

    async fn get(folder: &Path, path: &str) -> Response<Body> {
        serve(folder, &Method::GET, path, &HeaderMap::new()).await
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("page/sub")).unwrap();
        fs::write(folder.path().join("secret.txt"), "secret").unwrap();
        fs::write(folder.path().join("page/index.html"), "<p>hello").unwrap();
        fs::write(folder.path().join("page/a b.js"), "export {}").unwrap();
        fs::write(folder.path().join("page/sub/index.html"), "<p>sub").unwrap();
        fs::write(folder.path().join("page/.env"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret.txt", folder.path().join("page/link.txt")).unwrap();
        folder
    }

    #[tokio::test]
    async fn files_have_their_types_and_folders_their_index() {
        let folder = folder();
        let page = folder.path().join("page");
        for (path, body, content_type) in [
            ("/", "<p>hello", "text/html; charset=utf-8"),
            ("/index.html", "<p>hello", "text/html; charset=utf-8"),
            ("/a%20b.js", "export {}", "text/javascript; charset=utf-8"),
            ("/sub/", "<p>sub", "text/html; charset=utf-8"),
        ] {
            let response = get(&page, path).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.headers()["content-type"], content_type, "{path}");
            assert_eq!(
                response.into_body().collect().await.unwrap().to_bytes(),
                body,
                "{path}"
            );
        }
        let moved = get(&page, "/sub").await;
        assert_eq!(
            (moved.status().as_u16(), &moved.headers()["location"]),
            (308, &HeaderValue::from_static("/sub/"))
        );
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_served() {
        let folder = folder();
        let page = folder.path().join("page");
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/sub/../../secret.txt",
            "/%2e%2e%5csecret.txt",
            "//etc/passwd",
            "/%2fetc/passwd",
            "/link.txt",
            "/.env",
            "/%00",
            "/%ff",
            "/nothing",
        ] {
            assert_eq!(get(&page, path).await.status(), 404, "{path}");
        }
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_sent_again() {
        let folder = folder();
        let page = folder.path().join("page");
        let first = get(&page, "/").await;
        let headers =
            HeaderMap::from_iter([(header::IF_NONE_MATCH, first.headers()["etag"].clone())]);
        let second = serve(&page, &Method::GET, "/", &headers).await;
        assert_eq!(second.status(), 304);
        fs::write(page.join("index.html"), "<p>changed").unwrap();
        assert_eq!(
            serve(&page, &Method::GET, "/", &headers).await.status(),
            200
        );
    }

    #[tokio::test]
    async fn only_reading_is_allowed() {
        let folder = folder();
        let response = serve(folder.path(), &Method::POST, "/", &HeaderMap::new()).await;
        assert_eq!(response.status(), 405);
    }
}
