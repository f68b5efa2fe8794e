//! Lists as programs and spreadsheets write them.

use std::{fs, path::PathBuf};

use super::*;

#[test]
fn a_list_names_files_beside_it() {
    let text = "\u{feff}note,Label, path ,SPLIT\nx,\"cat, big\",a/1.bmp,train\n,ant,a/2.bmp,val\n,ant,3.bmp,train\n";
    let mut files = vec![("list.CSV".to_owned(), text.into())];
    files.extend(["a/1.bmp", "a/2.bmp", "3.bmp"].map(|name| (name.to_owned(), pixel())));
    let folder = folder(files);
    let Splits { train, val, kind, .. } = default(&folder.path().join("list.CSV")).unwrap();
    assert_eq!(
        (kind, train.classes()),
        (Kind::List, &["ant".to_owned(), "cat, big".to_owned()][..])
    );
    let expected = [("a/1.bmp".to_owned(), 1), ("3.bmp".to_owned(), 0)];
    assert_eq!(listing(&train, folder.path()), expected);
    assert_eq!(listing(&val, folder.path()), [("a/2.bmp".to_owned(), 0)]);
    assert_eq!(train.image(1).unwrap().pixels(), [1, 2, 3]);
}

#[test]
fn a_list_without_a_split_is_split_by_class() {
    let lines: String = (0..20).map(|n| format!("{n}.jpg,{}\n", ["x", "y"][n % 2])).collect();
    let folder = folder([("set.csv".to_owned(), format!("path,label\n{lines}"))]);
    let Splits { train, val, .. } = default(&folder.path().join("set.csv")).unwrap();
    assert_eq!((train.class_counts(), val.class_counts()), (vec![8, 8], vec![2, 2]));
}

#[test]
fn lists_that_make_no_sense_name_the_line() {
    for (text, line, part) in [
        ("", 1, "must name `path` and `label`"),
        ("name,class\na.jpg,x\n", 1, "is `name,class`"),
        ("path,label\na.jpg,x\n,y\n", 3, "`path` is empty"),
        ("path,label\na.jpg,\n", 2, "`label` is empty"),
        (
            "path,label,split\na.jpg,x,no\n",
            2,
            "`split` must be `train`, `val` or `test`, and is `no`",
        ),
        ("path,label\na.jpg\n", 2, "record"),
    ] {
        let ListError { line: found, reason } = read_list(text.as_bytes()).unwrap_err();
        assert!(found == line && reason.contains(part), "{text:?}: line {found}: {reason}");
    }
    assert!(read_list(&b"path,label\na.jpg,\xFF\n"[..]).unwrap_err().reason.contains("UTF-8"));
    let folder =
        folder([("l.csv".to_owned(), "path,label,split\na,x,train\nb,y,train\nc,z,val\n")]);
    let path = folder.path().join("l.csv");
    assert!(error(&path).contains("l.csv: class `z` is not among the training images"));
    fs::write(&path, "path,label\na,x\nb,\n").unwrap();
    assert!(error(&path).contains("l.csv: line 3: `label` is empty"));
}

/// The data set of a list with this text, next to photos of these names.
fn listed(text: impl AsRef<[u8]>, names: &[&str]) -> (TempDir, PathBuf) {
    let mut files = vec![("list.csv".to_owned(), text.as_ref().to_vec())];
    files.extend(names.iter().map(|&name| (name.to_owned(), pixel())));
    let folder = folder(files);
    let path = folder.path().join("list.csv");
    (folder, path)
}

#[test]
fn spreadsheets_of_windows_are_read() {
    let names = ["cat/1.bmp", "dog/1.bmp"];
    let semicolons = "path;label\r\ncat\\1.bmp;cat\r\ndog\\1.bmp;dog\r\n";
    let utf16: Vec<u8> = "\u{feff}path\tlabel\ncat/1.bmp\tcat\ndog/1.bmp\tdog\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let other = "Filename,Class\ncat/1.bmp,cat\ndog/1.bmp,dog\n";
    let excel = "sep=;\npath;label\ncat/1.bmp;cat\ndog/1.bmp;dog\n";
    for text in [semicolons.as_bytes(), &utf16, other.as_bytes(), excel.as_bytes()] {
        let (_folder, path) = listed(text, &names);
        let mut train = open(&path, &with_split(0.0, 0)).unwrap().train;
        assert_eq!(train.classes(), ["cat", "dog"]);
        assert_eq!(train.verify(Verify::new(1), &|_| {}).unwrap().kept, 2);
    }
    let (_folder, path) = listed(other, &names);
    let notes = default(&path).unwrap().findings.sentences();
    assert_eq!(
        notes,
        ["the list's columns were recognized: `filename` as `path`, `class` as `label`"]
    );
    let (_folder, path) = listed(semicolons, &names);
    let notes = default(&path).unwrap().findings.sentences();
    assert_eq!(notes, ["`\\` is taken for `/` in 2 paths of the list"]);
}

#[test]
fn test_in_a_list_means_test() {
    let text = "path,label,split\n1.bmp,a,train\n2.bmp,b,train\n3.bmp,a,val\n4.bmp,b,test\n5.bmp,a,Testing\n";
    let (_folder, path) = listed(text, &[]);
    let splits = default(&path).unwrap();
    assert_eq!((splits.train.len(), splits.val.len(), splits.test.len()), (2, 1, 2));
}

#[test]
fn a_file_that_is_listed_twice_is_used_once_and_in_one_part() {
    let (_folder, path) = listed("path,label\n1.bmp,a\n2.bmp,b\n1.bmp,a\n3.bmp,b\n", &[]);
    let splits = open(&path, &with_split(0.0, 0)).unwrap();
    assert_eq!(splits.train.len(), 3);
    let notes = splits.findings.sentences();
    assert_eq!(notes, ["1 file is listed more than once and used once: 1.bmp"]);
    for text in [
        "path,label\n1.bmp,a\n2.bmp,b\n1.bmp,b\n",
        "path,label,split\n1.bmp,a,train\n2.bmp,b,train\n1.bmp,a,val\n",
    ] {
        let (_folder, path) = listed(text, &[]);
        let text = error(&path);
        assert!(text.contains("line 4: 1.bmp has another label or part in line 2"), "{text}");
    }
}
