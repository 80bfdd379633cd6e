//! Sign-in as a browser meets it.

mod browser;
mod console;
mod pages;
mod proxies;
mod strangers;
