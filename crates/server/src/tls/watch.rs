//! A certificate that was renewed is shown without anybody saying so: whoever renews it has written two files.

use super::certificate::{self, Stamp};
use super::{CertificateError, Source, Tls};
use std::sync::Arc;
use std::time::Duration;

/// How often the files are looked at: two calls of the system for each certificate.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

pub struct Watch {
    tls: Arc<Tls>,
    sources: Vec<Source>,
    /// As they were when last read.
    read: Vec<Stamp>,
    /// What was read was of no use, for instance because the second file was not written yet.
    failed: bool,
}

/// What a look has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Unchanged,
    Reloaded,
    /// The old certificate stays; it is tried again.
    NotUsable,
}

impl Watch {
    /// Loads the certificates. What is written while they are read, or later, is found by the first look.
    pub fn load(
        sources: &[Source],
        roots: rustls::RootCertStore,
    ) -> Result<(Arc<Tls>, Self), CertificateError> {
        let read = certificate::stamps(sources);
        let tls = Arc::new(Tls::new(sources, roots)?);
        Ok((tls.clone(), Self { tls, sources: sources.to_vec(), read, failed: false }))
    }

    /// Reads what has changed since the last look, and once more what was of no use then.
    pub fn look(&mut self) -> Look {
        let now = certificate::stamps(&self.sources);
        let changed = now != self.read;
        if !changed && !self.failed {
            return Look::Unchanged;
        }
        self.read = now;
        match self.tls.reload(&self.sources) {
            Ok(()) => {
                self.failed = false;
                tracing::info!("the certificate has changed and was read again");
                Look::Reloaded
            }
            Err(why) => {
                // Said once for each change.
                if changed {
                    tracing::error!(%why, "the certificate has changed and cannot be used; the one in use stays");
                }
                self.failed = true;
                Look::NotUsable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::authority;

    #[test]
    fn a_certificate_is_read_when_both_of_its_files_are_there_and_not_before() {
        let folder = std::env::temp_dir().join(format!("coeur-watch-{}", std::process::id()));
        let make = |name: &str| authority::ensure(&folder.join(name), &["sip.test".to_owned()]).unwrap();
        let (used, new) = (make("used"), make("new"));
        let (_tls, mut watch) =
            Watch::load(std::slice::from_ref(&used), rustls::RootCertStore::empty()).unwrap();
        assert_eq!(watch.look(), Look::Unchanged);
        std::fs::rename(&new.chain, &used.chain).unwrap();
        assert_eq!([watch.look(), watch.look()], [Look::NotUsable; 2], "the key is another's");
        std::fs::rename(&new.key, &used.key).unwrap();
        assert_eq!([watch.look(), watch.look()], [Look::Reloaded, Look::Unchanged]);
        std::fs::remove_file(&used.chain).unwrap();
        assert_eq!(watch.look(), Look::NotUsable);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
