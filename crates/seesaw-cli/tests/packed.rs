//! `data pack`, and what accepts a packed data set.

use std::{fs, path::Path};

mod common;
use common::{
    args, bmp, command, seesaw,
    training::{Album, COLORS},
};

/// A file of a run, or every tensor of one to the last bit.
fn content(run: &Path, name: &str) -> Vec<u8> {
    let path = run.join(name);
    if !name.ends_with(".safetensors") {
        return fs::read(path).unwrap();
    }
    let tensors = seesaw_format::load(&path).unwrap().tensors;
    let bytes = |(name, tensor): (&str, &seesaw_format::Tensor)| {
        let data = tensor.data.iter().flat_map(|x| x.to_bits().to_le_bytes());
        name.bytes().chain(data).collect::<Vec<u8>>()
    };
    tensors.iter().flat_map(bytes).collect()
}

#[test]
fn a_training_from_a_packed_data_set_ends_like_one_from_its_folder() {
    let album = Album::new();
    // A photo that is left out, and splits that depend on names.
    fs::write(album.data.join("red/broken.bmp"), "no photo").unwrap();
    let packed = album.path("packed");
    let pack = seesaw(args!["data", "pack", album.data, packed, "--threads", "2"]);
    assert_eq!(pack.code(), Some(1), "{}", pack.stderr());
    assert!(pack.stderr().contains("broken.bmp: left out: not an image"), "{}", pack.stderr());
    let sentence = "120 images in 1 file of ";
    assert!(pack.stdout().contains(sentence), "{}", pack.stdout());
    assert!(pack.stdout().contains("all as they were, 1 left out"), "{}", pack.stdout());

    let more = ["--epochs", "3", "--set", "group_by=[0-9]+"];
    album.train("plain", &more).ok();
    let mut other = Album::new();
    other.data.clone_from(&packed);
    let training = other.train("of-packed", &more);
    training.ok();
    assert!(training.stderr().contains("broken.bmp: left out: not an image"));
    let (plain, of_packed) = (album.path("plain"), other.path("of-packed"));
    for name in ["log.csv", "best.safetensors", "last.safetensors", "checkpoint.safetensors"] {
        assert!(content(&plain, name) == content(&of_packed, name), "{name}");
    }

    // Another order is another training; in a folder there is none.
    let blocks = [&more[..], &["--set", "sampler=blocks"]].concat();
    album.train("plain-blocks", &blocks).ok();
    other.train("blocks", &blocks).ok();
    let log = |run: &Path| content(run, "log.csv");
    assert!(log(&album.path("plain-blocks")) == log(&plain));
    assert!(log(&other.path("blocks")) != log(&plain));

    // Each run's validation images are found in the other form of the data set.
    let reports =
        [(&plain, &packed), (&of_packed, &album.data), (&of_packed, &packed)].map(|(run, data)| {
            let eval = seesaw(args!["eval", run, "--data", data, "--json"]);
            serde_json::from_str::<serde_json::Value>(eval.stdout()).unwrap()
        });
    for report in &reports {
        assert_eq!(report["split"], "val");
        assert_eq!(report["images"], reports[0]["images"]);
        assert_eq!(report["loss"], reports[0]["loss"]);
    }
}

#[test]
fn a_run_continues_with_the_packed_form_of_its_images() {
    let album = Album::new();
    let packed = album.path("packed");
    seesaw(args!["data", "pack", album.data, packed]).ok();
    let constant = ["--set", "schedule.kind=constant", "--set", "schedule.warmup=0"];
    album.train("moved", &[&["--epochs", "1"][..], &constant].concat()).ok();
    fs::remove_dir_all(&album.data).unwrap();
    let run = album.path("moved");
    let resume = seesaw(args!["resume", run, "--data", packed, "--epochs", "2"]);
    resume.ok();
    assert_eq!(fs::read_to_string(run.join("log.csv")).unwrap().lines().count(), 3);
}

