//! The page and its files, which the program carries.

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    response::{IntoResponse, Response},
};

/// Nothing but what comes from here, and photos that the page itself holds. Forms are handled by scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const MANIFEST: &str = "application/manifest+json";

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Where it is.
    pub address: &'static str,
    content_type: &'static str,
    content: &'static str,
}

/// All files of the page.
pub static FILES: [File; 7] = [
    File::new("/", HTML, include_str!("../page/index.html")),
    File::new("/page.css", CSS, include_str!("../page/page.css")),
    File::new("/page.js", SCRIPT, include_str!("../page/page.js")),
    File::new("/page.webmanifest", MANIFEST, include_str!("../page/page.webmanifest")),
    File::new("/icon.svg", SVG, include_str!("../page/icon.svg")),
    File::new("/app.css", CSS, include_str!("../page/app.css")),
    File::new("/app.js", SCRIPT, include_str!("../page/app.js")),
];

impl File {
    const fn new(address: &'static str, content_type: &'static str, content: &'static str) -> Self {
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
        for File { address, content, .. } in &FILES {
            let links = content.matches("://").count();
            // The name of SVG's elements, which nothing is loaded from.
            assert_eq!(links, usize::from(*address == "/icon.svg"), "{address}");
            // The policy forbids them.
            for inline in [" style=", " onclick=", "<script>", "<style>", "innerHTML", "eval("] {
                assert!(!content.contains(inline), "{inline} in {address}");
            }
        }
    }
}
