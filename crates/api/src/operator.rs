//! Proof that a request comes from someone who may administer this installation: [`coeur_storage::Operator`],
//! required by every change. Made here for the peer of a control connection; a command that holds the lock of the data
//! directory makes its own.

use coeur_storage::Operator;

/// The process at the other end of the control socket (whose mode is 0600 besides): root, or the user that the server
/// runs as.
pub(crate) fn of_peer(peer_uid: u32, own_uid: u32) -> Option<Operator> {
    (peer_uid == 0 || peer_uid == own_uid).then(|| Operator::owner_of_data(&format!("uid {peer_uid}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_owner_are_operators() {
        assert!(of_peer(0, 1000).is_some());
        assert!(of_peer(1000, 1000).is_some());
        assert!(of_peer(1001, 1000).is_none());
    }
}
