//! Who makes credentials: for a device of an account, for a few minutes.

use super::{REALM, Settings, expiry};
use crate::config::Listen;
use crate::config::listen::{Scheme, bracketed};
use coeur_media::turn::{Credentials, Family, Server};
use coeur_sip::time::Wall;
use std::net::IpAddr;

/// The key of this process, and where it is of use. No `Debug`: it holds a secret.
pub struct Office {
    secret: zeroize::Zeroizing<[u8; 32]>,
    nonce_key: zeroize::Zeroizing<[u8; 32]>,
    /// RFC 7065.
    urls: Vec<String>,
}

/// What a client needs, in the words of the web (`RTCIceServer`).
pub struct IceServer<'o> {
    pub urls: &'o [String],
    pub credentials: Credentials,
    pub expires: Wall,
}

impl Office {
    /// `urls`: where clients come, the best way first.
    pub fn new(urls: Vec<String>) -> Self {
        let (mut secret, mut nonce_key) = ([0; 32], [0; 32]);
        crate::house::random(&mut secret);
        crate::house::random(&mut nonce_key);
        Self { secret: secret.into(), nonce_key: nonce_key.into(), urls }
    }

    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// For whoever has proved to be this device of this account, or for the operator.
    pub fn issue(&self, now: Wall, account: &str, device: u64) -> IceServer<'_> {
        let expires = expiry(now);
        let credentials = Credentials::issue(&*self.secret, account, device, expires);
        IceServer { urls: &self.urls, credentials, expires }
    }

    /// The same as the JSON that a page hands to its peer connection as `iceServers`.
    pub fn ice_servers(&self, now: Wall, account: &str, device: u64) -> String {
        let issued = self.issue(now, account, device);
        let (username, credential) = (&issued.credentials.username, &*issued.credentials.password);
        serde_json::json!([{ "urls": issued.urls, "username": username, "credential": credential }])
            .to_string()
    }

    /// The machine that believes these credentials.
    pub(super) fn machine(&self, settings: &Settings) -> Server {
        let families = settings.relayed.iter().map(|relayed| match relayed.shown {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        });
        Server::new(coeur_media::turn::Settings {
            realm: REALM.to_owned(),
            secret: *self.secret,
            nonce_key: *self.nonce_key,
            policy: settings.policy.clone(),
            limits: settings.limits,
            families: families.collect(),
        })
    }
}

/// How clients find these places (RFC 7065): `host` says under which name a place is reached.
pub fn urls<'p>(places: impl Iterator<Item = &'p Listen>, host: impl Fn(&Listen) -> String) -> Vec<String> {
    let url = |place: &Listen| {
        let (host, port) = (host(place), place.address.port());
        match place.scheme {
            Scheme::Udp => format!("turn:{host}:{port}?transport=udp"),
            Scheme::Tcp | Scheme::Ws => format!("turn:{host}:{port}?transport=tcp"),
            Scheme::Tls | Scheme::Wss => format!("turns:{host}:{port}?transport=tcp"),
        }
    };
    let mut urls: Vec<String> = Vec::new();
    for url in places.map(url) {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// A host as a URI writes it.
pub fn host(ip: IpAddr) -> String {
    bracketed(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_can_hand_what_is_issued_to_its_peer_connection() {
        let office = Office::new(vec!["turn:192.0.2.1:3478?transport=udp".to_owned()]);
        let text = office.ice_servers(Wall::from_secs(1_000), "alice@d", 7);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json[0]["urls"][0], "turn:192.0.2.1:3478?transport=udp");
        assert_eq!(json[0]["username"], "1600:7:alice@d");
        assert_eq!(json[0]["credential"].as_str().map(str::len), Some(44));
        let other = Office::new(Vec::new()).ice_servers(Wall::from_secs(1_000), "alice@d", 7);
        let other: serde_json::Value = serde_json::from_str(&other).unwrap();
        assert_ne!(json[0]["credential"], other[0]["credential"], "each process has its own key");
    }

    #[test]
    fn places_are_named_as_rfc_7065_writes_them() {
        let places: Vec<Listen> =
            ["udp://192.0.2.1:3478", "tcp://192.0.2.1:3478", "tls://[2001:db8::1]:5349"]
                .iter()
                .map(|text| text.parse().unwrap())
                .collect();
        let expected = [
            "turn:192.0.2.1:3478?transport=udp",
            "turn:192.0.2.1:3478?transport=tcp",
            "turns:[2001:db8::1]:5349?transport=tcp",
        ];
        assert_eq!(urls(places.iter(), |place| host(place.address.ip())), expected);
    }
}
