//! Proof that a request comes from someone who may administer this installation.

/// Required by every change. Made here only: by the owner of the process at the other end of the control socket
/// (which has mode 0600 besides), or by holding the lock of the data directory.
#[derive(Clone, Debug)]
pub struct Operator {
    name: String,
}

impl Operator {
    /// The peer of a control connection: root, or the user that the server runs as.
    pub(crate) fn of_peer(peer_uid: u32, own_uid: u32) -> Option<Operator> {
        (peer_uid == 0 || peer_uid == own_uid).then(|| Operator { name: format!("socket uid {peer_uid}") })
    }

    /// Whoever can open the data directory for writing owns it.
    pub fn of_data_directory() -> Operator {
        Operator { name: "data directory".to_owned() }
    }

    /// The server itself, at start: domains of the settings, accounts of the demonstration.
    pub fn of_the_server() -> Operator {
        Operator { name: "server".to_owned() }
    }

    /// For the audit line.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_owner_are_operators() {
        assert!(Operator::of_peer(0, 1000).is_some());
        assert!(Operator::of_peer(1000, 1000).is_some());
        assert!(Operator::of_peer(1001, 1000).is_none());
    }
}
