//! Files and folders that systems and programs leave behind.

/// Names, in lower case, that hold no photos of anybody: of macOS, Windows, Linux, network storage
/// (Synology, QNAP, NetApp) and Python.
const NAMES: [&str; 19] = [
    "__macosx",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "lost+found",
    "@eadir",
    "@recycle",
    "@recently-snapshot",
    "@synoresource",
    "@tmp",
    "#recycle",
    "#snapshot",
    "~snapshot",
    "__pycache__",
    "icon\r",
];

/// Whether a file or folder of this name is a leftover of a system or a program: hidden, such as
/// `.ipynb_checkpoints`, `.Trash-1000` and `._photo.jpg`, or one of a list of names.
pub fn is_leftover(name: &str) -> bool {
    name.starts_with('.') || NAMES.contains(&name.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_told_by_their_names_in_any_case() {
        for name in [
            ".ipynb_checkpoints",
            "._0.jpg",
            ".DS_Store",
            "__MACOSX",
            "@eaDir",
            "$RECYCLE.BIN",
            "$Recycle.Bin",
            "System Volume Information",
            "lost+found",
            "Thumbs.db",
            "#recycle",
        ] {
            assert!(is_leftover(name), "{name}");
        }
        for name in ["cat", "0.jpg", "thumbs", "@home", "a.ini", "_hidden", "recycle"] {
            assert!(!is_leftover(name), "{name}");
        }
    }
}
