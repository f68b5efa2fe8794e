//! A few photos of Imagenette, from its archive in `shared`.

use std::{collections::BTreeMap, fs::File, path::Path, sync::Arc};

use seesaw_arch::Preprocess;
use seesaw_data::{
    Augment, Loader, LoaderOptions,
    augment::Crop,
    datasets::{Kind, OpenOptions, Verify, open},
};
use seesaw_testing::shared;

/// Unpacks the first `each` photos of every class of both parts.
fn unpack(archive: &Path, each: usize, folder: &Path) {
    let mut tar = tar::Archive::new(File::open(archive).unwrap());
    let mut seen = BTreeMap::<_, usize>::new();
    for entry in tar.entries_with_seek().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if !entry.header().entry_type().is_file() || path.extension().is_none() {
            continue;
        }
        let count = seen.entry(path.parent().unwrap().to_owned()).or_default();
        *count += 1;
        if *count <= each {
            assert!(entry.unpack_in(folder).unwrap());
        }
    }
}

#[test]
fn imagenette_is_opened_verified_and_loaded() {
    let Some(archive) = shared("data/imagenette-160.tar") else { return };
    let folder = tempfile::tempdir().unwrap();
    unpack(&archive, 4, folder.path());
    let options = OpenOptions::default();
    let mut splits = open(folder.path().join("imagenette-160"), &options).unwrap();
    assert_eq!((splits.kind, splits.train.len(), splits.val.len()), (Kind::Folders, 40, 40));
    assert_eq!(splits.train.classes().len(), 10);
    assert!(splits.train.classes().is_sorted());
    assert_eq!(splits.train.class_counts(), [4; 10]);
    let report = splits.train.verify(Verify::new(2), &|_| {}).unwrap();
    assert_eq!((report.kept, report.broken.len()), (40, 0));

    let augment = Augment { crop: Crop::Resized, flip: true, trivial: true, ..Augment::default() };
    let options = LoaderOptions::train(&Preprocess::imagenet(128), 16, augment, 0);
    let loader = Loader::new(Arc::new(splits.train), options).unwrap();
    let batches: Vec<_> = loader.epoch(0, 0).map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [16, 16]);
    for batch in batches {
        assert!(batch.images.iter().all(|number| (-2.2..2.7).contains(number)));
        let mean = batch.images.iter().sum::<f32>() / batch.images.len() as f32;
        // ImageNet's mean is 0; these are few photos, some of them changed much.
        assert!(mean.abs() < 0.7, "{mean}");
    }
}
