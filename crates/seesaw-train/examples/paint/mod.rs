//! Painted photos to try a training on.

use std::{io, path::Path};

/// Photos of 20 pixels in two classes that differ in color, under noise, in class folders below
/// `train` and `val`.
pub fn photos(folder: &Path, classes: [&str; 2], train: usize, val: usize) -> io::Result<()> {
    for (part, count) in [("train", train), ("val", val)] {
        for (class, name) in classes.into_iter().enumerate() {
            let folder = folder.join(part).join(name);
            std::fs::create_dir_all(&folder)?;
            for number in 0..count {
                let seed = class * 7919 + number * 2 + usize::from(part == "val");
                photo(&folder.join(format!("{number:03}.png")), class, seed as u32)?;
            }
        }
    }
    Ok(())
}

fn photo(path: &Path, class: usize, seed: u32) -> io::Result<()> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 25) as u8
    };
    let base = if class == 0 { [40, 60, 120] } else { [120, 60, 40] };
    let pixels: Vec<u8> = (0..400).flat_map(|_| base.map(|c| c + noise())).collect();
    let mut encoder = png::Encoder::new(std::fs::File::create(path)?, 20, 20);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}
