//! How a phone is told its account: one typed model of a phone, and a writer for the language of each maker.
//!
//! A [`Phone`] is made once, from the directory and the settings of the house; [`render`] writes it as the file that this
//! phone asks for. The other way round, [`identify`] says from a User-Agent and a path which phone asks, and [`Mac::vendor`]
//! whose address it is. [`Journey`] holds what was seen while a phone was connected, and says what is wrong in words of
//! both languages.
//!
//! What it deliberately does not do: know a socket, a file, a clock or randomness; know which link is whose (that is in the
//! records) or when a secret is made (the administration door); know what a phone does with what it is told. What is not
//! confirmed of a maker's language is marked in `docs/provisioning.md`.
//!
//! Main types: [`Phone`], [`Line`], [`Vendor`], [`Mac`], [`Text`], [`Secret`], [`File`], [`PhonebookEntry`], [`Sighting`], [`Journey`].

mod fault;
mod identify;
mod invite;
mod journey;
mod mac;
mod model;
mod phone;
mod phonebook;
mod render;
mod text;
mod ua_profile;
mod uri;
mod vendor;
mod xml;

pub use fault::Fault;
pub use identify::{Asked, Sighting, asked, identify, link_file};
pub use invite::{Invitation, invitation};
pub use journey::{Journey, STEPS_MAX, Seen, TlsFault};
pub use mac::{Mac, MacError};
pub use model::{Ability, ability, can_say};
pub use phone::{
    Authority, Codec, Country, Key, KeyKind, Language, Line, Locale, Phone, Server, Srtp, Transport,
};
pub use phonebook::{
    NumberKind, PHONEBOOK_ENTRIES_MAX, PHONEBOOK_FILE, PhonebookEntry, PhonebookNumber, has_phonebook,
    phonebook,
};
pub use render::{File, RenderError, Rendered, render};
pub use text::{Secret, TEXT_CHARS_MAX, Text};
pub use ua_profile::{UaProfile, mac_of_uri};
pub use vendor::{Vendor, admin_name};
