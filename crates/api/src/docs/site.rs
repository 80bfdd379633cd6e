//! Which pages there are, in the order in which they are read. A page that is missing in one language does not compile.

use crate::rest::Tongue;

pub struct Page {
    /// Its address below the language, with `/`.
    pub name: &'static str,
    english: &'static str,
    french: &'static str,
}

/// Pages for the same people.
pub struct Part {
    english: &'static str,
    french: &'static str,
    /// How the names of its pages begin.
    folder: &'static str,
}

macro_rules! pages {
    ($($name:literal)*) => {
        pub const PAGES: &[Page] = &[$(Page {
            name: $name,
            english: include_str!(concat!("../../../../docs/site/en/", $name, ".md")),
            french: include_str!(concat!("../../../../docs/site/fr/", $name, ".md")),
        }),*];
    };
}

pages! {
    "people/first-call"
    "people/web-phone"
    "people/softphone"
    "people/desk-phone"
    "people/calls"
    "people/contacts"
    "people/texts"
    "people/devices"
    "people/sound"
    "admin/install"
    "admin/first-start"
    "admin/accounts"
    "admin/numbers"
    "admin/rights"
    "admin/import"
    "admin/phones"
    "admin/network"
    "admin/certificates"
    "admin/recording"
    "admin/traces"
    "admin/silence"
    "admin/push"
    "admin/upkeep"
    "admin/security"
    "admin/api"
    "admin/embed"
    "admin/metrics"
    "admin/limits"
    "admin/settings"
    "admin/commands"
}

pub const PARTS: &[Part] = &[
    Part { english: "For who telephones", french: "Pour qui téléphone", folder: "people/" },
    Part { english: "For who runs the server", french: "Pour qui gère le serveur", folder: "admin/" },
];

impl Part {
    pub fn title(&self, tongue: Tongue) -> &'static str {
        tongue.pick(self.english, self.french)
    }

    pub fn pages(&self) -> impl Iterator<Item = &'static Page> {
        PAGES.iter().filter(|page| page.name.starts_with(self.folder))
    }
}

impl Page {
    /// By its name, or the last part of it.
    pub fn named(name: &str) -> Option<&'static Page> {
        let last = |page: &&Page| page.name == name || page.name.rsplit('/').next() == Some(name);
        PAGES.iter().find(last)
    }

    pub fn text(&self, tongue: Tongue) -> &'static str {
        tongue.pick(self.english, self.french)
    }

    /// Its first line, which is a heading.
    pub fn title(&self, tongue: Tongue) -> &'static str {
        self.text(tongue).lines().next().unwrap_or("").trim_start_matches("# ")
    }

    /// Its second paragraph, of one line: what it is about.
    pub fn lead(&self, tongue: Tongue) -> &'static str {
        self.text(tongue).lines().nth(2).unwrap_or("")
    }
}
