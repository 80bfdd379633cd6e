//! What the API can the command line can, or it is said here why not: read by a test alone.

use super::grammar::Cli;
use clap::CommandFactory;

/// Operations of the API, and the commands that do the same.
const COMMANDS: &[(&str, &str)] = &[
    ("list_accounts", "account list"),
    ("add_account", "account add"),
    ("remove_account", "account rm"),
    ("show_account", "account show"),
    ("change_account", "account set"),
    ("add_alias", "account alias"),
    ("remove_alias", "account alias"),
    ("show_rights", "account rights"),
    ("list_devices", "device list"),
    ("add_device", "device add"),
    ("revoke_device", "device revoke"),
    ("show_device", "device list"),
    ("change_device", "device set"),
    ("make_ice_server", "turn credentials"),
    ("connect_phone", "device connect"),
    ("connect_device", "device connect"),
    ("show_connecting_device", "device phone"),
    ("list_phones", "device phones"),
    ("show_phone", "device phone"),
    ("change_phone", "device keys"),
    ("show_phone_password", "device password"),
    ("rotate_phone_password", "device password"),
    ("remove_phone", "device forget"),
    ("render_phone", "provision render"),
    ("list_unclaimed_phones", "device seen"),
    ("sync_device", "device sync"),
    ("ring_device", "device ring"),
    ("show_ringing_device", "device ring"),
    ("list_groups", "group list"),
    ("add_group", "group add"),
    ("show_group", "group show"),
    ("change_group", "group set"),
    ("remove_group", "group rm"),
    ("list_contacts", "contact list"),
    ("add_contact", "contact add"),
    ("show_contact", "contact show"),
    ("change_contact", "contact set"),
    ("remove_contact", "contact rm"),
    ("import_contacts", "contact import"),
    ("export_contacts", "contact export"),
    // With --user.
    ("list_my_contacts", "contact list"),
    ("add_my_contact", "contact add"),
    ("show_my_contact", "contact show"),
    ("change_my_contact", "contact set"),
    ("remove_my_contact", "contact rm"),
    ("import_my_contacts", "contact import"),
    ("export_my_contacts", "contact export"),
    ("list_tenants", "tenant list"),
    ("add_tenant", "tenant add"),
    ("show_tenant", "tenant show"),
    ("change_tenant", "tenant set"),
    ("remove_tenant", "tenant rm"),
    ("list_users", "user list"),
    ("add_user", "user add"),
    ("show_user", "user show"),
    ("change_user", "user set"),
    ("remove_user", "user rm"),
    ("make_setup_link", "setup-link"),
    ("remove_factors", "setup-link"),
    ("list_api_tokens", "token list"),
    ("add_api_token", "token create"),
    ("revoke_api_token", "token revoke"),
    ("list_domains", "domain list"),
    ("add_domain", "domain add"),
    ("show_domain", "domain list"),
    ("remove_domain", "domain rm"),
    ("list_settings", "check-config"),
    ("list_audit_log", "audit"),
    ("list_call_records", "records"),
    ("show_call_record", "records show"),
    ("export_call_records", "records"),
    ("list_recordings", "records show"),
    ("show_call_quality", "quality"),
    ("list_calls", "calls"),
    ("show_call", "calls show"),
    ("originate_call", "calls originate"),
    ("hold_call", "calls hold"),
    ("resume_call", "calls resume"),
    ("mute_call", "calls mute"),
    ("unmute_call", "calls unmute"),
    ("send_keys_into_call", "calls dtmf"),
    ("transfer_call", "calls transfer"),
    ("hang_up_call", "calls hangup"),
    ("play_into_call", "calls play"),
    ("stop_playing_into_call", "calls stop-playing"),
    ("start_recording_call", "calls record"),
    ("pause_recording_call", "calls record"),
    ("resume_recording_call", "calls record"),
    ("stop_recording_call", "calls record"),
    ("list_registrations", "registrations"),
    ("show_status", "status"),
    ("list_traces", "trace"),
    ("import_users", "apply"),
    ("list_webhooks", "webhook list"),
    ("create_webhook", "webhook add"),
    ("show_webhook", "webhook show"),
    ("change_webhook", "webhook set"),
    ("remove_webhook", "webhook rm"),
    ("test_webhook", "webhook test"),
    ("rotate_webhook_secret", "webhook rotate-secret"),
    ("list_webhook_deliveries", "webhook deliveries"),
    ("resend_webhook_delivery", "webhook resend"),
];

/// Operations without a command, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("stream_events", "who listens on a terminal reads the log; programs use the API"),
    ("stream_my_events", "whoever has the data directory is no user"),
    ("open_socket", "who listens on a terminal reads the log; programs use the API"),
    ("make_socket_ticket", "for a page in a browser"),
    ("list_jobs", "the command line waits for its imports, with a bar"),
    ("show_job", "the command line waits for its imports, with a bar"),
    ("take_secrets_of_job", "the command line prints them when it is done"),
    ("list_my_accounts", "whoever has the data directory is no user"),
    ("make_phone_ticket", "for a page in a browser"),
    ("make_embed_ticket", "for a page in a browser, by its own server"),
    ("change_my_account", "whoever has the data directory is no user"),
    ("show_my_account", "whoever has the data directory is no user"),
    ("list_my_devices", "whoever has the data directory is no user"),
    ("connect_my_device", "whoever has the data directory is no user"),
    ("show_my_device", "whoever has the data directory is no user"),
    ("ring_my_device", "whoever has the data directory is no user"),
    ("show_my_ringing_device", "whoever has the data directory is no user"),
    ("connect_my_device_again", "whoever has the data directory is no user"),
    ("revoke_my_device", "whoever has the data directory is no user"),
    ("show_my_phonebook", "whoever has the data directory is no user"),
    ("list_my_call_records", "whoever has the data directory is no user"),
];

#[test]
fn each_operation_of_the_api_has_a_command_that_is_there_or_a_reason() {
    let document = coeur_api::rest::document();
    let paths = document["paths"].as_object().unwrap().values();
    let names = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let names: Vec<&str> = names.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let known = |name: &str| COMMANDS.iter().chain(WITHOUT).filter(|(known, _)| *known == name).count();
    let missing: Vec<&str> = names.iter().copied().filter(|name| known(name) != 1).collect();
    assert_eq!(missing, Vec::<&str>::new(), "name the command, or say why there is none");
    let mut gone = COMMANDS.iter().chain(WITHOUT).filter(|(known, _)| !names.contains(known));
    assert_eq!(gone.next(), None, "this operation is gone");
    for (name, words) in COMMANDS {
        let all = Cli::command();
        let found = words.split(' ').try_fold(&all, |command, word| command.find_subcommand(word));
        assert!(found.is_some(), "{name}: there is no `coeur {words}`");
    }
}
