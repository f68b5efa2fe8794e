//! The page that classifies photos, as files that a program embeds.
//!
//! [`PAGE`] asks a function how a photo is classified, so a server can show it too. [`APP`] is that
//! function for a page without a server, with the engine in the browser.
//!
//! This folder is an npm package as well; the crate has what is needed to write a site. The WebAssembly
//! modules, [`MODULES`], are not in it: they are built with another standard library.
#![forbid(unsafe_code)]

/// A file of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its name; all files of a site lie in one folder.
    pub name: &'static str,
    /// Its contents.
    pub text: &'static str,
}

/// The page itself. Its script `page.js` is started by an `app.js`.
pub const PAGE: [File; 5] = [
    File { name: "index.html", text: include_str!("../page/index.html") },
    File { name: "page.css", text: include_str!("../page/page.css") },
    File { name: "page.js", text: include_str!("../page/page.js") },
    File { name: "page.webmanifest", text: include_str!("../page/page.webmanifest") },
    File { name: "icon.svg", text: include_str!("../page/icon.svg") },
];

/// What the page runs where there is no server: the start, the engine, and the service worker that keeps
/// all files for times without a network.
pub const APP: [File; 3] = [
    File { name: "app.js", text: include_str!("../page/app.js") },
    File { name: "seesaw.js", text: include_str!("../seesaw.js") },
    File { name: "offline.js", text: include_str!("../page/offline.js") },
];

/// The names of the WebAssembly modules: with fixed-width SIMD, and with relaxed SIMD.
pub const MODULES: [&str; 2] = ["seesaw.wasm", "seesaw-relaxed.wasm"];

/// The name of the model's file.
pub const MODEL: &str = "model.safetensors";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_worker_keeps_every_file() {
        let offline = APP.iter().find(|file| file.name == "offline.js").unwrap().text;
        let texts = PAGE.iter().chain(&APP).map(|file| file.name);
        // The page itself is kept under the name of its folder; the browser keeps the service worker.
        let kept = texts.filter(|name| !["index.html", "offline.js"].contains(name));
        for name in kept.chain(MODULES).chain([MODEL, "./"]) {
            assert!(offline.contains(&format!("  '{name}',\n")), "{name}");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for file in PAGE.iter().chain(&APP) {
            let links = file.text.matches("://").count();
            // The name of SVG's elements, which nothing is loaded from.
            assert_eq!(links, usize::from(file.name == "icon.svg"), "{}", file.name);
        }
    }
}
