//! Pillow's scaling of 8-bit images: across, then down, rounded and clipped after each.

/// Scales planes of `from` rows and columns to `to`, with a triangle or a cubic filter.
pub fn resize(data: &[f64], from: [usize; 2], to: [usize; 2], cubic: Option<f32>) -> Vec<f64> {
    let (across, down) = (weights(from[1], to[1], cubic), weights(from[0], to[0], cubic));
    let mut scaled = Vec::new();
    for plane in data.chunks(from[0] * from[1]) {
        let rows: Vec<Vec<f64>> = plane
            .chunks(from[1])
            .map(|row| across.iter().map(|(first, w)| sample(w, &row[*first..])).collect())
            .collect();
        for (first, w) in &down {
            for col in 0..to[1] {
                let column: Vec<f64> =
                    rows[*first..].iter().take(w.len()).map(|row| row[col]).collect();
                scaled.push(sample(w, &column));
            }
        }
    }
    scaled
}

fn sample(weights: &[f64], samples: &[f64]) -> f64 {
    let sum: f64 = weights.iter().zip(samples).map(|(w, x)| w * x).sum();
    (sum + 0.5).floor().clamp(0.0, 255.0)
}

/// For each pixel of the result, the first one that it reads and the weights from there on.
fn weights(from: usize, to: usize, cubic: Option<f32>) -> Vec<(usize, Vec<f64>)> {
    let scale = from as f64 / to as f64;
    let widen = scale.max(1.0);
    let support = if cubic.is_some() { 2.0 } else { 1.0 } * widen;
    let pixel = |x: usize| {
        let center = (x as f64 + 0.5) * scale;
        let first = ((center - support + 0.5).floor()).max(0.0) as usize;
        let end = ((center + support + 0.5).floor() as usize).min(from);
        let raw: Vec<f64> =
            (first..end).map(|at| filter((at as f64 - center + 0.5) / widen, cubic)).collect();
        // Pixels outside the image are excluded.
        let sum: f64 = raw.iter().sum();
        (first, raw.iter().map(|w| w / sum).collect())
    };
    (0..to).map(pixel).collect()
}

fn filter(x: f64, cubic: Option<f32>) -> f64 {
    let x = x.abs();
    match cubic.map(f64::from) {
        None => (1.0 - x).max(0.0),
        Some(a) if x < 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        Some(a) if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * a,
        Some(_) => 0.0,
    }
}
