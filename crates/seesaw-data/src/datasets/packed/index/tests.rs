//! Indices that are no one's work.

use std::io::BufReader;

use super::*;

const HEADER: &str = r#"{"format":"seesaw-pack","version":1,"kind":"folders","classes":["a","b"],"parts":{"train":2,"val":1},"settings":{"shorter_side":256,"quality":90,"shard_bytes":1048576},"names_crc32c":7}"#;
const LINES: [&str; 5] = [
    r#"{"shard":"train-00000.tar","part":"train","images":2,"bytes":4096}"#,
    r#"{"place":1,"name":"b/1.jpg","label":1,"stored":{"offset":512,"bytes":100,"crc32c":5}}"#,
    r#"{"place":0,"name":"a/1.jpg","label":0,"source":{"bytes":9,"crc32c":8},"broken":"gray"}"#,
    r#"{"shard":"val-00000.tar","part":"val","images":1,"bytes":2048}"#,
    r#"{"place":0,"name":"a/1.jpg","label":0,"stored":{"offset":512,"bytes":1,"crc32c":5},"source":{"bytes":9,"crc32c":8}}"#,
];

/// An index of these lines, with the checksum that they have.
fn index<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let text: String = lines.into_iter().flat_map(|line| [line, "\n"]).collect();
    let sum = crc32c::crc32c(text.as_bytes());
    format!("{text}{{\"index_crc32c\":{sum}}}\n")
}

fn whole() -> String {
    index([HEADER].into_iter().chain(LINES))
}

fn error(text: &str) -> String {
    read_index(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn an_index_is_read() {
    let index = read_index(whole().as_bytes()).unwrap();
    assert_eq!((index.images(), index.stored_bytes(), index.shards.len()), (3, 101, 2));
    let images: Vec<&ImageLine> = index.shards.iter().flat_map(|(_, images)| images).collect();
    assert_eq!([0, 1, 2].map(|i| images[i].is_shrunk()), [false, false, true]);
    assert_eq!([0, 1, 2].map(|i| images[i].content().bytes), [100, 9, 9]);
}

#[test]
fn each_change_is_an_error_that_names_the_line() {
    let replaced = |from: &str, to: &str| {
        let text = index([HEADER].into_iter().chain(LINES));
        assert!(text.contains(from), "{from}");
        let lines: Vec<String> = text.lines().map(|line| line.replacen(from, to, 1)).collect();
        error(&index(lines[..lines.len() - 1].iter().map(String::as_str)))
    };
    for (from, to, expected) in [
        ("seesaw-pack", "tar", "line 1: the format is `tar`"),
        ("\"version\":1", "\"version\":2", "line 1: version 2"),
        ("folders", "cifar", "line 1: unknown kind `cifar`"),
        ("train-00000.tar", "../etc/x.tar", "line 2: `../etc/x.tar` is no name of a shard"),
        ("train-00000.tar", "/x.tar", "line 2: `/x.tar` is no name"),
        ("\"label\":1", "\"label\":2", "line 3: label 2 of 2 classes"),
        ("\"place\":1", "\"place\":2", "line 3: image 2 of a part of 2"),
        (
            "\"place\":1",
            "\"place\":0",
            "line 1: 2 training images, and the lines that follow have 2, which",
        ),
        (
            "\"train\":2",
            "\"train\":3",
            "line 1: 3 training images, and the lines that follow have 2",
        ),
        ("\"offset\":512,\"bytes\":100", "\"offset\":4000,\"bytes\":100", "line 3: 100 bytes at"),
        ("\"offset\":512", "\"offset\":18446744073709551615", "line 3: 100 bytes at"),
        ("\"offset\":512", "\"offset\":-1", "line 3: "),
        ("b/1.jpg", "", "line 3: an image without a name"),
        (",\"broken\":\"gray\"", "", "line 4: an image must either be stored or be broken"),
        ("\"images\":2", "\"images\":3", "line 5: "),
        ("\"images\":2", "\"images\":1", "line 4: "),
        ("\"images\":1", "\"images\":18446744073709551615", "line 7: "),
    ] {
        let error = replaced(from, to);
        assert!(error.contains(expected), "{from} -> {to}: {error}");
    }
}

#[test]
fn the_checksum_guards_every_byte() {
    let text = whole();
    for place in (0..text.len()).step_by(7) {
        let mut bytes = text.clone().into_bytes();
        bytes[place] ^= 1;
        assert!(read_index(&bytes[..]).is_err(), "byte {place}");
    }
    for len in 0..text.len() {
        assert!(read_index(&text.as_bytes()[..len]).is_err(), "{len} bytes");
    }
    assert!(error(&(text.clone() + "\n")).contains("after the last"));
    assert!(
        error(&text.replace("gray", "grey")).contains("line 7: the lines before it do not match")
    );
}

#[test]
fn endless_lines_end() {
    let endless = || BufReader::new(std::io::repeat(b' '));
    let error = read_index(endless()).unwrap_err().to_string();
    assert_eq!(error, "line 1: the line is too long");
    let after = format!("{HEADER}\n");
    let error = read_index(after.as_bytes().chain(endless())).unwrap_err().to_string();
    assert_eq!(error, "line 2: the line is too long");
}

#[cfg(feature = "pack")]
#[test]
fn what_is_complete_of_an_unfinished_index_is_kept() {
    let text = whole();
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    for len in 0..text.len() {
        let cut = read_unfinished(&text.as_bytes()[..len]);
        if len < ends[0] {
            assert!(cut.is_err(), "{len} bytes");
            continue;
        }
        let Unfinished { start, shards, .. } = cut.unwrap();
        let complete = [ends[3], ends[5]].iter().filter(|end| **end <= len).count();
        assert_eq!((start.bytes, shards.len()), (ends[0] as u64, complete), "{len} bytes");
        let end = shards.last().map_or(start, |(.., mark)| *mark);
        assert_eq!(end.crc32c, crc32c::crc32c(&text.as_bytes()[..end.bytes as usize]));
    }
}
