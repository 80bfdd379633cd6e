//! What a phone keeps that is connected again: what is not said of it.

use super::phone::{PhonePlace, vendor};
use super::views::{ConnectRequest, LineRequest};
use crate::model::Refusal;
use coeur_directory::{Aor, DeviceId};
use coeur_provisioning::{Mac, Transport};
use coeur_storage::PhoneRow;

/// The request with what it does not say as it is of the phone: its other lines above all, which are of other people. Of another
/// kind of phone in its place, its lines and its language.
pub(super) fn kept(
    request: &ConnectRequest,
    of: &PhoneRow,
    place: &PhonePlace,
) -> Result<ConnectRequest, Refusal> {
    let mut request = request.clone();
    let is_its_mac =
        |mac: &String| Mac::parse(mac).is_ok_and(|mac| of.mac.as_deref() == Some(mac.lower().as_str()));
    let is_same = match (&request.vendor, &request.mac) {
        (Some(name), _) => vendor(name)?.as_str() == &*of.vendor,
        (None, Some(mac)) => is_its_mac(mac),
        (None, None) => true,
    };
    if is_same {
        request.vendor = Some(of.vendor.to_string());
        request.mac = request.mac.or_else(|| of.mac.as_deref().map(str::to_owned));
        keep(&mut request.model, &of.model);
        // One that we do not listen on any more is chosen anew.
        let transport = Transport::parse(&of.transport).filter(|known| place.port(*known).is_some());
        request.transport = request.transport.or_else(|| transport.map(|known| known.as_str().to_owned()));
    }
    keep(&mut request.language, &of.language);
    keep(&mut request.country, &of.country);
    if request.also.is_empty() {
        let others = of.lines.iter().filter(|(_, device)| request.device != Some(device.0.to_string()));
        let line = |(aor, device): &(Aor, DeviceId)| LineRequest {
            account: aor.to_string(),
            device: Some(device.0.to_string()),
        };
        request.also = others.map(line).collect();
    }
    Ok(request)
}

fn keep(said: &mut String, known: &str) {
    if said.is_empty() {
        known.clone_into(said);
    }
}

/// Each line where it was.
pub(super) fn in_order(lines: &mut [(Aor, DeviceId)], before: &[(Aor, DeviceId)]) {
    let place = |device: DeviceId| before.iter().position(|(_, known)| *known == device);
    lines.sort_by_key(|(_, device)| place(*device).unwrap_or(usize::MAX));
}
