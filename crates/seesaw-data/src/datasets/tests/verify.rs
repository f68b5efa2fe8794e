//! Checking, sampling and keeping images.

use std::{fs, path::PathBuf};

use super::*;

#[test]
fn broken_images_are_named_and_left_out_and_none_left_is_an_error() {
    let names: Vec<String> =
        (0..60).map(|n| format!("{}/{n:02}.bmp", ["a", "b"][n / 30])).collect();
    let folder = folder(names.iter().map(|name| (name.clone(), pixel())));
    let broken = ["a/03.bmp", "a/04.bmp", "b/59.bmp"].map(|name| folder.path().join(name));
    for path in &broken {
        fs::write(path, "not an image").unwrap();
    }
    for threads in [0, 1, 3] {
        let mut dataset = open(folder.path(), &with_split(0.0, 0)).unwrap().train;
        let heard = std::sync::Mutex::new(vec![]);
        let report =
            dataset.verify(Verify::new(threads), &|done| heard.lock().unwrap().push(done)).unwrap();
        assert_eq!((report.kept, dataset.len()), (57, 57));
        assert_eq!(
            report.broken.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            broken.iter().collect::<Vec<&PathBuf>>()
        );
        assert!(report.broken[0].1.contains("not an image"), "{report:?}");
        assert_eq!(dataset.class_counts(), [28, 29]);
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        assert_eq!(heard, (1..=60).collect::<Vec<_>>());
    }
    for name in &names {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let mut dataset = open(folder.path(), &with_split(0.0, 0)).unwrap().train;
    let error = dataset.verify(Verify::new(2), &|_| {}).unwrap_err().to_string();
    assert!(
        error.contains("all 60 are broken, the first of them") && error.contains("00.bmp"),
        "{error}"
    );
    let mut empty = open(folder.path(), &with_split(0.0, 0)).unwrap().val;
    assert_eq!(
        empty.verify(Verify::new(2), &|_| {}).unwrap(),
        Report { kept: 0, broken: vec![], dark: vec![], entries: vec![] }
    );
}

#[test]
fn shares_are_checked_apart_and_put_together() {
    let names: Vec<String> = (0..7).map(|n| format!("{}/{n}.bmp", ["a", "b"][n / 4])).collect();
    let folder = folder(names.iter().map(|name| (name.clone(), pixel())));
    fs::write(folder.path().join("b/5.bmp"), "not an image").unwrap();
    let open = || open(folder.path(), &with_split(0.0, 0)).unwrap().train;
    let (mut whole, how) = (open(), Verify::new(2));
    let expected = whole.verify(how, &|_| {}).unwrap();
    assert_eq!((expected.kept, expected.broken.len(), expected.entries.len()), (6, 1, 7));
    for count in [1, 2, 3, 9] {
        // Each share is checked where the data set is open once more, and sent as text.
        let check = |number| {
            let checks = open().check_share(how, [number, count], &|_| {}).unwrap();
            serde_json::from_str(&serde_json::to_string(&checks).unwrap()).unwrap()
        };
        let mut dataset = open();
        assert_eq!(dataset.leave_out((0..count).rev().map(check).collect()).unwrap(), expected);
        assert_eq!(dataset.len(), 6);
        for index in 0..6 {
            assert_eq!(dataset.content(index).unwrap(), whole.content(index).unwrap());
            assert!(dataset.content(index).unwrap().is_some());
        }
    }
}

#[test]
fn a_fingerprint_tells_names_labels_and_classes_apart() {
    let print = |names: &[&str]| {
        let folder = photos(names);
        open(folder.path(), &with_split(0.0, 0)).unwrap().train.fingerprint()
    };
    let first = print(&["a/1.bmp", "a/2.bmp", "b/3.bmp"]);
    assert_eq!(print(&["a/1.bmp", "a/2.bmp", "b/3.bmp"]), first, "in another folder");
    for other in [
        ["a/1.bmp", "a/2.bmp", "b/4.bmp"],
        ["a/1.bmp", "b/2.bmp", "b/3.bmp"],
        ["a/1.bmp", "a/2.bmp", "c/3.bmp"],
    ] {
        assert_ne!(print(&other), first, "{other:?}");
    }
}

#[test]
fn a_sample_is_random_and_the_same_for_a_seed() {
    let names: Vec<String> =
        ["a", "b"].iter().flat_map(|c| (0..50).map(move |n| format!("{c}/{n:02}.bmp"))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = photos(&names);
    let sample = |limit, seed| {
        let mut dataset = open(folder.path(), &with_split(0.0, 0)).unwrap().train;
        dataset.sample(limit, seed);
        (0..dataset.len()).map(|index| dataset.path(index).unwrap()).collect::<Vec<_>>()
    };
    let kept = sample(20, 1);
    assert!(kept.len() == 20 && kept.is_sorted() && kept == sample(20, 1));
    assert_ne!(kept, sample(20, 2));
    let of_a = kept.iter().filter(|path| path.starts_with(folder.path().join("a"))).count();
    assert!((5..=15).contains(&of_a), "{kept:?}");
    assert_eq!((sample(100, 1).len(), sample(usize::MAX, 1).len()), (100, 100));
}

#[test]
fn images_are_kept_as_far_as_the_budget_goes() {
    let names = ["a/1.bmp", "a/2.bmp", "b/1.bmp", "b/2.bmp"];
    let folder = photos(&names);
    // Room for two images of one pixel.
    let options = with_split(0.0, 0).cache_bytes(8);
    let mut dataset = open(folder.path(), &options).unwrap().train;
    dataset.verify(Verify::new(1), &|_| {}).unwrap();
    for name in names {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let kept: Vec<bool> = (0..4).map(|index| dataset.image(index).is_ok()).collect();
    assert_eq!(kept, [true, true, false, false]);
    let error = dataset.image(3).unwrap_err().to_string();
    assert!(error.contains("2.bmp: cannot read the file"), "{error}");
    let error = dataset.image(4).unwrap_err().to_string();
    assert_eq!(error, "image 4 of a data set of 4");
}

#[test]
fn files_that_have_not_changed_are_not_read_again() {
    let folder = photos(&["a/1.bmp", "a/2.bmp", "b/1.bmp", "b/2.bmp"]);
    fs::write(folder.path().join("b/2.bmp"), "broken").unwrap();
    let train = || open(folder.path(), &with_split(0.0, 0).cache_bytes(0)).unwrap().train;
    let how = Verify::new(1).part(Part::Train);
    let first = train().verify(how, &|_| {}).unwrap();
    assert_eq!((first.kept, first.broken.len(), first.entries.len()), (3, 1, 4));
    let register = Register::new(first.entries.clone());
    // A file of the same length and time is taken for the same.
    let replaced = folder.path().join("a/1.bmp");
    let time = fs::metadata(&replaced).unwrap().modified().unwrap();
    fs::write(&replaced, vec![b'x'; pixel().len()]).unwrap();
    fs::File::options().write(true).open(&replaced).unwrap().set_modified(time).unwrap();
    let mut again = train();
    let second = again.verify(how.known(&register), &|_| {}).unwrap();
    assert_eq!((second.kept, second.broken, second.entries), (3, first.broken, first.entries));
    assert_eq!(again.content(0).unwrap(), Some(Content::of(&pixel())));
    // A changed one is read.
    fs::write(folder.path().join("a/2.bmp"), "broken too").unwrap();
    let report = train().verify(how.known(&register), &|_| {}).unwrap();
    assert_eq!((report.kept, report.broken.len()), (2, 2));
    assert!(register.is_trained(Content::of(&pixel())));
    assert!(!register.is_trained(Content::of(b"broken")));
}
