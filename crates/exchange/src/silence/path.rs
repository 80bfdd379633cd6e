//! Whether there is a way, and keys: ICE (RFC 8445) and DTLS (RFC 5764) as the media plane has found them.

use super::{Cause, Seen, Verdict, View};
use crate::media::{DtlsFailure, DtlsRole, DtlsState, IceFailure, IceState, Keying};

pub(super) fn judge(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    ice(view, seen).or_else(|| dtls(view, seen))
}

fn ice(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    let is_deaf = seen.is_deaf();
    match seen.report.ice {
        IceState::Unused | IceState::Connected { .. } => None,
        IceState::Checking { refused } if refused > 0 && is_deaf => {
            view.verdict(Cause::IceCredentials, &[&refused])
        }
        IceState::Checking { .. } if is_deaf && seen.report.recent.stun == 0 => match seen.anything_comes() {
            true => view.verdict(Cause::IceNoChecks, &[]),
            false => view.verdict(Cause::IceNoPair, &[]),
        },
        // They are under way.
        IceState::Checking { .. } => None,
        IceState::Failed { why, refused } => match why {
            IceFailure::Credentials => view.verdict(Cause::IceCredentials, &[&refused]),
            IceFailure::NoPair if refused > 0 => view.verdict(Cause::IceCredentials, &[&refused]),
            IceFailure::NoPair => view.verdict(Cause::IceNoPair, &[]),
            IceFailure::ConsentLost => view.verdict(Cause::ConsentLost, &[]),
        },
    }
}

fn dtls(view: &View<'_>, seen: &Seen<'_>) -> Option<Verdict> {
    let Keying::Dtls { role, .. } = &seen.agreed.keying else { return None };
    let recent = &seen.report.recent;
    match seen.report.dtls {
        DtlsState::Agreed | DtlsState::Closed => None,
        DtlsState::Failed { why } => match why {
            DtlsFailure::WrongCertificate => view.verdict(Cause::WrongCertificate, &[]),
            DtlsFailure::NotBegun => view.verdict(Cause::DtlsNotBegun, &[]),
            DtlsFailure::Timeout => view.verdict(Cause::DtlsStuck, &[]),
            DtlsFailure::NoFingerprint | DtlsFailure::NoSrtp | DtlsFailure::Handshake => {
                view.verdict(Cause::DtlsFailed, &[&why.words()])
            }
        },
        DtlsState::Waiting { alert: Some(alert) } => {
            view.verdict(Cause::DtlsFailed, &[&format_args!("alert {alert}")])
        }
        DtlsState::Unused | DtlsState::Waiting { alert: None } => {
            if recent.dtls > 0 {
                return view.verdict(Cause::DtlsStuck, &[]);
            }
            match (role, seen.anything_comes()) {
                // Sound or checks come, so there is a way; its handshake does not.
                (DtlsRole::Server, true) => view.verdict(Cause::DtlsNotBegun, &[]),
                (DtlsRole::Client, true) => view.verdict(Cause::DtlsStuck, &[]),
                (DtlsRole::Server | DtlsRole::Client, false) => None,
            }
        }
    }
}
