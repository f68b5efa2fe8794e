//! A tiny archive from a server on loopback.

use std::{
    io::BufRead,
    net::TcpListener,
    thread::{self, JoinHandle},
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;

/// What the server does with a request for `content`.
#[derive(Clone, Copy)]
enum Answer {
    /// All of it, or the requested range.
    Serve,
    /// All of it, whatever the requested range.
    IgnoreRange,
    /// The length of all of it, and this many bytes.
    Interrupt(usize),
    /// No content.
    Head(&'static str),
    /// A redirection to itself, encrypted.
    ToTls,
}

/// The requested ranges, and the listener, which keeps accepting connections.
type Served = (Vec<Option<usize>>, TcpListener);

/// Answers one connection after the other.
fn server(content: &[u8], answers: &'static [Answer]) -> (String, JoinHandle<Served>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/archive.tar.gz", listener.local_addr().unwrap());
    let content = content.to_vec();
    let run = move || {
        let answer = |answer: &Answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
                let line = line.to_lowercase();
                line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok()
            });
            let (start, sent) = match (answer, range) {
                (Answer::Serve, Some(start)) => (start, content.len() - start),
                (Answer::Interrupt(sent), _) => (0, *sent),
                _ => (0, content.len()),
            };
            let len = content.len() - start;
            let head = match (answer, start) {
                (Answer::Head(head), _) => format!("HTTP/1.1 {head}\r\nContent-Length: 0"),
                (Answer::ToTls, _) => {
                    let to = listener.local_addr().unwrap();
                    format!("HTTP/1.1 301 Moved\r\nLocation: https://{to}/\r\nContent-Length: 0")
                }
                (_, 0) => format!("HTTP/1.1 200 OK\r\nContent-Length: {len}"),
                _ => format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Length: {len}\r\nContent-Range: bytes {start}-{}/{}",
                    content.len() - 1,
                    content.len()
                ),
            };
            write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
            if !matches!(answer, Answer::Head(_) | Answer::ToTls) {
                stream.write_all(&content[start..start + sent]).unwrap();
            }
            range
        };
        let ranges = answers.iter().map(answer).collect();
        (ranges, listener)
    };
    (url, thread::spawn(run))
}

/// An archive of these files in `set/`.
fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(vec![], Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Names that climb out of the folder, too.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Bytes that do not compress.
fn noise() -> Vec<u8> {
    (0..40_000_u32).map(|n| seesaw_arch::splitmix64::mix(n.into()) as u8).collect()
}

fn good() -> Vec<u8> {
    let (big, escape) = (noise(), &b"stay out"[..]);
    tar_gz(&[
        ("set/readme.html", b"hello"),
        ("set/big", &big),
        ("set/../../big", escape),
        ("set/text", b"abc"),
    ])
}

fn archive(content: &[u8], url: &str) -> Archive {
    let md5 = Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Archive {
        url: url.to_owned(),
        page: "https://example.org/set.tar.gz",
        md5,
        name: "set.tar.gz",
        folder: "set",
        files: vec![("big", 40_000..=40_000), ("text", 1..=10)],
    }
}

fn fetch(archive: &Archive, folder: &TempDir) -> Result<PathBuf, DownloadError> {
    archive.fetch(&folder.path().join("data"), &mut |_| {})
}

/// All files below the folder.
fn files(folder: &TempDir) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder.path()).sort_by_file_name().into_iter();
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let name = |entry: walkdir::DirEntry| {
        entry.path().strip_prefix(folder.path()).unwrap().to_string_lossy().replace('\\', "/")
    };
    files.map(name).collect()
}

#[test]
fn an_archive_is_downloaded_checked_and_unpacked_once() {
    let (url, server) = server(&good(), &[Answer::Serve]);
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&good(), &url);
    let mut heard = vec![];
    let data = folder.path().join("data");
    let target = archive.fetch(&data, &mut |progress| heard.push(progress)).unwrap();
    assert_eq!(server.join().unwrap().0, [None]);
    assert_eq!(target, data.join("set"));
    assert_eq!(fs::read(target.join("big")).unwrap(), noise());
    assert_eq!(files(&folder), ["data/set/big", "data/set/text"]);
    // Others may read the files, as far as the umask lets them.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        let ordinary = folder.path().join("ordinary");
        File::create(&ordinary).unwrap();
        assert_eq!(mode(&target.join("big")), mode(&ordinary));
        fs::remove_file(ordinary).unwrap();
    }
    let len = good().len() as u64;
    assert_eq!(heard[0], Progress::Downloading { done: 0, total: Some(len) });
    assert!(heard.contains(&Progress::Downloading { done: len, total: Some(len) }));
    assert_eq!(heard[heard.len() - 3], Progress::Checking);
    assert_eq!(heard[heard.len() - 1], Progress::Unpacking("text".into()));
    // The server is gone, and not needed.
    assert_eq!(fetch(&archive, &folder).unwrap(), target);
}

