//! Our keys at push services, as the operator gives them.

use super::apns::Apns;
use super::client::Client;
use super::fcm::Fcm;
use super::reach::Reach;
use super::token::Signer;
use super::web::Web;
use crate::tls::roots;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use coeur_sip::network::Network;
use coeur_storage::write_whole;
use std::fmt;
use std::path::{Path, PathBuf};

/// Beside the keys of the exchange.
const KEY_FILE: &str = "keys/web_push";

/// Of the settings; nothing is offered of what is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub apns: Option<WantedApns>,
    /// The file of a service account.
    pub fcm: Option<PathBuf>,
    /// Who is reached when something is wrong: `mailto:` or `https://`.
    pub web: Option<String>,
    pub wait_s: u32,
    /// Other places than those of Apple and Google.
    pub services: Vec<Place>,
    /// Authorities besides those of the system.
    pub authority: Option<PathBuf>,
    /// Inside networks in which phones may name places of WebPush.
    pub inside: Vec<Network>,
}

/// `TEAM:KEY:FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedApns {
    pub team: String,
    pub key_id: String,
    pub file: PathBuf,
}

/// `apns=https://…` or `fcm=https://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub service: String,
    pub url: String,
}

impl fmt::Display for WantedApns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.team, self.key_id, self.file.display())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.service, self.url)
    }
}

pub const DEFAULT_WAIT_S: u32 = 20;

/// Read and ready.
pub struct Opened {
    pub client: Client,
    pub apns: Option<Apns>,
    pub fcm: Option<Fcm>,
    pub web: Option<Web>,
}

impl Opened {
    /// What the registrar offers.
    pub fn offered(&self, wait_s: u32) -> coeur_exchange::push::Settings {
        coeur_exchange::push::Settings {
            apns: self.apns.is_some(),
            fcm: self.fcm.is_some(),
            web_push_key: self.web.as_ref().map(|web| web.key.public()).unwrap_or_default().into(),
            wait_ms: wait_s * 1_000,
            ..Default::default()
        }
    }
}

impl Wanted {
    /// Reads the files, and makes the key of WebPush at first. The error names the file.
    pub fn open(&self, data: &Path) -> Result<Opened, String> {
        let mut believed = roots::of_system();
        if let Some(file) = &self.authority {
            roots::add_file(&mut believed, file).map_err(|why| why.to_string())?;
        }
        let reach = Reach { inside: self.inside.clone() };
        let client = Client::new(believed, reach).map_err(|why| why.to_string())?;
        let apns = self.apns.as_ref().map(|apns| apns.open(self.place("apns"))).transpose()?;
        let fcm = self.fcm.as_deref().map(|file| open_fcm(file, self.place("fcm"))).transpose()?;
        let web = match &self.web {
            Some(subject) => Some(Web { subject: subject.clone(), key: web_push_key(data)? }),
            None => None,
        };
        Ok(Opened { client, apns, fcm, web })
    }

    fn place(&self, service: &str) -> Option<String> {
        self.services.iter().find(|place| place.service == service).map(|place| place.url.clone())
    }
}

impl WantedApns {
    fn open(&self, service: Option<String>) -> Result<Apns, String> {
        let named = |why| format!("{}: {why}", self.file.display());
        let pem = std::fs::read(&self.file).map_err(|why| named(why.to_string()))?;
        let key = Signer::curve_of_pem(&pem).map_err(named)?;
        Ok(Apns::new(self.team.clone(), self.key_id.clone(), key, service))
    }
}

fn open_fcm(file: &Path, service: Option<String>) -> Result<Fcm, String> {
    let named = |why| format!("{}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|why| named(why.to_string()))?;
    Fcm::read(&text, service).map_err(named)
}

/// A browser subscribes to this key and to no other: with a new one every subscription would be lost, so a file that cannot be
/// read is an error and is never replaced.
fn web_push_key(data: &Path) -> Result<Signer, String> {
    let path = data.join(KEY_FILE);
    let named = |why: String| format!("{}: {why}", path.display());
    match std::fs::read(&path) {
        Ok(der) => Signer::curve_of_pkcs8(&der).map_err(named),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            let made = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
            let der =
                made.and_then(|pair| pair.to_pkcs8v1()).map_err(|_| named("no key can be made".into()))?;
            write_whole(&path, der.as_ref(), 0o600).map_err(|why| named(why.to_string()))?;
            Signer::curve_of_pkcs8(der.as_ref()).map_err(named)
        }
        Err(why) => Err(named(why.to_string())),
    }
}

pub fn apns(text: &str) -> Result<WantedApns, String> {
    let wrong =
        || format!("`{text}` is not TEAM:KEY:FILE, such as ABCDE12345:KEY1234567:/etc/coeur/AuthKey.p8");
    let mut parts = text.splitn(3, ':');
    let (Some(team), Some(key_id), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name(team) || !is_name(key_id) || file.is_empty() {
        return Err(wrong());
    }
    let wanted = WantedApns { team: team.into(), key_id: key_id.into(), file: file.into() };
    // Read once to be sure of it, as it is read at the start.
    wanted.open(None).map(|_| wanted)
}

pub fn fcm(text: &str) -> Result<PathBuf, String> {
    open_fcm(Path::new(text), None).map(|_| text.into())
}

/// RFC 8292 section 2.1.
pub fn web(text: &str) -> Result<Option<String>, String> {
    let is_contact = text.starts_with("mailto:") && text.contains('@') || text.starts_with("https://");
    match text {
        "off" => Ok(None),
        _ if is_contact && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(text.into())),
        _ => Err(format!("`{text}` is neither mailto:somebody@example.org, nor https://, nor `off`")),
    }
}

/// Below the 32 seconds after which who sends a text gives up.
pub fn wait_s(text: &str) -> Result<u32, String> {
    let seconds = text.parse().ok().filter(|seconds| (5..=30).contains(seconds));
    seconds.ok_or_else(|| format!("`{text}` is not between 5 and 30 seconds"))
}

pub fn place(text: &str) -> Result<Place, String> {
    match text.split_once('=') {
        Some((service @ ("apns" | "fcm"), url)) if url.starts_with("https://") => {
            Ok(Place { service: service.into(), url: url.trim_end_matches('/').into() })
        }
        Some(_) | None => Err(format!("`{text}` is neither apns=https://HOST nor fcm=https://HOST")),
    }
}

/// Read once to be sure of it, as it is read at the start.
pub fn authority(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    roots::add_file(&mut rustls::RootCertStore::empty(), &path).map_err(|why| why.to_string())?;
    Ok(path)
}
