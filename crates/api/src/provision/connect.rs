//! What an operator asks about phones.

use super::hash;
use super::phone::{PhonePlace, language, phone, vendor};
use super::views::{
    ConnectRequest, LineRequest, LinkView, PhoneLineView, PhoneView, PhonesReply, PhonesRequest,
    RenderedView, StepView,
};
use super::{kept, keys};
use crate::calls::rfc3339;
use crate::door::Door;
use crate::model::{GivenSecret, Refusal, Reply, Request, Why};
use coeur_directory::{Account, Aor, DeviceId, new_secret};
use coeur_provisioning::{Mac, Secret, Seen, Transport, Vendor, ability, admin_name, invitation, render};
use coeur_storage::{LinkKind, LinkRow, Operator, PhoneId, PhoneRow, StorageError};

/// A telephone is unpacked and plugged in first; a program is at hand.
const LINK_OF_TELEPHONE_S: u64 = 24 * 3_600;
const LINK_OF_PROGRAM_S: u64 = 15 * 60;

impl Door {
    pub(crate) fn phones(&self, operator: &Operator, request: PhonesRequest) -> Result<Reply, Refusal> {
        let reply = match request {
            PhonesRequest::Connect(request) => PhonesReply::Linked(self.connect(operator, &request)?),
            PhonesRequest::Render(request) => PhonesReply::Rendered(self.render(&request)?),
            PhonesRequest::List => {
                let rows = self.records().phones().map_err(unreadable)?;
                PhonesReply::List(rows.iter().map(|row| self.phone_view(row)).collect())
            }
            PhonesRequest::Show { phone } => PhonesReply::Phone(self.phone_view(&self.phone_row(&phone)?)),
            PhonesRequest::Remove { phone } => {
                let id = self.phone_row(&phone)?.id;
                let at_ms = self.house().unix_time_ms();
                self.records().remove_phone(operator, id, at_ms).map_err(unreadable)?;
                self.journeys().forget(id);
                PhonesReply::Removed
            }
            PhonesRequest::Keys { phone, keys } => {
                PhonesReply::Phone(self.set_keys(operator, &phone, &keys)?)
            }
            PhonesRequest::PasswordShow { phone } => {
                PhonesReply::Password(self.show_password(operator, &phone)?)
            }
            PhonesRequest::PasswordRotate { phone } => {
                PhonesReply::Password(self.rotate_password(operator, &phone)?)
            }
            PhonesRequest::Sync { account, device, reboot } => {
                PhonesReply::Synced(self.sync(operator, &account, device.as_deref(), reboot)?)
            }
            PhonesRequest::Ring { account, device } => {
                PhonesReply::Ringing(Box::new(self.ring(operator, &account, &device)?))
            }
            PhonesRequest::Rung { account, device } => {
                PhonesReply::Ringing(Box::new(self.rung(&account, &device)?))
            }
            PhonesRequest::Strangers => PhonesReply::Strangers(self.house().strangers()),
        };
        Ok(Reply::Phones(reply))
    }

