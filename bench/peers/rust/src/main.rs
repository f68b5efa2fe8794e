//! Engines written in Rust behind the protocol that `../worker.py` describes.
//!
//! `seesaw-peers ENGINE MODEL INPUT OUTPUT BATCH SIZE THREADS`

use std::{
    fs,
    io::{BufRead, Write},
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result, bail};

mod engines;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [engine, model, input, output, numbers @ ..] = args.as_slice() else {
        bail!("usage: seesaw-peers ENGINE MODEL INPUT OUTPUT BATCH SIZE THREADS");
    };
    let numbers: Vec<usize> = numbers
        .iter()
        .map(|n| n.parse().with_context(|| format!("number {n}")))
        .collect::<Result<_, _>>()?;
    let &[batch, size, threads] = numbers.as_slice() else {
        bail!("BATCH SIZE THREADS must be three numbers");
    };
    let setup = engines::Setup { model: Path::new(model), batch, size, threads };
    let (mut engine, label) = engines::open(engine, &setup)?;
    let images = read_floats(input)?;
    fs::write(output, to_bytes(&engine(&images)?)).with_context(|| output.clone())?;
    let mut out = std::io::stdout();
    writeln!(out, "ready {label}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let runs: usize = line.strip_prefix("run ").context("not `run N`")?.parse()?;
        let times = (0..runs).map(|_| {
            let start = Instant::now();
            std::hint::black_box(engine(&images)?);
            Ok(format!("{:.4}", 1e3 * start.elapsed().as_secs_f64()))
        });
        writeln!(out, "{}", times.collect::<Result<Vec<_>>>()?.join(" "))?;
        out.flush()?;
    }
    Ok(())
}

fn read_floats(path: &str) -> Result<Vec<f32>> {
    let bytes = fs::read(path).with_context(|| path.to_owned())?;
    Ok(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
