//! `coeur device connect` and its like, and `coeur provision`.

use super::door::{Way, print_json, unexpected};
use super::exit::Failure;
use super::grammar::{Carrier, Maker, PhoneOf, Provision, ProvisionVerb};
use super::table::{duration, table};
use super::terminal::{print, unicode};
use super::words::{Language, Word};
use crate::demo::qr;
use coeur_api::provision::{
    ConnectRequest, KeyView, LineRequest, LinkView, PhoneView, PhonesReply, PhonesRequest, RingView,
    StepView, StrangerView,
};
use coeur_api::{Reply, Request};
use coeur_provisioning::{Fault, Vendor};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub fn connect(way: &Way, phone: PhoneOf, json: bool) -> Result<(), Failure> {
    let request = request(way, phone)?;
    let PhonesReply::Linked(link) = ask(way, PhonesRequest::Connect(request))? else {
        return Err(Failure::failed("the server gave no link"));
    };
    if json {
        return print_json(&link);
    }
    print(&invitation(&link));
    Ok(())
}

pub fn list(way: &Way, json: bool) -> Result<(), Failure> {
    let PhonesReply::List(phones) = ask(way, PhonesRequest::List)? else {
        return Err(Failure::failed("the server gave no list of phones"));
    };
    match json {
        true => print_json(&phones),
        false => {
            print(&listed(&phones));
            Ok(())
        }
    }
}

pub fn show(way: &Way, phone: String, json: bool) -> Result<(), Failure> {
    let PhonesReply::Phone(view) = ask(way, PhonesRequest::Show { phone })? else {
        return Err(Failure::failed("the server showed no phone"));
    };
    match json {
        true => print_json(&view),
        false => {
            print(&shown(&view));
            Ok(())
        }
    }
}

/// Those that are named are put in place of what is at their positions; where none is named, all are shown.
pub fn keys(way: &Way, phone: String, set: Vec<KeyView>, rm: &[u32], json: bool) -> Result<(), Failure> {
    let view = |request| match ask(way, request)? {
        PhonesReply::Phone(view) => Ok(view),
        _ => Err(Failure::failed("the server showed no phone")),
    };
    let is_changed = !set.is_empty() || !rm.is_empty();
    let mut shown: PhoneView = view(PhonesRequest::Show { phone: phone.clone() })?;
    if is_changed {
        let mut keys = shown.keys;
        keys.retain(|key| !rm.contains(&key.position) && set.iter().all(|new| new.position != key.position));
        keys.extend(set);
        shown = view(PhonesRequest::Keys { phone, keys })?;
    }
    if json {
        return print_json(&shown.keys);
    }
    print(&listed_keys(&shown));
    if is_changed {
        let word = if shown.registered { Word::PhoneKeysAsked } else { Word::PhoneKeysLater };
        print(&format!("{}\n", word.say()));
    }
    Ok(())
}

fn listed_keys(phone: &PhoneView) -> String {
    let row = |key: &KeyView| {
        let is_told = phone.unsupported_keys.iter().all(|position| u32::from(*position) != key.position);
        let told = if is_told { Word::Yes } else { Word::PhoneKeyUnsupported };
        let (position, line) = (key.position.to_string(), key.line.to_string());
        vec![position, key.kind.clone(), line, key.target.clone(), key.label.clone(), told.say().to_owned()]
    };
    let heads = [
        Word::PhoneKeyPosition,
        Word::PhoneKeyKind,
        Word::PhoneKeyLine,
        Word::PhoneKeyTarget,
        Word::PhoneKeyLabel,
        Word::PhoneKeyTold,
    ];
    table(&heads.map(Word::say), &phone.keys.iter().map(row).collect::<Vec<_>>())
}

pub fn password(way: &Way, phone: String, is_new: bool, json: bool) -> Result<(), Failure> {
    let request = match is_new {
        true => PhonesRequest::PasswordRotate { phone },
        false => PhonesRequest::PasswordShow { phone },
    };
    let PhonesReply::Password(view) = ask(way, request)? else {
        return Err(Failure::failed("the server showed no password"));
    };
    if json {
        return print_json(&view);
    }
    print(&format!("{}\n", Word::PhonePassword.with(&[&view.phone, &view.login, view.password.reveal()])));
    if view.told_at.is_none() {
        print(&format!("{}\n", Word::PhonePasswordUntold.say()));
    }
    if let Some(before) = &view.before {
        print(&format!("{}\n", Word::PhonePasswordBefore.with(&[before.reveal()])));
    }
    Ok(())
}

pub fn forget(way: &Way, phone: String, json: bool) -> Result<(), Failure> {
    ask(way, PhonesRequest::Remove { phone: phone.clone() })?;
    super::account::say(json, &Word::PhoneForgotten.with(&[&phone]))
}

pub fn sync(
    way: &Way,
    account: &str,
    device: Option<String>,
    reboot: bool,
    json: bool,
) -> Result<(), Failure> {
    let account = way.full_account(account)?;
    let request = PhonesRequest::Sync { account: account.clone(), device, reboot };
    let PhonesReply::Synced(told) = ask(way, request)? else {
        return Err(Failure::failed("the server did not say whom it has asked"));
    };
    if told == 0 {
        return Err(Failure::failed(Word::PhoneNotRegistered.with(&[&account])));
    }
    super::account::say(json, &Word::PhoneSynced.with(&[&account, &told.to_string()]))
}

