//! A folder of images whose color says which they are.

use std::{fs, path::Path, time::Instant};

use seesaw_testing::bmp;

use super::*;
use crate::{
    augment::{Crop, Padding},
    datasets::{OpenOptions, open},
};

/// Two classes of `each` images, 8 by 8, red their number.
fn dataset(folder: &Path, each: usize) -> Arc<Dataset> {
    for (label, class) in ["ants", "bees"].iter().enumerate() {
        let class = folder.join(class);
        fs::create_dir(&class).unwrap();
        for n in 0..each {
            let color = [(label * each + n) as u8, 128, 255];
            fs::write(class.join(format!("{n:03}.bmp")), bmp(8, 8, color)).unwrap();
        }
    }
    Arc::new(open(folder, &OpenOptions::new().val_split(0.0)).unwrap().train)
}

/// Samples come out as they are in the files.
const PLAIN: Preprocess = Preprocess {
    resize: 8,
    crop: 8,
    mean: [0.0; 3],
    std: [1.0 / 255.0; 3],
    filter: seesaw_arch::Filter::Bilinear,
    fit: seesaw_arch::Fit::Crop,
};

fn batches(
    dataset: &Arc<Dataset>,
    options: &LoaderOptions,
    epoch: u64,
    first: usize,
) -> Vec<Batch> {
    let loader = Loader::new(Arc::clone(dataset), options.clone()).unwrap();
    loader.epoch(epoch, first).map(Result::unwrap).collect()
}

/// Everything at once, so that every random number counts.
fn busy() -> Augment {
    Augment {
        crop: Crop::Padded,
        padding: 2,
        padding_mode: Padding::Reflect,
        flip: true,
        trivial: true,
        erasing: 0.5,
        cutout: 2,
        mixup: 0.5,
        cutmix: 1.0,
        mix_probability: 0.8,
        ..Augment::default()
    }
}

#[test]
fn evaluation_sees_every_image_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 5);
    let batches = batches(&dataset, &LoaderOptions::evaluate(&PLAIN, 4), 0, 0);
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [4, 4, 2]);
    let all =
        |part: fn(&Batch) -> &[u32]| batches.iter().flat_map(part).copied().collect::<Vec<_>>();
    assert_eq!(all(|batch| &batch.indices), (0..10).collect::<Vec<_>>());
    assert_eq!(all(|batch| &batch.labels), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    for batch in &batches {
        assert!(batch.mixed.is_none());
        for (&index, image) in batch.indices.iter().zip(batch.images.chunks_exact(3 * 64)) {
            for (plane, sample) in image.chunks_exact(64).zip([index as f32, 128.0, 255.0]) {
                assert!(plane.iter().all(|&found| (found - sample).abs() < 1e-3), "{plane:?}");
            }
        }
    }
}

#[test]
fn batches_are_the_same_for_any_workers_and_from_any_start() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 20);
    let options = LoaderOptions::train(&PLAIN, 6, busy(), 7).workers(0);
    let expected = batches(&dataset, &options, 3, 0);
    assert_eq!(expected.len(), 6);
    for (workers, ahead) in [(1, 1), (2, 3), (5, 16)] {
        let options = options.clone().workers(workers).ahead(ahead);
        for first in [0, 1, 5, 6, 99] {
            let found = batches(&dataset, &options, 3, first);
            assert!(found == expected[first.min(6)..], "{workers} workers from {first}");
        }
    }
    let loader = Loader::new(Arc::clone(&dataset), options.clone().workers(2)).unwrap();
    let some: Vec<Batch> = loader.batches_of(3, vec![5, 0, 2]).map(Result::unwrap).collect();
    assert!(some == [5, 0, 2].map(|number: usize| expected[number].clone()));
    assert_ne!(batches(&dataset, &options, 4, 0)[0].indices, expected[0].indices);
    let other_seed = LoaderOptions { seed: 8, ..options };
    assert_ne!(batches(&dataset, &other_seed, 3, 0)[0].indices, expected[0].indices);
}

