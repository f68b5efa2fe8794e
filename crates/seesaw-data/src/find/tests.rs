use std::{fs, path::Path};

use super::*;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("seesaw-find-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for file in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        Self(path)
    }

    /// What the arguments, all below the folder, expand to.
    fn find(&self, arguments: &[&str]) -> (Vec<String>, Vec<FindError>) {
        let arguments: Vec<_> = arguments.iter().map(|name| self.0.join(name)).collect();
        let (photos, errors) = find_photos(&arguments);
        let name = |path: &Path| path.strip_prefix(&self.0).unwrap().display().to_string();
        (photos.iter().map(|path| name(path)).collect(), errors)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const FILES: [&str; 7] =
    ["b.jpg", "a.PNG", "notes.txt", "deep/er/c.WebP", "deep/d.jpeg", "deep/e.bmp", "z/none.md"];

#[test]
fn a_folder_gives_its_photos_in_the_order_of_names() {
    let (photos, errors) = Folder::with("walk", &FILES).find(&["."]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["a.PNG", "b.jpg", "deep/d.jpeg", "deep/e.bmp", "deep/er/c.WebP"]);
}

#[test]
fn named_files_are_taken_in_the_order_given_whatever_they_are() {
    let (photos, errors) = Folder::with("named", &FILES).find(&["notes.txt", "a.PNG", "deep/er"]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["notes.txt", "a.PNG", "deep/er/c.WebP"]);
}

#[test]
fn patterns_match_files_and_folders_once() {
    let folder = Folder::with("glob", &FILES);
    let (photos, errors) = folder.find(&["*.jpg", "deep/?.*", "d*"]);
    assert!(errors.is_empty(), "{errors:?}");
    let deep = ["deep/d.jpeg", "deep/e.bmp", "deep/er/c.WebP"];
    assert_eq!(photos, [&["b.jpg", "deep/d.jpeg", "deep/e.bmp"], &deep[..]].concat());
    let (photos, errors) = folder.find(&["deep/**", "deep/**/*"]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos.iter().filter(|photo| photo.ends_with("c.WebP")).count(), 2);
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_a_file() {
    let (photos, errors) = Folder::with("literal", &["[1].jpg", "1.jpg"]).find(&["[1].jpg"]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["[1].jpg"]);
}

#[test]
fn each_bad_argument_is_an_error_of_its_own() {
    let folder = Folder::with("errors", &FILES);
    let (photos, errors) = folder.find(&["missing.jpg", "z", "*.gif", "***", "b.jpg"]);
    assert_eq!(photos, ["b.jpg"]);
    assert!(
        matches!(
            &errors[..],
            [
                FindError::Missing(_),
                FindError::NoPhotos(_),
                FindError::NoMatch(_),
                FindError::Pattern { .. }
            ]
        ),
        "{errors:?}"
    );
    assert!(errors[0].to_string().ends_with("missing.jpg: no such file or folder"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = Folder::with("links", &["a/photo.jpg", "elsewhere/b.jpg"]);
    symlink(folder.0.join("a"), folder.0.join("a/self")).unwrap();
    symlink(folder.0.join("elsewhere"), folder.0.join("a/there")).unwrap();
    symlink(folder.0.join("elsewhere/b.jpg"), folder.0.join("a/link.jpg")).unwrap();
    symlink(folder.0.join("nothing"), folder.0.join("a/gone.jpg")).unwrap();
    symlink(folder.0.join("nothing"), folder.0.join("a/gone")).unwrap();
    let (photos, errors) = folder.find(&["a"]);
    assert_eq!(photos, ["a/link.jpg", "a/photo.jpg", "a/there/b.jpg"]);
    assert!(matches!(&errors[..], [FindError::Read { path, .. }] if path.ends_with("gone.jpg")));
}
