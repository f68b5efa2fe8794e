//! `seesaw plot`: the logs of several runs, one picture per column.

use std::{io::Write, path::Path};

use seesaw_train::{
    pictures::{run_curves, write_picture},
    run::{RunFolder, read_log},
};

use crate::{
    args::{PictureFormat, PlotArgs},
    failure::Failure,
    output,
};

pub fn run(args: &PlotArgs) -> Result<(), Failure> {
    let mut runs = Vec::new();
    for folder in &args.runs {
        let rows = read_log(&RunFolder::new(folder).log())?;
        runs.push((name(folder, args), rows));
    }
    let pictures = run_curves(&runs);
    if pictures.is_empty() {
        return Err(Failure::new("nothing to plot: no run has two epochs yet"));
    }
    std::fs::create_dir_all(&args.out).map_err(|error| Failure::file(&args.out, error))?;
    let mut out = output::stdout();
    for (column, curves) in pictures {
        let extension = match args.format {
            PictureFormat::Svg => "svg",
            PictureFormat::Png => "png",
        };
        let path = args.out.join(column).with_extension(extension);
        write_picture(&path, &curves)?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(out.flush()?)
}

/// The folder's own name, or its path where another run has the same name.
fn name(folder: &Path, args: &PlotArgs) -> String {
    let same = args.runs.iter().filter(|other| other.file_name() == folder.file_name()).count();
    match folder.file_name() {
        Some(name) if same == 1 => name.display().to_string(),
        _ => folder.display().to_string(),
    }
}
