//! `--credentials inherit`: the developer's own AWS credentials, as the SDKs find them without a
//! network ("AWS SDKs and Tools Reference Guide", "Using shared config and credentials files"):
//! variables of the environment, then static keys of a profile. Functions that call AWS itself then
//! reach the developer's account; what is emulated is still reached here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use super::Credentials;
use super::REGION;
use crate::cli::Process;

/// Settings of a profile by which credentials are asked for somewhere.
const ASKED_FOR: [&str; 6] = [
    "sso_session",
    "sso_start_url",
    "role_arn",
    "credential_process",
    "web_identity_token_file",
    "login_session",
];

/// Why there are none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoCredentials {
    /// A profile that is not there, or no profile and no variables.
    #[error(
        "there are no AWS credentials: AWS_ACCESS_KEY_ID is not set, and {} has no keys of the \
         profile `{profile}`; leave out `--credentials inherit`, or name another with AWS_PROFILE",
        .file.display()
    )]
    Missing {
        /// Its name.
        profile: String,
        /// Where it would be.
        file: PathBuf,
    },
    /// They are not in a file.
    #[error(
        "the credentials of the profile `{profile}` are asked for ({setting}), which gatepost does \
         not do; run: eval \"$(aws configure export-credentials --profile {profile} --format env)\""
    )]
    AskedFor {
        /// The profile.
        profile: String,
        /// The setting that says so.
        setting: &'static str,
    },
    /// One of two is missing.
    #[error(
        "{0} is set without its other half: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together"
    )]
    Half(&'static str),
}

/// Sections of a file of profiles, by the name of the profile.
type Profiles = BTreeMap<String, BTreeMap<String, String>>;

/// The developer's credentials.
///
/// # Errors
/// When there are none that can be read; what to do.
pub(crate) fn inherit(process: &Process) -> Result<Credentials, NoCredentials> {
    let variable = |name: &str| {
        let value = process.environment.get(OsStr::new(name))?;
        let value = value.to_str()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
    let file = |name: &str, default: &str| {
        let path = variable(name).map_or_else(|| home.join(default), PathBuf::from);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        (path, text)
    };
    let profile = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
    let profile = profile.unwrap_or_else(|| "default".to_owned());
    let (path, credentials) = file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    let (_, config) = file("AWS_CONFIG_FILE", ".aws/config");
    let mut settings = profiles(&config).remove(&profile).unwrap_or_default();
    // Where both files set something the file of credentials wins.
    settings.extend(profiles(&credentials).remove(&profile).unwrap_or_default());

    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.or_else(|| settings.get("region").cloned());
    let region = region.unwrap_or_else(|| REGION.to_owned());
    let of_variables = keys(|name| variable(&name.to_ascii_uppercase()))?;
    let of_profile = keys(|name| {
        settings
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    })?;
    match of_variables.or(of_profile) {
        Some(Keys { id, secret, token }) => Ok(Credentials {
            access_key_id: id,
            secret_access_key: secret,
            session_token: token,
            region,
            is_inherited: true,
        }),
        None => Err(why_none(profile, path, &settings)),
    }
}

struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

/// Keys by their names in files; the variables have the same in upper case.
fn keys(value: impl Fn(&str) -> Option<String>) -> Result<Option<Keys>, NoCredentials> {
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Some(Keys {
            id,
            secret,
            token: value("aws_session_token"),
        })),
        (Some(_), None) => Err(NoCredentials::Half("AWS_ACCESS_KEY_ID")),
        (None, Some(_)) => Err(NoCredentials::Half("AWS_SECRET_ACCESS_KEY")),
        (None, None) => Ok(None),
    }
}

fn why_none(profile: String, file: PathBuf, settings: &BTreeMap<String, String>) -> NoCredentials {
    let mut asked_for = ASKED_FOR.into_iter();
    match asked_for.find(|setting| settings.contains_key(*setting)) {
        Some(setting) => NoCredentials::AskedFor { profile, setting },
        None => NoCredentials::Missing { profile, file },
    }
}

