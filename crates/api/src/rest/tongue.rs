//! The language in which somebody is answered.

use axum::http::{HeaderMap, header};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tongue {
    #[default]
    English,
    French,
}

impl Tongue {
    /// What Accept-Language prefers of the two (RFC 9110 section 12.5.4); English where it names neither.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let said = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let mut best = (Self::English, 0.0);
        for range in said.split(',') {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let Some(tongue) = Self::named(name) else { continue };
            if quality > best.1 {
                best = (tongue, quality);
            }
        }
        best.0
    }

    /// By the first subtag of a language tag (RFC 5646).
    fn named(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or("");
        match () {
            () if primary.eq_ignore_ascii_case("fr") => Some(Self::French),
            () if primary.eq_ignore_ascii_case("en") => Some(Self::English),
            () => None,
        }
    }

    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// The one of two texts that is in this language.
    pub fn pick<'t>(self, english: &'t str, french: &'t str) -> &'t str {
        match self {
            Self::English => english,
            Self::French => french,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_language_that_is_liked_most_is_spoken_and_english_where_neither_is_named() {
        let cases = [
            ("", "en"),
            ("fr", "fr"),
            ("fr-CA, en;q=0.8", "fr"),
            ("en-GB,fr;q=0.9", "en"),
            ("de, fr;q=0.2", "fr"),
            ("en;q=0.1, FR;q=0.2", "fr"),
            ("de", "en"),
            ("fr;q=0, en;q=0", "en"),
            ("fr;q=x", "en"),
        ];
        for (said, tag) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(said));
            assert_eq!(Tongue::wanted(&headers).tag(), tag, "{said}");
        }
    }
}
