use std::path::PathBuf;

use seesaw_image::{Limits, RgbImage, decode};

use super::*;
use crate::run::EpochRow;

fn rows() -> Vec<EpochRow> {
    let row = |epoch: usize| EpochRow {
        epoch,
        step: 10 * epoch as u64,
        size: 32,
        batch: 64,
        rate: 0.1 / epoch as f64,
        train_loss: 2.0 / epoch as f64,
        train_top1: 1.0 - 0.5 / epoch as f64,
        val_loss: Some(2.2 / epoch as f64),
        val_top1: Some(1.0 - 0.6 / epoch as f64),
        val_top5: Some(1.0 - 0.2 / epoch as f64),
        best: true,
    };
    (1..=12).map(row).collect()
}

/// Writes a picture both ways; the PNG's pixels and the SVG's text.
fn both(picture: &impl Picture) -> (RgbImage, String) {
    let folder = tempfile::tempdir().unwrap();
    let [png, svg] = ["p.png", "p.svg"].map(|name| folder.path().join(name));
    write_picture(&png, picture).unwrap();
    write_picture(&svg, picture).unwrap();
    let image = decode::open(&png, &Limits::default()).unwrap();
    assert_eq!((image.width(), image.height()), picture.size());
    (image, std::fs::read_to_string(svg).unwrap())
}

fn has_color(image: &RgbImage, color: [u8; 3]) -> bool {
    image.pixels().chunks_exact(3).any(|pixel| pixel == color)
}

#[test]
fn curves_of_many_epochs_and_of_none() {
    for (_, curves) in training_curves(&rows()) {
        let (image, svg) = both(&curves);
        assert!(has_color(&image, [0, 114, 178]), "the first line");
        assert!(svg.contains(&curves.title) && svg.contains(&curves.lines[0].name));
    }
    for rows in [&rows()[..0], &rows()[..1]] {
        for (_, curves) in training_curves(rows) {
            let (image, _) = both(&curves);
            assert!(!image.pixels().iter().all(|p| *p == 255));
        }
    }
    let mut broken = rows();
    broken[3].val_loss = Some(f64::NAN);
    broken[5].val_loss = Some(f64::INFINITY);
    both(&training_curves(&broken)[0].1);
}

#[test]
fn a_line_a_run() {
    let names = || (0..9).map(|number| format!("run {number}"));
    let runs: Vec<_> = names().map(|name| (name, rows())).collect();
    let columns = run_curves(&runs);
    let all = ["train_loss", "train_top1", "val_loss", "val_top1"];
    assert_eq!(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), all);
    let (image, svg) = both(&columns[3].1);
    assert!(names().all(|name| svg.contains(&name)));
    assert!(has_color(&image, [0, 114, 178]) && has_color(&image, [213, 94, 0]));
    assert_eq!(columns[3].1.lines[8].points[11], (12.0, 95.0));
    // Lines eight and nine are dashed: they are many short ones.
    let strokes = |run: usize| both(&run_curves(&runs[run..]).pop().unwrap().1).1;
    assert!(svg.matches("<polyline").count() > strokes(8).matches("<polyline").count() + 20);
}

#[test]
fn columns_with_one_value_have_no_picture() {
    let mut once = rows();
    for row in &mut once[..11] {
        (row.val_loss, row.val_top1) = (None, None);
    }
    let columns = run_curves(&[("once".to_owned(), once)]);
    assert_eq!(
        columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["train_loss", "train_top1"]
    );
    assert!(run_curves(&[]).is_empty());
}

#[test]
fn scores_over_costs_of_several_things_and_of_none() {
    let group = |name: &str, cost: f64, scores: &[f64]| Group {
        name: name.to_owned(),
        cost,
        scores: scores.to_vec(),
    };
    let mut scatter = Scatter {
        title: "CIFAR-10".to_owned(),
        across: "MAdds, millions".to_owned(),
        up: "top-1, %".to_owned(),
        groups: vec![group("one", 100.0, &[90.0, 91.0]), group("two", 108.0, &[92.0])],
    };
    let (image, svg) = both(&scatter);
    // Discs let four tenths of the white through.
    for disc in [[102, 170, 209], [230, 158, 102]] {
        let near = |pixel: &[u8]| pixel.iter().zip(disc).all(|(a, b)| a.abs_diff(b) <= 2);
        assert!(image.pixels().chunks_exact(3).any(near), "{disc:?}");
    }
    for text in ["CIFAR-10", "MAdds, millions", "top-1, %", "one", "two"] {
        assert!(svg.contains(text), "{text}");
    }
    scatter.groups.clear();
    both(&scatter);
}

#[test]
fn text_becomes_pixels_without_a_system_font() {
    use_built_in_font();
    let font = include_bytes!("../../assets/plot.ttf");
    assert!(register_font("another", FontStyle::Normal, font).is_ok());
    let with = |title: &str| {
        let (_, mut curves) = training_curves(&rows())[0].clone();
        curves.title = title.to_owned();
        both(&curves).0
    };
    assert_ne!(with("loss"), with("lass"));
}

#[test]
fn matrices_of_few_and_of_many_classes() {
    for classes in [2, 30, 200] {
        let names: Vec<String> = (0..classes).map(|i| format!("class number {i}")).collect();
        let mut counts = vec![0; classes * classes];
        (0..classes).for_each(|i| counts[i * classes + i] = 7);
        counts[1] = 7;
        let (image, svg) = both(&Confusion { counts: &counts, names: &names });
        assert!(has_color(&image, [0, 90, 160]), "a class that is always right");
        assert!(has_color(&image, [228, 158, 128]), "half of the first class is wrong");
        assert_eq!(svg.contains("class number 1"), classes <= 60);
    }
}

#[test]
fn sheets_show_the_photos() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.png");
    let tile = Tile {
        photo: RgbImage::new(20, 30, [0, 200, 0].repeat(600)).unwrap(),
        truth: "a very long name of a class of photos".to_owned(),
        predicted: "dog 98 %".to_owned(),
    };
    for (tiles, size) in [(1, (160, 196)), (7, (920, 384))] {
        write_sheet(&path, &vec![tile.clone(); tiles]).unwrap();
        let sheet = decode::open(&path, &Limits::default()).unwrap();
        assert_eq!((sheet.width(), sheet.height()), size);
        let green = sheet.pixels().chunks_exact(3).filter(|p| *p == [0, 200, 0]).count();
        assert_eq!(green, tiles * 144 * 144);
    }
    write_sheet(&path, &[]).unwrap();
}

#[test]
fn other_endings_are_refused() {
    let curves = &training_curves(&rows())[0].1;
    let error = write_picture(&PathBuf::from("loss.gif"), curves).unwrap_err().to_string();
    assert!(error.contains("neither .svg nor .png"), "{error}");
    assert_eq!(shortened("abcdef", 4), "abc…");
}