#[test]
fn an_images_changes_do_not_depend_on_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 20);
    let augment = Augment { mixup: 0.0, cutmix: 0.0, ..busy() };
    let options = LoaderOptions::train(&PLAIN, 40, augment, 7);
    let shuffled = &batches(&dataset, &options, 2, 0)[0];
    let in_order = &batches(&dataset, &options.shuffle(false), 2, 0)[0];
    assert_ne!(shuffled.indices, in_order.indices);
    for (image, &index) in shuffled.images.chunks_exact(3 * 64).zip(&shuffled.indices) {
        assert_eq!(image, &in_order.images[index as usize * 3 * 64..][..3 * 64]);
    }
}

#[test]
fn mixing_names_the_partner_and_its_share() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 30);
    let mean = |plane: &[f32]| plane.iter().sum::<f32>() / plane.len() as f32;
    for augment in [
        Augment { mixup: 1.0, ..Augment::default() },
        Augment { cutmix: 1.0, ..Augment::default() },
        Augment { mixup: 0.2, cutmix: 1.0, mix_probability: 0.5, ..Augment::default() },
    ] {
        let options = LoaderOptions::train(&PLAIN, 10, augment.clone(), 5);
        let mut own = 0;
        for batch in batches(&dataset, &options, 0, 0) {
            let mixed = batch.mixed.as_ref().unwrap();
            for place in 0..10 {
                let partner = (place + 1) % 10;
                assert_eq!(mixed.labels[place], batch.labels[partner]);
                let share = mixed.share[place];
                // A rectangle of half of 64 pixels may be rounded up to 6 by 6.
                let least = if augment.cutmix > 0.0 { 28.0 / 64.0 } else { 0.5 };
                assert!((least..=1.0).contains(&share));
                own += usize::from(share == 1.0);
                let [a, b] = [place, partner].map(|place| batch.indices[place] as f32);
                let red = mean(&batch.images[place * 3 * 64..][..64]);
                let expected = share * a + (1.0 - share) * b;
                assert!((red - expected).abs() < 1e-3, "{red} for {expected} in {augment:?}");
            }
        }
        let expected = if augment.mix_probability < 1.0 { 15..45 } else { 0..10 };
        assert!(expected.contains(&own), "{own} of 60 unmixed in {augment:?}");
    }
}

/// Two classes, of 3 and 20 images, and one of 1.
fn uneven(folder: &Path) -> Arc<Dataset> {
    for (class, images) in [("ants", 3), ("bees", 20), ("cats", 1)] {
        let class = folder.join(class);
        fs::create_dir(&class).unwrap();
        for n in 0..images {
            fs::write(class.join(format!("{n:03}.bmp")), bmp(8, 8, [n, 128, 255])).unwrap();
        }
    }
    Arc::new(open(folder, &OpenOptions::new().val_split(0.0)).unwrap().train)
}

#[test]
fn balanced_epochs_have_each_class_equally_often() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = uneven(folder.path());
    let counts = dataset.class_counts();
    assert_eq!(counts.iter().sum::<usize>(), 24, "each image of the folder");
    let options = LoaderOptions::train(&PLAIN, 5, Augment::default(), 7).balanced(true);
    let options = LoaderOptions { drop_last: false, ..options };
    let mut seen = [0; 24];
    for epoch in 0..20 {
        let mut classes = [0; 3];
        for batch in batches(&dataset, &options, epoch, 0) {
            batch.labels.iter().for_each(|label| classes[*label as usize] += 1);
            batch.indices.iter().for_each(|index| seen[*index as usize] += 1);
        }
        assert_eq!(classes, [8; 3], "epoch {epoch}");
    }
    // 160 draws of each class, in whole passes over its images, and one that may not be whole.
    for (index, &seen) in seen.iter().enumerate() {
        let images = counts[dataset.label(index).unwrap() as usize];
        assert!((160 / images..=160_usize.div_ceil(images)).contains(&seen), "{index}: {seen}");
    }
}

