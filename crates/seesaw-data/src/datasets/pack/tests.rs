//! Packing folders and lists, and what it does when something is in the way.

use std::{
    fs,
    sync::{Arc, Mutex, atomic::Ordering},
};

use seesaw_image::{decode, resize};
use seesaw_testing::{bmp, bmp_of, folder};
use tempfile::TempDir;

use super::*;
use crate::{
    Augment, Batch, Loader, LoaderOptions,
    datasets::{Dataset, Findings, Kind, Splits, Verify, open},
};

/// A photo with a color of its own.
fn photo(width: u32, height: u32, seed: u8) -> Vec<u8> {
    bmp_of(width, height, |x, y| [seed, (x * 7) as u8, (y * 5) as u8])
}

/// Two classes of `each` small photos, with a large and a broken one.
fn album(each: u8) -> TempDir {
    let small = |class: &str, n: u8| (format!("{class}/{n:03}.bmp"), photo(9, 8, n));
    let mut files: Vec<_> =
        ["cat", "dog"].into_iter().flat_map(|c| (0..each).map(move |n| small(c, n))).collect();
    files.push(("cat/large.bmp".to_owned(), photo(64, 48, 200)));
    files.push(("dog/broken.bmp".to_owned(), b"not an image".to_vec()));
    files.push(("dog/notes.txt".to_owned(), b"text".to_vec()));
    folder(files)
}

fn options() -> PackOptions {
    PackOptions::new().shorter_side(32).threads(3)
}

fn run(path: &Path, out: &Path, options: &PackOptions) -> Result<PackReport, PackError> {
    pack(path, out, options, &AtomicBool::new(false), &mut |_| {})
}

fn error(path: &Path, out: &Path, options: &PackOptions) -> String {
    run(path, out, options).unwrap_err().to_string()
}

fn whole(path: &Path) -> Dataset {
    open(path, &OpenOptions::new().val_split(0.0)).unwrap().train
}

/// What a data set is but for the place of its files.
fn listing(dataset: &Dataset) -> Vec<(String, u32)> {
    let entry = |i| (dataset.relative_name(i).unwrap(), dataset.label(i).unwrap());
    (0..dataset.len()).map(entry).collect()
}

/// The names and contents of files.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    files.sort();
    files
}

#[test]
fn a_packed_data_set_is_the_folder_in_few_files() {
    let (album, out) = (album(20), tempfile::tempdir().unwrap());
    let left_out = Mutex::new(vec![]);
    let mut last = (0, 0);
    let report = pack(
        album.path(),
        out.path(),
        &options(),
        &AtomicBool::new(false),
        &mut |event| match event {
            PackEvent::LeftOut { path, reason } => {
                left_out.lock().unwrap().push((path.to_owned(), reason.to_owned()));
            }
            PackEvent::Done { images, total } => last = (images, total),
            PackEvent::Note(_) | PackEvent::Resumed(_) => {}
        },
    );
    let facts = report.unwrap().facts;
    assert_eq!((facts.images, facts.shrunk, facts.left_out, facts.shards), (41, 1, 1, 1));
    assert_eq!(last, (42, 42));
    let left_out = left_out.into_inner().unwrap();
    assert_eq!(left_out.len(), 1);
    assert!(left_out[0].0.ends_with("dog/broken.bmp") && left_out[0].1.contains("not an image"));

    let names: Vec<String> = files(out.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["images-00000.tar", "seesaw-pack.jsonl"]);
    for (path, kind) in [(out.path().to_owned(), "folder"), (out.path().join(&names[1]), "index")] {
        let Splits { kind: layout, packed, findings, .. } =
            open(&path, &OpenOptions::new()).unwrap();
        assert_eq!((layout, packed), (Kind::Folders, Some(facts)), "{kind}");
        assert_eq!(findings.skipped.by_extension()["txt"], 1);
        let notes: Vec<String> = findings.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, ["1 of the 41 packed images were shrunk to a shorter side of 32 pixels"]);
    }
    let [from, to] = [album.path(), out.path()].map(whole);
    assert_eq!((listing(&from), from.classes()), (listing(&to), to.classes()));
    for index in 0..from.len() {
        match (from.image(index), to.image(index)) {
            (Ok(from), Ok(to)) if from.height() == 8 => assert_eq!(from, to, "{index}"),
            (Ok(_), Ok(to)) => assert_eq!((to.width(), to.height()), (42, 32)),
            (Err(_), Err(error)) => assert!(error.to_string().contains("left out when"), "{error}"),
            (from, to) => panic!("{index}: {from:?}, {to:?}"),
        }
    }
}