#[test]
fn packing_says_what_it_did_and_info_checks_it() {
    let album = Album::new();
    let packed = album.path("packed");
    fs::write(album.data.join("red/large.bmp"), bmp(64, [210, 30, 50])).unwrap();
    let pack = seesaw(args![
        "data",
        "pack",
        album.data,
        packed,
        "--shorter-side",
        "32",
        "--quality",
        "95",
        "--json"
    ]);
    let report = pack.json();
    for (field, value) in [
        ("images", 121),
        ("shrunk", 1),
        ("left_out", 0),
        ("resumed", 0),
        ("shards", 1),
        ("shorter_side", 32),
        ("quality", 95),
    ] {
        assert_eq!(report[field], value, "{field}");
    }
    let info = seesaw(args!["data", "info", packed, "--verify", "--json"]).json();
    assert_eq!((&info["kind"], &info["verified"]), (&"class folders".into(), &121.into()));
    assert_eq!(info["packed"]["bytes"], report["bytes"]);
    let info = seesaw(args!["data", "info", packed, "--check"]);
    assert!(info.ok().contains("packed: 121 images in 1 file"), "{}", info.stdout());
    assert!(info.stderr().contains("1 of the 121 packed images were shrunk"), "{}", info.stderr());

    seesaw(args!["data", "pack", album.data, packed]).fails(&["is here already"]);
    seesaw(args!["data", "pack", album.data, album.data.join("red/packed")]).fails(&["or in it"]);
    seesaw(args!["data", "info", album.data, "--verify"]).fails(&["not packed", "`--check`"]);
    seesaw(args!["data", "pack", album.data, "x", "--as-is", "--quality", "3"]).fails(&["--as-is"]);
}

#[test]
fn a_bit_or_a_byte_that_is_wrong_is_an_error_that_names_the_file() {
    let album = Album::new();
    let packed = album.path("packed");
    seesaw(args!["data", "pack", album.data, packed]).ok();
    let shard = packed.join("images-00000.tar");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[700] ^= 1;
    fs::write(&shard, &bytes).unwrap();
    for command in [&["data", "info", "--verify"][..], &["data", "info", "--check"]] {
        seesaw(command.iter().map(std::ffi::OsString::from).chain([packed.clone().into()]))
            .fails(&["images-00000.tar: damaged: the bytes of ", "do not match their checksum"]);
    }
    let mut other = Album::new();
    other.data.clone_from(&packed);
    let training = other.train("run", &[]);
    training.fails(&["images-00000.tar: damaged", "checksum"]);
    bytes.pop();
    fs::write(&shard, &bytes).unwrap();
    seesaw(args!["data", "info", packed]).fails(&["images-00000.tar: damaged: it has"]);
}

#[test]
fn photos_without_labels_are_packed_too() {
    let album = Album::new();
    let packed = album.path("packed");
    seesaw(args!["data", "pack", album.data, packed, "--unlabeled"]).ok();
    seesaw(args!["data", "info", packed]).fails(&["one class, `photo`"]);
}

/// The names and contents of files.
#[cfg(unix)]
fn files(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_owned(), fs::read(path).unwrap())
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    files.sort();
    files
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_and_the_same_command_continues() {
    use std::{
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };
    let album = Album::new();
    // Shards of a MiB hold three of these.
    for (class, color) in COLORS {
        for photo in 0..12_u8 {
            let bytes = bmp(330, color.map(|sample| sample ^ photo));
            fs::write(album.data.join(class).join(format!("large {photo}.bmp")), bytes).unwrap();
        }
    }
    let [whole, packed] = ["whole", "packed"].map(|name| album.path(name));
    let arguments = |out: &Path| {
        args!["data", "pack", album.data, out, "--as-is", "--shard-size", "1", "--threads", "1"]
    };
    seesaw(arguments(&whole)).ok();
    let mut child = command()
        .args(arguments(&packed))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !packed.join("images-00000.tar").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no shard is complete");
        thread::sleep(Duration::from_micros(200));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    // It may have been faster.
    if status.code() != Some(0) {
        assert_eq!(status.code(), Some(130));
        seesaw(args!["data", "info", packed]).fails(&["packing this data set was interrupted"]);
        let again = seesaw(arguments(&packed));
        again.ok();
        assert!(again.stderr().contains("images are packed already"), "{}", again.stderr());
    }
    assert!(files(&whole) == files(&packed));
}
