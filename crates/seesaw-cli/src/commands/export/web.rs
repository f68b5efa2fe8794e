//! `seesaw export --web`: a page that classifies photos in the browser.

use std::{env, io::Write, path::PathBuf};

use seesaw_export::web::{self, Modules};
use seesaw_format::StoredPrecision;

use super::{failed, load, metadata};
use crate::{args::ExportArgs, failure::Failure, output};

pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    let site = &args.output;
    if site.exists() && !site.is_dir() {
        return Err(Failure::file(site, "a file; `--web` writes a folder"));
    }
    let modules = Modules::find(&folders(args)).map_err(|error| {
        Failure::new(error).hint(
            "build them in Seesaw's repository with `.ci/wasm --build`, and name its folder `web` \
             with `--modules`",
        )
    })?;
    let model = load(args)?;
    let metadata = metadata(&model, args)?;
    let precision = if args.onnx.half { StoredPrecision::F16 } else { StoredPrecision::F32 };
    let bytes = web::write(site, &model.weights, &metadata, precision, &modules)
        .map_err(|error| failed(site, &error))?;
    let mut out = output::stdout();
    writeln!(out, "wrote {} ({})", site.display(), output::bytes(bytes))?;
    writeln!(
        out,
        "{}: serve the folder with any web server, such as `python3 -m http.server -d {}`",
        model.net.name,
        site.display()
    )?;
    Ok(out.flush()?)
}

/// Where the modules may be: where the option says, else near the program or here.
fn folders(args: &ExportArgs) -> Vec<PathBuf> {
    if let Some(folder) = &args.modules {
        return vec![folder.clone()];
    }
    let program = env::current_exe().ok();
    let near = program.iter().filter_map(|path| path.parent());
    let near = near.flat_map(|folder| [folder.join("web"), folder.join("../share/seesaw/web")]);
    near.chain([PathBuf::from("web")]).collect()
}
