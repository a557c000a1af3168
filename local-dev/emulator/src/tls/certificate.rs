//! The certificate, in files of the data folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use serde::Deserialize;
use serde::Serialize;

/// How long a certificate is valid. Apple's systems take none that is for longer than 825 days.
const VALID: Duration = Duration::from_secs(820 * 24 * 60 * 60);
/// It is made anew so long before it ends.
const RENEWED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// What clients must trust: the certificate of an authority that signed one certificate. Its
    /// key was never written, so whoever trusts it trusts nothing else.
    pub(crate) authority: PathBuf,
    /// The same behind what the system trusts, for programs that take one file only.
    pub(crate) bundle: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// What the certificate is for.
    about: PathBuf,
}

/// What a certificate is for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    names: Vec<String>,
    /// In milliseconds since 1970.
    until: u64,
}

impl Files {
    /// The files in a folder; those that are missing, too old, or for other names are made.
    /// The first of `trusted` that exists is what the system trusts.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub(super) fn in_folder(
        folder: &Path,
        names: &[String],
        now_ms: u64,
        mut trusted: impl Iterator<Item = PathBuf>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        // Functions have other working directories.
        let folder = folder.canonicalize()?;
        let files = Self {
            authority: folder.join("ca.pem"),
            bundle: folder.join("bundle.pem"),
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            about: folder.join("about.json"),
        };
        if !files.are_valid(names, now_ms) {
            files.make(names.to_vec(), now_ms)?;
        }
        let system = trusted.find_map(|path| fs::read(path).ok());
        let mut bundle = system.unwrap_or_default();
        bundle.extend(fs::read(&files.authority)?);
        fs::write(&files.bundle, bundle)?;
        Ok(files)
    }

    fn are_valid(&self, names: &[String], now_ms: u64) -> bool {
        let about = fs::read(&self.about).ok();
        let about = about.and_then(|text| serde_json::from_slice::<About>(&text).ok());
        about.is_some_and(|about| about.names == names && about.until > now_ms + ms(RENEWED))
            && [&self.authority, &self.certificate, &self.key]
                .iter()
                .all(|file| file.is_file())
    }

    fn make(&self, names: Vec<String>, now_ms: u64) -> anyhow::Result<()> {
        let until = now_ms + ms(VALID);
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let params = |names: Vec<String>| {
            CertificateParams::new(names).map(|mut params| {
                // Clocks of machines differ.
                params.not_before = epoch + Duration::from_millis(now_ms.saturating_sub(3_600_000));
                params.not_after = epoch + Duration::from_millis(until);
                params
            })
        };
        let mut authority = params(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "gatepost of this machine");
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let mut server = params(names.clone())?;
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;

        // What tells that the others are there comes last.
        let _ = fs::remove_file(&self.about);
        write_secret(&self.key, &key.serialize_pem())?;
        fs::write(&self.certificate, certificate.pem())?;
        fs::write(&self.authority, authority_certificate.pem())?;
        let about = serde_json::to_vec(&About { names, until })?;
        fs::write(&self.about, about)?;
        Ok(())
    }
}

/// The names of the certificate: this machine, the address that it listens at, and custom domains,
/// each also below `localhost`, where browsers look on this machine.
pub(crate) fn certificate_names(host: IpAddr, domains: &BTreeSet<String>) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "*.localhost", "*.execute-api.localhost"]
        .map(str::to_owned)
        .into();
    let mut addresses = vec![
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    if !host.is_unspecified() && !addresses.contains(&host) {
        addresses.push(host);
    }
    names.extend(addresses.iter().map(IpAddr::to_string));
    for domain in domains {
        names.extend([domain.clone(), format!("{domain}.localhost")]);
    }
    names
}

/// Writes a file that only its owner reads.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600);
    file.open(path)?.write_all(text.as_bytes())
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    #[test]
    fn a_certificate_is_kept_until_it_ends_or_is_asked_for_other_names() {
        let folder = tempfile::tempdir().unwrap();
        let system = folder.path().join("system.pem");
        fs::write(&system, "what the system trusts\n").unwrap();
        let local = IpAddr::from([127, 0, 0, 1]);
        let files = |host, domains: &[&str], now| {
            let folder = folder.path().join("tls");
            let trusted = ["/nowhere".into(), system.clone()].into_iter();
            let domains = domains.iter().map(|&domain| domain.to_owned()).collect();
            let names = certificate_names(host, &domains);
            Files::in_folder(&folder, &names, now, trusted).unwrap()
        };
        let first = files(local, &[], NOW);
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let authority = read(&first.authority);
        assert_eq!(
            read(&first.bundle),
            format!("what the system trusts\n{authority}")
        );
        let mode = fs::metadata(&first.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = IpAddr::from([192, 168, 1, 7]);
        for (host, domains, now, is_kept) in [
            (local, &[][..], NOW, true),
            (local, &[], NOW + ms(VALID - RENEWED) - 1, true),
            (local, &[], NOW + ms(VALID - RENEWED), false),
            (other, &[], NOW + ms(VALID), false),
            (other, &["chat.example.com"], NOW + ms(VALID), false),
            (other, &["chat.example.com"], NOW + ms(VALID), true),
        ] {
            let before = read(&first.authority);
            files(host, domains, now);
            assert_eq!(read(&first.authority) == before, is_kept, "{host} {now}");
        }
    }
}
