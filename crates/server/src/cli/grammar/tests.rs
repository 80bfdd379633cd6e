use super::*;
use crate::config::Key;

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_an_example_in_its_help() {
    fn each(command: &clap::Command, without: &mut Vec<String>) {
        if command.has_subcommands() {
            return command.get_subcommands().for_each(|sub| each(sub, without));
        }
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if !help.contains("Example") {
            without.push(command.get_name().to_owned());
        }
    }
    let mut without = Vec::new();
    each(&Cli::command(), &mut without);
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn the_help_names_every_verb_and_the_exit_codes() {
    let help = Cli::command().render_help().to_string();
    for word in [
        "serve",
        "account",
        "device",
        "domain",
        "user",
        "tenant",
        "setup-link",
        "token",
        "webhook",
        "group",
        "registrations",
        "check-config",
        "check-data",
        "selftest",
        "trace",
        "call",
        "audit",
        "completion",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
}

#[test]
fn every_setting_has_its_flag_and_names_its_variable() {
    let command = Cli::command();
    let serve = command.get_subcommands().find(|sub| sub.get_name() == "serve").unwrap();
    for key in Key::ALL {
        let flag = key.name().replace('_', "-");
        let found = serve.get_arguments().find(|argument| argument.get_long() == Some(&flag));
        let help = found.unwrap_or_else(|| panic!("--{flag} is missing")).get_help().unwrap().to_string();
        assert!(help.contains(key.environment()), "{flag}: {help}");
    }
}

#[test]
fn flags_become_the_strongest_layer() {
    let cli = Cli::try_parse_from([
        "coeur",
        "serve",
        "--listen",
        "udp://[::]:5060",
        "--listen",
        "tcp://[::]:5060",
        "--shards",
        "2",
    ])
    .unwrap();
    let Command::Serve(serve) = cli.into_command().unwrap() else { panic!("not serve") };
    let layer = serve.settings.layer();
    assert_eq!(layer.get(Key::Listen).unwrap().0.len(), 2);
    assert_eq!(layer.one(Key::Shards).unwrap().0, "2");
    assert!(layer.get(Key::Data).is_none());
}

#[test]
fn a_call_takes_its_words() {
    let cli =
        Cli::try_parse_from(["coeur", "call", "alice", "echo", "--transport", "tls", "--data", "d"]).unwrap();
    let Command::Call(call) = cli.into_command().unwrap() else { panic!("not call") };
    assert_eq!((call.seconds, call.transport), (5, Transport::Tls));
    assert_eq!(call.place.data, Some("d".into()));
}

#[test]
fn what_every_command_has_may_stand_before_it() {
    let command = |words: &str| {
        let words = std::iter::once("coeur").chain(words.split(' '));
        Cli::try_parse_from(words).and_then(Cli::into_command)
    };
    let Command::Call(call) = command("--data d --json call alice echo").unwrap() else { panic!("not call") };
    assert_eq!((call.place.data, call.place.json), (Some("d".into()), true));
    let Command::Account(account) = command("--data d account --data e list").unwrap() else {
        panic!("not account")
    };
    assert_eq!((account.place.data, account.place.json), (Some("e".into()), false));
    let Command::Serve(serve) = command("--data d serve --demo").unwrap() else { panic!("not serve") };
    assert_eq!(serve.settings.layer().one(Key::Data).unwrap().0, "d");
    let Command::CheckConfig(check) = command("--json --data d check-config").unwrap() else {
        panic!("not check-config")
    };
    assert_eq!((check.json, check.settings.data), (true, Some("d".into())));
    for words in ["--json serve", "--data d completion bash", "--json completion bash"] {
        let why = command(words).unwrap_err();
        assert!(
            why.kind() == ErrorKind::UnknownArgument && why.to_string().contains("has no option --"),
            "{why}"
        );
    }
}