    fn connect(&self, operator: &Operator, request: &ConnectRequest) -> Result<LinkView, Refusal> {
        let place = self.place()?;
        let before = self.phone_before(request)?;
        let are_lines_said = !request.also.is_empty();
        let kept = before.as_ref().map(|before| kept::kept(request, before, &place)).transpose()?;
        let request = kept.as_ref().unwrap_or(request);
        let wanted = Wanted::read(request, &place)?;
        // Before anything is made: a phone that cannot be told is not connected.
        let left_out = self.render_for(request, &wanted, &place)?.left_out;
        let lines = self.lines(operator, request, wanted.vendor)?;
        let (first, device) = lines[0].clone();
        let known = self.records().phone_of(device).map_err(unreadable)?;
        let at_ms = self.house().unix_time_ms();
        let mut row = wanted.row(lines);
        if let Some(before) = before.as_ref().filter(|_| !are_lines_said) {
            kept::in_order(&mut row.lines, &before.lines);
        }
        match known {
            Some(known) => {
                (row.id, row.created_at_s) = (known.id, known.created_at_s);
                (row.user_agent, row.fetched_at_s) = (known.user_agent, known.fetched_at_s);
                (row.keys, row.changed_at_s) = (known.keys, known.changed_at_s);
            }
            None => {
                row.id = self.records().next_phone_id().map_err(unreadable)?;
                row.created_at_s = at_ms / 1_000;
            }
        }
        let token = self.token();
        let life_s = if wanted.vendor.is_desk_phone() { LINK_OF_TELEPHONE_S } else { LINK_OF_PROGRAM_S };
        let expires_at_s = at_ms / 1_000 + life_s;
        let link = LinkRow {
            hash: hash(&token),
            phone: row.id,
            kind: LinkKind::Once,
            expires_at_s,
            used_at_s: None,
            used_by: None,
        };
        self.records().put_phone(operator, &row, &link, at_ms).map_err(unreadable)?;
        self.journeys().begin(row.id, &row.lines);
        self.phone_seen(row.id, at_ms, Seen::LinkMade { expires_at_ms: expires_at_s * 1_000 });
        let folder = place.folder(&token);
        let invitation = invitation(wanted.vendor, &folder, language(&request.language));
        let told = !request.tells_no_stranger
            && row.mac.as_deref().is_some_and(|mac| self.house().adopt(mac, &invitation.url));
        Ok(LinkView {
            phone: name_of(row.id),
            account: first.to_string(),
            device: device.0.to_string(),
            vendor: wanted.vendor.to_string(),
            url: GivenSecret::new(invitation.url),
            code: invitation.code.map(GivenSecret::new),
            steps: invitation.steps.iter().map(|step| (*step).to_owned()).collect(),
            expires_at_s,
            left_out,
            told,
        })
    }

    /// The phone that the device of a request is a line of.
    fn phone_before(&self, request: &ConnectRequest) -> Result<Option<PhoneRow>, Refusal> {
        let Some(device) = &request.device else { return Ok(None) };
        let device = device_of(&*self.account(&request.account)?, device)?;
        self.records().phone_of(device).map_err(unreadable)
    }

    /// Whether such a phone could be told anything here, whosever it is.
    pub(crate) fn can_connect(&self, request: &ConnectRequest) -> Result<(), Refusal> {
        Wanted::read(request, &self.place()?).map(drop)
    }

    fn render(&self, request: &ConnectRequest) -> Result<RenderedView, Refusal> {
        let place = self.place()?;
        let wanted = Wanted::read(request, &place)?;
        self.render_for(request, &wanted, &place)
    }

    fn render_for(
        &self,
        request: &ConnectRequest,
        wanted: &Wanted,
        place: &PhonePlace,
    ) -> Result<RenderedView, Refusal> {
        let each = std::iter::once(&request.account).chain(request.also.iter().map(|line| &line.account));
        let mut lines = Vec::new();
        for account in each {
            lines.push((self.account(account)?.aor.clone(), DeviceId(0)));
        }
        let secrets = lines.iter().map(|_| Secret::new(PLACEHOLDER.to_owned())).collect();
        let mut phone = phone(&wanted.row(lines), self.house().directory(), place, secrets, Some("TOKEN"))?;
        phone.admin_password = admin_name(wanted.vendor).map(|_| Secret::new(PLACEHOLDER.to_owned()));
        let rendered = render(&phone).map_err(|why| Refusal::new(Why::Invalid, why.to_string()))?;
        Ok(RenderedView {
            content_type: rendered.settings.content_type.to_owned(),
            settings: rendered.settings.body.reveal().to_owned(),
            master: rendered.master.map(|file| file.body.reveal().to_owned()),
            left_out: rendered.left_out.iter().map(|text| (*text).to_owned()).collect(),
        })
    }

