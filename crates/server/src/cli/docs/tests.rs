//! The pages and the program say the same. What of a page is made from the program is written anew by
//! `COEUR_WRITE_DOCS=1 cargo test -p coeur --lib docs`; the French words beside it are kept, and a row that is new has the English
//! ones until somebody translates them, which a test asks for.

use super::*;
use crate::cli::causes;
use crate::cli::check_config;
use crate::cli::grammar::Cli;
use crate::config::{self, Key};
use clap::{CommandFactory, Parser};
use coeur_exchange::silence::Cause;
use std::collections::BTreeMap;
use std::path::PathBuf;

const TONGUES: [Tongue; 2] = [Tongue::English, Tongue::French];

fn file(tongue: Tongue, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/site")
        .join(tongue.tag())
        .join(format!("{name}.md"))
}

fn read(tongue: Tongue, name: &str) -> String {
    let file = file(tongue, name);
    std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// Compares a page with what it should be from its line `from` on, or writes it.
fn holds(tongue: Tongue, name: &str, from: &str, should: &str) {
    let text = read(tongue, name);
    let (head, _) = text.split_once(from).unwrap_or_else(|| panic!("{name} has no line {from:?}"));
    let should = format!("{head}{from}{should}");
    if std::env::var_os("COEUR_WRITE_DOCS").is_some() {
        return std::fs::write(file(tongue, name), should).unwrap();
    }
    let tag = tongue.tag();
    assert!(
        text == should,
        "docs/site/{tag}/{name}.md is old: COEUR_WRITE_DOCS=1 cargo test -p coeur --lib docs"
    );
}

/// The first and the last cell of each row of the tables of a page.
fn rows(text: &str) -> BTreeMap<String, String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    cells
        .filter_map(|row| Some((row.split(" | ").next()?.to_owned(), row.rsplit(" | ").next()?.to_owned())))
        .collect()
}

/// In a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn default_of(key: Key, values: &BTreeMap<Key, String>, tongue: Tongue) -> String {
    match key {
        Key::Shards | Key::MediaWorkers => tongue.pick("one for each core", "un par cœur").to_owned(),
        Key::Turn => tongue.pick("beside `listen`", "à côté de `listen`").to_owned(),
        _ => match values.get(&key).map(String::as_str) {
            None | Some("-") => "–".to_owned(),
            Some(value) => format!("`{value}`"),
        },
    }
}

fn settings(tongue: Tongue, meanings: impl Fn(Key) -> String) -> String {
    let settings = config::load(config::Layer::default(), &[]).unwrap();
    let values: BTreeMap<Key, String> = check_config::shown(&settings).into_iter().collect();
    let head = tongue
        .pick("| key | environment | default | meaning |", "| clé | environnement | par défaut | sens |");
    let rows = Key::ALL.iter().map(|key| {
        let default = default_of(*key, &values, tongue);
        format!("| `{}` | `{}` | {default} | {} |\n", key.name(), key.environment(), meanings(*key))
    });
    format!("\n\n{head}\n|---|---|---|---|\n{}", rows.collect::<String>())
}

#[test]
fn every_setting_is_on_its_page_with_its_default_in_both_languages() {
    let english = |key: Key| cell(key.doc());
    holds(Tongue::English, "admin/settings", "## All settings", &settings(Tongue::English, english));
    let kept = rows(&read(Tongue::French, "admin/settings"));
    let french = |key: Key| kept.get(&format!("`{}`", key.name())).cloned().unwrap_or_else(|| english(key));
    holds(Tongue::French, "admin/settings", "## Tous les réglages", &settings(Tongue::French, french));
    let untranslated: Vec<&str> =
        Key::ALL.iter().filter(|key| french(**key) == english(**key)).map(|key| key.name()).collect();
    assert_eq!(untranslated, Vec::<&str>::new(), "say them in French in docs/site/fr/admin/settings.md");
}

#[test]
fn every_cause_of_silence_is_on_its_page_in_both_languages() {
    for (tongue, language, from) in [
        (Tongue::English, Language::English, "## All causes"),
        (Tongue::French, Language::French, "## Toutes les causes"),
    ] {
        let head = tongue.pick(
            "| name | what is said of a phone | what to do |",
            "| nom | ce qui est dit d'un téléphone | que faire |",
        );
        let rows = Cause::ALL.iter().map(|cause| {
            let said = causes::sentence(*cause, &["…", "…", "…"], language);
            format!("| `{}` | {} | {} |\n", cause.name(), cell(&said), cell(causes::remedy(*cause, language)))
        });
        let rows: String = rows.collect();
        holds(tongue, "admin/silence", from, &format!("\n\n{head}\n|---|---|---|\n{rows}"));
    }
}

/// Every command that does something, with the words before it.
fn commands() -> Vec<(String, clap::Command)> {
    fn each(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let name = format!("{name} {}", sub.get_name());
            let acts = !sub.is_subcommand_required_set();
            if acts {
                found.push((name.clone(), sub.clone()));
            }
            each(sub, &name, found);
        }
    }
    let mut found = Vec::new();
    let mut cli = Cli::command().term_width(100);
    cli.build();
    each(&cli, "coeur", &mut found);
    found
}

