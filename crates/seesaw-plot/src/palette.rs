//! The colors of all charts.

use plotters::style::RGBColor;

/// Colors that the color-blind can tell apart (Okabe and Ito).
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// What belongs to no group of its own.
pub const NEUTRAL: RGBColor = RGBColor(120, 120, 120);