#[test]
fn verifying_reports_and_registers_what_the_folder_does() {
    let (album, out) = (album(20), tempfile::tempdir().unwrap());
    run(album.path(), out.path(), &options()).unwrap();
    let verified = [album.path(), out.path()].map(|path| {
        let mut dataset = whole(path);
        let report = dataset.verify(Verify::new(2), &|_| {}).unwrap();
        let strip = |path: &Path, root: &Path| path.strip_prefix(root).unwrap().to_owned();
        let broken: Vec<_> =
            report.broken.iter().map(|(p, why)| (strip(p, path), why.clone())).collect();
        let entries: Vec<_> =
            report.entries.iter().map(|e| (e.name.clone(), e.content, e.broken.clone())).collect();
        let lengths: Vec<u64> = (0..dataset.len()).map(|i| dataset.file_len(i).unwrap()).collect();
        (report.kept, broken, entries, lengths, listing(&dataset))
    });
    assert_eq!(verified[0], verified[1]);
    assert_eq!(verified[1].0, 41);
    // What is registered is not read again, unless its shard has changed.
    let mut dataset = whole(out.path());
    let report = dataset.verify(Verify::new(1), &|_| {}).unwrap();
    let register = crate::datasets::Register::new(report.entries);
    let shard = out.path().join("images-00000.tar");
    let mut bytes = fs::read(&shard).unwrap();
    let time = fs::metadata(&shard).unwrap().modified().unwrap();
    bytes.fill(0);
    fs::write(&shard, &bytes).unwrap();
    let rewritten = |time| {
        fs::File::options().append(true).open(&shard).unwrap().set_modified(time).unwrap();
        whole(out.path()).verify(Verify::new(2).part(Part::Val).known(&register), &|_| {})
    };
    assert_eq!(rewritten(time).unwrap().kept, 41);
    assert!(rewritten(time + std::time::Duration::from_secs(1)).is_err());
}

#[test]
fn what_is_held_out_is_the_same() {
    let (album, out) = (album(30), tempfile::tempdir().unwrap());
    run(album.path(), out.path(), &options()).unwrap();
    for group_by in [None, Some("([0-9])[0-9].bmp".to_owned())] {
        let options = OpenOptions::new().val_split(0.3).seed(5).group_by(group_by);
        let [from, to] = [album.path(), out.path()].map(|path| open(path, &options).unwrap());
        assert!(from.is_held_out && to.is_held_out && !to.val.is_empty());
        assert_eq!(listing(&from.train), listing(&to.train));
        assert_eq!(listing(&from.val), listing(&to.val));
        assert_eq!(from.findings.skipped, to.findings.skipped);
    }
}

