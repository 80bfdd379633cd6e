//! The settings of the server: one list of keys, and one place of precedence: command line, then environment
//! (`COEUR_*`), then file (TOML), then default. Everything that is not about this process (domains' accounts,
//! devices, policies) is directory data and is not set here.

pub mod environment;
pub mod file;
pub mod front;
pub mod key;
pub mod listen;
pub mod oidc;
pub mod origin;
mod phones;
pub mod settings;
pub mod suggest;
pub mod turn;

pub use key::{Key, Layer, Source};
pub use listen::{Advertise, Listen};
pub use origin::AllowedOrigin;
pub use settings::{LogFormat, Settings};

/// Something in the settings is wrong; says where it was read and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub source: Source,
    pub text: String,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.source, self.text)
    }
}

impl std::error::Error for ConfigError {}

/// The settings of a server that runs, as it tells them, under those that are given here.
pub fn of_server(command_line: Layer, told: Layer) -> Result<Settings, Vec<ConfigError>> {
    settings::resolve(&[command_line, told])
}

/// Reads the file (if one is named on the command line or in `COEUR_CONFIG`) and the environment, lays the command
/// line over them and resolves every key.
pub fn load(command_line: Layer, variables: &[(String, String)]) -> Result<Settings, Vec<ConfigError>> {
    let (environment, mut errors) = environment::layer(variables);
    let config = command_line.one(Key::Config).or_else(|| environment.one(Key::Config));
    let config = config.map(|(path, _)| std::path::PathBuf::from(path));
    let file = match &config {
        Some(path) => {
            let (layer, found) = file::read(path);
            errors.extend(found);
            layer
        }
        None => Layer::default(),
    };
    match settings::resolve(&[command_line, environment, file]) {
        Ok(settings) if errors.is_empty() => Ok(Settings { config, ..settings }),
        Ok(_) => Err(errors),
        Err(found) => {
            errors.extend(found);
            Err(errors)
        }
    }
}