    /// The devices of its lines, made where none is named.
    fn lines(
        &self,
        operator: &Operator,
        request: &ConnectRequest,
        vendor: Vendor,
    ) -> Result<Vec<(Aor, DeviceId)>, Refusal> {
        let first = LineRequest { account: request.account.clone(), device: request.device.clone() };
        let asked: Vec<&LineRequest> = std::iter::once(&first).chain(&request.also).collect();
        // What is named is there, before anything is made.
        let mut named = Vec::with_capacity(asked.len());
        for line in &asked {
            let account = self.account(&line.account)?;
            let device = line.device.as_deref().map(|text| device_of(&account, text)).transpose()?;
            named.push((account.aor.clone(), device));
        }
        named.into_iter().map(|(aor, device)| self.line(operator, aor, device, vendor)).collect()
    }

    fn line(
        &self,
        operator: &Operator,
        aor: Aor,
        device: Option<DeviceId>,
        vendor: Vendor,
    ) -> Result<(Aor, DeviceId), Refusal> {
        if let Some(device) = device {
            return Ok((aor, device));
        }
        let request = Request::DeviceAdd {
            account: aor.to_string(),
            name: vendor.to_string(),
            // Replaced when the phone fetches its settings.
            secret: Some(GivenSecret::new(self.token())),
            policy: "auto".to_owned(),
        };
        let Reply::Made(made) = self.answer(operator, request)? else {
            return Err(Refusal::new(Why::Unavailable, "the device was not made"));
        };
        let id = made.first().and_then(|made| made.device.parse().ok());
        let id = id.ok_or_else(|| Refusal::new(Why::Unavailable, "the device has no number"))?;
        Ok((aor, DeviceId(id)))
    }

    pub(super) fn sync(
        &self,
        operator: &Operator,
        account: &str,
        device: Option<&str>,
        reboot: bool,
    ) -> Result<usize, Refusal> {
        let account = self.account(account)?;
        let device = device.map(|text| device_of(&account, text)).transpose()?;
        let told = self.house().sync(&account.aor, device, reboot)?;
        let at_ms = self.house().unix_time_ms();
        let detail = format!("device={} reboot={reboot} told={told}", device.map_or(0, |device| device.0));
        let noted = self.records().note(operator, "phone.synced", account.aor.as_str(), &detail, at_ms);
        noted.map_err(unreadable)?;
        Ok(told)
    }

    fn place(&self) -> Result<PhonePlace, Refusal> {
        self.house().phone_place().ok_or_else(|| {
            Refusal::new(
                Why::NotSetUp,
                "phones are connected by a running server with the setting `web`; start it, or set `web`",
            )
        })
    }

    /// 160 bits that nobody can guess.
    pub(super) fn token(&self) -> String {
        let mut random = [0; 20];
        self.house().random(&mut random);
        new_secret(&random)
    }

    pub(super) fn phone_row(&self, name: &str) -> Result<PhoneRow, Refusal> {
        let none = || no_phone(name);
        let number = name.strip_prefix("pho_").unwrap_or(name).parse().map_err(|_| none())?;
        self.records().phone(PhoneId(number)).map_err(unreadable)?.ok_or_else(none)
    }

    pub(super) fn phone_view(&self, row: &PhoneRow) -> PhoneView {
        let now_ms = self.house().unix_time_ms();
        let line = |(aor, device): &(Aor, DeviceId)| PhoneLineView {
            account: aor.to_string(),
            device: device.0.to_string(),
            registered: self.is_registered(aor, *device),
        };
        let lines: Vec<PhoneLineView> = row.lines.iter().map(line).collect();
        let registered = lines.iter().all(|line| line.registered);
        let journey = self.look_at_phone(row.id, now_ms, registered);
        let fault = journey.fault(now_ms);
        let language = language(&row.language);
        let (keys, unsupported_keys) = keys::shown(row, vendor(&row.vendor).ok());
        PhoneView {
            phone: name_of(row.id),
            vendor: row.vendor.to_string(),
            model: row.model.to_string(),
            mac: row.mac.as_deref().and_then(|mac| Mac::parse(mac).ok()).map(|mac| mac.to_string()),
            lines,
            transport: row.transport.to_string(),
            user_agent: row.user_agent.to_string(),
            created_at_s: row.created_at_s,
            fetched_at_s: row.fetched_at_s,
            registered,
            keys,
            unsupported_keys,
            changed_at_s: row.changed_at_s,
            steps: journey
                .seen()
                .iter()
                .map(|(at_ms, seen)| StepView { at: rfc3339(*at_ms), step: seen.as_str().to_owned() })
                .collect(),
            fault: fault.map(|fault| fault.as_str().to_owned()),
            sentence: fault.map(|fault| fault.sentence(language).to_owned()),
            remedy: fault.map(|fault| fault.remedy(language).to_owned()),
        }
    }

