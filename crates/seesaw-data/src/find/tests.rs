use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A folder of these empty files.
fn folder(files: &[&str]) -> TempDir {
    seesaw_testing::folder(files.iter().map(|&file| (file, "")))
}

/// The photos at `paths`, all below the folder, by relative name, and the errors.
fn find(folder: &TempDir, paths: &[&str]) -> (Vec<String>, Vec<FindError>) {
    let paths: Vec<_> = paths.iter().map(|name| folder.path().join(name)).collect();
    let FoundPhotos { photos, errors, .. } = find_photos(&paths);
    let name = |path: &Path| path.strip_prefix(folder.path()).unwrap().display().to_string();
    (photos.iter().map(|path| name(path)).collect(), errors)
}

const FILES: [&str; 7] =
    ["b.jpg", "a.PNG", "notes.txt", "deep/er/c.WebP", "deep/d.jpeg", "deep/e.bmp", "z/none.md"];

#[test]
fn a_folder_gives_its_photos_in_the_order_of_names() {
    let (photos, errors) = find(&folder(&FILES), &["."]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["a.PNG", "b.jpg", "deep/d.jpeg", "deep/e.bmp", "deep/er/c.WebP"]);
}

#[test]
fn named_files_are_taken_in_the_order_given_whatever_they_are() {
    let (photos, errors) = find(&folder(&FILES), &["notes.txt", "a.PNG", "deep/er"]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["notes.txt", "a.PNG", "deep/er/c.WebP"]);
}

#[test]
fn patterns_match_files_and_folders_once() {
    let folder = folder(&FILES);
    let (photos, errors) = find(&folder, &["*.jpg", "deep/?.*", "d*"]);
    assert!(errors.is_empty(), "{errors:?}");
    let deep = ["deep/d.jpeg", "deep/e.bmp", "deep/er/c.WebP"];
    assert_eq!(photos, [&["b.jpg", "deep/d.jpeg", "deep/e.bmp"], &deep[..]].concat());
    let (photos, errors) = find(&folder, &["deep/**", "deep/**/*"]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos.iter().filter(|photo| photo.ends_with("c.WebP")).count(), 2);
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_a_file() {
    let (photos, errors) = find(&folder(&["[1].jpg", "1.jpg"]), &["[1].jpg"]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["[1].jpg"]);
}

#[test]
fn each_bad_argument_is_an_error_of_its_own() {
    let folder = folder(&FILES);
    let (photos, errors) = find(&folder, &["missing.jpg", "z", "*.gif", "***", "b.jpg"]);
    assert_eq!(photos, ["b.jpg"]);
    assert!(
        matches!(
            &errors[..],
            [
                FindError::Missing(_),
                FindError::NoPhotos { .. },
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
    let folder = folder(&["a/photo.jpg", "elsewhere/b.jpg"]);
    symlink(folder.path().join("a"), folder.path().join("a/self")).unwrap();
    symlink(folder.path().join("elsewhere"), folder.path().join("a/there")).unwrap();
    symlink(folder.path().join("elsewhere/b.jpg"), folder.path().join("a/link.jpg")).unwrap();
    symlink(folder.path().join("nothing"), folder.path().join("a/gone.jpg")).unwrap();
    symlink(folder.path().join("nothing"), folder.path().join("a/gone")).unwrap();
    let (photos, errors) = find(&folder, &["a"]);
    assert_eq!(photos, ["a/link.jpg", "a/photo.jpg", "a/there/b.jpg"]);
    assert!(matches!(&errors[..], [FindError::Read { path, .. }] if path.ends_with("gone.jpg")));
}

#[test]
fn leftovers_of_systems_are_ignored_and_other_files_counted() {
    let folder = folder(&[
        "a/1.jpg",
        "a/._1.jpg",
        "a/2.JFIF",
        "a/3.avif",
        "a/.ipynb_checkpoints/1-checkpoint.jpg",
        "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "a/Thumbs.db",
        "__MACOSX/a/._1.jpg",
        "notes.txt",
    ]);
    let FoundPhotos { photos, errors, skipped } = find_photos(&[folder.path()]);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(photos, ["a/1.jpg", "a/2.JFIF"].map(|name| folder.path().join(name)));
    assert_eq!((skipped.files(), skipped.likely_photos(), skipped.leftovers()), (2, 1, 5));
    // A hidden folder that is named is searched.
    let hidden = folder.path().join("a/.ipynb_checkpoints");
    assert_eq!(find_photos(&[hidden]).photos.len(), 1);
}

#[test]
fn a_folder_of_other_files_says_what_they_are() {
    let folder = folder(&["x/1.avif", "x/2.AVIF", "x/notes.txt"]);
    let (_, errors) = find(&folder, &["x"]);
    let text = errors[0].to_string();
    assert!(text.contains("no photos in this folder"), "{text}");
    assert!(text.contains("2 files that may be photos were not looked at (2 .avif)"), "{text}");
}