/// Reads a file of profiles: sections `[name]`, or `[profile name]` in the file of settings, and
/// `name = value` lines. Sections of other kinds and lines below a setting are passed over.
fn profiles(text: &str) -> Profiles {
    let mut profiles = Profiles::new();
    let mut section: Option<String> = None;
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) || is_nested {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            let head = head.split(']').next().unwrap_or_default().trim();
            section = match head.split_once(char::is_whitespace) {
                Some(("profile", name)) => Some(name.trim().trim_matches('"').to_owned()),
                Some(_) => None,
                None => Some(head.to_owned()),
            };
            continue;
        }
        if let (Some(section), Some((name, value))) = (&section, line.split_once('=')) {
            let settings = profiles.entry(section.clone()).or_default();
            settings.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key=secret+/=default

# one more
[work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = work
aws_session_token = token
[half]
aws_access_key_id = AKIAHALF
";
    const CONFIG: &str = "\
[default]
region = eu-west-1
s3 =
  addressing_style = path
[profile work]
region = ap-south-1
[profile sso]
sso_session = company
[sso-session company]
sso_region = us-west-2
[profile assumed]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = default
";

    fn inherited(variables: &[(&str, &str)]) -> Result<Credentials, NoCredentials> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        std::fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        let of_home = ("HOME", home.path().to_str().unwrap());
        let variables = variables.iter().chain([&of_home]);
        inherit(&Process {
            environment: variables.map(|(k, v)| (k.into(), v.into())).collect(),
            folder: PathBuf::new(),
            program: PathBuf::new(),
            interactive: false,
            colours: false,
        })
    }

    #[test]
    fn variables_come_before_the_profile_and_the_profile_is_the_named_one() {
        let own = [
            ("AWS_ACCESS_KEY_ID", "AKIAOWN"),
            ("AWS_SECRET_ACCESS_KEY", "own"),
        ];
        let of_region = [own[0], own[1], ("AWS_REGION", "sa-east-1")];
        for (variables, id, secret, token, region) in [
            (
                &[][..],
                "AKIADEFAULT",
                "secret+/=default",
                None,
                "eu-west-1",
            ),
            (
                &[("AWS_PROFILE", "work")],
                "AKIAWORK",
                "work",
                Some("token"),
                "ap-south-1",
            ),
            (&own, "AKIAOWN", "own", None, "eu-west-1"),
            (&of_region, "AKIAOWN", "own", None, "sa-east-1"),
        ] {
            let found = inherited(variables).unwrap();
            assert_eq!(found.access_key_id, id);
            assert_eq!(found.secret_access_key, secret);
            assert_eq!(found.session_token.as_deref(), token);
            assert_eq!(found.region, region);
        }
    }

    #[test]
    fn who_has_none_that_can_be_read_is_told_what_to_do() {
        let error = |variables: &[(&str, &str)]| inherited(variables).unwrap_err().to_string();
        for profile in ["sso", "assumed"] {
            let error = error(&[("AWS_PROFILE", profile)]);
            let command =
                format!("aws configure export-credentials --profile {profile} --format env");
            assert!(error.contains(&command), "{error}");
        }
        let missing = error(&[("AWS_PROFILE", "nobody")]);
        assert!(
            missing.contains(".aws/credentials has no keys of the profile `nobody`"),
            "{missing}"
        );
        assert!(error(&[("AWS_PROFILE", "half")]).contains("other half"));
        assert!(error(&[("AWS_SECRET_ACCESS_KEY", "s")]).contains("other half"));
    }

    #[test]
    fn secrets_that_are_not_ours_are_never_printed() {
        let found = inherited(&[("AWS_PROFILE", "work")]).unwrap();
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(
            json,
            r#"{"access_key_id":"AKIAWORK","region":"ap-south-1"}"#
        );
        let debug = format!("{found:?}");
        assert!(
            !debug.contains("token\"") && !debug.contains("\"work\""),
            "{debug}"
        );
    }
}
