//! Which places webhooks may have, as the operator says.

use super::Post;
use crate::push::reach::Reach;
use crate::tls::roots;
use coeur_sip::network::Network;
use std::path::PathBuf;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Inside networks in which a webhook may have its place, also without TLS.
    pub inside: Vec<Network>,
    /// Authorities besides those of the system.
    pub authority: Option<PathBuf>,
}

impl Wanted {
    /// Reads the file. The error names it.
    pub fn open(&self) -> Result<Post, String> {
        let mut believed = roots::of_system();
        if let Some(file) = &self.authority {
            roots::add_file(&mut believed, file).map_err(|why| why.to_string())?;
        }
        Post::new(believed, Reach { inside: self.inside.clone() }).map_err(|why| why.to_string())
    }
}