#[test]
fn an_interrupted_download_is_resumed() {
    let (url, server) = server(&good(), &[Answer::Interrupt(30_000), Answer::Serve]);
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&good(), &url);
    let error = fetch(&archive, &folder).unwrap_err().to_string();
    assert!(error.contains("interrupted after 30000 bytes") && error.contains("resume"), "{error}");
    assert_eq!(files(&folder), ["data/set.tar.gz.part"]);
    fetch(&archive, &folder).unwrap();
    assert_eq!(server.join().unwrap().0, [None, Some(30_000)]);
    assert_eq!(files(&folder), ["data/set/big", "data/set/text"]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    const REFUSED: Answer = Answer::Head("416 Range Not Satisfiable");
    let answers: [&[Answer]; 2] = [&[Answer::IgnoreRange], &[REFUSED, Answer::Serve]];
    for answers in answers {
        let (url, server) = server(&good(), answers);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/set.tar.gz.part"), "something else").unwrap();
        fetch(&archive(&good(), &url), &folder).unwrap();
        assert_eq!(server.join().unwrap().0.len(), answers.len());
        assert_eq!(files(&folder), ["data/set/big", "data/set/text"]);
    }
}

#[test]
fn an_archive_with_another_md5_is_not_unpacked() {
    let (url, server) = server(b"another", &[Answer::Serve]);
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&archive(&good(), &url), &folder).unwrap_err().to_string();
    server.join().unwrap();
    assert!(error.contains("its md5 is b32d73e56ec99bc5ec8f83871cde708a"), "{error}");
    assert_eq!(files(&folder), [""; 0]);
}

#[test]
fn an_archive_put_there_by_hand_is_taken_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let by_hand = folder.path().join("data/set.tar.gz");
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(&by_hand, "half").unwrap();
    let archive = archive(&good(), "http://127.0.0.1:1/");
    let error = fetch(&archive, &folder).unwrap_err().to_string();
    assert!(error.contains("set.tar.gz: its md5 is") && error.contains("remove it"), "{error}");
    fs::write(&by_hand, good()).unwrap();
    fetch(&archive, &folder).unwrap();
    assert_eq!(files(&folder), ["data/set/big", "data/set/text", "data/set.tar.gz"]);
}

#[test]
fn archives_that_hold_something_else_are_refused() {
    let big = noise();
    for (content, file) in [
        (tar_gz(&[("set/big", &big)]), "text"),
        (tar_gz(&[("set/big", b"small"), ("set/text", b"abc")]), "big"),
        (tar_gz(&[("set/big", &big), ("set/text", b"more than ten bytes")]), "text"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/set.tar.gz"), &content).unwrap();
        let error = fetch(&archive(&content, "http://127.0.0.1:1/"), &folder).unwrap_err();
        assert!(
            error.to_string().contains(&format!("`{file}` is missing or has the wrong length")),
            "{error}"
        );
    }
}

#[test]
fn servers_that_refuse_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |head: &'static [Answer]| {
        let (url, server) = server(b"", head);
        let error = fetch(&archive(&good(), &url), &folder).unwrap_err().to_string();
        server.join().unwrap();
        error
    };
    let error = refused(&[Answer::Head("404 Not Found")]);
    assert!(error.contains("/archive.tar.gz: the server responded with status 404"), "{error}");
    let error = refused(&[Answer::ToTls]);
    assert!(error.contains("requires https") && error.contains("set.tar.gz"), "{error}");
    let error = fetch(&archive(&good(), "http://127.0.0.1:1/"), &folder).unwrap_err().to_string();
    assert!(
        error.contains("with a browser, save it in the target folder as set.tar.gz"),
        "{error}"
    );
}

#[test]
fn a_full_set_of_cifar_10_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&target).unwrap();
    for n in 1..=6 {
        let name = if n == 6 { "test_batch.bin".into() } else { format!("data_batch_{n}.bin") };
        File::create(target.join(name)).unwrap().set_len(30_730_000).unwrap();
    }
    let unreachable = Some("http://127.0.0.1:1/");
    assert!(cifar10(folder.path(), unreachable, &mut |_| {}).is_err());
    fs::write(target.join("batches.meta.txt"), "airplane\n").unwrap();
    assert_eq!(cifar10(folder.path(), unreachable, &mut |_| {}).unwrap(), target);
}
