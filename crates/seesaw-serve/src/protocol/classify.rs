//! Photos in, lines of JSON out: those of `seesaw predict --json`.

use axum::{body::Bytes, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use seesaw::{
    Classifier, PhotoError,
    answer::{Answer, Unread},
};
use seesaw_plot::HeatMap;
use serde::{Deserialize, Serialize};

use super::wishes::{Explain, Wishes};
use crate::error::{Problem, photo_status};

/// What a photo without a name is called, as standard input is elsewhere.
pub const UNNAMED: &str = "-";

/// An encoded photo.
#[derive(Debug, Clone)]
pub struct Photo {
    /// What the client calls it.
    pub path: String,
    pub bytes: Bytes,
}

/// What is answered for each photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Classes,
    Features,
}

/// A body of JSON: one photo, or several, and wishes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonBody {
    photo: Option<String>,
    photos: Option<Vec<JsonPhoto>>,
    // Those of `Wishes`: serde cannot refuse unknown fields of flattened structs.
    model: Option<String>,
    top: Option<u32>,
    unknown_below: Option<f64>,
    explain: Option<Explain>,
    path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonPhoto {
    photo: String,
    path: Option<String>,
}

/// The photos and wishes in a body of JSON, at most `most` photos.
pub fn parse_json(body: &[u8], most: usize) -> Result<(Vec<Photo>, Wishes), Problem> {
    let body: JsonBody = serde_json::from_slice(body)
        .map_err(|error| Problem::bad(format!("the JSON is not as expected: {error}")))?;
    let JsonBody { photo, photos, model, top, unknown_below, explain, path } = body;
    let wishes = Wishes { model, top, unknown_below, explain, path };
    wishes.check()?;
    let photos = match (photo, photos) {
        (Some(photo), None) => vec![JsonPhoto { photo, path: wishes.path.clone() }],
        (None, Some(photos)) if !photos.is_empty() => photos,
        (None, Some(_)) => return Err(Problem::bad("`photos` is empty")),
        (Some(_), Some(_)) => return Err(Problem::bad("give either `photo` or `photos`")),
        (None, None) => {
            let what = "no photo: `photo` is one in base64, `photos` an array of {photo, path}";
            return Err(Problem::bad(what));
        }
    };
    check_count(photos.len(), most)?;
    let decode = |(number, JsonPhoto { photo, path }): (usize, JsonPhoto)| {
        let bytes = from_base64(&photo)
            .map_err(|error| Problem::bad(format!("photo {number} is not base64: {error}")))?;
        Ok(Photo { path: path.unwrap_or_else(|| UNNAMED.to_owned()), bytes: bytes.into() })
    };
    let photos: Result<Vec<Photo>, Problem> = (1..).zip(photos).map(decode).collect();
    Ok((photos?, wishes))
}

/// Refuses more than `most` photos in a request.
pub fn check_count(photos: usize, most: usize) -> Result<(), Problem> {
    if photos <= most {
        return Ok(());
    }
    let message =
        format!("{photos} photos in one request, and the limit is {most}: send several requests");
    Err(Problem::bad(message))
}

/// Decodes base64, with the head of a data URL and line breaks or without.
pub fn from_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(',').map_or(text, |(_, data)| data),
        None => text,
    };
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        STANDARD.decode(text.split_ascii_whitespace().collect::<String>())
    } else {
        STANDARD.decode(text)
    }
}

/// The answers of a request, one line for each photo.
#[derive(Debug)]
pub struct Lines {
    wishes: Wishes,
    output: Output,
    paths: Vec<String>,
    lines: Vec<Option<(StatusCode, String)>>,
}

/// What was computed of a photo.
#[derive(Debug, Clone, Copy)]
pub struct Computed<'a> {
    pub classifier: &'a Classifier,
    /// Logits or features.
    pub row: &'a [f32],
    /// The net's input.
    pub input: &'a [f32],
    /// The part of the photo that the input shows, as [`seesaw::LoadedPhoto::seen`].
    pub seen: [f64; 4],
}

/// A line of classes.
#[derive(Serialize)]
struct Classes<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<Map<'a>>,
}

/// Where a class is seen.
#[derive(Serialize)]
struct Map<'a> {
    class: &'a str,
    /// Rows and columns.
    side: usize,
    /// Row by row; their mean is the logit of the class.
    logits: Vec<f32>,
    /// Left, top, width and height of the map on the photo, in shares of the photo's sides.
    seen: [f64; 4],
}

/// A line of features.
#[derive(Serialize)]
struct Features<'a> {
    path: &'a str,
    features: &'a [f32],
}

impl Lines {
    /// Without any line yet.
    pub fn new(paths: Vec<String>, wishes: Wishes, output: Output) -> Self {
        let lines = vec![None; paths.len()];
        Self { wishes, output, paths, lines }
    }

