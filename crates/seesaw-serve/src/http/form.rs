//! Photos in forms, as browsers and `curl -F` send them.

use axum::body::{Body, Bytes};
use multer::Multipart;

use crate::{
    error::Problem,
    protocol::{
        classify::{Photo, UNNAMED, check_count},
        wishes::Wishes,
    },
};

/// The longest value of a text field.
const MAX_TEXT: usize = 4096;

/// The photos and wishes of a form of this content type. Fields with a file name are photos, and so are
/// those called `photo`; others are wishes.
pub async fn parse(
    content_type: &str,
    body: Bytes,
    most: usize,
) -> Result<(Vec<Photo>, Wishes), Problem> {
    let wrong =
        |error: multer::Error| Problem::bad(format!("the form is not as expected: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(wrong)?;
    let mut form = Multipart::new(Body::from(body).into_data_stream(), boundary);
    let (mut photos, mut wishes) = (Vec::new(), Wishes::default());
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        let file = field.file_name().map(str::to_owned);
        let name = field.name().unwrap_or_default().to_owned();
        if file.is_some() || name == "photo" {
            check_count(photos.len() + 1, most)?;
            let path = file.filter(|file| !file.is_empty()).unwrap_or_else(|| UNNAMED.to_owned());
            photos.push(Photo { path, bytes: field.bytes().await.map_err(wrong)? });
            continue;
        }
        let text = field.bytes().await.map_err(wrong)?;
        let text = str::from_utf8(&text).ok().filter(|text| text.len() <= MAX_TEXT);
        let Some(text) = text else {
            return Err(Problem::bad(format!("the field `{name}` is no text")));
        };
        wishes.set(&name, text)?;
    }
    if photos.is_empty() {
        return Err(Problem::bad("the form has no photo: add a field with a file"));
    }
    Ok((photos, wishes))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn form(body: &str) -> Result<(Vec<Photo>, Wishes), Problem> {
        let body = body.replace('\n', "\r\n");
        parse("multipart/form-data; boundary=X", body.into(), 2).await
    }

    const PHOTO: &str =
        "--X\nContent-Disposition: form-data; name=\"a\"; filename=\"b.jpg\"\n\nabc\n";

    #[tokio::test]
    async fn files_are_photos_and_texts_are_wishes() {
        let top = "--X\nContent-Disposition: form-data; name=\"top\"\n\n3\n--X--\n";
        let (photos, wishes) = form(&format!("{PHOTO}{PHOTO}{top}")).await.unwrap();
        assert_eq!((photos.len(), wishes.top()), (2, 3));
        assert_eq!((&photos[0].path[..], &photos[0].bytes[..]), ("b.jpg", &b"abc"[..]));
        let unnamed = "--X\nContent-Disposition: form-data; name=\"photo\"\n\nabc\n--X--\n";
        assert_eq!(form(unnamed).await.unwrap().0[0].path, UNNAMED);
    }

    #[tokio::test]
    async fn what_is_wrong_is_said() {
        for (body, part) in [
            ("", "not as expected"),
            ("--X--\n", "no photo"),
            (PHOTO, "not as expected"),
            (&format!("{PHOTO}{PHOTO}{PHOTO}--X--\n"), "the limit is 2"),
            ("--X\nContent-Disposition: form-data; name=\"no\"\n\n3\n--X--\n", "no option `no`"),
        ] {
            let problem = form(body).await.unwrap_err();
            assert!(problem.message.contains(part), "{body:?}: {}", problem.message);
        }
        assert!(parse("multipart/form-data", Bytes::new(), 2).await.is_err());
    }
}
