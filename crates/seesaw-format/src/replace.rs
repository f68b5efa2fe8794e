//! Files that appear whole or not at all.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Writes the file at `path` atomically: a reader finds the old content or the new, never a part of
/// either.
///
/// `write` fills a temporary file in the same folder, which is flushed to disk before it takes the
/// name `path`. The permissions are those of the file that is replaced, or where there is none, those
/// of any new file.
///
/// # Errors
/// When the temporary file cannot be created, filled or renamed, or `write` fails. What was at `path`
/// is then unchanged, and the temporary file is removed.
pub fn replace_file(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let (temporary, mut file) = create_next_to(path)?;
    let replaced = write(&mut file).and_then(|()| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        // Windows renames no open file.
        drop(file);
        fs::rename(&temporary, path)
    });
    if replaced.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

/// Creates a file with a name of its own in the folder of `path`.
fn create_next_to(path: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!(".seesaw-{}-{number}", process::id()));
        match File::create_new(&temporary) {
            // Left over from a process that was killed and had the same number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return Ok((temporary, created?)),
        }
    }
}

/// Removes the temporary files of [`replace_file`] that processes left in a folder because they were
/// killed, and returns how many there were.
///
/// Files of processes that still run are kept, where the system tells. No other file is touched.
///
/// # Errors
/// When the folder cannot be read, or a file cannot be removed.
pub fn remove_unfinished(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(process_of) else { continue };
        if entry.file_type()?.is_file() && !is_running(process) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The number of the process that a temporary file belongs to, by its name.
fn process_of(name: &str) -> Option<u32> {
    let (process, number) = name.strip_prefix(".seesaw-")?.split_once('-')?;
    number.parse::<usize>().ok()?;
    process.parse().ok()
}

/// Whether this is the number of another process that runs, as far as Linux tells. Numbers come again,
/// in containers even the same ones: this process leaves no file where it looks for them.
fn is_running(number: u32) -> bool {
    number != process::id() && Path::new("/proc").join(number.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        fs::read_dir(folder).unwrap().map(|entry| name(entry).unwrap()).collect()
    }

    #[test]
    fn content_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for content in ["first", "second"] {
            replace_file(&path, |file| file.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(files(folder.path()), ["a"]);
    }

    #[test]
    fn a_failure_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let fail = |file: &mut File| {
            file.write_all(b"new")?;
            Err(ErrorKind::StorageFull.into())
        };
        assert_eq!(replace_file(&path, fail).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(files(folder.path()), ["a"]);
        let missing = folder.path().join("no/such/folder");
        assert_eq!(replace_file(&missing, |_| Ok(())).unwrap_err().kind(), ErrorKind::NotFound);
        // A folder cannot be replaced by a file.
        assert!(replace_file(folder.path(), |_| Ok(())).is_err());
    }

    #[test]
    fn files_of_killed_processes_are_removed_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        // Linux gives no process such a number.
        let unfinished = [".seesaw-4294967294-0", ".seesaw-4294967294-17"];
        let others = [".seesaw", ".seesaw-1", ".seesaw-a-1", ".seesaw-4294967294-1x", "a", ".b"];
        for name in unfinished.iter().chain(&others) {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        fs::create_dir(folder.path().join(".seesaw-4294967294-3")).unwrap();
        assert_eq!(remove_unfinished(folder.path()).unwrap(), 2);
        let left = files(folder.path());
        assert_eq!(left.len(), others.len() + 1, "{left:?}");
        assert!(others.iter().all(|name| left.iter().any(|left| left == name)), "{left:?}");
        assert_eq!(remove_unfinished(folder.path()).unwrap(), 0);
        assert!(remove_unfinished(&folder.path().join("none")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn files_of_running_processes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        let path = folder.path().join(format!(".seesaw-{}-0", child.id()));
        fs::write(&path, "half").unwrap();
        assert_eq!(remove_unfinished(folder.path()).unwrap(), 0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(remove_unfinished(folder.path()).unwrap(), 1);
    }

    #[test]
    fn a_name_that_is_taken_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (first, _) = create_next_to(&path).unwrap();
        let number: usize = first.to_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
        // Other tests may take some of these meanwhile.
        for taken in number + 1..number + 20 {
            let name = format!(".seesaw-{}-{taken}", process::id());
            let _ = File::create_new(folder.path().join(name));
        }
        replace_file(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_a_new_file_or_of_the_one_replaced() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        replace_file(&path, |_| Ok(())).unwrap();
        // Created the ordinary way, under whatever umask the test runs.
        File::create(&other).unwrap();
        assert_eq!(mode(&path), mode(&other));
        for kept in [0o600, 0o640, 0o444] {
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            replace_file(&path, |file| file.write_all(b"new")).unwrap();
            assert_eq!(mode(&path), kept, "{kept:o}");
        }
    }
}
