//! The API as somebody meets it who speaks HTTP with it.

mod again;
mod calls;
mod contacts;
mod contract;
mod door;
mod embed;
mod events;
mod groups;
mod manual;
mod me;
mod mine;
mod numbers;
mod provision;
mod quality;
mod resources;
mod served;
mod socket;
mod tenants;
mod users;
mod webhooks;
