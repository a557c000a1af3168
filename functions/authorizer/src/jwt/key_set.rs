//! Keys that an issuer publishes: a JSON Web Key Set (RFC 7517).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_runtime::config::RsaPublicKey;
use serde::Deserialize;

use super::Key;

/// Keys by their `kid`. A key that cannot be used here is left out, as RFC 7517 section 5 wants it:
/// another type, another use, no `kid`, or one that another key has as well.
#[derive(Debug, Default)]
pub struct KeySet(HashMap<String, Option<Arc<Key>>>);

/// Why a document has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// Not an object with a list `keys`.
    #[error("the document is no JSON Web Key Set")]
    Malformed,
    /// None of the keys can be used.
    #[error("the key set has no key for RS256, ES256 or EdDSA with a kid")]
    Unusable,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// A key as it is published (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
struct Published {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a document.
    ///
    /// # Errors
    /// If there is no usable key in it.
    pub fn parse(document: &[u8]) -> Result<Self, NoKeys> {
        let Document { keys } = serde_json::from_slice(document).map_err(|_| NoKeys::Malformed)?;
        let mut set: HashMap<String, Option<Arc<Key>>> = HashMap::new();
        for published in keys {
            let Ok(published) = serde_json::from_value::<Published>(published) else {
                continue;
            };
            let key = published.key().map(Arc::new);
            match set.entry(published.kid) {
                Entry::Vacant(place) => {
                    place.insert(key);
                }
                // Nobody knows which of them is meant.
                Entry::Occupied(mut place) => {
                    place.insert(None);
                }
            }
        }
        if set.values().all(Option::is_none) {
            return Err(NoKeys::Unusable);
        }
        Ok(Self(set))
    }

    /// The key of this `kid`.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<Arc<Key>> {
        self.0.get(kid)?.clone()
    }
}

impl Published {
    /// The key. Its type alone fixes the algorithm.
    fn key(&self) -> Option<Key> {
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if self
            .purpose
            .as_deref()
            .is_some_and(|purpose| purpose != "sig")
            || !self.key_ops.as_ref().is_none_or(verifies)
        {
            return None;
        }
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => {
                let (modulus, exponent) = (decode(self.n.as_ref())?, decode(self.e.as_ref())?);
                Key::Rs256(RsaPublicKey::from_numbers(&modulus, &exponent).ok()?)
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(self.x.as_ref())?, decode(self.y.as_ref())?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                // Uncompressed (SEC 1 section 2.3.3). Whether it is on the curve is looked at with
                // every signature.
                Key::Es256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            ("OKP", Some("Ed25519")) => {
                let x = decode(self.x.as_ref())?;
                if x.len() != 32 {
                    return None;
                }
                Key::EdDsa(x)
            }
            _ => return None,
        };
        let is_meant = |alg: &str| alg == key.algorithm();
        self.alg.as_deref().is_none_or(is_meant).then_some(key)
    }
}

fn decode(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}
