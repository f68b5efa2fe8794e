//! Helpers for the tests of all crates: files outside the repository, temporary folders, images.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The variable that turns a test that lacks its shared files from skipped into failed.
pub const REQUIRE_SHARED: &str = "SEESAW_REQUIRE_SHARED";

/// A file or folder in `shared`, next to the repository, which holds data too large for it. `None`
/// where it is missing, and the test says that it is skipped.
///
/// # Panics
/// Where it is missing and the environment variable [`REQUIRE_SHARED`] is set.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub fn shared(path: impl AsRef<Path>) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    let missing = format!("{} is missing", path.display());
    assert!(env::var_os(REQUIRE_SHARED).is_none(), "{missing}, and {REQUIRE_SHARED} is set");
    eprintln!("skipped: {missing}");
    None
}

/// A file of the golden data that `seesaw-engine` has from PyTorch, which other crates test with too.
pub fn engine_golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../seesaw-engine/tests/golden").join(name)
}

/// A temporary folder that holds these files, by relative name, and the folders that they need.
///
/// # Panics
/// When a file cannot be written.
pub fn folder<N: AsRef<Path>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (N, B)>) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        let parent = path.parent().expect("a name within the folder");
        fs::create_dir_all(parent).expect("a folder for the file");
        fs::write(path, bytes).expect("a file in the folder");
    }
    folder
}

/// A BMP of 24 bits per pixel, all pixels of one color.
pub fn bmp(width: u32, height: u32, color: [u8; 3]) -> Vec<u8> {
    bmp_of(width, height, |_, _| color)
}

/// A BMP of 24 bits per pixel; `color` gives red, green and blue of the pixel at column `x` and row
/// `y` from the top.
pub fn bmp_of(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    // The file header, and an information header of 40 bytes; sizes of 0 are to be computed.
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend(b"\x01\0\x18\0");
    bytes.extend([0; 24]);
    for y in (0..height).rev() {
        for [red, green, blue] in (0..width).map(|x| color(x, y)) {
            bytes.extend([blue, green, red]);
        }
        // Rows are padded to four bytes.
        bytes.resize(54 + (3 * width as usize).next_multiple_of(4) * (height - y) as usize, 0);
    }
    bytes
}

/// The most memory that this process has held so far, in kB. `None` where the system does not tell,
/// and the test says that it is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub fn peak_memory_kb() -> Option<u64> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        eprintln!("skipped: this system has no /proc/self/status to read the peak memory from");
        return None;
    };
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_bmp_are_padded_and_upside_down() {
        let bytes = bmp_of(1, 2, |x, y| [x as u8 + 1, y as u8 + 10, 3]);
        assert_eq!(bytes[54..], [3, 11, 1, 0, 3, 10, 1, 0]);
        assert_eq!(bmp(2, 1, [1, 2, 3])[54..], [3, 2, 1, 3, 2, 1, 0, 0]);
    }

    #[test]
    fn folders_hold_their_files() {
        let folder = folder([("a/b.txt", "content")]);
        assert_eq!(fs::read_to_string(folder.path().join("a/b.txt")).unwrap(), "content");
    }
}
