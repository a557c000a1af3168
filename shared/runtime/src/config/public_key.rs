//! The public key that checks RS256 tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An RSA public key as DER of PKCS #1's `RSAPublicKey` (RFC 8017 A.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey(Vec<u8>);

/// OID 1.2.840.113549.1.1.1 with its NULL parameter: `rsaEncryption` (RFC 8017 A.1).
const RSA_ENCRYPTION: [u8; 13] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

impl RsaPublicKey {
    /// Reads PEM of a `PUBLIC KEY` (RFC 5280 4.1) or `RSA PUBLIC KEY`. Line ends may be written as
    /// `\n`, as they are where a variable holds one line.
    ///
    /// # Errors
    /// Says what the text is instead.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let pem = pem.replace("\\n", "\n");
        let mut lines = pem.lines().map(str::trim).filter(|line| !line.is_empty());
        let wrapped = match lines.next() {
            Some("-----BEGIN PUBLIC KEY-----") => true,
            Some("-----BEGIN RSA PUBLIC KEY-----") => false,
            Some(line) if line.contains("PRIVATE") => return Err("is a private key"),
            Some(line) if line.contains("CERTIFICATE") => return Err("is a certificate"),
            _ => return Err("does not begin with -----BEGIN PUBLIC KEY-----"),
        };
        let body: String = lines
            .take_while(|line| !line.starts_with("-----END"))
            .collect();
        let der = STANDARD
            .decode(body)
            .map_err(|_| "is not Base64 between its lines")?;
        let key = if wrapped {
            unwrap(&der).ok_or("is not an RSA key")?
        } else {
            &der
        };
        Self::checked(key).map(|()| Self(key.to_vec()))
    }

    fn checked(key: &[u8]) -> Result<(), &'static str> {
        let (modulus, _) = element(key, SEQUENCE)
            .filter(|(_, rest)| rest.is_empty())
            .and_then(|(numbers, _)| element(numbers, INTEGER))
            .ok_or("is not an RSA key")?;
        let bits = modulus.iter().skip_while(|byte| **byte == 0).count() * 8;
        if !(2048..=8192).contains(&bits) {
            return Err("has not 2048 to 8192 bits");
        }
        Ok(())
    }

    /// The key of two numbers, most significant byte first, as a JSON Web Key has them (RFC 7518
    /// section 6.3.1).
    ///
    /// # Errors
    /// If the modulus has not 2,048 to 8,192 bits.
    pub fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, &'static str> {
        let numbers = [integer(modulus), integer(exponent)].concat();
        let der = tagged(SEQUENCE, &numbers);
        Self::checked(&der).map(|()| Self(der))
    }

    /// The key as DER of `RSAPublicKey`.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

/// DER of a number that is not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let sign = digits.first().is_none_or(|first| first & 0x80 != 0);
    let padding: &[u8] = if sign { &[0] } else { &[] };
    tagged(INTEGER, &[padding, &digits].concat())
}

/// DER of one element; too long a one is no key anyway.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let head: &[u8] = match length {
        [0, short] if short < 0x80 => &[tag, short],
        [0, short] => &[tag, 0x81, short],
        [high, low] => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}

/// The key inside a `SubjectPublicKeyInfo`.
fn unwrap(der: &[u8]) -> Option<&[u8]> {
    let (info, rest) = element(der, SEQUENCE)?;
    let (algorithm, bits) = element(info, SEQUENCE)?;
    let (bits, more) = element(bits, BIT_STRING)?;
    // The first byte of a bit string says how many bits of the last are unused.
    let (0, key) = bits.split_first()? else {
        return None;
    };
    (rest.is_empty() && more.is_empty() && algorithm == RSA_ENCRYPTION).then_some(key)
}

/// The content of one DER element of this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else {
        return None;
    };
    if *found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PKIX: &str = include_str!("public_key/pkix.pem");
    const PKCS1: &str = include_str!("public_key/pkcs1.pem");

    #[test]
    fn both_forms_of_a_key_are_one_key() {
        let key = RsaPublicKey::from_pem(PKIX).unwrap();
        assert_eq!(RsaPublicKey::from_pem(PKCS1).unwrap(), key);
        assert_eq!(
            RsaPublicKey::from_pem(&PKIX.replace('\n', "\\n")).unwrap(),
            key
        );
        assert_eq!(
            RsaPublicKey::from_pem(&PKIX.replace('\n', "\r\n")).unwrap(),
            key
        );
    }

    #[test]
    fn two_numbers_are_the_same_key() {
        let key = RsaPublicKey::from_pem(PKIX).unwrap();
        let (numbers, _) = element(key.der(), SEQUENCE).unwrap();
        let (modulus, rest) = element(numbers, INTEGER).unwrap();
        let (exponent, _) = element(rest, INTEGER).unwrap();
        let without_sign = modulus.strip_prefix(&[0]).unwrap();
        for modulus in [modulus, without_sign] {
            assert_eq!(RsaPublicKey::from_numbers(modulus, exponent).unwrap(), key);
        }
        for modulus in [&[][..], &[0; 256], &without_sign[..64], &[255; 70_000]] {
            RsaPublicKey::from_numbers(modulus, exponent).unwrap_err();
        }
    }

    #[test]
    fn what_is_no_key_is_told_what_it_is() {
        let cut = PKIX.replace("lwIDAQAB", "lwIDAQ==");
        for (pem, expected) in [
            ("", "does not begin with -----BEGIN PUBLIC KEY-----"),
            ("MIIB", "does not begin with -----BEGIN PUBLIC KEY-----"),
            ("-----BEGIN RSA PRIVATE KEY-----", "is a private key"),
            ("-----BEGIN CERTIFICATE-----", "is a certificate"),
            (
                "-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----",
                "is not Base64 between its lines",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
                "is not an RSA key",
            ),
            (&PKIX.replace("PUBLIC", "RSA PUBLIC"), "is not an RSA key"),
            (&cut, "is not an RSA key"),
            (include_str!("public_key/p256.pem"), "is not an RSA key"),
            (
                include_str!("public_key/short.pem"),
                "has not 2048 to 8192 bits",
            ),
        ] {
            assert_eq!(RsaPublicKey::from_pem(pem), Err(expected), "{pem}");
        }
    }
}
