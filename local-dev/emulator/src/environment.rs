//! The environment of functions: the template's variables, then the endpoints of what is emulated,
//! then the file's variables, then the command line's; and what Lambda itself sets.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::Variable;
use crate::credentials::Credentials;
use crate::env_file::Line;

/// What only a running emulator knows, by the name under which a value may ask for it.
#[derive(Debug, Clone)]
pub(crate) struct Placeholders(BTreeMap<&'static str, String>);

impl Placeholders {
    /// `origin` is that of the page, `http://127.0.0.1:3001`; `data_dir` is absolute.
    pub(crate) fn new(origin: &str, port: u16, data_dir: &Path) -> Self {
        Self(BTreeMap::from([
            ("GATEPOST_ORIGIN", origin.to_owned()),
            ("GATEPOST_PORT", port.to_string()),
            ("GATEPOST_DATA_DIR", data_dir.display().to_string()),
        ]))
    }

    /// Replaces every `${NAME}`.
    ///
    /// # Errors
    /// What is wrong with the value: an unknown name, or `${` without `}`.
    fn fill_in(&self, value: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("`${` has no `}`")?;
            let known = self.0.get(name).ok_or_else(|| {
                let names: Vec<_> = self.0.keys().map(|name| format!("${{{name}}}")).collect();
                format!(
                    "`${{{name}}}` is unknown: only {} are filled in",
                    names.join(", ")
                )
            })?;
            filled.push_str(before);
            filled.push_str(known);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// The variables that every function gets over those of the template: the file's, then those of
/// `--env`.
///
/// # Errors
/// A placeholder that nothing fills in, with file and line or the flag.
pub(crate) fn overrides(
    file: Option<(&Path, &[Line])>,
    flags: &[Variable],
    placeholders: &Placeholders,
) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::new();
    if let Some((path, lines)) = file {
        for line in lines {
            let value = if line.literal {
                line.value.clone()
            } else {
                placeholders.fill_in(&line.value).map_err(|what| {
                    format!(
                        "{}:{}: {what}; single quotes keep a value as it is",
                        path.display(),
                        line.number
                    )
                })?
            };
            variables.insert(line.name.clone(), value);
        }
    }
    for variable in flags {
        let value = placeholders
            .fill_in(&variable.value)
            .map_err(|what| format!("--env {}: {what}", variable.name))?;
        variables.insert(variable.name.clone(), value);
    }
    Ok(variables)
}

/// Where the SDKs of functions find the services that are emulated (`AWS_ENDPOINT_URL_…` of the SDKs'
/// guide "Service-specific endpoints"). `origin` is `http://host:port`.
pub(crate) fn endpoints(origin: &str, stage: &str) -> BTreeMap<String, String> {
    let pairs = [
        (
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
            format!("{origin}/{stage}"),
        ),
        ("AWS_ENDPOINT_URL_LAMBDA", origin.to_owned()),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Credentials and region, as unmodified SDKs in functions read them.
pub(crate) fn identity(credentials: &Credentials) -> BTreeMap<String, String> {
    let region = credentials.region.as_str();
    let token = credentials.session_token.as_deref();
    let pairs = [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        // An SDK that finds no credentials asks the metadata service of EC2, which is not here.
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let token = token.map(|token| ("AWS_SESSION_TOKEN", token));
    pairs
        .into_iter()
        .chain(token)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        Placeholders::new("http://127.0.0.1:3001", 3001, Path::new("/p/.gatepost"))
    }

    fn line(name: &str, value: &str, literal: bool) -> Line {
        Line {
            name: name.into(),
            value: value.into(),
            literal,
            number: 7,
        }
    }

    fn flag(name: &str, value: &str) -> Variable {
        Variable {
            name: name.into(),
            value: value.into(),
        }
    }

    #[test]
    fn placeholders_are_filled_in() {
        for (value, expected) in [
            (
                "sqlite:${GATEPOST_DATA_DIR}/log.db",
                "sqlite:/p/.gatepost/log.db",
            ),
            (
                "${GATEPOST_ORIGIN},http://localhost:${GATEPOST_PORT}",
                "http://127.0.0.1:3001,http://localhost:3001",
            ),
            ("$HOME {x} }", "$HOME {x} }"),
            ("", ""),
        ] {
            assert_eq!(placeholders().fill_in(value).unwrap(), expected);
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let lines = [line("A", "file", false), line("B", "${X}", true)];
        let file = Some((Path::new("local.env"), &lines[..]));
        let variables = overrides(file, &[flag("A", "flag")], &placeholders()).unwrap();
        assert_eq!(variables["A"], "flag");
        assert_eq!(variables["B"], "${X}");
    }

    #[test]
    fn an_unknown_placeholder_is_an_error_with_its_place() {
        let lines = [line("A", "${HOME}/x", false)];
        let file = Some((Path::new("infra/local.env"), &lines[..]));
        let error = overrides(file, &[], &placeholders()).unwrap_err();
        assert!(
            error.starts_with("infra/local.env:7: `${HOME}` is unknown"),
            "{error}"
        );
        let error = overrides(None, &[flag("A", "${X")], &placeholders()).unwrap_err();
        assert_eq!(error, "--env A: `${` has no `}`");
    }
}
