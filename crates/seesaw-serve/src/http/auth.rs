//! Tokens that clients must show.

use std::{fs, path::Path};

use axum::http::{HeaderMap, header::AUTHORIZATION};
use constant_time_eq::constant_time_eq;

use crate::ServeError;

/// The shortest token, in bytes: shorter ones are guessed.
const MIN_LEN: usize = 16;
/// The longest file of tokens.
const MAX_FILE: u64 = 1 << 20;

/// The tokens of a file: one a line; empty lines and lines that begin with `#` are skipped.
#[derive(Debug)]
pub struct Tokens(Vec<String>);

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    /// [`ServeError::TokenFile`] and [`ServeError::Tokens`].
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let wrong = |what| ServeError::Tokens { path: path.to_owned(), what };
        let io = |source| ServeError::TokenFile { path: path.to_owned(), source };
        if fs::metadata(path).map_err(io)?.len() > MAX_FILE {
            return Err(wrong("too large for a file of tokens"));
        }
        Self::parse(&fs::read_to_string(path).map_err(io)?).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let lines = text.lines().map(str::trim);
        let tokens: Vec<String> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        if tokens.is_empty() {
            return Err("no token: write one a line, such as the output of `openssl rand -hex 32`");
        }
        if tokens.iter().any(|token| token.len() < MIN_LEN) {
            return Err("a token of fewer than 16 characters, which can be guessed");
        }
        if tokens.iter().any(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err("a token with spaces or other characters that headers cannot carry");
        }
        Ok(Self(tokens))
    }

    /// Whether the head of a request shows one of the tokens.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
        });
        // All are compared, so that the time does not tell which one is nearly right.
        let matches = |shown: &[u8]| {
            self.0.iter().fold(false, |any, token| any | constant_time_eq(token.as_bytes(), shown))
        };
        shown.is_some_and(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_token_of_the_file_is_admitted_and_nothing_else() {
        let tokens = Tokens::parse("# ours\n0123456789abcdef\n\n  fedcba9876543210 \n").unwrap();
        let admitted = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            tokens.admit(&headers)
        };
        assert!(admitted("Bearer 0123456789abcdef") && admitted("bearer fedcba9876543210"));
        for wrong in ["Bearer", "Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef", "x"]
        {
            assert!(!admitted(wrong), "{wrong}");
        }
        assert!(!tokens.admit(&HeaderMap::new()));
    }

    #[test]
    fn files_without_good_tokens_are_refused() {
        for (text, part) in [
            ("", "no token"),
            ("# comment\n", "no token"),
            ("short\n", "fewer than 16"),
            ("0123456789 abcdef\n", "with spaces"),
        ] {
            assert!(Tokens::parse(text).unwrap_err().contains(part), "{text:?}");
        }
    }
}