/// Asks how it goes until it is over.
pub fn ring(way: &Way, account: &str, device: String, json: bool) -> Result<(), Failure> {
    let account = way.full_account(account)?;
    let until = Instant::now() + LONGEST;
    let mut view = ringing(way, PhonesRequest::Ring { account: account.clone(), device: device.clone() })?;
    let mut told = 0;
    loop {
        for StepView { at, step } in view.steps.iter().skip(told).filter(|_| !json) {
            println!("  {at}  {}", step_word(step));
        }
        told = view.steps.len();
        if view.over {
            break;
        }
        if Instant::now() >= until {
            return Err(Failure::failed(Word::RingLost.with(&[&account])));
        }
        std::thread::sleep(ASK_EVERY);
        view = ringing(way, PhonesRequest::Rung { account: account.clone(), device: device.clone() })?;
    }
    if json {
        print_json(&view)?;
    }
    rang(&view, json)
}

/// What the phone rings and talks at most, and more than a record is waited for.
const LONGEST: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(250);

fn ringing(way: &Way, request: PhonesRequest) -> Result<RingView, Failure> {
    match ask(way, request)? {
        PhonesReply::Ringing(view) => Ok(*view),
        _ => Err(Failure::failed("the server did not say whether it rings")),
    }
}

fn rang(view: &RingView, json: bool) -> Result<(), Failure> {
    let Some(fault) = view.fault.as_deref().and_then(Fault::parse) else {
        return match json {
            true => Ok(()),
            false => super::account::say(false, &Word::RingGood.with(&[&view.account, &view.device])),
        };
    };
    let language = match Language::of_environment() {
        Language::English => coeur_provisioning::Language::English,
        Language::French => coeur_provisioning::Language::French,
    };
    let mut text = fault.sentence(language).to_owned();
    if let Some(status) = view.status.filter(|_| !view.answered) {
        text.push_str(&format!(" (SIP {status})"));
    }
    if let Some(packets) = view.packets {
        text.push_str(&format!(" {}", Word::RingPackets.with(&[&packets.to_string()])));
    }
    if let Some(verdict) = &view.verdict {
        let (sentence, remedy) = super::trace::words(verdict);
        text.push_str(&format!("\n{}: {sentence}\n{}", Word::Verdict.say(), Word::WhatToDo.with(&[&remedy])));
    } else {
        text.push_str(&format!("\n{}", Word::WhatToDo.with(&[fault.remedy(language)])));
    }
    Err(Failure::failed(text))
}

