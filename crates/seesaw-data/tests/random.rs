//! Random folders and lists: whatever is there, opening it is a data set or an error, and every photo
//! is used once or accounted for.
//!
//! `SEESAW_RANDOM_SECONDS=600` looks longer; the seeds go on from those that every run tries.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use seesaw_data::{
    datasets::{DataError, List, Note, OpenOptions, Part, open, read_index, read_list},
    find_photos,
    rng::{Purpose, Rng},
};

/// Calls `check` with one seed after another: a few, or as many as the time allows.
fn for_seeds(few: u64, check: impl Fn(&mut Rng)) {
    let seconds = std::env::var("SEESAW_RANDOM_SECONDS").ok().and_then(|text| text.parse().ok());
    let (start, time) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(0)));
    let seeds = (0..).take_while(|&seed| seed < few || start.elapsed() < time);
    let last = seeds.inspect(|&seed| check(&mut Rng::new(seed, Purpose::Limit, [7, 7]))).last();
    assert!(last.is_some_and(|last| last + 1 >= few));
}

fn pick<'a, T>(rng: &mut Rng, items: &'a [T]) -> &'a T {
    &items[(rng.bits() % items.len() as u64) as usize]
}

const FOLDERS: [&str; 28] = [
    "train",
    "Training",
    "val",
    "valid",
    "test",
    "Testing",
    "seg_train",
    "a",
    "b",
    "cat",
    "Cat",
    "dog",
    "images",
    "train station",
    "0",
    "10",
    "2",
    ".git",
    "__MACOSX",
    "@eaDir",
    "$RECYCLE.BIN",
    "ä b",
    "x.jpg",
    "data",
    "a b",
    "a_b",
    "-",
    "été",
];
const FILES: [&str; 16] = [
    "1.jpg",
    "2.JPG",
    "3.jpeg",
    "4.png",
    "5.bmp",
    "6.jfif",
    "._1.jpg",
    "Thumbs.db",
    "x.avif",
    "notes.txt",
    "none",
    "a.jpg_large",
    "b.webp",
    "labels.csv",
    ".hidden",
    "7.tiff",
];

/// Fills a folder with random files and folders, a few levels deep.
fn grow(rng: &mut Rng, folder: &Path, depth: u32) {
    fs::create_dir_all(folder).unwrap();
    for _ in 0..rng.bits() % 4 {
        fs::write(folder.join(pick(rng, &FILES)), "").ok();
    }
    if depth < 4 {
        for _ in 0..rng.bits() % 4 {
            let name = *pick(rng, &FOLDERS);
            if !folder.join(name).is_file() {
                grow(rng, &folder.join(name), depth + 1);
            }
        }
    }
}

#[test]
fn every_photo_of_a_random_folder_is_used_once_or_accounted_for() {
    let place = tempfile::tempdir().unwrap();
    for_seeds(300, |rng| {
        let root = place.path().join("set");
        fs::remove_dir_all(&root).ok();
        grow(rng, &root, 0);
        let options = OpenOptions::new()
            .val_split(*pick(rng, &[None, Some(0.0), Some(0.3)]))
            .evaluation(rng.bits().is_multiple_of(2))
            .unlabeled(rng.bits().is_multiple_of(8))
            .group_by((*pick(rng, &[None, Some("(.)\\."), Some("x*")])).map(str::to_owned));
        match open(&root, &options) {
            Err(DataError::Io { source, .. }) => panic!("{source}"),
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(splits) => {
                let mut used = HashSet::<PathBuf>::new();
                for part in [Part::Train, Part::Val, Part::Test] {
                    let dataset = splits.part(part);
                    let counts = dataset.class_counts();
                    assert_eq!(counts.iter().sum::<usize>(), dataset.len());
                    assert!(dataset.classes().is_sorted_by(|a, b| a < b));
                    for index in 0..dataset.len() {
                        assert!((dataset.label(index).unwrap() as usize) < counts.len());
                        let path = dataset.path(index).unwrap();
                        assert!(path.is_file() && used.insert(path), "used twice");
                    }
                }
                let all = find_photos(&[&root]).photos;
                assert!(used.iter().all(|photo| all.contains(photo)));
                let lost = all.iter().filter(|photo| !used.contains(*photo)).count();
                let notes = &splits.findings.notes;
                let told = notes.iter().any(|note| {
                    matches!(
                        note,
                        Note::Loose { .. } | Note::Unused(_) | Note::ValUnused(_) | Note::Inside(_)
                    )
                });
                assert!(lost == 0 || told, "{lost} photos are lost: {notes:?}");
            }
        }
    });
}