#[test]
fn classes_that_do_not_divide_an_epoch_take_turns() {
    // Without a bee, three classes have 23 images; without the cat, two have as many, and the third,
    // which has none, is not drawn.
    for (removed, classes) in [(22, 3), (23, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let mut dataset = Arc::into_inner(uneven(folder.path())).unwrap();
        dataset.retain(|index| index != removed);
        let dataset = Arc::new(dataset);
        let options = LoaderOptions::train(&PLAIN, 23, Augment::default(), 7).balanced(true);
        let mut total = [0; 3];
        for epoch in 0..6 {
            let mut counts = [0_usize; 3];
            let labels = &batches(&dataset, &options, epoch, 0)[0].labels;
            labels.iter().for_each(|label| counts[*label as usize] += 1);
            for (total, count) in total.iter_mut().zip(counts).take(classes) {
                assert!(count == 23 / classes || count == 23 / classes + 1, "{counts:?}");
                *total += count;
            }
        }
        let expected = 6 * 23 / classes;
        assert!(total[..classes].iter().all(|&total| total == expected), "{total:?}");
    }
}

#[test]
fn balanced_batches_are_the_same_from_any_start_and_repeats_differ() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = uneven(folder.path());
    let options = LoaderOptions::train(&PLAIN, 6, busy(), 7).balanced(true).workers(0);
    let expected = batches(&dataset, &options, 3, 0);
    assert_eq!(expected.len(), 4);
    for (workers, first) in [(1, 1), (3, 2), (2, 3)] {
        let found = batches(&dataset, &options.clone().workers(workers), 3, first);
        assert!(found == expected[first..], "{workers} workers from {first}");
    }
    assert_ne!(batches(&dataset, &options, 4, 0)[0].indices, expected[0].indices);
    // The one image of its class, eight times in an epoch, is cropped in several ways.
    let augment =
        Augment { crop: Crop::Padded, padding: 4, flip: true, cutout: 3, ..Augment::default() };
    let options = LoaderOptions::train(&PLAIN, 24, augment, 7).balanced(true);
    let batch = &batches(&dataset, &options, 0, 0)[0];
    let images = batch.images.chunks_exact(3 * 64).zip(&batch.labels);
    let views: std::collections::BTreeSet<Vec<u32>> = images
        .filter(|(_, label)| dataset.class_counts()[**label as usize] == 1)
        .map(|(image, _)| image.iter().map(|x| x.to_bits()).collect())
        .collect();
    assert!(views.len() > 4, "{}", views.len());
}

#[test]
fn a_file_that_breaks_ends_the_epoch_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 4);
    fs::write(folder.path().join("bees/001.bmp"), "no image").unwrap();
    for workers in [0, 2] {
        let options = LoaderOptions::evaluate(&PLAIN, 2).workers(workers);
        let loader = Loader::new(Arc::clone(&dataset), options).unwrap();
        let mut epoch = loader.epoch(0, 0);
        assert!(epoch.next().unwrap().is_ok() && epoch.next().unwrap().is_ok());
        let error = epoch.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("001.bmp: not an image"), "{error}");
        assert!(epoch.next().is_none());
    }
}

#[test]
fn dropping_an_epoch_ends_its_workers() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 100);
    let options = LoaderOptions::evaluate(&PLAIN, 5).workers(3);
    let loader = Loader::new(Arc::clone(&dataset), options).unwrap();
    let start = Instant::now();
    for taken in 0..3 {
        let mut epoch = loader.epoch(0, 0);
        for _ in 0..taken {
            epoch.next().unwrap().unwrap();
        }
        drop(epoch);
        // The loader and this function hold the data set; a worker would hold the loader's part.
        assert_eq!(Arc::strong_count(&loader.shared), 1);
    }
    assert!(start.elapsed().as_secs() < 10);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), 2);
    let refused = |change: fn(&mut LoaderOptions)| {
        let mut options = LoaderOptions::train(&PLAIN, 2, Augment::default(), 0);
        change(&mut options);
        Loader::new(Arc::clone(&dataset), options).unwrap_err().to_string()
    };
    for (change, part) in [
        (refused(|o| o.batch = 0), "`batch` is 0"),
        (refused(|o| o.ahead = 0), "`ahead` is 0"),
        (refused(|o| o.preprocess.crop = 0), "`crop` is 0"),
        (refused(|o| o.preprocess.resize = u32::MAX), "`resize` is 4294967295"),
        (refused(|o| o.preprocess.std = [0.0; 3]), "std 0"),
        (refused(|o| o.batch = 5), "4 images make no batch of 5"),
        (refused(|o| o.augment.mixup = -1.0), "`mixup` is -1"),
    ] {
        assert!(change.contains(part), "{change}");
    }
}