#[test]
fn parts_stay_apart_and_the_shards_unpack_to_the_folders() {
    let files = [
        ("train/a/1.bmp", photo(4, 4, 1)),
        ("train/b/1.bmp", photo(4, 4, 2)),
        ("valid/a/2.bmp", photo(4, 4, 3)),
        ("test/b/3.bmp", photo(4, 4, 4)),
        ("other/x.bmp", photo(4, 4, 5)),
    ];
    let (source, out) = (folder(files.clone()), tempfile::tempdir().unwrap());
    let out = out.path().join("new/packed");
    let report = run(source.path(), &out, &options()).unwrap();
    assert_eq!((report.facts.shards, report.facts.shrunk), (3, 0));
    let [from, to] = [source.path(), &out].map(|path| open(path, &OpenOptions::new()).unwrap());
    for part in [Part::Train, Part::Val, Part::Test] {
        assert_eq!(listing(from.part(part)), listing(to.part(part)), "{part}");
    }
    assert!(!to.is_held_out);
    let sentences = |findings: &Findings| findings.sentences();
    assert_eq!(sentences(&from.findings), sentences(&to.findings));

    let unpacked = tempfile::tempdir().unwrap();
    for part in ["train", "val", "test"] {
        let file = fs::File::open(out.join(format!("{part}-00000.tar"))).unwrap();
        tar::Archive::new(file).unpack(unpacked.path()).unwrap();
    }
    for (name, bytes) in &files[..4] {
        let name = name.replace("valid", "val");
        assert_eq!(&fs::read(unpacked.path().join(&name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn lists_may_name_files_anywhere_and_photos_need_no_labels() {
    let source = folder([
        ("in/1.bmp", photo(4, 4, 1)),
        ("2.bmp", photo(70, 70, 2)),
        ("in/list.csv", b"path,label\n1.bmp,a\n../2.bmp,b\n".to_vec()),
    ]);
    let out = tempfile::tempdir().unwrap();
    let [list, photos] = ["list", "photos"].map(|name| out.path().join(name));
    run(&source.path().join("in/list.csv"), &list, &options()).unwrap();
    let [from, to] = [&source.path().join("in/list.csv"), &list].map(|path| whole(path));
    assert_eq!(listing(&from), listing(&to));
    let shard = fs::File::open(list.join("images-00000.tar")).unwrap();
    let mut archive = tar::Archive::new(shard);
    let mut members: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
        .collect();
    members.sort();
    assert_eq!(members, ["1.bmp", "_/2.bmp.jpg"]);

    run(source.path(), &photos, &options().unlabeled(true)).unwrap();
    let unlabeled = OpenOptions::new().val_split(0.0).unlabeled(true);
    let [from, to] = [source.path(), &photos].map(|path| open(path, &unlabeled).unwrap());
    assert_eq!((to.kind, to.train.classes()), (Kind::Photos, from.train.classes()));
    assert_eq!(listing(&from.train), listing(&to.train));
    let error = open(&photos, &OpenOptions::new()).unwrap_err().to_string();
    assert!(error.contains("one class, `photo`"), "{error}");
    let labels = open(&list, &unlabeled).unwrap().train;
    assert_eq!((labels.classes().len(), labels.class_counts()), (1, vec![2]));
}

#[test]
fn packing_a_packed_data_set_gives_the_same_as_packing_the_folder() {
    let (album, out) = (album(5), tempfile::tempdir().unwrap());
    let [whole, small, again] = ["whole", "small", "again"].map(|name| out.path().join(name));
    run(album.path(), &whole, &options().shorter_side(None)).unwrap();
    run(album.path(), &small, &options()).unwrap();
    run(&whole, &again, &options()).unwrap();
    assert_eq!(files(&small), files(&again));
}

#[test]
fn neither_threads_nor_interruptions_change_a_byte() {
    // A MiB holds one photo of these; broken ones come between.
    let large = |n: u8| bmp(600, 400, [n, 1, 2]);
    let source = folder((0..12_u8).map(|n| {
        let bytes = if n % 5 == 4 { b"no photo".to_vec() } else { large(n) };
        (format!("{}/{n}.bmp", if n % 2 == 0 { "a" } else { "b" }), bytes)
    }));
    let out = tempfile::tempdir().unwrap();
    let options = options().shorter_side(None).shard_bytes(1 << 20);
    let straight = out.path().join("straight");
    let report = run(source.path(), &straight, &options.clone().threads(1)).unwrap();
    assert_eq!((report.facts.images, report.facts.shards, report.resumed), (10, 10, 0));
    let expected = files(&straight);
    for stop_after in [1, 2, 5, 7, 11] {
        let folder = out.path().join(stop_after.to_string());
        let stop = AtomicBool::new(false);
        let stopped = pack(source.path(), &folder, &options, &stop, &mut |event| {
            if matches!(event, PackEvent::Done { images, .. } if images == stop_after) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        match stopped {
            Ok(report) => assert_eq!(report.resumed, 0),
            Err(error @ PackError::Stopped { .. }) => {
                assert!(error.to_string().contains("of 12 images"), "{error}");
                let error = open(&folder, &OpenOptions::new()).unwrap_err().to_string();
                assert!(error.contains("interrupted"), "{error}");
                // The last write may be torn, and a shard may be there without its line.
                let journal = folder.join("seesaw-pack.jsonl.partial");
                let len = fs::metadata(&journal).unwrap().len();
                fs::File::options().write(true).open(&journal).unwrap().set_len(len - 1).unwrap();
                run(source.path(), &folder, &options).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(files(&folder), expected, "stopped after {stop_after}");
    }
}

#[test]
fn interrupted_packing_continues_only_with_the_same_images_and_settings() {
    let (album, out) = (album(5), tempfile::tempdir().unwrap());
    let stop = AtomicBool::new(true);
    let stopped = pack(album.path(), out.path(), &options(), &stop, &mut |_| {});
    assert!(matches!(stopped, Err(PackError::Stopped { done: 0, total: 12 })), "{stopped:?}");
    let other = error(album.path(), out.path(), &options().quality(80));
    assert!(other.contains("with other images or options"), "{other}");
    fs::write(album.path().join("cat/new.bmp"), photo(4, 4, 9)).unwrap();
    let other = error(album.path(), out.path(), &options());
    assert!(other.contains("with other images or options"), "{other}");
    fs::remove_file(album.path().join("cat/new.bmp")).unwrap();
    let journal = fs::File::open(out.path().join("seesaw-pack.jsonl.partial")).unwrap();
    journal.lock().unwrap();
    assert!(error(album.path(), out.path(), &options()).contains("another process"));
    journal.unlock().unwrap();
    run(album.path(), out.path(), &options().threads(1)).unwrap();
}

#[test]
fn nothing_is_overwritten_and_no_folder_is_in_the_other() {
    let (album, out) = (album(3), tempfile::tempdir().unwrap());
    let inside = error(album.path(), &album.path().join("cat/../out"), &options());
    assert!(inside.contains("or in it"), "{inside}");
    assert!(error(album.path(), album.path(), &options()).contains("or in it"));
    fs::write(out.path().join(".DS_Store"), "").unwrap();
    run(album.path(), out.path(), &options()).unwrap();
    assert!(error(album.path(), out.path(), &options()).contains("is here already"));
    let taken = folder([("letter.txt", "dear")]);
    assert!(error(album.path(), taken.path(), &options()).contains("not empty"));
    assert_eq!(files(taken.path()).len(), 1);
}

#[test]
fn options_out_of_range_and_data_sets_of_few_files_are_refused() {
    let (album, out) = (album(3), tempfile::tempdir().unwrap());
    let out = out.path().join("out");
    for (options, expected) in [
        (options().shorter_side(0), "the shorter side is 0, and must be 1 to 65535"),
        (options().quality(0), "the quality is 0, and must be 1 to 100"),
        (options().quality(101), "the quality is 101"),
        (options().shard_bytes(1000), "the bytes of a shard is 1000"),
    ] {
        let error = error(album.path(), &out, &options);
        assert!(error.contains(expected), "{error}");
    }
    let mnist = folder([
        (
            "train-images-idx3-ubyte",
            [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9][..]].concat(),
        ),
        ("train-labels-idx1-ubyte", vec![0, 0, 8, 1, 0, 0, 0, 1, 3]),
        ("t10k-images-idx3-ubyte", vec![0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]),
        ("t10k-labels-idx1-ubyte", vec![0, 0, 8, 1, 0, 0, 0, 1, 3]),
    ]);
    assert!(error(mnist.path(), &out, &options()).contains("a few large files already"));
    let one = folder([("a/1.bmp", photo(4, 4, 1))]);
    assert!(error(one.path(), &out, &options()).contains("one class, `a`"));
    assert!(!out.exists());
}

#[cfg(unix)]
#[test]
fn names_that_are_not_unicode_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let (album, out) = (album(3), tempfile::tempdir().unwrap());
    let name = std::ffi::OsStr::from_bytes(b"\xff.bmp");
    // macOS has no such names.
    if fs::write(album.path().join("cat").join(name), photo(4, 4, 1)).is_ok() {
        let error = error(album.path(), &out.path().join("out"), &options());
        assert!(error.contains("1 names of images are not Unicode"), "{error}");
    }
}

#[test]
fn damaged_shards_are_errors_that_name_them() {
    let (album, out) = (album(20), tempfile::tempdir().unwrap());
    run(album.path(), out.path(), &options()).unwrap();
    let shard = out.path().join("images-00000.tar");
    let good = fs::read(&shard).unwrap();
    let opened = || open(out.path(), &OpenOptions::new().val_split(0.0)).map(|splits| splits.train);
    assert_eq!(opened().unwrap().verify_checksums(2, &|_| {}).unwrap(), 41);

    fs::write(&shard, &good[..good.len() - 1]).unwrap();
    let error = opened().unwrap_err().to_string();
    assert!(error.contains("images-00000.tar: damaged: it has"), "{error}");
    fs::remove_file(&shard).unwrap();
    let error = opened().unwrap_err().to_string();
    assert!(error.contains("needs images-00000.tar, which is missing"), "{error}");

    // One image, and then all.
    let mut bad = good.clone();
    bad[600] ^= 1;
    fs::write(&shard, &bad).unwrap();
    let mut dataset = opened().unwrap();
    let mut errors = vec![dataset.verify_checksums(2, &|_| {}).unwrap_err().to_string()];
    errors.push(dataset.verify(Verify::new(2), &|_| {}).unwrap_err().to_string());
    for error in errors {
        assert!(error.contains("images-00000.tar: damaged: the bytes of "), "{error}");
        assert!(error.contains("do not match their checksum"), "{error}");
    }
    fs::write(&shard, vec![0; good.len()]).unwrap();
    let error = opened().unwrap().verify(Verify::new(2), &|_| {}).unwrap_err().to_string();
    assert!(error.contains("41 images of the packed data set are damaged, in "), "{error}");
    // Shards that end after they were opened.
    fs::write(&shard, &good).unwrap();
    let dataset = opened().unwrap();
    fs::write(&shard, &good[..512]).unwrap();
    let error = dataset.verify_checksums(1, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("it ends within"), "{error}");
}

#[test]
fn a_stored_image_is_no_larger_than_the_limit() {
    let (album, out) = (album(3), tempfile::tempdir().unwrap());
    run(album.path(), out.path(), &options()).unwrap();
    let limits = Limits::default().file_bytes(100);
    let dataset =
        open(out.path(), &OpenOptions::new().val_split(0.0).limits(limits)).unwrap().train;
    let error = dataset.image(0).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn shrunk_photos_are_jpegs_close_to_the_photo() {
    let source = folder([
        ("a/1.bmp", bmp_of(300, 200, |x, y| [(x / 2) as u8, y as u8, 128])),
        ("b/1.bmp", photo(4, 4, 1)),
    ]);
    let out = tempfile::tempdir().unwrap();
    run(source.path(), out.path(), &options().shorter_side(100)).unwrap();
    let dataset = whole(out.path());
    let small = dataset.image(0).unwrap();
    let large = decode::open(source.path().join("a/1.bmp"), &Limits::default()).unwrap();
    let expected = resize::shrink(&large, 100).unwrap();
    assert_eq!((small.width(), small.height()), (150, 100));
    let worst = small.pixels().iter().zip(expected.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst.unwrap() <= 12, "{worst:?}");
}

#[test]
fn batches_are_those_of_the_folder_however_they_are_read() {
    let (album, out) = (album(40), tempfile::tempdir().unwrap());
    fs::remove_file(album.path().join("dog/broken.bmp")).unwrap();
    run(album.path(), out.path(), &options().shorter_side(None)).unwrap();
    let preprocess = seesaw_arch::Preprocess::imagenet(8);
    let augment = Augment { flip: true, mixup: 0.3, ..Augment::default() };
    let batches = |path: &Path, cache_bytes, workers, first| -> Vec<Batch> {
        let opened = OpenOptions::new().val_split(0.0).cache_bytes(cache_bytes);
        let dataset = Arc::new(open(path, &opened).unwrap().train);
        let options = LoaderOptions::train(&preprocess, 7, augment.clone(), 3).workers(workers);
        let loader = Loader::new(dataset, options.ahead(3)).unwrap();
        let epochs = (0..2).flat_map(|epoch| loader.epoch(epoch, first).map(Result::unwrap));
        epochs.collect()
    };
    for (cache_bytes, workers, first) in [(0, 0, 0), (0, 1, 0), (1 << 20, 3, 0), (0, 2, 5)] {
        let [from, to] =
            [album.path(), out.path()].map(|path| batches(path, cache_bytes, workers, first));
        assert_eq!(from.len(), 2 * (11 - first));
        assert!(from == to, "{cache_bytes} bytes kept, {workers} workers, from {first}");
    }
}

#[test]
fn blocks_go_through_each_image_once() {
    let source = folder((0..60_u8).map(|n| {
        let name = format!("{}/{n:03}.bmp", ["a", "b"][usize::from(n) % 2]);
        (name, bmp(8, 8, [n, 7, 9]))
    }));
    let out = tempfile::tempdir().unwrap();
    run(source.path(), out.path(), &options().shorter_side(None)).unwrap();
    let order = |path: &Path, epoch, workers, blocks| {
        let dataset = Arc::new(open(path, &OpenOptions::new().val_split(0.0)).unwrap().train);
        let preprocess = seesaw_arch::Preprocess::imagenet(8);
        let options = LoaderOptions::train(&preprocess, 5, Augment::default(), 3).blocks(blocks);
        let loader = Loader::new(dataset, options.workers(workers)).unwrap();
        let batches = loader.epoch(epoch, 0).map(|batch| batch.unwrap().indices);
        batches.flatten().collect::<Vec<u32>>()
    };
    let [first, second] = [0, 1].map(|epoch| order(out.path(), epoch, 0, true));
    let sorted = |mut order: Vec<u32>| {
        order.sort_unstable();
        order
    };
    assert_eq!(sorted(first.clone()), (0..60).collect::<Vec<_>>());
    assert_eq!(sorted(second.clone()), sorted(first.clone()));
    assert_ne!(first, second);
    assert_eq!(first, order(out.path(), 0, 2, true));
    assert_ne!(first, order(out.path(), 0, 0, false));
    // A folder has no blocks.
    assert_eq!(order(source.path(), 0, 0, true), order(source.path(), 0, 0, false));
}
