//! The files of a phone, one writer for each maker.

mod baresip;
mod card;
mod cisco;
mod fanvil;
mod gigaset;
mod grandstream;
mod groundwire;
mod linphone;
mod microsip;
mod poly;
mod snom;
mod yealink;
mod zoiper;

use crate::identify::link_file;
use crate::model::ability;
use crate::phone::Phone;
use crate::text::Secret;
use crate::vendor::Vendor;
use std::fmt;

/// One file as it is sent.
pub struct File {
    pub content_type: &'static str,
    /// May hold passwords.
    pub body: Secret,
}

pub struct Rendered {
    /// The settings, with the accounts.
    pub settings: File,
    /// What is asked for first and only says where the settings are; most phones have no such thing.
    pub master: Option<File>,
    /// What was wanted of this phone and its language, as we know it, cannot say.
    pub left_out: Vec<&'static str>,
}

/// Why there is no file for a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderError {
    NoLines,
    TooManyLines { most: usize },
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLines => f.write_str("a phone has at least one account"),
            Self::TooManyLines { most } => write!(f, "this model has at most {most} accounts"),
        }
    }
}

impl std::error::Error for RenderError {}

/// Deterministic: the same phone gives the same bytes.
pub fn render(phone: &Phone) -> Result<Rendered, RenderError> {
    let most = ability(phone.vendor, phone.model.as_str());
    if phone.lines.is_empty() {
        return Err(RenderError::NoLines);
    }
    if phone.lines.len() > most.lines_max {
        return Err(RenderError::TooManyLines { most: most.lines_max });
    }
    let mut left_out = Vec::new();
    if phone.said_keys().count() < phone.keys.len() {
        left_out.push("keys that such a phone does not have, or of which its maker's language does not say what they do");
    }
    let body = match phone.vendor {
        Vendor::Yealink => yealink::settings(phone),
        Vendor::Grandstream => grandstream::settings(phone, &mut left_out),
        Vendor::Snom => snom::settings(phone, &mut left_out),
        Vendor::Poly => poly::settings(phone),
        Vendor::Cisco => cisco::settings(phone, &mut left_out),
        Vendor::Fanvil => fanvil::settings(phone, &mut left_out),
        Vendor::Gigaset => gigaset::settings(phone, &mut left_out),
        Vendor::Linphone => linphone::settings(phone),
        Vendor::Groundwire => groundwire::settings(phone),
        Vendor::Zoiper => zoiper::settings(phone),
        Vendor::MicroSip => microsip::settings(phone),
        Vendor::Baresip => baresip::settings(phone),
        Vendor::Other => card::settings(phone),
    };
    let master = match phone.vendor {
        Vendor::Poly => {
            Some(File { content_type: XML, body: Secret::new(poly::master(link_file(Vendor::Poly))) })
        }
        _ => None,
    };
    Ok(Rendered {
        settings: File { content_type: content_type(phone.vendor), body: Secret::new(body) },
        master,
        left_out,
    })
}

/// Dialled before a name to take the call that rings there, as the exchange knows it.
const PICKUP: &str = "*8";

pub(crate) const XML: &str = "application/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

const fn content_type(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Yealink | Vendor::MicroSip | Vendor::Baresip | Vendor::Other => TEXT,
        Vendor::Grandstream
        | Vendor::Snom
        | Vendor::Poly
        | Vendor::Cisco
        | Vendor::Fanvil
        | Vendor::Gigaset
        | Vendor::Linphone
        | Vendor::Groundwire
        | Vendor::Zoiper => XML,
    }
}

/// `1` and `0`, as most makers say yes and no.
const fn bit(is: bool) -> &'static str {
    if is { "1" } else { "0" }
}
