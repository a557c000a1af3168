//! `--sigv4`: who is verified, and what becomes of signatures that do not hold.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use gatepost_clock::Clock;
use gatepost_sigv4::Credentials;
use gatepost_sigv4::Mode;
use gatepost_sigv4::Signatures;
use gatepost_sigv4::Verifier;

use crate::cli::Sigv4;
use crate::credentials;
use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::Kind;

/// Verifies the requests of `service` (`execute-api`, `lambda`) with the credentials of functions.
/// Errors are counted by their cause and told as facts.
pub(crate) fn signatures(
    sigv4: Sigv4,
    credentials: &credentials::Credentials,
    service: &'static str,
    journal: &Arc<Journal>,
    clock: &Clock,
) -> Signatures {
    let mode = match sigv4 {
        Sigv4::Off => return Signatures::unchecked(),
        Sigv4::Warn => Mode::Warn,
        Sigv4::Strict => Mode::Strict,
    };
    let pair = Credentials {
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
        session_token: credentials.session_token.clone(),
    };
    let verifier = Verifier::new(pair, &credentials.region, service);
    let counts = Mutex::new(HashMap::new());
    let journal = Arc::clone(journal);
    let clock = clock.clone();
    let timed = clock.clone();
    // Who signs has the machine's time.
    let seconds = move || (timed.machine_ms() / 1000).cast_signed();
    Signatures::checked(mode, verifier, seconds, move |error, refused| {
        let count = {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(error.cause()).or_insert(0_u64);
            *count += 1;
            *count
        };
        journal.record(Fact {
            at: clock.now_ms(),
            kind: Kind::BadSignature {
                service,
                cause: error.cause().word(),
                count,
                refused,
            },
        });
    })
}