/// As `--help` says it, without the settings, which have a page of their own.
fn help(command: &clap::Command) -> String {
    let settings: Vec<String> = Key::ALL.iter().map(|key| key.name().replace('_', "-")).collect();
    let has_settings = command.get_arguments().any(|argument| argument.get_long() == Some("media-ports"));
    let is_hidden = |argument: &clap::Arg| {
        let long = argument.get_long().unwrap_or_default();
        matches!(long, "help" | "version" | "json")
            || long == "data"
            || (has_settings && settings.iter().any(|name| name == long))
    };
    let mut shown = command.clone().about("").long_about("").mut_args(|argument| {
        let hide = is_hidden(&argument);
        argument.hide(hide)
    });
    shown = shown.disable_help_subcommand(true).term_width(100);
    let text = shown.render_long_help().to_string();
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn command_page(abouts: impl Fn(&str, &clap::Command) -> String) -> String {
    let each = commands().into_iter().map(|(name, command)| {
        format!("\n### {name}\n\n{}\n\n```text\n{}\n```\n", abouts(&name, &command), help(&command))
    });
    each.collect()
}

#[test]
fn every_command_is_on_its_page_in_both_languages() {
    let english = |command: &clap::Command| {
        format!("{}.", command.get_about().map(ToString::to_string).unwrap_or_default())
    };
    holds(
        Tongue::English,
        "admin/commands",
        "## All commands\n",
        &command_page(|_, command| english(command)),
    );
    let page = read(Tongue::French, "admin/commands");
    let kept = |name: &str| {
        let (_, behind) = page.split_once(&format!("\n### {name}\n\n"))?;
        Some(behind.lines().next().unwrap_or_default().to_owned())
    };
    let french = |name: &str, command: &clap::Command| kept(name).unwrap_or_else(|| english(command));
    holds(Tongue::French, "admin/commands", "## Toutes les commandes\n", &command_page(french));
    let untranslated: Vec<String> = commands()
        .into_iter()
        .filter(|(name, command)| french(name, command) == english(command))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(untranslated, Vec::<String>::new(), "say them in French in docs/site/fr/admin/commands.md");
}

/// The lines of blocks for a shell, those that end with `\` joined.
fn shell_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in text.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default().replace("\\\n", " ");
        lines.extend(block.lines().map(str::to_owned));
    }
    lines
}

/// As a shell cuts a line into words: quotes, a comment, and what ends a command.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            ('#' | '|' | '>' | '<' | ';', None) if word.is_none() => break,
            (_, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_command_that_a_page_shows_is_one_of_the_program() {
    let mut seen = 0;
    for (page, tongue) in PAGES.iter().flat_map(|page| TONGUES.map(|tongue| (page, tongue))) {
        for line in shell_lines(page.text(tongue)) {
            let words = shell_words(&line);
            let words = words
                .iter()
                .skip_while(|word| *word == "sudo" || (word.contains('=') && word.starts_with("COEUR_")));
            let words: Vec<&String> = words.collect();
            if words.first().is_none_or(|word| *word != "coeur") {
                continue;
            }
            seen += 1;
            let read = Cli::try_parse_from(words).and_then(Cli::into_command);
            if let Err(why) = read {
                panic!("docs/site/{}/{}.md: {line}\n{why}", tongue.tag(), page.name);
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_is_in_backquotes_and_begins_with_coeur_is_a_command_or_a_metric() {
    let names: Vec<String> = commands().into_iter().map(|(name, _)| name).collect();
    let texts = PAGES.iter().filter(|page| page.name != "admin/commands");
    for (page, tongue) in texts.flat_map(|page| TONGUES.map(|tongue| (page, tongue))) {
        for said in page.text(tongue).split('`').skip(1).step_by(2).filter(|said| said.starts_with("coeur "))
        {
            let is_one = names.iter().any(|name| said == name || said.starts_with(&format!("{name} ")));
            assert!(is_one, "docs/site/{}/{}.md: `{said}`", tongue.tag(), page.name);
        }
    }
}

#[test]
fn limits_are_those_of_the_program() {
    let grouped = |number: u64, separator: &str| match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}{separator}{:03}", number / 1_000, number % 1_000),
        _ => format!(
            "{}{separator}{:03}{separator}{:03}",
            number / 1_000_000,
            number / 1_000 % 1_000,
            number % 1_000
        ),
    };
    let settings = config::load(config::Layer::default(), &[]).unwrap();
    let ports = &settings.media_ports;
    for (tongue, separator, what) in [
        (
            Tongue::English,
            ",",
            [
                "tenants",
                "groups",
                "devices of an account",
                "further addresses of an account",
                "groups of an account",
                "pickup groups of an account",
                "records of calls",
                "calls of one account at a time",
                "calls of one thread that carries SIP",
                "media ports",
                "texts of one account in a minute",
            ],
        ),
        (
            Tongue::French,
            " ",
            [
                "organisations",
                "groupes",
                "appareils d'un compte",
                "autres adresses d'un compte",
                "groupes d'un compte",
                "groupes d'interception d'un compte",
                "journal des appels",
                "appels d'un compte en même temps",
                "appels d'un fil d'exécution qui porte SIP",
                "ports média",
                "messages d'un compte par minute",
            ],
        ),
    ] {
        let values = [
            coeur_directory::TENANTS_MAX as u64,
            coeur_directory::GROUPS_MAX as u64,
            coeur_directory::DEVICES_PER_ACCOUNT_MAX as u64,
            coeur_directory::ALIASES_PER_ACCOUNT_MAX as u64,
            coeur_directory::GROUPS_PER_ACCOUNT_MAX as u64,
            coeur_directory::PICKUP_GROUPS_MAX as u64,
            settings.call_records.calls,
            u64::from(settings.calls_per_account),
            coeur_exchange::call::CALLS_MAX as u64,
            u64::from(ports.end() - ports.start()) + 1,
            u64::from(settings.messages_per_minute),
        ];
        let page = read(tongue, "admin/limits");
        for (what, value) in what.into_iter().zip(values) {
            let row = format!("| {what} | {}", grouped(value, separator));
            assert!(page.contains(&row), "docs/site/{}/admin/limits.md lacks {row:?}", tongue.tag());
        }
    }
}
