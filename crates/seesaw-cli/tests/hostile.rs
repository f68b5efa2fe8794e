//! Damaged and malicious files: one clear error, exit code 2, and little memory.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use seesaw_testing::shared;

mod common;
use common::{Run, Tiny, args, bmp, command, seesaw};

fn summary(path: &Path) -> Run {
    seesaw(args!["summary", path])
}

/// A pickle in the container of PyTorch before 1.6 that calls `os.system` with `command`.
fn calling_pickle(command: &str) -> Vec<u8> {
    let mut file =
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
            .to_vec();
    file.extend(b"\x80\x02cos\nsystem\nX");
    file.extend((command.len() as u32).to_le_bytes());
    file.extend(command.as_bytes());
    file.extend(b"\x85R.\x80\x02].");
    file
}

/// The first bytes of a PNG that claims this many pixels on a side.
fn png_claiming(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().unwrap());
    bytes
}

#[test]
fn files_that_are_not_weights() {
    let tiny = Tiny::new();
    let path = tiny.path("bad.safetensors");
    let zip = b"PK\x03\x04".repeat(40);
    let huge_header = [&(1u64 << 31).to_le_bytes()[..], b"{\"a\":1}"].concat();
    for (bytes, what) in [
        (&b""[..], "neither a safetensors file nor a PyTorch checkpoint"),
        (b"This is text.", "neither a safetensors file nor a PyTorch checkpoint"),
        (&zip, "cut short: 160 bytes, and the end is missing"),
        (&huge_header, "not a safetensors file that can be read"),
        (b"\x80\x02}.", "a pickle that `torch.save` did not write"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        summary(&path).fails(&["bad.safetensors: ", what]);
        let photo = tiny.path("photo.bmp");
        std::fs::write(&photo, bmp(20, [9; 3])).unwrap();
        seesaw(args!["predict", "--weights", path, photo]).fails(&["bad.safetensors: ", what]);
    }
    let folder = tiny.path("folder.safetensors");
    std::fs::create_dir(&folder).unwrap();
    summary(&folder).fails(&["folder.safetensors: "]);
    summary(&tiny.path("none.safetensors")).fails(&["none.safetensors: No such file"]);
}

#[test]
fn a_pickle_that_calls_a_function() {
    let tiny = Tiny::new();
    let (path, trace) = (tiny.path("evil.pth"), tiny.path("trace"));
    std::fs::write(&path, calling_pickle(&format!("touch {}", trace.display()))).unwrap();
    let output = tiny.path("out.safetensors");
    let refused = seesaw(args!["import", path, output]);
    refused.fails(&["evil.pth: ", "`os.system`", "which was refused"]);
    assert!(!trace.exists() && !output.exists());
}

#[test]
fn weights_cut_short() {
    let tiny = Tiny::new();
    let (weights, cut) = (tiny.imported(), tiny.path("cut.safetensors"));
    let bytes = std::fs::read(weights).unwrap();
    for part in [1, 7, 8, 9, 100, 2000, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&cut, &bytes[..part]).unwrap();
        summary(&cut).fails(&["cut.safetensors: "]);
    }
}

#[test]
fn a_flipped_byte_in_native_weights() {
    let tiny = Tiny::new();
    let (weights, flipped) = (tiny.imported(), tiny.path("flipped.safetensors"));
    let mut bytes = std::fs::read(weights).unwrap();
    let mut refused = 0;
    // Every byte would take minutes; the step is prime to every alignment.
    let places: Vec<usize> =
        (0..12).chain((12..bytes.len()).step_by((bytes.len() / 90) | 1)).collect();
    for &at in &places {
        bytes[at] ^= 0xff;
        std::fs::write(&flipped, &bytes).unwrap();
        let run = summary(&flipped);
        // A weight may be any number, so a flipped one that is finite goes unnoticed.
        if run.code() != Some(0) {
            run.fails(&["flipped.safetensors: "]);
            refused += 1;
        }
        bytes[at] ^= 0xff;
    }
    assert!(refused >= 12, "{refused} of {}", places.len());
}

#[test]
fn a_flipped_byte_in_a_checkpoint() {
    // The zip container has checksums, so that no flipped byte goes unseen where it matters.
    let Some(path) = shared("golden/igcv3-0.5d-cifar10.pth.tar") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (flipped, output) =
        (folder.path().join("flipped.pth"), folder.path().join("o.safetensors"));
    let imported = |path: &Path| {
        let _ = std::fs::remove_file(&output);
        let run = seesaw(args!["import", path, output]);
        match run.code() {
            Some(0) => Some(std::fs::read(&output).unwrap()),
            _ => {
                run.fails(&["flipped.pth: "]);
                assert!(!output.exists());
                None
            }
        }
    };
    let mut bytes = std::fs::read(path).unwrap();
    std::fs::write(&flipped, &bytes).unwrap();
    let good = imported(&flipped).unwrap();
    let mut refused = 0;
    let places: Vec<usize> = (0..bytes.len()).step_by((bytes.len() / 60) | 1).collect();
    for &at in &places {
        bytes[at] ^= 0xff;
        std::fs::write(&flipped, &bytes).unwrap();
        match imported(&flipped) {
            None => refused += 1,
            Some(same) => assert!(same == good, "byte {at} changes a weight unseen"),
        }
        bytes[at] ^= 0xff;
    }
    assert!(refused > places.len() / 2, "{refused} of {}", places.len());
}

