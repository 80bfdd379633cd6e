//! Markdown (CommonMark with tables) to what stands in a page. HTML in a source is shown as it is written, and made into
//! nothing; there is no style in an attribute, which the policy of a page refuses.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

pub(super) struct Body {
    pub html: String,
    /// Of the second level: text and anchor.
    pub headings: Vec<(String, String)>,
}

pub(super) fn body(markdown: &str) -> Body {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut headings: Vec<Heading> = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => headings.push(Heading::at(level, events.len())),
            Event::End(TagEnd::Heading(_)) => {
                // Every end has its start.
                if let Some(heading) = headings.last_mut() {
                    heading.text = words(&events[heading.at + 1..]);
                }
            }
            Event::Start(Tag::Table(_)) => events.push(raw("<div class=\"wide\" tabindex=\"0\">")),
            _ => {}
        }
        let ends_table = event == Event::End(TagEnd::Table);
        events.push(ours(event));
        if ends_table {
            events.push(raw("</div>"));
        }
    }
    let anchors = anchors(&headings);
    for (heading, anchor) in headings.iter().zip(&anchors) {
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[heading.at] {
            *id = Some(anchor.clone().into());
        }
    }
    let mut text = String::new();
    html::push_html(&mut text, events.into_iter());
    // A block that is wider than the page is scrolled, by keyboard too.
    let text = text.replace("<pre>", "<pre tabindex=\"0\">");
    let second = headings.into_iter().zip(anchors).filter(|(heading, _)| heading.level == HeadingLevel::H2);
    Body { html: text, headings: second.map(|(heading, anchor)| (heading.text, anchor)).collect() }
}

/// The text that a reader sees, one space between blocks: what is searched.
pub(super) fn words(events: &[Event<'_>]) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(words) | Event::Code(words) => text.push_str(words),
            Event::SoftBreak | Event::HardBreak | Event::End(_) => text.push(' '),
            _ => {}
        }
    }
    text.trim_end().to_owned()
}

struct Heading {
    level: HeadingLevel,
    at: usize,
    text: String,
}

impl Heading {
    fn at(level: HeadingLevel, at: usize) -> Self {
        Self { level, at, text: String::new() }
    }
}

/// Letters and digits, dashes between; a number behind one that was there.
fn anchors(headings: &[Heading]) -> Vec<String> {
    let mut made: Vec<String> = Vec::new();
    for heading in headings {
        let lower = heading.text.to_lowercase();
        let parts: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
        let plain = parts.join("-");
        let (mut anchor, mut number) = (plain.clone(), 1);
        while made.contains(&anchor) {
            number += 1;
            anchor = format!("{plain}-{number}");
        }
        made.push(anchor);
    }
    made
}

fn raw(text: &'static str) -> Event<'static> {
    Event::Html(CowStr::Borrowed(text))
}

fn ours(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: place(dest_url), title, id })
        }
        other => other,
    }
}

/// Sources name each other as files, pages do not: `../admin/network.md#ports` is `../admin/network#ports`.
fn place(target: CowStr<'_>) -> CowStr<'_> {
    let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
    match file.strip_suffix(".md") {
        Some(page) if !file.contains("://") && anchor.is_empty() => page.to_owned().into(),
        Some(page) if !file.contains("://") => format!("{page}#{anchor}").into(),
        Some(_) | None => target,
    }
}