pub fn seen(way: &Way, json: bool) -> Result<(), Failure> {
    let PhonesReply::Strangers(strangers) = ask(way, PhonesRequest::Strangers)? else {
        return Err(Failure::failed("the server gave no list of phones"));
    };
    if json {
        return print_json(&strangers);
    }
    let row = |one: &StrangerView| {
        let can_be_told = if one.can_be_told { Word::Yes } else { Word::No };
        vec![
            one.mac.clone(),
            one.vendor.clone(),
            one.model.clone(),
            one.firmware.clone(),
            one.address.clone(),
            one.seen_at.clone(),
            can_be_told.say().to_owned(),
        ]
    };
    let heads = [
        Word::PhoneMaker,
        Word::PhoneModel,
        Word::PhoneFirmware,
        Word::From,
        Word::When,
        Word::PhoneCanBeTold,
    ];
    let heads = [&["MAC"][..], &heads.map(Word::say)].concat();
    print(&table(&heads, &strangers.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

pub fn provision(arguments: Provision) -> Result<(), Failure> {
    let way = Way::open_server(&arguments.place)?;
    match arguments.verb {
        ProvisionVerb::Render { phone } => {
            let request = request(&way, phone)?;
            let PhonesReply::Rendered(view) = ask(&way, PhonesRequest::Render(request))? else {
                return Err(Failure::failed("the server rendered nothing"));
            };
            if arguments.place.json {
                return print_json(&view);
            }
            print(&view.settings);
            for text in &view.left_out {
                eprintln!("coeur: {}", Word::PhoneLeftOut.with(&[text]));
            }
            Ok(())
        }
    }
}

fn ask(way: &Way, request: PhonesRequest) -> Result<PhonesReply, Failure> {
    match way.ask(Request::Phones(request))? {
        Reply::Phones(reply) => Ok(reply),
        other => Err(unexpected(&other)),
    }
}

fn request(way: &Way, phone: PhoneOf) -> Result<ConnectRequest, Failure> {
    let mut also = Vec::with_capacity(phone.also.len());
    for text in &phone.also {
        let (account, device) = match text.rsplit_once('/') {
            Some((account, device)) => (account, Some(device.to_owned())),
            None => (text.as_str(), None),
        };
        also.push(LineRequest { account: way.full_account(account)?, device });
    }
    let language = phone.language.unwrap_or_else(|| match Language::of_environment() {
        Language::English => "en".to_owned(),
        Language::French => "fr".to_owned(),
    });
    Ok(ConnectRequest {
        account: way.full_account(&phone.account)?,
        device: phone.device,
        also,
        vendor: phone.vendor.map(|maker| vendor(maker).as_str().to_owned()),
        model: phone.model,
        mac: phone.mac,
        transport: phone.transport.map(|carrier| transport(carrier).to_owned()),
        language,
        country: phone.country,
        ..ConnectRequest::default()
    })
}

const fn vendor(maker: Maker) -> Vendor {
    match maker {
        Maker::Yealink => Vendor::Yealink,
        Maker::Grandstream => Vendor::Grandstream,
        Maker::Snom => Vendor::Snom,
        Maker::Poly => Vendor::Poly,
        Maker::Cisco => Vendor::Cisco,
        Maker::Fanvil => Vendor::Fanvil,
        Maker::Gigaset => Vendor::Gigaset,
        Maker::Linphone => Vendor::Linphone,
        Maker::Groundwire => Vendor::Groundwire,
        Maker::Zoiper => Vendor::Zoiper,
        Maker::Microsip => Vendor::MicroSip,
        Maker::Baresip => Vendor::Baresip,
        Maker::Other => Vendor::Other,
    }
}

const fn transport(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Udp => "udp",
        Carrier::Tcp => "tcp",
        Carrier::Tls => "tls",
    }
}

fn invitation(link: &LinkView) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = duration(link.expires_at_s.saturating_sub(now));
    let mut out = Word::PhoneLink.with(&[&link.phone, &link.account, &link.device, &link.vendor, &left]);
    out.push_str(&format!("\n\n  {}\n\n", link.url.reveal()));
    if let Some(code) = link.code.as_ref().filter(|_| unicode()) {
        out.push_str(&qr::draw(code.reveal()));
        out.push_str(&format!("  {}\n\n", code.reveal()));
    }
    for (step, number) in link.steps.iter().zip(1..) {
        out.push_str(&format!("  {number}. {step}\n"));
    }
    if link.told {
        out.push_str(&format!("  {}\n", Word::PhoneTold.say()));
    }
    for text in &link.left_out {
        out.push_str(&format!("  {}\n", Word::PhoneLeftOut.with(&[text])));
    }
    out.push_str(&format!("\n{}\n", Word::PhoneWatch.with(&[&link.phone])));
    out
}

fn listed(phones: &[PhoneView]) -> String {
    let row = |phone: &PhoneView| {
        let registered = if phone.registered { Word::Yes } else { Word::No };
        vec![
            phone.phone.clone(),
            phone.vendor.clone(),
            phone.model.clone(),
            phone.mac.clone().unwrap_or_default(),
            phone
                .lines
                .iter()
                .map(|line| format!("{}/{}", line.account, line.device))
                .collect::<Vec<_>>()
                .join(" "),
            registered.say().to_owned(),
            phone.sentence.clone().unwrap_or_default(),
        ]
    };
    let heads = [Word::Phone, Word::PhoneMaker, Word::PhoneModel].map(Word::say);
    let rest = [Word::Account, Word::PhoneRegistered, Word::Verdict].map(Word::say);
    let heads = [&heads[..], &["MAC"], &rest].concat();
    table(&heads, &phones.iter().map(row).collect::<Vec<_>>())
}

fn shown(phone: &PhoneView) -> String {
    let mut out = listed(std::slice::from_ref(phone));
    for StepView { at, step } in &phone.steps {
        out.push_str(&format!("  {at}  {}\n", step_word(step)));
    }
    if let (Some(sentence), Some(remedy)) = (&phone.sentence, &phone.remedy) {
        out.push_str(&format!("{sentence}\n{}\n", Word::WhatToDo.with(&[remedy])));
    }
    out
}

/// What a server of another version says stays as it is.
fn step_word(step: &str) -> String {
    let word = match step {
        "link_made" => Word::StepLinkMade,
        "fetched" => Word::StepFetched,
        "asked_too_late" => Word::StepAskedTooLate,
        "asked_again" => Word::StepAskedAgain,
        "other_vendor" => Word::StepOtherVendor,
        "other_mac" => Word::StepOtherMac,
        "other_firmware" => Word::StepOtherFirmware,
        "password_refused" => Word::StepPasswordRefused,
        "account_disabled" => Word::Disabled,
        "registered" => Word::PhoneRegistered,
        "unregistered" => Word::StepUnregistered,
        "media_refused" => Word::StepMediaRefused,
        "tls_untrusted" => Word::StepTlsUntrusted,
        "tls_expired" => Word::StepTlsExpired,
        "tls_failed" => Word::StepTlsFailed,
        "ringing" => Word::StepRinging,
        "answered" => Word::StepAnswered,
        "heard" => Word::StepHeard,
        "not_heard" => Word::StepNotHeard,
        "refused" => Word::StepRefused,
        "no_answer" => Word::StepNoAnswer,
        "unreachable" => Word::StepUnreachable,
        other => return other.to_owned(),
    };
    word.say().to_owned()
}
