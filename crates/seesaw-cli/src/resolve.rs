//! From what a user writes as NET to a net.

use std::{fs::File, io::Read, path::Path};

use seesaw_arch::{ArchError, Net, zoo};

use crate::{args::ShapeArgs, failure::Failure};

/// No description of a net is longer; keeps `summary /dev/zero` from filling the memory.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// The net of that name, or the one that a TOML file describes.
pub fn described(name: &str) -> Result<Net, Failure> {
    let path = Path::new(name);
    if is_toml(path) { from_file(path) } else { zoo::net(name).map_err(Failure::new) }
}

/// The net with the changes asked for, and the side of its images.
pub fn reshaped(mut net: Net, shape: &ShapeArgs) -> Result<(Net, usize), Failure> {
    if let Some(classes) = shape.classes {
        net = net.with_classes(classes);
    }
    if let Some(width) = shape.width {
        net = net.with_width(width).map_err(Failure::new)?;
    }
    let input_size = shape.input_size.unwrap_or(net.input_size);
    Ok((net, input_size))
}

/// Whether `path` is named like a description.
pub fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn from_file(path: &Path) -> Result<Net, Failure> {
    let text = text(path, MAX_DESCRIPTION)?;
    Net::from_toml(&text).map_err(|error| {
        let failure = Failure::file(path, &error);
        match error {
            ArchError::Toml(_) => {
                failure.hint("`seesaw summary NET --toml` prints a description to start from")
            }
            _ => failure,
        }
    })
}

/// The text of a file of at most `limit` bytes.
pub fn text(path: &Path, limit: u64) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > limit => {
            Err(Failure::file(path, format_args!("longer than {limit} bytes")))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::file(path, error)),
    }
}
