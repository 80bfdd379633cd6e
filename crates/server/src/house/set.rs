//! What was set, for who looks at it from outside.

use crate::cli::check_config::values;
use crate::config::{Key, Settings, Source};
use coeur_api::SettingView;

/// Every setting with where it was read; secrets are not in them.
pub fn shown(settings: &Settings) -> Vec<SettingView> {
    let view = |(key, value): (Key, serde_json::Value)| {
        let said = settings.said.iter().find(|(said, _)| *said == key);
        SettingView {
            key: key.name().to_owned(),
            value,
            origin: said.map_or(Source::Default, |(_, source)| source.clone()).to_string(),
            meaning: key.doc().to_owned(),
        }
    };
    values(settings).into_iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layer, load};

    #[test]
    fn each_setting_says_where_it_was_read_and_no_secret() {
        let file = std::env::temp_dir().join(format!("coeur-set-{}.toml", std::process::id()));
        std::fs::write(&file, "hep = \"udp://192.0.2.1:9060\"\nhep_password = \"a secret\"\n").unwrap();
        let mut flags = Layer::default();
        flags.flag(Key::Shards, ["3".to_owned()]);
        let name = file.display().to_string();
        let variables =
            [("COEUR_CONFIG".to_owned(), name.clone()), ("COEUR_TRACE_DAYS".to_owned(), "7".to_owned())];
        let shown = shown(&load(flags, &variables).unwrap());
        std::fs::remove_file(&file).unwrap();
        let of = |key: &str| {
            let found = shown.iter().find(|one| one.key == key).unwrap();
            (found.value.clone(), found.origin.as_str())
        };
        assert_eq!(of("shards"), (3.into(), "--shards"));
        assert_eq!(of("trace_days"), (7.into(), "environment COEUR_TRACE_DAYS"));
        assert_eq!(of("hep_password"), ("***".into(), format!("{name}:2").as_str()));
        assert_eq!(of("trace_disk_mb"), (1_024.into(), "default"));
        assert!(!format!("{shown:?}").contains("a secret"));
    }
}
