//! Class folders in all their arrangements.

use super::*;

#[test]
fn class_folders_come_in_two_parts() {
    for val in ["val", "validation", "valid", "Validation", "val_images"] {
        let names = ["train/b/2.png", "train/b/1.jpg", "train/a/x/3.BMP", "train/a/notes.txt"];
        let folder = photos(&[&names[..], &[&format!("{val}/b/1.jpg")]].concat());
        let Splits { train, val, kind, .. } = default(folder.path()).unwrap();
        assert_eq!((kind, train.classes()), (Kind::Folders, &["a".to_owned(), "b".to_owned()][..]));
        let root = folder.path().join("train");
        let expected = [("a/x/3.BMP", 0), ("b/1.jpg", 1), ("b/2.png", 1)];
        assert_eq!(listing(&train, &root), expected.map(|(name, label)| (name.to_owned(), label)));
        assert_eq!((val.len(), val.label(0).unwrap()), (1, 1));
        assert_eq!(train.image(0).unwrap().pixels(), [1, 2, 3]);
        // The folder's own validation images are not used where a share is held out.
        let held_out = open(folder.path(), &with_split(0.5, 0)).unwrap();
        assert_eq!((held_out.train.len(), held_out.val.len()), (2, 1));
        assert!(held_out.val.path(0).unwrap().starts_with(&root));
    }
}

#[test]
fn a_split_depends_on_seed_and_names_alone_and_keeps_the_shares() {
    let names: Vec<String> = (0..40).map(|n| format!("{}/{n}.jpg", ["a", "b"][n / 30])).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let first = photos(&names);
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    let second = photos(&reversed);
    let split = |folder: &TempDir, share, seed| {
        let splits = open(folder.path(), &with_split(share, seed)).unwrap();
        [&splits.train, &splits.val].map(|part| listing(part, folder.path()))
    };
    let [train, val] = split(&first, 0.1, 5);
    let of_class = |label| val.iter().filter(|(_, found)| *found == label).count();
    assert_eq!((train.len(), of_class(0), of_class(1)), (36, 3, 1));
    assert_eq!(split(&second, 0.1, 5), [train.clone(), val.clone()]);
    assert_ne!(split(&first, 0.1, 6)[1], val);
    let mut both = [train, val].concat();
    both.sort();
    let mut all: Vec<_> = split(&first, 0.0, 5)[0].clone();
    all.sort();
    assert_eq!((both.len(), &both), (40, &all));
    // A file more moves no other file out of the held out part of another class.
    let more = photos(&[&names[..], &["a/new.jpg"]].concat());
    let b_only = |part: &[(String, u32)]| {
        part.iter().filter(|(_, label)| *label == 1).cloned().collect::<Vec<_>>()
    };
    assert_eq!(b_only(&split(&more, 0.1, 5)[1]), b_only(&split(&first, 0.1, 5)[1]));
    let default = default(first.path()).unwrap();
    assert_eq!((default.train.len(), default.val.len()), (32, 8));
}

#[test]
fn folders_that_are_no_data_set_say_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let text = error(empty.path());
    assert!(text.contains("it has no class folders with photos. Supported are CIFAR-10"), "{text}");
    let text = error(&empty.path().join("nowhere"));
    assert!(text.contains("nowhere: no such file or folder"), "{text}");
    let loose = photos(&["a.jpg", ".git/b.jpg"]);
    assert!(error(loose.path()).contains("its photos are in no class folders"));
    assert!(error(&loose.path().join("a.jpg")).contains("it is a file"));
    let one = photos(&["a/1.jpg", "a/2.jpg"]);
    let text = error(one.path());
    assert!(text.contains("one class, `a`, and a classifier needs at least two"), "{text}");
    let bare = photos(&["a/1.jpg", "b/1.avif", "b/notes.txt"]);
    let text = error(bare.path());
    assert!(text.contains("class `b`") && text.contains("no photos in this folder"), "{text}");
    assert!(text.contains("(1 .avif)"), "{text}");
    let other = photos(&["train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg"]);
    let text = error(other.path());
    assert!(text.contains("val: class `c` is not among the training images"), "{text}");
    for share in [-0.1, 1.0, f64::NAN] {
        let text = open(one.path(), &with_split(share, 0)).unwrap_err().to_string();
        assert!(text.contains("must be at least 0 and less than 1"), "{text}");
    }
}

