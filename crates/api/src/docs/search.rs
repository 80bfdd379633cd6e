//! Search in the pages of one language. All words must be on the page; where they stand counts. Letters with and without
//! accents are the same.

use super::render::words;
use super::site::{PAGES, Page};
use crate::rest::Tongue;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::sync::LazyLock;

/// Of a query, in characters; what is behind is not looked at.
const QUERY_MAX: usize = 100;
const HITS_MAX: usize = 20;
/// Of what is shown of a page, in characters.
const EXCERPT: usize = 160;

pub(super) struct Hit {
    pub page: &'static Page,
    /// What the page says around the first word.
    pub excerpt: String,
}

/// The best first.
pub(super) fn search(query: &str, tongue: Tongue) -> Vec<Hit> {
    let query: String = folded(&query.chars().take(QUERY_MAX).collect::<String>());
    let wanted: Vec<&str> = query.split_whitespace().collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let of_tongue = INDEX.iter().filter(|entry| entry.tongue == tongue);
    let mut hits: Vec<(usize, &Entry)> =
        of_tongue.filter_map(|entry| Some((entry.weight(&wanted)?, entry))).collect();
    // Stable: where two weigh the same, the order of reading counts.
    hits.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let shown = hits.into_iter().take(HITS_MAX);
    shown.map(|(_, entry)| Hit { page: entry.page, excerpt: entry.excerpt(wanted[0]) }).collect()
}

struct Entry {
    tongue: Tongue,
    page: &'static Page,
    title: String,
    headings: String,
    /// As it is read; `folded` has as many characters.
    text: Vec<char>,
    folded: String,
}

/// About twice the size of all pages, 1 MB.
static INDEX: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let both = [Tongue::English, Tongue::French].into_iter();
    both.flat_map(|tongue| PAGES.iter().map(move |page| Entry::of(page, tongue))).collect()
});

impl Entry {
    fn of(page: &'static Page, tongue: Tongue) -> Self {
        let events: Vec<Event<'_>> = Parser::new_ext(page.text(tongue), Options::ENABLE_TABLES).collect();
        let mut headings = String::new();
        let mut starts = None;
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Start(Tag::Heading { .. }) => starts = Some(at),
                Event::End(TagEnd::Heading(_)) => {
                    headings.push_str(&words(&events[starts.take().unwrap_or(at)..at]));
                    headings.push(' ');
                }
                _ => {}
            }
        }
        let text: Vec<char> = words(&events).chars().collect();
        let folded = text.iter().map(|c| plain(*c)).collect();
        Self {
            tongue,
            page,
            title: self::folded(page.title(tongue)),
            headings: self::folded(&headings),
            text,
            folded,
        }
    }

    /// `None` where a word is missing. A word of the title weighs as fifty of the text, one of a heading as ten.
    fn weight(&self, wanted: &[&str]) -> Option<usize> {
        wanted.iter().try_fold(0, |sum, word| {
            let often = self.folded.matches(word).count();
            let title = usize::from(self.title.contains(word)) * 50;
            let headings = usize::from(self.headings.contains(word)) * 10;
            (often > 0).then_some(sum + often.min(9) + title + headings)
        })
    }

    fn excerpt(&self, word: &str) -> String {
        let at = self.folded.find(word).map_or(0, |bytes| self.folded[..bytes].chars().count());
        let from = at.saturating_sub(EXCERPT / 3);
        let shown: String = self.text.iter().skip(from).take(EXCERPT).collect();
        let (before, behind) =
            (if from > 0 { "… " } else { "" }, if from + EXCERPT < self.text.len() { " …" } else { "" });
        format!("{before}{}{behind}", shown.trim())
    }
}

fn folded(text: &str) -> String {
    text.chars().map(plain).collect()
}

/// In lower case without its accent: one character for one, of those that French has.
fn plain(c: char) -> char {
    match c.to_lowercase().next().unwrap_or(c) {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        '’' => '\'',
        other => other,
    }
}