    /// How many photos there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// What is computed.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Writes the line of a photo.
    pub fn computed(&mut self, photo: usize, computed: Computed<'_>) {
        let line = match self.output {
            Output::Classes => self.classes(photo, computed),
            Output::Features => self.features(photo, computed.row),
        };
        match line {
            Ok(line) => self.lines[photo] = Some((StatusCode::OK, line)),
            Err(error) => self.failed(photo, &error),
        }
    }

    /// Writes the line of a photo that cannot be read.
    pub fn failed(&mut self, photo: usize, error: &PhotoError) {
        let unread = Unread { path: &self.paths[photo], error: &error.to_string() };
        self.lines[photo] = Some((photo_status(error), json(&unread)));
    }

    fn features(&self, photo: usize, features: &[f32]) -> Result<String, PhotoError> {
        if features.iter().any(|x| !x.is_finite()) {
            return Err(PhotoError::NotFinite);
        }
        Ok(json(&Features { path: &self.paths[photo], features }))
    }

    fn classes(&self, photo: usize, computed: Computed<'_>) -> Result<String, PhotoError> {
        let Computed { classifier, row, input, seen } = computed;
        let guesses = classifier.rank(row)?;
        let path = self.paths[photo].clone();
        let mut answer = Answer::new(path, &guesses, self.wishes.top(), self.wishes.unknown_below);
        let explain = self.wishes.explain.unwrap_or_default();
        let map = (explain != Explain::No).then(|| {
            let best = guesses[0];
            let explanation = classifier.explain_input(input);
            let side = explanation.maps.side;
            let logits = explanation.maps.of(best.class);
            if explain == Explain::Picture {
                let (photo, side_px) =
                    (explanation.seen.pixels(), explanation.seen.width() as usize);
                let picture = HeatMap { photo, side: side_px, map: &logits, cells: side };
                let png = picture.png().expect("a picture of pixels is encoded in memory");
                let url = format!("data:image/png;base64,{}", STANDARD.encode(png));
                answer.explained = Some(url.into());
            }
            Map { class: best.label, side, logits, seen }
        });
        Ok(json(&Classes { answer, map }))
    }

    /// The status and the body: all lines.
    ///
    /// # Panics
    /// When a photo has no line.
    pub fn finish(self) -> (StatusCode, Vec<u8>) {
        let lines: Vec<_> = self.lines.into_iter().map(|l| l.expect("a line a photo")).collect();
        let status = match &lines[..] {
            [(status, _)] => *status,
            lines if lines.iter().any(|(status, _)| *status == StatusCode::OK) => StatusCode::OK,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut body = Vec::with_capacity(lines.iter().map(|(_, line)| line.len() + 1).sum());
        for (_, line) in lines {
            body.extend_from_slice(line.as_bytes());
            body.push(b'\n');
        }
        (status, body)
    }
}

fn json(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("names and finite numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_one_photo_or_several() {
        let parse = |json: &str| parse_json(json.as_bytes(), 2);
        let (photos, wishes) =
            parse(r#"{"photo":"data:image\/png;base64,aGk=","path":"a.png","top":1}"#).unwrap();
        assert_eq!((&photos[0].path[..], &photos[0].bytes[..]), ("a.png", &b"hi"[..]));
        assert_eq!((photos.len(), wishes.top()), (1, 1));
        let (photos, _) =
            parse(r#"{"photos":[{"photo":"aGk=","path":"b"},{"photo":"aG\nkh"}]}"#).unwrap();
        assert_eq!((&photos[0].path[..], &photos[1].path[..]), ("b", UNNAMED));
        assert_eq!(&photos[1].bytes[..], b"hi!");
        for (json, part) in [
            ("", "not as expected"),
            ("[]", "not as expected"),
            ("{}", "no photo"),
            (r#"{"photo":"aGk=","photos":[]}"#, "either"),
            (r#"{"photos":[]}"#, "empty"),
            (r#"{"photo":"%"}"#, "photo 1 is not base64"),
            (r#"{"photo":"aGk=","size":3}"#, "unknown field `size`"),
            (r#"{"photo":"aGk=","unknown_below":-1}"#, "0 to 1"),
            (r#"{"photos":[{"photo":""},{"photo":""},{"photo":""}]}"#, "the limit is 2"),
        ] {
            let problem = parse(json).unwrap_err();
            assert!(problem.message.contains(part), "{json}: {}", problem.message);
        }
    }

    #[test]
    fn the_status_is_that_of_the_photo_or_success_if_one_could_be_read() {
        let status = |statuses: &[u16]| {
            let paths = vec![String::new(); statuses.len()];
            let mut lines = Lines::new(paths, Wishes::default(), Output::Classes);
            for (line, status) in lines.lines.iter_mut().zip(statuses) {
                *line = Some((StatusCode::from_u16(*status).unwrap(), "{}".to_owned()));
            }
            let (status, body) = lines.finish();
            assert_eq!(body, "{}\n".repeat(statuses.len()).into_bytes());
            status.as_u16()
        };
        assert_eq!(status(&[415]), 415);
        assert_eq!(status(&[415, 200]), 200);
        assert_eq!(status(&[415, 413]), 422);
    }
}
