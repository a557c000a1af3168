//! Points in time as AWS writes them.

use gatepost_protocol::Millis;

const DAY: Millis = 86_400_000;

/// `20261122T081045Z`, the form of `x-amz-date`; its first eight bytes are the day.
pub(crate) fn basic(at: Millis) -> [u8; 16] {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let second = at.rem_euclid(DAY) / 1000;
    let mut text = *b"00000000T000000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[4..6], month);
    digits(&mut text[6..8], day);
    digits(&mut text[9..11], second / 3600);
    digits(&mut text[11..13], second / 60 % 60);
    digits(&mut text[13..15], second % 60);
    text
}

/// Reads `2020-04-30T20:10:33.236Z`, with or without a fraction. `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Millis> {
    let bytes = text.strip_suffix('Z')?.as_bytes();
    let (moment, fraction) = bytes.split_at_checked(19)?;
    let separators = [4, 7, 10, 13, 16].map(|at| moment[at]);
    if &separators != b"--T::" {
        return None;
    }
    let millis = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let mut three = *b"000";
            let kept = digits.len().min(3);
            three[..kept].copy_from_slice(&digits[..kept]);
            number(&three)?
        }
        _ => return None,
    };
    let day = days(
        number(&moment[0..4])?,
        number(&moment[5..7])?,
        number(&moment[8..10])?,
    );
    let hour = day * 24 + number(&moment[11..13])?;
    let second = (hour * 60 + number(&moment[14..16])?) * 60 + number(&moment[17..19])?;
    Some(second * 1000 + millis)
}

fn digits(text: &mut [u8], mut value: i64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Year, month and day of a count of days since 1970-01-01.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`], `days_from_civil` in the same paper.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_alike() {
        for (at, written, read) in [
            (0, "19700101T000000Z", "1970-01-01T00:00:00Z"),
            (
                951_782_400_000,
                "20000229T000000Z",
                "2000-02-29T00:00:00.000Z",
            ),
            (
                1_588_277_433_236,
                "20200430T201033Z",
                "2020-04-30T20:10:33.236Z",
            ),
            (
                1_795_335_045_500,
                "20261122T081045Z",
                "2026-11-22T08:10:45.5Z",
            ),
            (
                4_107_542_399_999,
                "21000228T235959Z",
                "2100-02-28T23:59:59.999Z",
            ),
        ] {
            assert_eq!(std::str::from_utf8(&basic(at)), Ok(written));
            assert_eq!(parse(read), Some(at), "{read}");
        }
    }

    #[test]
    fn what_is_no_utc_moment_is_refused() {
        for text in [
            "",
            "Z",
            "2020-04-30 20:10:33Z",
            "2020-04-30T20:10:33",
            "2020-04-30T20:10:33.Z",
            "2020-04-30T20:1o:33Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
