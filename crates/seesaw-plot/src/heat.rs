//! A photo, and beside it where something was seen in it.

use super::{PlotError, encode_png};

/// The color of the lowest and of the highest value.
const COLD: [f32; 3] = [0.0, 60.0, 140.0];
const HOT: [f32; 3] = [255.0, 190.0, 0.0];
/// How much of the colors the photo's gray leaves.
const MIX: f32 = 0.6;

/// A square photo and a coarse map over it.
#[derive(Debug, Clone, Copy)]
pub struct HeatMap<'a> {
    /// RGB pixels `[side][side][3]`.
    pub photo: &'a [u8],
    /// Pixels of the photo's sides.
    pub side: usize,
    /// `[cells][cells]`, of any range.
    pub map: &'a [f32],
    /// Cells of the map's sides.
    pub cells: usize,
}

impl HeatMap<'_> {
    /// The photo, and right of it the same in gray under colors from blue for the lowest value to
    /// yellow for the highest, as a PNG file of `2 * side` by `side` pixels.
    ///
    /// # Errors
    /// [`PlotError::Draw`] when it cannot be encoded.
    ///
    /// # Panics
    /// When photo or map have another size.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        let Self { photo, side, map, cells } = *self;
        assert_eq!(photo.len(), 3 * side * side, "the pixels of a square photo");
        assert!(cells > 0 && map.len() == cells * cells, "a square map");
        let low = map.iter().copied().fold(f32::INFINITY, f32::min);
        let range = map.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low;
        let mut pixels = Vec::with_capacity(6 * side * side);
        for y in 0..side {
            pixels.extend_from_slice(&photo[3 * side * y..][..3 * side]);
            for x in 0..side {
                let heat = if range > 0.0 { (self.at(x, y) - low) / range } else { 0.0 };
                let [r, g, b] = photo[3 * (side * y + x)..][..3] else { unreachable!("RGB") };
                let gray = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
                let color = |channel: usize| COLD[channel] + heat * (HOT[channel] - COLD[channel]);
                pixels.extend([0, 1, 2].map(|c| (MIX * color(c) + (1.0 - MIX) * gray) as u8));
            }
        }
        encode_png(2 * side as u32, side as u32, &pixels)
    }

    /// The value at a pixel, interpolated between the centers of the cells.
    fn at(&self, x: usize, y: usize) -> f32 {
        let place = |pixel: usize| {
            let cell = (pixel as f32 + 0.5) * self.cells as f32 / self.side as f32 - 0.5;
            let cell = cell.clamp(0.0, (self.cells - 1) as f32);
            (cell as usize, (cell as usize + 1).min(self.cells - 1), cell.fract())
        };
        let ((left, right, u), (top, bottom, v)) = (place(x), place(y));
        let cell = |row: usize, column: usize| self.map[row * self.cells + column];
        let row = |row: usize| cell(row, left) * (1.0 - u) + cell(row, right) * u;
        row(top) * (1.0 - v) + row(bottom) * v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_lies_over_its_photo() {
        let photo = vec![100; 3 * 8 * 8];
        let map = [0.0, 0.0, 0.0, 4.0];
        let heat = HeatMap { photo: &photo, side: 8, map: &map, cells: 2 };
        assert_eq!([heat.at(0, 0), heat.at(7, 7)], [0.0, 4.0]);
        assert!((heat.at(4, 7) - 4.0 * 0.625).abs() < 1e-6, "between the centers");
        let png = heat.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels.len(), 3 * 16 * 8);
        assert_eq!(pixels[..3], [100; 3], "the photo");
        let at = |x: usize, y: usize| &pixels[3 * (16 * y + x)..][..3];
        assert!(at(8, 0)[2] > at(8, 0)[0], "cold is blue");
        assert!(at(15, 7)[0] > at(15, 7)[2], "hot is yellow");
        // A flat map has no hottest place.
        HeatMap { map: &[1.0; 4], ..heat }.png().unwrap();
    }
}
