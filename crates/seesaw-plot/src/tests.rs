use plotters::style::{FontStyle, register_font};

use super::*;

/// RGB pixels of a decoded PNG.
struct Image {
    size: (u32, u32),
    pixels: Vec<u8>,
}

fn decode(png: &[u8]) -> Image {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    Image { size: (info.width, info.height), pixels }
}

/// Draws a picture both ways: the PNG's pixels and the SVG's text.
fn both(picture: &impl Picture) -> (Image, String) {
    let image = decode(&encode(picture, Format::Png).unwrap());
    assert_eq!(image.size, picture.size());
    let svg = encode(picture, Format::Svg).unwrap();
    (image, String::from_utf8(svg).unwrap())
}

fn has_color(image: &Image, color: [u8; 3]) -> bool {
    image.pixels.chunks_exact(3).any(|pixel| pixel == color)
}

fn curves(title: &str, lines: usize, points: usize) -> Curves {
    let line = |number: usize| Line {
        name: format!("run {number}"),
        points: (1..=points).map(|x| (x as f64, (number + 2) as f64 / x as f64)).collect(),
    };
    Curves { title: title.to_owned(), rising: false, lines: (0..lines).map(line).collect() }
}

#[test]
fn curves_of_many_points_and_of_none() {
    let twelve = curves("loss", 2, 12);
    let (image, svg) = both(&twelve);
    assert!(has_color(&image, [0, 114, 178]) && has_color(&image, [213, 94, 0]));
    assert!(svg.contains("loss") && svg.contains("run 0") && svg.contains("run 1"));
    for points in [0, 1] {
        let (image, _) = both(&curves("loss", 2, points));
        assert!(!image.pixels.iter().all(|p| *p == 255));
    }
    let mut broken = twelve;
    broken.lines[0].points[3].1 = f64::NAN;
    broken.lines[1].points[5].1 = f64::INFINITY;
    both(&broken);
}

#[test]
fn lines_that_run_out_of_colors_are_dashed() {
    let (_, svg) = both(&curves("loss", 9, 12));
    assert!((0..9).all(|run| svg.contains(&format!("run {run}"))));
    // Lines eight and nine are dashed: each is many short ones.
    let one = both(&curves("loss", 1, 12)).1;
    assert!(svg.matches("<polyline").count() > one.matches("<polyline").count() + 20);
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
        x_label: "MAdds, millions".to_owned(),
        y_label: "top-1, %".to_owned(),
        groups: vec![group("one", 100.0, &[90.0, 91.0]), group("two", 108.0, &[92.0])],
    };
    let (image, svg) = both(&scatter);
    // Discs let four tenths of the white through.
    for disc in [[102, 170, 209], [230, 158, 102]] {
        let near = |pixel: &[u8]| pixel.iter().zip(disc).all(|(a, b)| a.abs_diff(b) <= 2);
        assert!(image.pixels.chunks_exact(3).any(near), "{disc:?}");
    }
    for text in ["CIFAR-10", "MAdds, millions", "top-1, %", "one", "two"] {
        assert!(svg.contains(text), "{text}");
    }
    scatter.groups.clear();
    both(&scatter);
}

#[test]
fn a_front_with_names() {
    let mut front = Front {
        title: "search".to_owned(),
        x_label: "ms".to_owned(),
        y_label: "top-1, %".to_owned(),
        points: vec![(1.0, 70.0), (2.0, 69.0), (3.0, 75.0)],
        named: vec![("igcv3".to_owned(), (2.5, 74.0))],
    };
    let (_, svg) = both(&front);
    for text in ["search", "ms", "top-1, %", "igcv3", "best at its cost"] {
        assert!(svg.contains(text), "{text}");
    }
    (front.points, front.named) = (vec![], vec![]);
    both(&front);
}

#[test]
fn layers_under_the_roof() {
    let point = |label: &str, kind, intensity, time_share| Point {
        label: label.to_owned(),
        kind,
        intensity,
        gflops: 20.0,
        time_share,
    };
    let mut roofline = Roofline {
        title: "a net".to_owned(),
        points: vec![
            point("17", PointKind::Expand, 30.0, 0.6),
            point("quick", PointKind::Depthwise, 3.0, 0.01),
            point("head", PointKind::Other, 60.0, 0.39),
        ],
        peak_gflops: 80.0,
        memory_gbps: 10.0,
    };
    let (_, svg) = both(&roofline);
    for text in ["a net", "expand, 60 % of the time", "peak 80 GFLOP/s, memory 10.0 GB/s", "head"] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(!svg.contains("quick"), "a layer that takes little time has no label");
    roofline.points.clear();
    both(&roofline);
}

#[test]
fn text_becomes_pixels_without_a_system_font() {
    use_built_in_font();
    let font = include_bytes!("../assets/plot.ttf");
    assert!(register_font("another", FontStyle::Normal, font).is_ok());
    let with_title = |title: &str| both(&curves(title, 1, 3)).0.pixels;
    assert_ne!(with_title("loss"), with_title("lass"));
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
    let tile = Tile {
        pixels: Some([0, 200, 0].repeat(TILE_SIDE * TILE_SIDE)),
        truth: "a very long name of a class of photos".to_owned(),
        predicted: "dog 98 %".to_owned(),
    };
    for (tiles, size) in [(1, (160, 196)), (7, (920, 384))] {
        let sheet = decode(&sheet_png(&vec![tile.clone(); tiles]).unwrap());
        assert_eq!(sheet.size, size);
        let green = sheet.pixels.chunks_exact(3).filter(|p| *p == [0, 200, 0]).count();
        assert_eq!(green, tiles * TILE_SIDE * TILE_SIDE);
    }
    let blank = decode(&sheet_png(&[Tile { pixels: None, ..tile }]).unwrap());
    assert!(!has_color(&blank, [0, 200, 0]));
    sheet_png(&[]).unwrap();
}

#[test]
fn other_extensions_are_refused() {
    assert_eq!(Format::from_path(Path::new("a/LOSS.SVG")).unwrap(), Format::Svg);
    assert_eq!(Format::from_path(Path::new("loss.png")).unwrap(), Format::Png);
    for path in ["loss.gif", "loss"] {
        let error = Format::from_path(Path::new(path)).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(".svg or .png"), "{error}");
    }
    assert_eq!(shortened("abcdef", 4), "abc…");
}