#[test]
fn weights_of_another_net() {
    let tiny = Tiny::new();
    let output = tiny.path("out.safetensors");
    let import = |net: &str| seesaw(args!["import", tiny.weights, output, "--net", net]);
    import("seesaw-shuffle-0.5d-cifar").fails(&["are not of seesaw-shuffle-0.5d-cifar", "missing"]);
    import("nonsense").fails(&["unknown net `nonsense`", "`seesaw models`"]);
    seesaw(args!["import", tiny.weights, output])
        .fails(&["no known net has these", "hint: name the net with `--net"]);
    let toml = std::fs::read_to_string(&tiny.net).unwrap();
    let other = tiny.path("other.toml");
    std::fs::write(&other, toml.replace("channels = 24", "channels = 32")).unwrap();
    let refused = seesaw(args!["import", tiny.weights, output, "--net", other]);
    refused.fails(&["weights.safetensors: ", "not of tiny", "shape"]);
    seesaw(args!["bench", tiny.net, "--weights", tiny.io]).fails(&["io.safetensors: "]);
    assert!(!output.exists());
}

/// Malicious photos, one at a time.
#[test]
fn files_that_are_not_photos() {
    let tiny = Tiny::new();
    let weights = tiny.imported();
    let photo = tiny.path("photo.jpg");
    for (bytes, what) in [
        (png_claiming(100_000), "too large"),
        (png_claiming(30_000), "too large"),
        (png_claiming(100), "photo.jpg: "),
        (b"Dear reader, this is no photo.".to_vec(), "not an image"),
        (b"".to_vec(), "the file is empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00".to_vec(), "photo.jpg: "),
        (b"GIF89a".to_vec(), "truncated"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif".to_vec(), "AVIF is not supported: convert it"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), "the HEIC is damaged"),
    ] {
        std::fs::write(&photo, bytes).unwrap();
        let run = seesaw(args!["predict", "--weights", weights, photo]);
        run.fails(&["photo.jpg: ", what, "none of 1 photos could be read"]);
    }
}

/// The most memory that a command ever held, in kB, where the system says so.
fn peak_kb(arguments: &[std::ffi::OsString]) -> Option<u64> {
    let quiet = Stdio::null;
    let mut child = command().args(arguments).stdout(quiet()).stderr(quiet()).spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = None;
    while child.try_wait().unwrap().is_none() {
        // The high-water mark so far; the last look is at most a millisecond before the end.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        peak = peak.max(kb);
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

#[test]
fn hostile_files_take_little_memory() {
    // 300 MB.
    const LIMIT_KB: u64 = 292_000;
    let tiny = Tiny::new();
    let weights = tiny.path("large.safetensors");
    // Weights of a usual size, so that they count too.
    let net = seesaw_arch::zoo::net("seesaw-shuffle-1.0d-imagenet").unwrap();
    let tensors = seesaw_format::NetWeights::random(&net, 1).unwrap().to_tensors(&net).unwrap();
    let metadata = seesaw_format::Metadata::new(net);
    let precision = seesaw_format::StoredPrecision::F32;
    seesaw_format::safetensors::write(&weights, &tensors, Some(&metadata), precision).unwrap();
    let photos = tiny.path("photos");
    std::fs::create_dir(&photos).unwrap();
    for number in 0..4 {
        std::fs::write(photos.join(format!("{number}a.png")), png_claiming(100_000)).unwrap();
        // As large as is decoded, from a small file.
        std::fs::write(photos.join(format!("{number}b.png")), flat_png(7_100)).unwrap();
    }
    let Some(peak) = peak_kb(&args!["predict", "--weights", weights, photos, "--threads", "2"])
    else {
        let mut stderr = std::io::stderr();
        let _ =
            std::io::Write::write_all(&mut stderr, b"skipped: no /proc to read the peak from\n");
        return;
    };
    // Far below, the large photos would not have been decoded.
    assert!((190_000..LIMIT_KB).contains(&peak), "{peak} kB");
    let header = [&(1u64 << 40).to_le_bytes()[..], b"{"].concat();
    std::fs::write(tiny.path("header.safetensors"), header).unwrap();
    let peak = peak_kb(&args!["summary", tiny.path("header.safetensors")]).unwrap_or(0);
    assert!(peak < LIMIT_KB, "{peak} kB");
}

/// A PNG of one color, which packs to next to nothing.
fn flat_png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![9; 4 * side as usize];
    for _ in 0..side {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}