/// Counts of training, validation and test images, and the sentences of the findings.
fn counts(folder: &TempDir) -> ([usize; 3], Vec<String>) {
    let splits = default(folder.path()).unwrap();
    let parts = [Part::Train, Part::Val, Part::Test].map(|part| splits.part(part).len());
    (parts, splits.findings.sentences())
}

/// `per_class` photos in each of the folders.
fn many(folders: &[&str], per_class: usize) -> Vec<String> {
    folders
        .iter()
        .flat_map(|folder| (0..per_class).map(move |n| format!("{folder}/{n}.jpg")))
        .collect()
}

fn album(folders: &[&str], per_class: usize) -> TempDir {
    let names = many(folders, per_class);
    photos(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn parts_are_known_by_their_usual_names() {
    for (train, val, test) in [
        ("train", "val", "test"),
        ("Train", "Valid", "Test"),
        ("Training", "Validation", "Testing"),
        ("seg_train", "seg_val", "seg_test"),
        ("TRAIN", "dev", "test-images"),
    ] {
        let folders = [train, val, test].map(|part| ["cat", "dog"].map(|c| format!("{part}/{c}")));
        let folders: Vec<&str> = folders.iter().flatten().map(String::as_str).collect();
        let (found, notes) = counts(&album(&folders, 5));
        assert_eq!(found, [10, 10, 10], "{train}: {notes:?}");
    }
}

#[test]
fn test_images_are_never_validated_on() {
    let folder = album(&["Training/cat", "Training/dog", "Testing/cat", "Testing/dog"], 5);
    let splits = default(folder.path()).unwrap();
    assert_eq!((splits.train.len(), splits.val.len(), splits.test.len()), (8, 2, 10));
    assert!(splits.is_held_out);
    assert!(splits.val.path(0).unwrap().starts_with(folder.path().join("Training")));
    assert_eq!(splits.train.classes(), ["cat", "dog"]);
}

#[test]
fn folders_around_the_data_set_are_gone_through_and_said() {
    // Kaggle's archives repeat the name of the folder.
    let kaggle =
        album(&["seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a"], 5);
    let (found, notes) = counts(&kaggle);
    assert_eq!(found, [8, 2, 5]);
    assert!(
        notes.iter().any(|note| note.contains("seg_train is taken for the training")),
        "{notes:?}"
    );
    let (found, notes) =
        counts(&album(&["archive/train/a", "archive/train/b", "archive/val/a"], 5));
    assert_eq!(found, [10, 5, 0]);
    let (found, more) = counts(&album(&["set/a", "set/b"], 5));
    assert_eq!(found, [8, 2, 0]);
    assert!(more[0].ends_with("/set") && more[0].contains("is taken from"), "{more:?} {notes:?}");
}

#[test]
fn parts_within_the_classes_are_parts() {
    let folder = album(&["a/train", "a/test", "b/train", "b/test", "b/val"], 5);
    let (found, notes) = counts(&folder);
    assert_eq!(found, [10, 5, 10]);
    assert!(notes[0].contains("have folders named like parts"), "{notes:?}");
}

#[test]
fn folders_that_are_parts_and_no_classes_stop_and_ask() {
    for folders in [&["Train", "Test"][..], &["train"], &["val", "test"], &["training", "dev"]] {
        let text = error(album(folders, 5).path());
        assert!(text.contains("named like the parts") && text.contains(folders[0]), "{text}");
    }
    // A train is a vehicle, unless it holds class folders.
    let vehicles = default(album(&["bus", "car", "train"], 5).path()).unwrap();
    assert_eq!(vehicles.train.classes(), ["bus", "car", "train"]);
    let text = error(album(&["bus", "car", "train/steam"], 5).path());
    assert!(
        text.contains("`train` could hold the training images or be a class like bus"),
        "{text}"
    );
    let text = error(album(&["train/a", "train/b", "val/a", "valid/a"], 5).path());
    assert!(text.contains("val, valid could each hold the validation images"), "{text}");
}

#[test]
fn what_is_not_used_is_said() {
    let mut names = many(&["train/a", "train/b", "val/a", "extra/a"], 5);
    names.extend(
        ["train/9.jpg", "8.jpg", "train/a/x.avif", "train/b/notes.txt", "val/b/notes.md"]
            .map(str::to_owned),
    );
    let folder = photos(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (found, notes) = counts(&folder);
    assert_eq!(found, [10, 5, 0]);
    for part in [
        "not used, next to the training images: extra",
        "train: 1 photo directly in this folder belongs to no class",
        "class `b` has no validation images",
        "1 file that may be a photo was not looked at (1 .avif)",
        "2 other files were not looked at (1 .md, 1 .txt)",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
    }
    // Unlabeled test images, as in competitions.
    let kaggle = album(&["train/a", "train/b", "test"], 5);
    let (found, notes) = counts(&kaggle);
    assert_eq!(found, [8, 2, 0]);
    assert!(
        notes[0].contains("test: 5 photos directly in this folder belong to no class"),
        "{notes:?}"
    );
}

#[test]
fn classes_without_photos_are_left_out_and_similar_ones_are_said() {
    let names = ["Cat/1.jpg", "Cat/2.jpg", "cat/1.jpg", "dog/1.jpg", "empty/.DS_Store"];
    let splits = default(photos(&names).path()).unwrap();
    assert_eq!(splits.train.classes(), ["Cat", "cat", "dog"]);
    let notes = splits.findings.sentences();
    assert!(
        notes.iter().any(|note| note == "class `empty` has no photos and is left out"),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.contains("`Cat` and `cat` are two classes")), "{notes:?}");
}

#[test]
fn leftovers_of_systems_are_no_classes_and_no_photos() {
    let folder = photos(&[
        "__MACOSX/cat/._0.jpg",
        "@eaDir/x.jpg",
        "$RECYCLE.BIN/x.jpg",
        "cat/.ipynb_checkpoints/0-checkpoint.jpg",
        "cat/.Trash-1000/files/0.jpg",
        "cat/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg",
        "cat/0.jpg",
        "cat/._0.jpg",
        "dog/0.jpg",
    ]);
    let splits = open(folder.path(), &with_split(0.0, 0)).unwrap();
    assert_eq!(
        (splits.train.classes(), splits.train.len()),
        (&["cat".into(), "dog".into()][..], 2)
    );
    assert_eq!(splits.findings.sentences(), Vec::<String>::new());
    assert_eq!(splits.findings.skipped.leftovers(), 4);
}

#[test]
fn an_evaluation_needs_no_training_images_and_one_class_is_enough() {
    let evaluation = OpenOptions::new().evaluation(true).val_split(0.0);
    let church = album(&["church"], 3);
    let splits = open(church.path(), &evaluation).unwrap();
    assert_eq!((splits.train.classes(), splits.train.len()), (&["church".into()][..], 3));
    let test = open(album(&["test/church", "test/dog"], 3).path(), &evaluation).unwrap();
    assert_eq!((test.test.len(), test.train.len(), test.test.classes().len()), (6, 0, 2));
    let heic = photos(&["church/1.jpg", "dog/1.avif"]);
    let splits = open(heic.path(), &evaluation).unwrap();
    assert_eq!(splits.train.len(), 1);
    assert_eq!(splits.findings.sentences().len(), 2);
}
