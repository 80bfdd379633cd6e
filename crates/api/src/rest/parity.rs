//! What the door can the API can, or it is said here why not: read by a test alone. A new verb does not compile until it is
//! in this table.

use crate::call_control::CallVerb;
use crate::contacts::ContactsRequest;
use crate::hooks::WebhooksRequest;
use crate::model::Request;
use crate::numbers::NumbersRequest;
use crate::provision::PhonesRequest;
use crate::signin::SignInRequest;

/// The operations that ask the door for it, or why there is none.
fn operations_of(request: &Request) -> Result<&'static [&'static str], &'static str> {
    Ok(match request {
        Request::Status => &["show_status"],
        Request::AccountsAdd { .. } => &["add_account"],
        Request::AccountsList { .. } => &["list_accounts"],
        Request::AccountShow { .. } => &["show_account"],
        Request::AccountsKnown { .. } => return Err("for the import of the command line"),
        Request::AccountRemove { .. } => &["remove_account"],
        Request::AccountChange { .. } => &["change_account"],
        Request::DeviceAdd { .. } => &["add_device"],
        Request::DeviceChange { .. } => &["change_device"],
        Request::DeviceRevoke { .. } => &["revoke_device"],
        Request::DomainAdd { .. } => &["add_domain"],
        Request::DomainsList => &["list_domains", "show_domain"],
        Request::DomainRemove { .. } => &["remove_domain"],
        Request::Registrations { .. } => &["list_registrations"],
        Request::Trace(_) => return Err("drawn for a terminal; `list_traces` has the messages"),
        Request::IceServer { .. } => &["make_ice_server"],
        Request::PhoneTicket { .. } => &["make_phone_ticket"],
        Request::Calls { .. } => &["list_calls"],
        Request::CallShow { .. } => &["show_call"],
        Request::CallHangUp { .. } => &["hang_up_call"],
        Request::CallOriginate { .. } => &["originate_call"],
        Request::CallControl { order, .. } => match order {
            CallVerb::Hold { .. } => &["hold_call"],
            CallVerb::Resume { .. } => &["resume_call"],
            CallVerb::Mute { .. } => &["mute_call"],
            CallVerb::Unmute { .. } => &["unmute_call"],
            CallVerb::Dtmf { .. } => &["send_keys_into_call"],
            CallVerb::Transfer { .. } | CallVerb::Attend { .. } => &["transfer_call"],
        },
        Request::CallTape { .. } => &["start_recording_call", "stop_recording_call"],
        Request::CallPlay { .. } => &["play_into_call", "stop_playing_into_call"],
        Request::Settings => &["list_settings"],
        Request::Audit { .. } => &["list_audit_log"],
        Request::CallRecords(_) => &["list_call_records", "export_call_records"],
        Request::CallRecordShow { .. } => &["show_call_record"],
        Request::CallQuality(_) => &["show_call_quality"],
        Request::SignIn { what } => match what {
            SignInRequest::Link { .. } => &["make_setup_link"],
            SignInRequest::TokenMake(_) => &["add_api_token"],
            SignInRequest::TokensList { .. } => &["list_api_tokens"],
            SignInRequest::TokenRevoke { .. } => &["revoke_api_token"],
            SignInRequest::FactorsRemove { .. } => &["remove_factors"],
        },
        Request::TenantAdd { .. } => &["add_tenant"],
        Request::TenantsList => &["list_tenants"],
        Request::TenantShow { .. } => &["show_tenant"],
        Request::TenantChange { .. } => &["change_tenant"],
        Request::TenantRemove { .. } => &["remove_tenant"],
        Request::UserAdd { .. } => return Err("`add_user` asks for people, with their accounts"),
        Request::UsersList { .. } => &["list_users"],
        Request::UserShow { .. } => &["show_user"],
        Request::UserChange { .. } => &["change_user"],
        Request::UserRemove { .. } => &["remove_user"],
        Request::TraceMessages(_) => &["list_traces"],
        Request::Phones(what) => match what {
            PhonesRequest::Connect(_) => &["connect_phone", "connect_device"],
            PhonesRequest::Render(_) => &["render_phone"],
            PhonesRequest::List => &["list_phones"],
            PhonesRequest::Show { .. } => &["show_phone"],
            PhonesRequest::Remove { .. } => &["remove_phone"],
            PhonesRequest::Keys { .. } => &["change_phone"],
            PhonesRequest::PasswordShow { .. } => &["show_phone_password"],
            PhonesRequest::PasswordRotate { .. } => &["rotate_phone_password"],
            PhonesRequest::Sync { .. } => &["sync_device"],
            PhonesRequest::Ring { .. } => &["ring_device", "ring_my_device"],
            PhonesRequest::Rung { .. } => &["show_ringing_device", "show_my_ringing_device"],
            PhonesRequest::Strangers => &["list_unclaimed_phones"],
        },
        Request::PeopleAdd { .. } => &["add_user", "import_users"],
        Request::Recordings(_) => &["list_recordings"],
        Request::TraceExport(_) => {
            return Err("a file is written where the command runs; `list_traces` has its messages");
        }
        Request::GroupAdd { .. } => &["add_group"],
        Request::GroupsList { .. } => &["list_groups"],
        Request::GroupShow { .. } => &["show_group"],
        Request::GroupChange { .. } => &["change_group"],
        Request::GroupRemove { .. } => &["remove_group"],
        Request::AliasAdd { .. } => &["add_alias"],
        Request::AliasRemove { .. } => &["remove_alias"],
        Request::AccountRights { .. } => &["show_rights"],
        Request::Webhooks(what) => match what {
            WebhooksRequest::List => &["list_webhooks"],
            WebhooksRequest::Add(_) => &["create_webhook"],
            WebhooksRequest::Show { .. } => &["show_webhook"],
            WebhooksRequest::Change { .. } => &["change_webhook"],
            WebhooksRequest::Remove { .. } => &["remove_webhook"],
            WebhooksRequest::Test { .. } => &["test_webhook"],
            WebhooksRequest::RotateSecret { .. } => &["rotate_webhook_secret"],
            WebhooksRequest::Deliveries { .. } => &["list_webhook_deliveries"],
            WebhooksRequest::Resend { .. } => &["resend_webhook_delivery"],
        },
        Request::Contacts(what) => match what {
            ContactsRequest::List { .. } => {
                &["list_contacts", "list_my_contacts", "export_contacts", "export_my_contacts"]
            }
            ContactsRequest::Add { .. } => &["add_contact", "add_my_contact"],
            ContactsRequest::Show { .. } => &["show_contact", "show_my_contact"],
            ContactsRequest::Change { .. } => &["change_contact", "change_my_contact"],
            ContactsRequest::Remove { .. } => &["remove_contact", "remove_my_contact"],
            ContactsRequest::Import { .. } => &["import_contacts", "import_my_contacts"],
            ContactsRequest::Phonebook { .. } => &["show_my_phonebook"],
        },
        Request::Numbers(what) => match what {
            NumbersRequest::List { .. } => &["list_numbers"],
            NumbersRequest::Add(_) => &["add_number", "add_numbers"],
            NumbersRequest::Show { .. } => &["show_number"],
            NumbersRequest::Change { .. } => &["change_number"],
            NumbersRequest::Remove { .. } => &["remove_number"],
        },
    })
}

/// The table is read where it stands: its values need no requests to be made of.
#[test]
fn each_operation_that_a_verb_of_the_door_is_said_to_have_is_there() {
    assert_eq!(operations_of(&Request::Status), Ok(&["show_status"][..]));
    let names: Vec<&str> = super::operations().iter().map(|operation| operation.name).collect();
    let text = include_str!("parity.rs");
    let table = &text[text.find("Ok(match").unwrap()..text.find("/// The table is read").unwrap()];
    let arms = table.lines().filter_map(|line| line.split_once("=> &[")).map(|(_, rest)| rest);
    let mut said = 0;
    for arm in arms {
        for name in arm.split('"').skip(1).step_by(2) {
            assert!(names.contains(&name), "{name} is no operation");
            said += 1;
        }
    }
    assert!(said >= 55, "{said}");
}
