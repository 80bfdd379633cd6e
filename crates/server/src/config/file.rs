//! The settings file (TOML). Unknown keys are errors, with the line and a suggestion.

use super::suggest::nearest;
use super::{ConfigError, Key, Layer, Source};
use std::path::Path;

/// Larger files are refused: a settings file of ours has a few hundred bytes.
const BYTES_MAX: u64 = 1 << 20;

/// What could be read, and what was wrong with the rest: one misspelt key hides no other error.
pub fn read(path: &Path) -> (Layer, Vec<ConfigError>) {
    let name = path.display().to_string();
    let error = |text: String| {
        (
            Layer::default(),
            vec![ConfigError { source: Source::File { path: name.clone(), line: None }, text }],
        )
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > BYTES_MAX => {
            return error("larger than 1 MB: not a settings file".into());
        }
        Ok(_) => {}
        Err(why) => return error(format!("cannot be read: {why}")),
    }
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&name, &text),
        Err(why) => error(format!("cannot be read: {why}")),
    }
}

pub fn parse(path: &str, text: &str) -> (Layer, Vec<ConfigError>) {
    let at = |line| Source::File { path: path.to_owned(), line };
    let (mut layer, mut errors) = (Layer::default(), Vec::new());
    let table = text.parse::<toml::Table>().unwrap_or_else(|why| {
        let line = why.span().map(|span| line_of(text, span.start));
        errors.push(ConfigError { source: at(line), text: why.message().to_owned() });
        toml::Table::new()
    });
    for (name, value) in &table {
        let source = at(line_of_key(text, name));
        match (Key::named(name), words(value)) {
            (None, _) => errors.push(ConfigError { source, text: unknown(name) }),
            (Some(Key::Config), _) => {
                errors.push(ConfigError { source, text: "a settings file cannot name another one".into() });
            }
            (Some(key), Some(values)) => layer.set(key, values, source),
            (Some(_), None) => errors.push(ConfigError {
                source,
                text: format!("`{name}` must be a string, a number or a list of strings"),
            }),
        }
    }
    (layer, errors)
}

fn words(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::Array(values) => values.iter().map(word).collect(),
        toml::Value::String(_) | toml::Value::Integer(_) => word(value).map(|word| vec![word]),
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_) => None,
    }
}

fn word(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, Key::ALL.iter().map(|key| key.name())) {
        Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
        None => format!("unknown key `{name}`; `coeur check-config --help` lists the keys"),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// The table keeps no positions: the line is the first that begins with this key.
fn line_of_key(text: &str, name: &str) -> Option<usize> {
    let begins = |line: &str| {
        let line = line.trim_start().trim_start_matches(['[', '"']);
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['=', ']', '"', '.']))
    };
    text.lines().position(begins).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_with_its_line_and_a_suggestion() {
        let errors = parse(
            "coeur.toml",
            "data = \"/var/lib/coeur\"\nlissten = [\"udp://0.0.0.0:5060\"]\nretries = 1\n",
        )
        .1;
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts[0], "coeur.toml:2: unknown key `lissten`; did you mean `listen`?");
        assert_eq!(
            texts[1],
            "coeur.toml:3: unknown key `retries`; `coeur check-config --help` lists the keys"
        );
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let errors = parse("coeur.toml", "data = \"a\"\ndomain = \n").1;
        assert!(errors[0].to_string().starts_with("coeur.toml:2: "), "{}", errors[0]);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_an_error() {
        let errors = parse("coeur.toml", "shards = true\n").1;
        assert!(errors[0].text.contains("must be a string, a number or a list"));
    }
}