const TEXTS: [&str; 4] = [
    "path,label,split\na/1.jpg,cat,train\n\"b, c.jpg\",dog,val\nd.jpg,cat,test\n",
    "sep=;\nFilename;Class\na\\1.jpg;cat\nb.jpg;dog\n",
    "\u{feff}path\tlabel\r\na.jpg\tcat\r\nb.jpg\tdog\r\n",
    "label,path\ncat,a.jpg\ndog,a.jpg\n",
];

#[test]
fn any_bytes_are_a_list_or_an_error() {
    let place = tempfile::tempdir().unwrap();
    for_seeds(3000, |rng| {
        let mut bytes = pick(rng, &TEXTS).as_bytes().to_vec();
        if rng.bits().is_multiple_of(4) {
            let text = String::from_utf8(bytes).unwrap();
            bytes = std::iter::once(0xFEFF)
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect();
        }
        for _ in 0..rng.bits() % 6 {
            let at = (rng.bits() % (bytes.len() as u64 + 1)) as usize;
            match rng.bits() % 4 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, *pick(rng, b",;\t\"\n\r\0\xFF\xE4\\x")),
                2 => bytes.extend_from_within(at / 2..at),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = rng.bits() as u8;
                    }
                }
            }
        }
        if let Ok(List { entries, .. }) = read_list(&bytes[..]) {
            let is_whole = |entry: &seesaw_data::datasets::ListEntry| {
                !entry.label.is_empty() && !entry.path.as_os_str().is_empty() && entry.line > 0
            };
            assert!(entries.iter().all(is_whole), "{entries:?}");
        }
        let path = place.path().join("list.csv");
        fs::write(&path, &bytes).unwrap();
        let _ = open(&path, &OpenOptions::new().evaluation(rng.bits().is_multiple_of(2)));
    });
}

const INDEX: &str = r#"{"format":"seesaw-pack","version":1,"kind":"folders","classes":["a","b"],"parts":{"train":2,"val":1},"settings":{"shorter_side":256,"quality":90,"shard_bytes":1048576},"names_crc32c":7}
{"shard":"train-00000.tar","part":"train","images":2,"bytes":4096}
{"place":1,"name":"b/1.jpg","label":1,"stored":{"offset":512,"bytes":100,"crc32c":5}}
{"place":0,"name":"a/1.jpg","label":0,"source":{"bytes":9,"crc32c":8},"broken":"gray"}
{"shard":"val-00000.tar","part":"val","images":1,"bytes":2048}
{"place":0,"name":"a/2.jpg","label":0,"stored":{"offset":512,"bytes":1,"crc32c":5}}
"#;

#[test]
fn any_bytes_are_an_index_or_an_error() {
    let place = tempfile::tempdir().unwrap();
    for (name, len) in [("train-00000.tar", 4096), ("val-00000.tar", 2048)] {
        fs::write(place.path().join(name), vec![0; len]).unwrap();
    }
    for_seeds(1000, |rng| {
        let mut bytes = INDEX.as_bytes().to_vec();
        for _ in 0..rng.bits() % 4 {
            let at = (rng.bits() % (bytes.len() as u64 + 1)) as usize;
            match rng.bits() % 4 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, *pick(rng, b"0123456789,\"{}[]\n\0\xFF/.-")),
                2 => bytes.extend_from_within(at / 2..at),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = *pick(rng, b"0123456789tv/.");
                    }
                }
            }
        }
        // Whoever edits an index can compute its checksum.
        let end = format!("{{\"index_crc32c\":{}}}\n", crc32c::crc32c(&bytes));
        bytes.extend(end.as_bytes());
        if let Ok(index) = read_index(&bytes[..]) {
            assert!(index.images() <= bytes.len() / 30);
        }
        fs::write(place.path().join("seesaw-pack.jsonl"), &bytes).unwrap();
        let options = OpenOptions::new().val_split(*pick(rng, &[None, Some(0.0), Some(0.5)]));
        if let Ok(splits) = open(place.path(), &options.unlabeled(rng.bits().is_multiple_of(4))) {
            for part in [Part::Train, Part::Val, Part::Test] {
                let dataset = splits.part(part);
                assert_eq!(dataset.class_counts().iter().sum::<usize>(), dataset.len());
                // The shards are zeros.
                assert!((0..dataset.len()).all(|index| dataset.image(index).is_err()));
            }
        }
    });
}
