//! A signed request in its parts as they are on the wire.

use gatepost_sigv4::Verifier;

use crate::received::Received;

/// A signed request in its parts as they are on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
}

impl Signed {
    pub(crate) fn is_accepted(&self, verifier: &Verifier, now: i64) -> bool {
        let received = Received::new(&self.method, &self.target, &self.headers, &self.payload);
        received.is_some_and(|received| received.verify(verifier, now).is_ok())
    }

    /// Flips one bit of what is signed, or of the signature. `part` and `byte` choose from as many.
    pub(crate) fn flip(
        &self,
        part: impl FnOnce(usize) -> usize,
        byte: impl FnOnce(usize) -> usize,
        bit: u8,
    ) -> Self {
        let mut changed = self.clone();
        let mut parts = vec![
            &mut changed.method,
            &mut changed.target,
            &mut changed.payload,
        ];
        parts.extend(changed.headers.iter_mut().map(|(_, value)| value));
        parts.retain(|part| !part.trim_ascii().is_empty());
        let chosen = part(parts.len());
        let part = &mut parts[chosen];
        // The spaces around a header's value are no part of it.
        let start = part.len() - part.trim_ascii_start().len();
        let at = start + byte(part.trim_ascii().len());
        // `%3d` and `%3D` are the same character.
        let digit_of_escape = part[at.saturating_sub(2)..at].contains(&b'%');
        let bit = if digit_of_escape && bit == 5 { 0 } else { bit };
        part[at] ^= 1 << bit;
        changed
    }
}