    pub(super) fn is_registered(&self, aor: &Aor, device: DeviceId) -> bool {
        let device = device.0.to_string();
        let page = self.house().registrations(Some(aor), None, usize::MAX);
        page.registrations.iter().any(|registration| registration.device == device)
    }
}

pub(super) fn device_of(account: &Account, text: &str) -> Result<DeviceId, Refusal> {
    let aor = &account.aor;
    let known = text.parse().ok().map(DeviceId).filter(|id| account.device(*id).is_some());
    known.ok_or_else(|| {
        Refusal::new(Why::NotFound, format!("{aor} has no device {text}; coeur device list {aor} shows them"))
    })
}

/// In place of a secret in what is shown.
const PLACEHOLDER: &str = "SECRET";

pub(super) fn name_of(id: PhoneId) -> String {
    format!("pho_{}", id.0)
}

pub(super) fn unreadable(why: StorageError) -> Refusal {
    Refusal::new(Why::Unavailable, why.to_string())
}

/// What was said of a phone, read.
struct Wanted {
    vendor: Vendor,
    model: String,
    mac: Option<Mac>,
    language: String,
    country: String,
    transport: Transport,
}

impl Wanted {
    fn read(request: &ConnectRequest, place: &PhonePlace) -> Result<Self, Refusal> {
        let invalid = |text: String| Refusal::new(Why::Invalid, text);
        let mac =
            request.mac.as_deref().map(Mac::parse).transpose().map_err(|why| invalid(why.to_string()))?;
        let vendor = match (&request.vendor, mac) {
            (Some(name), _) => vendor(name)?,
            (None, Some(mac)) => mac
                .vendor()
                .ok_or_else(|| invalid(format!("whose {mac} is, is not known: name the maker (--vendor)")))?,
            (None, None) => Vendor::Linphone,
        };
        let transport = match &request.transport {
            None => place.transport(vendor),
            Some(name) => {
                Transport::parse(name).ok_or_else(|| invalid(format!("{name:?} is none of udp, tcp, tls")))?
            }
        };
        let most = ability(vendor, &request.model).lines_max;
        if request.also.len() + 1 > most {
            return Err(invalid(format!("such a phone has at most {most} accounts")));
        }
        if request.model.len() > MODEL_BYTES_MAX {
            return Err(invalid(format!("the name of a model has at most {MODEL_BYTES_MAX} bytes")));
        }
        Ok(Self {
            vendor,
            mac,
            transport,
            model: request.model.clone(),
            language: request.language.clone(),
            country: request.country.clone(),
        })
    }

    fn row(&self, lines: Vec<(Aor, DeviceId)>) -> PhoneRow {
        PhoneRow {
            id: PhoneId(0),
            vendor: self.vendor.as_str().into(),
            model: self.model.as_str().into(),
            mac: self.mac.map(|mac| mac.lower().into()),
            language: if self.language.starts_with("fr") { "fr".into() } else { "en".into() },
            country: self.country.chars().take(2).collect::<String>().into(),
            transport: self.transport.as_str().into(),
            lines,
            created_at_s: 0,
            user_agent: "".into(),
            fetched_at_s: None,
            keys: Vec::new(),
            changed_at_s: None,
        }
    }
}

pub(crate) fn no_phone(name: &str) -> Refusal {
    Refusal::new(Why::NotFound, format!("there is no phone {name}; coeur device phones lists them"))
}

const MODEL_BYTES_MAX: usize = 64;
