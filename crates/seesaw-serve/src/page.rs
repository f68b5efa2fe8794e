//! The page and its files, which the program carries.

use std::sync::LazyLock;

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    response::{IntoResponse, Response},
};

/// Nothing but what comes from here, and photos that the page itself holds. Forms are handled by scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Where it is.
    pub address: String,
    content_type: &'static str,
    content: &'static str,
}

/// All files of the page: those that it shares with the page without a server, and its own.
pub static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let shared = seesaw_web::PAGE.iter().map(|file| (file.name, file.text));
    let own =
        [("app.css", include_str!("../page/app.css")), ("app.js", include_str!("../page/app.js"))];
    shared.chain(own).map(|(name, content)| File::new(name, content)).collect()
});

impl File {
    fn new(name: &str, content: &'static str) -> Self {
        let content_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("webmanifest") => "application/manifest+json",
            _ => unreachable!("{name} has another extension"),
        };
        let address = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
        Self { address, content_type, content }
    }

    /// The file as an answer.
    pub fn response(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, self.content_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            // A newer program has newer files.
            (CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.content).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_all_that_it_asks_for_and_asks_for_nothing_else() {
        let html = FILES[0].content;
        let linked = html.split(['"']).filter(|text| {
            [".css", ".js", ".svg", ".webmanifest"].iter().any(|end| text.ends_with(end))
        });
        for name in linked {
            assert!(FILES.iter().any(|file| file.address[1..] == *name), "{name}");
        }
        for File { address, content, .. } in FILES.iter() {
            let links = content.matches("://").count();
            // The name of SVG's elements, which nothing is loaded from.
            assert_eq!(links, usize::from(address == "/icon.svg"), "{address}");
            // The policy forbids them.
            for inline in [" style=", " onclick=", "<script>", "<style>", "innerHTML", "eval("] {
                assert!(!content.contains(inline), "{inline} in {address}");
            }
        }
    }
}
