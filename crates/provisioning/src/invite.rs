//! What a person is given who connects a phone: a code to scan, a link to tap, and what to do, in his language.

use crate::identify::link_file;
use crate::phone::Language;
use crate::vendor::Vendor;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Where the phone fetches its settings: a file, or a folder for phones that make the name up from their address.
    pub url: String,
    /// What the code holds; `None` where nothing is scanned.
    pub code: Option<String>,
    /// What the person does, as sentences.
    pub steps: &'static [&'static str],
}

/// `folder` ends in `/` and is whole, such as `https://sip.example.org/p/TOKEN/`.
pub fn invitation(vendor: Vendor, folder: &str, language: Language) -> Invitation {
    let url = format!("{folder}{}", link_file(vendor));
    let code = match vendor {
        // With its own scheme no browser that scans it uses the link up.
        Vendor::Linphone => Some(format!("linphone-config:{url}")),
        Vendor::Groundwire => {
            let bare = url.trim_start_matches("https://").trim_start_matches("http://");
            Some(format!("provlinkbs://{bare}"))
        }
        Vendor::Zoiper | Vendor::MicroSip | Vendor::Other => Some(url.clone()),
        Vendor::Yealink
        | Vendor::Grandstream
        | Vendor::Snom
        | Vendor::Poly
        | Vendor::Cisco
        | Vendor::Fanvil
        | Vendor::Gigaset
        | Vendor::Baresip => None,
    };
    Invitation { url, code, steps: steps(vendor, language) }
}

const fn steps(vendor: Vendor, language: Language) -> &'static [&'static str] {
    match (vendor, language) {
        (Vendor::Linphone, Language::English) => &[
            "Install Linphone, open it, choose “Scan QR code” in its assistant, and scan this.",
            "On the phone itself: tap the linphone-config link. On a computer: give the address as “remote provisioning” in the assistant.",
        ],
        (Vendor::Linphone, Language::French) => &[
            "Installez Linphone, ouvrez-le, choisissez « Scanner un QR code » dans l'assistant, et scannez ceci.",
            "Sur le téléphone même : touchez le lien linphone-config. Sur un ordinateur : donnez l'adresse comme « configuration à distance » dans l'assistant.",
        ],
        (Vendor::Groundwire, Language::English) => {
            &["Install Groundwire and scan this with the camera; the account is added when it opens."]
        }
        (Vendor::Groundwire, Language::French) => &[
            "Installez Groundwire et scannez ceci avec l'appareil photo ; le compte est ajouté à l'ouverture.",
        ],
        (Vendor::Zoiper, Language::English) => &[
            "The address gives the account as Zoiper's desktop program imports it; the free mobile app is set by hand.",
        ],
        (Vendor::Zoiper, Language::French) => &[
            "L'adresse donne le compte tel que Zoiper pour ordinateur l'importe ; l'application mobile gratuite se règle à la main.",
        ],
        (Vendor::MicroSip, Language::English) => &[
            "Open the address in a browser and save the file as microsip.ini in the folder of MicroSIP while it is closed.",
        ],
        (Vendor::MicroSip, Language::French) => &[
            "Ouvrez l'adresse dans un navigateur et enregistrez le fichier comme microsip.ini dans le dossier de MicroSIP, programme fermé.",
        ],
        (Vendor::Baresip, Language::English) => {
            &["Append what the address gives to ~/.baresip/accounts: curl -s ADDRESS >> ~/.baresip/accounts"]
        }
        (Vendor::Baresip, Language::French) => {
            &["Ajoutez ce que donne l'adresse à ~/.baresip/accounts : curl -s ADRESSE >> ~/.baresip/accounts"]
        }
        (Vendor::Other, Language::English) => {
            &["Open the address once: it shows what to type into the phone. It opens no second time."]
        }
        (Vendor::Other, Language::French) => &[
            "Ouvrez l'adresse une fois : elle montre ce qu'il faut saisir dans le téléphone. Elle ne s'ouvre pas deux fois.",
        ],
        (
            Vendor::Yealink
            | Vendor::Grandstream
            | Vendor::Snom
            | Vendor::Poly
            | Vendor::Cisco
            | Vendor::Fanvil
            | Vendor::Gigaset,
            Language::English,
        ) => &[
            "On the phone's web page, type the address as provisioning (auto provision, setting, config) server, then let it update now.",
            "Or give it by DHCP option 66, or let the phone ask the network (SIP PnP) and claim it: coeur device seen.",
        ],
        (
            Vendor::Yealink
            | Vendor::Grandstream
            | Vendor::Snom
            | Vendor::Poly
            | Vendor::Cisco
            | Vendor::Fanvil
            | Vendor::Gigaset,
            Language::French,
        ) => &[
            "Sur la page web du téléphone, saisissez l'adresse comme serveur de configuration (auto provision, setting, config), puis lancez la mise à jour.",
            "Ou donnez-la par l'option DHCP 66, ou laissez le téléphone demander au réseau (SIP PnP) et adoptez-le : coeur device seen.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_for_linphone_opens_in_no_browser_and_a_desk_phone_gets_a_folder() {
        let folder = "https://sip.example.org/p/abc/";
        let invite = invitation(Vendor::Linphone, folder, Language::French);
        assert_eq!(invite.url, "https://sip.example.org/p/abc/linphone.xml");
        assert_eq!(
            invite.code.as_deref(),
            Some("linphone-config:https://sip.example.org/p/abc/linphone.xml")
        );
        assert_eq!(invitation(Vendor::Yealink, folder, Language::English).url, folder);
        for vendor in Vendor::ALL {
            let [english, french] = [Language::English, Language::French]
                .map(|language| invitation(vendor, folder, language).steps);
            assert!(!english.is_empty() && english != french, "{vendor}");
        }
    }
}
