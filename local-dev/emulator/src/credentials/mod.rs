//! The credentials of functions: those of one start, shown to callers and valid nowhere else, or
//! the developer's own.

mod inherit;

use std::fmt;

use gatepost_gateway::Caller;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeStruct;

pub(crate) use inherit::inherit;

/// The region of everything that is emulated.
pub(crate) const REGION: &str = "us-east-1";

/// What access keys are made of.
const CAPITAL_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What secrets are made of here: none that looks like another.
pub(crate) const SMALL_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Access key, secret and session token.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Of a generated pair `ASIA` and 16 letters and digits: the form of temporary keys.
    pub(crate) access_key_id: String,
    /// 40 characters.
    pub(crate) secret_access_key: String,
    /// Long-term keys have none.
    pub(crate) session_token: Option<String>,
    /// [`REGION`], or the developer's.
    pub(crate) region: String,
    /// Whether they are the developer's own: then they are valid on AWS, and no secret is shown.
    pub(crate) is_inherited: bool,
}

/// As the ready line shows them.
impl Serialize for Credentials {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Credentials", 4)?;
        shown.serialize_field("access_key_id", &self.access_key_id)?;
        if !self.is_inherited {
            shown.serialize_field("secret_access_key", &self.secret_access_key)?;
            shown.serialize_field("session_token", &self.session_token)?;
        }
        shown.serialize_field("region", &self.region)?;
        shown.end()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Whom a request that is signed with them comes from: of temporary credentials, a session of a
    /// role. Its name and ids are the emulator's own.
    pub(crate) fn caller(&self, account: &str) -> Caller {
        Caller {
            access_key_id: self.access_key_id.clone(),
            principal_id: "AROAGATEPOSTGATEPOSTG:local".to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/gatepost/local"),
        }
    }

    /// A pair of this start, from `random` bytes: `fill` fills a slice with them.
    ///
    /// # Errors
    /// Those of `fill`.
    pub(crate) fn generate<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let id = letters(&mut fill, CAPITAL_LETTERS, 16)?;
        Ok(Self {
            access_key_id: format!("ASIA{id}"),
            secret_access_key: letters(&mut fill, SMALL_LETTERS, 40)?,
            session_token: Some(letters(&mut fill, SMALL_LETTERS, 128)?),
            region: REGION.to_owned(),
            is_inherited: false,
        })
    }
}

/// `length` letters of `alphabet`, chosen by the random bytes with which `fill` fills a slice.
///
/// # Errors
/// Those of `fill`.
pub(crate) fn letters<E>(
    mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    alphabet: &[u8; 32],
    length: usize,
) -> Result<String, E> {
    let mut bytes = vec![0; length];
    fill(&mut bytes)?;
    // 32 letters divide 256 evenly: no letter is likelier than another.
    let letter = |byte: &u8| char::from(alphabet[usize::from(byte % 32)]);
    Ok(bytes.iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_form_of_temporary_credentials_and_stay_out_of_debug_output() {
        let mut next = 0;
        let fill = |bytes: &mut [u8]| {
            bytes.iter_mut().for_each(|byte| {
                *byte = next;
                next = u8::wrapping_add(next, 41);
            });
            Ok::<_, std::convert::Infallible>(())
        };
        let credentials = Credentials::generate(fill).unwrap();
        assert!(credentials.access_key_id.starts_with("ASIA"));
        assert_eq!(credentials.access_key_id.len(), 20);
        assert_eq!(credentials.secret_access_key.len(), 40);
        assert_eq!(
            credentials.session_token.as_ref().map(String::len),
            Some(128)
        );
        assert!(!format!("{credentials:?}").contains(&credentials.secret_access_key));
    }
}
